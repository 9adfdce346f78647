//! `mpoetry cache …`.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{locked_service, service};
use crate::support::{Fixture, Sdist, Wheel, program};

fn cache(fx: &Fixture, path: &str) -> PathBuf {
    fx.top().join("cache").join(path)
}

/// What is cached about a package by its source, as the names of the buckets.
fn kept(fx: &Fixture, package: &str) -> Vec<String> {
    let mut found = Vec::new();
    for bucket in ["index-v2", "metadata-v3"] {
        for key in fs::read_dir(cache(fx, bucket))
            .into_iter()
            .flatten()
            .flatten()
        {
            if key.path().join(package).exists() {
                found.push(bucket.to_owned());
            }
        }
    }
    found
}

#[test]
fn caches_have_names() {
    let fx = Fixture::empty();
    insta::assert_snapshot!(fx.mpoetry(["cache", "list"]), @"
    exit: 0
    ----- stderr -----
    No caches found
    ");
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(fx.mpoetry(["cache", "list"]), @"
    exit: 0
    ----- stdout -----
    PyPI
    archives
    pythons
    wheels
    ");
}

#[test]
fn answers_of_a_source_are_forgotten() {
    let fx = locked_service();
    assert_eq!(kept(&fx, "web"), ["index-v2", "metadata-v3"]);
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "pypi"]), @"
    exit: 1
    ----- stderr -----

    Add the --all option if you want to clear all cache entries
    ");
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "pypi:web:7", "-n"]), @"
    exit: 0
    ----- stdout -----
    No cache entries for web:7
    ");
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "pypi:Web:1.1", "-n"]), @"
    exit: 0
    ");
    assert_eq!(kept(&fx, "web"), ["metadata-v3"]);
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "pypi:Web:1.1", "-n"]), @"
    exit: 0
    ----- stdout -----
    No cache entries for web:1.1
    ");
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "pypi:web", "-n"]), @"
    exit: 0
    ");
    assert!(kept(&fx, "web").is_empty());
    assert!(!kept(&fx, "tools").is_empty());
    fx.mpoetry(["cache", "clear", "PYPI", "--all", "-n"])
        .success();
    assert!(kept(&fx, "tools").is_empty());
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "pypi", "--all", "-n"]), @"
    exit: 0
    ----- stdout -----
    No cache entries for pypi
    ");

    let before = fx.read("poetry.lock");
    fx.mpoetry(["lock", "--regenerate"]).success();
    assert_eq!(fx.read("poetry.lock"), before);
}

#[test]
fn a_source_of_the_project_has_a_cache_of_its_own() {
    let fx = service();
    let url = fx.index().source_url("mirror");
    let manifest = fx.read("pyproject.toml");
    let source = format!(
        "[[tool.poetry.source]]\nname = \"Mirror\"\nurl = \"{url}\"\npriority = \"supplemental\"\n"
    );
    fx.write(
        "pyproject.toml",
        manifest.replace("check\"]", "check\", \"own\"]") + &source,
    );
    fx.index().publish_to("mirror", &Wheel::new("own", "1.0"));
    fx.mpoetry(["lock"]).success();
    let list = fx.mpoetry(["cache", "list"]).stdout;
    assert!(list.starts_with("Mirror\nPyPI\n"), "{list}");
    fx.mpoetry(["cache", "clear", "mirror", "--all", "-n"])
        .success();
    assert!(kept(&fx, "own").is_empty());
    assert!(!kept(&fx, "web").is_empty());
}

#[test]
fn a_question_is_asked_first() {
    let fx = locked_service();
    let ask = |answer: &str| {
        fx.write("answer", answer);
        let mut command = fx.command(program());
        let answer = fs::File::open(fx.path("answer")).unwrap();
        let words = ["cache", "clear", "pythons", "--all"];
        fx.run(command.args(words).stdin(Stdio::from(answer)))
    };
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(ask("no\n"), @"
    exit: 0
    ----- stderr -----
    Delete 3 entries? (yes/no) [yes]
    ");
    assert!(cache(&fx, "pythons-v1").exists());
    insta::assert_snapshot!(ask("\n"), @"
    exit: 0
    ----- stderr -----
    Delete 3 entries? (yes/no) [yes]
    ");
    assert!(!cache(&fx, "pythons-v1").exists());
}

#[test]
fn names_that_are_none() {
    let fx = Fixture::empty();
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "../x", "--all"]), @"
    exit: 1
    ----- stderr -----

    ../x is not a valid repository cache
    ");
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "a:b:c:d"]), @"
    exit: 1
    ----- stderr -----

    Invalid cache key
    ");
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "other", "--all"]), @"
    exit: 0
    ----- stdout -----
    No cache entries for other
    ");
    insta::assert_snapshot!(fx.mpoetry(["cache", "clear", "--all"]), @"
    exit: 0
    ----- stdout -----
    No cache entries
    ");
}

