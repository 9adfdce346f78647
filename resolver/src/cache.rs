//! The cache on disk: buckets, keys, atomic writes. A damaged entry is a miss, never an error.
//!
//! Two kinds of things live here. *Entries* are small values that [`Cache::read`] and [`Cache::write`] guard with a
//! checksum, so that a torn file after a power cut is a miss. *Trees and archives* are made in a [`Cache::temp_dir`]
//! of their bucket and renamed into place, so that other processes see all of a thing or nothing of it.
//! Nobody needs a lock to read or write; [`Cache::lock`] is for work that should not be done twice. But whoever uses the
//! cache says so ([`Cache::share`]), so that nothing is taken away meanwhile ([`Cache::own`]).

mod contents;

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use fs_err as fs;
use sha2::{Digest, Sha256};

pub use contents::{Usage, entries};

/// A kind of cached thing; its folder name carries the version of its format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bucket {
    /// Pages of the simple API, with their HTTP policy.
    Index,
    /// Metadata of releases and files.
    Metadata,
    /// Archives as downloaded, keyed by sha256.
    Archives,
    /// Unpacked wheels, keyed by sha256.
    Wheels,
    /// Wheels and metadata built from sources.
    Builds,
    /// Git clones.
    Git,
    /// Facts about interpreters.
    Pythons,
    /// Start-up files of shells.
    Shell,
    /// What resolutions that changed nothing depended on.
    Unchanged,
}

impl Bucket {
    /// All of them, by name.
    pub const ALL: [Self; 9] = [
        Self::Archives,
        Self::Builds,
        Self::Git,
        Self::Index,
        Self::Metadata,
        Self::Pythons,
        Self::Shell,
        Self::Unchanged,
        Self::Wheels,
    ];

    /// What users call it: its folder's name without the version.
    #[must_use]
    pub fn name(self) -> &'static str {
        let folder = self.folder();
        folder.split_once("-v").map_or(folder, |(name, _)| name)
    }

    /// The folder's name.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Index => "index-v2",
            Self::Metadata => "metadata-v3",
            Self::Archives => "archives-v1",
            Self::Wheels => "wheels-v2",
            Self::Builds => "builds-v1",
            Self::Git => "git-v1",
            Self::Pythons => "pythons-v1",
            Self::Shell => "shell-v1",
            Self::Unchanged => "unchanged-v1",
        }
    }
}

/// The cache's root folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// An entry's first bytes, followed by the CRC-32 of the rest.
const MAGIC: &[u8; 4] = b"MPC1";
const HEADER: usize = 8;
/// Locked by all that use the cache.
const IN_USE: &str = ".in-use.lock";
/// Whoever waits longer than this wants to know for what.
const MOMENT: Duration = Duration::from_millis(300);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

impl Cache {
    /// A cache below `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of everything.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one bucket.
    #[must_use]
    pub fn bucket(&self, bucket: Bucket) -> PathBuf {
        self.root.join(bucket.folder())
    }

    /// Where the thing with this key lies. A key is a relative path made by the program: names that are already
    /// normalised, digests, numbers. Whatever comes from outside goes through [`Cache::digest`].
    #[must_use]
    pub fn path(&self, bucket: Bucket, key: &str) -> PathBuf {
        debug_assert!(is_safe(key), "unsafe cache key {key}");
        self.bucket(bucket).join(key)
    }

    /// A key part for texts of any kind: half of their SHA-256, in hex.
    #[must_use]
    pub fn digest(parts: &[&str]) -> String {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        HEXLOWER.encode(&hasher.finalize()[..16])
    }

