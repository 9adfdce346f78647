//! Reading layers: unpacked as a stream, with everything checked that can be.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use tar::EntryType;

use super::digest::Hashing;
use super::document::Descriptor;
use super::layer::{Whiteout, whiteout};
use super::store::{Store, inside};
use super::{Digest, OciError};

/// No honest layer unpacks to more. Bounds the time that a hostile one takes.
const LARGEST: u64 = 256 << 30;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// An entry of a layer.
pub(super) struct Member<'a> {
    /// From the image's top; never empty, and without `..`.
    pub(super) path: PathBuf,
    pub(super) kind: EntryType,
    pub(super) mode: u32,
    /// Seconds since the epoch.
    pub(super) modified: u64,
    /// The text of a symbolic link; the path of what a hard link leads to, from the image's top.
    pub(super) link: PathBuf,
    pub(super) content: &'a mut dyn Read,
}

type Visit<'v> = &'v mut dyn FnMut(Member<'_>) -> Result<(), OciError>;

/// Shows all entries of a layer to `visit`, and returns the digest of its tar archive.
///
/// # Errors
/// When the blob is missing or damaged, can't be unpacked, or has entries that must not be unpacked.
pub(super) fn walk(
    store: &Store,
    layer: &Descriptor,
    visit: Visit<'_>,
) -> Result<Digest, OciError> {
    let mut packed = Hashing::new(
        store
            .blob(&layer.digest)?
            .take(layer.size.saturating_add(1)),
    );
    let result = walk_packed(&mut packed, &store.blob_place(&layer.digest), visit);
    io::copy(&mut packed, &mut io::sink())?;
    let (_, digest, size) = packed.finish();
    // That the blob is the wrong one explains whatever else is wrong with it.
    store.check(layer, &digest, size)?;
    result
}

fn walk_packed(packed: &mut dyn Read, place: &str, visit: Visit<'_>) -> Result<Digest, OciError> {
    let broken = |source| OciError::Layer {
        place: place.to_owned(),
        source,
    };
    let mut packed = BufReader::with_capacity(1 << 16, packed);
    let begin = packed.fill_buf().map_err(broken)?;
    let unpacked: Box<dyn Read + '_> = if begin.starts_with(&ZSTD) {
        Box::new(zstd::Decoder::with_buffer(packed).map_err(broken)?)
    } else if begin.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(packed))
    } else {
        Box::new(packed)
    };
    let mut archive = tar::Archive::new(Hashing::new(unpacked.take(LARGEST)));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        let refuse = |reason| OciError::Unsafe {
            place: place.to_owned(),
            path: name.display().to_string(),
            reason,
        };
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let Some(path) = inside(&name).map_err(refuse)? else {
            continue;
        };
        let link = entry
            .link_name()
            .map_err(broken)?
            .map(|link| link.into_owned());
        let link = match (kind, link) {
            (EntryType::Symlink, Some(text)) => text,
            (EntryType::Link, Some(target)) => inside(&target)
                .ok()
                .flatten()
                .ok_or_else(|| refuse("is a link to something outside of the image"))?,
            (EntryType::Symlink | EntryType::Link, None) => {
                return Err(refuse("is a link to nothing"));
            }
            _ => PathBuf::new(),
        };
        if !is_known(kind) {
            return Err(refuse("is of an unknown kind"));
        }
        visit(Member {
            path,
            kind,
            mode: entry.header().mode().map_err(broken)?,
            modified: entry.header().mtime().map_err(broken)?,
            link,
            content: &mut entry,
        })?;
    }
    // To the end: what follows the last entry is part of the digest, and the checksum comes last.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(broken)?;
    let (_, diff_id, _) = rest.finish();
    Ok(diff_id)
}

/// Is it a regular file?
pub(super) fn is_file(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse
    )
}

fn is_known(kind: EntryType) -> bool {
    use EntryType::{Block, Char, Directory, Fifo, Link, Symlink};
    is_file(kind) || matches!(kind, Block | Char | Directory | Fifo | Link | Symlink)
}

/// What a look through a layer found.
pub(super) struct Scanned {
    pub(super) diff_id: Digest,
    pub(super) entries: u64,
    /// What the layer makes of the paths that were looked for.
    pub(super) found: BTreeMap<String, Found>,
}

/// What a layer makes of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    Folder,
    /// Something else, in words.
    Other(&'static str),
    Removed,
}

/// Looks through a layer, above all for some paths.
///
/// # Errors
/// As [`walk`].
pub(super) fn scan(
    store: &Store,
    layer: &Descriptor,
    wanted: &BTreeSet<String>,
) -> Result<Scanned, OciError> {
    let mut found = BTreeMap::new();
    let mut entries = 0;
    let diff_id = walk(store, layer, &mut |member| {
        entries += 1;
        match whiteout(&member.path) {
            Some(Whiteout::One(path)) => remove(&mut found, wanted, &path, true),
            Some(Whiteout::All(folder)) => remove(&mut found, wanted, &folder, false),
            None => {
                let path = member.path.to_string_lossy();
                if wanted.contains(&*path) {
                    found.insert(path.into_owned(), in_words(member.kind));
                }
            }
        }
        Ok(())
    })?;
    Ok(Scanned {
        diff_id,
        entries,
        found,
    })
}

fn remove(
    found: &mut BTreeMap<String, Found>,
    wanted: &BTreeSet<String>,
    path: &Path,
    itself: bool,
) {
    for other in wanted {
        // A whiteout concerns the layers below, not what this one has.
        if Path::new(other).starts_with(path) && (itself || Path::new(other) != path) {
            found.entry(other.clone()).or_insert(Found::Removed);
        }
    }
}

fn in_words(kind: EntryType) -> Found {
    match kind {
        EntryType::Directory => Found::Folder,
        EntryType::Symlink => Found::Other("a link"),
        kind if is_file(kind) || kind == EntryType::Link => Found::Other("a file"),
        _ => Found::Other("a device"),
    }
}
