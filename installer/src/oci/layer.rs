//! Layers: tar archives whose bytes depend on nothing but names, contents and one bit of the mode.
//!
//! Entries come in the order of their paths' parts, each folder once and before what is in it. They belong to nobody
//! in particular (0), date from the epoch, and have one of three modes. Names that are too long for the old header
//! are written GNU's way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use fs_err as fs;
use tar::EntryType;

use super::Digest;
use super::OciError;
use super::digest::Hashing;

/// The begin of names that remove things of the layers below.
pub(super) const WHITEOUT: &str = ".wh.";
/// zlib's own choice between size and time. A change changes the bytes of all images.
const LEVEL: u32 = 6;
/// What gzip calls an unknown system.
const NO_SYSTEM: u8 = 255;

/// Files that belong together: what changes together.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// Where it comes from, as `docker history` shows it.
    pub created_by: String,
    /// What is in it, in any order. Folders that nobody names are made.
    pub entries: Vec<Entry>,
}

/// A file, a folder or a link in a layer.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Relative to the image's top, with `/`.
    pub path: String,
    /// Only whether someone may execute it counts.
    pub mode: u32,
    /// What it is.
    pub content: Content,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A copy of this file.
    File(PathBuf),
    /// A folder.
    Directory,
    /// A symbolic link with this text.
    Link(String),
}

/// A layer's entries in the order of the archive, folders included.
pub(super) struct Plan<'a> {
    layer: &'a str,
    entries: BTreeMap<Key<'a>, Planned<'a>>,
}

/// The parts of a path: their order puts folders before what is in them.
type Key<'a> = Vec<&'a str>;

enum Planned<'a> {
    Folder { is_implied: bool },
    Other(&'a Entry),
}

impl<'a> Plan<'a> {
    /// Orders a layer's entries.
    ///
    /// # Errors
    /// When a name can't be in a layer, or two entries want the same one.
    pub(super) fn new(layer: &'a Layer) -> Result<Self, OciError> {
        let mut plan = Self {
            layer: &layer.created_by,
            entries: BTreeMap::new(),
        };
        for entry in &layer.entries {
            plan.add(entry)?;
        }
        Ok(plan)
    }

    fn add(&mut self, entry: &'a Entry) -> Result<(), OciError> {
        let refuse = |reason: &str| {
            Err(OciError::Entry {
                layer: self.layer.to_owned(),
                path: entry.path.clone(),
                reason: reason.to_owned(),
            })
        };
        let parts: Key<'a> = entry.path.split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) || entry.path.contains('\0') {
            return refuse("it is no relative path without `.` and `..`");
        }
        if parts.iter().any(|part| part.starts_with(WHITEOUT)) {
            return refuse("names that begin with `.wh.` remove things of other layers");
        }
        if let Content::Link(target) = &entry.content
            && (target.is_empty() || target.contains('\0'))
        {
            return refuse("it is a link to nothing");
        }
        for length in 1..parts.len() {
            let implied = Planned::Folder { is_implied: true };
            if let Planned::Other(_) = self
                .entries
                .entry(parts[..length].to_vec())
                .or_insert(implied)
            {
                let above = parts[..length].join("/");
                return refuse(&format!("`{above}` is no folder there"));
            }
        }
        let planned = match entry.content {
            Content::Directory => Planned::Folder { is_implied: false },
            _ => Planned::Other(entry),
        };
        match (self.entries.get(&parts), &planned) {
            (None, _) | (Some(Planned::Folder { is_implied: true }), Planned::Folder { .. }) => {
                self.entries.insert(parts, planned);
                Ok(())
            }
            (Some(Planned::Folder { .. }), Planned::Folder { .. }) => Ok(()),
            _ => refuse("there are two of this name"),
        }
    }

    /// The paths of all folders.
    pub(super) fn folders(&self) -> impl Iterator<Item = String> {
        let folders = self.entries.iter();
        let folders = folders.filter(|(_, planned)| matches!(planned, Planned::Folder { .. }));
        folders.map(|(parts, _)| parts.join("/"))
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// When a file can't be read, or changes.
    pub(super) fn write<W: Write>(&self, to: W) -> Result<W, OciError> {
        let mut archive = tar::Builder::new(to);
        for (parts, planned) in &self.entries {
            let path = parts.join("/");
            match planned {
                Planned::Folder { .. } => {
                    let mut header = header(EntryType::Directory, 0o755, 0);
                    archive.append_data(&mut header, format!("{path}/"), io::empty())?;
                }
                Planned::Other(entry) => append(&mut archive, &path, entry)?,
            }
        }
        Ok(archive.into_inner()?)
    }

    /// Writes the archive packed. Returns what was written to, and the digest of the archive itself.
    ///
    /// # Errors
    /// As [`Plan::write`].
    pub(super) fn write_packed<W: Write>(&self, to: W) -> Result<(W, Digest), OciError> {
        let gzip = GzBuilder::new().mtime(0).operating_system(NO_SYSTEM);
        let packer = gzip.write(to, Compression::new(LEVEL));
        let (packer, diff_id, _) = self.write(Hashing::new(packer))?.finish();
        Ok((packer.finish()?, diff_id))
    }
}

fn append(
    archive: &mut tar::Builder<impl Write>,
    path: &str,
    entry: &Entry,
) -> Result<(), OciError> {
    let mode = match entry.mode & 0o111 {
        0 => 0o644,
        _ => 0o755,
    };
    match &entry.content {
        Content::Bytes(bytes) => {
            let mut header = header(EntryType::Regular, mode, bytes.len() as u64);
            archive.append_data(&mut header, path, &bytes[..])?;
        }
        Content::File(source) => {
            let file = fs::File::open(source)?;
            let size = file.metadata()?.len();
            let mut header = header(EntryType::Regular, mode, size);
            // The archive would be broken if there were more or less than the header says.
            let mut content = Hashing::new(file.take(size));
            archive.append_data(&mut header, path, &mut content)?;
            let (rest, _, read) = content.finish();
            let is_at_end = rest.into_inner().read(&mut [0])? == 0;
            if read != size || !is_at_end {
                return Err(OciError::Changed {
                    path: source.clone(),
                });
            }
        }
        Content::Link(target) => {
            let mut header = header(EntryType::Symlink, 0o777, 0);
            archive.append_link(&mut header, path, Path::new(target))?;
        }
        Content::Directory => {}
    }
    Ok(())
}

fn header(kind: EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// What a whiteout removes.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Whiteout {
    /// The thing of this path.
    One(PathBuf),
    /// All that is in this folder.
    All(PathBuf),
}

/// What the entry with this path removes, if it is no entry but a whiteout.
pub(super) fn whiteout(path: &Path) -> Option<Whiteout> {
    let name: Cow<'_, str> = path.file_name()?.to_string_lossy();
    let removed = name.strip_prefix(WHITEOUT)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    match removed {
        ".wh..opq" => Some(Whiteout::All(folder.to_owned())),
        "" | "." | ".." => None,
        removed => Some(Whiteout::One(folder.join(removed))),
    }
}
