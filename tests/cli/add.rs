//! `mpoetry add`.

use super::lock::locked;
use super::locked_service;
use crate::support::{Fixture, Wheel};

/// The locked service, and an index with something to add.
fn service_and_more() -> Fixture {
    let fx = locked_service();
    let index = fx.index();
    index.publish(&Wheel::new("extra", "1.0"));
    index.publish(&Wheel::new("extra", "1.4.2").requires("tools>=1"));
    index.publish(&Wheel::new("extra", "2.0rc1"));
    fx
}

#[test]
fn the_latest_version_is_looked_up_locked_and_installed() {
    let fx = service_and_more();
    fx.mpoetry(["install"]).success();
    let before = fx.read("pyproject.toml");
    insta::assert_snapshot!(fx.mpoetry(["add", "Extra"]), @"
    exit: 0
    ----- stdout -----
    Using version ^1.4.2 for extra

    Updating dependencies
    Resolving dependencies...

    Package operations: 1 install, 0 updates, 0 removals

      - Installing extra (1.4.2)

    Writing lock file
    ");
    assert_eq!(
        fx.read("pyproject.toml"),
        before.replace("<2.0)\"]", "<2.0)\", \"extra (>=1.4.2,<2.0.0)\"]")
    );
    let expected = "check 3.0, extra 1.4.2, pages 2.1, speed 1.0, tools 1.5, web 1.1";
    assert_eq!(locked(&fx).join(", "), expected);
    fx.mpoetry(["run", "python", "-c", "import extra"])
        .success();
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...
    ");
}

#[test]
fn an_explanation_names_the_version_that_was_told() {
    let fx = service_and_more();
    fx.index()
        .publish(&Wheel::new("late", "3.1").requires("tools>=9"));
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["add", "late", "--lock"]), @"
    exit: 1
    ----- stdout -----
    Using version ^3.1 for late

    Updating dependencies
    Resolving dependencies...
    ----- stderr -----

    Because no versions of late match >3.1,<4.0
     and late (3.1) depends on tools (>=9), late (>=3.1,<4.0) requires tools (>=9).
    So, because no versions of tools match >=9
     and service depends on late (^3.1), version solving failed.
    ");
    fx.assert_unchanged(&before);
}

#[test]
fn what_is_there_is_left_alone() {
    let fx = service_and_more();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["add", "Web", "--lock"]), @"
    exit: 0
    ----- stdout -----
    The following packages are already present in the pyproject.toml ([root]/pyproject.toml) and will be skipped:

      - Web

    If you want to update it to the latest compatible version, you can use `poetry update package`.
    If you prefer to upgrade it to the latest available version, you can use `poetry add package@latest`.

    Nothing to add.
    ");
    fx.assert_unchanged(&before);
    fx.mpoetry(["add", "web@latest", "--lock"]).success();
    assert!(
        fx.read("pyproject.toml")
            .contains("dependencies = [\"web (>=2.0,<3.0)\"]")
    );
    assert!(locked(&fx).contains(&"web 2.0".to_owned()));
}

#[test]
fn groups_and_extras() {
    let fx = service_and_more();
    let before = fx.read("pyproject.toml");
    fx.mpoetry(["add", "-D", "extra>=1", "--lock"]).success();
    fx.mpoetry(["add", "tools@^1.5", "--optional", "fast", "--lock"])
        .success();
    fx.mpoetry([
        "add",
        "-G",
        "docs",
        "extra",
        "--allow-prereleases",
        "--lock",
    ])
    .success();
    let expected = before
        .replace(
            "[\"check\"]",
            "[\"check\", \"extra (>=1)\"]\ndocs = [\n    \"extra (>=2.0rc1,<3.0)\"\n]",
        )
        .replace(
            "1.0)\"]\n\n[project.s",
            "1.0)\", \"tools (>=1.5,<2.0)\"]\n\n[project.s",
        )
        .replace(
            "\"^2.0\"\n",
            "\"^2.0\"\nextra = {allow-prereleases = true}\n",
        );
    assert_eq!(fx.read("pyproject.toml"), expected);
    assert!(!fx.exists(".venv"));
}

/// Poetry writes the absolute path into `[project]`, which is of no use on another machine.
#[test]
fn a_library_is_added_by_its_relative_path() {
    let fx = service_and_more();
    fx.write(
        "libs/common/pyproject.toml",
        "[project]\nname = \"Common\"\nversion = \"0.3\"\n[build-system]\nrequires = [\"poetry-core\"]\n\
         build-backend = \"poetry.core.masonry.api\"\n",
    );
    fx.mpoetry(["add", "./libs/common", "--editable", "--lock"])
        .success();
    let manifest = fx.read("pyproject.toml");
    assert!(
        manifest.contains("dependencies = [\"web (>=1.0,<2.0)\", \"common\"]"),
        "{manifest}"
    );
    let declared =
        "[tool.poetry.dependencies]\ncommon = {path = \"libs/common\", develop = true}\n";
    assert!(manifest.contains(declared), "{manifest}");
    let lock = fx.read("poetry.lock");
    assert!(
        lock.contains("type = \"directory\"\nurl = \"libs/common\""),
        "{lock}"
    );
}