#[test]
fn what_is_of_no_use_goes() {
    let fx = locked_service();
    fx.mpoetry(["install"]).success();
    fx.mpoetry(["install"]).success();
    insta::assert_snapshot!(fx.mpoetry(["cache", "prune"]), @"
    exit: 0
    ----- stdout -----
    There is nothing to remove.
    ");
    for path in [
        "wheels-v2/.unpacking-1/files/x.py",
        "archives-v1/.tmp-2",
        "builds-v1/.tmp-3/source/setup.py",
        "builds-v1/environments/half/bin/python",
        "index-v1/key/page",
        "wheels-v2/0000/files/x.py",
        "builds-v1/sdists/0000/key",
        "archives-v1/by-md5/0000",
        "archives-v1/remarks/0000",
        "unchanged-v1/rubbish",
        "pythons-v1/rubbish",
    ] {
        let path = cache(&fx, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "four").unwrap();
    }
    fs::write(cache(&fx, "someone-elses"), "").unwrap();
    insta::assert_snapshot!(fx.mpoetry(["cache", "prune"]), @"
    exit: 0
    ----- stdout -----
    Removed 11 files (44 B):
      - 4 files (16 B) left behind by runs that were killed
      - 1 file (4 B) of earlier versions of mpoetry
      - 4 files (16 B) damaged, or useless by themselves
      - 2 files (8 B) about projects and Pythons that are gone
    ");
    insta::assert_snapshot!(fx.mpoetry(["cache", "prune"]), @"
    exit: 0
    ----- stdout -----
    There is nothing to remove.
    ");
    assert!(cache(&fx, "someone-elses").exists());

    fx.index().forget_requests();
    fx.mpoetry(["env", "remove", "--all"]).success();
    fx.mpoetry(["install"]).success();
    assert!(
        fx.index().requests().is_empty(),
        "all that is of use is still there"
    );
}

#[test]
fn records_of_projects_that_are_gone() {
    let fx = locked_service();
    let pause = || std::thread::sleep(Duration::from_millis(50));
    pause();
    fx.mpoetry(["lock"]).success();
    let records = || fs::read_dir(cache(&fx, "unchanged-v1")).unwrap().count();
    assert_eq!(records(), 1);
    fx.mpoetry(["cache", "prune"]).success();
    assert_eq!(records(), 1);
    fx.remove("pyproject.toml");
    fx.mpoetry(["cache", "prune"]).success();
    assert_eq!(records(), 0);
}

/// A CI job stores what costs time to make, and nothing that an index has.
#[test]
fn a_ci_job_keeps_wheels_that_were_built() {
    let fx = service();
    fx.index().publish(
        &Sdist::new("slow", "1.0")
            .file("pyproject.toml", "[tool.poetry]\nname = \"slow\"\nversion = \"1.0\"\ndescription = \"\"\nauthors = []\n[build-system]\nrequires = [\"poetry-core>=2\"]\nbuild-backend = \"poetry.core.masonry.api\"\n")
            .file("slow.py", ""),
    );
    fx.edit(
        "pyproject.toml",
        "\"web (>=1.0,<2.0)\"",
        "\"web (>=1.0,<2.0)\", \"slow\"",
    );
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["install"]).success();
    fx.mpoetry(["cache", "prune", "--ci"]).success();
    let wheels: Vec<_> = fs::read_dir(cache(&fx, "wheels-v2"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(wheels.len(), 1);
    let manifest = fs::read(wheels[0].path().join("manifest")).unwrap();
    assert!(String::from_utf8_lossy(&manifest).contains("slow-1.0"));
    assert!(wheels[0].path().join("files/0/0").exists());
    for bucket in ["index-v2", "metadata-v3", "archives-v1", "pythons-v1"] {
        assert!(!cache(&fx, bucket).exists(), "{bucket}");
    }

    fx.mpoetry(["env", "remove", "--all"]).success();
    fx.index().forget_requests();
    fx.mpoetry(["install"]).success();
    let requests = fx.index().requests().join("\n");
    assert!(!requests.contains("slow-1.0"), "{requests}");
}

#[test]
fn sizes_by_kind() {
    let fx = Fixture::empty();
    insta::assert_snapshot!(fx.mpoetry(["cache", "size"]), @"
    exit: 0
    ----- stdout -----
    all        0 B  0 files
    ");
    let write = |path: &str, size: usize| {
        let path = cache(&fx, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; size]).unwrap();
    };
    write("wheels-v2/ab/files/x.py", 1_000_000);
    write("wheels-v2/ab/manifest", 500_000);
    write("git-v1/repositories/x/HEAD", 21);
    insta::assert_snapshot!(fx.mpoetry(["cache", "size"]), @"
    exit: 0
    ----- stdout -----
    git          21 B   1 file
    wheels     1.5 MB  2 files
    all        1.5 MB  3 files
    ");
}

/// A running command keeps what it uses.
#[test]
fn nothing_is_taken_away_from_a_running_command() {
    let fx = locked_service();
    let in_use = fs::File::create(cache(&fx, ".in-use.lock")).unwrap();
    in_use.lock_shared().unwrap();
    let mut command = fx.command(program());
    command.args(["cache", "clear", "--all", "-n"]);
    let mut clearing = command.stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(clearing.try_wait().unwrap().is_none(), "it waits");
    assert!(!kept(&fx, "web").is_empty());
    drop(in_use);
    let began = Instant::now();
    assert!(clearing.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(kept(&fx, "web").is_empty());
}

/// `mpoetry shell` keeps a start-up file for some shells.
#[cfg(unix)]
#[test]
fn files_for_shells_belong_to_the_cache() {
    let mut fx = Fixture::project("[project]\nname = \"demo\"\nversion = \"1.0\"\n");
    fx.set("POETRY_VIRTUALENVS_IN_PROJECT", "true");
    let mut command = fx.command("sh");
    command.args(["-c", &format!("{} shell", program().display())]);
    command.env("SHELL", "/bin/sh");
    fx.on_terminal(&["exit 0"], &command);
    let files = cache(&fx, "shell-v1");
    assert!(files.join("shrc").exists());

    let list = fx.mpoetry(["cache", "list"]).success().stdout;
    assert!(list.contains("\nshell\n"), "{list}");
    let size = fx.mpoetry(["cache", "size"]).success().stdout;
    assert!(
        size.contains("\nshell ") && size.contains(" 1 file\n"),
        "{size}"
    );
    fx.mpoetry(["cache", "prune"]).success();
    assert!(files.join("shrc").exists());
    fx.mpoetry(["cache", "clear", "shell", "--all", "-n"])
        .success();
    assert!(!files.exists());
}
