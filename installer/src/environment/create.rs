//! Making a virtual environment without starting Python.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fs_err as fs;
use resolver::cache::Cache;

use super::lock::EnvironmentLock;
use super::{
    CreateOptions, Environment, EnvironmentError, PYTHON, SCRIPTS, activate, remove, seed,
};
use crate::python::{Facts, Interpreter};

/// An environment in the making: its folders and its settings are there, so that it can be filled, while its pip and its
/// interpreter may still be missing. Nobody else changes it as long as this lives.
///
/// If the process ends before it is complete, what it leaves has no `bin/python`: it counts as broken and is made again.
#[derive(Debug)]
pub struct Draft {
    environment: Environment,
    base: Facts,
    options: CreateOptions,
    cache: Cache,
    _lock: EnvironmentLock,
    completed: OnceLock<Result<(), EnvironmentError>>,
}

/// An environment that was there, or one that had to be begun.
#[derive(Debug)]
pub enum Opened {
    /// It is whole.
    Whole(Box<Environment>),
    /// It is in the making.
    Draft(Box<Draft>),
}

impl Draft {
    /// The environment as it will be.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Brings in what is missing; the answer is whether that went well. Only the first call does it; others wait for it
    /// and get the same answer. What went wrong is told by [`Draft::finish`].
    pub fn complete(&self) -> bool {
        let done = self.completed.get_or_init(|| {
            let (environment, base) = (&self.environment, &self.base);
            if !self.options.no_pip {
                seed::pip(environment, base, &self.cache)?;
            }
            Ok(place_interpreter(environment, base, &self.options)?)
        });
        done.is_ok()
    }

    /// Completes it and lets others at it.
    ///
    /// # Errors
    /// When files can't be written.
    pub fn finish(self) -> Result<Environment, EnvironmentError> {
        self.complete();
        self.completed.into_inner().unwrap_or(Ok(()))?;
        Ok(self.environment)
    }
}

impl Opened {
    /// The environment, whole or not.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        match self {
            Self::Whole(environment) => environment,
            Self::Draft(draft) => draft.environment(),
        }
    }

    /// The environment, whole.
    ///
    /// # Errors
    /// As [`Draft::finish`].
    pub fn finish(self) -> Result<Environment, EnvironmentError> {
        match self {
            Self::Whole(environment) => Ok(*environment),
            Self::Draft(draft) => draft.finish(),
        }
    }
}

/// Makes an environment at `root` in place of what is there, while no other process does.
pub(super) fn create(
    root: &Path,
    python: &Interpreter,
    options: &CreateOptions,
    cache: &Cache,
) -> Result<Environment, EnvironmentError> {
    let root = std::path::absolute(root)?;
    remove_link(&root)?;
    let lock = EnvironmentLock::take(&root, || {})?;
    begin(root, python, options, cache, lock)?.finish()
}

/// Opens the environment at `root`, or begins one if there is no whole one; `making` is called before. Another process
/// that makes it right now is waited for.
pub(super) fn open_or_begin(
    root: &Path,
    python: &Interpreter,
    options: &CreateOptions,
    cache: &Cache,
    making: impl FnOnce(),
) -> Result<Opened, EnvironmentError> {
    let root = std::path::absolute(root)?;
    let whole = || Environment::open(&root, cache).ok().flatten();
    if let Some(environment) = whole() {
        return Ok(Opened::Whole(Box::new(environment)));
    }
    remove_link(&root)?;
    let lock = EnvironmentLock::take(&root, || {})?;
    if let Some(environment) = whole() {
        return Ok(Opened::Whole(Box::new(environment)));
    }
    making();
    let draft = begin(root, python, options, cache, lock)?;
    Ok(Opened::Draft(Box::new(draft)))
}

/// What a link leads to may be more than an environment.
fn remove_link(root: &Path) -> io::Result<()> {
    if root.is_symlink() {
        fs::remove_file(root)?;
    }
    Ok(())
}

