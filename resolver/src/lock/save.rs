//! Putting the lock file on disk.

use std::io;
use std::path::Path;

use super::{FILE_NAME, LockError, Lockfile};
use crate::file::replace;
use crate::project::parse_toml;

/// Writes it if its values differ from those of the file that is there. Says whether it wrote.
///
/// Poetry: tables are compared without order, arrays with it; comments, line ends and the version in the first line do
/// not count. So an equal file keeps its bytes and its time.
pub(super) fn write_if_changed(lockfile: &Lockfile, folder: &Path) -> Result<bool, LockError> {
    let path = folder.join(FILE_NAME);
    let mut text = lockfile.to_text(folder);
    let old = match fs_err::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
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
        .and_then(|text| parse_toml(text).ok());
    parsed.is_some_and(|old| parse_toml(new).is_ok_and(|new| new == old))
}

fn first_line_ends_with_crlf(bytes: &[u8]) -> bool {
    let first = bytes.split_inclusive(|b| *b == b'\n').next();
    first.is_some_and(|line| line.ends_with(b"\r\n"))
}
