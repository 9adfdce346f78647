//! `mpoetry install` and `mpoetry sync`.

mod changes;
mod failures;
mod libraries;
mod settings;

use super::{locked_service, service};
use crate::support::{Fault, Fixture, Member, Sdist, Wheel, program};

#[test]
fn installs_from_the_lock() {
    let fx = locked_service();
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 3 installs, 0 updates, 0 removals

      - Installing check (3.0)
      - Installing tools (1.5)
      - Installing web (1.1)

    Installing the current project: service (0.1.0)
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    ");
    insta::assert_snapshot!(fx.mpoetry(["run", "serve", "a", "b"]), @"
    exit: 3
    ----- stdout -----
    serving with web 1.1 a b
    ");
    assert_eq!(
        installed(&fx),
        ["check 3.0", "service 0.1.0", "tools 1.5", "web 1.1"]
    );
}

#[test]
fn a_second_install_finds_nothing_to_do() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    fx.index().forget_requests();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    No dependencies to install or update

    Installing the current project: service (0.1.0)
    ");
    assert_eq!(fx.index().requests(), Vec::<String>::new());
    let differences = before.differences(&fx.snapshot_tree());
    let own = |line: &String| {
        line.contains("service.pth")
            || line.contains("service-0.1.0.dist-info")
            || line.contains("bin/serve")
    };
    assert!(differences.iter().all(own), "{differences:#?}");
}

