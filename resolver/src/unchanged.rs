//! Runs that need not be repeated.
//!
//! `lock` resolves the project anew, with the locked versions preferred, and mostly finds what is locked already. That
//! it would find it once more can't be seen from the lock alone: its content hash knows nothing of the libraries
//! beside the project. `install` compares the lock with what is installed, and mostly finds it there. But a run that
//! *did* change nothing is repeated exactly while all that it looked at stays the same, and a [`Record`] in the cache
//! says what that was:
//!
//! - files, compared by content: the project's `pyproject.toml` and `poetry.lock`, of path dependencies the
//!   `pyproject.toml` of a folder or the archive (which ones, a resolution tells by
//!   [`LookedAt::File`](crate::solver::LookedAt)), and whatever the caller names;
//! - places, of which only the file system's word is taken: installed distributions, folders;
//! - facts that are in no file: whatever the caller names, such as the version of the program;
//!
//! and what was said, to be said again. Metadata of locked releases is not among them: Poetry keeps it for ever once it
//! is known, and so do we. A resolution that looked at anything else (an index's page, a repository, a build back end)
//! is not recorded.
//!
//! # When is a file the same?
//!
//! While its device, inode, size and both its times are; otherwise its content is compared by hash. A file that changed
//! just now may change once more without its times showing it, and may be read before its last change. So nothing is
//! recorded of a file whose times are not older than the moment the run began.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::cache::{Bucket, Cache, entries};
use crate::dist::Hash;
use crate::lock::FILE_NAME;

/// A run that changed nothing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    facts: Vec<String>,
    files: Vec<File>,
    places: Vec<(PathBuf, Stat)>,
    /// What was said, in this order.
    pub said: Vec<Said>,
}

/// A line that was said, with its colours.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Said {
    /// On stdout.
    Out(String),
    /// On stderr.
    Err(String),
}

/// What a run looked at besides the project's own two files.
#[derive(Clone, Debug, Default)]
pub struct LookedAt {
    /// Files whose content counts.
    pub files: Vec<PathBuf>,
    /// Files and folders of which it counts that nobody has touched them.
    pub places: Vec<PathBuf>,
}

/// A file that the run looked at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct File {
    /// As it was looked for: links on the way may come to lead elsewhere.
    path: PathBuf,
    /// Where that led.
    resolved: PathBuf,
    stat: Option<Stat>,
    hash: Hash,
}

/// What the file system says of a file or folder: while that is the same, so is the file, or the list of names in the
/// folder.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stat {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A run on a project.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// The command with its options; each has a record of its own.
    pub command: &'a [&'a str],
    /// Whatever the answer depends on that is in no file.
    pub facts: &'a [String],
    /// When reading began.
    pub began: SystemTime,
}

impl Record {
    /// The record of a project, if there is one and all that it depended on is as it was.
    #[must_use]
    pub fn find(cache: &Cache, seen: Seen<'_>) -> Option<Self> {
        let root = seen.root.canonicalize().ok()?;
        let key = key(&root, seen.command);
        let bytes = cache.read(Bucket::Unchanged, &key)?;
        let mut record: Self = rmp_serde::from_slice(&bytes).ok()?;
        let own = own_files(&root);
        let is_own = (record.files.iter().map(|file| &file.path))
            .take(own.len())
            .eq(&own);
        if !is_own || record.facts != seen.facts {
            return None;
        }
        let is_same = |(path, stat): &(PathBuf, Stat)| Stat::of_any(path) == Some(*stat);
        if !record.places.iter().all(is_same) {
            return None;
        }
        let mut moved = Vec::new();
        for (place, file) in record.files.iter().enumerate() {
            if file.path.canonicalize().ok()? != file.resolved {
                return None;
            }
            let stat = Stat::of(&file.resolved)?;
            if stat.is_none() || stat != file.stat {
                if hash(&file.resolved)? != file.hash {
                    return None;
                }
                moved.push((place, stat));
            }
        }
        if !moved.is_empty() {
            record.renew(cache, &key, &moved, seen.began);
        }
        Some(record)
    }

