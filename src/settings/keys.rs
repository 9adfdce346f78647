//! The keys that `config` knows, and what their values are made of.

use std::path::{Component, MAIN_SEPARATOR, Path};

use resolver::name::PackageName;
use toml::Value;

use super::{Places, SettingsError, is_true};

/// A key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    kind: Kind,
    fallback: Fallback,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Boolean,
    /// A whole number that is at least this.
    Number(i64),
    Path,
    Text,
    /// Names of packages, `:all:`, or `:none:`.
    Packages,
    /// Words between commas.
    Words,
}

/// The value where nobody sets one.
#[derive(Clone, Copy, Debug)]
enum Fallback {
    Nothing,
    Boolean(bool),
    Number(i64),
    Text(&'static str),
    CacheDir,
    DataDir,
    /// A folder with this name in that of another key.
    Below(&'static str, &'static str),
}

const fn key(name: &'static str, kind: Kind, fallback: Fallback) -> Key {
    Key {
        name,
        kind,
        fallback,
    }
}

const fn boolean(name: &'static str, fallback: bool) -> Key {
    key(name, Kind::Boolean, Fallback::Boolean(fallback))
}

/// Poetry: its keys, by name. Those that name something (a source, a package) come besides.
pub(crate) const KEYS: [Key; 24] = [
    key("cache-dir", Kind::Path, Fallback::CacheDir),
    key("data-dir", Kind::Path, Fallback::DataDir),
    boolean("installer.builtin-uninstall", false),
    key("installer.max-workers", Kind::Number(1), Fallback::Nothing),
    key("installer.no-binary", Kind::Packages, Fallback::Nothing),
    key("installer.only-binary", Kind::Packages, Fallback::Nothing),
    boolean("installer.parallel", true),
    boolean("installer.re-resolve", false),
    boolean("keyring.enabled", true),
    key(
        "python.installation-dir",
        Kind::Path,
        Fallback::Below("data-dir", "python"),
    ),
    key("requests.max-retries", Kind::Number(0), Fallback::Number(0)),
    boolean("solver.lazy-wheel", true),
    key(
        "solver.min-release-age",
        Kind::Number(0),
        Fallback::Number(0),
    ),
    key(
        "solver.min-release-age-exclude",
        Kind::Packages,
        Fallback::Nothing,
    ),
    key(
        "solver.min-release-age-exclude-source",
        Kind::Words,
        Fallback::Nothing,
    ),
    boolean("system-git-client", false),
    boolean("virtualenvs.create", true),
    key("virtualenvs.in-project", Kind::Boolean, Fallback::Nothing),
    boolean("virtualenvs.options.always-copy", false),
    boolean("virtualenvs.options.no-pip", false),
    boolean("virtualenvs.options.system-site-packages", false),
    key(
        "virtualenvs.path",
        Kind::Path,
        Fallback::Below("cache-dir", "virtualenvs"),
    ),
    key(
        "virtualenvs.prompt",
        Kind::Text,
        Fallback::Text("{project_name}-py{python_version}"),
    ),
    boolean("virtualenvs.use-poetry-python", false),
];

impl Key {
    /// The key with this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The value where nobody sets one; other keys in it are not filled in yet.
    pub(crate) fn fallback(&self, places: &Places) -> Option<Value> {
        let text = |text: String| Some(Value::String(text));
        match self.fallback {
            Fallback::Nothing => None,
            Fallback::Boolean(answer) => Some(Value::Boolean(answer)),
            Fallback::Number(number) => Some(Value::Integer(number)),
            Fallback::Text(fallback) => text(fallback.to_owned()),
            Fallback::CacheDir => text(places.cache.display().to_string()),
            Fallback::DataDir => text(places.data.display().to_string()),
            Fallback::Below(key, folder) => text(format!("{{{key}}}{MAIN_SEPARATOR}{folder}")),
        }
    }

