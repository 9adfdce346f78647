//! `--all`: every locked project of the repository.

use std::time::Duration;

use super::monorepo::{self, LIBRARIES, SERVICES};
use super::remote_cache::sdist;
use crate::support::{Fixture, Repository, Wheel, python};

/// Two services and a library of theirs, which has no lock file; all below a marked root.
fn monorepo() -> Fixture {
    let fx = Fixture::empty();
    add_services(&fx, ["one", "two"], "\"web\"");
    fx
}

fn add_services<const N: usize>(fx: &Fixture, services: [&str; N], dependencies: &str) {
    fx.index().publish(&Wheel::new("web", "1.1"));
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    fx.write("libs/common/pyproject.toml", library());
    fx.write("libs/common/common.py", "");
    for service in services {
        let folder = format!("stack/{service}");
        let manifest = manifest(service).replace("\"web\"", dependencies);
        fx.write(&format!("{folder}/pyproject.toml"), manifest);
        fx.write(
            &format!("{folder}/poetry.toml"),
            "[virtualenvs]\nin-project = true\n",
        );
        fx.write(&format!("{folder}/{service}.py"), "");
        fx.mpoetry_in(&folder, ["lock"]).success();
    }
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

/// They are installed at the same time, but tell of it one after the other, and nothing is fetched or built twice.
#[test]
fn many_projects_share_what_one_of_them_has_made() {
    let fx = Fixture::empty();
    fx.index().publish(&sdist());
    let services = ["five", "four", "one", "six", "three", "two"];
    add_services(&fx, services, "\"web\", \"tool\"");
    std::fs::remove_dir_all(fx.top().join("cache")).unwrap();
    fx.index().forget_requests();

    let outcome = fx.mpoetry(["install", "--all"]).success();
    let expected = services.map(|service| format!("stack/{service}"));
    assert_eq!(turns(&outcome.stdout), expected);
    for (service, told) in services.iter().zip(outcome.stdout.split("stack/").skip(1)) {
        let last = format!("Installing the current project: {service} (1.0)");
        assert!(told.trim_end().ends_with(&last), "{outcome}");
    }
    let requests = fx.index().requests();
    for file in ["web-1.1-py3-none-any.whl ", "tool-1.0.tar.gz "] {
        let asked = requests.iter().filter(|it| it.contains(file));
        assert_eq!(asked.count(), 1, "{requests:?}");
    }
    // The back end writes something else into each wheel.
    let stamps = services.map(|service| {
        let code = "import pathlib, tool; print(pathlib.Path(tool.__file__).with_name('told.json').read_text())";
        let folder = format!("stack/{service}");
        fx.mpoetry_in(&folder, ["run", "python", "-c", code])
            .success()
            .stdout
    });
    assert!(stamps.iter().all(|stamp| *stamp == stamps[0]), "{stamps:?}");
}

/// Where no environments are made, as in many images, all projects share the one that is there.
#[test]
fn projects_of_one_environment_are_installed_one_after_the_other() {
    let mut fx = monorepo();
    let base = fx.path("base");
    let python = python().executable.as_path();
    fx.run(
        fx.command(python)
            .args(["-m", "venv", "--without-pip"])
            .arg(&base),
    )
    .success();
    let path = format!("{}:/usr/bin:/bin", base.join("bin").display());
    fx.set("PATH", &path);
    fx.set("POETRY_VIRTUALENVS_CREATE", "false");
    for service in ["one", "two"] {
        fx.remove(&format!("stack/{service}/poetry.toml"));
    }
    insta::assert_snapshot!(fx.mpoetry(["install", "--all"]), @"
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

    No dependencies to install or update

    Installing the current project: two (1.0)
    ");
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

/// The names of the projects that were worked on, in order.
fn turns(stdout: &str) -> Vec<&str> {
    let is_project = |line: &&str| line.starts_with("libs/") || line.starts_with("stack/");
    stdout.lines().filter(is_project).collect()
}

#[test]
fn all_projects_are_locked_after_their_libraries() {
    let fx = monorepo();
    fx.index().publish(&Wheel::new("web", "1.2"));
    fx.remove("stack/one/poetry.lock");
    fx.edit(
        "stack/two/pyproject.toml",
        "dependencies = [\"web\"]",
        "dependencies = [\"web>1.1\"]",
    );
    // A library without a lock file is meant to have none.
    fx.write(
        "libs/extra/pyproject.toml",
        library().replace("common", "extra"),
    );
    fx.edit(
        "stack/two/pyproject.toml",
        "common = {",
        "extra = { path = \"../../libs/extra\" }\ncommon = {",
    );
    insta::assert_snapshot!(fx.mpoetry_in("stack/one", ["lock", "--all"]), @"
    exit: 0
    ----- stdout -----
    stack/one
    Updating dependencies
    Resolving dependencies...

    Writing lock file

    stack/two
    Resolving dependencies...

    Writing lock file

    Lock files: 2 locked, 0 unchanged, 0 failed
    ");
    assert!(!fx.exists("libs/common/poetry.lock"));
    let again = fx.mpoetry(["lock", "--all"]).success();
    assert!(
        again
            .stdout
            .ends_with("\nLock files: 0 locked, 2 unchanged, 0 failed\n"),
        "{again}"
    );
}

/// Lock files come out as if each project were locked alone, and each page is asked for once though no cached one is
/// trusted.
#[test]
fn locking_all_is_locking_each() {
    let fx = monorepo::monorepo();
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    let projects = [LIBRARIES, SERVICES].concat();
    for project in &projects {
        fx.write(&format!("{project}/poetry.lock"), "");
    }
    let outcome = fx
        .mpoetry(["lock", "--all", "--regenerate", "--no-cache"])
        .success();
    let order = turns(&outcome.stdout);
    let place = |name: &str| order.iter().position(|other| *other == name);
    assert_eq!(order.len(), projects.len());
    assert!(place("libs/libtelemetry") < place("libs/libmq"));
    assert!(place("libs/libmq") < place("stack/service-api"));
    let requests = fx.index().requests().into_iter();
    let pages: Vec<String> = requests
        .filter(|it| it.starts_with("GET /simple/pytest/"))
        .collect();
    assert_eq!(pages.len(), 1, "{pages:?}");
    for project in &projects {
        let together = fx.read(&format!("{project}/poetry.lock"));
        fx.mpoetry_in(project, ["lock", "--regenerate"]).success();
        assert_eq!(
            fx.read(&format!("{project}/poetry.lock")),
            together,
            "{project}"
        );
    }
}

#[test]
fn a_project_that_can_not_be_locked_does_not_stop_the_others() {
    let fx = monorepo();
    fx.edit("stack/one/pyproject.toml", "\"web\"", "\"nowhere\"");
    fx.edit("stack/two/pyproject.toml", "\"web\"", "\"web>1\"");
    insta::assert_snapshot!(fx.mpoetry(["lock", "--all"]), @"
    exit: 1
    ----- stdout -----
    stack/one
    Resolving dependencies...

    stack/two
    Resolving dependencies...

    Writing lock file

    Lock files: 1 locked, 0 unchanged, 1 failed
    ----- stderr -----

    Because one depends on nowhere (*) which doesn't match any versions, version solving failed.

    1 of 2 projects failed: stack/one
    ");
}

#[test]
fn lock_files_are_checked_with_what_libraries_need() {
    let fx = monorepo();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["lock", "--all", "--check"]), @"
    exit: 0
    ----- stdout -----
    stack/one
    poetry.lock is up to date

    stack/two
    poetry.lock is up to date

    Lock files: 2 up to date, 0 failed
    ");
    insta::assert_snapshot!(fx.mpoetry_in("stack/one", ["lock", "--check"]), @"
    exit: 0
    ----- stdout -----
    poetry.lock is up to date
    ");
    fx.assert_unchanged(&before);
    fx.edit(
        "libs/common/pyproject.toml",
        "requires-python",
        "dependencies = [\"web>=2\", \"tools; python_version < '3'\"]\nrequires-python",
    );
    fx.edit("stack/two/pyproject.toml", "\"web\"", "\"web>1\"");
    insta::assert_snapshot!(fx.mpoetry(["lock", "--all", "--check"]), @"
    exit: 1
    ----- stdout -----
    stack/one

    stack/two

    Lock files: 0 up to date, 2 failed
    ----- stderr -----

    poetry.lock does not hold what libraries need now:
      - common needs web (>=2)
    Run `mpoetry lock` to fix the lock file.

    pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.

    2 of 2 projects failed: stack/one, stack/two
    ");
}

#[test]
fn only_what_a_change_affects() {
    let fx = monorepo();
    let git = Repository::new(fx.root());
    fx.write(".gitignore", ".venv\n");
    git.commit("all");
    insta::assert_snapshot!(fx.mpoetry(["install", "--affected", "--since", "main"]), @"
    exit: 0
    ----- stdout -----
    No project is affected by what changed since main
    ");
    fx.write("stack/two/two.py", "# new");
    let outcome = fx
        .mpoetry(["install", "--affected", "--since", "main"])
        .success();
    assert_eq!(turns(&outcome.stdout), ["stack/two"]);
    fx.write("libs/common/common.py", "# new");
    let outcome = fx
        .mpoetry(["lock", "--all", "--affected", "--since", "main"])
        .success();
    assert_eq!(turns(&outcome.stdout), ["stack/one", "stack/two"]);
    insta::assert_snapshot!(fx.mpoetry(["lock", "--affected"]), @r#"
    exit: 1
    ----- stderr -----

    The option "--since" is required
    "#);
}