    /// Keeps a record of a run that changed nothing. Without a word if that is not possible: the next one will do
    /// the same again.
    pub fn keep(cache: &Cache, seen: Seen<'_>, looked_at: LookedAt, said: Vec<Said>) {
        let Ok(root) = seen.root.canonicalize() else {
            return;
        };
        let mut paths = own_files(&root).to_vec();
        for path in looked_at.files {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let files: Option<Vec<File>> = paths
            .into_iter()
            .map(|path| File::of(path, seen.began))
            .collect();
        let untouched = |path: PathBuf| {
            let stat = Stat::of_any(&path)?;
            stat.is_older_than(seen.began).then_some((path, stat))
        };
        let places: Option<Vec<_>> = looked_at.places.into_iter().map(untouched).collect();
        let (Some(files), Some(places)) = (files, places) else {
            return;
        };
        let record = Self {
            facts: seen.facts.to_vec(),
            files,
            places,
            said,
        };
        record.write(cache, &key(&root, seen.command));
    }

    /// Notes where files have moved whose content is the same, so that it need not be compared next time.
    fn renew(
        &mut self,
        cache: &Cache,
        key: &str,
        moved: &[(usize, Option<Stat>)],
        began: SystemTime,
    ) {
        for (place, stat) in moved {
            let Some(stat) = stat.filter(|stat| stat.is_older_than(began)) else {
                return;
            };
            self.files[*place].stat = Some(stat);
        }
        self.write(cache, key);
    }

    fn write(&self, cache: &Cache, key: &str) {
        if let Ok(bytes) = rmp_serde::to_vec(self) {
            // A cache that can't be written to only costs time.
            cache.write(Bucket::Unchanged, key, &bytes).ok();
        }
    }
}

/// Records of projects that are gone, and such as can't be read.
///
/// # Errors
/// When the cache can't be read.
pub fn of_vanished_projects(cache: &Cache) -> io::Result<Vec<PathBuf>> {
    let is_useless = |path: &PathBuf| {
        let key = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = cache.read(Bucket::Unchanged, &key);
        let record: Option<Record> = bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok());
        let manifest = record.as_ref().and_then(|record| record.files.first());
        manifest.is_none_or(|manifest| !manifest.path.exists())
    };
    let records = entries(&cache.bucket(Bucket::Unchanged))?.into_iter();
    Ok(records.filter(is_useless).collect())
}

impl File {
    /// `None` if it can't be told apart from what it may have been a moment ago.
    fn of(path: PathBuf, began: SystemTime) -> Option<Self> {
        let resolved = path.canonicalize().ok()?;
        let stat = Stat::of(&resolved)?;
        if stat.is_some_and(|stat| !stat.is_older_than(began)) {
            return None;
        }
        Some(Self {
            hash: hash(&resolved)?,
            path,
            resolved,
            stat,
        })
    }
}

impl Stat {
    /// That of a file or folder, links followed. `None`: there is none, or the system does not tell enough to rely on.
    #[must_use]
    pub fn of_any(path: &Path) -> Option<Self> {
        Self::read(&std::fs::metadata(path).ok()?)
    }

    /// `None`: there is no such file; `Some(None)`: the system does not tell enough to rely on.
    fn of(path: &Path) -> Option<Option<Self>> {
        let metadata = std::fs::metadata(path).ok()?;
        metadata.is_file().then(|| Self::read(&metadata))
    }

    #[cfg(unix)]
    fn read(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    fn read(_metadata: &Metadata) -> Option<Self> {
        None
    }

    /// Is it old enough, at this moment, for its times to tell of any change to come?
    #[must_use]
    pub fn is_older_than(&self, moment: SystemTime) -> bool {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        [self.modified, self.changed].into_iter().all(|time| {
            let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(time.0), u32::try_from(time.1))
            else {
                return false;
            };
            // The kernel's clock for files ticks; some file systems only know whole or even seconds.
            let tick = Duration::from_millis(if nanoseconds == 0 { 2_000 } else { 10 });
            Duration::new(seconds, nanoseconds) + tick < since
        })
    }
}

/// The files that any run on a project looks at.
fn own_files(root: &Path) -> [PathBuf; 2] {
    [root.join("pyproject.toml"), root.join(FILE_NAME)]
}

fn key(root: &Path, command: &[&str]) -> String {
    let root = root.to_string_lossy();
    let mut parts = vec![&*root];
    parts.extend(command);
    Cache::digest(&parts)
}

