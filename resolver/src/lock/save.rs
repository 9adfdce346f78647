//! Putting the lock file on disk.

use std::io::Write;
use std::path::Path;

use toml::Table;

use super::{FILE_NAME, LockError, Lockfile};

/// Writes it if its values differ from those of the file that is there. Says whether it wrote.
///
/// Poetry: tables are compared without order, arrays with it; comments, line ends and the version in the first line do
/// not count. So an equal file keeps its bytes and its time.
pub(super) fn write_if_changed(lockfile: &Lockfile, folder: &Path) -> Result<bool, LockError> {
    let path = folder.join(FILE_NAME);
    let mut text = lockfile.to_text(folder);
    let old = match fs_err::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    if old
        .as_deref()
        .is_some_and(|old| has_same_values(old, &text))
    {
        return Ok(false);
    }
    let with_crlf = old
        .as_deref()
        .map_or(cfg!(windows), first_line_ends_with_crlf);
    if with_crlf {
        text = text.replace('\n', "\r\n");
    }
    replace(&path, text.as_bytes())?;
    Ok(true)
}

fn has_same_values(old: &[u8], new: &str) -> bool {
    if old == new.as_bytes() {
        return true;
    }
    let parsed = std::str::from_utf8(old)
        .ok()
        .and_then(|text| text.parse::<Table>().ok());
    parsed.is_some_and(|old| new.parse::<Table>().is_ok_and(|new| new == old))
}

fn first_line_ends_with_crlf(bytes: &[u8]) -> bool {
    let first = bytes.split_inclusive(|b| *b == b'\n').next();
    first.is_some_and(|line| line.ends_with(b"\r\n"))
}

/// Replaces the file at once: whoever looks sees the old or the new one, also after a crash. A link stays a link.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".poetry.lock.");
    #[cfg(unix)]
    let ordinary = {
        use std::os::unix::fs::PermissionsExt;
        std::fs::Permissions::from_mode(0o666) // less the umask
    };
    #[cfg(unix)]
    builder.permissions(ordinary);
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    if let Ok(metadata) = fs_err::metadata(&target) {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&target)?;
    sync_folder(folder);
    Ok(())
}

/// Makes the new name last. Not every file system can do it; the file itself is safe by then.
#[cfg(unix)]
fn sync_folder(folder: &Path) {
    if let Ok(folder) = fs_err::File::open(folder) {
        drop(folder.sync_all());
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) {}
