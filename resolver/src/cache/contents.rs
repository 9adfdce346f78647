//! What lies in the cache as a whole: how much it is, what is left over, taking things away.
//!
//! Whoever takes something away must be alone ([`Cache::own`]): nobody locks what is only read or linked.

use std::io;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{Bucket, Cache};

/// Names of what is not finished yet begin with one of these.
const UNFINISHED: [&str; 4] = [".tmp-", ".unpacking-", ".discarded-", TAKEN_AWAY];
const TAKEN_AWAY: &str = ".removed-";
/// Below this many folders of a bucket there is nothing but the content of trees.
const DEPTH: usize = 3;

/// How much something is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Files, and whatever else is no folder.
    pub files: u64,
    /// Their sizes.
    pub bytes: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

impl Usage {
    /// Counts what is at a path; nothing, if there is nothing.
    ///
    /// # Errors
    /// When a folder can't be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            metadata => metadata?,
        };
        if !metadata.is_dir() {
            let (files, bytes) = (1, metadata.len());
            return Ok(Self { files, bytes });
        }
        let mut usage = Self::default();
        for entry in fs::read_dir(path)? {
            usage += Self::of(&entry?.path())?;
        }
        Ok(usage)
    }
}

impl Cache {
    /// Takes away what is at a path in the cache, and says how much that was. A folder vanishes whole or not at all, even if
    /// the process is killed meanwhile.
    ///
    /// # Errors
    /// When it can't be read or removed.
    pub fn take_away(&self, path: &Path) -> io::Result<Usage> {
        let usage = Usage::of(path)?;
        match fs::symlink_metadata(path) {
            Err(_) => {}
            Ok(metadata) if metadata.is_dir() => {
                let builder = &mut tempfile::Builder::new();
                let trash = builder.prefix(TAKEN_AWAY).tempdir_in(self.root())?;
                fs::rename(path, trash.path().join("it"))?;
                trash.close()?;
            }
            Ok(_) => fs::remove_file(path)?,
        }
        Ok(usage)
    }

    /// What runs that were killed have left behind, and files that were locked once.
    ///
    /// # Errors
    /// When a folder can't be read.
    pub fn leftovers(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        look_through(self.root(), 0, &mut found)?;
        for bucket in Bucket::ALL {
            look_through(&self.bucket(bucket), bucket.depth(), &mut found)?;
        }
        Ok(found)
    }

    /// Buckets in a format that is read no more. Those of later versions are left alone.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn outdated(&self) -> io::Result<Vec<PathBuf>> {
        let is_outdated = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let read = Bucket::ALL.iter().find_map(|bucket| {
                let number = |folder: &str| -> Option<u32> {
                    let rest = folder.strip_prefix(bucket.name())?;
                    rest.strip_prefix("-v")?.parse().ok()
                };
                Some(number(&name)? < number(bucket.folder())?)
            });
            read == Some(true)
        };
        let entries = entries(self.root())?.into_iter();
        Ok(entries.filter(is_outdated).collect())
    }
}

impl Bucket {
    /// Under how many folders its entries lie.
    fn depth(self) -> usize {
        match self {
            Self::Wheels | Self::Pythons | Self::Shell | Self::Unchanged => 0,
            Self::Index | Self::Metadata | Self::Git => 1,
            Self::Archives | Self::Builds => DEPTH,
        }
    }
}

/// What is in a folder, by name; nothing, if there is no such folder.
///
/// # Errors
/// When it can't be read.
pub fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let paths: io::Result<Vec<PathBuf>> = read.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort();
    Ok(paths)
}

fn look_through(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_folder = fs::symlink_metadata(&path)?.is_dir();
        let is_lock = !is_folder && name.ends_with(".lock") && name != super::IN_USE;
        if is_lock || UNFINISHED.iter().any(|prefix| name.starts_with(prefix)) {
            found.push(path);
        } else if is_folder && depth > 0 {
            look_through(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Usage;
    use crate::cache::{Bucket, Cache};

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        (folder, cache)
    }

    fn write(cache: &Cache, path: &str) {
        let path = cache.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "four").unwrap();
    }

    fn names(cache: &Cache, paths: &[std::path::PathBuf]) -> Vec<String> {
        let relative = |path: &Path| path.strip_prefix(cache.root()).unwrap().to_owned();
        paths
            .iter()
            .map(|path| relative(path).display().to_string())
            .collect()
    }

    #[test]
    fn what_is_taken_away_is_counted() {
        let (_folder, cache) = cache();
        write(&cache, "wheels-v2/ab/files/x.py");
        write(&cache, "wheels-v2/ab/manifest");
        let path = cache.bucket(Bucket::Wheels).join("ab");
        let both = Usage { files: 2, bytes: 8 };
        assert_eq!(cache.take_away(&path).unwrap(), both);
        assert!(!path.exists());
        assert_eq!(cache.take_away(&path).unwrap(), Usage::default());
        let left = std::fs::read_dir(cache.root()).unwrap().count();
        assert_eq!(left, 1, "only the bucket");
    }

    #[test]
    fn leftovers_are_told_from_the_content_of_trees() {
        let (_folder, cache) = cache();
        assert!(cache.leftovers().unwrap().is_empty());
        for path in [
            ".in-use.lock",
            "wheels-v2/ab/files/.tmp-x/poetry.lock",
            "wheels-v2/.unpacking-1/files/x",
            "index-v2/key/six",
            "index-v2/key/.tmp-2",
            "builds-v1/third-party/key.lock",
            "builds-v1/sdists/ab/key",
            "builds-v1/.tmp-3/source/x",
            ".removed-4/it/x",
            "other/.tmp-5",
        ] {
            write(&cache, path);
        }
        let expected = [
            ".removed-4",
            "builds-v1/.tmp-3",
            "builds-v1/third-party/key.lock",
            "index-v2/key/.tmp-2",
            "wheels-v2/.unpacking-1",
        ];
        assert_eq!(names(&cache, &cache.leftovers().unwrap()), expected);
    }

    #[test]
    fn only_older_buckets_are_outdated() {
        let (_folder, cache) = cache();
        for bucket in [
            "index-v1",
            "index-v2",
            "index-v99",
            "wheels-v0",
            "index-vx",
            "mine-v0",
        ] {
            write(&cache, &format!("{bucket}/x"));
        }
        let expected = ["index-v1", "wheels-v0"];
        assert_eq!(names(&cache, &cache.outdated().unwrap()), expected);
    }
}
