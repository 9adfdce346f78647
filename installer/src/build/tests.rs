//! The front end with a back end that lies in the source tree and needs nothing, so that no index is asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use resolver::cache::Cache;
use resolver::index::{Builder, Index, IndexSettings};
use resolver::runtime::Runtime;

use super::archive::{read_members, read_metadata};
use super::{BuildError, BuildFrontend, Kind};
use crate::python::Interpreter;

/// A back end that makes a wheel of two files; what it sees of its environment goes into one of them.
const BACKEND: &str = r#"
import os, sys, zipfile

def _wheel(folder, text):
    name = "inner-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        archive.writestr("inner.txt", text)
        archive.writestr("inner-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: inner\nVersion: 1.0\n")
        archive.writestr("inner-1.0.dist-info/RECORD", "")
    return name

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if os.path.exists("broken"):
        print("words on stdout")
        sys.stderr.write("words on stderr\n")
        raise SystemExit(3)
    names = ["SOURCE_DATE_EPOCH", "PYTHONHASHSEED", "TZ", "LC_ALL"]
    lines = [os.environ[name] for name in names]
    # setuptools would take these instead of the flags that Python itself was built with.
    lines.append(os.environ.get("CFLAGS", "no flags"))
    lines.append(str(os.path.realpath(os.getcwd()) == os.path.realpath(os.path.dirname(os.path.dirname(__file__)))))
    lines.append(str(os.environ["PATH"].startswith(os.path.dirname(sys.executable))))
    return _wheel(wheel_directory, "\n".join(lines))
"#;

struct World {
    folder: tempfile::TempDir,
    frontend: BuildFrontend,
}

impl World {
    fn new() -> Self {
        // Another test may have been faster.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let python = ["python3.11", "python3"]
            .iter()
            .find_map(|name| which::which(name).ok());
        let python = Interpreter::query(&python.expect("tests need a python3"), &cache).unwrap();
        let frontend = BuildFrontend::new(cache.clone(), Arc::new(python), Runtime::default());
        let settings = IndexSettings {
            pypi_url: "http://127.0.0.1:1/".to_owned(),
            offline: true,
            no_cache: false,
            timeout: 1,
            retries: 0,
            connections: 1,
            user_agent: "test".to_owned(),
            ..IndexSettings::default()
        };
        frontend.connect(Index::new(settings, cache, None));
        let world = Self { folder, frontend };
        world.write(
            "pyproject.toml",
            "[build-system]\nrequires = []\nbuild-backend = \"own\"\nbackend-path = [\"tools\"]\n",
        );
        world.write("tools/own.py", BACKEND);
        world
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.source().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn wheel(&self, kind: Kind) -> Result<PathBuf, BuildError> {
        self.frontend
            .wheel(&self.source(), kind, &self.folder.path().join("out"))
    }
}

fn text_of(wheel: &Path) -> String {
    let members = read_members(wheel).unwrap();
    let member = members
        .into_iter()
        .find(|member| member.name == "inner.txt")
        .unwrap();
    String::from_utf8(member.content).unwrap()
}

#[test]
fn a_back_end_runs_in_a_calm_environment() {
    let world = World::new();
    let wheel = world.wheel(Kind::Wheel).unwrap();
    assert_eq!(wheel.file_name().unwrap(), "inner-1.0-py3-none-any.whl");
    assert_eq!(
        text_of(&wheel),
        "1451606400\n0\nUTC\nC\nno flags\nTrue\nTrue"
    );
    // Nothing but the wheel is left.
    assert_eq!(
        std::fs::read_dir(wheel.parent().unwrap()).unwrap().count(),
        1
    );
}

#[test]
fn the_users_date_reaches_the_back_end() {
    let world = World::new();
    world.frontend.set_source_date_epoch(1_700_000_000);
    assert!(text_of(&world.wheel(Kind::Wheel).unwrap()).starts_with("1700000000\n"));
}

#[test]
fn metadata_comes_from_a_wheel_if_there_is_no_hook_for_it() {
    let world = World::new();
    let metadata = world.frontend.metadata(&world.source()).unwrap();
    assert_eq!(
        (metadata.name.as_str(), metadata.version.as_str()),
        ("inner", "1.0")
    );
}

#[test]
fn a_failing_back_end_is_quoted() {
    let world = World::new();
    world.write("broken", "");
    let error = world.wheel(Kind::Wheel).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "PEP517 build of a dependency failed\n\n\
             Backend subprocess exited when trying to invoke build_wheel\n\n    \
             | The back end ended with exit status: 3.\n    |\n    \
             | words on stdout\n    | words on stderr\n\n\
             Note: This error originates from the build backend"
        ),
        "{error}"
    );
}

#[test]
fn a_back_end_without_the_hook_is_named() {
    let world = World::new();
    let error = world.wheel(Kind::Editable).unwrap_err();
    let source = world.source().canonicalize().unwrap();
    let expected = format!(
        "the build back end `own` of `{}` has no `build_editable`",
        source.display()
    );
    assert_eq!(error.to_string(), expected);
}

