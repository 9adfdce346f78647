//! Making a virtual environment without starting Python.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use resolver::cache::Cache;

use super::lock::EnvironmentLock;
use super::{
    CreateOptions, Environment, EnvironmentError, PYTHON, SCRIPTS, activate, remove, seed,
};
use crate::python::{Facts, Interpreter};

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
    remove::empty(&root)?;
    let environment = fill(root, python, options, cache)?;
    lock.release();
    Ok(environment)
}

/// Opens the environment at `root`, or makes one if there is no whole one; `making` is called before. Another process
/// that makes it right now is waited for.
pub(super) fn open_or_create(
    root: &Path,
    python: &Interpreter,
    options: &CreateOptions,
    cache: &Cache,
    making: impl FnOnce(),
) -> Result<Environment, EnvironmentError> {
    let root = std::path::absolute(root)?;
    let whole = || Environment::open(&root, cache).ok().flatten();
    if let Some(environment) = whole() {
        return Ok(environment);
    }
    remove_link(&root)?;
    let lock = EnvironmentLock::take(&root, || {})?;
    let environment = match whole() {
        Some(environment) => environment,
        None => {
            making();
            remove::empty(&root)?;
            fill(root, python, options, cache)?
        }
    };
    lock.release();
    Ok(environment)
}

/// What a link leads to may be more than an environment.
fn remove_link(root: &Path) -> io::Result<()> {
    if root.is_symlink() {
        fs::remove_file(root)?;
    }
    Ok(())
}

/// Fills an empty folder. `bin/python` comes last: an environment without it counts as broken and is made again.
fn fill(
    root: PathBuf,
    python: &Interpreter,
    options: &CreateOptions,
    cache: &Cache,
) -> Result<Environment, EnvironmentError> {
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
    if !options.no_pip {
        seed::pip(&environment, &base, cache)?;
    }
    place_interpreter(&environment, &base, options)?;
    Ok(environment)
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