fn hash(path: &Path) -> Option<Hash> {
    Some(Hash::of_bytes(&std::fs::read(path).ok()?))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use super::{LookedAt, Record, Said, Seen, key};
    use crate::cache::{Bucket, Cache};

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let place = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            place.write("project/pyproject.toml", "[project]");
            place.write("project/poetry.lock", "# lock");
            place.write("lib/pyproject.toml", "[project]");
            place.write("site/one/METADATA", "");
            place
        }

        fn path(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn cache(&self) -> Cache {
            Cache::new(self.path("cache"))
        }

        /// As if all files had been there for long.
        fn keep(&self) {
            self.keep_from(SystemTime::now() + Duration::from_secs(60));
        }

        fn keep_from(&self, began: SystemTime) {
            let root = self.path("project");
            let facts = ["1.0".to_owned()];
            let seen = Seen {
                root: &root,
                command: &["lock"],
                facts: &facts,
                began,
            };
            let looked_at = LookedAt {
                files: vec![root.join("../lib/pyproject.toml")],
                places: vec![self.path("site")],
            };
            Record::keep(
                &self.cache(),
                seen,
                looked_at,
                vec![Said::Out("n".to_owned())],
            );
        }

        fn find_with(&self, fact: &str) -> Option<Record> {
            let facts = [fact.to_owned()];
            let seen = Seen {
                root: &self.path("project"),
                command: &["lock"],
                facts: &facts,
                began: SystemTime::now(),
            };
            Record::find(&self.cache(), seen)
        }

        fn find(&self) -> Option<Record> {
            self.find_with("1.0")
        }
    }

    fn touch(path: &Path) {
        let text = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_record_is_found_while_all_is_the_same() {
        let place = Place::new();
        assert!(place.find().is_none());
        place.keep();
        assert_eq!(place.find().unwrap().said, [Said::Out("n".to_owned())]);
        assert!(place.find_with("1.1").is_none(), "another fact");
        assert!(place.find().is_some());
    }

    #[test]
    fn any_changed_file_counts() {
        for file in [
            "project/pyproject.toml",
            "project/poetry.lock",
            "lib/pyproject.toml",
        ] {
            let place = Place::new();
            place.keep();
            let text = std::fs::read_to_string(place.path(file)).unwrap();
            // As long as before.
            place.write(file, &text.replace(['[', '#'], "X"));
            assert!(place.find().is_none(), "{file} changed");
            place.write(file, &text);
            assert!(place.find().is_some(), "{file} changed back");
            std::fs::remove_file(place.path(file)).unwrap();
            assert!(place.find().is_none(), "{file} removed");
            std::fs::create_dir(place.path(file)).unwrap();
            assert!(place.find().is_none(), "{file} is a folder");
        }
    }

    #[test]
    fn a_place_counts_as_soon_as_it_is_touched() {
        let place = Place::new();
        place.keep();
        place.write("site/one/METADATA", "");
        assert!(place.find().is_some(), "the folder has the same entries");
        place.write("site/two", "");
        assert!(place.find().is_none());
        std::fs::remove_file(place.path("site/two")).unwrap();
        assert!(place.find().is_none(), "it was touched");
        std::fs::remove_dir_all(place.path("site")).unwrap();
        assert!(place.find().is_none());
    }

    #[test]
    fn a_file_that_only_moved_is_compared_once() {
        let place = Place::new();
        place.keep();
        let stored = || {
            let root = place.path("project").canonicalize().unwrap();
            let key = key(&root, &["lock"]);
            place.cache().read(Bucket::Unchanged, &key).unwrap()
        };
        let before = stored();
        touch(&place.path("lib/pyproject.toml"));
        assert!(place.find().is_some());
        assert_eq!(stored(), before, "it changed just now");
        std::thread::sleep(Duration::from_millis(30));
        assert!(place.find().is_some());
        let renewed = stored();
        assert_ne!(renewed, before);
        assert!(place.find().is_some());
        assert_eq!(stored(), renewed);
    }

    #[test]
    fn nothing_is_recorded_of_what_changed_meanwhile() {
        let place = Place::new();
        place.keep_from(SystemTime::now());
        assert!(place.find().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_again() {
        let place = Place::new();
        place.write("other/pyproject.toml", "[project]");
        std::fs::rename(place.path("lib"), place.path("one")).unwrap();
        std::os::unix::fs::symlink("one", place.path("lib")).unwrap();
        place.keep();
        assert!(place.find().is_some());
        std::fs::remove_file(place.path("lib")).unwrap();
        std::os::unix::fs::symlink("other", place.path("lib")).unwrap();
        assert!(place.find().is_none());
    }

    #[test]
    fn records_of_vanished_projects_are_found() {
        let place = Place::new();
        place.keep();
        let found = || super::of_vanished_projects(&place.cache()).unwrap().len();
        assert_eq!(found(), 0);
        std::fs::rename(place.path("project"), place.path("moved")).unwrap();
        assert_eq!(found(), 1);
        std::fs::write(place.path("cache/unchanged-v1/rubbish"), "").unwrap();
        assert_eq!(found(), 2);
    }

    #[test]
    fn a_damaged_record_is_a_miss() {
        let place = Place::new();
        place.keep();
        let root = place.path("project").canonicalize().unwrap();
        let cache = place.cache();
        let key = key(&root, &["lock"]);
        let whole = cache.read(Bucket::Unchanged, &key).unwrap();
        for cut in 0..whole.len() {
            let part = &whole[..cut];
            cache.write(Bucket::Unchanged, &key, part).unwrap();
            assert!(place.find().is_none(), "cut at {cut}");
        }
        let path = cache.path(Bucket::Unchanged, &key);
        std::fs::write(path, "rubbish").unwrap();
        assert!(place.find().is_none());
    }
}