    /// The entry's bytes; `None` if there is none, or it is damaged.
    #[must_use]
    pub fn read(&self, bucket: Bucket, key: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(bucket, key)).ok()?;
        if bytes.len() < HEADER || &bytes[..4] != MAGIC {
            return None;
        }
        if bytes[4..HEADER] != checksum(&bytes[HEADER..]) {
            return None;
        }
        bytes.drain(..HEADER);
        Some(bytes)
    }

    /// Writes an entry: a temporary file in the same folder, then a rename.
    ///
    /// # Errors
    /// When the folder can't be made or written to.
    pub fn write(&self, bucket: Bucket, key: &str, bytes: &[u8]) -> io::Result<()> {
        write_atomically(&self.path(bucket, key), &[MAGIC, &checksum(bytes), bytes])
    }

    /// Removes an entry, if it is there.
    ///
    /// # Errors
    /// When it is there and can't be removed.
    pub fn remove(&self, bucket: Bucket, key: &str) -> io::Result<()> {
        match fs::remove_file(self.path(bucket, key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// A fresh folder in the bucket, removed when dropped, for things that are renamed into place.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn temp_dir(&self, bucket: Bucket) -> io::Result<tempfile::TempDir> {
        let folder = self.bucket(bucket);
        fs::create_dir_all(&folder)?;
        tempfile::Builder::new().prefix(".tmp-").tempdir_in(folder)
    }

    /// The same as a file.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn temp_file(&self, bucket: Bucket) -> io::Result<tempfile::NamedTempFile> {
        let folder = self.bucket(bucket);
        fs::create_dir_all(&folder)?;
        tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)
    }

    /// Waits until no other process holds the lock of this key, then holds it until the value is dropped.
    /// Blocks the thread.
    ///
    /// # Errors
    /// When the lock file can't be made.
    pub fn lock(&self, bucket: Bucket, key: &str) -> io::Result<Lock> {
        let file = lock_file(&self.path(bucket, &format!("{key}.lock")))?;
        file.lock()?;
        Ok(Lock { _file: file })
    }

    /// The same as [`Cache::lock`]. `busy` is called if somebody else still holds the lock after a moment.
    ///
    /// # Errors
    /// When the lock file can't be made.
    pub fn lock_or_tell(&self, bucket: Bucket, key: &str, busy: impl FnOnce()) -> io::Result<Lock> {
        let file = lock_file(&self.path(bucket, &format!("{key}.lock")))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) if began.elapsed() < MOMENT => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => {
                    busy();
                    file.lock()?;
                    return Ok(Lock { _file: file });
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Tells that this process uses the cache, until the value is dropped. Waits while another one takes things away.
    ///
    /// # Errors
    /// When the lock file can't be made.
    pub fn share(&self) -> io::Result<Lock> {
        let file = lock_file(&self.root.join(IN_USE))?;
        file.lock_shared()?;
        Ok(Lock { _file: file })
    }

    /// Waits until no other process uses the cache, and keeps all others waiting until the value is dropped. `busy` is
    /// called if there is anybody to wait for.
    ///
    /// # Errors
    /// When the lock file can't be made.
    pub fn own(&self, busy: impl FnOnce()) -> io::Result<Lock> {
        let file = lock_file(&self.root.join(IN_USE))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                busy();
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Lock { _file: file })
    }
}

/// A held lock. The operating system frees it when this is dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

fn lock_file(path: &Path) -> io::Result<std::fs::File> {
    create_parent(path)?;
    let (file, _) = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?
        .into_parts();
    Ok(file)
}

