//! `mpoetry env activate`, in the shells of the machine.

use std::path::Path;
use std::process::Command;

use super::Project;
use crate::support::{Fixture, Outcome, program};

impl Project {
    /// A project in a folder whose name every shell would like to read otherwise.
    fn in_odd_folder(folder: &str) -> Self {
        let mut fx = Fixture::empty();
        let manifest = "[project]\nname = \"My.Demo\"\nversion = \"1.0\"\n";
        fx.write(&format!("{folder}/pyproject.toml"), manifest);
        fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "true");
        let project = Self::of(fx);
        project
            .fx
            .mpoetry_in(folder, ["env", "use", &project.version])
            .success();
        project
    }

    /// Runs lines in a shell; `@activate@` stands for the command. `None`: there is no such shell.
    fn shell(&self, folder: &str, shell: &[&str], lines: &str) -> Option<Outcome> {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$1\"", "sh", shell[0]])
            .output()
            .expect("sh runs");
        if !found.status.success() {
            return None;
        }
        let program = program();
        let activate = format!("{} env activate", program.display());
        let path = Path::new(folder).join("script");
        self.fx.write(
            path.to_str().expect("names in tests are UTF-8"),
            lines.replace("@activate@", &activate),
        );
        let mut command = self.fx.command(shell[0]);
        command.args(&shell[1..]).arg("script");
        Some(self.fx.run(command.current_dir(self.fx.path(folder))))
    }
}

const ODD: &str = "it's a \"q\" $x !1";

/// After `eval`, Python and pip are the environment's; after `deactivate`, nothing is left of it.
const POSIX: &str = r#"
set -u
PS1='> '
eval "$(@activate@)"
echo "$VIRTUAL_ENV|$VIRTUAL_ENV_PROMPT|$PS1"
python -c 'import sys; print(sys.prefix)'
deactivate
echo "${VIRTUAL_ENV-unset}|${VIRTUAL_ENV_PROMPT-unset}|$PS1"
case $PATH in *.venv*) echo "$PATH";; esac
type deactivate >/dev/null 2>&1 || echo gone
"#;

#[test]
fn posix_shells() {
    let project = Project::in_odd_folder(ODD);
    for shell in ["sh", "bash", "zsh", "dash", "mksh"] {
        let Some(outcome) = project.shell(ODD, &[shell], POSIX) else {
            continue;
        };
        let outcome = project.labelled(&outcome.success().stdout);
        // Only these two can show it without running it.
        let prompt = match shell {
            "bash" | "zsh" => "(my-demo-py[this]) > ",
            _ => "> ",
        };
        let expected = format!(
            "[root]/it's a \"q\" $x !1/.venv|my-demo-py[this]|{prompt}\n\
             [root]/it's a \"q\" $x !1/.venv\nunset|unset|> \ngone\n"
        );
        assert_eq!(outcome, expected, "{shell}");
    }
}

#[test]
fn fish() {
    let project = Project::in_odd_folder(ODD);
    let lines = r"
eval (@activate@)
echo $VIRTUAL_ENV
echo $VIRTUAL_ENV_PROMPT
python -c 'import sys; print(sys.prefix)'
deactivate
set -q VIRTUAL_ENV; or echo unset
string match -q '*.venv*' $PATH; or functions -q deactivate; or echo gone
";
    if let Some(outcome) = project.shell(ODD, &["fish", "--no-config"], lines) {
        let outcome = project.labelled(&outcome.success().stdout);
        let expected = "[root]/it's a \"q\" $x !1/.venv\nmy-demo-py[this]\n\
                        [root]/it's a \"q\" $x !1/.venv\nunset\ngone\n";
        assert_eq!(outcome, expected);
    }
}

/// Poetry leaves the `!` as it is, which csh takes for an event.
#[test]
fn csh() {
    let project = Project::in_odd_folder(ODD);
    let lines = r#"
eval "`@activate@`"
echo "$VIRTUAL_ENV:q"
echo "$VIRTUAL_ENV_PROMPT:q"
python -c 'import sys; print(sys.prefix)'
deactivate
if (! $?VIRTUAL_ENV && "$PATH:q" !~ *.venv*) echo gone
"#;
    for shell in ["csh", "tcsh"] {
        let Some(outcome) = project.shell(ODD, &[shell, "-f"], lines) else {
            continue;
        };
        let outcome = project.labelled(&outcome.success().stdout);
        let expected = "[root]/it's a \"q\" $x !1/.venv\nmy-demo-py[this]\n\
                        [root]/it's a \"q\" $x !1/.venv\ngone\n";
        assert_eq!(outcome, expected, "{shell}");
    }
}

/// `source` where the shell has it.
#[test]
fn the_command_is_the_shells_own() {
    let project = Project::new();
    project.use_this().success();
    for (shell, command) in [
        ("sh", ". [central]/[base]-py[this]/bin/activate\n"),
        ("bash", "source [central]/[base]-py[this]/bin/activate\n"),
        ("zsh", "source [central]/[base]-py[this]/bin/activate\n"),
        (
            "fish",
            "source [central]/[base]-py[this]/bin/activate.fish\n",
        ),
        (
            "tcsh",
            "source [central]/[base]-py[this]/bin/activate.csh\n",
        ),
    ] {
        if let Some(outcome) = project.shell("", &[shell], "@activate@\ntrue\n") {
            assert_eq!(
                project.labelled(&outcome.success().stdout),
                command,
                "{shell}"
            );
        }
    }
}

/// Whoever made the environment that is active before.
#[test]
fn one_environment_gives_way_to_another() {
    let project = Project::new();
    project.use_this().success();
    let lines = r#"
python -m venv --without-pip other && . other/bin/activate
eval "$(VIRTUAL_ENV= @activate@)"
echo "$VIRTUAL_ENV"
. other/bin/activate
echo "$VIRTUAL_ENV"
deactivate
case $PATH in *other/bin:*|*virtualenvs*) echo "$PATH";; esac
"#;
    let outcome = project.shell("", &["bash"], lines).unwrap();
    let shown = project.labelled(&outcome.success().stdout);
    assert_eq!(shown, "[central]/[base]-py[this]\n[root]/other\n");
}

#[test]
fn the_environment_is_made_if_there_is_none() {
    let project = Project::new();
    let outcome = project.run(&["env", "activate"]).success();
    assert_eq!(
        outcome.stderr,
        "Creating virtualenv [base]-py[this] in [central]\n"
    );
    assert!(
        outcome
            .stdout
            .contains(" [central]/[base]-py[this]/bin/activate")
    );
}

/// Poetry says the first line only.
#[test]
fn without_an_environment_there_is_nothing_to_activate() {
    let mut project = Project::new();
    project.fx.set("POETRY_VIRTUALENVS_CREATE", "false");
    let outcome = project.shell("", &["bash"], "@activate@\n").unwrap();
    assert_eq!(outcome.code, Some(1));
    let text = outcome.stderr;
    let first = "\nDiscovered shell 'bash' doesn't have an activator in virtual environment\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.ends_with("is no virtual environment, so that there is nothing to activate.\n"));
}
