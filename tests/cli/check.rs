//! `mpoetry check`.

use super::{locked_service, service};
use crate::support::Fixture;

#[test]
fn all_is_well() {
    let fx = Fixture::project(
        "[project]\nname = \"a\"\nversion = \"1\"\nlicense = \"MIT OR Apache-2.0\"\nrequires-python = \">=3.11\"\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["check"]), @"
    exit: 0
    ----- stdout -----
    All set!
    ");
    insta::assert_snapshot!(fx.mpoetry(["check", "--lock"]), @"
    exit: 1
    ----- stderr -----
    Error: poetry.lock was not found.
    ");
    fx.mpoetry(["lock"]).success();
    insta::assert_snapshot!(fx.mpoetry(["check", "--lock", "--strict"]), @"
    exit: 0
    ----- stdout -----
    All set!
    ");
}

#[test]
fn a_lock_file_must_fit() {
    let fx = locked_service();
    fx.mpoetry(["check"]).success();
    fx.edit("pyproject.toml", "web (>=1.0,<2.0)", "web (>=1.1,<2.0)");
    insta::assert_snapshot!(fx.mpoetry(["check"]), @"
    exit: 1
    ----- stderr -----
    Error: pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.
    ");
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["check"]).success();
}

/// The old style works, but much of it is deprecated.
#[test]
fn warnings_fail_only_if_strict() {
    let fx = Fixture::project(
        "[tool.poetry]\nname = \"a\"\nversion = \"1\"\ndescription = \"d\"\nauthors = []\n\
         [tool.poetry.dependencies]\npython = \"*\"\n\
         [tool.poetry.dev-dependencies]\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["check"]), @r#"
    exit: 0
    ----- stderr -----
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.
    Warning: The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.
    Warning: [tool.poetry.name] is deprecated. Use [project.name] instead.
    Warning: [tool.poetry.version] is set but 'version' is not in [project.dynamic]. If it is static use [project.version]. If it is dynamic, add 'version' to [project.dynamic].
    If you want to set the version dynamically via `poetry build --local-version` or you are using a plugin, which sets the version dynamically, you should define the version in [tool.poetry] and add 'version' to [project.dynamic].
    Warning: [tool.poetry.description] is deprecated. Use [project.description] instead.
    Warning: [tool.poetry.authors] is deprecated. Use [project.authors] instead.
    Warning: A wildcard Python dependency is ambiguous. Consider specifying a more explicit one.
    "#);
    assert_eq!(fx.mpoetry(["check", "--strict"]).code, Some(1));
    assert_eq!(fx.mpoetry(["check"]).code, Some(0));
}

#[test]
fn errors_come_before_warnings() {
    let fx = Fixture::project(
        "[project]\nname = \"a\"\nversion = \"1\"\nreadme = \"NOPE.md\"\nlicense = \"my own\"\n\
         classifiers = [\"It's mine\", \"Natural Language :: Ukranian\", \"Private :: Do Not Upload\"]\n\
         dependencies = []\n\
         [tool.poetry]\nname = \"b\"\n\
         [tool.poetry.dependencies]\nsix = {version = \"*\", source = \"mirror\"}\n\
         [tool.poetry.scripts]\nrun = {reference = \"run.sh\", type = \"file\", extras = [\"all\"]}\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["check"]), @r#"
    exit: 1
    ----- stderr -----
    Error: The script "run" requires extra "all" which is not defined.
    Error: Unrecognized classifiers: ["It's mine"].
    Error: Declared README file does not exist: NOPE.md
    Error: Invalid source "mirror" referenced in dependencies.
    Warning: [project.license] is not a valid SPDX expression. This is deprecated and will raise an error in the future.
    Warning: [project.name] and [tool.poetry.name] are both set. The latter will be ignored.
    Warning: The script "run" depends on an extra. Scripts depending on extras are deprecated and support for them will be removed in a future version of poetry/poetry-core. See https://packaging.python.org/en/latest/specifications/entry-points/#data-model for details.
    Warning: Deprecated classifier 'Natural Language :: Ukranian'. Must be replaced by ['Natural Language :: Ukrainian'].
    "#);
    insta::assert_snapshot!(fx.mpoetry(["check", "--lock", "-q"]), @"
    exit: 1
    ");
}

#[test]
fn what_no_command_can_read() {
    let fx = service();
    fx.edit("pyproject.toml", "name = \"service\"", "name = 3");
    insta::assert_snapshot!(fx.mpoetry(["check"]), @"
    exit: 1
    ----- stderr -----

    The Poetry configuration is invalid:
      - project.name must be string
    ");
}
