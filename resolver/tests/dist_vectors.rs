//! File names, tags and metadata against what the `packaging` library says of them.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may fail loudly; clippy only excuses the tests themselves"
)]

use std::path::Path;

use resolver::dist::{SdistName, WheelName};
use resolver::metadata::Metadata;
use resolver::tag::{Libc, Platform, Tags};
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/packaging");
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(cases) = document["cases"].take() else {
        panic!("{file} holds no cases")
    };
    assert!(cases.len() > 10);
    cases
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap();
    items
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn wheel_names() {
    for case in cases("wheel_filenames.json") {
        let name = text(&case, "in");
        let parsed = name.parse::<WheelName>();
        if case["ok"] == false {
            assert!(parsed.is_err(), "{name:?}");
            continue;
        }
        let wheel = parsed.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(wheel.name.as_str(), text(&case, "name"), "{name:?}");
        assert_eq!(
            wheel.version.to_string(),
            text(&case, "version"),
            "{name:?}"
        );
        let build = case["build"].as_array().unwrap();
        // Numbers beyond 64 bits are as large as can be.
        let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
        let expected =
            (build.first()).map(|first| (number(first), build[1].as_str().unwrap().to_owned()));
        assert_eq!(wheel.build, expected, "{name:?}");
        let mut tags: Vec<String> = wheel.tags.iter().map(|tag| tag.to_string()).collect();
        tags.sort();
        assert_eq!(tags, texts(&case["tags"]), "{name:?}");
    }
}

#[test]
fn sdist_names() {
    for case in cases("sdist_filenames.json") {
        let name = text(&case, "in");
        let parsed = name.parse::<SdistName>();
        // We read the endings of old uploads too, and never take a path for a name.
        let is_old = name.ends_with(".tar.bz2") || name.ends_with(".tgz");
        let expected = (case["ok"] == true || is_old) && !name.contains('/');
        assert_eq!(parsed.is_ok(), expected, "{name:?}");
        if let Ok(sdist) = parsed
            && !is_old
        {
            assert_eq!(sdist.name.as_str(), text(&case, "name"), "{name:?}");
            assert_eq!(
                sdist.version.to_string(),
                text(&case, "version"),
                "{name:?}"
            );
        }
    }
    let old: SdistName = "Foo.Bar-1.0.tar.bz2".parse().unwrap();
    assert_eq!(
        (old.name.as_str(), old.version.to_string().as_str()),
        ("foo-bar", "1.0")
    );
}

/// The platform that a case was recorded for.
fn platform(name: &str) -> Platform {
    let arch = |name: &str| {
        if name.contains("aarch64") {
            "aarch64"
        } else {
            "x86_64"
        }
        .to_owned()
    };
    let version = |text: &str| {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        (major.parse().unwrap(), minor.parse().unwrap())
    };
    let part = |prefix: &str| name.split('-').find_map(|part| part.strip_prefix(prefix));
    if let Some(glibc) = part("glibc") {
        let (major, minor) = version(glibc);
        let libc = Libc::Glibc(major, minor);
        return Platform::Linux {
            arch: arch(name),
            libc,
        };
    }
    if let Some(musl) = part("musl") {
        let (major, minor) = version(musl);
        let libc = Libc::Musl(major, minor);
        return Platform::Linux {
            arch: arch(name),
            libc,
        };
    }
    if let Some(macos) = part("macos") {
        let arch = if name.contains("arm64") {
            "arm64"
        } else {
            "x86_64"
        };
        return Platform::MacOs {
            version: version(macos),
            arch: arch.to_owned(),
        };
    }
    let system = match name {
        _ if name.contains("amd64") => "win-amd64",
        _ if name.contains("arm64") => "win-arm64",
        _ => "win32",
    };
    Platform::Other(system.to_owned())
}

#[test]
fn tags_in_order() {
    for case in cases("tags.json") {
        let name = text(&case, "name");
        let platforms = platform(name).tags();
        assert_eq!(platforms, texts(&case["platforms"]), "{name}");
        let number = |at: usize| u32::try_from(case["python"][at].as_u64().unwrap()).unwrap();
        let python = (number(0), number(1));
        let tags = if name.contains("pypy") {
            Tags::for_pypy(python, "pypy310_pp73", &platforms)
        } else {
            Tags::for_cpython(python, name.ends_with('t'), &platforms)
        };
        let tags: Vec<String> = tags.iter().map(|tag| tag.to_string()).collect();
        assert_eq!(tags, texts(&case["tags"]), "{name}");
    }
}

#[test]
fn metadata() {
    for case in cases("metadata.json") {
        let content = text(&case, "in");
        let raw = &case["raw"];
        let parsed = Metadata::parse(content.as_bytes());
        // A second `Name` is no reason to refuse; the first one counts, as with Python's own e-mail parser.
        let first_of_many = case["unparsed"]["name"][0].as_str();
        let name = raw["name"].as_str().or(first_of_many);
        let (Some(name), Some(version)) = (name, raw["version"].as_str()) else {
            assert!(parsed.is_err(), "{content:?}");
            continue;
        };
        let metadata = parsed.unwrap_or_else(|error| panic!("{content:?}: {error}"));
        assert_eq!(
            (metadata.name.as_str(), metadata.version.as_str()),
            (name, version)
        );
        let list = |key: &str| raw.get(key).map(texts).unwrap_or_default();
        assert_eq!(metadata.requires_dist, list("requires_dist"), "{content:?}");
        assert_eq!(
            metadata.provides_extra,
            list("provides_extra"),
            "{content:?}"
        );
        let requires_python = raw["requires_python"].as_str();
        assert_eq!(
            metadata.requires_python.as_deref(),
            requires_python,
            "{content:?}"
        );
        let dynamic: Vec<String> = list("dynamic")
            .iter()
            .map(|field| field.to_lowercase())
            .collect();
        assert_eq!(metadata.dynamic, dynamic, "{content:?}");
    }
}
