//! `mpoetry bundle`.

use std::fs;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::monorepo::{SERVICES, expected_line, monorepo};
use crate::support::{Container, Fault, Fixture, Outcome, Wheel, python};

/// The monorepo with one service locked.
pub(super) fn locked(service: &str) -> Fixture {
    let fx = monorepo();
    fx.mpoetry_in(service, ["lock"]).success();
    fx
}

pub(super) const WORKER: &str = "stack/service-worker";

/// The promise: with the sources gone and no index in reach, the Dockerfile that was there all along installs the bundle,
/// and the service prints what it printed before.
#[test]
fn dockerfiles_work_unchanged_and_offline() {
    let mut fx = monorepo();
    for service in SERVICES {
        fx.mpoetry_in(service, ["lock"]).success();
        fx.mpoetry(["bundle", service]).success();
    }
    fx.index_mut().stop();
    fs::rename(fx.path("libs"), fx.top().join("libs-out-of-reach")).expect("a new place");
    for service in SERVICES {
        let container = Container::build(&fx, service);
        let container = container.unwrap_or_else(|outcome| panic!("{service}: {outcome}"));
        assert_eq!(
            container.pip("check").success().stdout,
            "No broken requirements found.\n"
        );
        let outcome = container.run().success();
        assert_eq!(
            outcome.stdout.trim_end(),
            expected_line(&fx, service, false)
        );
    }
}

#[test]
fn says_what_it_makes() {
    let fx = locked(WORKER);
    let outcome = fx.mpoetry(["bundle", "service-worker"]).success();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(
        lines[0].starts_with("Bundling service-worker for CPython 3."),
        "{outcome}"
    );
    assert_eq!(
        lines[lines.len() - 2..],
        [
            "",
            "Bundled 10 wheels into [root]/stack/service-worker/dist"
        ]
    );
    assert_eq!(
        fx.list(&format!("{WORKER}/dist")),
        [
            "bundle.json",
            "deps",
            "requirements.txt",
            "sbom.cdx.json",
            "service_worker-1.0.4-py3-none-any.whl"
        ]
    );
    assert_eq!(
        fx.list(&format!("{WORKER}/dist/deps")),
        [
            "certifi-2025.1.31-py3-none-any.whl",
            "charset_normalizer-3.4.1-py3-none-any.whl",
            "idna-3.10-py3-none-any.whl",
            "libmq-1.2.0-py3-none-any.whl",
            "libtelemetry-0.3.0-py3-none-any.whl",
            "pika-1.3.2-py3-none-any.whl",
            "requests-2.32.3-py3-none-any.whl",
            "structlog-24.4.0-py3-none-any.whl",
            "urllib3-2.3.0-py3-none-any.whl",
        ]
    );
}

