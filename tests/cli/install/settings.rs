//! The settings `installer.*` and the tables of the project that say how packages are installed.

use super::super::{locked_service, service};
use super::libraries::{Backend, NOTHING, SETTINGS, application, install, print, write_library};
use crate::support::{Fixture, Sdist, Wheel};

const BACKEND: &str = include_str!("../../fixtures/backend.py");
const SYSTEM: &str =
    "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";

/// An application that requires `both`, of which there are a wheel and an sdist.
fn both() -> Fixture {
    let fx = application(&[]);
    fx.edit("pyproject.toml", "[]", "[\"both\"]");
    let wheel = Wheel::new("both", "1.0").file("both/__init__.py", "FROM = 'wheel'\n");
    fx.index().publish(&wheel);
    fx.index().publish(&sdist("both"));
    fx.mpoetry(["lock"]).success();
    fx
}

fn sdist(name: &str) -> Sdist {
    let manifest = format!("[project]\nname = \"{name}\"\nversion = \"1.0\"\n{SYSTEM}");
    Sdist::new(name, "1.0")
        .file("pyproject.toml", manifest)
        .file("backend.py", BACKEND)
        .file(&format!("{name}/__init__.py"), "FROM = 'sdist'\n")
}

const FROM: &str = "import both; print(both.FROM)";

#[test]
fn no_binary_builds_what_has_a_wheel() {
    for value in ["both", "Both,other", ":all:", "true"] {
        let mut fx = both();
        fx.mpoetry(["install"]).success();
        assert_eq!(print(&fx, FROM), "wheel");
        fx.remove(".venv");
        fx.set("POETRY_INSTALLER_NO_BINARY", value);
        fx.mpoetry(["install"]).success();
        assert_eq!(print(&fx, FROM), "sdist", "{value}");
    }
    for value in ["other", ":none:", "false", ""] {
        let mut fx = both();
        fx.set("POETRY_INSTALLER_NO_BINARY", value);
        fx.mpoetry(["install"]).success();
        assert_eq!(print(&fx, FROM), "wheel", "{value}");
    }
}

#[test]
fn files_may_have_a_list() {
    let fx = both();
    let settings = "[installer]\nno-binary = [\"both\"]\n";
    fx.write("poetry.toml", format!("{SETTINGS}{settings}"));
    fx.mpoetry(["install"]).success();
    assert_eq!(print(&fx, FROM), "sdist");
}

#[test]
fn only_binary_refuses_what_has_no_wheel() {
    let mut fx = application(&[]);
    fx.edit("pyproject.toml", "[]", "[\"source\"]");
    fx.index().publish(&sdist("source"));
    fx.mpoetry(["lock"]).success();
    fx.set("POETRY_INSTALLER_ONLY_BINARY", ":all:");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 1 install, 0 updates, 0 removals

      - Installing source (1.0)

        | Unable to find installation candidates for source (1.0)
        | 
        | This is likely not a Poetry issue.
        | 
        |   - 1 candidate(s) were identified for the package
        |   - 1 source distribution(s) were skipped due to your installer.only-binary policy
        | 
        | Solutions:
        | Make sure the lockfile is up-to-date. You can try one of the following;
        | 
        |     1. Regenerate lockfile: poetry lock --no-cache --regenerate
        |     2. Update package     : poetry update --no-cache source
        | 
        | If any of those solutions worked, you will have to clear your caches using (poetry cache clear --all).
        | 
        | If neither works, please first check to verify that the source has published wheels available from your configured source that are compatible with your environment- ie. operating system, architecture (x86_64, arm64 etc.), python interpreter.
    ----- stderr -----
    Creating virtualenv app in [root]/.venv
    ");
    fx.set("POETRY_INSTALLER_NO_BINARY", "source");
    fx.mpoetry(["install"]).success();
}

#[test]
fn values_that_are_of_no_use() {
    for (name, value) in [
        ("NO_BINARY", "a b"),
        ("ONLY_BINARY", ":some:"),
        ("MAX_WORKERS", "0"),
        ("MAX_WORKERS", "many"),
        ("BUILD_CONFIG_SETTINGS_LIB", "{"),
        ("BUILD_CONFIG_SETTINGS_LIB", "{\"a\": 1}"),
    ] {
        let mut fx = both();
        fx.set(&format!("POETRY_INSTALLER_{name}"), value);
        let outcome = fx.mpoetry(["install"]);
        let key = name.to_lowercase().replace('_', "-");
        let key = key.replace("settings-", "settings.");
        let expected = format!("\"{value}\" is an invalid value for installer.{key}");
        assert_eq!(
            (outcome.code, outcome.stderr.trim()),
            (Some(1), expected.as_str())
        );
    }
}