/// Whether it is nowhere, or somewhere else.
#[test]
fn an_archive_that_was_not_made_is_named() {
    for name in ["own-1.0-py3-none-any.whl", "../own-1.0-py3-none-any.whl"] {
        let world = World::new();
        let back_end = format!(
            "import os\ndef build_wheel(wheel_directory, **others):\n    \
             name = {name:?}\n    \
             if '/' in name: open(os.path.join(wheel_directory, name), 'w').close()\n    \
             return name\n"
        );
        world.write("tools/own.py", &back_end);
        let error = world.wheel(Kind::Wheel).unwrap_err().to_string();
        let source = world.source().canonicalize().unwrap();
        let expected = format!(
            "the build back end `own` of `{}` says that it made `{name}`, but it did not",
            source.display()
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn an_empty_folder_is_no_project() {
    let world = World::new();
    let empty = world.folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let error = world
        .frontend
        .wheel(&empty, Kind::Wheel, &empty)
        .unwrap_err();
    let expected = format!(
        "`{}` has no pyproject.toml, setup.py or setup.cfg",
        empty.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_build_system_of_another_shape_is_refused() {
    let world = World::new();
    for (text, reason) in [
        ("build-system = 1", "it must be a table"),
        (
            "[build-system]\nbuild-backend = 'own'",
            "`requires` is missing",
        ),
        (
            "[build-system]\nrequires = 'a'",
            "`requires` must be an array of strings",
        ),
        (
            "[build-system]\nrequires = [1]",
            "`requires` must be an array of strings",
        ),
        (
            "[build-system]\nrequires = []\nbuild-backend = []",
            "`build-backend` must be a string",
        ),
        (
            "[build-system]\nrequires = []\nbackend-path = '.'",
            "`backend-path` must be an array of strings",
        ),
        (
            "[build-system]\nrequires = []\nbuild_backend = 'own'",
            "`build_backend` is unknown",
        ),
    ] {
        world.write("pyproject.toml", text);
        let error = world.wheel(Kind::Wheel).unwrap_err().to_string();
        let file = world.source().join("pyproject.toml");
        let expected = format!(
            "[build-system] in `{}` is not valid: {reason}",
            file.display()
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn a_build_environment_is_made_once() {
    let world = World::new();
    world.wheel(Kind::Wheel).unwrap();
    let environments = world.folder.path().join("cache/builds-v1/environments");
    let folders = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&environments)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let [folder] = &folders()[..] else {
        panic!("one environment is expected");
    };
    std::fs::write(folder.join("mark"), "").unwrap();
    world.wheel(Kind::Wheel).unwrap();
    assert!(folder.join("mark").is_file());
    // A half-made one is made anew.
    std::fs::remove_file(folder.join(".complete")).unwrap();
    world.wheel(Kind::Wheel).unwrap();
    assert!(!folder.join("mark").exists());
    assert_eq!(folders().len(), 1);
}

#[test]
fn poetry_core_projects_need_no_python() {
    let world = World::new();
    world.write(
        "pyproject.toml",
        "[project]\nname = \"own\"\nversion = \"2\"\ndependencies = [\"a>=1\"]\nrequires-python = \">=3.9\"\n\
         [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n",
    );
    world.write("own.py", "");
    let wheel = world.wheel(Kind::Wheel).unwrap();
    assert_eq!(wheel.file_name().unwrap(), "own-2-py3-none-any.whl");
    assert!(!world.folder.path().join("cache/builds-v1").exists());
    let metadata = world.frontend.metadata(&world.source()).unwrap();
    assert_eq!(metadata.requires_dist, ["a (>=1)"]);
    assert!(
        read_metadata(&wheel)
            .unwrap()
            .starts_with(b"Metadata-Version: 2.4\nName: own\nVersion: 2\n")
    );
}

/// Whatever decides the bytes of a wheel decides its identity, and nothing else does.
#[test]
fn the_identity_of_a_wheel() {
    type Change = fn(&World);
    let identity = |content: &str, change: Change| {
        let world = World::new();
        change(&world);
        let source = world.source();
        let system = super::backend::BuildSystem::read(&source).unwrap();
        let rules = super::rules::Rules::default();
        let identity = world.frontend.identity(content, &system, &source, rules);
        identity.unwrap()
    };
    let first = identity("sdist 1", |_| {});
    assert_eq!(first.len(), 64);
    // Each world lies in a folder of its own, and has a cache of its own.
    assert_eq!(identity("sdist 1", |_| {}), first);
    let unheeded = identity("sdist 1", |world| {
        let variables = vec![("HOSTNAME".to_owned(), "ci-1".to_owned())];
        world.frontend.set_variables(variables);
    });
    assert_eq!(unheeded, first);

    let others = [
        identity("sdist 2", |_| {}),
        identity("sdist 1", |world| {
            let variables = vec![("CFLAGS".to_owned(), "-O3".to_owned())];
            world.frontend.set_variables(variables);
        }),
        identity("sdist 1", |world| {
            world.frontend.set_source_date_epoch(1_700_000_000);
        }),
        identity("sdist 1", |world| world.write("src/inner.pyx", "")),
        identity("sdist 1", |world| {
            world.write("src/inner.c", "");
            let variables = vec![("SKBUILD_X".to_owned(), "1".to_owned())];
            world.frontend.set_variables(variables);
        }),
        identity("sdist 1", |world| {
            world.write(
                "pyproject.toml",
                "[build-system]\nrequires = []\nbuild-backend = \"own:x\"\nbackend-path = [\"tools\"]\n",
            );
        }),
    ];
    let mut all = others.to_vec();
    all.push(first);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), others.len() + 1, "{others:?}");
}
