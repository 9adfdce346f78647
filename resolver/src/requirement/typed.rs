//! What people type in order to name a package: `requests`, `requests@^2`, `requests[socks]>=2`, a requirement line of
//! PEP 508, the address of an archive or of a git repository, a path.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Origin, Requirement};
use crate::git_url::{GitUrl, GitUrlError};
use crate::path::posix;

/// A package as typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// Its name as typed; an address or a path need not tell it.
    pub name: Option<String>,
    /// What is said about it, as in `[tool.poetry.dependencies]`: `version`, `git`, `url`, `path`, `extras`, `markers`, …
    pub entry: Table,
}

/// Why a text names no package.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// Its address is none of a git repository.
    #[error(transparent)]
    GitUrl(#[from] GitUrlError),
    /// There is nothing.
    #[error("Could not find a matching version of package {0}")]
    Empty(String),
}

impl Typed {
    /// Reads a word. Relative paths start at `base`, `~` is `home`.
    ///
    /// # Errors
    /// When it names nothing.
    pub fn parse(word: &str, base: &Path, home: Option<&Path>) -> Result<Self, TypedError> {
        let word = without_latest(word).trim();
        if let Some(typed) = requirement_line(word, base) {
            return Ok(typed);
        }
        let (bare, extras) = split_extras(word);
        let mut typed = match direct(bare, base, home)? {
            Some(entry) => Self { name: None, entry },
            None => name_and_version(bare)?,
        };
        if !typed.entry.contains_key("extras") {
            typed.set_extras(extras);
        }
        Ok(typed)
    }

    /// Does it come from an address or a path?
    #[must_use]
    pub fn is_direct(&self) -> bool {
        ["git", "url", "path"]
            .iter()
            .any(|key| self.entry.contains_key(*key))
    }

    fn set_extras(&mut self, extras: Vec<String>) {
        if !extras.is_empty() {
            let extras = extras.into_iter().map(Value::String).collect();
            self.entry.insert("extras".to_owned(), Value::Array(extras));
        }
    }
}

/// Poetry: `@latest` at the end is as good as nothing.
fn without_latest(word: &str) -> &str {
    let Some((name, version)) = word.rsplit_once('@') else {
        return word;
    };
    if version.trim_start().eq_ignore_ascii_case("latest") {
        name
    } else {
        word
    }
}

/// A PEP 508 line that says more than a name.
fn requirement_line(word: &str, base: &Path) -> Option<Typed> {
    if !word.contains(" ; ") && has_version_after_at(word) {
        return None;
    }
    let requirement = Requirement::parse(word, Some(base)).ok()?;
    let mut entry = Table::new();
    let mut say = |key: &str, value: &str| {
        entry.insert(key.to_owned(), Value::String(value.to_owned()));
    };
    match &requirement.origin {
        Origin::Index { .. } => {
            if requirement.pretty_constraint != "*" {
                say("version", &requirement.pretty_constraint);
            }
        }
        Origin::Directory { path, .. } | Origin::File { path, .. } => {
            // `foo@dev` is no path for anybody but Poetry.
            let is_there = is_path(word) && base.join(path).exists();
            if !is_there && !word.contains("file:") {
                return None;
            }
            say("path", path);
        }
        Origin::Url { url, .. } => say("url", url),
        Origin::Git { url, .. } => {
            say("git", url);
            if let Some(reference) = requirement.origin.git_reference() {
                say("rev", reference);
            }
        }
    }
    if let Origin::File { subdirectory, .. }
    | Origin::Url { subdirectory, .. }
    | Origin::Git { subdirectory, .. } = &requirement.origin
        && let Some(subdirectory) = subdirectory
    {
        say("subdirectory", subdirectory);
    }
    if !requirement.marker.is_any() {
        say("markers", &requirement.marker.to_string());
    }
    let mut typed = Typed {
        name: Some(requirement.name.to_string()),
        entry,
    };
    typed.set_extras(requirement.extras.iter().map(ToString::to_string).collect());
    (!typed.entry.is_empty()).then_some(typed)
}

/// `foo@^1`, `foo@1.2`, `foo@*`: no PEP 508, but a constraint.
fn has_version_after_at(word: &str) -> bool {
    let begins_version = |c: char| c.is_ascii_digit() || "^~!=<>*".contains(c);
    word.split('@')
        .skip(1)
        .any(|after| after.starts_with(begins_version))
}

/// `foo[a, b]` → `foo` and its extras.
fn split_extras(word: &str) -> (&str, Vec<String>) {
    let Some((bare, extras)) = word
        .strip_suffix(']')
        .and_then(|word| word.split_once('['))
        .filter(|(_, extras)| !extras.is_empty() && !extras.contains(['[', ']']))
    else {
        return (word, Vec::new());
    };
    let extras = extras.split(',').map(|extra| extra.trim().to_owned());
    (bare, extras.collect())
}

/// An address or a path.
fn direct(word: &str, base: &Path, home: Option<&Path>) -> Result<Option<Table>, TypedError> {
    let mut entry = Table::new();
    let mut say = |key: &str, value: String| {
        entry.insert(key.to_owned(), Value::String(value));
    };
    let scheme = word.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("git+http" | "git+https" | "git+ssh") => {
            let url = GitUrl::parse(word)?;
            say("git", url.address());
            if let Some(rev) = url.rev {
                say("rev", rev);
            }
            if let Some(subdirectory) = url.subdirectory {
                say("subdirectory", subdirectory);
            }
        }
        Some("http" | "https") => say("url", word.to_owned()),
        _ => match existing_path(word, base, home) {
            Some(path) => say("path", posix(&path.to_string_lossy())),
            None => return Ok(None),
        },
    }
    Ok(Some(entry))
}

