//! `mpoetry run`: become another program, inside the environment.
//!
//! The path from the command line to `exec` is short on purpose: a plain read of `pyproject.toml`, a look
//! for the environment's folder, and no question to any Python.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use resolver::constraint::Constraint;

use crate::context::Context;
use crate::environment::{Located, python_of, scripts_of};
use crate::failure::Failure;

/// Runs a command in the project's environment
///
/// All words from the command's name on are the command's. Its exit code is passed on.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// # Errors
/// When there is no such command, or no environment can be had.
pub(crate) fn run(cx: &Context, args: &RunArgs) -> Result<u8, Failure> {
    let environment = match cx.environments()?.locate()? {
        Located::Environment(root) if is_surely_allowed(cx, &root)? => {
            cx.tell_environment(&root);
            Some(root)
        }
        Located::Environment(_) | Located::Absent => Some(cx.environment()?.root.clone()),
        Located::System => None,
    };
    let (program, rest) = args.args.split_first().expect("clap wants at least one");
    let shown = program.to_string_lossy();
    let command = match &environment {
        Some(root) => match script(cx, root, &args.args)? {
            Some(code) => {
                let mut command = Command::new(python_of(root));
                command.arg("-c").arg(code);
                command
            }
            None => inside(root, program, rest)?,
        },
        None => {
            let mut command = Command::new(program);
            command.args(rest);
            command
        }
    };
    become_command(
        with_environment(command, cx, environment.as_deref()),
        &shown,
    )
}

/// Is the environment there, with a Python that the project supports? Where that takes more than a look at two files, the
/// answer is no, and the environment is looked at closely.
fn is_surely_allowed(cx: &Context, root: &Path) -> Result<bool, Failure> {
    if !python_of(root).exists() {
        return Ok(false);
    }
    let manifest = cx.manifest()?;
    let tool = manifest.get("tool").and_then(|tool| tool.get("poetry"));
    let dependency = tool.and_then(|poetry| poetry.get("dependencies")?.get("python"));
    let project = manifest.get("project");
    let wanted = [
        project.and_then(|project| project.get("requires-python")),
        dependency,
    ];
    let wanted: Vec<&toml::Value> = wanted.into_iter().flatten().collect();
    if wanted.is_empty() {
        return Ok(true);
    }
    let Some(version) = installer::environment::noted_version(root) else {
        return Ok(false);
    };
    let allows = |wanted: &toml::Value| {
        let constraint = wanted.as_str().map(Constraint::parse);
        constraint.is_some_and(|constraint| constraint.is_ok_and(|it| it.allows(&version)))
    };
    Ok(wanted.into_iter().all(allows))
}

/// A program of the environment, or else one that its `PATH` finds.
fn inside(root: &Path, program: &OsStr, rest: &[OsString]) -> Result<Command, Failure> {
    let own = executable(&scripts_of(root).join(program));
    let found = match own {
        Some(own) => own,
        // A pip from elsewhere would install into elsewhere.
        None if program == "pip" => {
            return Err(command_not_found("pip")
                .hint("The environment has no pip; `mpoetry run python -m ensurepip` adds it."));
        }
        None => program.into(),
    };
    let mut command = Command::new(found);
    command.args(rest);
    Ok(command)
}

/// The same with the environment switched on.
pub(super) fn with_environment(mut command: Command, cx: &Context, root: Option<&Path>) -> Command {
    if let Some(root) = root {
        let mut paths = scripts_of(root).into_os_string();
        paths.push(if cfg!(windows) { ";" } else { ":" });
        paths.push(cx.variables().raw("PATH").unwrap_or_default());
        command.env("PATH", paths).env("VIRTUAL_ENV", root);
        command
            .env_remove("PYTHONHOME")
            .env_remove("__PYVENV_LAUNCHER__");
    }
    command
}

/// Poetry: names in `[tool.poetry.scripts]` are run by importing them, installed or not. The result is the
/// Python code that does it.
fn script(cx: &Context, root: &Path, args: &[OsString]) -> Result<Option<String>, Failure> {
    let manifest = cx.manifest()?;
    let name = args[0].to_string_lossy();
    let tool = manifest.get("tool").and_then(|tool| tool.get("poetry"));
    let declared = tool.and_then(|poetry| poetry.get("scripts")?.get(name.as_ref()));
    let callable =
        declared.and_then(|script| script.as_str().or_else(|| script.get("callable")?.as_str()));
    let Some((module, function)) = callable.and_then(|callable| callable.split_once(':')) else {
        return Ok(None);
    };
    let mut argv: Vec<String> = args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    match executable(&scripts_of(root).join(&args[0])) {
        Some(installed) => argv[0] = installed.display().to_string(),
        None => warn_of_missing_script(cx, &name),
    }
    // JSON's strings and arrays are Python's, too.
    let argv = serde_json::Value::from(argv);
    Ok(Some(format!(
        "import sys; from importlib import import_module; sys.argv = {argv}; \
         sys.exit(import_module('{module}').{function}())"
    )))
}

fn warn_of_missing_script(cx: &Context, name: &str) {
    cx.console.warning(format_args!(
        "Warning: '{name}' is an entry point defined in pyproject.toml, but it's not installed as a \
         script. You may get improper `sys.argv[0]`.\n\n\
         The support to run uninstalled scripts will be removed in a future release.\n\n\
         Run `poetry install` to resolve and get rid of this message.\n"
    ));
}

fn command_not_found(name: &str) -> Failure {
    Failure::plain(format!("Command not found: {name}"))
}

/// The process becomes the command: signals and exit code are the child's own business.
#[cfg(unix)]
pub(super) fn become_command(mut command: Command, name: &str) -> Result<u8, Failure> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    if error.kind() == std::io::ErrorKind::NotFound {
        return Err(command_not_found(name));
    }
    Err(Failure::caused(error))
}

#[cfg(not(unix))]
pub(super) fn become_command(mut command: Command, name: &str) -> Result<u8, Failure> {
    match command.status() {
        Ok(status) => Ok(status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(command_not_found(name)),
        Err(error) => Err(Failure::caused(error)),
    }
}

/// The file itself, or on Windows the one with an ending that can be started.
fn executable(path: &Path) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) {
        &["exe", "cmd", "bat"]
    } else {
        &[]
    };
    let candidates = endings.iter().map(|ending| path.with_extension(ending));
    std::iter::once(path.to_owned())
        .chain(candidates)
        .find(|candidate| candidate.is_file())
}
