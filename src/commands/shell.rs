//! `mpoetry shell`: a shell with the environment switched on.
//!
//! The process becomes the shell, so that its exit code and the terminal are its own business. A shell that can be told
//! to read a file when it starts sources the environment's script after the user's own files; any other gets what the
//! script would set.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use installer::environment::Shell;
use resolver::cache::Bucket;
use resolver::file::replace;

use super::run::{become_command, with_environment};
use crate::console::INFO;
use crate::context::Context;
use crate::environment::scripts_of;
use crate::failure::Failure;
use crate::shell;

/// Starts a shell with the environment switched on
///
/// It is the shell that you are in, or else the one in SHELL. The environment is made if there is none. `exit` leads
/// back.
#[derive(Debug, clap::Args)]
pub(crate) struct ShellArgs {}

/// Poetry: its plugin marks its shells with this variable, so that none is started in another.
const ACTIVE: &str = "POETRY_ACTIVE";
/// Tells the start-up files below which script to source.
const SCRIPT: &str = "MPOETRY_SHELL_SCRIPT";
/// The user's `ZDOTDIR`.
const ZDOTDIR: &str = "MPOETRY_SHELL_ZDOTDIR";
/// The user's `ENV`.
const ENV: &str = "MPOETRY_SHELL_ENV";

/// # Errors
/// When there is no virtual environment, it can't be made, or no shell can be started.
pub(crate) fn run(cx: &Context, _: &ShellArgs) -> Result<u8, Failure> {
    let root = &cx.environment()?.root;
    let shown = root.display();
    if cx.variables().filled(ACTIVE).is_some() {
        cx.console.line(format_args!(
            "Virtual environment already activated: {INFO}{shown}{INFO:#}"
        ));
        return Ok(0);
    }
    if !root.join("pyvenv.cfg").exists() {
        return Err(Failure::new(format!(
            "`{shown}` is no virtual environment, so that there is nothing to activate."
        )));
    }
    let (name, program) = shell_of_user(cx)?;
    cx.console
        .line(format_args!("Spawning shell within {INFO}{shown}{INFO:#}"));
    let mut command = command(cx, &name, &program, root)?;
    command.env(ACTIVE, "1");
    become_command(command, &name)
}

/// Its name and its program.
fn shell_of_user(cx: &Context) -> Result<(String, PathBuf), Failure> {
    let variable = if cfg!(windows) { "COMSPEC" } else { "SHELL" };
    let login = cx.variables().filled(variable).map(PathBuf::from);
    let stem = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default();
        stem.to_string_lossy().to_lowercase()
    };
    match (shell::running(cx.variables()), login) {
        (Some(running), Some(login)) if stem(&login) == running => Ok((running, login)),
        (Some(running), _) => Ok((running.clone(), running.into())),
        (None, Some(login)) => Ok((stem(&login), login)),
        (None, None) => Err(Failure::new("Unable to detect the current shell.").hint(format!(
            "Set {variable} to the shell that you want, or switch the environment on in the shell that you have: \
             eval \"$(mpoetry env activate)\"."
        ))),
    }
}

fn command(cx: &Context, name: &str, program: &Path, root: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(program);
    let shell = Shell::named(name);
    let script = scripts_of(root).join(shell.script());
    // Who reads commands from a file wants no prompt, and reads no files at the start.
    if !std::io::stdin().is_terminal() || !script.exists() {
        return Ok(with_environment(command, cx, Some(root)));
    }
    let word = shell.script_word(root);
    match (shell, name) {
        (Shell::Posix, "bash") => {
            let file = startup_file(cx, "bashrc", BASHRC)?;
            command
                .arg("--rcfile")
                .arg(file)
                .arg("-i")
                .env(SCRIPT, script);
        }
        (Shell::Posix, "zsh") => {
            startup_file(cx, ".zshenv", ZSHENV)?;
            let file = startup_file(cx, ".zshrc", ZSHRC)?;
            keep(cx, &mut command, "ZDOTDIR", ZDOTDIR);
            let folder = file.parent().unwrap_or(root);
            command.arg("-i").env("ZDOTDIR", folder).env(SCRIPT, script);
        }
        (Shell::Posix, "sh" | "dash" | "ash" | "ksh" | "mksh") => {
            let file = startup_file(cx, "shrc", SHRC)?;
            keep(cx, &mut command, "ENV", ENV);
            command.arg("-i").env("ENV", file).env(SCRIPT, script);
        }
        (Shell::Fish, _) => {
            command
                .arg("-i")
                .arg("--init-command")
                .arg(format!("source {word}"));
        }
        (Shell::Nu, _) => {
            command.arg("-e").arg(format!("overlay use {word}"));
        }
        (Shell::PowerShell, _) => {
            command.args(["-NoExit", "-File"]).arg(script);
        }
        _ => return Ok(with_environment(command, cx, Some(root))),
    }
    Ok(command)
}