/// Writes the parts of a file by way of a temporary one in the same folder, so that readers see the old content or
/// the new.
///
/// # Errors
/// When the folder can't be made or written to.
pub(crate) fn write_atomically(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    use std::io::Write as _;

    let folder = create_parent(path)?;
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(folder)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

pub(crate) fn create_parent(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Mostly it is there already; looking is cheaper than making.
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
    }
    Ok(folder)
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

fn is_safe(key: &str) -> bool {
    use std::path::Component;
    !key.is_empty()
        && Path::new(key)
            .components()
            .all(|c| matches!(c, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Cache};

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        (folder, cache)
    }

    #[test]
    fn what_was_written_is_read() {
        let (_folder, cache) = cache();
        assert_eq!(cache.read(Bucket::Index, "a/b"), None);
        cache.write(Bucket::Index, "a/b", b"one").unwrap();
        cache.write(Bucket::Index, "a/b", b"two").unwrap();
        assert_eq!(cache.read(Bucket::Index, "a/b").unwrap(), b"two");
        assert_eq!(cache.read(Bucket::Metadata, "a/b"), None);
        cache.remove(Bucket::Index, "a/b").unwrap();
        cache.remove(Bucket::Index, "a/b").unwrap();
        assert_eq!(cache.read(Bucket::Index, "a/b"), None);
    }

    #[test]
    fn a_damaged_entry_is_a_miss() {
        let (_folder, cache) = cache();
        cache.write(Bucket::Index, "key", b"some content").unwrap();
        let path = cache.path(Bucket::Index, "key");
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(cache.read(Bucket::Index, "key"), None, "cut at {cut}");
        }
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&path, flipped).unwrap();
        assert_eq!(cache.read(Bucket::Index, "key"), None);
    }

    #[test]
    fn a_failed_write_leaves_no_litter() {
        let (_folder, cache) = cache();
        cache.write(Bucket::Index, "key", b"x").unwrap();
        // `key` is a file, so nothing can lie below it.
        assert!(cache.write(Bucket::Index, "key/below", b"x").is_err());
        let names: Vec<_> = std::fs::read_dir(cache.bucket(Bucket::Index))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["key"]);
    }

    #[test]
    fn buckets_have_names() {
        let names = Bucket::ALL.map(Bucket::name);
        assert!(names.is_sorted());
        assert_eq!(names[0], "archives");
    }

    #[test]
    fn who_takes_away_is_alone() {
        let (_folder, cache) = cache();
        let users = [cache.share().unwrap(), cache.share().unwrap()];
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = cache.clone();
        let thread = std::thread::spawn(move || {
            let _alone = other.own(|| sender.send("busy").unwrap()).unwrap();
            sender.send("alone").unwrap();
        });
        assert_eq!(receiver.recv().unwrap(), "busy");
        let wait = std::time::Duration::from_millis(50);
        assert!(receiver.recv_timeout(wait).is_err());
        drop(users);
        assert_eq!(receiver.recv().unwrap(), "alone");
        thread.join().unwrap();
    }

    #[test]
    fn digests_tell_parts_apart() {
        assert_ne!(Cache::digest(&["ab", "c"]), Cache::digest(&["a", "bc"]));
    }

    #[test]
    fn who_waits_for_a_lock_is_told_after_a_moment() {
        let (_folder, cache) = cache();
        let told = std::cell::Cell::new(0);
        let tell = || told.set(told.get() + 1);
        drop(cache.lock_or_tell(Bucket::Builds, "thing", tell).unwrap());
        assert_eq!(told.get(), 0);
        let held = cache.lock(Bucket::Builds, "thing").unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = cache.clone();
        let thread = std::thread::spawn(move || {
            let busy = || sender.send("busy").unwrap();
            drop(other.lock_or_tell(Bucket::Builds, "thing", busy).unwrap());
            sender.send("done").unwrap();
        });
        assert_eq!(receiver.recv().unwrap(), "busy");
        drop(held);
        assert_eq!(receiver.recv().unwrap(), "done");
        thread.join().unwrap();
    }

    #[test]
    fn a_lock_lets_one_in_at_a_time() {
        let (_folder, cache) = cache();
        let held = cache.lock(Bucket::Builds, "thing").unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = cache.clone();
        let thread = std::thread::spawn(move || {
            let _lock = other.lock(Bucket::Builds, "thing").unwrap();
            sender.send(()).unwrap();
        });
        let wait = std::time::Duration::from_millis(50);
        assert!(receiver.recv_timeout(wait).is_err());
        drop(held);
        receiver.recv().unwrap();
        thread.join().unwrap();
    }
}
