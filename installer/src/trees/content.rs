//! What would be installed from a folder, as far as that can be told without building it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use resolver::name::PackageName;
use resolver::project::Project;
use sha2::{Digest, Sha256};

use super::watch::Watched;
use crate::build::native::entry_points::file_scripts;
use crate::build::native::metadata::readme_files;
use crate::build::native::wheel::WheelContent;
use crate::build::{BuildError, BuildRules, Kind};
use crate::environment::Environment;
use crate::wheel::parse_rows;

/// Files of dist-info that say how something was installed, not what.
const OF_THE_INSTALLATION: [&str; 5] = [
    "INSTALLER",
    "RECORD",
    "REQUESTED",
    "WHEEL",
    "direct_url.json",
];
/// Folders that hold no sources.
const NO_SOURCES: [&str; 3] = ["__pycache__", "__pypackages__", "node_modules"];
/// What builds leave behind at the top of a project.
const LEFT_BEHIND: [&str; 2] = ["build", "dist"];
/// A file that is larger is not read, but told by its size and age.
const LARGEST: u64 = 4 << 20;

/// What would be installed from a folder.
pub(crate) struct Content {
    pub(crate) watched: Watched,
    /// Of the sources, if a back end of its own builds them.
    pub(super) digest: Option<String>,
    /// The files of the wheel, if it is built natively.
    pub(crate) wheel: Option<WheelContent>,
}

impl Content {
    /// `None` if there is no such folder.
    ///
    /// # Errors
    /// When it holds no project that could be built.
    pub(super) fn read(
        name: &PackageName,
        folder: &Path,
        develop: bool,
        rules: &BuildRules,
    ) -> Result<Option<Self>, BuildError> {
        if !folder.is_dir() {
            return Ok(None);
        }
        if let Some(content) = Self::native(rules, name, folder, develop)? {
            return Ok(Some(content));
        }
        let files = if develop {
            manifests(folder)
        } else {
            sources(folder)
        };
        Ok(Some(Self {
            digest: Some(digest(folder, &files, develop)),
            watched: Watched::files(folder, files),
            wheel: None,
        }))
    }

    /// Of a project that is built natively; `None` if it is not.
    ///
    /// # Errors
    /// When it can't be built.
    pub(crate) fn native(
        rules: &BuildRules,
        name: &PackageName,
        folder: &Path,
        develop: bool,
    ) -> Result<Option<Self>, BuildError> {
        let project = rules.native_project(name, folder)?;
        project
            .map(|project| Self::of(&project, develop))
            .transpose()
    }

    fn of(project: &Project, develop: bool) -> Result<Self, BuildError> {
        let kind = if develop { Kind::Editable } else { Kind::Wheel };
        let root = fs_err::canonicalize(&project.root)?;
        let wheel = WheelContent::read(project, kind)?;
        let scripts = file_scripts(project)
            .into_iter()
            .filter_map(|script| Some(root.join(script.reference?)));
        let mut files = manifests(&root);
        files.extend(
            readme_files(project)
                .into_iter()
                .map(|readme| root.join(readme)),
        );
        files.extend(scripts);
        files.extend(wheel.sources.iter().cloned());
        Ok(Self {
            watched: Watched::files(&root, files),
            digest: None,
            wheel: Some(wheel),
        })
    }

    /// Is it what is installed? `known` is the digest of what was. `None`: nobody knows.
    pub(super) fn is_installed(
        &self,
        dist_info: &Path,
        known: Option<&str>,
        environment: &Environment,
    ) -> Option<bool> {
        match &self.wheel {
            Some(wheel) => is_recorded(wheel, dist_info, environment),
            None => Some(self.digest.as_deref() == Some(known?)),
        }
    }
}