/// Passes the user's own value of a variable on under another name.
fn keep(cx: &Context, command: &mut Command, name: &str, as_name: &str) {
    let own = cx.variables().raw(name).map(OsString::from);
    command.env(as_name, own.unwrap_or_default());
}

/// A start-up file of a shell. It is the same for all environments, so that nobody has to remove it.
fn startup_file(cx: &Context, name: &str, text: &str) -> Result<PathBuf, Failure> {
    let path = cx.cache()?.path(Bucket::Shell, name);
    if fs_err::read(&path).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(path);
    }
    let folder = path.parent().unwrap_or(&path);
    fs_err::create_dir_all(folder).map_err(Failure::caused)?;
    replace(&path, text.as_bytes()).map_err(Failure::caused)?;
    Ok(path)
}

const BASHRC: &str = r#"# Start-up file of `mpoetry shell`: the user's own, then the environment's script.
if [ -f ~/.bashrc ]; then
    . ~/.bashrc
fi
. "$MPOETRY_SHELL_SCRIPT"
unset MPOETRY_SHELL_SCRIPT
"#;

const SHRC: &str = r#"# Start-up file of `mpoetry shell`: the user's own, then the environment's script.
if [ -n "$MPOETRY_SHELL_ENV" ]; then
    ENV=$MPOETRY_SHELL_ENV
    if [ -f "$ENV" ]; then
        . "$ENV"
    fi
else
    unset ENV
fi
. "$MPOETRY_SHELL_SCRIPT"
unset MPOETRY_SHELL_SCRIPT MPOETRY_SHELL_ENV
"#;

const ZSHENV: &str = r#"# Start-up file of `mpoetry shell`: the user's own, from the user's folder.
MPOETRY_SHELL_OWN=$ZDOTDIR
if [[ -n $MPOETRY_SHELL_ZDOTDIR ]]; then
    ZDOTDIR=$MPOETRY_SHELL_ZDOTDIR
else
    unset ZDOTDIR
fi
if [[ -f ${ZDOTDIR:-$HOME}/.zshenv ]]; then
    . "${ZDOTDIR:-$HOME}/.zshenv"
fi
MPOETRY_SHELL_ZDOTDIR=$ZDOTDIR
ZDOTDIR=$MPOETRY_SHELL_OWN
"#;

const ZSHRC: &str = r#"# Start-up file of `mpoetry shell`: the user's own, then the environment's script.
if [[ -n $MPOETRY_SHELL_ZDOTDIR ]]; then
    ZDOTDIR=$MPOETRY_SHELL_ZDOTDIR
else
    unset ZDOTDIR
fi
if [[ $HISTFILE == $MPOETRY_SHELL_OWN/* ]]; then
    HISTFILE=${ZDOTDIR:-$HOME}/${HISTFILE:t}
fi
if [[ -f ${ZDOTDIR:-$HOME}/.zshrc ]]; then
    . "${ZDOTDIR:-$HOME}/.zshrc"
fi
emulate bash -c '. "$MPOETRY_SHELL_SCRIPT"'
unset MPOETRY_SHELL_SCRIPT MPOETRY_SHELL_ZDOTDIR MPOETRY_SHELL_OWN
"#;
