//! `mpoetry build`.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::support::{Fixture, program};

const DEMO: &str = r#"
[project]
name = "Demo.Pkg"
version = "1.0"
description = "A demo"
requires-python = ">=3.9"
dependencies = ["attrs>=20"]

[build-system]
requires = ["poetry-core>=2.0"]
build-backend = "poetry.core.masonry.api"
"#;

fn demo() -> Fixture {
    let fx = Fixture::project(DEMO);
    fx.write("demo_pkg/__init__.py", "x = 1\n");
    fx.write("LICENSE", "MIT\n");
    fx
}

/// The names of the members of an sdist, and the text of its PKG-INFO.
fn sdist(path: &Path) -> (Vec<String>, String) {
    let file = fs::File::open(path).expect("an sdist");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let (mut names, mut info) = (Vec::new(), String::new());
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("a member");
        let name = entry.path().expect("a name").display().to_string();
        if name.ends_with("/PKG-INFO") {
            entry.read_to_string(&mut info).expect("a text");
        }
        names.push(name);
    }
    (names, info)
}

#[test]
fn both_archives_are_built_without_python() {
    let fx = demo();
    let outcome = fx.run(fx.command(program()).arg("build").env("PATH", ""));
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    Building Demo.Pkg (1.0)
    Building sdist
      - Building sdist
      - Built demo_pkg-1.0.tar.gz
    Building wheel
      - Building wheel
      - Built demo_pkg-1.0-py3-none-any.whl
    ");
    assert_eq!(
        fx.list("dist"),
        ["demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"]
    );
    let (names, info) = sdist(&fx.path("dist/demo_pkg-1.0.tar.gz"));
    assert_eq!(
        names,
        [
            "demo_pkg-1.0/LICENSE",
            "demo_pkg-1.0/demo_pkg/__init__.py",
            "demo_pkg-1.0/pyproject.toml",
            "demo_pkg-1.0/PKG-INFO"
        ]
    );
    insta::assert_snapshot!(info, @"
    Metadata-Version: 2.4
    Name: Demo.Pkg
    Version: 1.0
    Summary: A demo
    License-File: LICENSE
    Requires-Python: >=3.9
    Classifier: Programming Language :: Python :: 3
    Classifier: Programming Language :: Python :: 3.9
    Classifier: Programming Language :: Python :: 3.10
    Classifier: Programming Language :: Python :: 3.11
    Classifier: Programming Language :: Python :: 3.12
    Classifier: Programming Language :: Python :: 3.13
    Classifier: Programming Language :: Python :: 3.14
    Classifier: Programming Language :: Python :: 3.15
    Requires-Dist: attrs (>=20)
    ");
}

#[test]
fn two_builds_have_the_same_bytes() {
    let fx = demo();
    fx.mpoetry(["build", "-o", "one"]).success();
    fx.write("demo_pkg/__init__.py", "x = 1\n");
    fx.mpoetry(["build", "-o", "two"]).success();
    for name in fx.list("one") {
        let read = |folder: &str| fs::read(fx.path(folder).join(&name)).expect("an archive");
        assert_eq!(read("one"), read("two"), "{name}");
    }
}

#[test]
fn one_format_in_a_folder_that_is_cleaned_first() {
    let fx = demo();
    fx.write("out/old.whl", "");
    fx.mpoetry(["build", "-f", "sdist", "-o", "out"]).success();
    assert_eq!(fx.list("out"), ["demo_pkg-1.0.tar.gz", "old.whl"]);
    insta::assert_snapshot!(fx.mpoetry(["build", "--format=wheel", "--output", "out", "--clean"]), @"
    exit: 0
    ----- stdout -----
    Building Demo.Pkg (1.0)
    Building wheel
      - Building wheel
      - Built demo_pkg-1.0-py3-none-any.whl
    ");
    assert_eq!(fx.list("out"), ["demo_pkg-1.0-py3-none-any.whl"]);
}

#[test]
fn a_local_version_is_a_setting_of_the_back_end() {
    let fx = demo();
    let outcome = fx.mpoetry(["build", "-f", "wheel", "-c", "local-version=Ubuntu.1"]);
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    Building Demo.Pkg (1.0)
    Building wheel
      - Building wheel
      - Built demo_pkg-1.0+ubuntu.1-py3-none-any.whl
    ");
    insta::assert_snapshot!(fx.mpoetry(["build", "-f", "sdist", "-l", "two"]), @"
    exit: 0
    ----- stdout -----
    Building Demo.Pkg (1.0)
    Building sdist
      - Building sdist
      - Built demo_pkg-1.0+two.tar.gz
    ----- stderr -----
    `--local-version` is deprecated. Use `--config-settings local-version=two` instead.
    ");
    let (names, info) = sdist(&fx.path("dist/demo_pkg-1.0+two.tar.gz"));
    assert!(names.contains(&"demo_pkg-1.0+two/PKG-INFO".to_owned()));
    assert!(info.contains("\nVersion: 1.0+two\n"), "{info}");
}

#[test]
fn options_of_no_use_are_refused() {
    let fx = demo();
    insta::assert_snapshot!(fx.mpoetry(["build", "-f", "zip"]), @"
    exit: 1
    ----- stderr -----

    Invalid format: zip
    ");
    insta::assert_snapshot!(fx.mpoetry(["build", "-c", "local-version"]), @"
    exit: 1
    ----- stderr -----

    Invalid config setting format: local-version. Config settings must be in the format 'key=value'
    ");
    assert!(!fx.exists("dist"));
}

#[test]
fn what_is_no_package_is_not_built() {
    let fx = Fixture::project("[tool.poetry]\npackage-mode = false\n");
    insta::assert_snapshot!(fx.mpoetry(["build"]), @"
    exit: 1
    ----- stderr -----
    Building a package is not possible in non-package mode.
    ");
}

#[test]
fn a_failed_build_leaves_what_was_there() {
    let fx = demo();
    fx.mpoetry(["build"]).success();
    fx.remove("demo_pkg");
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["build"]), @"
    exit: 1
    ----- stdout -----
    Building Demo.Pkg (1.0)
    Building sdist
      - Building sdist
    ----- stderr -----

    No file/folder found for package demo-pkg
    ");
    fx.assert_unchanged(&before);
}

#[test]
fn without_a_back_end_it_is_poetrys_own() {
    let fx = Fixture::project("[project]\nname = \"plain\"\nversion = \"2\"\n");
    fx.write("plain.py", "");
    insta::assert_snapshot!(fx.mpoetry(["build", "-f", "wheel"]), @"
    exit: 0
    ----- stdout -----
    Building plain (2)
    Building wheel
      - Building wheel
      - Built plain-2-py2.py3-none-any.whl
    ----- stderr -----
    WARNING: No build backend defined. Please define one in the pyproject.toml.
    Falling back to using the built-in `poetry-core` version.
    In a future release Poetry will fallback to `setuptools` as defined by PEP 517.
    More details can be found at https://python-poetry.org/docs/libraries/#packaging
    ");
}

/// A back end that writes what it is told.
const OWN: &str = r#"
import json, os

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "own-1.0-py3-none-any.whl"
    with open(os.path.join(wheel_directory, name), "w") as file:
        json.dump(config_settings, file, sort_keys=True)
    return name

def build_sdist(sdist_directory, config_settings=None):
    raise RuntimeError("no sdist today")
"#;

#[test]
fn other_back_ends_build_in_an_environment_of_their_own() {
    let fx = Fixture::project(
        "[project]\nname = \"own\"\nversion = \"1.0\"\n\
         [build-system]\nrequires = []\nbuild-backend = \"own\"\nbackend-path = [\".\"]\n",
    );
    fx.write("own.py", OWN);
    let outcome = fx.mpoetry([
        "build", "-f", "wheel", "-c", "a=1", "-c", "b=x=y", "-c", "a=2",
    ]);
    insta::assert_snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    Building own (1.0)
    Building wheel
    ");
    assert_eq!(
        fx.read("dist/own-1.0-py3-none-any.whl"),
        r#"{"a": "2", "b": "x=y"}"#
    );

    let outcome = fx.mpoetry(["build"]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stdout, "Building own (1.0)\nBuilding sdist\n");
    for words in [
        "PEP517 build of a dependency failed",
        "Backend subprocess exited when trying to invoke build_sdist",
        "no sdist today",
    ] {
        assert!(outcome.stderr.contains(words), "{words}: {outcome}");
    }
    assert_eq!(fx.list("dist"), ["own-1.0-py3-none-any.whl"]);
}
