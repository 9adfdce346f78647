//! `mpoetry completions`, and what its scripts propose.

use std::process::Command;

use crate::support::{Fixture, Outcome};

fn project() -> Fixture {
    let fx = Fixture::project(
        r#"[project]
name = "demo"
version = "1.0"
dependencies = ["requests (>=2)", "six"]

[project.optional-dependencies]
fast = ["speed"]

[project.scripts]
serve = "demo:main"

[dependency-groups]
test = ["pytest"]
typing = ["mypy"]

[[tool.poetry.source]]
name = "inner"
url = "http://127.0.0.1:1/"
"#,
    );
    fx.write(
        "poetry.lock",
        "[[package]]\nname = \"certifi\"\nversion = \"1\"\n\n[[package]]\nname = \"requests\"\n",
    );
    fx
}

/// What the last of these words can become.
fn proposed(fx: &Fixture, words: &[&str]) -> String {
    let outcome = fx
        .mpoetry_with("", &[&["__complete", "--"], words].concat())
        .success();
    let values = outcome
        .stdout
        .lines()
        .map(|line| line.split('\t').next().expect("what the test has made"));
    values.collect::<Vec<_>>().join(" ")
}

#[test]
fn commands_and_options_are_those_of_the_program() {
    let fx = project();
    for (words, expected) in [
        (&["ins"][..], "install"),
        (&["env", "a"], "activate"),
        (&["-n", "env", "re"], "remove"),
        (&["-C", "env", "bun"], "bundle"),
        (&["install", "--only-"], "--only-root"),
        (&["install", "--no-int"], "--no-interaction"),
        (&["--vers"], "--version"),
        (&["lock"], "lock"),
        (&["bundle", "v"], "venv"),
        (&["help", "in"], "init install"),
        (&["complet"], ""),
        (&["run", "python", "--ver"], ""),
        (
            &["nope", "-"],
            "--help --quiet --version --ansi --no-ansi --no-interaction --no-plugins --no-cache --project --directory --verbose",
        ),
    ] {
        assert_eq!(proposed(&fx, words), expected, "{words:?}");
    }
    let all = proposed(&fx, &[""]);
    for command in ["new", "python", "self", "shell"] {
        assert!(all.split(' ').any(|name| name == command), "{all}");
    }
    assert!(!all.contains("__complete"), "{all}");
}

#[test]
fn values_are_those_of_the_project() {
    let fx = project();
    for (words, expected) in [
        (&["install", "--with", ""][..], "main test typing"),
        (&["install", "--with", "test,ty"], "test,typing"),
        (&["install", "--only=t"], "--only=test --only=typing"),
        (&["install", "-E", ""], "fast"),
        (&["update", ""], "certifi requests"),
        (&["update", "certifi", "r"], "requests"),
        (&["run", "s"], "serve"),
        (&["completions", "z"], "zsh"),
        (&["self", "add", "poetry-plugin-s"], "poetry-plugin-shell"),
        (&["lock", "x"], ""),
        (&["version", "prem"], "premajor preminor"),
        (&["build", "-f", ""], "sdist wheel"),
        (&["export", "--format=p"], "--format=pylock.toml"),
        (&["source", "add", "-p", "e"], "explicit"),
        (&["config", "virtualenvs.in"], "virtualenvs.in-project"),
    ] {
        assert_eq!(proposed(&fx, words), expected, "{words:?}");
    }
    // Options say where the project is.
    fx.write("other/pyproject.toml", "[dependency-groups]\nelse = []\n");
    assert_eq!(
        proposed(&fx, &["-P", "other", "install", "--with", ""]),
        "else main"
    );
    fx.write("pyproject.toml", "[broken");
    assert_eq!(proposed(&fx, &["install", "--with", ""]), "");
}

/// Runs lines in a shell that has read its completion script. `None`: there is no such shell.
fn in_shell(fx: &Fixture, shell: &str, lines: &str) -> Option<Outcome> {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh", shell])
        .output()
        .expect("what the test has made");
    if !found.status.success() {
        return None;
    }
    let script = fx
        .mpoetry_with("", &["completions", shell, "--alias", "po"])
        .success()
        .stdout;
    fx.write(
        "completions",
        script.replace(
            "[root]",
            fx.root().to_str().expect("what the test has made"),
        ),
    );
    fx.write("lines", lines);
    Some(fx.run(fx.command(shell).arg("lines")))
}

#[test]
fn bash_completes() {
    let fx = project();
    let lines = r#"
. ./completions
complete -p poetry mpoetry po | sed 's/-F .*/-F/' | sort -u
try() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _mpoetry_complete
    echo "${COMPREPLY[*]}"
}
try poetry ins
try mpoetry install --with ''
try po install --only = t
try poetry install --only =
try poetry run s
try poetry run serve ''
"#;
    let Some(outcome) = in_shell(&fx, "bash", lines) else {
        return;
    };
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    complete -o bashdefault -o default -F
    install
    main test typing
    test typing
    main test typing
    serve

    ");
}

#[test]
fn zsh_and_fish_read_their_scripts() {
    let fx = project();
    let lines = "autoload -U compinit && compinit -u -D; . ./completions; print -r -- $_comps[poetry] $_comps[po]\n";
    if let Some(outcome) = in_shell(&fx, "zsh", lines) {
        assert_eq!(
            outcome.stdout, "_mpoetry_complete _mpoetry_complete\n",
            "{outcome}"
        );
    }
    // A candidate about which there is nothing to say has no description, not an empty one.
    let lines = r#"
autoload -U compinit && compinit -u -D
. ./completions
_describe() { print -rl -- "${(@P)2}" }
_files() { print -r -- files }
try() { words=("$@") CURRENT=$#; _mpoetry_complete }
try poetry install --with t
try poetry env li
try poetry add ./x
"#;
    if let Some(outcome) = in_shell(&fx, "zsh", lines) {
        let expected = "test\ntyping\n\
                        list:Lists the project's environments and marks the one that is used\nfiles\n";
        assert_eq!(outcome.stdout, expected, "{outcome}");
    }
    let lines = "source ./completions; complete -C 'poetry ins' | cut -f1\n";
    if let Some(outcome) = in_shell(&fx, "fish", lines) {
        assert_eq!(outcome.stdout, "install\n", "{outcome}");
    }
}

#[test]
fn a_script_is_for_one_of_three_shells() {
    let mut fx = project();
    insta::assert_snapshot!(fx.mpoetry(["completions", "tcsh"]), @"
    exit: 1
    ----- stderr -----

    [shell] argument must be one of bash, zsh, fish
    ");
    insta::assert_snapshot!(fx.mpoetry(["completions"]), @"
    exit: 1
    ----- stderr -----

    Could not read SHELL environment variable. Please specify your shell type by passing it as the first argument.
    ");
    fx.set("SHELL", "/usr/bin/fish");
    assert!(
        fx.mpoetry(["completions"])
            .success()
            .stdout
            .contains("for fish")
    );
}