/// Empties the folder `root` and begins an environment in it.
fn begin(
    root: PathBuf,
    python: &Interpreter,
    options: &CreateOptions,
    cache: &Cache,
    lock: EnvironmentLock,
) -> Result<Draft, EnvironmentError> {
    remove::empty(&root)?;
    let base = Facts::of(&python.base_executable, cache)?;
    let environment = Environment {
        interpreter: Interpreter {
            executable: root.join(SCRIPTS).join(PYTHON),
            prefix: root.clone(),
            base_prefix: base.base_prefix.clone(),
            base_executable: base.base_executable.clone(),
            ..python.clone()
        },
        root,
    };
    let root = environment.root.as_path();
    fs::create_dir_all(environment.site_packages())?;
    fs::create_dir_all(environment.scripts())?;
    fs::create_dir_all(root.join("include"))?;
    link_lib64(root, &base)?;
    fs::write(
        root.join(".gitignore"),
        "# Made by mpoetry: environments belong to no repository.\n*\n",
    )?;
    fs::write(root.join("CACHEDIR.TAG"), CACHE_TAG)?;
    for (name, text) in
        activate::scripts(root, &environment.site_packages(), &prompt(root, options))
    {
        fs::write(environment.scripts().join(name), text)?;
    }
    fs::write(root.join("pyvenv.cfg"), configuration(root, &base, options))?;
    Ok(Draft {
        environment,
        base,
        options: options.clone(),
        cache: cache.clone(),
        _lock: lock,
        completed: OnceLock::new(),
    })
}

/// Backup programs leave out folders with this file; see <https://bford.info/cachedir/>.
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a Python environment, which can be made again.\n\
    # About these tags: https://bford.info/cachedir/\n";

fn prompt(root: &Path, options: &CreateOptions) -> String {
    if options.prompt.is_empty() {
        root.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    } else {
        options.prompt.clone()
    }
}

/// Where platform-specific modules have a folder of their own, it is made the same folder as the other.
fn link_lib64(root: &Path, base: &Facts) -> io::Result<()> {
    if base.platlibdir == "lib64" {
        symlink(Path::new("lib"), &root.join("lib64"))?;
    }
    Ok(())
}

/// The text of `pyvenv.cfg`, with virtualenv's keys as far as they are true here.
fn configuration(root: &Path, base: &Facts, options: &CreateOptions) -> String {
    let interpreter = base.base_executable.display();
    let home = base
        .base_executable
        .parent()
        .unwrap_or(Path::new("/"))
        .display();
    let prefix = base.base_prefix.display();
    let markers = base.markers();
    let (name, full) = (&markers.platform_python_implementation, base.version());
    let minor = &markers.python_version;
    let level = &base.release_level;
    let prompt = prompt(root, options)
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    let system = options.system_site_packages;
    let own = env!("CARGO_PKG_VERSION");
    format!(
        "home = {home}\n\
         implementation = {name}\n\
         python-version = {minor}\n\
         version_info = {full}.{level}\n\
         version = {full}\n\
         executable = {interpreter}\n\
         mpoetry = {own}\n\
         prompt = \"{prompt}\"\n\
         include-system-site-packages = {system}\n\
         base-prefix = {prefix}\n\
         base-exec-prefix = {prefix}\n\
         base-executable = {interpreter}\n"
    )
}

fn place_interpreter(
    environment: &Environment,
    base: &Facts,
    options: &CreateOptions,
) -> io::Result<()> {
    let scripts = environment.scripts();
    let python = scripts.join(PYTHON);
    let aliases = aliases(&environment.interpreter);
    if options.always_copy {
        for alias in aliases {
            fs::copy(&base.base_executable, scripts.join(alias))?;
        }
        copy_library(&environment.root, base)?;
        // A copy that is cut off is no interpreter.
        let part = scripts.join(format!("{PYTHON}.part"));
        fs::copy(&base.base_executable, &part)?;
        return fs::rename(part, &python);
    }
    for alias in aliases {
        symlink(Path::new(PYTHON), &scripts.join(alias))?;
    }
    symlink(&base.base_executable, &python)
}

/// A copied interpreter may look for its shared library beside itself, as those of python-build-standalone do.
fn copy_library(root: &Path, base: &Facts) -> io::Result<()> {
    let prefix = format!("libpython{}", base.markers().python_version);
    let entries = fs::read_dir(base.base_prefix.join("lib"));
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let is_shared = text.contains(".so") || text.ends_with(".dylib");
        if text.starts_with(&prefix) && is_shared && entry.file_type()?.is_file() {
            fs::copy(entry.path(), root.join("lib").join(name))?;
        }
    }
    Ok(())
}

/// The other names of the interpreter.
fn aliases(interpreter: &Interpreter) -> Vec<String> {
    let minor = &interpreter.markers.python_version;
    let major = minor.split('.').next().unwrap_or("3");
    let mut names = vec![format!("python{major}"), format!("python{minor}")];
    if interpreter.markers.implementation_name == "pypy" {
        names.extend([
            "pypy".to_owned(),
            format!("pypy{major}"),
            format!("pypy{minor}"),
        ]);
    }
    names
        .iter()
        .map(|name| format!("{name}{}", std::env::consts::EXE_SUFFIX))
        .collect()
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    fs_err::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    let target = link.parent().unwrap_or(Path::new(".")).join(target);
    fs::copy(target, link).map(|_| ())
}
