//! Making a virtual environment without starting Python.

use std::io;
use std::path::Path;

use fs_err as fs;
use resolver::cache::Cache;

use super::{CreateOptions, Environment, EnvironmentError, SCRIPTS, activate, seed};
use crate::python::{Facts, Interpreter};

/// Makes an environment at `root`. What is there is removed. `bin/python` comes last: an environment without it
/// counts as broken and is made again.
pub(super) fn create(
    root: &Path,
    python: &Interpreter,
    options: &CreateOptions,
    cache: &Cache,
) -> Result<Environment, EnvironmentError> {
    let root = std::path::absolute(root)?;
    let base = Facts::of(&python.base_executable, cache)?;
    empty(&root)?;
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
    for (name, text) in activate::scripts(root, &prompt(root, options)) {
        fs::write(environment.scripts().join(name), text)?;
    }
    fs::write(root.join("pyvenv.cfg"), configuration(root, &base, options))?;
    if !options.no_pip {
        seed::pip(&environment, &base, cache)?;
    }
    place_interpreter(&environment, &base, options)?;
    Ok(environment)
}

const PYTHON: &str = if cfg!(windows) {
    "python.exe"
} else {
    "python"
};

/// Backup programs leave out folders with this file; see <https://bford.info/cachedir/>.
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a Python environment, which can be made again.\n\
    # About these tags: https://bford.info/cachedir/\n";

/// Removes what is in the folder but not the folder itself, which may be a mount point.
fn empty(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    // Configuration and programs first, so that a half-removed environment can't pass for a whole one.
    let mut entries: Vec<_> = fs::read_dir(root)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(|entry| {
        let name = entry.file_name();
        name != "pyvenv.cfg" && name != SCRIPTS
    });
    for entry in entries {
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

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
        fs::copy(&base.base_executable, &python)?;
        return Ok(());
    }
    for alias in aliases {
        symlink(Path::new(PYTHON), &scripts.join(alias))?;
    }
    symlink(&base.base_executable, &python)
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
