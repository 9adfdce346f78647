//! Virtual environments: layout, creation, what is installed.

mod activate;
pub mod choices;
mod configuration;
mod create;
mod installed;
pub mod location;
mod lock;
mod remove;
mod seed;
mod shell;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use resolver::cache::Cache;
use resolver::name::PackageName;
use resolver::version::Version;
use rustc_hash::FxHashSet;

use crate::python::{Interpreter, PythonError};

pub(crate) use configuration::Configuration;
pub use create::{Draft, Opened};
pub use lock::EnvironmentLock;
pub use shell::Shell;

/// The folder of an environment's programs.
const SCRIPTS: &str = if cfg!(windows) { "Scripts" } else { "bin" };
/// Its interpreter in there.
const PYTHON: &str = if cfg!(windows) {
    "python.exe"
} else {
    "python"
};

/// A virtual environment and its interpreter.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its folder.
    pub root: PathBuf,
    /// Its own interpreter (`bin/python`).
    pub interpreter: Interpreter,
}

/// A distribution found in an environment.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Normalised name.
    pub name: PackageName,
    /// The name as written in METADATA.
    pub pretty_name: String,
    /// Its version.
    pub version: Version,
    /// Its `.dist-info` folder, or what it has in place of one: an `.egg-info` or `.egg-link`.
    pub dist_info: PathBuf,
    /// `direct_url.json` (PEP 610), if it has one.
    pub direct_url: Option<serde_json::Value>,
    /// Does it belong to the base installation, which the environment only sees? Such ones are never removed.
    pub is_system: bool,
    /// Does it have the RECORD that installers write last? If not, something was killed while it installed it. What
    /// belongs to the base installation counts as whole, since distributors leave RECORD out.
    pub is_whole: bool,
}

/// How to create one.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// What the shell prompt shows.
    pub prompt: String,
    /// See the base installation's packages too.
    pub system_site_packages: bool,
    /// Leave pip out.
    pub no_pip: bool,
    /// Copy the interpreter instead of linking it.
    pub always_copy: bool,
}

/// Why an environment can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// The interpreter.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// The pip that it should start with.
    #[error("pip can't be put into the environment")]
    Pip(#[from] crate::wheel::WheelError),
    /// The file of choices.
    #[error(transparent)]
    Choices(#[from] choices::ChoicesError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The version of an environment's Python as its `pyvenv.cfg` has it. Nobody is asked: after a base installation went to
/// another patch, the file still has the old one.
#[must_use]
pub fn noted_version(root: &Path) -> Option<Version> {
    let configuration = Configuration::read(root)?;
    let text = configuration
        .get("version_info")
        .or_else(|| configuration.get("version"))?;
    // `3.12.1.final.0`
    let numbers: Vec<&str> = text.split('.').take(3).collect();
    numbers.join(".").parse().ok()
}

impl Environment {
    /// Opens the environment at `root`; `None` if there is none or it is broken (no `bin/python`).
    ///
    /// # Errors
    /// When its interpreter can't be asked.
    pub fn open(root: &Path, cache: &Cache) -> Result<Option<Self>, EnvironmentError> {
        let root = std::path::absolute(root)?;
        let python = root.join(SCRIPTS).join(PYTHON);
        if !python.is_file() {
            return Ok(None);
        }
        let interpreter = Interpreter::query(&python, cache)?;
        Ok(Some(Self { root, interpreter }))
    }

    /// Creates one without starting Python, in place of what is there.
    ///
    /// Poetry: environments have a pip unless `virtualenvs.options.no-pip` is set; see `seed` for where it is from.
    ///
    /// # Errors
    /// When files can't be written.
    pub fn create(
        root: &Path,
        python: &Interpreter,
        options: &CreateOptions,
        cache: &Cache,
    ) -> Result<Self, EnvironmentError> {
        create::create(root, python, options, cache)
    }

    /// Opens the environment at `root` if it is whole, else begins one in place of what is there, and calls `making`
    /// before. Of several processes that do so at once, one makes it and the others wait and open.
    ///
    /// # Errors
    /// As [`Environment::create`].
    pub fn open_or_begin(
        root: &Path,
        python: &Interpreter,
        options: &CreateOptions,
        cache: &Cache,
        making: impl FnOnce(),
    ) -> Result<Opened, EnvironmentError> {
        create::open_or_begin(root, python, options, cache, making)
    }

    /// Removes the environment at `root`, whole or broken. Of a link only the link goes, and a mount point stays as an
    /// empty folder.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub fn remove(root: &Path) -> Result<(), EnvironmentError> {
        Ok(remove::remove(root)?)
    }

    /// `bin/python`.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.scripts().join(PYTHON)
    }

    /// `bin`.
    #[must_use]
    pub fn scripts(&self) -> PathBuf {
        self.root.join(SCRIPTS)
    }

    /// `lib/pythonX.Y/site-packages`.
    #[must_use]
    pub fn site_packages(&self) -> PathBuf {
        if cfg!(windows) {
            return self.root.join("Lib").join("site-packages");
        }
        self.root
            .join("lib")
            .join(self.interpreter.library())
            .join("site-packages")
    }

    /// The distributions in it, by name.
    ///
    /// # Errors
    /// When site-packages can't be listed.
    pub fn installed(&self) -> Result<Vec<Installed>, EnvironmentError> {
        installed::list(self)
    }

    /// Those of its own distributions that have one of these names.
    ///
    /// # Errors
    /// When site-packages can't be listed.
    pub fn installed_of(
        &self,
        names: &FxHashSet<&PackageName>,
    ) -> Result<Vec<Installed>, EnvironmentError> {
        installed::find(self, names)
    }

    /// Does it show the base installation's packages?
    #[must_use]
    pub fn sees_system(&self) -> bool {
        Configuration::read(&self.root).is_some_and(|configuration| configuration.sees_system())
    }

    /// Waits until no other process changes the environment, then keeps others away until the value is dropped.
    /// `waiting` is called if there is one to wait for.
    ///
    /// # Errors
    /// When the lock file can't be made.
    pub fn lock(&self, waiting: impl FnOnce()) -> Result<EnvironmentLock, EnvironmentError> {
        Ok(EnvironmentLock::take(&self.root, waiting)?)
    }
}
