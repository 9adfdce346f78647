//! Recorded problems as an index would have answered them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use resolver::dist::{Hash, HashedFile};
use resolver::index::{FileKind, IndexFile, Page, Recording, Release};
use resolver::metadata::Metadata;
use resolver::name::PackageName;
use resolver::version::Version;
use serde_json::Value;

pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

/// What is in a folder of the vectors, in order.
pub(crate) fn listed(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(vectors().join(folder)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A release as an index has it.
pub(crate) struct Entry {
    pub(crate) source: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) requires_dist: Vec<String>,
    pub(crate) requires_python: Option<String>,
    pub(crate) yanked: bool,
}

pub(crate) fn recording(entries: &[Entry]) -> Recording {
    let mut recording = Recording::default();
    let mut pages: BTreeMap<(String, PackageName), Page> = BTreeMap::new();
    for entry in entries {
        let Ok(version) = entry.version.parse::<Version>() else {
            continue;
        };
        let name = PackageName::new(&entry.name);
        let spelling = name.as_str().replace('-', "_");
        let filename = format!("{spelling}-{version}-py3-none-any.whl");
        let yanked = entry.yanked.then(String::new);
        let hash = Hash::of_bytes(filename.as_bytes());
        let page = pages
            .entry((entry.source.clone(), name.clone()))
            .or_default();
        page.files.push(IndexFile {
            filename: filename.clone(),
            url: format!("https://files.invalid/{filename}"),
            version: version.clone(),
            kind: FileKind::Wheel,
            hashes: vec![hash.clone()],
            requires_python: entry.requires_python.clone(),
            yanked: yanked.clone(),
            core_metadata: None,
            size: None,
            upload_time: None,
        });
        let metadata = Metadata {
            name: entry.name.clone(),
            version: version.to_string(),
            requires_python: entry.requires_python.clone(),
            requires_dist: entry.requires_dist.clone(),
            ..Metadata::default()
        };
        let release = Release {
            metadata,
            files: vec![HashedFile {
                file: filename,
                hash,
            }],
            yanked,
        };
        recording.release(&entry.source, name, version, release);
    }
    for ((source, name), page) in pages {
        recording.page(&source, name, page);
    }
    recording
}

pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

pub(crate) fn texts(value: &Value, key: &str) -> Vec<String> {
    let list = value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn corpus_entries(folder: &Path) -> Vec<Entry> {
    let file = std::fs::File::open(folder.join("index.json.gz")).unwrap();
    let mut json = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut json)
        .unwrap();
    let index: Value = serde_json::from_str(&json).unwrap();
    let mut entries = Vec::new();
    for (name, versions) in index["versions"].as_object().unwrap() {
        for version in versions.as_array().unwrap() {
            let number = version[0].as_str().unwrap();
            let release = &index["releases"][name][number];
            entries.push(Entry {
                source: "PyPI".to_owned(),
                name: name.clone(),
                version: number.to_owned(),
                requires_dist: texts(release, "requires_dist"),
                requires_python: text(release, "requires_python"),
                yanked: version[1].as_bool().unwrap(),
            });
        }
    }
    entries
}
