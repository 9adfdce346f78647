//! `mpoetry version`.

use crate::support::Fixture;

const MANIFEST: &str = "[project]\nname = \"a\"\nversion = '1.0'   # the version\n\n[tool.poetry]\nversion = \"1.0\"\n";

#[test]
fn the_version_is_shown() {
    let fx = Fixture::project(MANIFEST);
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["version"]), @"
    exit: 0
    ----- stdout -----
    a 1.0
    ");
    insta::assert_snapshot!(fx.mpoetry(["version", "-sn"]), @"
    exit: 0
    ----- stdout -----
    1.0
    ");
    fx.assert_unchanged(&before);
}

/// Wherever it stands, and nothing else.
#[test]
fn the_version_is_counted_up() {
    let fx = Fixture::project(MANIFEST);
    insta::assert_snapshot!(fx.mpoetry(["version", "minor"]), @"
    exit: 0
    ----- stdout -----
    Bumping version from 1.0 to 1.1
    ");
    assert_eq!(
        fx.read("pyproject.toml"),
        "[project]\nname = \"a\"\nversion = \"1.1\"   # the version\n\n[tool.poetry]\nversion = \"1.1\"\n"
    );
    insta::assert_snapshot!(fx.mpoetry(["version", "prerelease", "--short"]), @"
    exit: 0
    ----- stdout -----
    1.1.1a0
    ");
    insta::assert_snapshot!(fx.mpoetry(["version", "prerelease", "--next-phase"]), @"
    exit: 0
    ----- stdout -----
    Bumping version from 1.1.1a0 to 1.1.1b0
    ");
    insta::assert_snapshot!(fx.mpoetry(["version", "v2.0-rc.1"]), @"
    exit: 0
    ----- stdout -----
    Bumping version from 1.1.1b0 to 2.0rc1
    ");
    assert!(
        fx.read("pyproject.toml")
            .contains("version = \"2.0rc1\"   # the version")
    );
}

#[test]
fn what_is_no_version_changes_nothing() {
    let fx = Fixture::project(MANIFEST);
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["version", "foo"]), @"
    exit: 1
    ----- stderr -----

    Invalid PEP 440 version: 'foo'
    ");
    insta::assert_snapshot!(fx.mpoetry(["version", "1", "2"]), @r#"
    exit: 1
    ----- stderr -----

    Too many arguments to "version" command, expected arguments "version"
    "#);
    fx.mpoetry(["version", "major", "--dry-run"]).success();
    fx.assert_unchanged(&before);
}

#[test]
fn a_project_without_a_version() {
    let fx = Fixture::project("[tool.poetry]\npackage-mode = false\n");
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["version"]), @"
    exit: 0
    ----- stdout -----
    non-package-mode 0
    ");
    insta::assert_snapshot!(fx.mpoetry(["version", "minor"]), @"
    exit: 0
    ----- stdout -----
    Bumping version from 0 to 0.1
    ");
    fx.assert_unchanged(&before);
}
