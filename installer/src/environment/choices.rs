//! Poetry: `envs.toml` in the folder of central environments, where `env use` notes which Python it chose for which
//! project. It is Poetry's file and stays as Poetry would write it, byte by byte.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use resolver::file::replace;
use toml_edit::{DocumentMut, Item, Table, value};

use super::lock::EnvironmentLock;

/// The choices of all projects whose environments share a folder.
#[derive(Clone, Debug)]
pub struct Choices {
    folder: PathBuf,
}

/// A Python that was chosen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Choice {
    /// X.Y, which is part of the environment's name.
    pub minor: String,
    /// X.Y.Z of the Python that the environment was made with.
    pub patch: String,
}

/// Why choices can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChoicesError {
    /// Poetry: how it tells of any broken TOML file.
    #[error("Invalid TOML file {}: {}", path.display(), source.message())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: toml_edit::TomlError,
    },
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Choices {
    /// Those for the central environments in `virtualenvs`.
    #[must_use]
    pub fn of(virtualenvs: &Path) -> Self {
        Self {
            folder: virtualenvs.to_owned(),
        }
    }

    /// What was chosen for the project with this base name.
    ///
    /// # Errors
    /// When the file is there but can't be read, or is no TOML.
    pub fn get(&self, base_name: &str) -> Result<Option<Choice>, ChoicesError> {
        Ok(self.read()?.get(base_name).and_then(choice))
    }

    /// Notes a choice.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn set(&self, base_name: &str, choice: &Choice) -> Result<(), ChoicesError> {
        self.change(|document| {
            set(document, base_name, choice);
            Some(())
        })?;
        Ok(())
    }

    /// Forgets what was chosen, or only if it was this `minor`. The result is the minor that is forgotten.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn forget(
        &self,
        base_name: &str,
        minor: Option<&str>,
    ) -> Result<Option<String>, ChoicesError> {
        if !self.file().exists() {
            return Ok(None);
        }
        let forgotten = self.change(|document| {
            // What is there but says nothing goes in any case.
            let known = choice(document.get(base_name)?).map(|choice| choice.minor);
            let is_meant = minor.is_none() || known.is_none() || minor == known.as_deref();
            is_meant.then(|| {
                forget(document, base_name);
                known
            })
        })?;
        Ok(forgotten.flatten())
    }

    /// Reads the file, changes it and writes it if `change` says so, while no other process of ours does.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut DocumentMut) -> Option<T>,
    ) -> Result<Option<T>, ChoicesError> {
        let _lock = EnvironmentLock::take(&self.folder, || {})?;
        let mut document = self.read()?;
        let result = change(&mut document);
        if result.is_some() {
            replace(&self.file(), document.to_string().as_bytes())?;
        }
        Ok(result)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("envs.toml")
    }

    fn read(&self) -> Result<DocumentMut, ChoicesError> {
        let path = self.file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        text.parse()
            .map_err(|source| ChoicesError::Syntax { path, source })
    }
}

fn choice(item: &Item) -> Option<Choice> {
    let text = |key| Some(item.get(key)?.as_str()?.trim().to_owned());
    Some(Choice {
        minor: text("minor")?,
        patch: text("patch").unwrap_or_default(),
    })
}

/// Poetry: an entry keeps its place, and a new one goes to the end, an empty line before it.
fn set(document: &mut DocumentMut, base_name: &str, choice: &Choice) {
    let is_table = document.get(base_name).is_some_and(Item::is_table);
    if !is_table {
        document.remove(base_name);
        append(document, base_name);
    }
    if let Some(table) = document.get_mut(base_name).and_then(Item::as_table_mut) {
        table.clear();
        table.insert("minor", value(&choice.minor));
        table.insert("patch", value(&choice.patch));
    }
}

fn append(document: &mut DocumentMut, base_name: &str) {
    let mut before = document.trailing().as_str().unwrap_or_default().to_owned();
    let is_first = document.is_empty() && before.is_empty();
    if !is_first && !before.ends_with("\n\n") && before != "\n" {
        before.push('\n');
    }
    document.set_trailing("");
    let mut table = Table::new();
    table.decor_mut().set_prefix(before);
    document.insert(base_name, Item::Table(table));
}

