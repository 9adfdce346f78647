//! Files that are replaced at once: whoever looks sees the old or the new one, also after a crash.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::TempPath;

/// How many random letters end the name of a temporary file. It begins with a dot and the name of the file beside it.
const RANDOM: usize = 6;

/// Temporary files that are older belong to nobody.
const STALE: Duration = Duration::from_hours(1);

/// Replaces a file. A link stays a link, and the mode of what was there stays too.
///
/// # Errors
/// When it can't be written; the text names it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, Readers::All)
}

/// The same for a file that may hold secrets: if it is new, nobody but its owner may read it.
///
/// # Errors
/// As [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, Readers::Owner)
}

/// Who may read a file that was not there before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Readers {
    All,
    Owner,
}

fn write(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    write_beside(path, bytes, readers).map_err(|error| {
        let shown = path.display();
        let reason = without_temporary(&error);
        io::Error::new(error.kind(), format!("{shown} can't be written: {reason}"))
    })
}

/// What went wrong, without the name of a temporary file, which tells nobody anything.
fn without_temporary(error: &io::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.find(" at path ").unwrap_or(text.len()));
    text
}

fn write_beside(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().unwrap_or(Path::new("."));
    let permissions = match fs_err::metadata(&target) {
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => readers.permissions(),
    };
    let fill = |file: &File| {
        // First of all, so that nobody has a look meanwhile.
        if let Some(permissions) = &permissions {
            file.set_permissions(permissions.clone())?;
        }
        (&*file).write_all(bytes)?;
        file.sync_all()
    };
    let prefix = prefix(path);
    temporary(folder, &prefix, fill)?.persist(&target)?;
    sync_folder(folder);
    remove_stale(folder, &prefix);
    Ok(())
}

impl Readers {
    /// `None`: as the umask has it.
    #[cfg(unix)]
    fn permissions(self) -> Option<std::fs::Permissions> {
        use std::os::unix::fs::PermissionsExt;
        (self == Self::Owner).then(|| std::fs::Permissions::from_mode(0o600))
    }

    #[cfg(not(unix))]
    fn permissions(self) -> Option<std::fs::Permissions> {
        None
    }
}

/// What temporary files beside a file are called, before some random letters.
fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    format!(".{}.", name.to_string_lossy())
}

/// A finished file beside another. A killed process leaves none behind, where the file can be written before it
/// has a name.
fn temporary(
    folder: &Path,
    prefix: &str,
    fill: impl Fn(&File) -> io::Result<()>,
) -> io::Result<TempPath> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).rand_bytes(RANDOM);
    if let Ok(nameless) = tempfile::tempfile_in(folder)
        && fill(&nameless).is_ok()
        && let Ok(named) = builder.make_in(folder, |name| give_name(&nameless, name))
    {
        return Ok(named.into_temp_path());
    }
    #[cfg(unix)]
    let ordinary = {
        use std::os::unix::fs::PermissionsExt;
        std::fs::Permissions::from_mode(0o666) // less the umask
    };
    #[cfg(unix)]
    builder.permissions(ordinary);
    let file = builder.tempfile_in(folder)?;
    fill(file.as_file())?;
    Ok(file.into_temp_path())
}

/// Gives a file without a name one. Only Linux can, and only on some file systems.
#[cfg(target_os = "linux")]
fn give_name(file: &File, name: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, open, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn give_name(_file: &File, _name: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes what killed processes left. Who still writes after an hour does not live any more.
fn remove_stale(folder: &Path, prefix: &str) {
    let is_stale = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map(|time| time.elapsed().unwrap_or_default());
        random.is_some_and(|random| {
            random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }) && age.is_ok_and(|age| age > STALE)
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_stale(&entry) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            tracing::debug!("removing {}", entry.path().display());
            drop(std::fs::remove_file(entry.path()));
        }
    }
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::{STALE, replace, temporary};

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Linux's usual file systems write it without a name, so that a kill leaves nothing.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_has_no_name_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let name = temporary(folder.path(), ".poetry.lock.", |_| {
            assert_eq!(names(folder.path()), Vec::<String>::new());
            Ok(())
        });
        assert!(name.unwrap().exists());
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = temporary(folder.path(), ".poetry.lock.", |_| Err(full())).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn what_killed_processes_left_goes_with_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * STALE;
        for (name, is_old) in [
            (".poetry.lock.Ab3dEf", true),
            (".poetry.lock.fResH1", false),
            (".poetry.lock.backup", false),
            (".poetry.lock.my-own", true),
            ("poetry.lock.Ab3dEf", true),
        ] {
            let file = File::create(folder.path().join(name)).unwrap();
            if is_old {
                file.set_modified(long_ago).unwrap();
            }
        }
        replace(&folder.path().join("poetry.lock"), b"text").unwrap();
        let left = [
            ".poetry.lock.backup",
            ".poetry.lock.fResH1",
            ".poetry.lock.my-own",
            "poetry.lock",
            "poetry.lock.Ab3dEf",
        ];
        assert_eq!(names(folder.path()), left);
    }

    #[test]
    #[cfg(unix)]
    fn the_mode_of_the_old_file_and_links_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (
            folder.path().join("real"),
            folder.path().join("poetry.lock"),
        );
        std::fs::write(&real, "old").unwrap();
        std::fs::set_permissions(&real, PermissionsExt::from_mode(0o640)).unwrap();
        symlink(&real, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    }
}
