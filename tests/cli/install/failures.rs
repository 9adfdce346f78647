//! Builds that fail: what is said, and that nothing is left of them.

use super::libraries::{Backend, application, write_library};
use crate::support::Fixture;

/// A locked application with a library whose build system was edited.
fn broken(from: &str, to: &str, develop: bool) -> Fixture {
    let fx = application(&[("lib", develop)]);
    write_library(&fx, "lib", Backend::Own);
    fx.edit("lib/pyproject.toml", from, to);
    fx.mpoetry(["lock"]).success();
    fx
}

#[track_caller]
fn fails(fx: &Fixture) -> String {
    let outcome = fx.mpoetry(["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(super::installed(fx).is_empty(), "{outcome}");
    let (_, told) = outcome.stdout.split_once("Installing lib ").expect("lib");
    told.to_owned()
}

#[test]
fn a_back_end_that_fails() {
    let fx = broken("", "", false);
    let failing = "    import sys\n    sys.exit('no compiler')\n    name = ";
    fx.edit(
        "lib/backend.py",
        "    name = project()",
        &format!("{failing}project()"),
    );
    insta::assert_snapshot!(fails(&fx), @r#"
    (1.0 [root]/lib)

    PEP517 build of a dependency failed

    Backend subprocess exited when trying to invoke build_wheel

        | The back end ended with exit status: 1.
        |
        | no compiler

    Note: This error originates from the build backend, and is likely not a problem with poetry but one of the following issues with lib (1.0 [root]/lib)

      - not supporting PEP 517 builds
      - not specifying PEP 517 build requirements correctly
      - the build requirements are incompatible with your operating system or Python version
      - the build requirements are missing system dependencies (eg: compilers, libraries, headers).

    You can verify this by running pip wheel --no-cache-dir --use-pep517 "lib @ file://[root]/lib".
    "#);
}

#[test]
fn a_back_end_that_is_not_there() {
    let fx = broken("backend = \"backend\"", "backend = \"gone.api\"", false);
    insta::assert_snapshot!(fails(&fx), @r#"
    (1.0 [root]/lib)

    PEP517 build of a dependency failed

    Backend 'gone.api' is not available.

        | ModuleNotFoundError: No module named 'gone'

    A back end must be in build-system.requires of pyproject.toml, or in a folder of backend-path.

    Note: This error originates from the build backend, and is likely not a problem with poetry but one of the following issues with lib (1.0 [root]/lib)

      - not supporting PEP 517 builds
      - not specifying PEP 517 build requirements correctly
      - the build requirements are incompatible with your operating system or Python version
      - the build requirements are missing system dependencies (eg: compilers, libraries, headers).

    You can verify this by running pip wheel --no-cache-dir --use-pep517 "lib @ file://[root]/lib".
    "#);
}

#[test]
fn a_back_end_that_can_not_make_editable_installs() {
    let fx = broken("", "", true);
    fx.edit("lib/backend.py", "def build_editable", "def build_another");
    insta::assert_snapshot!(fails(&fx), @r#"
    (1.0 [root]/lib)

    PEP517 build of a dependency failed

    Backend operation failed: HookMissing('build_editable')

    backend can't make editable installs (PEP 660). Set `develop = false` for this dependency.

    Note: This error originates from the build backend, and is likely not a problem with poetry but one of the following issues with lib (1.0 [root]/lib)

      - not supporting PEP 517 builds
      - not specifying PEP 517 build requirements correctly
      - the build requirements are incompatible with your operating system or Python version
      - the build requirements are missing system dependencies (eg: compilers, libraries, headers).

    You can verify this by running pip wheel --no-cache-dir --use-pep517 --editable "[root]/lib".
    "#);
}

#[test]
fn build_requirements_that_nobody_has() {
    let fx = broken("requires = []", "requires = [\"gone>=7\"]", false);
    insta::assert_snapshot!(fails(&fx), @"
    (1.0 [root]/lib)

    Because build-requirements depends on gone (>=7) which doesn't match any versions, version solving failed.

    Cannot resolve build-system.requires for lib.
    ");
}

#[test]
fn what_is_queued_when_something_fails_is_dropped() {
    let mut fx = application(&[("lib", false), ("next", false)]);
    for name in ["lib", "next"] {
        write_library(&fx, name, Backend::Own);
    }
    fx.edit("lib/backend.py", "import zipfile", "import zipfiles");
    fx.mpoetry(["lock"]).success();
    fx.set("POETRY_INSTALLER_MAX_WORKERS", "1");
    assert!(!fails(&fx).contains("Installing next"));
}
