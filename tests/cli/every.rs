//! `--all`: every locked project of the repository.

use std::time::Duration;

use crate::support::{Fixture, Wheel};

/// Two services and a library of theirs, which has no lock file; all below a marked root.
fn monorepo() -> Fixture {
    let fx = Fixture::empty();
    fx.index().publish(&Wheel::new("web", "1.1"));
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    fx.write("libs/common/pyproject.toml", library());
    fx.write("libs/common/common.py", "");
    for service in ["one", "two"] {
        fx.write(
            &format!("stack/{service}/pyproject.toml"),
            manifest(service),
        );
        fx.write(
            &format!("stack/{service}/poetry.toml"),
            "[virtualenvs]\nin-project = true\n",
        );
        fx.write(&format!("stack/{service}/{service}.py"), "");
        fx.mpoetry_in(&format!("stack/{service}"), ["lock"])
            .success();
    }
    fx
}

fn library() -> String {
    "[project]\nname = \"common\"\nversion = \"0.3\"\nrequires-python = \">=3.11\"\n".to_owned()
        + BACKEND
}

fn manifest(name: &str) -> String {
    format!(
        "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = [\"web\"]\n\
         [tool.poetry.group.dev.dependencies]\ncommon = {{ path = \"../../libs/common\", develop = true }}\n{BACKEND}"
    )
}

const BACKEND: &str =
    "[build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n";

#[test]
fn all_projects_are_installed_each_into_its_own_environment() {
    let mut fx = monorepo();
    // What is switched on in the shell is none of theirs.
    fx.set("VIRTUAL_ENV", "/nowhere");
    insta::assert_snapshot!(fx.mpoetry_in("stack/one", ["install", "--all"]), @"
    exit: 0
    ----- stdout -----
    stack/one
    Installing dependencies from lock file

    Package operations: 2 installs, 0 updates, 0 removals

      - Installing web (1.1)
      - Installing common (0.3 [root]/libs/common)

    Installing the current project: one (1.0)

    stack/two
    Installing dependencies from lock file

    Package operations: 2 installs, 0 updates, 0 removals

      - Installing web (1.1)
      - Installing common (0.3 [root]/libs/common)

    Installing the current project: two (1.0)
    ----- stderr -----
    Creating virtualenv one in [root]/stack/one/.venv
    Creating virtualenv two in [root]/stack/two/.venv
    ");
    for service in ["one", "two"] {
        let bin = format!("stack/{service}/.venv/bin/python");
        assert!(fx.exists(&bin), "{bin}");
    }
    std::thread::sleep(Duration::from_millis(50));
    fx.mpoetry(["install", "--all"]).success();
    fx.index_mut().stop();
    // From here on it is known that there is nothing to do.
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["install", "--all"]), @"
    exit: 0
    ----- stdout -----
    stack/one
    Installing dependencies from lock file

    No dependencies to install or update

    Installing the current project: one (1.0)

    stack/two
    Installing dependencies from lock file

    No dependencies to install or update

    Installing the current project: two (1.0)
    ");
    fx.assert_unchanged(&before);
    // What is known of each holds for a command on it alone, too.
    let alone = fx.mpoetry_in("stack/two", ["install"]).success();
    assert!(alone.stdout.contains("No dependencies"), "{alone}");
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let fx = monorepo();
    fx.edit("stack/one/pyproject.toml", "\"web\"", "\"web>1\"");
    insta::assert_snapshot!(fx.mpoetry(["sync", "--all", "--only", "main"]), @"
    exit: 1
    ----- stdout -----
    stack/one
    Installing dependencies from lock file

    stack/two
    Installing dependencies from lock file

    Package operations: 1 install, 0 updates, 0 removals

      - Installing web (1.1)

    Installing the current project: two (1.0)
    ----- stderr -----
    Creating virtualenv one in [root]/stack/one/.venv

    pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.
    Creating virtualenv two in [root]/stack/two/.venv

    1 of 2 projects failed: stack/one
    ");
    assert!(fx.exists("stack/two/.venv/bin/python"));
}

#[test]
fn without_a_locked_project_there_is_nothing_to_install() {
    let fx = Fixture::empty();
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    fx.write("libs/common/pyproject.toml", library());
    insta::assert_snapshot!(fx.mpoetry(["install", "--all"]), @"
    exit: 1
    ----- stderr -----

    no project below [root] has a lock file

    Run `mpoetry lock` in the projects that need one.
    ");
}
