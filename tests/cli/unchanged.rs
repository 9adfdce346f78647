//! `mpoetry lock` where nothing changed: the answer is known from the last time.
//!
//! That a record was used shows where a resolution could not work: without an index and without its cache.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::{locked_service, service};
use resolver::cache::{Bucket, Cache};

use crate::support::{Fixture, Wheel};

const LIBRARY: &str = "[project]\nname = \"lib\"\nversion = \"1.0\"\ndependencies = [\"deep\"]\n\
    [tool.poetry.dependencies]\ndeep = { path = \"../deep\" }\n";
const DEEP: &str = "[project]\nname = \"deep\"\nversion = \"1.0\"\ndependencies = []\n";

/// A project with a library that has a library, locked, and known to be so.
fn known() -> Fixture {
    let fx = service();
    fx.write("libs/lib/pyproject.toml", LIBRARY);
    fx.write("libs/deep/pyproject.toml", DEEP);
    fx.edit(
        "pyproject.toml",
        "[tool.poetry.group.docs]\n",
        "[tool.poetry.dependencies]\nlib = { path = \"libs/lib\" }\n\n[tool.poetry.group.docs]\n",
    );
    fx.edit(
        "pyproject.toml",
        "(>=1.0,<2.0)\"",
        "(>=1.0,<2.0)\", \"lib\"",
    );
    fx.mpoetry(["lock"]).success();
    learn(&fx);
    fx
}

/// Locks what is locked, and checks that this was noted.
#[track_caller]
fn learn(fx: &Fixture) {
    // Of a file that was written just now nothing is noted.
    std::thread::sleep(Duration::from_millis(50));
    fx.mpoetry(["lock"]).success();
    assert_eq!(records(fx).len(), 1);
}

