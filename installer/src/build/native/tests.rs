//! Whole archives against what poetry-core builds from the same projects (`tests/vectors/builds.json`, made by
//! `tests/record_builds.py`).

use std::io::Read;
use std::path::Path;

use resolver::project::Project;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sdist::build_sdist;
use super::wheel::build_wheel;
use crate::build::Kind;
use crate::build::archive::Timestamp;

fn vectors() -> serde_json::Map<String, Value> {
    let text = include_str!("../../../tests/vectors/builds.json");
    serde_json::from_str(text).unwrap()
}

/// Writes the files of a recorded project.
#[cfg(unix)]
fn write_project(folder: &Path, recorded: &Value) {
    use std::os::unix::fs::{PermissionsExt, symlink};
    for (name, file) in recorded["files"].as_object().unwrap() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if let Some(target) = file["link"].as_str() {
            symlink(target, path).unwrap();
            continue;
        }
        let text = file.as_str().or_else(|| file["text"].as_str()).unwrap();
        std::fs::write(&path, text).unwrap();
        let mode = file["mode"].as_u64().unwrap_or(0o644);
        let mode = u32::try_from(mode).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    if recorded["git"] == json!(true) {
        let git = std::process::Command::new("git")
            .args(["init", "-q"])
            .current_dir(folder)
            .status();
        assert!(git.unwrap().success());
    }
}

/// A wheel in the form of the vectors.
fn describe_wheel(path: &Path) -> Value {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut members = Vec::new();
    let mut texts = serde_json::Map::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        let name = member.name().unwrap().into_owned();
        let date = member.last_modified().unwrap();
        members.push(json!({
            "name": name,
            "mode": member.unix_mode(),
            "date": [date.year(), date.month(), date.day(), date.hour(), date.minute(), date.second()],
            "flags": if name.is_ascii() { 0 } else { 0x800 },
            "sha256": data_encoding::HEXLOWER.encode(&Sha256::digest(&content)),
        }));
        let base = name.rsplit('/').next().unwrap();
        if ["METADATA", "WHEEL", "entry_points.txt", "RECORD"].contains(&base) {
            texts.insert(base.to_owned(), String::from_utf8(content).unwrap().into());
        }
    }
    json!({ "file": path.file_name().unwrap().to_str(), "members": members, "texts": texts })
}

#[cfg(unix)]
#[test]
fn wheels_are_those_of_poetry_core() {
    for (name, recorded) in vectors() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(&name);
        write_project(&root, &recorded);
        let project = Project::read(&root).unwrap();
        let output = folder.path().join("out");
        let wheel = build_wheel(&project, Kind::Wheel, &output, Timestamp::DEFAULT).unwrap();
        let built = describe_wheel(&wheel);
        for text in ["METADATA", "entry_points.txt", "RECORD"] {
            assert_eq!(
                built["texts"][text].as_str(),
                recorded["wheel"]["texts"][text].as_str(),
                "{text} of {name}"
            );
        }
        assert_eq!(built, recorded["wheel"], "{name}");
    }
}

#[cfg(unix)]
#[test]
fn editable_wheels_are_those_of_poetry_core() {
    for (name, recorded) in vectors() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(&name);
        write_project(&root, &recorded);
        let project = Project::read(&root).unwrap();
        let output = folder.path().join("out");
        let wheel = build_wheel(&project, Kind::Editable, &output, Timestamp::DEFAULT).unwrap();
        let mut built = describe_wheel(&wheel);
        // What depends on the folder is not recorded.
        built["texts"].as_object_mut().unwrap().remove("RECORD");
        for member in built["members"].as_array_mut().unwrap() {
            let path = member["name"].as_str().unwrap();
            if path.ends_with(".pth") || path.ends_with("RECORD") {
                member["sha256"] = Value::Null;
            }
        }
        assert_eq!(built, recorded["editable"], "{name}");
    }
}

/// An sdist in the form of the vectors.
fn describe_sdist(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut members = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let pax: serde_json::Map<String, Value> = entry
            .pax_extensions()
            .unwrap()
            .into_iter()
            .flatten()
            .map(|field| field.unwrap())
            .map(|field| {
                (
                    field.key().unwrap().to_owned(),
                    field.value().unwrap().into(),
                )
            })
            .collect();
        let header = entry.header();
        members.push(json!({
            "name": entry.path().unwrap().to_str(),
            "mode": header.mode().unwrap(),
            "mtime": header.mtime().unwrap(),
            "uid": header.uid().unwrap(),
            "gid": header.gid().unwrap(),
            "type": char::from(header.entry_type().as_byte()).to_string(),
            "pax": pax,
            "sha256": data_encoding::HEXLOWER.encode(&Sha256::digest(&content)),
        }));
    }
    let header = data_encoding::HEXLOWER.encode(&bytes[..10]);
    json!({ "file": path.file_name().unwrap().to_str(), "members": members, "header": header })
}

#[cfg(unix)]
#[test]
fn sdists_are_those_of_poetry_core() {
    for (name, recorded) in vectors() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(&name);
        write_project(&root, &recorded);
        let project = Project::read(&root).unwrap();
        let sdist = build_sdist(&project, &folder.path().join("out"), 0).unwrap();
        assert_eq!(describe_sdist(&sdist), recorded["sdist"], "{name}");
    }
}

