//! What goes wrong with bundles, and what is said then.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use super::bundle::{WORKER, locked};
use super::monorepo::monorepo;
use crate::support::{Fault, Fixture, Outcome, Repository, Sdist, Wheel, program};

const ML: &str = "stack/service-ml";

/// Writes a poetry-core project with one package, and these lines among its dependencies.
fn project(fx: &Fixture, folder: &str, dependencies: &str) {
    let name = folder.rsplit('/').next().unwrap_or(folder);
    fx.write(
        &format!("{folder}/pyproject.toml"),
        format!(
            "[tool.poetry]\nname = \"{name}\"\nversion = \"1.0\"\ndescription = \"\"\nauthors = []\n\n\
             [tool.poetry.dependencies]\npython = \"^3.9\"\n{dependencies}\n\
             [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n"
        ),
    );
    fx.write(&format!("{folder}/{name}/__init__.py"), "");
}

/// A service called `app` with these dependencies, locked.
fn app(fx: &Fixture, dependencies: &str) {
    project(fx, "app", dependencies);
    fx.mpoetry_in("app", ["lock"]).success();
}

/// What a command that must fail says on stderr, without what Poetry says of old spellings.
#[track_caller]
fn failure(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, Some(1), "{outcome}");
    said(outcome)
}

fn said(outcome: &Outcome) -> String {
    let lines = outcome.stderr.lines();
    let lines = lines.filter(|line| !line.contains("is deprecated"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[test]
fn more_than_one_service_of_a_name() {
    let fx = Fixture::empty();
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    for folder in ["one/app", "two/app"] {
        project(&fx, folder, "");
        fx.mpoetry_in(folder, ["lock"]).success();
    }
    let outcome = fx.mpoetry(["bundle", "app"]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    insta::assert_snapshot!(said(&outcome), @"
    `app` may be [root]/one/app or [root]/two/app

    Give the path of the one that is meant.
    ");
    fx.mpoetry(["bundle", "one/app"]).success();

    let before = fx.snapshot_tree();
    let outcome = fx.mpoetry(["bundle", "--all", "--output", "out"]);
    insta::assert_snapshot!(failure(&outcome), @"
    both [root]/one/app and [root]/two/app are called `app`

    Bundle them one after the other, into different folders.
    ");
    fx.assert_unchanged(&before);
    fx.mpoetry(["bundle", "--all"]).success();
}

#[test]
fn a_library_that_is_not_as_locked() {
    let fx = locked(WORKER);
    let manifest = "libs/libmq/pyproject.toml";
    fx.edit(manifest, "version = \"1.2.0\"", "version = \"1.2.1\"");
    let outcome = fx.mpoetry(["bundle", WORKER]).success();
    insta::assert_snapshot!(said(&outcome), @"Warning: `libmq` is locked at 1.2.0, but its manifest says 1.2.1, which is bundled");
    assert!(fx.exists(&format!("{WORKER}/dist/deps/libmq-1.2.1-py3-none-any.whl")));

    fx.edit(
        manifest,
        "pika = \"^1.3.2\"",
        "pika = \"^1.3.2\"\nclick = \"*\"",
    );
    insta::assert_snapshot!(failure(&fx.mpoetry(["bundle", WORKER])), @"
    `libmq` requires `click`, which poetry.lock of the service does not provide

    Run `mpoetry lock` in the service's folder, and bundle again; or take the lock as it is, with `--allow-stale-libs`.
    ");
    fx.mpoetry(["bundle", WORKER, "--allow-stale-libs"])
        .success();
}

#[test]
fn a_library_outside_of_the_repository() {
    let fx = Fixture::empty();
    fx.write("repo/pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    project(&fx, "outside", "");
    project(&fx, "repo/lib", "outside = { path = \"../../outside\" }\n");
    project(&fx, "repo/app", "lib = { path = \"../lib\" }\n");
    fx.mpoetry_in("repo/app", ["lock"]).success();
    let outcome = fx.mpoetry_in("repo", ["bundle", "app"]);
    insta::assert_snapshot!(failure(&outcome), @"`app` -> `lib` -> `outside` is outside of the repository: `[root]/outside`");
}

/// A lock that somebody has merged by hand.
#[test]
fn one_file_name_twice() {
    let fx = Fixture::empty();
    project(&fx, "libs/lib", "");
    project(&fx, "other/lib", "");
    app(&fx, "lib = { path = \"../libs/lib\" }\n");
    let lock = fx.read("app/poetry.lock");
    let begin = lock.find("[[package]]").expect("a package");
    let end = lock.find("[metadata]").expect("the metadata");
    let again = lock[begin..end].replace("../libs/lib", "../other/lib");
    fx.write(
        "app/poetry.lock",
        format!("{}{again}{}", &lock[..end], &lock[end..]),
    );
    let outcome = fx.mpoetry(["bundle", "app"]);
    insta::assert_snapshot!(failure(&outcome), @"the bundle would have two files `lib-1.0-py3-none-any.whl`: of `lib` from [root]/libs/lib, and of `lib` from [root]/other/lib");
}

#[test]
fn libraries_may_need_each_other() {
    let fx = Fixture::empty();
    project(&fx, "one", "two = { path = \"../two\" }\n");
    project(&fx, "two", "one = { path = \"../one\" }\n");
    app(&fx, "one = { path = \"../one\" }\n");
    fx.mpoetry(["bundle", "app"]).success();
    let wheels = fx.list("app/dist/deps");
    assert_eq!(
        wheels,
        ["one-1.0-py3-none-any.whl", "two-1.0-py3-none-any.whl"]
    );
}

/// Nothing can be built first when it has to be built to be built.
#[test]
fn a_package_that_builds_itself() {
    let fx = Fixture::empty();
    let manifest = "[build-system]\nrequires = [\"ring\"]\nbuild-backend = \"ring\"\n";
    fx.index()
        .publish(&Sdist::new("ring", "1.0").file("pyproject.toml", manifest));
    app(&fx, "ring = \"*\"\n");
    let text = failure(&fx.mpoetry(["bundle", "app"]));
    assert!(text.contains("requires itself: ring"), "{text}");
}

/// The page has the hash of the lock, but the file is another one. Nobody looks for it elsewhere.
#[test]
fn a_file_that_is_not_the_locked_one() {
    let mut fx = locked(WORKER);
    fx.set(
        "MPOETRY_CACHE_DIR",
        &fx.top().join("cold").display().to_string(),
    );
    let file = "pika-1.3.2-py3-none-any.whl";
    fx.index().fail(file, Fault::Garble, usize::MAX);
    let text = failure(&fx.mpoetry(["bundle", WORKER]));
    assert!(
        text.starts_with(&format!(
            "Hash for pika (1.3.2) from archive {file} not found in known hashes (was: sha256:"
        )),
        "{text}"
    );
    let lock = fx.read(&format!("{WORKER}/poetry.lock"));
    let locked = lock
        .lines()
        .find(|line| line.contains(file))
        .expect("a line");
    let locked = locked.split('"').nth(3).expect("a hash");
    let expected =
        format!("It came from [index]/files/simple/pika/{file}, and should have {locked}.");
    assert!(text.contains(&expected), "{expected}\n{text}");
    assert!(!fx.exists(&format!("{WORKER}/dist")));
}

/// All that is missing is told at once, whatever it is: files, repositories, back ends.
#[test]
fn all_that_is_out_of_reach() {
    let mut fx = monorepo();
    let repository = Repository::new(fx.top().join("tool"));
    repository.write("tool.py", "");
    repository.write(
        "pyproject.toml",
        "[project]\nname = \"tool\"\nversion = \"1.0\"\n\n[build-system]\nrequires = [\"poetry-core\"]\n\
         build-backend = \"poetry.core.masonry.api\"\n",
    );
    repository.commit("one");
    let manifest = format!("{ML}/pyproject.toml");
    let line = format!(
        "numpy = \"^1.26\"\nidna = \"*\"\ntool = {{ git = \"{}\" }}",
        repository.url()
    );
    fx.edit(&manifest, "numpy = \"^1.26\"", &line);
    fx.mpoetry_in(ML, ["lock"]).success();
    fx.set(
        "MPOETRY_CACHE_DIR",
        &fx.top().join("cold").display().to_string(),
    );
    fx.set("POETRY_REQUESTS_MAX_RETRIES", "0");
    fx.index_mut().stop();
    fs::remove_dir_all(fx.top().join("tool")).expect("a folder");
    let text = failure(&fx.mpoetry(["bundle", ML]));
    let shown: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("caused by"))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    failed to build `libfast`

    4 files are neither in the cache nor within reach:
      - idna-3.10-py3-none-any.whl
      - numpy-1.26.4-py3-none-any.whl
      - structlog-24.4.0-py3-none-any.whl
      - tool from file://None[temp]/tool@802e659ede9e4616b125bf4e6536b6a47d8af027

    Run it again when they can be reached. What was fetched so far stays in the cache.

    nothing was bundled because of these 2 errors
    ");
    assert!(!fx.exists(&format!("{ML}/dist")));
}

/// `libfast` can't be built; what else is built is not lost by that, and what else fails is told as well.
#[test]
fn a_build_that_fails() {
    let fx = monorepo();
    for name in ["libslow", "libsafe"] {
        for file in ["pyproject.toml", "setup.py", "src/libfast/__init__.py"] {
            let text = fx.read(&format!("libs/libfast/{file}"));
            let file = file.replace("libfast", name);
            fx.write(
                &format!("libs/{name}/{file}"),
                text.replace("libfast", name),
            );
        }
        fx.edit(
            &format!("{ML}/pyproject.toml"),
            "[tool.poetry.dependencies]\n",
            &format!("[tool.poetry.dependencies]\n{name} = {{ path = \"../../libs/{name}\" }}\n"),
        );
    }
    fx.mpoetry_in(ML, ["lock"]).success();
    fx.edit("libs/libfast/setup.py", "from", "# FAIL_BUILD\nfrom");
    let outcome = fx.mpoetry(["bundle", ML]);
    insta::assert_snapshot!(failure(&outcome), @r#"
    failed to build `libfast`
      caused by: PEP517 build of a dependency failed

    Backend subprocess exited when trying to invoke build_wheel

        | The back end ended with exit status: 1.
        |
        | error: command 'cc' failed: src/libfast/_adler.c:1: expected ';'

    Note: This error originates from the build backend, and is likely not a problem with poetry but one of the following issues with [root]/libs/libfast

      - not supporting PEP 517 builds
      - not specifying PEP 517 build requirements correctly
      - the build requirements are incompatible with your operating system or Python version
      - the build requirements are missing system dependencies (eg: compilers, libraries, headers).

    You can verify this by running pip wheel --no-cache-dir --use-pep517 "[root]/libs/libfast".

    What its back end has printed is kept in [temp]/cache/builds-v1/logs/libfast.log.
    "#);
    let log = fx.top().join("cache/builds-v1/logs/libfast.log");
    let log = fs::read_to_string(log).expect("the log");
    assert!(log.contains("error: command 'cc' failed"), "{log}");
    assert!(!fx.exists(&format!("{ML}/dist")));

    // What was built stays so.
    fx.edit("libs/libslow/setup.py", "from", "# FAIL_BUILD\nfrom");
    let outcome = fx.mpoetry(["bundle", ML]);
    assert!(!outcome.stdout.contains("Building libsafe"), "{outcome}");
    let text = failure(&outcome);
    for name in ["libfast", "libslow"] {
        assert_eq!(
            text.matches(&format!("failed to build `{name}`")).count(),
            1,
            "{text}"
        );
    }
    assert!(
        text.ends_with("nothing was bundled because of these 2 errors"),
        "{text}"
    );
}

/// Installed into one environment, one file would replace the other, whoever installs them.
#[test]
fn one_file_in_two_wheels() {
    let fx = Fixture::empty();
    let publish = |name: &str, version: &str, text: &str| {
        let wheel = Wheel::new(name, version)
            .file(&format!("{name}.py"), "")
            .file("shared/__init__.py", text)
            .file("shared/more.py", "");
        fx.index().publish(&wheel);
    };
    publish("one", "1.0", "");
    publish("two", "1.0", "");
    app(&fx, "one = \"*\"\ntwo = \"*\"\n");
    let forms: [&[&str]; 4] = [
        &[],
        &["--layout", "layers"],
        &["--format", "tree"],
        &["--format", "oci", "--base", "scratch"],
    ];
    for form in forms {
        let words = [&["bundle", "app"], form].concat();
        let outcome = fx.mpoetry_with("", &words).success();
        let expected = "Warning: `one` and `two` both bring `shared/__init__.py` and another file";
        assert_eq!(said(&outcome), expected, "{form:?}");
    }
    fx.mpoetry_in("app", ["bundle", "venv", "../venv"])
        .success();

    publish("two", "1.1", "x = 1\n");
    fx.mpoetry_in("app", ["update", "--lock"]).success();
    let before = fx.snapshot_tree();
    let mut texts = Vec::new();
    for form in forms {
        let words = [&["bundle", "app"], form].concat();
        texts.push(failure(&fx.mpoetry_with("", &words)));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    insta::assert_snapshot!(texts[0], @"
    `one` and `two` both bring `shared/__init__.py`, and not the same

    One of them would overwrite the other's file. If it does not matter which of the two is kept, add `--allow-overlaps`.
    ");
    fx.assert_unchanged(&before);

    // Like the plugin's.
    let outcome = fx
        .mpoetry_in("app", ["bundle", "venv", "../venv"])
        .success();
    assert!(
        said(&outcome).starts_with("Warning: `one` and `two` both bring"),
        "{outcome}"
    );

    for form in forms {
        let words = [&["bundle", "app", "--allow-overlaps"], form].concat();
        let outcome = fx.mpoetry_with("", &words).success();
        let expected = "both bring `shared/__init__.py` and another file, and not the same: one of them will be lost";
        assert!(said(&outcome).ends_with(expected), "{form:?}: {outcome}");
    }
}

/// Commands, too, are files; they need not be listed in any RECORD.
#[test]
fn one_command_in_two_wheels() {
    let fx = Fixture::empty();
    for (name, target) in [("one", "one:main"), ("two", "two:main")] {
        let wheel = Wheel::new(name, "1.0").entry_point("console_scripts", "tell", target);
        fx.index().publish(&wheel);
    }
    app(&fx, "one = \"*\"\ntwo = \"*\"\n");
    for form in ["wheels", "tree"] {
        let text = failure(&fx.mpoetry(["bundle", "app", "--format", form]));
        let expected = "`one` and `two` both bring `bin/tell`, and not the same";
        assert!(text.starts_with(expected), "{form}: {text}");
    }
}

/// It would enter a wheel that is in it, or replace what it is made from.
#[test]
fn a_place_where_no_bundle_may_be() {
    let fx = Fixture::empty();
    project(&fx, "lib", "");
    app(&fx, "lib = { path = \"../lib\" }\n");
    fx.write("mine/letters.txt", "dear");
    let before = fx.snapshot_tree();
    let mut texts = String::new();
    for output in [
        "app/app/out",
        "lib/lib/some/where",
        "app",
        ".",
        "lib",
        "mine",
    ] {
        let text = failure(&fx.mpoetry(["bundle", "app", "--output", output]));
        texts += &format!("{output}: {}\n", text.lines().next().unwrap_or_default());
    }
    insta::assert_snapshot!(texts, @"
    app/app/out: `[root]/app/app/out` is in the package `[root]/app/app`, so the bundle would become a part of the wheel of `app`
    lib/lib/some/where: `[root]/lib/lib/some/where` is in the package `[root]/lib/lib`, so the bundle would become a part of the wheel of `lib`
    app: a bundle in `[root]/app` would replace the project in `[root]/app`
    .: a bundle in `[root]` would replace the project in `[root]/lib`
    lib: a bundle in `[root]/lib` would replace the project in `[root]/lib`
    mine: `[root]/mine` has files in it that are not those of a bundle, and a bundle would replace them
    ");
    fx.assert_unchanged(&before);
    // What a bundle has been, even if nobody remembers, and what is empty may be replaced.
    fx.mpoetry(["bundle", "app", "--output", "out"]).success();
    fs::create_dir(fx.path("empty")).expect("a folder");
    for output in ["out", "empty"] {
        let mut command = fx.command(program());
        command
            .args(["bundle", "app", "--output", output])
            .env("MPOETRY_CACHE_DIR", fx.top().join("cold"));
        fx.run(&mut command).success();
    }
}

/// No file can be written beyond some bytes, as on a disk that is full.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_bundle() {
    let fx = locked(WORKER);
    fx.mpoetry(["bundle", WORKER]).success();
    // Built and cached, but not in the folder.
    fx.edit("libs/libmq/libmq/__init__.py", "broker:5672", "x:5672");
    fx.mpoetry(["bundle", WORKER, "--output", "out"]).success();
    let before = fx.snapshot_tree();
    let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" bundle stack/service-worker";
    let mut command = fx.command("sh");
    let outcome = fx.run(command.args(["-c", script]).arg(program()));
    let text = failure(&outcome);
    assert!(
        text.contains("[root]/stack/service-worker/.dist.mpoetry-"),
        "{text}"
    );
    assert!(text.contains("File too large"), "{text}");
    fx.assert_unchanged(&before);
    fx.mpoetry(["bundle", WORKER]).success();
}

/// Root may write everywhere but where the file system itself is read-only.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_place_leaves_the_old_bundle() {
    let fx = locked(WORKER);
    fx.mpoetry(["bundle", WORKER]).success();
    fx.edit("libs/libmq/libmq/__init__.py", "broker:5672", "x:5672");
    let before = fx.snapshot_tree();
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 77; \
                  cd \"$1\"; exec \"$0\" bundle stack/service-worker";
    let mut command = fx.command("unshare");
    command
        .args(["--mount", "--user", "--map-root-user", "sh", "-c", script])
        .args([program(), fx.root()]);
    let Ok(output) = command.output() else {
        return eprintln!("skipped: there is no unshare");
    };
    if output.status.code() == Some(77)
        || String::from_utf8_lossy(&output.stderr).starts_with("unshare:")
    {
        return eprintln!("skipped: nothing can be mounted here");
    }
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Read-only file system"), "{text}");
    assert!(text.contains(".dist.mpoetry-"), "{text}");
    fx.assert_unchanged(&before);
}

/// Runs a bundle while somebody holds the locks below a folder of the cache, until it says that it waits. Returns all
/// that it said on stderr.
fn said_while_locked(fx: &Fixture, service: &str, locks: &str) -> String {
    let folder = fx.top().join("cache/builds-v1").join(locks);
    let held: Vec<fs::File> = fs::read_dir(folder)
        .expect("a folder of locks")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "lock")
        })
        .map(|path| fs::File::options().write(true).open(path).expect("a lock"))
        .inspect(|file| file.lock().expect("free"))
        .collect();
    assert!(!held.is_empty(), "{locks}");
    let mut command = fx.command(program());
    command.args(["bundle", service]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = command.spawn().expect("it starts");
    let mut stderr = BufReader::new(running.stderr.take().expect("a pipe"));
    let mut text = String::new();
    while !text.contains("Waiting") {
        assert_ne!(stderr.read_line(&mut text).expect("text"), 0, "{text}");
    }
    drop(held);
    stderr.read_to_string(&mut text).expect("text");
    assert!(running.wait().expect("it ends").success(), "{text}");
    text
}

#[test]
fn who_waits_says_for_what() {
    let fx = locked(ML);
    let outcome = fx.mpoetry(["bundle", ML]).success();
    assert!(!outcome.stderr.contains("Waiting"), "{outcome}");
    let folder = fx.path(ML).join("dist").display().to_string();
    let text = said_while_locked(&fx, ML, "bundles");
    assert_eq!(
        text,
        format!("Waiting for another process that writes {folder}...\n")
    );

    for entry in fs::read_dir(fx.top().join("cache/builds-v1/libraries")).expect("wheels") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            fs::remove_dir_all(path).expect("a folder");
        }
    }
    let text = said_while_locked(&fx, ML, "libraries");
    assert_eq!(text, "Waiting for another process that builds libfast...\n");
}
