//! `mpoetry update`.

use super::lock::locked;
use super::{locked_service, service};
use crate::support::{Fixture, Wheel};

/// The service with something newer in the index for all that is locked, installed as it was.
fn outdated() -> Fixture {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    publish_newer(&fx);
    fx
}

fn publish_newer(fx: &Fixture) {
    let index = fx.index();
    index.publish(
        &Wheel::new("web", "1.2")
            .requires("tools>=1")
            .requires("deep"),
    );
    index.publish(&Wheel::new("tools", "1.6"));
    index.publish(&Wheel::new("check", "3.1"));
    index.publish(&Wheel::new("pages", "2.2"));
    index.publish(&Wheel::new("deep", "1.0").requires("deeper"));
    index.publish(&Wheel::new("deeper", "0.1"));
}

#[test]
fn all_is_updated_and_installed() {
    let fx = outdated();
    insta::assert_snapshot!(fx.mpoetry(["update", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 2 installs, 3 updates, 0 removals, 1 skipped

      - Installing deeper (0.1)
      - Installing deep (1.0)
      - Updating tools (1.5 -> 1.6)
      - Updating check (3.0 -> 3.1)
      - Installing speed (1.0): Skipped for the following reason: Not required
      - Updating web (1.1 -> 1.2)
    ");
    assert_eq!(locked(&fx)[4], "web 1.1", "a dry run writes nothing");
    fx.mpoetry(["update"]).success();
    let expected = "check 3.1, deep 1.0, deeper 0.1, pages 2.2, speed 1.0, tools 1.6, web 1.2";
    assert_eq!(locked(&fx).join(", "), expected);
    insta::assert_snapshot!(fx.mpoetry(["update"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    No dependencies to install or update
    ");
    insta::assert_snapshot!(fx.mpoetry(["update", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 0 installs, 0 updates, 0 removals, 6 skipped

      - Installing check (3.1): Skipped for the following reason: Already installed
      - Installing deep (1.0): Skipped for the following reason: Already installed
      - Installing deeper (0.1): Skipped for the following reason: Already installed
      - Installing speed (1.0): Skipped for the following reason: Not required
      - Installing tools (1.6): Skipped for the following reason: Already installed
      - Installing web (1.2): Skipped for the following reason: Already installed
    ");
}

#[test]
fn the_words_of_an_update() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    fx.index().publish(&Wheel::new("tools", "1.6"));
    insta::assert_snapshot!(fx.mpoetry(["update"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 0 installs, 1 update, 0 removals

      - Updating tools (1.5 -> 1.6)

    Writing lock file
    ");
    fx.mpoetry(["run", "python", "-c", "import tools"])
        .success();
}

#[test]
fn one_package_is_updated() {
    let fx = outdated();
    insta::assert_snapshot!(fx.mpoetry(["update", "Tools", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 0 installs, 1 update, 0 removals, 3 skipped

      - Updating tools (1.5 -> 1.6)
      - Installing check (3.0): Skipped for the following reason: Already installed
      - Installing speed (1.0): Skipped for the following reason: Not required
      - Installing web (1.1): Skipped for the following reason: Already installed
    ");
    insta::assert_snapshot!(fx.mpoetry(["update", "tools"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 0 installs, 1 update, 0 removals

      - Updating tools (1.5 -> 1.6)

    Writing lock file
    ");
    assert_eq!(
        locked(&fx).join(", "),
        "check 3.0, pages 2.1, speed 1.0, tools 1.6, web 1.1"
    );
}

/// What nobody needs any more goes, but not what was never locked.
#[test]
fn what_is_needed_no_more_is_removed() {
    let fx = outdated();
    fx.mpoetry(["update"]).success();
    fx.index().publish(&Wheel::new("web", "1.3"));
    insta::assert_snapshot!(fx.mpoetry(["update", "web"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 0 installs, 1 update, 3 removals

      - Removing deep (1.0)
      - Removing deeper (0.1)
      - Removing tools (1.6)
      - Updating web (1.2 -> 1.3)

    Writing lock file
    ");
    assert_eq!(
        locked(&fx).join(", "),
        "check 3.1, pages 2.2, speed 1.0, web 1.3"
    );
}

#[test]
fn the_lock_alone() {
    let fx = service();
    insta::assert_snapshot!(fx.mpoetry(["update", "--lock"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Writing lock file
    ");
    assert!(!fx.exists(".venv"));
    publish_newer(&fx);
    fx.mpoetry(["update", "--lock", "--dry-run"]).success();
    assert!(locked(&fx).contains(&"web 1.1".to_owned()));
    insta::assert_snapshot!(fx.mpoetry(["update", "web", "check", "--lock"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Writing lock file
    ");
    let expected = "check 3.1, deep 1.0, deeper 0.1, pages 2.1, speed 1.0, tools 1.5, web 1.2";
    assert_eq!(locked(&fx).join(", "), expected);
    insta::assert_snapshot!(fx.mpoetry(["update", "web", "--lock"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...
    ");
}

#[test]
fn groups_are_those_of_install() {
    let fx = locked_service();
    insta::assert_snapshot!(fx.mpoetry(["update", "--only", "docs", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 1 install, 0 updates, 0 removals, 1 skipped

      - Installing pages (2.1)
      - Installing speed (1.0): Skipped for the following reason: Not required
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    ");
    insta::assert_snapshot!(fx.mpoetry(["update", "--with", "docs", "--without", "dev,main", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 1 install, 0 updates, 0 removals, 1 skipped

      - Installing pages (2.1)
      - Installing speed (1.0): Skipped for the following reason: Not required
    ");
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(fx.mpoetry(["update", "--sync", "--only", "dev", "--dry-run"]), @"
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
    insta::assert_snapshot!(fx.mpoetry(["update", "--with", "nope"]), @"
    exit: 1
    ----- stderr -----

    Group(s) not found: nope (via --with)
    ");
}

#[test]
fn without_a_lock_all_is_new() {
    let fx = service();
    insta::assert_snapshot!(fx.mpoetry(["update", "web", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 3 installs, 0 updates, 0 removals, 1 skipped

      - Installing tools (1.5)
      - Installing check (3.0)
      - Installing speed (1.0): Skipped for the following reason: Not required
      - Installing web (1.1)
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    ");
    assert!(!fx.exists("poetry.lock"));
}

#[test]
fn names_that_are_not_those_of_dependencies() {
    let fx = locked_service();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["update", "--lock", "tools", "nope", "Other.Name"]), @"
    exit: 1
    ----- stderr -----
    The following packages are not dependencies of this project: nope, Other.Name
    ");
    insta::assert_snapshot!(fx.mpoetry(["update", "--lock", "nope", "tools>=1", "web==2"]), @"
    exit: 1
    ----- stderr -----
    Version specifiers are not allowed in poetry update.
      - tools>=1
      - web==2
    Use poetry add to change version constraints.
    ");
    fx.assert_unchanged(&before);
}

#[test]
fn a_conflict_leaves_all_as_it_was() {
    let fx = outdated();
    fx.edit(
        "pyproject.toml",
        "(>=1.0,<2.0)\"",
        "(>=1.0,<2.0)\", \"tools (>2)\"",
    );
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["update", "tools"]), @"
    exit: 1
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...
    ----- stderr -----

    Because service depends on tools (>2) which doesn't match any versions, version solving failed.
    ");
    fx.assert_unchanged(&before);
}
