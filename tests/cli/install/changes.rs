//! What has changed since the last `install` is noticed. (Poetry looks at versions and origins only: libraries beside
//! the project stay as they were installed.)

use std::time::Duration;

use resolver::cache::Bucket;

use super::libraries::{
    Backend, NOTHING, SETTINGS, UPDATE, application, install, installed, print, repository,
    write_library, write_manifest,
};
use crate::support::{Fixture, Wheel};

const WORD: &str = "import lib; print(lib.WORD)";

#[test]
fn a_copied_library_follows_its_files() {
    for backend in [Backend::Native, Backend::Own] {
        let fx = installed(backend, false);
        assert_eq!(install(&fx), NOTHING);

        fx.edit("lib/lib/__init__.py", "old", "new");
        assert_eq!(install(&fx), UPDATE);
        assert_eq!(print(&fx, WORD), "new");
        assert_eq!(install(&fx), NOTHING);

        fx.write("lib/lib/more.py", "");
        assert_eq!(install(&fx), UPDATE);
        print(&fx, "import lib.more");
        assert_eq!(install(&fx), NOTHING);

        fx.remove("lib/lib/more.py");
        assert_eq!(install(&fx), UPDATE);
        assert_eq!(install(&fx), NOTHING);

        // Its time alone is no change.
        let code = fx.read("lib/lib/__init__.py");
        fx.write("lib/lib/__init__.py", code);
        assert_eq!(install(&fx), NOTHING);
    }
}

#[test]
fn an_editable_library_follows_its_manifest() {
    for backend in [Backend::Native, Backend::Own] {
        let fx = installed(backend, true);
        fx.edit("lib/lib/__init__.py", "old", "new");
        fx.write("lib/lib/more.py", "");
        assert_eq!(install(&fx), NOTHING);

        fx.edit("lib/pyproject.toml", "say = ", "shout = ");
        assert_eq!(install(&fx), UPDATE);
        assert_eq!(fx.mpoetry(["run", "shout"]).success().stdout, "new\n");
        assert!(!fx.exists(".venv/bin/say"));
        assert_eq!(install(&fx), NOTHING);
    }
}

/// What an editable library's wheel was made of is noted in the cache, for all projects that have it.
#[test]
fn a_new_environment_gets_a_library_as_it_is_now() {
    let fx = application(&[("lib", true)]);
    write_library(&fx, "lib", Backend::Native);
    fx.mpoetry(["lock"]).success();
    let folder = fx.top().join("cache/builds-v1/folders");
    let noted = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    let install_anew = || {
        // What is younger than a tick of the file system's clock is not relied on.
        std::thread::sleep(Duration::from_millis(50));
        if fx.exists(".venv") {
            fx.remove(".venv");
        }
        fx.mpoetry(["install"]).success();
        noted()
    };
    assert_eq!(install_anew(), 1);

    fx.edit("lib/pyproject.toml", "say = ", "shout = ");
    assert_eq!(install_anew(), 1);
    assert_eq!(fx.mpoetry(["run", "shout"]).success().stdout, "old\n");
    assert!(!fx.exists(".venv/bin/say"));

    std::fs::remove_dir_all(fx.top().join("cache/wheels-v2")).unwrap();
    assert_eq!(install_anew(), 1);
    assert_eq!(fx.mpoetry(["run", "shout"]).success().stdout, "old\n");

    fx.mpoetry(["cache", "prune"]).success();
    assert_eq!(noted(), 1);
    fx.remove("lib");
    fx.mpoetry(["cache", "prune"]).success();
    assert_eq!(noted(), 0);
}

/// A table that says nothing of the package is no reason to install it again.
#[test]
fn settings_of_tools_do_not_count() {
    let fx = installed(Backend::Native, true);
    let manifest = fx.read("lib/pyproject.toml");
    fx.write("lib/pyproject.toml", manifest + "\n[tool.ruff]\n");
    assert_eq!(install(&fx), NOTHING);
}

#[test]
fn the_lines_are_those_of_an_update() {
    let fx = installed(Backend::Native, false);
    fx.edit("lib/lib/__init__.py", "old", "new");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 1 update, 0 removals

      - Updating lib (1.0 [root]/lib -> 1.0 [root]/lib)
    ");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    No dependencies to install or update
    ");
}

/// Poetry installs it again each time.
#[test]
fn a_new_version_is_installed_and_the_old_lock_told() {
    let fx = installed(Backend::Native, true);
    fx.edit("lib/pyproject.toml", "\"1.0\"", "\"1.1\"");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 1 update, 0 removals

      - Updating lib (1.0 [root]/lib -> 1.0 [root]/lib)
    ----- stderr -----
    lib is version 1.1 by now, but poetry.lock says 1.0. Run `poetry lock` to fix the lock file.
    ");
    assert_eq!(install(&fx), NOTHING);
    let version = "from importlib.metadata import version; print(version('lib'))";
    assert_eq!(print(&fx, version), "1.1");
}

#[test]
fn a_new_requirement_that_the_lock_lacks_is_told() {
    let fx = installed(Backend::Native, true);
    fx.edit("lib/pyproject.toml", "[]", "[\"extra\"]");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 1 update, 0 removals

      - Updating lib (1.0 [root]/lib -> 1.0 [root]/lib)
    ----- stderr -----
    lib requires extra by now, but poetry.lock does not say so. Run `poetry lock` to fix the lock file.
    ");
}

