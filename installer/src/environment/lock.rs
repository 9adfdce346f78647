//! One process at a time changes an environment.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// Held while an environment is changed.
pub(super) const LOCK_FILE: &str = ".mpoetry.lock";

/// The sole right to change an environment. It is given back when this is dropped, and no file stays behind; the system
/// frees it when the process ends.
#[derive(Debug)]
pub struct EnvironmentLock {
    path: PathBuf,
    _file: File,
}

impl EnvironmentLock {
    /// Makes the environment's folder if there is none. `waiting` is called if another process has the right.
    pub(super) fn take(root: &Path, waiting: impl FnOnce()) -> io::Result<Self> {
        let path = root.join(LOCK_FILE);
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
            if is_in_place(&file, &path) {
                return Ok(Self { path, _file: file });
            }
            // Who had it before has removed the file, or the whole environment.
        }
    }
}

impl Drop for EnvironmentLock {
    /// Who waits for the right sees that the file is gone, and takes a new one.
    fn drop(&mut self) {
        // Windows can't remove a file that is open; there it stays.
        std::fs::remove_file(&self.path).ok();
    }
}

/// Is the file that is locked still the one that others would lock?
#[cfg(unix)]
fn is_in_place(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let ours = file.metadata().map(identity).ok();
    ours.is_some() && ours == std::fs::metadata(path).map(identity).ok()
}

#[cfg(not(unix))]
fn is_in_place(file: &File, path: &Path) -> bool {
    file.metadata().is_ok() && path.exists()
}
