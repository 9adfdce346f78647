//! Bringing files from the cache into an environment without copying them, where the file system can.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::store::{create_file, new_folder};

/// How files get from the cache into an environment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkMode {
    /// A copy that shares its blocks until one side is changed.
    Reflink,
    /// A second name for the same file.
    HardLink,
    /// A copy.
    Copy,
}

/// Links files in the way that was found to work between two folders.
#[derive(Clone, Copy, Debug)]
pub struct Linker {
    mode: LinkMode,
}

impl Linker {
    /// Finds the best way from `store` to `target` by trying with one small file. Trying anew for every file would
    /// cost more than the links themselves where the first way fails.
    ///
    /// # Errors
    /// When the store can't be written to.
    pub fn probe(store: &Path, target: &Path) -> io::Result<Self> {
        fs::create_dir_all(store)?;
        if never_reflinks(target) {
            let mode = LinkMode::HardLink;
            return Ok(Self { mode });
        }
        let source = tempfile::Builder::new()
            .prefix(".probe-")
            .tempfile_in(store)?;
        let folder = new_folder(target, ".mpoetry-")?;
        let link = folder.path().join("probe");
        let mode = if reflink_copy::reflink(source.path(), &link).is_ok() {
            LinkMode::Reflink
        } else if std::fs::hard_link(source.path(), &link).is_ok() {
            LinkMode::HardLink
        } else {
            LinkMode::Copy
        };
        Ok(Self { mode })
    }

    /// Links in a given way, for those who know.
    #[must_use]
    pub fn with_mode(mode: LinkMode) -> Self {
        Self { mode }
    }

    /// The way that is used.
    #[must_use]
    pub fn mode(self) -> LinkMode {
        self.mode
    }

    /// Puts `source` at `target` and says whether a file was there, which is replaced, never written into: it may be
    /// a link into the cache.
    ///
    /// # Errors
    /// When `source` is missing or `target` can't be written.
    pub fn link(self, source: &Path, target: &Path) -> io::Result<bool> {
        replacing(target, || self.try_link(source, target))
    }

    fn try_link(self, source: &Path, target: &Path) -> io::Result<()> {
        let linked = match self.mode {
            LinkMode::Reflink => reflink_copy::reflink(source, target),
            LinkMode::HardLink => std::fs::hard_link(source, target),
            LinkMode::Copy => return copy_new(source, target),
        };
        match linked {
            Ok(()) => Ok(()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                ) =>
            {
                Err(error)
            }
            // A file may have as many names as its file system allows, or the folder be mounted from elsewhere.
            Err(_) => copy_new(source, target),
        }
    }
}

/// Makes a file with `make`, which needs the place to be free: a file that is there is removed. Says whether there was
/// one. Parts of a namespace package bring the same files, maybe at this very moment, so that it is tried until nobody else
/// was faster; each of them does it once.
pub(super) fn replacing(
    target: &Path,
    mut make: impl FnMut() -> io::Result<()>,
) -> io::Result<bool> {
    let mut was_there = false;
    loop {
        match make() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                was_there = true;
                match fs::remove_file(target) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            other => return other.map(|()| was_there),
        }
    }
}

/// Is this a file system that is known to share no blocks between files? Then hard links are tried at once, and
/// copies where these fail.
#[cfg(target_os = "linux")]
fn never_reflinks(folder: &Path) -> bool {
    /// ext2 to ext4, and tmpfs; see statfs(2).
    const MAGIC: [u64; 2] = [0xEF53, 0x0102_1994];
    let found = rustix::fs::statfs(folder);
    found.is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| MAGIC.contains(&kind)))
}

#[cfg(not(target_os = "linux"))]
fn never_reflinks(_folder: &Path) -> bool {
    false
}

/// A folder that links start from or end in: most paths of a wheel are a few parts below it, while it has a dozen
/// itself, which need not be walked for every file.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    #[cfg(target_os = "linux")]
    handle: Option<fs::File>,
}

impl Folder {
    pub(crate) fn open(path: PathBuf) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            handle: fs::File::open(&path).ok(),
            path,
        }
    }

    /// As [`create_file`], at a path below it.
    pub(super) fn create_file(&self, path: &str, executable: bool) -> io::Result<fs::File> {
        let whole = self.path.join(path);
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            use rustix::fs::OFlags;
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mode = rustix::fs::Mode::from_raw_mode(super::store::mode(executable));
            if let Ok(file) = rustix::fs::openat(handle, path, new, mode) {
                return Ok(fs::File::from_parts(file.into(), whole));
            }
        }
        create_file(&whole, executable)
    }
}

impl Linker {
    /// As [`Linker::link`], with paths below open folders.
    pub(super) fn link_below(
        self,
        source: (&Folder, &str),
        target: (&Folder, &str),
    ) -> io::Result<bool> {
        #[cfg(target_os = "linux")]
        if self.mode == LinkMode::HardLink
            && let (Some(from), Some(to)) = (&source.0.handle, &target.0.handle)
            && rustix::fs::linkat(from, source.1, to, target.1, rustix::fs::AtFlags::empty())
                .is_ok()
        {
            return Ok(false);
        }
        self.link(&source.0.path.join(source.1), &target.0.path.join(target.1))
    }
}

/// Copies to a path that must be free. (`std::fs::copy` would write into a file that is there.)
fn copy_new(source: &Path, target: &Path) -> io::Result<()> {
    let mut from = fs::File::open(source)?;
    let mut to = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)?;
    let copied = io::copy(&mut from, &mut to)
        .and_then(|_| to.set_permissions(from.metadata()?.permissions()));
    if copied.is_err() {
        // Half of it is nothing.
        std::fs::remove_file(target).ok();
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::{LinkMode, Linker};

    #[test]
    fn many_may_bring_the_same_file_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for mode in [LinkMode::HardLink, LinkMode::Copy] {
            std::thread::scope(|threads| {
                for number in 0..4 {
                    let source = path(&format!("source-{number}"));
                    std::fs::write(&source, "same").unwrap();
                    let target = path("target");
                    threads.spawn(move || {
                        for _ in 0..500 {
                            Linker::with_mode(mode).link(&source, &target).unwrap();
                        }
                    });
                }
            });
            assert_eq!(std::fs::read_to_string(path("target")).unwrap(), "same");
        }
    }

    #[test]
    fn a_file_that_is_there_is_replaced_not_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for mode in [LinkMode::HardLink, LinkMode::Copy] {
            std::fs::write(path("new"), "new").unwrap();
            std::fs::write(path("old"), "old").unwrap();
            std::fs::hard_link(path("old"), path("target")).unwrap();
            assert!(
                Linker::with_mode(mode)
                    .link(&path("new"), &path("target"))
                    .unwrap()
            );
            assert_eq!(std::fs::read_to_string(path("target")).unwrap(), "new");
            assert_eq!(std::fs::read_to_string(path("old")).unwrap(), "old");
            std::fs::remove_file(path("target")).unwrap();
        }
    }
}
