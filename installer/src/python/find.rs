//! Finding Pythons, in Poetry's order.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use resolver::cache::Cache;
use resolver::constraint::Constraint;
use resolver::version::Version;

use super::wanted::Wanted;
use super::{Interpreter, PythonError};

/// Where Pythons are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `PATH`.
    pub path: OsString,
    /// pyenv's root, whose `versions` are looked at.
    pub pyenv: Option<PathBuf>,
    /// Folders with one installation in each folder, besides pyenv's: those of Poetry itself, of asdf, of python.org's
    /// installer.
    pub installations: Vec<PathBuf>,
    /// Poetry: the same, but only the name `python3` counts: those of uv and of rye.
    pub plain_installations: Vec<PathBuf>,
    /// Pythons in here don't count: the environment that is active.
    pub excluded: Option<PathBuf>,
}

/// The Python that was chosen for a project.
#[derive(Clone, Debug)]
pub struct Choice {
    /// It.
    pub interpreter: Interpreter,
    /// The version of the Python that would have been preferred, if that one does not fit.
    pub passed_over: Option<Version>,
}

/// No Python fits a project.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// There are Pythons, but none that the project supports.
    #[error(
        "Poetry was unable to find a compatible version. If you have one, you can explicitly use it via the \"env use\" command."
    )]
    NoneFits {
        /// The version of the preferred one.
        preferred: Version,
    },
    /// There is none at all.
    #[error(transparent)]
    Python(#[from] PythonError),
}

impl Places {
    /// Poetry: the first `python` on PATH, whatever its version; a shim is asked which Python it stands for. If there
    /// is none that runs, the newest `python` of any place. A Poetry would then take the Python that runs it; this
    /// program takes `python3` from PATH, then any.
    ///
    /// # Errors
    /// When there is none.
    pub fn preferred(&self, cache: &Cache) -> Result<Interpreter, PythonError> {
        self.working("python", cache)
            .or_else(|| self.newest_called("python", cache))
            .or_else(|| self.working("python3", cache))
            .or_else(|| self.all(cache).into_iter().next())
            .ok_or(PythonError::NoneFound)
    }

    /// The first on PATH with this name that runs.
    fn working(&self, name: &str, cache: &Cache) -> Option<Interpreter> {
        self.on_path(name)
            .find_map(|executable| Interpreter::query(&executable, cache).ok())
    }

    /// Of the executables with this name, wherever they are, the one with the highest version.
    fn newest_called(&self, name: &str, cache: &Cache) -> Option<Interpreter> {
        let file_name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let is_called = |path: &PathBuf| path.file_name() == Some(file_name.as_ref());
        let called = self.executables().into_iter().filter(is_called);
        self.newest_first(called, cache).into_iter().next()
    }

    /// The preferred Python if `requirement` allows it, else the newest that it allows.
    ///
    /// # Errors
    /// When none is allowed, or there is none.
    pub fn choose(&self, requirement: &Constraint, cache: &Cache) -> Result<Choice, ChoiceError> {
        let preferred = self.preferred(cache)?;
        if requirement.allows(&preferred.version) {
            return Ok(Choice {
                interpreter: preferred,
                passed_over: None,
            });
        }
        // Poetry: pre-releases are taken, but count as older than what they lead to.
        let fits = |found: &Interpreter| requirement.allows(&found.full_version());
        match self.all(cache).into_iter().find(fits) {
            Some(interpreter) => Ok(Choice {
                interpreter,
                passed_over: Some(preferred.version),
            }),
            None => Err(ChoiceError::NoneFits {
                preferred: preferred.version,
            }),
        }
    }

    /// The Python that a user names: a path, a command, or a version such as `3.12`, of which the newest is taken.
    ///
    /// Poetry: a command is looked for on PATH first, then wherever else Pythons are. Unlike there, one on PATH that does
    /// not run (pyenv's shim of a version that is not switched on) hides no other.
    ///
    /// # Errors
    /// When there is none, or the one with this name can't be run.
    pub fn named(&self, name: &str, cache: &Cache) -> Result<Interpreter, PythonError> {
        let path = Path::new(name);
        if path.components().count() > 1 {
            return match is_executable(path) {
                true => Interpreter::query(path, cache),
                false => Err(PythonError::NoneFound),
            };
        }
        let on_path = self.on_path(name).next();
        let on_path = on_path.map(|executable| Interpreter::query(&executable, cache));
        if let Some(Ok(interpreter)) = on_path {
            return Ok(interpreter);
        }
        let elsewhere = match Wanted::parse(name) {
            Some(wanted) => self.all(cache).into_iter().find(|found| wanted.fits(found)),
            None => self.newest_called(name, cache),
        };
        elsewhere.ok_or(match on_path {
            Some(Err(error)) => error,
            _ => PythonError::NoneFound,
        })
    }