#[test]
fn without_a_lock_one_is_written() {
    let fx = service();
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Package operations: 3 installs, 0 updates, 0 removals

      - Installing tools (1.5)
      - Installing check (3.0)
      - Installing web (1.1)

    Writing lock file

    Installing the current project: service (0.1.0)
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    ");
    assert_eq!(
        installed(&fx),
        ["check 3.0", "service 0.1.0", "tools 1.5", "web 1.1"]
    );
    let before = fx.read("poetry.lock");
    fx.mpoetry(["lock"]).success();
    assert_eq!(before, fx.read("poetry.lock"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let fx = locked_service();
    fx.mpoetry(["install", "--only", "main"]).success();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["install", "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 1 install, 0 updates, 0 removals, 3 skipped

      - Installing check (3.0)
      - Installing speed (1.0): Skipped for the following reason: Not required
      - Installing tools (1.5): Skipped for the following reason: Already installed
      - Installing web (1.1): Skipped for the following reason: Already installed

    Installing the current project: service (0.1.0)
    ");
    fx.assert_unchanged(&before);
}

#[test]
fn groups_and_extras_choose() {
    let fx = locked_service();
    let with = |arguments: &[&str]| {
        let remove = fx.command("/bin/rm").args(["-rf", ".venv"]).status();
        assert!(remove.expect("rm").success());
        fx.mpoetry_with("", arguments).success();
        installed(&fx).join(", ")
    };
    assert_eq!(
        with(&["install", "--only", "main"]),
        "service 0.1.0, tools 1.5, web 1.1"
    );
    assert_eq!(
        with(&["install", "--only", "main", "--no-root"]),
        "tools 1.5, web 1.1"
    );
    assert_eq!(
        with(&["install", "--without", "dev"]),
        "service 0.1.0, tools 1.5, web 1.1"
    );
    assert_eq!(
        with(&["install", "--only=docs,dev", "--no-root"]),
        "check 3.0, pages 2.1"
    );
    assert_eq!(
        with(&["install", "--with", "docs", "--no-root"]),
        "check 3.0, pages 2.1, tools 1.5, web 1.1"
    );
    assert_eq!(
        with(&["install", "--all-groups", "--all-extras", "--no-root"]),
        "check 3.0, pages 2.1, speed 1.0, tools 1.5, web 1.1"
    );
    assert_eq!(
        with(&["install", "-E", "fast", "--only", "main", "--no-root"]),
        "speed 1.0, tools 1.5, web 1.1"
    );
    assert_eq!(with(&["install", "--only-root"]), "service 0.1.0");
}

#[test]
fn sync_removes_what_is_not_wanted() {
    let fx = locked_service();
    fx.mpoetry(["install", "--all-extras"]).success();
    insta::assert_snapshot!(fx.mpoetry(["sync", "--only", "main"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 0 updates, 2 removals

      - Removing check (3.0)
      - Removing speed (1.0)

    Installing the current project: service (0.1.0)
    ");
    assert_eq!(installed(&fx), ["service 0.1.0", "tools 1.5", "web 1.1"]);
    assert!(!fx.exists(".venv/bin/check"));
    insta::assert_snapshot!(fx.mpoetry(["install", "--sync"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 1 install, 0 updates, 0 removals

      - Installing check (3.0)

    Installing the current project: service (0.1.0)
    ----- stderr -----
    The `--sync` option is deprecated and slated for removal, use the `poetry sync` command instead.
    ");
}

#[test]
fn a_newer_lock_updates() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    fx.index()
        .publish(&Wheel::new("tools", "1.6").file("tools/new.py", ""));
    fx.mpoetry(["lock", "--regenerate"]).success();
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 1 update, 0 removals

      - Updating tools (1.5 -> 1.6)

    Installing the current project: service (0.1.0)
    ");
    assert_eq!(
        installed(&fx),
        ["check 3.0", "service 0.1.0", "tools 1.6", "web 1.1"]
    );
}

#[test]
fn options_that_contradict_each_other() {
    let fx = locked_service();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["install", "--only", "nope"]), @"
    exit: 1
    ----- stderr -----
    Creating virtualenv service in [root]/.venv

    Group(s) not found: nope (via --only)
    ");
    insta::assert_snapshot!(fx.mpoetry(["install", "-E", "nope", "--dry-run"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file
    ----- stderr -----

    Extra [nope] is not specified.
    ");
    insta::assert_snapshot!(fx.mpoetry(["install", "--only-root", "--no-root"]), @"
    exit: 1
    ----- stderr -----
    You cannot specify `--no-root` when using `--only-root`.
    ");
    let ignore_venv = |line: &String| line.starts_with("added .venv");
    let differences = before.differences(&fx.snapshot_tree());
    assert!(differences.iter().all(ignore_venv), "{differences:#?}");
}

#[test]
fn a_stale_lock_is_refused() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    fx.edit("pyproject.toml", "web (>=1.0,<2.0)", "web (>=1.0,<3.0)");
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file
    ----- stderr -----

    pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.
    ");
    fx.assert_unchanged(&before);
}

/// The lock's hash is what counts, not what the index says today.
#[test]
fn a_file_that_is_not_the_locked_one() {
    let fx = locked_service();
    fx.mpoetry(["install", "--only", "dev"]).success();
    let other = Wheel::new("tools", "1.5").file("tools/__init__.py", "evil = True\n");
    fx.index().publish(&other);
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["install", "--no-root"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 2 installs, 0 updates, 0 removals

      - Installing tools (1.5)
      - Installing web (1.1)

        | Downloaded distributions for tools (1.5) did not match any known checksums in your lock file.
        | 
        | Causes:
        |   - invalid or corrupt cache either during locking or installation
        |   - network interruptions or errors causing corrupted downloads
        | 
        | Solutions:
        |   1. Try running your command again using the --no-cache global option enabled.
        |   2. Try regenerating your lock file using (poetry lock --no-cache --regenerate).
        | 
        | If any of those solutions worked, you will have to clear your caches using (poetry cache clear --all CACHE_NAME).
        | 
        | You can also run your poetry command with -v to see more information.
    ");
    assert!(!installed(&fx).contains(&"tools 1.5".to_owned()));
    let touched = before.differences(&fx.snapshot_tree());
    assert!(
        !touched.iter().any(|line| line.contains("/tools")),
        "{touched:#?}"
    );
}

/// A wheel must stay in its environment, whatever its members are called.
#[test]
fn a_wheel_that_climbs_out() {
    for name in [
        "../../../../../evil.py",
        "/tmp/mpoetry-evil.py",
        "tools/../../evil.py",
    ] {
        let fx = service();
        let hostile = Wheel::new("tools", "1.5").unrecorded(Member::file(name, "evil = True\n"));
        fx.index().publish(&hostile);
        fx.mpoetry(["lock"]).success();
        let outcome = fx.mpoetry(["install", "--no-root"]);
        assert_eq!(outcome.code, Some(1), "{name}: {outcome}");
        assert!(outcome.to_string().contains("tools"), "{name}: {outcome}");
        let tree = fx.snapshot_tree();
        assert!(
            !tree.files().iter().any(|path| path.ends_with("evil.py")),
            "{name}"
        );
        assert!(!std::path::Path::new("/tmp/mpoetry-evil.py").exists());
    }
}

#[test]
fn a_download_that_is_damaged_is_not_kept() {
    let fx = locked_service();
    fx.index().fail("tools-1.5", Fault::Garble, usize::MAX);
    let outcome = fx.mpoetry(["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(!installed(&fx).contains(&"tools 1.5".to_owned()));
}

#[test]
fn a_download_that_breaks_off_is_tried_again() {
    let fx = locked_service();
    fx.index()
        .fail("tools-1.5-py3-none-any.whl", Fault::BreakOff(20), 1);
    fx.index()
        .fail("web-1.1-py3-none-any.whl", Fault::Status(503), 1);
    fx.mpoetry(["install"]).success();
    assert_eq!(
        installed(&fx),
        ["check 3.0", "service 0.1.0", "tools 1.5", "web 1.1"]
    );
}

#[test]
fn an_index_that_is_down() {
    let mut fx = locked_service();
    fx.mpoetry(["install", "--only", "dev", "--no-root"])
        .success();
    fx.index_mut().stop();
    let before = fx.snapshot_tree();
    let outcome = fx.mpoetry(["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    fx.assert_unchanged(&before);
}

/// What is cached needs no index.
#[test]
fn a_warm_cache_needs_no_index() {
    let mut fx = locked_service();
    fx.mpoetry(["install"]).success();
    fx.remove(".venv");
    fx.index_mut().stop();
    fx.mpoetry(["install"]).success();
    assert_eq!(
        installed(&fx),
        ["check 3.0", "service 0.1.0", "tools 1.5", "web 1.1"]
    );
}

#[test]
fn no_wheel_fits_this_machine() {
    let fx = service();
    fx.index()
        .publish(&Wheel::new("native", "1.0").tag("cp27-cp27m-win32"));
    fx.edit(
        "pyproject.toml",
        "\"web (>=1.0,<2.0)\"",
        "\"web (>=1.0,<2.0)\", \"native\"",
    );
    fx.mpoetry(["lock"]).success();
    let outcome = fx.mpoetry(["install", "--no-root"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .to_string()
            .contains("Unable to find installation candidates for native (1.0)"),
        "{outcome}"
    );
}

#[test]
fn two_packages_with_the_same_file() {
    let fx = service();
    for (name, version) in [("web", "1.1"), ("tools", "1.5")] {
        let wheel = Wheel::new(name, version).file("shared.txt", name);
        fx.index().publish(&wheel);
    }
    fx.edit(
        "pyproject.toml",
        "(>=1.0,<2.0)\"",
        "(>=1.0,<2.0)\", \"tools\"",
    );
    fx.mpoetry(["lock"]).success();
    let outcome = fx.mpoetry(["install", "--no-root"]).success();
    let told = outcome.stderr.lines();
    let told = told.filter(|line| line.ends_with("/shared.txt over existing file"));
    assert_eq!(told.count(), 1, "{outcome}");
}

#[test]
fn a_path_dependency_that_is_missing() {
    let fx = with_library("{ path = \"lib\", develop = true }");
    fx.mpoetry(["lock"]).success();
    fx.remove("lib");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file
    ----- stderr -----
    Path [root]/lib for lib does not exist
    Creating virtualenv service in [root]/.venv

    Path [root]/lib for lib does not exist
    ");
    assert!(installed(&fx).is_empty());
    fx.write("lib", "");
    let outcome = fx.mpoetry(["install", "--dry-run"]);
    let expected = "[root]/lib for lib is a file, expected a directory";
    assert!(outcome.stderr.contains(expected), "{outcome}");
}

/// It is told, but no reason to stop.
#[test]
fn a_path_dependency_that_is_gone_since_it_was_installed() {
    let fx = with_library("{ path = \"lib\", develop = true }");
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["install", "--no-root"]).success();
    fx.remove("lib");
    insta::assert_snapshot!(fx.mpoetry(["install", "--no-root"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    No dependencies to install or update
    ----- stderr -----
    Path [root]/lib for lib does not exist
    ");
}

#[test]
fn an_editable_library_shows_its_changes() {
    let fx = with_library("{ path = \"lib\", develop = true }");
    fx.mpoetry(["lock"]).success();
    insta::assert_snapshot!(fx.mpoetry(["install", "--no-root"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 4 installs, 0 updates, 0 removals

      - Installing check (3.0)
      - Installing tools (1.5)
      - Installing web (1.1)
      - Installing lib (1.2.3 [root]/lib)
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    ");
    let print = ["run", "python", "-c", "import lib; print(lib.WORD)"];
    assert_eq!(fx.mpoetry(print).success().stdout, "old\n");
    fx.write("lib/lib/__init__.py", "WORD = 'new'\n");
    assert_eq!(fx.mpoetry(print).success().stdout, "new\n");
}

#[test]
fn a_library_that_is_not_editable_is_copied() {
    let fx = with_library("{ path = \"lib\" }");
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["install", "--no-root"]).success();
    let print = ["run", "python", "-c", "import lib; print(lib.WORD)"];
    fx.write("lib/lib/__init__.py", "WORD = 'new'\n");
    assert_eq!(fx.mpoetry(print).success().stdout, "old\n");
}

#[test]
fn an_sdist_is_built() {
    let fx = service();
    crate::support::publish_stand_ins(fx.index());
    let sdist = Sdist::new("old", "1.0")
        .file("pyproject.toml", OLD_PROJECT)
        .file("setup.py", "")
        .file("src/old/__init__.py", "WORD = 'built'\n");
    fx.index().publish(&sdist);
    fx.edit("pyproject.toml", "\"web (>=1.0,<2.0)\"", "\"old\"");
    fx.mpoetry(["install", "--no-root"]).success();
    let print = ["run", "python", "-c", "import old; print(old.WORD)"];
    assert_eq!(fx.mpoetry(print).success().stdout, "built\n");
}

const OLD_PROJECT: &str = r#"
[build-system]
requires = ["setuptools>=68", "wheel"]
build-backend = "setuptools.build_meta"

[project]
name = "old"
version = "1.0"
description = ""
requires-python = ">=3.11"
dependencies = []

[tool.setuptools]
packages = ["old"]
"#;

const LIBRARY: &str = r#"
[project]
name = "lib"
version = "1.2.3"
requires-python = ">=3.11"

[build-system]
requires = ["poetry-core>=2.0.0,<3.0.0"]
build-backend = "poetry.core.masonry.api"
"#;

/// The service with a library in `lib`.
fn with_library(declared: &str) -> Fixture {
    let fx = service();
    let table =
        format!("[tool.poetry.dependencies]\nlib = {declared}\n\n[tool.poetry.group.docs]\n");
    fx.edit("pyproject.toml", "[tool.poetry.group.docs]\n", &table);
    fx.edit(
        "pyproject.toml",
        "\"web (>=1.0,<2.0)\"",
        "\"web (>=1.0,<2.0)\", \"lib\"",
    );
    fx.write("lib/pyproject.toml", LIBRARY);
    fx.write("lib/lib/__init__.py", "WORD = 'old'\n");
    fx
}

/// The distributions of `.venv` as `name version`, without pip.
fn installed(fx: &Fixture) -> Vec<String> {
    let mut found = Vec::new();
    for version in fx.list(".venv/lib") {
        for name in fx.list(&format!(".venv/lib/{version}/site-packages")) {
            if let Some(stem) = name.strip_suffix(".dist-info") {
                found.push(stem.replacen('-', " ", 1));
            }
        }
    }
    found.retain(|it| !it.starts_with("pip "));
    found
}

/// Both streams in one file, as CI jobs have them: everything in its order.
#[test]
fn words_on_both_streams_keep_their_order() {
    let fx = super::locked_service();
    let command = format!("'{}' install > log 2>&1", program().display());
    fx.run(fx.command("sh").args(["-c", &command])).success();
    let log = fx.read("log");
    let lines = [
        "Creating virtualenv",
        "Installing dependencies from lock file\n\nPackage operations: 3 installs",
        "  - Installing check (3.0)\n  - Installing tools (1.5)\n  - Installing web (1.1)\n",
        "\nInstalling the current project: service (0.1.0)\n",
    ];
    let places = lines.map(|line| log.find(line));
    assert!(
        places.is_sorted() && places[0] == Some(0),
        "{places:?}\n{log}"
    );
    fx.edit("pyproject.toml", "1.0,<2.0", "1.1,<2.0");
    fx.run(fx.command("sh").args(["-c", &command]));
    let log = fx.read("log");
    assert!(
        log.starts_with("Installing dependencies from lock file\n\npyproject.toml changed"),
        "{log}"
    );
}

/// The environment's own pip comes while packages are installed, unless the lock has something to say about it.
#[test]
fn a_locked_pip_replaces_the_one_that_an_environment_starts_with() {
    let fx = super::service();
    fx.index().publish(&Wheel::new("pip", "99.0"));
    fx.edit(
        "pyproject.toml",
        "\"web (>=1.0,<2.0)\"",
        "\"web (>=1.0,<2.0)\", \"pip\"",
    );
    fx.mpoetry(["lock"]).success();
    for words in [["install"], ["sync"]] {
        let told = fx.mpoetry(words).success().stdout;
        assert!(
            told.contains("3 installs, 1 update, 0 removals") && told.contains("-> 99.0)"),
            "{told}"
        );
        let library = fx.list(".venv/lib").pop().expect("a folder");
        let mut names = fx.list(&format!(".venv/lib/{library}/site-packages"));
        names.retain(|name| name.starts_with("pip"));
        assert_eq!(names, ["pip", "pip-99.0.dist-info"]);
        fx.remove(".venv");
    }
}

#[test]
fn sync_takes_the_options_of_install() {
    let fx = super::locked_service();
    fx.mpoetry(["install", "--with", "docs"]).success();
    let mut seen = std::collections::BTreeSet::new();
    for options in [
        &[][..],
        &["--without", "dev"],
        &["--with", "docs"],
        &["--only=dev"],
        &["--all-groups"],
        &["--all-groups", "--no-directory"],
        &["--extras", "fast"],
        &["-Efast", "--without=dev"],
        &["--all-extras", "--only", "main"],
        &["--no-root"],
        &["--only-root"],
    ] {
        let say = |command: &[&str]| {
            let words = [command, options, &["--dry-run"]].concat();
            fx.mpoetry_with("", &words).success().stdout
        };
        let said = say(&["sync"]);
        assert_eq!(said, say(&["install", "--sync"]), "{options:?}");
        seen.insert(said);
    }
    assert!(seen.len() > 7, "options make a difference: {seen:#?}");
    // Only what is installed now is compiled.
    fx.remove(".venv");
    fx.mpoetry(["sync", "--compile", "--no-root"]).success();
    let library = fx.list(".venv/lib").pop().expect("a folder");
    let compiled = fx.list(&format!(
        ".venv/lib/{library}/site-packages/web/__pycache__"
    ));
    assert!(
        compiled.iter().any(|name| name.starts_with("__init__.")),
        "{compiled:?}"
    );
}