/// Compares a wheel to be with what is installed. `None` if RECORD can't be read.
fn is_recorded(wheel: &WheelContent, dist_info: &Path, environment: &Environment) -> Option<bool> {
    let record = fs_err::read_to_string(dist_info.join("RECORD")).ok()?;
    let rows = parse_rows(&record).ok()?;
    let own = dist_info.file_name()?.to_str()?.to_owned() + "/";
    let is_content = |path: &str| {
        let is_ours = !path.starts_with("..") && !path.ends_with(".pyc");
        let name = path.strip_prefix(&own);
        is_ours && name.is_none_or(|name| !OF_THE_INSTALLATION.contains(&name))
    };
    let installed: BTreeMap<&str, &str> = (rows.iter())
        .filter(|[path, ..]| is_content(path))
        .map(|[path, hash, _]| (path.as_str(), hash.as_str()))
        .collect();
    let mut expected = BTreeMap::new();
    for member in &wheel.members {
        if let Some((_, script)) = member.name.split_once(".data/scripts/") {
            if !is_same_script(&environment.scripts().join(script), &member.content) {
                return Some(false);
            }
        } else if is_content(&member.name) && !member.name.ends_with(".dist-info/WHEEL") {
            let hash = BASE64URL_NOPAD.encode(&Sha256::digest(&member.content));
            expected.insert(member.name.as_str(), format!("sha256={hash}"));
        }
    }
    let expected = (expected.iter()).map(|(name, hash)| (*name, hash.as_str()));
    Some(installed.into_iter().eq(expected))
}

/// The first line of a Python script is written when it is installed.
fn is_same_script(path: &Path, content: &[u8]) -> bool {
    let Ok(installed) = fs_err::read(path) else {
        return false;
    };
    if !content.starts_with(b"#!python") {
        return installed == content;
    }
    let body = |text: &[u8]| -> Option<Vec<u8>> {
        let end = text.iter().position(|&byte| byte == b'\n')?;
        Some(text[end..].to_vec())
    };
    body(content).is_some_and(|body| installed.ends_with(&body))
}

/// The files at the top of a folder: whatever says what an editable package is called and requires is among them.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let is_manifest = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.path().is_file() && !name.starts_with('.') && !name.ends_with(".lock")
    };
    walk(folder, 1)
        .filter(is_manifest)
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// All files of a folder that a build may look at.
fn sources(folder: &Path) -> Vec<PathBuf> {
    walk(folder, usize::MAX)
        .filter(|entry| entry.path().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

fn walk(folder: &Path, depth: usize) -> impl Iterator<Item = walkdir::DirEntry> {
    walkdir::WalkDir::new(folder)
        .min_depth(1)
        .max_depth(depth)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !entry.file_type().is_dir() || may_hold_sources(entry))
        // What can't be read can't be built from either.
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_name().to_string_lossy().ends_with(".pyc"))
}

fn may_hold_sources(entry: &walkdir::DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() == 0
        || !(name.starts_with('.')
            || name.ends_with(".egg-info")
            || NO_SOURCES.contains(&name.as_ref())
            || (entry.depth() == 1 && LEFT_BEHIND.contains(&name.as_ref()))
            || entry.path().join("pyvenv.cfg").exists())
}

/// A digest of files. Of an editable folder it also tells which modules there are.
fn digest(folder: &Path, files: &[PathBuf], develop: bool) -> String {
    let mut sha256 = Sha256::new();
    let mut add = |bytes: &[u8]| {
        sha256.update(bytes.len().to_le_bytes());
        sha256.update(bytes);
    };
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(file);
        add(name.as_os_str().as_encoded_bytes());
        add(&content(file));
    }
    if develop {
        for folder in [folder.to_owned(), folder.join("src")] {
            for entry in walk(&folder, 1).filter(|entry| entry.path().is_dir()) {
                add(entry.file_name().as_encoded_bytes());
            }
        }
    }
    data_encoding::HEXLOWER.encode(&sha256.finalize())
}

fn content(file: &Path) -> Vec<u8> {
    let metadata = std::fs::metadata(file);
    match metadata {
        Ok(metadata) if metadata.len() > LARGEST => {
            format!("{} {:?}", metadata.len(), metadata.modified().ok()).into_bytes()
        }
        _ => std::fs::read(file).unwrap_or_default(),
    }
}
