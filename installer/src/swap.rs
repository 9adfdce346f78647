//! Folders and files that are made beside their place and put there in one step: whoever looks, or kills, at whatever
//! moment, finds the old one or the new one.

use std::path::Path;

use fs_err as fs;

/// Puts `staged` into the place of `folder`, and what was there into the place of `staged`.
pub(crate) fn exchange(staged: &Path, folder: &Path) -> std::io::Result<()> {
    if folder.symlink_metadata().is_err() {
        return fs::rename(staged, folder);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, staged, CWD, folder, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    // Not every file system can do it in one step.
    let old = staged.with_extension("old");
    remove(&old)?;
    fs::rename(folder, &old)?;
    if let Err(error) = fs::rename(staged, folder) {
        fs::rename(&old, folder)?;
        return Err(error);
    }
    remove(&old)
}

/// Removes a file, a link or a folder, if it is there.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what killed processes have staged: names are `prefix`, the number of the process, and maybe more after a
/// point.
pub(crate) fn sweep(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let process = process.and_then(|process| process.split('.').next());
        if process.is_some_and(|process| !is_alive(process))
            && let Err(error) = remove(&entry.path())
        {
            tracing::debug!("{error}");
        }
    }
}

/// Is this the number of a running process? Where that can't be told, yes.
fn is_alive(process: &str) -> bool {
    !cfg!(target_os = "linux") || Path::new("/proc").join(process).exists()
}