    /// The value that a user means by a text on the command line.
    ///
    /// # Errors
    /// When it is none for this key.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, SettingsError> {
        let wrong = || SettingsError::Value {
            key: self.name.to_owned(),
            value: text.to_owned(),
        };
        let is_right = match self.kind {
            Kind::Boolean => boolean_of(text).is_some(),
            Kind::Number(least) => {
                let number = python_int(text).ok_or_else(|| SettingsError::NoNumber {
                    text: text.to_owned(),
                })?;
                number >= least
            }
            Kind::Path | Kind::Text => !text.is_empty(),
            Kind::Packages => are_packages(text),
            Kind::Words => !text.trim().is_empty(),
        };
        match self.value(text) {
            Some(value) if is_right => Ok(value),
            _ => Err(wrong()),
        }
    }

    /// The value that a variable means. Poetry: it is not looked at as closely as on the command line.
    ///
    /// # Errors
    /// When it can't be one for this key.
    pub(crate) fn parse_variable(&self, text: &str) -> Result<Value, SettingsError> {
        let is_taken_as_it_is = self.kind == Kind::Path && self.name != "virtualenvs.path";
        if is_taken_as_it_is {
            return Ok(Value::String(text.to_owned()));
        }
        self.value(text).ok_or_else(|| SettingsError::Value {
            key: self.name.to_owned(),
            value: text.to_owned(),
        })
    }

    fn value(&self, text: &str) -> Option<Value> {
        Some(match self.kind {
            Kind::Boolean => Value::Boolean(is_true(text)),
            Kind::Number(_) => Value::Integer(python_int(text)?),
            Kind::Path => Value::String(python_path(text)),
            Kind::Text => Value::String(text.to_owned()),
            Kind::Packages => array(packages(text)),
            Kind::Words => array(words(text).map(str::to_owned).collect()),
        })
    }
}

/// Poetry: the only words for yes and no.
pub(crate) fn boolean_of(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A whole number as Python's `int` reads it: spaces around it, a sign, and `_` between digits are fine.
pub(super) fn python_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = digits
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_number.then(|| text.replace('_', "").parse().ok())?
}

/// A path as Python's `Path` writes it: without parts that mean nothing.
fn python_path(text: &str) -> String {
    let parts = Path::new(text)
        .components()
        .filter(|part| *part != Component::CurDir);
    let path = parts.collect::<std::path::PathBuf>();
    match path.display().to_string() {
        path if path.is_empty() => ".".to_owned(),
        path => path,
    }
}

/// Poetry: empty names are fine, `:all:` and `:none:` only alone, and spaces nowhere.
fn are_packages(text: &str) -> bool {
    let names: Vec<&str> = text.trim().split(',').collect();
    let is_plain = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    boolean_of(text).is_some()
        || names
            .iter()
            .all(|name| is_plain(name) || (is_reserved(name) && names.len() == 1))
}

fn is_reserved(name: &str) -> bool {
    name.starts_with(":all:") || name.starts_with(":none:")
}

fn packages(text: &str) -> Vec<String> {
    match boolean_of(text) {
        Some(true) => return vec![":all:".to_owned()],
        Some(false) => return vec![":none:".to_owned()],
        None => {}
    }
    let mut names: Vec<String> = Vec::new();
    for word in words(text) {
        let name = match is_reserved(word) {
            true => word.to_owned(),
            false => PackageName::new(word).to_string(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

fn array(texts: Vec<String>) -> Value {
    Value::Array(texts.into_iter().map(Value::String).collect())
}

#[cfg(test)]
mod tests {
    use super::{python_int, python_path};

    #[test]
    fn numbers_and_paths_are_read_as_python_reads_them() {
        for (text, expected) in [
            ("7", Some(7)),
            (" +1_000 ", Some(1000)),
            ("-1", Some(-1)),
            ("1__0", None),
            ("_1", None),
            ("", None),
            ("2.5", None),
            ("0x1", None),
        ] {
            assert_eq!(python_int(text), expected, "{text}");
        }
        #[cfg(unix)]
        for (text, expected) in [
            ("a//b/./c/", "a/b/c"),
            ("./a", "a"),
            (".", "."),
            ("/", "/"),
            ("../a/..", "../a/.."),
        ] {
            assert_eq!(python_path(text), expected, "{text}");
        }
    }
}