fn is_path(word: &str) -> bool {
    word.contains(['/', std::path::MAIN_SEPARATOR])
}

/// Poetry: a path has a separator, and leads somewhere.
fn existing_path(word: &str, base: &Path, home: Option<&Path>) -> Option<PathBuf> {
    if !is_path(word) {
        return None;
    }
    let expanded = match (word.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(word),
    };
    base.join(&expanded).exists().then_some(expanded)
}

/// A name, perhaps with extras, and perhaps with a version, which may begin with `@`, `=`, `==`, `:`, a blank or an
/// operator.
fn name_and_version(word: &str) -> Result<Typed, TypedError> {
    let is_operator = |c: char| "<>!~^=@: ".contains(c);
    let (name, version) = word.split_at(word.find(is_operator).unwrap_or(word.len()));
    if name.is_empty() {
        return Err(TypedError::Empty(word.to_owned()));
    }
    let version = match version.strip_prefix(['@', ':', ' ']) {
        Some(version) => version,
        None => match version.strip_prefix("==") {
            Some(version) => version,
            None => version.strip_prefix('=').unwrap_or(version),
        },
    };
    let version = version.trim();
    let (name, extras) = split_extras(name);
    let mut typed = Typed {
        name: Some(name.to_owned()),
        entry: Table::new(),
    };
    if !version.is_empty() && version != "latest" {
        let version = Value::String(version.to_owned());
        typed.entry.insert("version".to_owned(), version);
    }
    typed.set_extras(extras);
    Ok(typed)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Typed;

    /// The forms of `poetry add`, and what Poetry writes of them.
    #[test]
    fn words_are_read_as_poetry_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        let read = |word: &str| match Typed::parse(word, folder.path(), Some(Path::new("/home"))) {
            Ok(typed) => format!(
                "{}: {}",
                typed.name.unwrap_or_default(),
                typed.entry.to_string().trim_end().replace('\n', "; ")
            ),
            Err(error) => error.to_string(),
        };
        for (word, expected) in [
            ("Fancy.Name", "Fancy.Name: "),
            ("a@latest", "a: "),
            ("a@ Latest", "a: "),
            ("a@^2", "a: version = \"^2\""),
            ("a ^2", "a: version = \"^2\""),
            ("a^2", "a: version = \"^2\""),
            ("a~2.1", "a: version = \"~2.1\""),
            ("a:2.0", "a: version = \"2.0\""),
            ("a=2.0", "a: version = \"2.0\""),
            ("a==2.0", "a: version = \"2.0\""),
            ("a>=2,<3", "a: version = \">=2,<3\""),
            ("a (>=2,<3)", "a: version = \">=2,<3\""),
            ("a@>=2,<3", "a: version = \">=2,<3\""),
            ("a@1.2 || 2", "a: version = \"1.2 || 2\""),
            ("a 1.2.*", "a: version = \"1.2.*\""),
            ("a!=1", "a: version = \"!=1\""),
            ("a@!=1", "a: version = \"!=1\""),
            ("a@*", "a: version = \"*\""),
            ("a@dev", "a: version = \"dev\""),
            ("a[x]", "a: extras = [\"x\"]"),
            ("a[y, x]==1", "a: version = \"1\"; extras = [\"x\", \"y\"]"),
            ("a[x]@^2", "a: version = \"^2\"; extras = [\"x\"]"),
            (
                "a>=2; python_version<'3.9'",
                "a: version = \">=2\"; markers = 'python_version < \"3.9\"'",
            ),
            (
                "git+https://e.org/a/b.git@v1#subdirectory=c",
                ": git = \"https://e.org/a/b.git\"; rev = \"v1\"; subdirectory = \"c\"",
            ),
            (
                "git+ssh://git@e.org/a/b.git#v1",
                ": git = \"ssh://git@e.org/a/b.git\"; rev = \"v1\"",
            ),
            (
                "git+https://e.org/a/b.git[x,y]",
                ": git = \"https://e.org/a/b.git\"; extras = [\"x\", \"y\"]",
            ),
            (
                "b[x] @ git+https://e.org/a/b.git@main",
                "b: git = \"https://e.org/a/b.git\"; rev = \"main\"; extras = [\"x\"]",
            ),
            (
                "https://e.org/a-1.0.tar.gz",
                ": url = \"https://e.org/a-1.0.tar.gz\"",
            ),
            (
                "a @ https://e.org/a-1.0.tar.gz",
                "a: url = \"https://e.org/a-1.0.tar.gz\"",
            ),
            ("./lib/", ": path = \"lib\""),
            ("./lib[x]", ": path = \"lib\"; extras = [\"x\"]"),
            ("lib", "lib: "),
            ("../nowhere", "../nowhere: "),
            ("a @ ./lib", "a: path = \"lib\""),
            ("git@e.org:a/b.git", "git: version = \"e.org:a/b.git\""),
            ("", "Could not find a matching version of package "),
        ] {
            assert_eq!(read(word), expected, "{word}");
        }
    }
}
