//! An application and libraries beside it, for the other tests here.

use super::super::Fixture;
use crate::support::Repository;

/// How a library is built.
#[derive(Clone, Copy)]
pub(super) enum Backend {
    /// By ourselves, as poetry-core would.
    Native,
    /// By the back end in `tests/fixtures/backend.py`, which lies in the library.
    Own,
}

/// Of the project: its environment lies in it.
pub(super) const SETTINGS: &str = "[virtualenvs]\nin-project = true\n";

const OWN: &str = include_str!("../../fixtures/backend.py");

/// An application without a package, with these libraries: name and `develop`.
pub(super) fn application(libraries: &[(&str, bool)]) -> Fixture {
    let fx = Fixture::empty();
    fx.write("poetry.toml", SETTINGS);
    write_manifest(&fx, libraries);
    fx
}

pub(super) fn write_manifest(fx: &Fixture, libraries: &[(&str, bool)]) {
    let names: Vec<&str> = libraries.iter().map(|(name, _)| *name).collect();
    let declared: Vec<String> = (libraries.iter())
        .map(|(name, develop)| format!("{name} = {{ path = \"{name}\", develop = {develop} }}\n"))
        .collect();
    let manifest = format!(
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = {names:?}\n\n\
         [tool.poetry]\npackage-mode = false\n\n[tool.poetry.dependencies]\n{}",
        declared.concat()
    );
    fx.write("pyproject.toml", manifest);
}

/// Writes a library that prints `WORD`.
pub(super) fn write_library(fx: &Fixture, name: &str, backend: Backend) {
    let system = match backend {
        Backend::Native => {
            "requires = [\"poetry-core>=2.0\"]\nbuild-backend = \"poetry.core.masonry.api\"\n"
        }
        Backend::Own => {
            fx.write(&format!("{name}/backend.py"), OWN);
            "requires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n"
        }
    };
    let manifest = format!(
        "[project]\nname = \"{name}\"\nversion = \"1.0\"\ndependencies = []\n\n\
         [project.scripts]\nsay = \"{name}:say\"\n\n[build-system]\n{system}"
    );
    fx.write(&format!("{name}/pyproject.toml"), manifest);
    let code = "WORD = 'old'\ndef say():\n    print(WORD)\n";
    fx.write(&format!("{name}/{name}/__init__.py"), code);
}

/// An application that is locked and installed, with one library.
pub(super) fn installed(backend: Backend, develop: bool) -> Fixture {
    let fx = application(&[("lib", develop)]);
    write_library(&fx, "lib", backend);
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["install"]).success();
    fx
}

/// What `install` says of operations: their lines, or that there are none.
#[track_caller]
pub(super) fn install(fx: &Fixture) -> String {
    let outcome = fx.mpoetry(["install"]).success();
    let lines = outcome.stdout.lines();
    let told = lines.filter(|line| line.starts_with("  - ") || line.starts_with("No "));
    told.collect::<Vec<_>>().join("\n")
}

/// What a module of the environment knows.
#[track_caller]
pub(super) fn print(fx: &Fixture, code: &str) -> String {
    let outcome = fx.mpoetry(["run", "python", "-c", code]).success();
    outcome.stdout.trim().to_owned()
}

pub(super) fn repository(fx: &Fixture, name: &str) -> Repository {
    Repository::new(fx.top().join(name))
}

pub(super) const NOTHING: &str = "No dependencies to install or update";
pub(super) const UPDATE: &str = "  - Updating lib (1.0 [root]/lib -> 1.0 [root]/lib)";