#[test]
fn back_ends_are_told_their_settings() {
    let mut fx = application(&[("lib", false), ("other", false)]);
    for name in ["lib", "other"] {
        write_library(&fx, name, Backend::Own);
    }
    fx.edit("other/pyproject.toml", "say", "cry");
    let settings = "[installer.build-config-settings.lib]\nlevel = \"2\"\nmany = [\"a\", \"b\"]\n";
    fx.write("poetry.toml", format!("{SETTINGS}{settings}"));
    fx.mpoetry(["install"]).success();
    let told = |fx: &Fixture, name: &str| {
        print(
            fx,
            &format!(
                "import {name}, pathlib; print(pathlib.Path({name}.__file__).with_name('told.json').read_text())"
            ),
        )
    };
    assert_eq!(told(&fx, "lib"), r#"{"level": "2", "many": ["a", "b"]}"#);
    assert_eq!(told(&fx, "other"), "null");

    fx.remove(".venv");
    fx.set(
        "POETRY_INSTALLER_BUILD_CONFIG_SETTINGS_LIB",
        r#"{"level": "3"}"#,
    );
    fx.mpoetry(["install"]).success();
    assert_eq!(told(&fx, "lib"), r#"{"level": "3"}"#);
}

/// An sdist that was built with other settings is built anew.
#[test]
fn settings_tell_cached_builds_apart() {
    let mut fx = both();
    fx.set("POETRY_INSTALLER_NO_BINARY", "both");
    let told = "import both, pathlib; print(pathlib.Path(both.__file__).with_name('told.json').read_text())";
    for level in ["1", "2", "1"] {
        let value = format!("{{\"level\": \"{level}\"}}");
        fx.set("POETRY_INSTALLER_BUILD_CONFIG_SETTINGS_BOTH", &value);
        fx.mpoetry(["install"]).success();
        assert_eq!(print(&fx, told), value);
        fx.remove(".venv");
    }
}

#[test]
fn build_constraints_hold_for_one_package() {
    let fx = application(&[("lib", false), ("other", false)]);
    for version in ["1.0", "2.0"] {
        let code = format!("__version__ = {version:?}\n");
        let wheel = Wheel::new("helper", version).file("helper/__init__.py", code);
        fx.index().publish(&wheel);
    }
    fx.index().publish(&Wheel::new("unused", "1.0"));
    for name in ["lib", "other"] {
        write_library(&fx, name, Backend::Own);
        fx.edit(
            &format!("{name}/pyproject.toml"),
            "requires = []",
            "requires = [\"helper\"]",
        );
    }
    fx.edit("other/pyproject.toml", "say", "cry");
    let constraints =
        "\n[tool.poetry.build-constraints]\nlib = { helper = \"<2\", unused = \"*\" }\n";
    fx.write("pyproject.toml", fx.read("pyproject.toml") + constraints);
    fx.mpoetry(["install"]).success();
    let helper = |name: &str| {
        print(
            &fx,
            &format!(
                "import {name}, pathlib; print(pathlib.Path({name}.__file__).with_name('helper.txt').read_text())"
            ),
        )
    };
    assert_eq!(helper("lib"), "1.0");
    assert_eq!(helper("other"), "2.0");
}

/// Build requirements are looked up while their reader waits; one worker has to be enough for that.
#[test]
fn one_worker_is_enough_to_build() {
    let mut fx = application(&[("lib", false)]);
    fx.index().publish(&Wheel::new("helper", "1.0"));
    write_library(&fx, "lib", Backend::Own);
    fx.edit(
        "lib/pyproject.toml",
        "requires = []",
        "requires = [\"helper\"]",
    );
    fx.set("POETRY_INSTALLER_PARALLEL", "false");
    fx.mpoetry(["install"]).success();
    assert_eq!(install(&fx), NOTHING);
}

/// Resolved again, what others require comes before them.
#[test]
fn re_resolve_installs_in_order_of_dependence() {
    let mut fx = locked_service();
    let lines = |fx: &Fixture| {
        let outcome = fx
            .mpoetry(["install", "--dry-run", "--only", "main"])
            .success();
        let lines = outcome.stdout.lines();
        let lines = lines.filter(|line| line.starts_with("  - Installing"));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(lines(&fx), @"
    - Installing speed (1.0): Skipped for the following reason: Not required
    - Installing tools (1.5)
    - Installing web (1.1)
    ");
    fx.set("POETRY_INSTALLER_RE_RESOLVE", "true");
    insta::assert_snapshot!(lines(&fx), @"
    - Installing tools (1.5)
    - Installing speed (1.0): Skipped for the following reason: Not required
    - Installing web (1.1)
    ");
}

#[test]
fn skipped_packages_are_told_with_verbosity() {
    let fx = service();
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["install", "--only", "main", "--all-extras", "--no-root"])
        .success();
    insta::assert_snapshot!(fx.mpoetry(["sync", "-v", "--no-root"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Finding the necessary packages for the current system

    Package operations: 1 install, 0 updates, 1 removal, 2 skipped

      - Removing speed (1.0)
      - Installing tools (1.5): Skipped for the following reason: Already installed
      - Installing web (1.1): Skipped for the following reason: Already installed
      - Installing check (3.0)
    ----- stderr -----
    Using virtualenv: [root]/.venv
    ");
}
