//! Taking an environment away, as a whole or to make it again.

use std::io;
use std::path::Path;

use fs_err as fs;

use super::lock::{EnvironmentLock, LOCK_FILE};
use super::{PYTHON, SCRIPTS};

/// Removes an environment. Of a link only the link is removed, as Poetry does.
pub(super) fn remove(root: &Path) -> io::Result<()> {
    if root.is_symlink() {
        return fs::remove_file(root);
    }
    // Not while another process makes it.
    let lock = EnvironmentLock::take(root, || {})?;
    empty(root)?;
    drop(lock);
    match fs::remove_dir(root) {
        Err(error) => match error.kind() {
            // Poetry: a mount point, as containers have them, stays as an empty folder.
            io::ErrorKind::ResourceBusy => Ok(()),
            // Another process has waited for this, to make a new one or to remove it as well.
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

/// Removes what is in the folder but not the folder itself, which may be a mount point, nor the lock file.
pub(super) fn empty(root: &Path) -> io::Result<()> {
    // The interpreter first, so that a half-removed environment can't pass for a whole one.
    match fs::remove_file(root.join(SCRIPTS).join(PYTHON)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name() == LOCK_FILE {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
