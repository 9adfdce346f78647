//! `mpoetry remove`.

use super::lock::locked;
use super::locked_service;

#[test]
fn a_package_goes_from_all_three_places() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(fx.mpoetry(["remove", "Web"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 0 installs, 0 updates, 2 removals

      - Removing tools (1.5)
      - Removing web (1.1)

    Writing lock file
    ");
    assert!(fx.read("pyproject.toml").contains("\ndependencies = []\n"));
    assert_eq!(locked(&fx).join(", "), "check 3.0, pages 2.1, speed 1.0");
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...
    ");
}

#[test]
fn a_group_with_nothing_left_goes_too() {
    let fx = locked_service();
    let before = fx.read("pyproject.toml");
    fx.mpoetry(["remove", "-D", "check", "--lock"]).success();
    let without = before.replace("[dependency-groups]\ndev = [\"check\"]\n\n", "");
    assert_eq!(fx.read("pyproject.toml"), without);
    fx.mpoetry(["remove", "--group=docs", "pages", "--lock"])
        .success();
    let without = without.replace(
        "[tool.poetry.group.docs.dependencies]\npages = \"^2.0\"\n\n",
        "",
    );
    assert_eq!(fx.read("pyproject.toml"), without);
    assert_eq!(locked(&fx).join(", "), "speed 1.0, tools 1.5, web 1.1");
    assert!(!fx.exists(".venv"));
}

#[test]
fn what_is_not_there_changes_nothing() {
    let fx = locked_service();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["remove", "--lock", "web", "nope", "Zope"]), @"
    exit: 1
    ----- stderr -----

    The following packages were not found: Zope, nope
    ");
    // Extras are not looked at.
    insta::assert_snapshot!(fx.mpoetry(["remove", "--lock", "speed"]), @"
    exit: 1
    ----- stderr -----

    The following packages were not found: speed
    ");
    insta::assert_snapshot!(fx.mpoetry(["remove", "--lock", "-G", "dev", "web"]), @"
    exit: 1
    ----- stderr -----

    The following packages were not found: web
    ");
    insta::assert_snapshot!(fx.mpoetry(["remove"]), @r#"
    exit: 1
    ----- stderr -----

    Not enough arguments (missing: "packages")
    "#);
    fx.assert_unchanged(&before);
}

#[test]
fn a_dry_run_changes_nothing() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    let (manifest, lock) = (fx.read("pyproject.toml"), fx.read("poetry.lock"));
    insta::assert_snapshot!(fx.mpoetry(["remove", "web", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 0 installs, 0 updates, 2 removals, 2 skipped

      - Removing tools (1.5)
      - Removing web (1.1)
      - Installing check (3.0): Skipped for the following reason: Already installed
      - Installing speed (1.0): Skipped for the following reason: Not required
    ");
    assert_eq!(fx.read("pyproject.toml"), manifest);
    assert_eq!(fx.read("poetry.lock"), lock);
}
