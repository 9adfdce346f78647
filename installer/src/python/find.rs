//! Finding Pythons, in Poetry's order.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use resolver::cache::Cache;
use resolver::constraint::Constraint;
use resolver::version::Version;

use super::{Interpreter, PythonError};

/// Where Pythons are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `PATH`.
    pub path: OsString,
    /// pyenv's root, whose `versions` are looked at.
    pub pyenv: Option<PathBuf>,
    /// Folders with one installation in each folder, besides pyenv's: those of Poetry itself, of uv, of rye, of asdf.
    pub installations: Vec<PathBuf>,
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
    /// is none that runs, `python3`, then any.
    ///
    /// # Errors
    /// When there is none.
    pub fn preferred(&self, cache: &Cache) -> Result<Interpreter, PythonError> {
        for name in ["python", "python3"] {
            let working = self
                .on_path(name)
                .find_map(|executable| Interpreter::query(&executable, cache).ok());
            if let Some(interpreter) = working {
                return Ok(interpreter);
            }
        }
        self.all(cache)
            .into_iter()
            .next()
            .ok_or(PythonError::NoneFound)
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
        let fits = |found: &Interpreter| requirement.allows(&found.version);
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

    /// The Python with this name on PATH, or at this path.
    ///
    /// # Errors
    /// When there is none, or it can't be run.
    pub fn named(&self, name: &OsStr, cache: &Cache) -> Result<Interpreter, PythonError> {
        if Path::new(name).components().count() > 1 {
            return Interpreter::query(Path::new(name), cache);
        }
        let executable = self
            .on_path(&name.to_string_lossy())
            .next()
            .ok_or(PythonError::NoneFound)?;
        Interpreter::query(&executable, cache)
    }

    /// All Pythons, newest first; of several names for one version the longest first, which is the most telling.
    /// What does not run is left out.
    #[must_use]
    pub fn all(&self, cache: &Cache) -> Vec<Interpreter> {
        let mut found: Vec<Interpreter> = self
            .candidates()
            .iter()
            .filter_map(|executable| Interpreter::query(executable, cache).ok())
            .filter(|interpreter| !self.is_excluded(&interpreter.executable))
            .collect();
        found.sort_by(|a, b| {
            let length = |python: &Interpreter| python.executable.as_os_str().len();
            b.version
                .cmp(&a.version)
                .then_with(|| length(b).cmp(&length(a)))
                .then_with(|| a.executable.cmp(&b.executable))
        });
        found.dedup_by(|a, b| a.executable == b.executable);
        found
    }

    /// Executables that are named like a Python, one name for each file.
    fn candidates(&self) -> Vec<PathBuf> {
        let shims = self.pyenv.as_ref().map(|root| root.join("shims"));
        let mut folders: Vec<PathBuf> = std::env::split_paths(&self.path)
            // They stand for installations that are looked at themselves.
            .filter(|folder| !folder.as_os_str().is_empty() && Some(folder) != shims.as_ref())
            .collect();
        let versions = self.pyenv.as_ref().map(|root| root.join("versions"));
        for installations in versions.iter().chain(&self.installations) {
            folders.extend(children(installations).map(|installation| installation.join("bin")));
        }
        let mut by_file: rustc_hash::FxHashMap<PathBuf, PathBuf> = rustc_hash::FxHashMap::default();
        for executable in folders.iter().flat_map(|folder| children(folder)) {
            if !is_named_like_python(&executable)
                || self.is_excluded(&executable)
                || !is_executable(&executable)
            {
                continue;
            }
            let Ok(file) = std::fs::canonicalize(&executable) else {
                continue;
            };
            let best = by_file.entry(file).or_insert_with(|| executable.clone());
            if executable.as_os_str().len() > best.as_os_str().len() {
                *best = executable;
            }
        }
        let mut candidates: Vec<PathBuf> = by_file.into_values().collect();
        candidates.sort();
        candidates
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

fn children(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

/// `python`, `python3`, `python3.11`, `python3.13t`, `pypy3.10`, but not `python3-config`.
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
            let version = version.strip_suffix('t').unwrap_or(version);
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
