//! The folder of a bundle: compared, staged beside, exchanged in one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;
use resolver::cache::{Bucket, Cache, Lock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fetch::sha256_of;
use crate::swap::{exchange, remove, sweep};

/// The beginning of the names under which folders are staged.
const STAGED: &str = ".dist.mpoetry-";

/// A file that belongs into the folder.
pub(super) struct OutputFile {
    /// Relative to the folder, with `/`.
    pub(super) name: String,
    pub(super) sha256: String,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// A file of the cache.
    Cached(PathBuf),
    Text(String),
}

impl OutputFile {
    pub(super) fn text(name: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(&text)),
            content: Content::Text(text),
        }
    }
}

/// What a file looked like when its digest was taken: as long as this is the same, it needs no reading.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
struct Known {
    size: u64,
    modified: (u64, u32),
    identity: (u64, u64),
    sha256: String,
}

/// The folder of a bundle, under a lock.
pub(super) struct Output<'a> {
    folder: PathBuf,
    cache: &'a Cache,
    key: String,
    _lock: Lock,
}

impl<'a> Output<'a> {
    /// Waits until nobody else works on the folder.
    pub(super) fn open(folder: PathBuf, cache: &'a Cache) -> std::io::Result<Self> {
        let key = format!("bundles/{}", Cache::digest(&[&folder.to_string_lossy()]));
        Ok(Self {
            _lock: cache.lock(Bucket::Builds, &key)?,
            folder,
            cache,
            key,
        })
    }

    /// Holds the folder just these files, with these digests?
    pub(super) fn holds(&self, wanted: &BTreeMap<String, String>) -> bool {
        let Some(present) = listed(&self.folder) else {
            return false;
        };
        if !present.iter().eq(wanted.keys()) {
            return false;
        }
        let mut known = self.known();
        let before = known.clone();
        let same = wanted.iter().all(|(name, sha256)| {
            self.digest(name, &mut known)
                .is_some_and(|found| found == *sha256)
        });
        if same && known != before {
            self.remember(&known);
        }
        same
    }

    /// Makes the folder hold just these files. Those that are there already keep their times.
    pub(super) fn write(&self, files: &[OutputFile]) -> std::io::Result<()> {
        let parent = self.folder.parent().unwrap_or(Path::new("."));
        sweep(parent, STAGED);
        let staged = parent.join(format!("{STAGED}{}", std::process::id()));
        remove(&staged)?;
        let result = self
            .stage(files, &staged)
            .and_then(|()| exchange(&staged, &self.folder));
        // Either what was staged in vain, or the old folder.
        remove(&staged)?;
        result?;
        let mut known = BTreeMap::new();
        for file in files {
            self.digest(&file.name, &mut known);
        }
        self.remember(&known);
        Ok(())
    }

    fn stage(&self, files: &[OutputFile], staged: &Path) -> std::io::Result<()> {
        let mut known = self.known();
        fs::create_dir_all(staged)?;
        for file in files {
            let target = staged.join(&file.name);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            let is_there = self.digest(&file.name, &mut known).as_ref() == Some(&file.sha256);
            if is_there && fs::hard_link(self.folder.join(&file.name), &target).is_ok() {
                continue;
            }
            match &file.content {
                Content::Text(text) => fs::write(&target, text)?,
                Content::Cached(path) => {
                    reflink_copy::reflink_or_copy(path, &target)?;
                }
            }
            make_readable(&target)?;
        }
        Ok(())
    }

    /// The sha256 of a file in the folder, read only if it may have changed.
    fn digest(&self, name: &str, known: &mut BTreeMap<String, Known>) -> Option<String> {
        let path = self.folder.join(name);
        let metadata = fs::symlink_metadata(&path)
            .ok()
            .filter(std::fs::Metadata::is_file)?;
        let look = |sha256: String| {
            let modified = metadata
                .modified()
                .ok()?
                .duration_since(std::time::UNIX_EPOCH)
                .ok()?;
            Some(Known {
                size: metadata.len(),
                modified: (modified.as_secs(), modified.subsec_nanos()),
                identity: identity(&metadata),
                sha256,
            })
        };
        if let Some(old) = known.get(name)
            && look(old.sha256.clone()).as_ref() == Some(old)
        {
            return Some(old.sha256.clone());
        }
        let sha256 = sha256_of(&path).ok()?;
        if let Some(look) = look(sha256.clone()) {
            known.insert(name.to_owned(), look);
        }
        Some(sha256)
    }

    fn known(&self) -> BTreeMap<String, Known> {
        let bytes = self.cache.read(Bucket::Builds, &self.key);
        bytes
            .and_then(|bytes| rmp_serde::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn remember(&self, known: &BTreeMap<String, Known>) {
        let written = rmp_serde::to_vec(known)
            .map_err(std::io::Error::other)
            .and_then(|bytes| self.cache.write(Bucket::Builds, &self.key, &bytes));
        if let Err(error) = written {
            tracing::debug!(
                "the state of {} is not cached: {error}",
                self.folder.display()
            );
        }
    }
}

/// Files of the cache may be private; what goes into an image must be readable for all.
#[cfg(unix)]
fn make_readable(path: &Path) -> std::io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Inode and time of its last change, which nobody can set back.
#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let changed = metadata.ctime().cast_unsigned().wrapping_mul(1_000_000_000);
    (
        metadata.ino(),
        changed.wrapping_add(metadata.ctime_nsec().cast_unsigned()),
    )
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// The names of all files below a folder, sorted; `None` if there is no such folder or there is something odd in it.
fn listed(folder: &Path) -> Option<Vec<String>> {
    if !folder.symlink_metadata().ok()?.is_dir() {
        return None;
    }
    let mut names = Vec::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.ok()?;
        if entry.file_type().is_dir() {
            continue;
        }
        let name = entry.path().strip_prefix(folder).ok()?.to_str()?;
        names.push(name.replace(std::path::MAIN_SEPARATOR, "/"));
    }
    names.sort();
    Some(names)
}
