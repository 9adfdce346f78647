//! One process at a time changes an environment.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// Held while an environment is changed.
pub(super) const LOCK_FILE: &str = ".mpoetry.lock";

/// The sole right to change an environment. The system frees it when this is dropped, or when the process ends.
#[derive(Debug)]
pub struct EnvironmentLock {
    file: File,
    path: PathBuf,
}

impl EnvironmentLock {
    /// Makes the environment's folder if there is none. `waiting` is called if another process has the right.
    pub(super) fn take(root: &Path, waiting: impl FnOnce()) -> io::Result<Self> {
        let mut path = root.join(LOCK_FILE);
        let mut waiting = Some(waiting);
        loop {
            fs::create_dir_all(root)?;
            let (file, _) = fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?
                .into_parts();
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(tell) = waiting.take() {
                        tell();
                    }
                    file.lock()?;
                }
                // Not every file system knows locks. There, whoever does two things at once takes the risk.
                Err(TryLockError::Error(error)) => {
                    tracing::debug!("{} can't be locked: {error}", path.display());
                }
            }
            let lock = Self { file, path };
            if lock.is_in_place() {
                return Ok(lock);
            }
            // Who had it before has removed the file, or the whole environment.
            path = lock.path;
        }
    }

    /// Gives the right back and leaves no file behind. Who waits for it sees that the file is gone, and takes a new one.
    pub(super) fn release(self) {
        // Windows can't remove a file that is open; there it stays.
        fs::remove_file(&self.path).ok();
    }

    /// Is the file that is locked still the one that others would lock?
    #[cfg(unix)]
    fn is_in_place(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = self.file.metadata().map(identity).ok();
        ours.is_some() && ours == std::fs::metadata(&self.path).map(identity).ok()
    }

    #[cfg(not(unix))]
    fn is_in_place(&self) -> bool {
        self.file.metadata().is_ok() && self.path.exists()
    }
}