#[test]
fn nothing_is_changed_when_something_is_wrong() {
    let fx = service_and_more();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "nope"]), @"
    exit: 1
    ----- stderr -----

    Could not find a matching version of package nope
    ");
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "extra>3"]), @"
    exit: 1
    ----- stderr -----

    Could not find a matching version of package extra
    ");
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "extra@^a"]), @"
    exit: 1
    ----- stderr -----

    Could not parse version constraint: ^a
    ");
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "tools@<1.5", "extra==1.4.2"]).code.unwrap(), @"1");
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "extra", "-e"]), @"
    exit: 1
    ----- stdout -----
    Using version ^1.4.2 for extra
    ----- stderr -----

    Failed to add packages. Only vcs/path dependencies support editable installs. extra is neither.

    No changes were applied.
    ");
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "extra", "--source", "nowhere"]), @r#"
    exit: 1
    ----- stderr -----

    Repository "nowhere" does not exist.
    "#);
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "extra", "tools", "-E", "x"]), @"
    exit: 1
    ----- stderr -----

    You can only specify one package when using the --extras option
    ");
    insta::assert_snapshot!(fx.mpoetry(["add", "--lock", "extra", "-D", "--optional", "x"]), @"
    exit: 1
    ----- stderr -----

    You can only add optional dependencies to the main group
    ");
    insta::assert_snapshot!(fx.mpoetry(["add"]), @r#"
    exit: 1
    ----- stderr -----

    Not enough arguments (missing: "name")
    "#);
    fx.assert_unchanged(&before);
}

#[test]
fn a_dry_run_changes_nothing() {
    let fx = service_and_more();
    fx.mpoetry(["install"]).success();
    let (manifest, lock) = (fx.read("pyproject.toml"), fx.read("poetry.lock"));
    insta::assert_snapshot!(fx.mpoetry(["add", "extra@<1.4", "--dry-run"]), @"
    exit: 0
    ----- stdout -----

    Updating dependencies
    Resolving dependencies...

    Package operations: 1 install, 0 updates, 0 removals, 4 skipped

      - Installing check (3.0): Skipped for the following reason: Already installed
      - Installing extra (1.0)
      - Installing speed (1.0): Skipped for the following reason: Not required
      - Installing tools (1.5): Skipped for the following reason: Already installed
      - Installing web (1.1): Skipped for the following reason: Already installed
    ");
    assert_eq!(fx.read("pyproject.toml"), manifest);
    assert_eq!(fx.read("poetry.lock"), lock);
}

#[test]
fn a_project_in_the_older_form_stays_in_it() {
    let fx = Fixture::project(
        "[tool.poetry]\npackage-mode = false\n\n[tool.poetry.dependencies]\npython = \"^3.11\"   # why\n",
    );
    fx.index().publish(&Wheel::new("extra", "1.4.2"));
    fx.index().publish(&Wheel::new("tools", "1.5"));
    fx.mpoetry(["add", "extra", "tools@^1", "--python", "^3.12", "--lock"])
        .success();
    assert_eq!(
        fx.read("pyproject.toml"),
        "[tool.poetry]\npackage-mode = false\n\n[tool.poetry.dependencies]\npython = \"^3.11\"   # why\n\
         extra = {version = \"^1.4.2\", python = \"^3.12\"}\ntools = {version = \"^1\", python = \"^3.12\"}\n"
    );
}

#[test]
fn where_a_dependency_counts_is_told_by_options() {
    let fx = service_and_more();
    fx.mpoetry(["add", "extra", "--platform", "win32", "--lock"])
        .success();
    let markers = "python_version < '3.12'";
    fx.mpoetry(["add", "tools@^1.5", "--markers", markers, "--lock"])
        .success();
    let manifest = fx.read("pyproject.toml");
    for line in [
        r#""extra (>=1.4.2,<2.0.0) ; sys_platform == \"win32\"""#,
        r#""tools (>=1.5,<2.0) ; python_version < \"3.12\"""#,
    ] {
        assert!(manifest.contains(line), "{manifest}");
    }
    let fx = Fixture::project(
        "[tool.poetry]\npackage-mode = false\n\n[tool.poetry.dependencies]\npython = \"^3.11\"\n",
    );
    fx.index().publish(&Wheel::new("extra", "1.4.2"));
    fx.mpoetry([
        "add",
        "extra",
        "--platform=linux",
        "--markers=extra == 'x'",
        "--lock",
    ])
    .success();
    assert!(
        fx.read("pyproject.toml").ends_with(
            "extra = {version = \"^1.4.2\", platform = \"linux\", markers = \"extra == 'x'\"}\n"
        ),
        "{}",
        fx.read("pyproject.toml")
    );
}
