//! Bringing files from the cache into an environment without copying them, where the file system can.

use std::io;
use std::path::Path;

use fs_err as fs;

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
        let source = tempfile::Builder::new()
            .prefix(".probe-")
            .tempfile_in(store)?;
        let folder = super::store::new_folder(target, ".mpoetry-")?;
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
        match self.try_link(source, target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(target)?;
                self.try_link(source, target)?;
                Ok(true)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(false),
        }
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

/// Copies to a path that must be free. (`std::fs::copy` would write into a file that is there.)
fn copy_new(source: &Path, target: &Path) -> io::Result<()> {
    let mut from = fs::File::open(source)?;
    let mut to = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)?;
    io::copy(&mut from, &mut to)?;
    fs::set_permissions(target, from.metadata()?.permissions())
}

#[cfg(test)]
mod tests {
    use super::{LinkMode, Linker};

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
