//! The folder of a bundle: compared, staged beside, exchanged in one step.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;
use resolver::cache::{Bucket, Cache, Lock};
use serde::{Deserialize, Serialize};

use super::contents::{Content, OutputFile};
use super::{BundleError, Reporter, Waiting};
use crate::build::is_executable;
use crate::fetch::sha256_of;
use crate::swap::{exchange, remove, sweep};

/// The names under which folders are staged: a dot, the folder's name, this, and the number of the process.
const STAGED: &str = ".mpoetry-";

/// What a file looked like when its digest was taken: as long as this is the same, it needs no reading.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
struct Known {
    size: u64,
    modified: (u64, u32),
    identity: (u64, u64),
    executable: bool,
    sha256: String,
}

impl Known {
    /// A regular file with this digest.
    fn of(metadata: &std::fs::Metadata, sha256: &str) -> Option<Self> {
        let modified = metadata.modified().ok()?;
        let modified = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
        metadata.is_file().then(|| Self {
            size: metadata.len(),
            modified: (modified.as_secs(), modified.subsec_nanos()),
            identity: identity(metadata),
            executable: is_executable(&metadata.permissions()),
            sha256: sha256.to_owned(),
        })
    }
}

/// What was written last.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
struct State {
    /// Of all that decided it.
    key: String,
    /// Every file of the folder.
    files: BTreeMap<String, Known>,
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
    pub(super) fn open(
        folder: PathBuf,
        cache: &'a Cache,
        reporter: &dyn Reporter,
    ) -> std::io::Result<Self> {
        let key = format!("bundles/{}", Cache::digest(&[&folder.to_string_lossy()]));
        Ok(Self {
            _lock: cache.lock_or_tell(Bucket::Builds, &key, || {
                reporter.waiting(Waiting::Bundle(&folder));
            })?,
            folder,
            cache,
            key,
        })
    }

    /// Does the folder hold just what was written into it under this key?
    pub(super) fn holds(&self, key: &str) -> bool {
        let before = self.state();
        if before.key != key || !is_listed(&self.folder, &before.files) {
            return false;
        }
        let mut files = before.files.clone();
        let same = before.files.iter().all(|(name, known)| {
            self.digest(name, &mut files)
                .is_some_and(|found| found == known.sha256)
        });
        if same && files != before.files {
            self.remember(&State { files, ..before });
        }
        same
    }

    /// Makes the folder hold just these files. Those that are there already keep their times. Was there anything to do?
    ///
    /// # Errors
    /// When files can't be written, or what is there is no bundle.
    pub(super) fn write(&self, key: &str, files: &[OutputFile]) -> Result<bool, BundleError> {
        let mut known = self.state().files;
        if known.is_empty() && !may_be_replaced(&self.folder) {
            return Err(BundleError::Occupied {
                folder: self.folder.clone(),
            });
        }
        let present: Vec<bool> = files
            .iter()
            .map(|file| {
                self.digest(&file.name, &mut known).as_ref() == Some(&file.sha256)
                    && known[&file.name].executable == file.executable
            })
            .collect();
        known.retain(|name, _| files.iter().any(|file| file.name == *name));
        let whole = present.iter().all(|present| *present) && is_listed(&self.folder, &known);
        if !whole {
            let parent = self.folder.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(parent)?;
            let name = self.folder.file_name().unwrap_or_default();
            let prefix = format!(".{}{STAGED}", name.to_string_lossy());
            sweep(parent, &prefix);
            let staged = parent.join(format!("{prefix}{}", std::process::id()));
            remove(&staged)?;
            let result = self
                .stage(files, &present, &staged)
                .and_then(|()| exchange(&staged, &self.folder));
            // Either what was staged in vain, or the old folder.
            remove(&staged)?;
            result?;
            known = files
                .iter()
                .filter_map(|file| {
                    let metadata = fs::symlink_metadata(self.folder.join(&file.name)).ok()?;
                    Some((file.name.clone(), Known::of(&metadata, &file.sha256)?))
                })
                .collect();
        }
        self.remember(&State {
            key: key.to_owned(),
            files: known,
        });
        Ok(!whole)
    }

