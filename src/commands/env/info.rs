//! `mpoetry env info`: which environment the project uses.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use installer::environment::Environment;

use crate::console::{BOLD, ERROR, INFO, VALUE};
use crate::context::Context;
use crate::environment::{Located, python_of};
use crate::failure::Failure;

/// Shows which environment the project uses
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {
    /// Show only the path of the environment
    #[arg(short, long)]
    path: bool,
    /// Show only the path of its Python
    #[arg(short, long)]
    executable: bool,
}

/// Poetry: of a broken environment it names `python` as the executable, whichever that may be. Here it is the one that is
/// missing.
///
/// # Errors
/// With `--path` or `--executable`, when there is no environment; when no Python is found.
pub(crate) fn run(cx: &Context, args: &InfoArgs) -> Result<(), Failure> {
    if args.path || args.executable {
        let root = root(cx)?.ok_or_else(Failure::silent)?;
        let shown = if args.path { root } else { python_of(&root) };
        cx.console.line(shown.display());
        return Ok(());
    }
    show(cx)
}

fn root(cx: &Context) -> Result<Option<PathBuf>, Failure> {
    Ok(match cx.environments()?.locate()? {
        Located::Environment(root) => Some(root),
        Located::Absent | Located::System => None,
    })
}

/// Shows all that is to be known of the environment.
///
/// # Errors
/// When no Python is found.
pub(crate) fn show(cx: &Context) -> Result<(), Failure> {
    let root = root(cx)?;
    let root = root.as_deref();
    let environments = cx.environments()?;
    let environment = match root {
        Some(root) => Environment::open(root, &environments.cache)?,
        None => None,
    };
    // Poetry: without an environment it speaks of the Python that would make one.
    let interpreter = match &environment {
        Some(environment) => environment.interpreter.clone(),
        None => environments.preferred()?,
    };
    let shown =
        |path: Option<PathBuf>| path.map_or("NA".to_owned(), |path| path.display().to_string());
    let version = &interpreter.version;
    let markers = &interpreter.markers;
    let is_valid = root.map(|_| environment.is_some());
    let row = |name: &str, width: usize, value: &dyn Display| {
        let name_and_colon = format!("{INFO}{name}{INFO:#}:{:1$}", "", width - name.len());
        cx.console
            .line(format_args!("{name_and_colon}{VALUE}{value}{VALUE:#}"));
    };

    cx.console.line(format_args!("\n{BOLD}Virtualenv{BOLD:#}"));
    row("Python", 15, version);
    row(
        "Implementation",
        15,
        &markers.platform_python_implementation,
    );
    row("Path", 15, &shown(root.map(Path::to_owned)));
    row("Executable", 15, &shown(root.map(python_of)));
    match is_valid {
        Some(true) => row("Valid", 15, &"True"),
        Some(false) => row("Valid", 15, &format_args!("{ERROR}False{ERROR:#}")),
        None => {}
    }
    cx.console.line(format_args!("\n{BOLD}Base{BOLD:#}"));
    row("Platform", 11, &markers.sys_platform);
    row("OS", 11, &markers.os_name);
    row("Python", 11, version);
    row("Path", 11, &interpreter.base_prefix.display());
    row("Executable", 11, &interpreter.base_executable.display());
    Ok(())
}
