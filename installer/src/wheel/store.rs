//! The cache of unpacked wheels.
//!
//! `wheels-v2/<sha256>/` holds `files/`, by their numbers, `ready/`, and `manifest`, which says what they are. The folder is
//! made under a temporary name and renamed into place when it is whole, so that two processes never see each other's half work;
//! an entry whose manifest can't be read counts as missing and is made again.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use resolver::cache::{Bucket, Cache};

use super::WheelError;
use super::inflate::Inflaters;
use super::input::Input;
use super::manifest::{Manifest, Scheme, StoredFile};
use super::source::Source;
use super::{ready, unpack};

/// Unpacked wheels, by the sha256 of their archive.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    inflaters: Inflaters,
}

/// An unpacked wheel.
#[derive(Clone, Debug)]
pub struct StoredWheel {
    /// Its folder in the cache.
    pub folder: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

impl StoredWheel {
    /// The sha256 of its archive, in hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Where a file of it is.
    #[must_use]
    pub fn path(&self, file: &StoredFile) -> PathBuf {
        self.files().join(file.in_store())
    }

    /// Where the file is that has this path in the archive.
    #[must_use]
    pub fn member(&self, path: &str) -> Option<PathBuf> {
        let mut files = self.manifest.files.iter();
        let file = files.find(|file| file.member == path)?;
        Some(self.path(file))
    }

    /// The folder of files.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }
}

impl Store {
    /// The store in a cache.
    #[must_use]
    pub fn new(cache: &Cache) -> Self {
        Self {
            folder: cache.bucket(Bucket::Wheels),
            inflaters: Inflaters::default(),
        }
    }

    /// The folder of all unpacked wheels.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The unpacked wheel with this sha256 (hex), if there is one and it is whole.
    #[must_use]
    pub fn find(&self, sha256: &str) -> Option<StoredWheel> {
        let folder = self.folder.join(sha256);
        let bytes = fs::read(folder.join("manifest")).ok()?;
        let manifest = rmp_serde::from_slice(&bytes).ok()?;
        Some(StoredWheel { folder, manifest })
    }

    /// Is there one? Costs less than [`Store::find`], but does not see whether it is whole.
    #[must_use]
    pub fn has(&self, sha256: &str) -> bool {
        self.folder.join(sha256).join("manifest").is_file()
    }

    /// Unpacks a wheel whose sha256 is known to be right. `file` is its file name, which may differ from the name it
    /// has in a cache.
    ///
    /// # Errors
    /// When the wheel breaks a rule, or files can't be written. Nothing is left behind then.
    pub fn unpack(
        &self,
        archive: &Path,
        file: &str,
        sha256: &str,
    ) -> Result<StoredWheel, WheelError> {
        if let Some(found) = self.find(sha256) {
            return Ok(found);
        }
        let archive = fs::File::open(archive)?;
        let source = Source::open(file, Input::file(&archive)?, &self.inflaters)?;
        fs::create_dir_all(&self.folder)?;
        let temporary = new_folder(&self.folder, ".unpacking-")?;
        let files = unpack::write_files(&source, &temporary.path().join("files"))?;
        let manifest = manifest(source, files);
        ready::write(&manifest, temporary.path())?;
        write_manifest(&manifest, &temporary.path().join("manifest"))?;
        self.keep(temporary, sha256)?;
        Ok(StoredWheel {
            folder: self.folder.join(sha256),
            manifest,
        })
    }

    /// Takes a damaged entry away, so that it is unpacked again.
    ///
    /// # Errors
    /// When it can't be moved.
    pub fn discard(&self, sha256: &str) -> io::Result<()> {
        let trash = new_folder(&self.folder, ".discarded-")?;
        match fs::rename(self.folder.join(sha256), trash.path().join("entry")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn keep(&self, temporary: tempfile::TempDir, sha256: &str) -> Result<(), WheelError> {
        let target = self.folder.join(sha256);
        if fs::rename(temporary.path(), &target).is_err() {
            // Either another process was faster, or something broken lies there.
            if self.find(sha256).is_some() {
                return Ok(());
            }
            self.discard(sha256)?;
            fs::rename(temporary.path(), &target)?;
        }
        // It has another name now; nothing is left to delete under the old one.
        let _moved = temporary.keep();
        Ok(())
    }
}

/// What a wheel would install, from its tables alone: where each file goes, and what tells its content from others.
///
/// # Errors
/// When the wheel breaks a rule.
pub(crate) fn outline(archive: &Path, file: &str) -> Result<Vec<(String, String)>, WheelError> {
    let archive = fs::File::open(archive)?;
    let inflaters = Inflaters::default();
    let source = Source::open(file, Input::file(&archive)?, &inflaters)?;
    let files = source.placed.iter().map(|placed| {
        let path = &placed.path;
        let place = match placed.scheme {
            Scheme::Purelib | Scheme::Platlib => path.clone(),
            Scheme::Scripts => format!("bin/{path}"),
            Scheme::Data if path.starts_with("bin/") => path.clone(),
            Scheme::Data => format!("<prefix>/{path}"),
            Scheme::Headers => format!("<include>/{}/{path}", source.distribution),
        };
        (place, source.member(placed).mark())
    });
    let commands = source.entry_points.iter().map(|command| {
        let starts = format!("{}:{}", command.module, command.attribute);
        (format!("bin/{}", command.name), starts)
    });
    Ok(files.chain(commands).collect())
}

/// A new folder with an unused name, readable as the umask allows; removed when dropped.
pub(crate) fn new_folder(parent: &Path, prefix: &str) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(parent)
}

/// Makes `root`, if it is not there, and the folders that files at these paths below it need, parents first.
pub(crate) fn create_folders<'a>(
    root: &Path,
    files: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    if !root.is_dir() {
        fs::create_dir_all(root)?;
    }
    let parent = |path: &&'a str| path.rsplit_once('/').map(|(folder, _)| folder);
    let mut folders = std::collections::BTreeSet::new();
    let mut last = None;
    for file in files {
        // Most lie beside the one before.
        let of_file = parent(&file);
        if of_file == last {
            continue;
        }
        last = of_file;
        for folder in std::iter::successors(of_file, parent) {
            if !folders.insert(folder) {
                break;
            }
        }
    }
    for folder in folders {
        let path = root.join(folder);
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(_) => fs::create_dir_all(&path)?,
            Ok(()) => {}
        }
    }
    Ok(())
}

/// A new file; executable, if asked, for whom the umask allows.
pub(crate) fn create_file(path: &Path, executable: bool) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(mode(executable));
    }
    #[cfg(not(unix))]
    let _ = executable;
    options.open(path)
}

/// What a new file may be at most; the umask decides.
#[cfg(unix)]
pub(super) fn mode(executable: bool) -> u32 {
    if executable { 0o777 } else { 0o666 }
}

fn manifest(source: Source<'_>, files: Vec<StoredFile>) -> Manifest {
    Manifest {
        file: source.file,
        distribution: source.distribution,
        name: source.name,
        version: source.version,
        dist_info: source.dist_info,
        root: source.root,
        files,
        entry_points: source.entry_points,
        record_issues: source.record_issues,
        skipped: source.skipped,
    }
}

fn write_manifest(manifest: &Manifest, path: &Path) -> Result<(), WheelError> {
    let bytes = rmp_serde::to_vec(manifest).map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = create_file(path, false)?;
    file.write_all(&bytes)?;
    Ok(())
}