    fn stage(&self, files: &[OutputFile], present: &[bool], staged: &Path) -> std::io::Result<()> {
        make_folder(staged)?;
        let mut folders: BTreeSet<&str> = BTreeSet::new();
        for file in files {
            for (end, _) in file.name.match_indices('/') {
                if folders.insert(&file.name[..end]) {
                    make_folder(&staged.join(&file.name[..end]))?;
                }
            }
        }
        files
            .par_iter()
            .zip(present)
            .try_for_each(|(file, present)| {
                let target = staged.join(&file.name);
                if *present && fs::hard_link(self.folder.join(&file.name), &target).is_ok() {
                    return Ok(());
                }
                match &file.content {
                    Content::Bytes(bytes) => fs::write(&target, bytes)?,
                    Content::File(path) => {
                        let copied = reflink_copy::reflink_or_copy(path, &target);
                        copied.map_err(|error| {
                            let (from, to) = (path.display(), target.display());
                            let text = format!("failed to copy {from} to {to}: {error}");
                            std::io::Error::new(error.kind(), text)
                        })?;
                    }
                }
                make_readable(&target, file.executable)
            })
    }

    /// The sha256 of a file in the folder, read only if it may have changed.
    fn digest(&self, name: &str, known: &mut BTreeMap<String, Known>) -> Option<String> {
        let path = self.folder.join(name);
        let metadata = fs::symlink_metadata(&path)
            .ok()
            .filter(std::fs::Metadata::is_file)?;
        if let Some(old) = known.get(name)
            && Known::of(&metadata, &old.sha256).as_ref() == Some(old)
        {
            return Some(old.sha256.clone());
        }
        let sha256 = sha256_of(&path).ok()?;
        if let Some(look) = Known::of(&metadata, &sha256) {
            known.insert(name.to_owned(), look);
        }
        Some(sha256)
    }

    fn state(&self) -> State {
        let bytes = self.cache.read(Bucket::Builds, &self.key);
        bytes
            .and_then(|bytes| rmp_serde::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn remember(&self, state: &State) {
        let written = rmp_serde::to_vec(state)
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

/// May a bundle take the place of this folder? What nobody remembers to have written must at least look like a bundle, or
/// be where bundles, and the archives that `build` makes, belong.
fn may_be_replaced(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        // There is none.
        return true;
    };
    let is_bundle = |folder: &Path| folder.join("bundle.json").is_file();
    let parent = folder.parent().unwrap_or(folder);
    let is_dist = folder.ends_with("dist") && parent.join("pyproject.toml").is_file();
    // A bundle for several targets has a folder for each.
    let mut all = entries.flatten().map(|entry| entry.path());
    is_dist || is_bundle(folder) || all.all(|path| is_bundle(&path) || path.ends_with("image"))
}

/// Files of the cache may be private, and the user's umask strict; what goes into an image must be readable for all.
#[cfg(unix)]
fn make_readable(path: &Path, executable: bool) -> std::io::Result<()> {
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn make_readable(_: &Path, _: bool) -> std::io::Result<()> {
    Ok(())
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    make_readable(path, true)
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

/// Is there a folder with just these files?
fn is_listed(folder: &Path, files: &BTreeMap<String, Known>) -> bool {
    if !folder
        .symlink_metadata()
        .is_ok_and(|folder| folder.is_dir())
    {
        return false;
    }
    let mut count = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let Ok(entry) = entry else {
            return false;
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let name = entry
            .path()
            .strip_prefix(folder)
            .ok()
            .and_then(Path::to_str);
        let name = name.map(|name| name.replace(std::path::MAIN_SEPARATOR, "/"));
        if !name.is_some_and(|name| files.contains_key(&name)) {
            return false;
        }
        count += 1;
    }
    count == files.len()
}