    /// All Pythons, newest first; of several names for one version the longest first, which is the most telling.
    /// What does not run is left out.
    #[must_use]
    pub fn all(&self, cache: &Cache) -> Vec<Interpreter> {
        let mut by_file: rustc_hash::FxHashMap<PathBuf, PathBuf> = rustc_hash::FxHashMap::default();
        for executable in self.executables() {
            let Ok(file) = std::fs::canonicalize(&executable) else {
                continue;
            };
            let best = by_file.entry(file).or_insert_with(|| executable.clone());
            if executable.as_os_str().len() > best.as_os_str().len() {
                *best = executable;
            }
        }
        self.newest_first(by_file.into_values(), cache)
    }

    /// Poetry: what `python list` shows, every name of every Python, newest first.
    #[must_use]
    pub fn all_names(&self, cache: &Cache) -> Vec<Interpreter> {
        self.newest_first(self.executables().into_iter(), cache)
    }

    fn newest_first(
        &self,
        executables: impl Iterator<Item = PathBuf>,
        cache: &Cache,
    ) -> Vec<Interpreter> {
        let mut found: Vec<Interpreter> = executables
            .filter_map(|executable| Interpreter::query(&executable, cache).ok())
            .filter(|interpreter| !self.is_excluded(&interpreter.executable))
            .collect();
        found.sort_by(|a, b| {
            let length = |python: &Interpreter| python.executable.as_os_str().len();
            b.full_version()
                .cmp(&a.full_version())
                .then_with(|| length(b).cmp(&length(a)))
                .then_with(|| a.executable.cmp(&b.executable))
        });
        found.dedup_by(|a, b| a.executable == b.executable);
        found
    }

    /// Executables that are named like a Python, under all their names.
    fn executables(&self) -> Vec<PathBuf> {
        let shims = self.pyenv.as_ref().map(|root| root.join("shims"));
        let mut folders: Vec<PathBuf> = std::env::split_paths(&self.path)
            // They stand for installations that are looked at themselves.
            .filter(|folder| !folder.as_os_str().is_empty() && Some(folder) != shims.as_ref())
            .collect();
        let versions = self.pyenv.as_ref().map(|root| root.join("versions"));
        let installations = versions.iter().chain(&self.installations);
        folders.extend(installations.flat_map(|folder| programs(folder)));
        let plain = self
            .plain_installations
            .iter()
            .flat_map(|folder| programs(folder));
        let plain = plain.map(|folder| folder.join("python3"));
        let is_python = |path: &PathBuf| {
            is_named_like_python(path) && !self.is_excluded(path) && is_executable(path)
        };
        let found = folders.iter().flat_map(|folder| children(folder));
        found.chain(plain).filter(is_python).collect()
    }

    fn on_path(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(&self.path)
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(move |folder| folder.join(&name))
            .filter(|executable| is_executable(executable))
    }

    fn is_excluded(&self, executable: &Path) -> bool {
        self.excluded
            .as_ref()
            .is_some_and(|folder| executable.starts_with(folder))
    }
}

/// The folders of programs of the installations in a folder; python-build-standalone packs some a level deeper.
fn programs(installations: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    children(installations).flat_map(|it| [it.join("bin"), it.join("install/bin")])
}

fn children(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

/// `python`, `python3`, `python3.11`, `python3.7m`, `python3.13t`, `pypy3.10`, but not `python3-config`.
fn is_named_like_python(executable: &Path) -> bool {
    let name = executable
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let name = name
        .strip_suffix(std::env::consts::EXE_SUFFIX)
        .unwrap_or(&name);
    ["python", "pypy"].iter().any(|kind| {
        name.strip_prefix(kind).is_some_and(|version| {
            let version = version.strip_suffix(['m', 't']).unwrap_or(version);
            version.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    })
}

fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    metadata.is_file()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_named_like_python;

    #[test]
    fn names_of_pythons() {
        for name in [
            "python",
            "python3",
            "python3.11",
            "python3.7m",
            "python3.13t",
            "pypy3",
            "pypy3.10",
        ] {
            assert!(is_named_like_python(Path::new(name)), "{name}");
        }
        for name in [
            "python3-config",
            "pythonw.sh",
            "python3.11-config",
            "ipython",
            "pypy3.10-c",
        ] {
            assert!(!is_named_like_python(Path::new(name)), "{name}");
        }
    }
}
