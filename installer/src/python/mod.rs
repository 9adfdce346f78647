//! Python interpreters: found, and asked once for version, markers, tags and paths.
//!
//! Starting a Python costs more than everything else in a call that has nothing to do. So an interpreter is asked
//! once; its answers are cached by what identifies the file, and a virtual environment inherits them from the
//! interpreter it was made with, since they differ in their folders only.

mod facts;
pub mod find;
pub mod standalone;
#[cfg(test)]
pub(crate) mod tests;
mod wanted;

use std::path::{Path, PathBuf};

use resolver::cache::Cache;
use resolver::marker::MarkerEnvironment;
use resolver::tag::Tags;
use resolver::version::Version;

pub(crate) use facts::Facts;

/// An interpreter and what it says of itself. Answers are cached by path, size and modification time.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// `sys.executable`, absolute.
    pub executable: PathBuf,
    /// The base installation's executable (outside any venv), symlinks resolved.
    pub base_executable: PathBuf,
    /// `sys.base_prefix`.
    pub base_prefix: PathBuf,
    /// `sys.prefix`.
    pub prefix: PathBuf,
    /// X.Y.Z.
    pub version: Version,
    /// PEP 508 variables.
    pub markers: MarkerEnvironment,
    /// Supported wheel tags, best first.
    pub tags: Tags,
    /// `sysconfig.get_platform()`, e.g. `linux-x86_64`.
    pub platform: String,
}

/// Why there is no usable interpreter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// It can't be started.
    #[error("failed to start `{}`", executable.display())]
    NotRunnable {
        /// The executable.
        executable: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It started, but did not answer as a Python 3 does.
    #[error("`{}` is no usable Python: {reason}", executable.display())]
    NotPython {
        /// The executable.
        executable: PathBuf,
        /// What went wrong, with what it printed.
        reason: String,
    },
    /// There is none in any of the places where Pythons are looked for.
    #[error("no Python was found")]
    NoneFound,
}

impl Interpreter {
    /// Asks an executable, or the cache.
    ///
    /// # Errors
    /// When it can't be run or is no Python.
    pub fn query(executable: &Path, cache: &Cache) -> Result<Self, PythonError> {
        Facts::of(executable, cache)?.interpreter()
    }

    /// The version with the mark of a pre-release, e.g. `3.14.0rc1`.
    #[must_use]
    pub fn full_version(&self) -> Version {
        let text = &self.markers.python_full_version;
        text.parse().unwrap_or_else(|_| self.version.clone())
    }

    /// Is it built without the global lock (`3.13t`)?
    #[must_use]
    pub fn is_free_threaded(&self) -> bool {
        let best = self.tags.iter().next();
        best.is_some_and(|tag| tag.python != tag.abi && tag.abi.ends_with('t'))
    }

    /// The name of the folder in `lib` that holds its modules: `python3.11`, `python3.13t`, `pypy3.10`.
    #[must_use]
    pub fn library(&self) -> String {
        let minor = &self.markers.python_version;
        if self.markers.implementation_name == "pypy" {
            return format!("pypy{minor}");
        }
        let threaded = if self.is_free_threaded() { "t" } else { "" };
        format!("python{minor}{threaded}")
    }
}
