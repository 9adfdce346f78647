//! What goes wrong before a command begins: one clear text each.

use crate::support::Fixture;

#[test]
fn no_project() {
    let fx = Fixture::empty();
    for command in ["lock", "install", "run"] {
        let outcome = fx.mpoetry([command, "x"]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
    }
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    Poetry could not find a pyproject.toml file in [root] or its parents
    ");
    insta::assert_snapshot!(fx.mpoetry(["run", "x"]), @"
    exit: 1
    ----- stderr -----

    Poetry could not find a pyproject.toml file in [root] or its parents
    ");
    insta::assert_snapshot!(fx.mpoetry(["-P", "nowhere", "lock"]), @"
    exit: 1
    ----- stderr -----

    Specified path '[root]/nowhere' is not a valid directory.
    ");
    assert_eq!(fx.snapshot_tree().files(), Vec::<&str>::new());
}

#[test]
fn broken_projects() {
    let fx = Fixture::project("[project\n");
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    Invalid TOML file [root]/pyproject.toml: unclosed table, expected `]` at line 1 col 9
    ");
    fx.write("pyproject.toml", "[tool.other]\n");
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    The Poetry configuration is invalid:
      - Either [project.name] or [tool.poetry.name] is required in package mode.
      - Either [project.version] or [tool.poetry.version] is required in package mode.
    ");
    fx.write(
        "pyproject.toml",
        "[project]\nname = 'x'\nversion = '1'\n[tool.poetry.dependencies]\na = 1\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    The Poetry configuration is invalid:
      - tool.poetry.dependencies.a must be valid exactly by one definition (0 matches found)
    ");
    fx.write("pyproject.toml", "[tool.poetry]\nname = 'x'\nversion = '1'\ndescription = ''\nauthors = []\n[tool.poetry.dependencies]\na = '>>1'\n");
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    Could not parse version constraint: >>1
    ");
    assert_eq!(fx.list("."), ["pyproject.toml"]);
}

/// Poetry tells of a character that it does not expect.
#[test]
fn a_merge_that_is_not_finished() {
    let fx = Fixture::named("service");
    let manifest = fx.read("pyproject.toml");
    let conflict = "<<<<<<< HEAD\nversion = \"2\"\n=======\nversion = \"3\"\n>>>>>>> other\n";
    fx.write(
        "pyproject.toml",
        format!("[project]\nname = \"x\"\n{conflict}"),
    );
    for command in [&["lock"][..], &["env", "list"], &["version", "patch"]] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(fx.mpoetry_with("", command), @"
            exit: 1
            ----- stderr -----

            Invalid TOML file [root]/pyproject.toml: git's conflict markers begin at line 3 col 1

            Keep the lines that are right, and remove those that begin with <<<<<<<, ======= and >>>>>>>.
            ");
        }
    }
    // What only looks like one is no conflict.
    fx.write(
        "pyproject.toml",
        "[project]\nname = \"\"\"\n<<<<<<< HEAD\n\"\"\"\nversion\n",
    );
    let outcome = fx.mpoetry(["lock"]);
    assert!(outcome.stderr.contains("at line 5"), "{outcome}");

    fx.write("pyproject.toml", manifest);
    fx.write("poetry.lock", format!("[metadata]\n{conflict}"));
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    Unable to read the lock file (git's conflict markers begin at line 2).

    Settle pyproject.toml first. Then take the lock file of one side, with `git checkout --ours poetry.lock` or `git checkout --theirs poetry.lock`, and have `poetry lock` add what the other side wants.
    ");
}

/// A file of settings may hold a password: what is wrong with it is told without its lines.
#[test]
fn settings_that_can_not_be_read_are_not_quoted() {
    let fx = Fixture::named("service");
    fx.write(
        "poetry.toml",
        "[http-basic]\nx = { password = \"secret\" \n",
    );
    insta::assert_snapshot!(fx.mpoetry(["env", "list"]), @"
    exit: 1
    ----- stderr -----

    Invalid TOML file [root]/poetry.toml: unclosed inline table, expected `}` at line 2 col 26
    ");
    fx.write("poetry.toml", "<<<<<<< HEAD\n=======\n>>>>>>> other\n");
    insta::assert_snapshot!(fx.mpoetry(["env", "list"]), @"
    exit: 1
    ----- stderr -----

    Invalid TOML file [root]/poetry.toml: git's conflict markers begin at line 1 col 1

    Keep the lines that are right, and remove those that begin with <<<<<<<, ======= and >>>>>>>.
    ");
    // So do commands that would need no setting.
    for command in ["check", "export"] {
        let said = fx.mpoetry([command]).to_string();
        assert!(
            said.starts_with("exit: 1") && said.contains("poetry.toml: git's conflict"),
            "{said}"
        );
    }
}

#[test]
fn another_poetry_is_asked_for() {
    let fx = Fixture::project(
        "[project]\nname = 'x'\nversion = '1'\n[tool.poetry]\nrequires-poetry = '>=3'\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    This project requires Poetry >=3, but you are using Poetry 2.5.1
    ");
}

#[test]
fn a_lock_that_cannot_be_read() {
    let fx = Fixture::named("service");
    fx.write("poetry.lock", "not = [toml");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file
    ----- stderr -----
    Creating virtualenv service in [root]/.venv

    Unable to read the lock file (unclosed array, expected `]` at line 1).

    Restore it, or regenerate it with the `poetry lock --regenerate` command.
    ");
    fx.write("poetry.lock", "[[package]]\nname = \"a\"\n");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file
    ----- stderr -----

    The lock file does not have a metadata entry.
    Regenerate the lock file with the `poetry lock` command.
    ");
}

#[test]
fn a_lock_whose_packages_are_no_list() {
    let fx = Fixture::named("service");
    fx.write(
        "poetry.lock",
        "[package]\nname = \"a\"\n[metadata]\nlock-version = \"2.1\"\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stderr -----

    The lock file can't be read: `package` is no list of tables.

    Restore it, or regenerate it with the `poetry lock --regenerate` command.
    ");
}

#[test]
fn a_project_for_no_python() {
    let fx = Fixture::named("service");
    fx.edit("pyproject.toml", ">=3.11", ">=3.11,<3.10");
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 1
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...
    ----- stderr -----

    no Python version is allowed by the project (>=3.11,<3.10)
    ");
}

#[test]
fn words_that_are_no_command() {
    let fx = Fixture::named("service");
    insta::assert_snapshot!(fx.mpoetry(["frobnicate"]), @"
    exit: 1
    ----- stderr -----
    The requested command frobnicate does not exist.

    Documentation: https://python-poetry.org/docs/cli/
    ");
    insta::assert_snapshot!(fx.mpoetry(["lock", "--nope"]), @r#"
    exit: 1
    ----- stderr -----

    The option "--nope" does not exist
    "#);
    insta::assert_snapshot!(fx.mpoetry(["--version"]), @"
    exit: 0
    ----- stdout -----
    Poetry (version 2.5.1)
    ");
    insta::assert_snapshot!(fx.mpoetry(["-q", "lock", "--nope"]), @"exit: 1");
}
