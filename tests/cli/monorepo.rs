//! The whole path on the example monorepo: lock, install, run.

use super::lock::locked;
use crate::support::{Fixture, publish_stand_ins};

pub(super) const LIBRARIES: [&str; 4] = [
    "libs/libfast",
    "libs/libmodels",
    "libs/libmq",
    "libs/libtelemetry",
];
pub(super) const SERVICES: [&str; 4] = [
    "stack/service-api",
    "stack/service-ml",
    "stack/service-report",
    "stack/service-worker",
];

/// The monorepo, with stand-ins for all that its projects need from outside. The lock files in the tree are of the real
/// packages, so they are taken away.
pub(super) fn monorepo() -> Fixture {
    let fx = Fixture::named("monorepo");
    publish_stand_ins(fx.index());
    for project in LIBRARIES.iter().chain(&SERVICES) {
        fx.remove(&format!("{project}/poetry.lock"));
    }
    fx
}

/// What the service must print when all runs as it should, in an environment with the dev group or without.
pub(super) fn expected_line(fx: &Fixture, service: &str, with_dev: bool) -> String {
    let name = service.rsplit('/').next().unwrap_or(service);
    let lines = fx.read("tools/expected.txt");
    let line = lines
        .lines()
        .find(|line| line.starts_with(&format!("OK {name} ")));
    let line = line.expect("a line for each service").to_owned();
    if with_dev {
        line.replace("\"pytest\": false", "\"pytest\": true")
    } else {
        line
    }
}

/// The module that a service starts with.
pub(super) fn main_module(service: &str) -> String {
    let name = service.rsplit('/').next().unwrap_or(service);
    format!("{}.main", name.replace('-', "_"))
}

/// The snapshots were written by Poetry. Hashes are masked: the stand-ins' bytes may change with any compressor.
#[test]
fn every_project_locks_as_poetry_locks_it() {
    let fx = monorepo();
    for project in LIBRARIES.iter().chain(&SERVICES) {
        fx.mpoetry_in(project, ["lock"]).success();
        let lock = fx.read(&format!("{project}/poetry.lock"));
        let masked: Vec<String> = lock.lines().map(mask_hash).collect();
        let name = project.rsplit('/').next().unwrap_or(project);
        insta::assert_snapshot!(name, masked.join("\n"));
    }
}

fn mask_hash(line: &str) -> String {
    match line.split_once("hash = \"sha256:") {
        Some((before, _)) => format!("{before}hash = \"sha256:*\"}},"),
        None => line.to_owned(),
    }
}

#[test]
fn services_install_and_run() {
    let fx = monorepo();
    for service in SERVICES {
        fx.mpoetry_in(service, ["lock"]).success();
        fx.mpoetry_in(service, ["install"]).success();
        let outcome = fx.mpoetry_in(service, ["run", "python", "-m", &main_module(service)]);
        assert_eq!(
            outcome.success().stdout.trim_end(),
            expected_line(&fx, service, true)
        );
    }
}

#[test]
fn an_extra_is_there_when_asked_for() {
    let fx = monorepo();
    let service = "stack/service-api";
    fx.mpoetry_in(service, ["lock"]).success();
    fx.mpoetry_in(service, ["install", "-E", "metrics", "--only", "main"])
        .success();
    let outcome = fx.mpoetry_in(service, ["run", "service-api"]).success();
    let expected =
        expected_line(&fx, service, false).replace("\"metrics\": false", "\"metrics\": true");
    assert_eq!(outcome.stdout.trim_end(), expected);
}

/// A change in a library is seen by a service at once, without another command.
#[test]
fn libraries_are_editable() {
    let fx = monorepo();
    let service = "stack/service-worker";
    fx.mpoetry_in(service, ["lock"]).success();
    fx.mpoetry_in(service, ["install"]).success();
    fx.edit(
        "libs/libmq/libmq/__init__.py",
        "broker:5672",
        "elsewhere:5672",
    );
    let outcome = fx
        .mpoetry_in(service, ["run", "python", "-m", "service_worker.main"])
        .success();
    assert!(
        outcome.stdout.contains("\"host\": \"elsewhere\""),
        "{outcome}"
    );
}

/// Poetry refuses an empty constraint; here it means any version, and each is told once.
#[test]
fn an_empty_constraint_means_any_version() {
    let fx = monorepo();
    for (project, file) in [
        ("libs/libmq", "libmq"),
        ("stack/service-worker", "service-worker"),
    ] {
        let manifest = fx.read(&format!("variants/empty-constraint/{file}.pyproject.toml"));
        fx.write(&format!("{project}/pyproject.toml"), manifest);
    }
    insta::assert_snapshot!(fx.mpoetry_in("stack/service-worker", ["lock"]), @r#"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Writing lock file
    ----- stderr -----
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.
    Warning: the constraint "" of `libmq`, `libtelemetry` is read as "*"; write "*", Poetry refuses ""
    "#);
    fx.mpoetry_in("stack/service-worker", ["install"]).success();
    let outcome = fx.mpoetry_in(
        "stack/service-worker",
        ["run", "python", "-m", "service_worker.main"],
    );
    let expected = expected_line(&fx, "stack/service-worker", true);
    assert_eq!(outcome.success().stdout.trim_end(), expected);
}

/// Poetry's issue 10178: a library with its dependencies in `[project]` and their paths in `[tool.poetry]` cannot be
/// depended on. Here it can.
#[test]
fn a_library_may_say_its_paths_apart() {
    let fx = monorepo();
    let manifest = fx.read("variants/issue-10178/libmodels.pyproject.toml");
    fx.write("libs/libmodels/pyproject.toml", manifest);
    fx.mpoetry_in("stack/service-report", ["lock"]).success();
    fx.write("poetry.lock", fx.read("stack/service-report/poetry.lock"));
    assert!(locked(&fx).contains(&"libtelemetry 0.3.0".to_owned()));
    fx.mpoetry_in("stack/service-report", ["install", "--only", "main"])
        .success();
    let outcome = fx
        .mpoetry_in("stack/service-report", ["run", "service-report"])
        .success();
    assert_eq!(
        outcome.stdout.trim_end(),
        expected_line(&fx, "stack/service-report", false)
    );
}

/// What a compiler would say must reach the user, and nothing may be half installed.
#[test]
fn a_build_that_fails() {
    let fx = monorepo();
    fx.mpoetry_in("stack/service-ml", ["lock"]).success();
    fx.write("libs/libfast/setup.py", "# FAIL_BUILD\n");
    let outcome = fx.mpoetry_in("stack/service-ml", ["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome.to_string().contains("_adler.c:1: expected ';'"),
        "{outcome}"
    );
    assert!(outcome.to_string().contains("libfast"), "{outcome}");
}
