//! `mpoetry shell`.

use crate::support::{Fixture, program};

fn project() -> Fixture {
    let mut fx = Fixture::project("[project]\nname = \"demo\"\nversion = \"1.0\"\n");
    fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "true");
    fx.mpoetry(["run", "true"]).success();
    fx
}

/// A script for bash that starts `mpoetry shell`, so that bash is the shell that we are in.
fn started_by_bash(fx: &Fixture) -> std::process::Command {
    let mut command = fx.command("bash");
    let line = format!("{} shell; echo \"exit code $?\"", program().display());
    command.args(["-c", &line]).env("SHELL", "/bin/bash");
    command
}

#[test]
fn a_shell_has_the_environment_and_its_exit_code_is_passed_on() {
    let fx = project();
    std::fs::write(fx.top().join("home/.bashrc"), "PS1='$ '; mine=yes\n")
        .expect("what the test has made");
    let typed = [
        "echo \"$VIRTUAL_ENV|$mine|$POETRY_ACTIVE|${MPOETRY_SHELL_SCRIPT-none}\"",
        "type deactivate | head -n 1",
        "python -c 'import sys; print(sys.prefix)'",
        "exit 7",
    ];
    let outcome = fx.on_terminal(&typed, &started_by_bash(&fx));
    for line in [
        "Spawning shell within [root]/.venv\n",
        "[root]/.venv|yes|1|none\n",
        "deactivate is a function\n",
        "[root]/.venv\n",
        "exit code 7\n",
    ] {
        assert!(outcome.stdout.contains(line), "{line}{outcome}");
    }
}

/// Nobody types, so there is nothing to prompt: the shell runs what it reads.
#[test]
fn a_shell_runs_what_comes_on_its_stdin() {
    let fx = project();
    let script = fx.top().join("script");
    std::fs::write(
        &script,
        "echo \"$VIRTUAL_ENV\"\ncommand -v python\nexit 3\n",
    )
    .expect("what the test has made");
    let mut command = started_by_bash(&fx);
    let outcome =
        fx.run(command.stdin(std::fs::File::open(&script).expect("what the test has made")));
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    Spawning shell within [root]/.venv
    [root]/.venv
    [root]/.venv/bin/python
    exit code 3
    ");
}

#[test]
fn no_shell_is_started_in_another() {
    let mut fx = project();
    fx.set("POETRY_ACTIVE", "1");
    insta::assert_snapshot!(fx.mpoetry(["shell"]), @"
    exit: 0
    ----- stdout -----
    Virtual environment already activated: [root]/.venv
    ");
}

#[test]
fn an_installation_that_is_no_environment_is_not_activated() {
    let mut fx = project();
    fx.remove(".venv");
    fx.set("POETRY_VIRTUALENVS_CREATE", "false");
    let outcome = fx.mpoetry(["shell"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("is no virtual environment"),
        "{outcome}"
    );
}
