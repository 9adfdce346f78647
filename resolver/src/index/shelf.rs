//! What is known of a project's releases, as it lies in the cache: for ever, one file a project.
//!
//! A release that becomes known is appended as one record, so that a resolution opens one file for all releases of a
//! project that it looks at. Records carry their length and a checksum. Whatever follows a damaged record is lost,
//! and so is what another process appends while a file with a damaged or outdated record is written anew; both only
//! mean that these releases have to be looked at again.

use std::io::{self, Write as _};
use std::ops::Range;
use std::path::Path;

use fs_err as fs;
use serde::Serialize;

use super::Release;
use super::flat::{Reader, Writer, checksum};
use super::stored::Fingerprint;
use crate::cache::{create_parent, write_atomically};

/// The known releases of a project, not yet decoded.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    /// The whole record.
    all: Range<usize>,
    version: Range<usize>,
    fingerprint: Fingerprint,
    release: Range<usize>,
}

/// A release in the cache.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) fingerprint: Fingerprint,
    release: &'a [u8],
}

impl Shelf {
    /// Reads the file, and writes it anew without what is damaged or outdated.
    pub(super) fn read(path: &Path) -> Self {
        let mut shelf = Self {
            bytes: fs::read(path).unwrap_or_default(),
            records: Vec::new(),
        };
        let mut end = 0;
        let mut is_outdated = false;
        while let Some(record) = Record::at(&shelf.bytes, end) {
            end = record.all.end;
            let version = &shelf.bytes[record.version.clone()];
            let older = shelf
                .records
                .iter()
                .position(|other| &shelf.bytes[other.version.clone()] == version);
            if let Some(older) = older {
                is_outdated = true;
                shelf.records.remove(older);
            }
            shelf.records.push(record);
        }
        if is_outdated || end < shelf.bytes.len() {
            shelf.rewrite(path);
        }
        shelf
    }

    fn rewrite(&self, path: &Path) {
        if let Err(error) = self.write(path) {
            tracing::debug!(%error, "a damaged cache entry stays as it is");
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let good: Vec<&[u8]> = self
            .records
            .iter()
            .map(|record| &self.bytes[record.all.clone()])
            .collect();
        write_atomically(path, &good)
    }

    /// Forgets what is known of a version, spelled like this.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(super) fn forget(mut self, version: &str, path: &Path) -> io::Result<()> {
        let bytes = &self.bytes;
        self.records
            .retain(|record| &bytes[record.version.clone()] != version.as_bytes());
        self.write(path)
    }

    /// What is known of a version, spelled like this.
    pub(super) fn find(&self, version: &str) -> Option<Known<'_>> {
        let mut records = self.records.iter();
        let record = records.find(|record| {
            let spelled = &self.bytes[record.version.clone()];
            spelled == version.as_bytes()
        })?;
        Some(Known {
            fingerprint: record.fingerprint,
            release: &self.bytes[record.release.clone()],
        })
    }
}

impl Known<'_> {
    pub(super) fn release(&self) -> Option<Release> {
        rmp_serde::from_slice(self.release).ok()
    }
}

impl Record {
    /// The record at this place, if it is whole.
    fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let mut outer = Reader(bytes.get(start..)?);
        let expected = outer.number()?;
        let content = outer.bytes()?;
        if checksum(content) != expected {
            return None;
        }
        let end = bytes.len() - outer.0.len();
        let mut inner = Reader(content);
        let mut field = || {
            let length = inner.bytes()?.len();
            let field_end = end - inner.0.len();
            Some(field_end - length..field_end)
        };
        let (version, fingerprint) = (field()?, field()?);
        Some(Self {
            all: start..end,
            version,
            fingerprint: bytes[fingerprint].try_into().ok()?,
            release: field()?,
        })
    }
}

/// A release as it is appended.
pub(super) fn record(version: &str, fingerprint: &Fingerprint, release: &Release) -> Vec<u8> {
    let mut content = Writer::default();
    content.bytes(version.as_bytes());
    content.bytes(fingerprint);
    content.bytes(&encode(release));
    let mut record = Writer::default();
    record.number(checksum(&content.0));
    record.bytes(&content.0);
    record.0
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("plain values can be written")
}

/// Puts a record behind the others.
///
/// # Errors
/// When the file can't be made or written to.
pub(super) fn append(path: &Path, record: &[u8]) -> io::Result<()> {
    let open = || fs::OpenOptions::new().create(true).append(true).open(path);
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_parent(path)?;
            open()?
        }
        opened => opened?,
    };
    // In one call, which the system does in one piece, so that two processes do not mix their records.
    file.write_all(record)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Shelf, append, record};
    use crate::index::Release;
    use crate::metadata::Metadata;

    fn release(summary: &str) -> Release {
        Release {
            metadata: Metadata {
                summary: summary.to_owned(),
                ..Metadata::default()
            },
            files: Vec::new(),
            yanked: None,
        }
    }

    fn put(path: &Path, version: &str, fingerprint: u8, summary: &str) {
        let record = record(version, &[fingerprint; 16], &release(summary));
        append(path, &record).unwrap();
    }

    fn summary(shelf: &Shelf, version: &str) -> Option<String> {
        let known = shelf.find(version)?;
        Some(known.release().unwrap().metadata.summary)
    }

    #[test]
    fn the_last_that_was_learned_of_a_release_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/a");
        assert!(Shelf::read(&path).find("1.0").is_none());
        put(&path, "1.0", 1, "one");
        put(&path, "0.9", 1, "nine");
        Shelf::read(&path).forget("0.9", &path).unwrap();
        assert!(Shelf::read(&path).find("0.9").is_none());
        put(&path, "2.0", 2, "two");
        put(&path, "1.0", 3, "newer");
        let length = std::fs::metadata(&path).unwrap().len();
        let shelf = Shelf::read(&path);
        assert_eq!(summary(&shelf, "1.0").unwrap(), "newer");
        assert_eq!(shelf.find("1.0").unwrap().fingerprint, [3; 16]);
        assert_eq!(summary(&shelf, "2.0").unwrap(), "two");
        assert_eq!(summary(&shelf, "3.0"), None);
        // What is outdated does not stay on the disk.
        assert!(std::fs::metadata(&path).unwrap().len() < length);
        assert_eq!(summary(&Shelf::read(&path), "1.0").unwrap(), "newer");
    }

    #[test]
    fn what_is_damaged_is_a_miss_and_does_not_hide_what_follows_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        put(&path, "1.0", 1, "one");
        let first = std::fs::metadata(&path).unwrap().len() as usize;
        put(&path, "2.0", 2, "two");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for damaged in [&flipped[..], &whole[..at]] {
                std::fs::write(&path, damaged).unwrap();
                let shelf = Shelf::read(&path);
                let has_first = at >= first;
                assert_eq!(summary(&shelf, "1.0").is_some(), has_first);
                assert_eq!(summary(&shelf, "2.0"), None);
                put(&path, "3.0", 3, "three");
                let shelf = Shelf::read(&path);
                assert_eq!(summary(&shelf, "1.0").is_some(), has_first);
                assert_eq!(summary(&shelf, "3.0").unwrap(), "three");
            }
        }
    }
}
