//! `mpoetry run`.

use super::locked_service;

#[test]
fn exit_code_and_words_pass_through() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    let code = "import sys; print(sys.argv[1:]); sys.exit(7)";
    insta::assert_snapshot!(fx.mpoetry(["run", "python", "-c", code, "-v", "--help"]), @r#"
    exit: 7
    ----- stdout -----
    ['-v', '--help']
    "#);
    let outcome = fx.mpoetry(["-C", ".", "run", "--", "python", "-c", code]);
    assert_eq!(outcome.code, Some(7), "{outcome}");
}

#[test]
fn runs_inside_the_environment() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    let script = "echo $VIRTUAL_ENV; echo ${PATH%%:*}; echo ${PYTHONHOME-unset}; command -v check";
    insta::assert_snapshot!(fx.mpoetry(["run", "sh", "-c", script]), @"
    exit: 0
    ----- stdout -----
    [root]/.venv
    [root]/.venv/bin
    unset
    [root]/.venv/bin/check
    ");
    let print = "import sys, web; print(sys.prefix, web.__version__)";
    insta::assert_snapshot!(fx.mpoetry(["run", "python", "-c", print]), @"
    exit: 0
    ----- stdout -----
    [root]/.venv 1.1
    ");
}

/// The working directory is the caller's, also below the project and with `-P`.
#[test]
fn stays_in_the_folder_of_the_caller() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(fx.mpoetry_in("service", ["run", "pwd"]), @"
    exit: 0
    ----- stdout -----
    [root]/service
    ");
    fx.write("elsewhere/file", "");
    insta::assert_snapshot!(fx.mpoetry_in("elsewhere", ["-P", "..", "run", "pwd"]), @"
    exit: 0
    ----- stdout -----
    [root]/elsewhere
    ");
}

#[test]
fn a_signal_is_the_childs_own() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    let outcome = fx.mpoetry(["run", "sh", "-c", "kill -9 $$"]);
    assert_eq!(outcome.code, None, "{outcome}");
}

#[test]
fn a_command_that_is_not_there() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(fx.mpoetry(["run", "nope"]), @"
    exit: 1
    ----- stderr -----
    Command not found: nope
    ");
    insta::assert_snapshot!(fx.mpoetry(["run"]), @r#"
    exit: 1
    ----- stderr -----

    Not enough arguments (missing: "args")
    "#);
}

/// Poetry: names in `[tool.poetry.scripts]` run without being installed, with a warning.
#[test]
fn scripts_of_the_project() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    let outcome = fx.mpoetry(["run", "serve", "x"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (Some(3), "serving with web 1.1 x\n")
    );
    fx.edit(
        "pyproject.toml",
        "[project.scripts]\nserve",
        "[tool.poetry.scripts]\nlate",
    );
    insta::assert_snapshot!(fx.mpoetry(["run", "late", "x"]), @"
    exit: 3
    ----- stdout -----
    serving with web 1.1 x
    ----- stderr -----
    Warning: 'late' is an entry point defined in pyproject.toml, but it's not installed as a script. You may get improper `sys.argv[0]`.

    The support to run uninstalled scripts will be removed in a future release.

    Run `poetry install` to resolve and get rid of this message.
    ");
}
