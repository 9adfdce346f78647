//! One process at a time changes an environment.

use std::fs::TryLockError;
use std::io;
use std::path::Path;

use fs_err as fs;

/// The sole right to change an environment. The system frees it when this is dropped, or when the process ends.
#[derive(Debug)]
pub struct EnvironmentLock {
    _file: std::fs::File,
}

impl EnvironmentLock {
    pub(super) fn take(root: &Path, waiting: impl FnOnce()) -> io::Result<Self> {
        let (file, _) = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join(".mpoetry.lock"))?
            .into_parts();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { _file: file })
    }
}