fn records(fx: &Fixture) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(fx.top().join("cache/unchanged-v1"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// From here on no resolution can work.
fn take_away_all_metadata(fx: &mut Fixture) {
    fx.index_mut().stop();
    for bucket in [Bucket::Index, Bucket::Metadata] {
        fs::remove_dir_all(fx.top().join("cache").join(bucket.folder())).expect("it was filled");
    }
    fx.set("POETRY_REQUESTS_TIMEOUT", "1");
}

#[test]
fn a_second_lock_with_nothing_to_do_asks_nobody() {
    let mut fx = known();
    let slow = fx.mpoetry(["lock", "-q", "--no-ansi", "--no-plugins"]);
    assert_eq!(slow.to_string(), "exit: 0");
    let slow = fx.mpoetry(["lock", "--no-plugins"]);
    take_away_all_metadata(&mut fx);
    let before = fx.snapshot_tree();
    for arguments in [
        &["lock"][..],
        &["lock", "-n"],
        &["lock", "--no-interaction"],
        &["-n", "lock"],
        &["--no-interaction", "lock"],
    ] {
        let fast = fx.mpoetry_with("", arguments);
        assert_eq!(fast, slow, "{arguments:?}");
    }
    insta::assert_snapshot!(fx.mpoetry_in("libs", ["lock"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...
    ");
    fx.assert_unchanged(&before);
    // All other spellings resolve.
    for arguments in [
        &["lock", "--regenerate"][..],
        &["lock", "--no-cache"],
        &["lock", "-v"],
        &["lock", "-C", "."],
    ] {
        let outcome = fx.mpoetry_with("", arguments);
        assert_eq!(outcome.code, Some(1), "{outcome}");
    }
    fx.assert_unchanged(&before);
}

/// Each of these makes another lock file, or needs an index that is not there.
#[test]
fn whatever_changes_is_noticed() {
    let new = "\"deep\", \"extra\"";
    for (file, from, to) in [
        (
            "pyproject.toml",
            "(>=1.0,<2.0)\"",
            "(>=1.0,<2.0)\", \"extra\"",
        ),
        ("libs/lib/pyproject.toml", "\"deep\"", new),
        ("libs/deep/pyproject.toml", "[]", "[\"extra\"]"),
        ("libs/deep/pyproject.toml", "\"1.0\"", "\"1.1\""),
        ("poetry.lock", "optional = false", "optional = true "),
    ] {
        let fx = known();
        fx.index().publish(&Wheel::new("extra", "1.0"));
        fx.edit(file, from, to);
        let outcome = fx.mpoetry(["lock"]).success();
        let told = outcome.stdout.contains("Writing lock file");
        assert!(told, "{file}: {outcome}");
    }
}

#[test]
fn a_lock_or_library_that_is_gone_is_noticed() {
    let fx = known();
    fx.remove("poetry.lock");
    let outcome = fx.mpoetry(["lock"]).success();
    assert!(outcome.stdout.starts_with("Updating"), "{outcome}");
    learn(&fx);
    fx.remove("libs/deep");
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
}

#[test]
fn another_index_is_noticed() {
    let mut fx = known();
    take_away_all_metadata(&mut fx);
    fx.mpoetry(["lock"]).success();
    fx.set("MPOETRY_PYPI_URL", "http://127.0.0.1:9/");
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
}

#[test]
fn settings_that_have_no_effect_are_told_each_time() {
    let mut fx = known();
    fx.write("poetry.toml", "[virtualenvs]\nuse-poetry-python = true\n");
    std::thread::sleep(Duration::from_millis(50));
    fx.mpoetry(["lock"]).success();
    take_away_all_metadata(&mut fx);
    insta::assert_snapshot!(fx.mpoetry(["lock"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...
    ----- stderr -----
    Warning: the setting virtualenvs.use-poetry-python has no effect: mpoetry is no Python program, so there is no Python of its own to prefer.
    ");
}

#[test]
fn a_broken_configuration_is_told() {
    let fx = known();
    fx.write("poetry.toml", "[solver\n");
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let told = "Invalid TOML file [root]/poetry.toml: unclosed table";
    assert!(outcome.stderr.contains(told), "{outcome}");
}

#[test]
fn a_damaged_record_counts_for_nothing() {
    let fx = known();
    let record = records(&fx).remove(0);
    let whole = fs::read(&record).expect("a record");
    for damaged in [&whole[..whole.len() / 2], &whole[..8], b"", b"MPC1rubbish"] {
        fs::write(&record, damaged).expect("a file");
        let outcome = fx.mpoetry(["lock"]).success();
        assert_eq!(outcome.stdout, "Resolving dependencies...\n");
        assert_eq!(fs::read(&record).expect("a record"), whole, "written anew");
    }
}

/// What is told of the project and of its packages is told again.
#[test]
fn warnings_are_repeated() {
    let mut fx = known();
    fx.index()
        .publish(&Wheel::new("tools", "1.5"))
        .yanked("broken");
    fx.edit(
        "pyproject.toml",
        "[tool.poetry.dependencies]\n",
        "[tool.poetry.dependencies]\nspeed = \"\"\n",
    );
    fx.edit("pyproject.toml", "\"lib\"", "\"lib\", \"tools (==1.5)\"");
    fx.mpoetry(["lock", "--regenerate"]).success();
    learn(&fx);
    let slow = fx.mpoetry(["lock", "--no-plugins"]);
    take_away_all_metadata(&mut fx);
    let fast = fx.mpoetry(["lock"]);
    assert_eq!(fast, slow);
    insta::assert_snapshot!(fast, @r#"
    exit: 0
    ----- stdout -----
    Resolving dependencies...
    ----- stderr -----
    Warning: the constraint "" of `speed` is read as "*"; write "*", Poetry refuses ""
    The locked version 1.5 for tools is a yanked version. Reason for being yanked: broken
    "#);
}

#[test]
fn without_a_cache_nothing_is_remembered() {
    let fx = service();
    fx.mpoetry(["lock"]).success();
    std::thread::sleep(Duration::from_millis(50));
    fx.mpoetry(["lock", "--no-cache"]).success();
    assert!(records(&fx).is_empty());
}

#[test]
fn a_project_that_its_back_end_must_describe_is_looked_at_each_time() {
    let fx = known();
    fs::remove_file(&records(&fx)[0]).expect("a record");
    fx.remove("libs/deep/pyproject.toml");
    fx.write(
        "libs/deep/PKG-INFO",
        "Metadata-Version: 2.2\nName: deep\nVersion: 1.0\n",
    );
    fx.write("libs/deep/setup.py", "");
    fx.mpoetry(["lock"]).success();
    std::thread::sleep(Duration::from_millis(50));
    fx.mpoetry(["lock"]).success();
    assert!(records(&fx).is_empty());
}

/// Locked and installed, and known to be so.
fn installed() -> Fixture {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    std::thread::sleep(Duration::from_millis(50));
    fx.mpoetry(["install"]).success();
    assert_eq!(records(&fx).len(), 1);
    fx
}

/// Puts a mark into what records say, so that it shows where an answer comes from.
fn mark_records(fx: &Fixture) {
    let cache = Cache::new(fx.top().join("cache"));
    let (plain, marked) = (b"No dependencies to", b"no dependencies to");
    for record in records(fx) {
        let key = record.file_name().and_then(|name| name.to_str());
        let key = key.expect("a plain name");
        let mut bytes = cache.read(Bucket::Unchanged, key).expect("a record");
        let found = bytes.windows(plain.len()).position(|part| part == plain);
        if let Some(at) = found {
            bytes[at..at + plain.len()].copy_from_slice(marked);
            let written = cache.write(Bucket::Unchanged, key, &bytes);
            written.expect("the cache can be written to");
        }
    }
}

#[test]
fn an_install_with_nothing_to_do_is_answered_from_the_last_one() {
    let fx = installed();
    let slow = fx.mpoetry(["install", "--no-plugins"]);
    let before = fx.snapshot_tree();
    for arguments in [&["install"][..], &["install", "-n"], &["-n", "install"]] {
        assert_eq!(fx.mpoetry_with("", arguments), slow, "{arguments:?}");
    }
    mark_records(&fx);
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    no dependencies to install or update

    Installing the current project: service (0.1.0)
    ");
    // Another selection is another question.
    let outcome = fx.mpoetry(["install", "--no-root"]);
    assert!(outcome.stdout.contains("No dependencies to"), "{outcome}");
    fx.assert_unchanged(&before);
}

/// A folder of the environment's site-packages.
fn site(fx: &Fixture, name: &str) -> PathBuf {
    let python = fx.list(".venv/lib").remove(0);
    let folder = fx.root().join(".venv/lib").join(python);
    folder.join("site-packages").join(name)
}

/// What happens, how to do it, and what `install` tells then.
type Change = (&'static str, fn(&Fixture), &'static str);

#[test]
fn whatever_changes_in_project_or_environment_is_seen_by_install() {
    let changes: [Change; 6] = [
        (
            "a distribution is gone",
            |fx| fs::remove_dir_all(site(fx, "web-1.1.dist-info")).expect("it was there"),
            "Installing web (1.1)",
        ),
        (
            "a distribution has another version",
            |fx| {
                let path = site(fx, "web-1.1.dist-info/METADATA");
                let text = fs::read_to_string(&path).expect("a file");
                fs::write(path, text.replace("1.1", "1.0")).expect("a file");
            },
            "Updating web (1.0 -> 1.1)",
        ),
        (
            "the environment is gone",
            |fx| fx.remove(".venv"),
            "Installing web (1.1)",
        ),
        (
            "a script of the project is gone",
            |fx| fx.remove(".venv/bin/serve"),
            "No dependencies to install",
        ),
        (
            "the project has another script",
            |fx| fx.edit("pyproject.toml", "serve =", "host ="),
            "No dependencies to install",
        ),
        (
            "the project has another version",
            |fx| {
                fx.edit(
                    "pyproject.toml",
                    "version = \"0.1.0\"",
                    "version = \"0.2.0\"",
                );
            },
            "the current project: service (0.2.0)",
        ),
    ];
    for (what, change, told) in changes {
        let fx = installed();
        change(&fx);
        mark_records(&fx);
        let outcome = fx.mpoetry(["install"]).success();
        assert!(outcome.stdout.contains(told), "{what}: {outcome}");
        let scripts = fx.list(".venv/bin");
        let script = if what.contains("another script") {
            "host"
        } else {
            "serve"
        };
        assert!(scripts.iter().any(|name| name == script), "{what}");
    }
}

#[test]
fn a_project_whose_module_is_gone_is_told_again() {
    let fx = installed();
    fx.remove("service");
    let outcome = fx.mpoetry(["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
}

#[test]
fn sync_removes_what_came_in_behind_its_back() {
    let fx = installed();
    fx.mpoetry(["sync"]).success();
    let foreign = site(&fx, "foreign-1.0.dist-info");
    fs::create_dir(&foreign).expect("a new folder");
    fs::write(foreign.join("METADATA"), "Name: foreign\nVersion: 1.0\n").expect("a new file");
    fs::write(foreign.join("RECORD"), "").expect("a new file");
    let outcome = fx.mpoetry(["sync"]).success();
    assert!(
        outcome.stdout.contains("Removing foreign (1.0)"),
        "{outcome}"
    );
}