#[cfg(unix)]
#[test]
fn an_editable_wheel_points_to_every_base_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("packages");
    write_project(&root, &vectors()["packages"]);
    let (name, text) = super::wheel::editable_pth(&Project::read(&root).unwrap()).unwrap();
    let root = root.canonicalize().unwrap();
    let root = root.display();
    assert_eq!(name, "c_pkg.pth");
    assert_eq!(text, format!("{root}/lib\n{root}\n"));
}

#[test]
fn two_builds_have_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("pyproject.toml"),
        "[project]\nname = \"a\"\nversion = \"1\"\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("a.py"), "x = 1\n").unwrap();
    let project = Project::read(folder.path()).unwrap();
    let build = |output: &str| {
        let output = folder.path().join(output);
        let epoch = Timestamp::from_epoch(1_700_000_000).unwrap();
        std::fs::read(build_wheel(&project, Kind::Wheel, &output, epoch).unwrap()).unwrap()
    };
    let first = build("one");
    std::fs::write(folder.path().join("a.py"), "x = 1\n").unwrap();
    assert_eq!(first, build("two"));
}

/// The error of building a project with this `[tool.poetry]` and these files.
fn failure(tool_poetry: &str, files: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("[project]\nname = \"My.Name\"\nversion = \"1\"\n[tool.poetry]\n{tool_poetry}\n");
    std::fs::write(folder.path().join("pyproject.toml"), text).unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let project = Project::read(folder.path()).unwrap();
    let error = build_wheel(&project, Kind::Wheel, folder.path(), Timestamp::DEFAULT).unwrap_err();
    let root = folder.path().canonicalize().unwrap();
    error.to_string().replace(root.to_str().unwrap(), "[root]")
}

#[test]
fn missing_modules_are_named_as_in_poetry() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("", &[], "No file/folder found for package my-name"),
        (
            "",
            &["my_name/__init__.py", "my_name.py"],
            "Both [root]/my_name and [root]/my_name.py exist",
        ),
        ("", &["my_name/data.txt"], "my_name is not a package."),
        (
            "packages = [{ include = \"x/*.py\", from = \"lib\" }]",
            &["x/a.py"],
            "[root]/lib/x/*.py does not contain any element",
        ),
        (
            "package-mode = false",
            &["my_name.py"],
            "Building a package is not possible in non-package mode.",
        ),
        (
            "scripts = { s = { reference = \"bin/s\", type = \"file\" } }",
            &["my_name.py"],
            "[root]/bin/s in script specification (s) is not found.",
        ),
        (
            "readme = \"README.md\"",
            &["my_name.py"],
            "Readme path `[root]/README.md` does not exist.",
        ),
    ];
    for (tool_poetry, files, expected) in cases {
        assert_eq!(
            failure(tool_poetry, files),
            *expected,
            "{tool_poetry} {files:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn links_out_of_the_project_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("p");
    std::fs::create_dir_all(root.join("a")).unwrap();
    std::fs::write(folder.path().join("secret"), "").unwrap();
    std::fs::write(root.join("a/__init__.py"), "").unwrap();
    std::os::unix::fs::symlink("../../secret", root.join("a/link")).unwrap();
    std::fs::write(
        root.join("pyproject.toml"),
        "[project]\nname = \"a\"\nversion = \"1\"\n",
    )
    .unwrap();
    let project = Project::read(&root).unwrap();
    let error = build_wheel(&project, Kind::Wheel, folder.path(), Timestamp::DEFAULT).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("secret` is not in the subpath of"),
        "{error}"
    );
}

#[test]
fn only_plain_poetry_core_projects_are_native() {
    let cases = [
        (
            "requires = [\"poetry-core>=1.0.0\"]\nbuild-backend = \"poetry.core.masonry.api\"",
            true,
        ),
        (
            "requires = [\"poetry_core>=2.0,<3.0\"]\nbuild-backend = \"poetry.core.masonry.api\"",
            true,
        ),
        (
            "requires = [\"poetry-core>=2.6\"]\nbuild-backend = \"poetry.core.masonry.api\"",
            false,
        ),
        (
            "requires = [\"poetry-core<2\"]\nbuild-backend = \"poetry.core.masonry.api\"",
            false,
        ),
        (
            "requires = [\"poetry>=1\"]\nbuild-backend = \"poetry.masonry.api\"",
            false,
        ),
        (
            "requires = [\"poetry-core\", \"cython\"]\nbuild-backend = \"poetry.core.masonry.api\"",
            false,
        ),
        ("requires = [\"poetry-core\"]", false),
        (
            "requires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"",
            false,
        ),
    ];
    let manifest = |build_system: &str, poetry: &str| {
        format!(
            "[project]\nname = \"a\"\nversion = \"1\"\n[build-system]\n{build_system}\n[tool.poetry]\n{poetry}"
        )
    };
    for (build_system, expected) in cases {
        let project = Project::parse(&manifest(build_system, ""), Path::new("/p")).unwrap();
        assert_eq!(super::is_native(&project), expected, "{build_system}");
    }
    for (poetry, expected) in [
        ("build = \"build.py\"", false),
        ("[tool.poetry.build]\nscript = \"build.py\"", false),
        ("[tool.poetry.build]\ngenerate-setup-file = false", true),
    ] {
        let project = Project::parse(&manifest(cases[0].0, poetry), Path::new("/p")).unwrap();
        assert_eq!(super::is_native(&project), expected, "{poetry}");
    }
}
