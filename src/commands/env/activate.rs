//! `mpoetry env activate`: print the command that switches the environment on.

use installer::environment::Shell;

use crate::context::Context;
use crate::environment::scripts_of;
use crate::failure::Failure;
use crate::shell;

/// Prints the command that switches the environment on in your shell
///
/// A program can't change the shell that starts it, so the shell has to do it: `eval "$(mpoetry env activate)"` in bash
/// and zsh, `eval (mpoetry env activate)` in fish. The environment is made if there is none.
#[derive(Debug, clap::Args)]
pub(crate) struct ActivateArgs {}

/// # Errors
/// When the environment can't be made, or has no script for the shell.
pub(crate) fn run(cx: &Context, _: &ActivateArgs) -> Result<(), Failure> {
    let root = &cx.environment()?.root;
    let program = shell::running(cx.variables()).unwrap_or_default();
    let shell = Shell::named(&program);
    let script = scripts_of(root).join(shell.script());
    if script.exists() {
        let (verb, word) = (verb(&program), shell.script_word(root));
        cx.console.line(format_args!("{verb} {word}"));
        return Ok(());
    }
    let failure = Failure::new(format!(
        "Discovered shell '{program}' doesn't have an activator in virtual environment"
    ));
    let (root, script) = (root.display(), script.display());
    Err(failure.hint(if cx.environment()?.root.join("pyvenv.cfg").exists() {
        format!(
            "There is no `{script}`; after `mpoetry env remove --all`, `mpoetry install` makes the environment anew."
        )
    } else {
        format!("`{root}` is no virtual environment, so that there is nothing to activate.")
    }))
}

/// Poetry: what sources a script, where several words would do. For xonsh it would name a script that xonsh can't read.
fn verb(program: &str) -> &'static str {
    match program {
        "fish" | "csh" | "tcsh" | "bash" | "mksh" | "zsh" | "xonsh" => "source",
        "nu" => "overlay use",
        "powershell" | "pwsh" => "&",
        _ => ".",
    }
}