/// Every wheel is in requirements.txt with the hash of its bytes, and pip agrees.
#[test]
fn requirements_hold_every_hash() {
    let fx = locked(WORKER);
    fx.mpoetry(["bundle", "service-worker"]).success();
    let dist = format!("{WORKER}/dist");
    let requirements = fx.read(&format!("{dist}/requirements.txt"));
    let mut wheels: Vec<String> = fx
        .list(&format!("{dist}/deps"))
        .iter()
        .map(|name| format!("deps/{name}"))
        .collect();
    wheels.extend(
        fx.list(&dist)
            .into_iter()
            .filter(|name| name.ends_with(".whl")),
    );
    for wheel in &wheels {
        let bytes = fs::read(fx.path(&format!("{dist}/{wheel}"))).expect("a wheel");
        let hash = format!("--hash=sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)));
        assert!(requirements.contains(&hash), "{wheel}\n{requirements}");
    }
    assert_eq!(
        requirements.matches("--hash=").count(),
        wheels.len(),
        "{requirements}"
    );

    let container = Container::build(&fx, WORKER).unwrap_or_else(|outcome| panic!("{outcome}"));
    let dist = fx.path(&dist).display().to_string();
    let options = "--no-index --no-deps --require-hashes --force-reinstall --quiet --target again";
    let links = format!("--find-links {dist} --find-links {dist}/deps");
    container
        .pip(&format!(
            "install {options} {links} -r {dist}/requirements.txt"
        ))
        .success();
}

/// A name without a version is what pip would look for in an index; a path is what it would not find in an image.
#[test]
fn libraries_ask_for_each_other_by_version() {
    let fx = monorepo();
    let mut lines = String::new();
    for service in SERVICES {
        fx.mpoetry_in(service, ["lock"]).success();
        fx.mpoetry(["bundle", service, "--only-libs"]).success();
        lines += &format!("{service}\n{}", in_repo_requirements(&fx, service));
    }
    insta::assert_snapshot!(lines, @"
    stack/service-api
      libmodels Requires-Dist: libtelemetry (==0.3.0)
      libmq Requires-Dist: libtelemetry (==0.3.0)
      service_api Requires-Dist: libmodels (==2.0.1)
      service_api Requires-Dist: libmq (==1.2.0)
      service_api Requires-Dist: libtelemetry (==0.3.0)
    stack/service-ml
      service_ml Requires-Dist: libfast (==0.9.2)
      service_ml Requires-Dist: libtelemetry (==0.3.0)
    stack/service-report
      libmodels Requires-Dist: libtelemetry (==0.3.0)
      service_report Requires-Dist: libmodels (==2.0.1)
    stack/service-worker
      libmq Requires-Dist: libtelemetry (==0.3.0)
      service_worker Requires-Dist: libmq (==1.2.0)
      service_worker Requires-Dist: libtelemetry (==0.3.0)
    ");
}

#[test]
fn an_unchanged_bundle_is_not_written_again() {
    let fx = locked(WORKER);
    fx.mpoetry(["bundle", WORKER]).success();
    fx.index().forget_requests();
    let before = fx.snapshot_tree();
    let outcome = fx.mpoetry(["bundle", WORKER]).success();
    assert_eq!(
        without_target(&outcome),
        "Bundling service-worker for [target]\n\nNothing to do: [root]/stack/service-worker/dist is up to date\n"
    );
    fx.assert_unchanged(&before);
    assert_eq!(fx.index().requests(), Vec::<String>::new());
}

#[test]
fn a_changed_library_is_built_again() {
    let fx = locked(WORKER);
    fx.mpoetry(["bundle", WORKER]).success();
    fx.edit(
        "libs/libmq/libmq/__init__.py",
        "broker:5672",
        "elsewhere:5672",
    );
    let before = fx.snapshot_tree();
    fx.mpoetry(["bundle", WORKER]).success();
    let differences = before.differences(&fx.snapshot_tree());
    assert_eq!(
        differences,
        [
            "changed stack/service-worker/dist/bundle.json",
            "changed stack/service-worker/dist/deps/libmq-1.2.0-py3-none-any.whl",
            "changed stack/service-worker/dist/requirements.txt",
            "changed stack/service-worker/dist/sbom.cdx.json"
        ]
    );
    let container = Container::build(&fx, WORKER).unwrap_or_else(|outcome| panic!("{outcome}"));
    assert!(
        container
            .run()
            .success()
            .stdout
            .contains("\"host\": \"elsewhere\"")
    );
}

/// Old wheels would be installed by the Dockerfile's `*.whl` as well.
#[test]
fn what_is_no_longer_needed_goes() {
    let fx = locked(WORKER);
    fx.mpoetry(["bundle", WORKER]).success();
    fx.write(
        &format!("{WORKER}/dist/deps/stranger-1.0-py3-none-any.whl"),
        "",
    );
    fx.edit("libs/libmq/pyproject.toml", "1.2.0", "1.3.0");
    fx.mpoetry_in(WORKER, ["lock"]).success();
    let before = fx.snapshot_tree();
    fx.mpoetry(["bundle", WORKER]).success();
    let differences = before.differences(&fx.snapshot_tree());
    insta::assert_snapshot!(differences.join("\n"), @"
    changed stack/service-worker/dist/bundle.json
    removed stack/service-worker/dist/deps/libmq-1.2.0-py3-none-any.whl
    removed stack/service-worker/dist/deps/stranger-1.0-py3-none-any.whl
    changed stack/service-worker/dist/requirements.txt
    changed stack/service-worker/dist/sbom.cdx.json
    changed stack/service-worker/dist/service_worker-1.0.4-py3-none-any.whl
    added stack/service-worker/dist/deps/libmq-1.3.0-py3-none-any.whl
    ");
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let bundle = || {
        let fx = locked("stack/service-api");
        fx.mpoetry(["bundle", "service-api"]).success();
        fx.read("stack/service-api/dist/requirements.txt")
    };
    assert_eq!(bundle(), bundle());
}

#[test]
fn extras_and_groups_are_taken_when_asked_for() {
    let fx = locked("stack/service-api");
    fx.mpoetry(["bundle", "service-api", "-E", "metrics", "--with", "dev"])
        .success();
    let wheels = fx.list("stack/service-api/dist/deps").join(" ");
    assert!(wheels.contains("prometheus_client-"), "{wheels}");
    assert!(wheels.contains("pytest-"), "{wheels}");
    assert!(!wheels.contains("pyinstrument-"), "{wheels}");
}

#[test]
fn a_service_is_found_by_name_folder_or_path() {
    let fx = locked(WORKER);
    fx.run(fx.command("git").args(["init", "--quiet"]))
        .success();
    fx.mpoetry(["bundle", WORKER]).success();
    let before = fx.snapshot_tree();
    for (folder, word) in [
        ("", "service-worker"),
        ("", "Service_Worker"),
        ("", "./stack/service-worker"),
        ("libs/libmq", "service-worker"),
        (WORKER, "."),
        ("stack/service-api", "../service-worker"),
    ] {
        let outcome = fx.mpoetry_in(folder, ["bundle", word]).success();
        assert!(
            outcome
                .stdout
                .contains("Nothing to do: [root]/stack/service-worker/dist"),
            "{outcome}"
        );
    }
    fx.assert_unchanged(&before);
    insta::assert_snapshot!(fx.mpoetry(["bundle", "service-wroker"]), @"
    exit: 2
    ----- stderr -----

    no project is called `service-wroker` below [root]

    Did you mean `service-worker`?
    ");
    insta::assert_snapshot!(fx.mpoetry(["bundle", "nothing-like-it"]), @"
    exit: 2
    ----- stderr -----

    no project is called `nothing-like-it` below [root]
    ");
}

/// Two at once share libraries and the cache.
#[test]
fn bundles_may_be_made_at_once() {
    let fx = monorepo();
    for service in SERVICES {
        fx.mpoetry_in(service, ["lock"]).success();
    }
    std::thread::scope(|scope| {
        for service in SERVICES.iter().chain(&SERVICES) {
            let fx = &fx;
            scope.spawn(move || fx.mpoetry(["bundle", service]).success());
        }
    });
    for service in SERVICES {
        let outcome = fx.mpoetry(["bundle", service]).success();
        assert!(outcome.stdout.contains("Nothing to do"), "{outcome}");
    }
}

/// Whatever goes wrong, the bundle that was there stays as it was.
#[test]
fn failures_leave_the_old_bundle() {
    let mut fx = locked(WORKER);
    fx.mpoetry(["bundle", WORKER]).success();
    let manifest = fx.read(&format!("{WORKER}/pyproject.toml"));
    let lock = fx.read(&format!("{WORKER}/poetry.lock"));
    let library = fx.read("libs/libmq/pyproject.toml");
    let fails = |fx: &Fixture| {
        let before = fx.snapshot_tree();
        let outcome = fx.mpoetry(["bundle", WORKER]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        fx.assert_unchanged(&before);
        outcome.stderr
    };

    fx.edit(&format!("{WORKER}/pyproject.toml"), "^2.32", "^2.30");
    insta::assert_snapshot!(fails(&fx), @r#"
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.

    pyproject.toml of `[root]/stack/service-worker` changed significantly since poetry.lock was last generated

    Run `mpoetry lock` in that folder, and bundle again.
    "#);
    fx.write(&format!("{WORKER}/pyproject.toml"), &manifest);

    fx.remove(&format!("{WORKER}/poetry.lock"));
    insta::assert_snapshot!(fails(&fx), @r#"
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.

    `[root]/stack/service-worker` has no poetry.lock

    Run `mpoetry lock` in that folder, and bundle again.
    "#);
    fx.write(&format!("{WORKER}/poetry.lock"), &lock);

    fx.edit(
        "libs/libmq/pyproject.toml",
        "pika = \"^1.3.2\"",
        "pika = \"^1.3.2\"\nclick = \"*\"",
    );
    insta::assert_snapshot!(fails(&fx), @r#"
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.

    `libmq` requires `click`, which poetry.lock of the service does not provide

    Run `mpoetry lock` in the service's folder, and bundle again; or take the lock as it is, with `--allow-stale-libs`.
    "#);
    fx.write("libs/libmq/pyproject.toml", &library);

    fs::rename(fx.path("libs/libmq"), fx.top().join("moved")).expect("a new place");
    insta::assert_snapshot!(fails(&fx), @r#"
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.
    Path [root]/libs/libmq for libmq does not exist

    `service-worker` -> `libmq`: [root]/libs/libmq does not exist
    "#);
    fs::rename(fx.top().join("moved"), fx.path("libs/libmq")).expect("the old place");

    fx.set(
        "MPOETRY_CACHE_DIR",
        &fx.top().join("cold").display().to_string(),
    );
    fx.remove(&format!("{WORKER}/dist"));
    fx.write(&format!("{WORKER}/dist/mine.txt"), "");
    fx.index()
        .publish(&Wheel::new("pika", "1.3.2").file("pika/__init__.py", "evil = True\n"));
    insta::assert_snapshot!(fails(&fx), @r#"
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.

    Downloaded distributions for pika (1.3.2) did not match any known checksums in your lock file.

    Causes:
      - invalid or corrupt cache either during locking or installation
      - network interruptions or errors causing corrupted downloads

    Solutions:
      1. Try running your command again using the --no-cache global option enabled.
      2. Try regenerating your lock file using (poetry lock --no-cache --regenerate).

    If any of those solutions worked, you will have to clear your caches using (poetry cache clear --all CACHE_NAME).

    You can also run your poetry command with -v to see more information.
    "#);
    fx.index()
        .fail("requests-2.32.3", Fault::Status(404), usize::MAX);
    fx.index_mut().stop();
    let text = fails(&fx);
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn no_wheel_fits_this_machine() {
    let fx = monorepo();
    fx.index()
        .publish(&Wheel::new("structlog", "24.4.1").tag("cp27-cp27m-win32"));
    fx.mpoetry_in(WORKER, ["lock"]).success();
    let outcome = fx.mpoetry(["bundle", WORKER]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let expected = "structlog (24.4.1); there is structlog-24.4.1-cp27-cp27m-win32.whl";
    assert!(outcome.stderr.contains(expected), "{outcome}");
    assert!(!fx.exists(&format!("{WORKER}/dist")));
}

/// Standard output, with the machine that it speaks of taken out.
fn without_target(outcome: &Outcome) -> String {
    let mut lines = String::new();
    for line in outcome.stdout.lines() {
        match line.split_once(" for CPython") {
            Some((before, _)) => lines += &format!("{before} for [target]\n"),
            None => lines += &format!("{line}\n"),
        }
    }
    lines
}

/// The `Requires-Dist` lines by which wheels of the repository ask for one another.
fn in_repo_requirements(fx: &Fixture, service: &str) -> String {
    let script = r#"
import glob, re, zipfile
for path in sorted(glob.glob("dist/**/*.whl", recursive=True)):
    wheel = zipfile.ZipFile(path)
    name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    for line in wheel.read(name).decode().splitlines():
        if line.startswith("Requires-Dist: lib"):
            print("  " + path.split("/")[-1].split("-")[0], line)
"#;
    let mut command = fx.command(&python().executable);
    fx.run(command.args(["-c", script]).current_dir(fx.path(service)))
        .success()
        .stdout
}