#[test]
fn a_dry_run_tells_of_changes_and_makes_none() {
    let fx = installed(Backend::Own, false);
    fx.edit("lib/lib/__init__.py", "old", "new");
    let before = fx.snapshot_tree();
    let outcome = fx.mpoetry(["install", "--dry-run"]).success();
    assert!(outcome.stdout.contains(UPDATE), "{outcome}");
    fx.assert_unchanged(&before);
    assert_eq!(install(&fx), UPDATE);
}

#[test]
fn what_could_not_be_built_is_tried_again() {
    let fx = installed(Backend::Own, false);
    fx.edit("lib/lib/__init__.py", "old", "new");
    fx.edit("lib/backend.py", "import zipfile", "import zipfiles");
    let outcome = fx.mpoetry(["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(print(&fx, WORD), "old");

    fx.edit("lib/backend.py", "import zipfiles", "import zipfile");
    assert_eq!(install(&fx), UPDATE);
    assert_eq!(print(&fx, WORD), "new");
}

/// Nothing is known of what another program has installed, but what can be compared is.
#[test]
fn notes_that_are_lost() {
    let fx = installed(Backend::Native, false);
    fx.remove(".venv/.mpoetry-trees");
    assert_eq!(install(&fx), NOTHING);
    fx.edit("lib/lib/__init__.py", "old", "new");
    fx.write(".venv/.mpoetry-trees", "rubbish");
    assert_eq!(install(&fx), UPDATE);
    assert_eq!(install(&fx), NOTHING);
}

#[test]
fn a_library_becomes_editable_and_back() {
    let fx = installed(Backend::Native, false);
    for develop in [true, false] {
        write_manifest(&fx, &[("lib", develop)]);
        fx.mpoetry(["lock"]).success();
        assert_eq!(install(&fx), UPDATE);
        assert_eq!(install(&fx), NOTHING);
        assert_eq!(fx.exists(&site(&fx, "lib.pth")), develop);
        assert_eq!(fx.exists(&site(&fx, "lib")), !develop);
    }
}

#[test]
fn a_library_that_comes_from_an_index_now() {
    let fx = installed(Backend::Native, false);
    fx.index().publish(&Wheel::new("lib", "1.0"));
    fx.edit(
        "pyproject.toml",
        "lib = { path = \"lib\", develop = false }",
        "",
    );
    fx.mpoetry(["lock"]).success();
    assert_eq!(install(&fx), "  - Updating lib (1.0 [root]/lib -> 1.0)");
    assert_eq!(install(&fx), NOTHING);
}

/// Poetry makes the clone anew each time.
#[test]
fn a_clone_stays_until_its_commit_changes() {
    let fx = application(&[]);
    let lib = repository(&fx, "origin");
    lib.project("", "lib", "1.0", "");
    let lock = || {
        let declared = format!("lib = {{ git = \"{}\", develop = true }}\n", lib.url());
        write_manifest(&fx, &[]);
        fx.edit("pyproject.toml", "[]", "[\"lib\"]");
        fx.write("pyproject.toml", fx.read("pyproject.toml") + &declared);
        fx.mpoetry(["lock", "--regenerate"]).success();
    };
    lock();
    assert!(install(&fx).starts_with("  - Installing lib (1.0 "));
    fx.write(".venv/src/lib/mine.txt", "");
    assert_eq!(install(&fx), NOTHING);
    assert!(fx.exists(".venv/src/lib/mine.txt"));

    lib.write("lib/more.py", "");
    lib.commit("more");
    lock();
    // What fails now is done next time.
    let hidden = lib.folder().with_extension("hidden");
    std::fs::rename(lib.folder(), &hidden).expect("the repository");
    let cached = fx.top().join("cache").join(Bucket::Git.folder());
    std::fs::remove_dir_all(cached).expect("the cache's copy");
    assert_eq!(fx.mpoetry(["install"]).code, Some(1));
    std::fs::rename(&hidden, lib.folder()).expect("the repository");
    assert!(install(&fx).starts_with("  - Updating lib (1.0 "));
    assert!(fx.exists(".venv/src/lib/lib/more.py"));
    assert_eq!(install(&fx), NOTHING);
}

#[test]
fn the_project_itself_is_renamed() {
    let fx = Fixture::project(
        "[project]\nname = \"one\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
         [project.scripts]\nfirst = \"words:main\"\n[tool.poetry]\npackages = [{ include = \"words.py\" }]\n",
    );
    fx.write("poetry.toml", SETTINGS);
    fx.write("words.py", "def main(): print('hello')\n");
    fx.mpoetry(["install"]).success();
    fx.edit("pyproject.toml", "\"one\"", "\"two\"");
    fx.edit("pyproject.toml", "\"1.0\"", "\"1.1\"");
    fx.edit("pyproject.toml", "first", "second");
    fx.mpoetry(["install"]).success();
    assert_eq!(super::installed(&fx), ["two 1.1"]);
    assert!(!fx.exists(".venv/bin/first"));
    assert_eq!(fx.mpoetry(["run", "second"]).success().stdout, "hello\n");
}

/// A path in the environment's site-packages.
fn site(fx: &Fixture, name: &str) -> String {
    let version = &fx.list(".venv/lib")[0];
    format!(".venv/lib/{version}/site-packages/{name}")
}

#[test]
fn libraries_are_told_apart() {
    let fx = application(&[("lib", false), ("other", false)]);
    write_library(&fx, "lib", Backend::Native);
    write_library(&fx, "other", Backend::Own);
    fx.edit("other/pyproject.toml", "say", "cry");
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["install"]).success();
    fx.edit("lib/lib/__init__.py", "old", "new");
    assert_eq!(install(&fx), UPDATE);
    assert_eq!(install(&fx), NOTHING);
}