/// Poetry: what stood before a removed entry (an empty line, a comment) stays there.
fn forget(document: &mut DocumentMut, base_name: &str) {
    let names: Vec<String> = document.iter().map(|(name, _)| name.to_owned()).collect();
    let after = names.iter().skip_while(|name| *name != base_name).nth(1);
    let removed = document.remove(base_name);
    let Some(Item::Table(removed)) = removed else {
        return;
    };
    let prefix = removed.decor().prefix().and_then(|prefix| prefix.as_str());
    let prefix = prefix.unwrap_or_default();
    match after.and_then(|name| document.get_mut(name)?.as_table_mut()) {
        Some(next) => next.decor_mut().set_prefix(prefix),
        None => document.set_trailing(prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Choices};

    const A: &str = "[a-1]\nminor = \"3.9\"\npatch = \"3.9.1\"\n";
    const B: &str = "[b-1]\nminor = \"3.9\"\npatch = \"3.9.1\"\n";
    const NEW: &str = "minor = \"3.12\"\npatch = \"3.12.4\"\n";

    fn with(text: &str, change: impl FnOnce(&Choices)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("envs.toml");
        if !text.is_empty() {
            std::fs::write(&file, text).unwrap();
        }
        change(&Choices::of(folder.path()));
        let entries = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(entries.count(), 1, "nothing else is left there");
        std::fs::read_to_string(file).unwrap()
    }

    fn new() -> Choice {
        Choice {
            minor: "3.12".to_owned(),
            patch: "3.12.4".to_owned(),
        }
    }

    /// Recorded from tomlkit, which Poetry writes with.
    #[test]
    fn choices_are_written_as_poetry_writes_them() {
        for (before, name, after) in [
            (String::new(), "a-1", format!("[a-1]\n{NEW}")),
            (A.to_owned(), "a-1", format!("[a-1]\n{NEW}")),
            (A.to_owned(), "z-1", format!("{A}\n[z-1]\n{NEW}")),
            (format!("{A}\n{B}"), "a-1", format!("[a-1]\n{NEW}\n{B}")),
            (format!("{A}\n{B}"), "b-1", format!("{A}\n[b-1]\n{NEW}")),
            (format!("{A}\n"), "b-1", format!("{A}\n[b-1]\n{NEW}")),
            (
                format!("{A}# t\n"),
                "b-1",
                format!("{A}# t\n\n[b-1]\n{NEW}"),
            ),
            (format!("# t\n{A}"), "a-1", format!("# t\n[a-1]\n{NEW}")),
        ] {
            let written = with(&before, |choices| choices.set(name, &new()).unwrap());
            assert_eq!(written, after, "{name} in {before:?}");
        }
    }

    /// Recorded from tomlkit, too.
    #[test]
    fn choices_are_forgotten_as_poetry_forgets_them() {
        let c = B.replace('b', "c");
        for (before, name, after) in [
            (A.to_owned(), "a-1", String::new()),
            (format!("{A}\n{B}"), "a-1", B.to_owned()),
            (format!("{A}\n{B}"), "b-1", format!("{A}\n")),
            (format!("{A}\n{B}\n{c}"), "b-1", format!("{A}\n{c}")),
            (format!("# t\n{A}\n{B}"), "a-1", format!("# t\n{B}")),
            (format!("{A}\n"), "a-1", String::new()),
            (A.to_owned(), "z-1", A.to_owned()),
        ] {
            let written = with(&before, |choices| {
                let forgotten = choices.forget(name, None).unwrap();
                assert_eq!(forgotten.is_some(), name != "z-1");
            });
            assert_eq!(written, after, "{name} in {before:?}");
        }
    }

    #[test]
    fn a_minor_is_forgotten_only_if_it_is_the_one() {
        let kept = with(A, |choices| {
            assert_eq!(choices.forget("a-1", Some("3.10")).unwrap(), None);
            assert_eq!(choices.get("a-1").unwrap().unwrap().patch, "3.9.1");
            assert_eq!(choices.get("b-1").unwrap(), None);
        });
        assert_eq!(kept, A);
        let emptied = with(A, |choices| {
            let forgotten = choices.forget("a-1", Some("3.9")).unwrap();
            assert_eq!(forgotten.as_deref(), Some("3.9"));
        });
        assert_eq!(emptied, "");
    }

    #[test]
    fn a_broken_file_is_named_and_left_alone() {
        let kept = with("[a", |choices| {
            let error = choices.set("a-1", &new()).unwrap_err().to_string();
            assert!(error.starts_with("Invalid TOML file /"), "{error}");
            assert!(error.contains("envs.toml: "), "{error}");
        });
        assert_eq!(kept, "[a");
    }

    /// Each of many processes keeps what the others noted.
    #[test]
    fn choices_at_once_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let choices = Choices::of(folder.path());
                scope.spawn(move || choices.set(&format!("p-{number}"), &new()).unwrap());
            }
        });
        let text = std::fs::read_to_string(folder.path().join("envs.toml")).unwrap();
        assert_eq!(text.matches("[p-").count(), 8, "{text}");
    }
}
