//! `mpoetry source …`.

use crate::support::Fixture;

const MANIFEST: &str =
    "[project]\nname = \"a\"\nversion = \"1.0\"\n\n# About tools\n[tool.poetry]\npackages = []\n";

#[test]
fn without_sources_there_is_pypi() {
    let fx = Fixture::project(MANIFEST);
    insta::assert_snapshot!(fx.mpoetry(["source", "show"]), @"
    exit: 0
    ----- stdout -----
    No sources configured for this project.

    PyPI is implicitly enabled as a primary source. If you wish to disable it, or alter its priority please refer to https://python-poetry.org/docs/repositories/#package-sources.
    ");
}

#[test]
fn a_source_comes_changes_and_goes() {
    let fx = Fixture::project(MANIFEST);
    insta::assert_snapshot!(fx.mpoetry(["source", "add", "Internal", "https://example.com/simple/"]), @"
    exit: 0
    ----- stdout -----
    Adding source with name Internal.
    ----- stderr -----
    The default priority will change to supplemental in a future release.
    ");
    let shown = fx.mpoetry(["source", "show", "internal"]).success().stdout;
    assert!(
        shown.contains(" url       : https://example.com/simple/ \n"),
        "{shown}"
    );
    let added = "\n[[tool.poetry.source]]\nname = \"Internal\"\nurl = \"https://example.com/simple/\"\npriority = \"primary\"\n\n";
    assert_eq!(fx.read("pyproject.toml"), format!("{MANIFEST}{added}"));
    insta::assert_snapshot!(fx.mpoetry(["source", "add", "-p", "explicit", "internal", "https://example.org/simple"]), @"
    exit: 0
    ----- stdout -----
    Source with name internal already exists. Updating.
    ");
    fx.mpoetry(["source", "add", "--priority=supplemental", "pypi"])
        .success();
    insta::assert_snapshot!(fx.mpoetry(["source", "show"]).stdout.replace(" \n", "|\n"), @"
     name      : internal                  |
     url       : https://example.org/simple|
     priority  : explicit                  |

     name      : PyPI        |
     priority  : supplemental|
    ");
    insta::assert_snapshot!(fx.mpoetry(["source", "remove", "INTERNAL"]), @"
    exit: 0
    ----- stdout -----
    Removing source with name internal.
    ");
    let left = "\n[[tool.poetry.source]]\nname = \"PyPI\"\npriority = \"supplemental\"\n\n";
    assert_eq!(fx.read("pyproject.toml"), format!("{MANIFEST}{left}"));
}

#[test]
fn sources_that_can_not_be() {
    let fx = Fixture::project(MANIFEST);
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["source", "add", "pypi", "https://example.com"]), @"
    exit: 1
    ----- stderr -----
    The URL of PyPI is fixed and cannot be set.
    ");
    insta::assert_snapshot!(fx.mpoetry(["source", "add", "foo"]), @"
    exit: 1
    ----- stderr -----
    A custom source cannot be added without a URL.
    ");
    insta::assert_snapshot!(fx.mpoetry(["source", "add", "-p", "explicit", "pypi"]), @"
    exit: 1
    ----- stdout -----
    Adding source with name PyPI.
    ----- stderr -----

    At least one source must not be configured as 'explicit'.
    ");
    // Poetry prints the name of a missing key.
    insta::assert_snapshot!(fx.mpoetry(["source", "add", "-p", "default", "foo", "https://example.com"]), @r#"
    exit: 1
    ----- stderr -----

    "default" is no priority of a source (valid are: primary, supplemental, explicit)
    "#);
    insta::assert_snapshot!(fx.mpoetry(["source", "remove", "foo"]), @"
    exit: 1
    ----- stderr -----
    Source with name foo was not found.
    ");
    insta::assert_snapshot!(fx.mpoetry(["source", "add", "a", "b", "c"]), @r#"
    exit: 1
    ----- stderr -----

    Too many arguments to "source add" command, expected arguments "name" "url"
    "#);
    fx.assert_unchanged(&before);
}
