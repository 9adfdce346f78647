//! The cache of unpacked wheels.
//!
//! `wheels-v2/<sha256>/` holds `files/`, by their numbers, `ready/`, and `manifest`, which says what they are. The folder is
//! made under a temporary name and renamed into place when it is whole, so that two processes never see each other's half work;
//! an entry whose manifest can't be read counts as missing and is made again.

use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use fs_err as fs;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use rayon::prelude::*;
use resolver::cache::{Bucket, Cache};
use sha2::{Digest, Sha256};

use super::WheelError;
use super::archive::{Archive, ArchiveError};
use super::inflate::{Inflater, Inflaters};
use super::link::Folder;
use super::manifest::{Manifest, Scheme, StoredFile, store_folders, store_path};
use super::ready;
use super::source::{Placed, Source, archive_error};

/// Files are handed to threads in groups of at least this many: most are small.
const GROUP: usize = 16;

/// Of what small members were read from, a thread keeps this many bytes in memory before it lets go of them.
const MOST_HELD: usize = 1 << 20;

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
        let bytes = Bytes::open(archive)?;
        let source = Source::open(file, bytes.as_slice())?;
        // Its headers lie all over it, and what is around them came along.
        bytes.let_go(0..bytes.as_slice().len());
        fs::create_dir_all(&self.folder)?;
        let temporary = new_folder(&self.folder, ".unpacking-")?;
        let files = self.write_files(&source, &bytes, &temporary.path().join("files"))?;
        let manifest = manifest(source, files);
        ready::write(&manifest, temporary.path())?;
        write_manifest(&manifest, &temporary.path().join("manifest"))?;
        self.keep(temporary, sha256)?;
        Ok(StoredWheel {
            folder: self.folder.join(sha256),
            manifest,
        })
    }

    fn write_files(
        &self,
        source: &Source<'_>,
        bytes: &Bytes,
        root: &Path,
    ) -> Result<Vec<StoredFile>, WheelError> {
        let members = &source.archive.members;
        fs::create_dir(root)?;
        for folder in store_folders(source.placed.len()) {
            fs::create_dir(root.join(folder))?;
        }
        let root = Folder::open(root.to_owned());
        source
            .placed
            .par_iter()
            .enumerate()
            .with_min_len(GROUP)
            .map_init(
                || (self.inflaters.take(), 0..0),
                |(taken, read), (number, placed)| {
                    let file =
                        write_file(source, bytes, (number, placed), &root, &mut taken.inflater)?;
                    let body = members[placed.member].body();
                    // Members come in the archive's order, but for those that another thread reads.
                    if body.start < read.end || body.end - read.start > MOST_HELD {
                        bytes.let_go(std::mem::replace(read, body));
                    } else {
                        read.end = body.end;
                    }
                    Ok(file)
                },
            )
            .collect()
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
    let bytes = Bytes::open(archive)?;
    let source = Source::open(file, bytes.as_slice())?;
    let files = source.placed.iter().map(|placed| {
        let path = &placed.path;
        let place = match placed.scheme {
            Scheme::Purelib | Scheme::Platlib => path.clone(),
            Scheme::Scripts => format!("bin/{path}"),
            Scheme::Data if path.starts_with("bin/") => path.clone(),
            Scheme::Data => format!("<prefix>/{path}"),
            Scheme::Headers => format!("<include>/{}/{path}", source.distribution),
        };
        (place, source.archive.members[placed.member].mark())
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

/// The bytes of an archive, mapped rather than read: most are looked at once, by several threads.
enum Bytes {
    Mapped(memmap2::Mmap),
    Empty,
}

impl Bytes {
    fn open(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self::Empty);
        }
        #[expect(unsafe_code, reason = "a memory map can't be made without")]
        // SAFETY: archives are written under temporary names and never changed after their rename.
        let map = unsafe { memmap2::Mmap::map(file.file()) }?;
        Ok(Self::Mapped(map))
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Empty => &[],
        }
    }

    /// Tells the system that a part is not needed any more. It would go by itself when memory gets short, but until
    /// then a large archive counts as the program's.
    fn let_go(&self, part: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self {
            #[expect(unsafe_code, reason = "for memory maps in general it may lose data")]
            // SAFETY: the map is of a file and nobody writes to it: what is let go is read again when it is looked at.
            let told = unsafe {
                map.unchecked_advise_range(UncheckedAdvice::DontNeed, part.start, part.len())
            };
            if let Err(error) = told {
                tracing::debug!("an archive stays in memory: {error}");
            }
        }
        #[cfg(not(unix))]
        let _ = part;
    }
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

/// Something that went wrong between an archive and a file.
enum Failure {
    Archive(ArchiveError),
    Io(io::Error),
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

fn write_file(
    source: &Source<'_>,
    bytes: &Bytes,
    (number, placed): (usize, &Placed),
    root: &Folder,
    inflater: &mut Inflater,
) -> Result<StoredFile, WheelError> {
    let member = &source.archive.members[placed.member];
    let file = root.create_file(&store_path(number), placed.executable)?;
    let (hash, rewrite) = write_member(&source.archive, member, file, placed, inflater, |part| {
        bytes.let_go(part);
    })
    .map_err(|failure| match failure {
        Failure::Archive(error) => archive_error(&source.file, error),
        Failure::Io(error) => WheelError::Io(error),
    })?;
    let refuse = |reason: String| WheelError::Member {
        file: source.file.clone(),
        member: member.name.clone(),
        reason,
    };
    if let Some(entry) = &placed.recorded {
        let digest = entry
            .hash
            .as_ref()
            .filter(|(algorithm, _)| algorithm == "sha256");
        if digest.is_some_and(|(_, digest)| digest.trim_end_matches('=') != hash) {
            return Err(refuse("does not fit its hash in RECORD".to_owned()));
        }
        if entry
            .size
            .is_some_and(|size| u64::try_from(size).ok() != Some(member.size))
        {
            return Err(refuse("does not fit its size in RECORD".to_owned()));
        }
    }
    Ok(StoredFile {
        number,
        member: member.name.clone(),
        scheme: placed.scheme,
        other_path: (placed.path != member.name).then(|| placed.path.clone()),
        size: member.size,
        hash: format!("sha256={hash}"),
        executable: placed.executable,
        rewrite,
    })
}

fn write_member(
    archive: &Archive<'_>,
    member: &super::archive::Member,
    mut file: fs::File,
    placed: &Placed,
    inflater: &mut Inflater,
    used: impl Fn(Range<usize>),
) -> Result<(String, bool), Failure> {
    let mut sha256 = Sha256::new();
    let mut first = true;
    let mut rewrite = false;
    archive.read(member, inflater, used, |piece| {
        if std::mem::take(&mut first) {
            rewrite = placed.scheme == Scheme::Scripts && piece.starts_with(b"#!python");
        }
        sha256.update(piece);
        file.write_all(piece).map_err(Failure::Io)
    })?;
    Ok((BASE64URL_NOPAD.encode(&sha256.finalize()), rewrite))
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
