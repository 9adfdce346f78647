//! A project page as it lies in the cache.
//!
//! ```text
//!  clock │ head: validators, one row a release, newest first │ files of the newest │ files of the next │ …
//! ```
//!
//! A resolution reads the clock and the head of every page, but the files of the few releases only whose metadata is
//! not known yet: a row has the release's fingerprint. So the head is read in one go and each release's files on
//! demand. Every part has a checksum of its own. Revalidating rewrites the clock, in place.
//!
//! A page can be replaced or damaged between two looks at it. The checksums in the head tell, and then the files are
//! gone: whoever wants them has to ask for the page again.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::age;
use super::flat::{Reader, Writer, checksum, length};
use super::freshness::Freshness;
use super::listing::{Link, LinkHash, Listed};
use super::{FileKind, IndexFile, Page};
use crate::cache::write_atomically;
use crate::dist::Hash;
use crate::version::Version;

/// Tells apart any two states of a release's files.
pub(super) type Fingerprint = [u8; 16];

const MAGIC: &[u8; 4] = b"MPP3";
/// Magic, stored, lifetime, the head's checksum, the checksum of these, the head's length.
const CLOCK: usize = 4 + 8 + 8 + 4 + 4;
const START: usize = CLOCK + 4;
/// What is read at first: the heads of 19 in 20 pages are shorter.
const FIRST_READ: usize = 16 << 10;

/// A page: which releases it has, and where their files are found.
#[derive(Debug)]
pub(super) struct StoredPage {
    pub(super) freshness: Freshness,
    /// Newest first.
    pub(super) rows: Vec<Row>,
    body: Body,
}

/// A release on a page.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) version: Version,
    /// Are all files yanked?
    pub(super) is_yanked: bool,
    /// Does the page announce metadata of one of its files?
    pub(super) is_told: bool,
    /// As the first file says that says something.
    pub(super) requires_python: Option<Arc<str>>,
    /// When the last file was uploaded, in seconds since 1970; 0 if the page does not tell.
    pub(super) uploaded: u64,
    pub(super) fingerprint: Fingerprint,
    /// Where its files are in the body.
    start: u64,
    length: u32,
    checksum: u32,
}

#[derive(Debug)]
enum Body {
    Held(Vec<u8>),
    /// Behind the head of this file.
    Kept {
        path: PathBuf,
        start: u64,
        head_checksum: u32,
    },
}

impl StoredPage {
    /// A page from its releases, newest first.
    pub(super) fn new(freshness: Freshness, releases: &[Listed<'_>]) -> Self {
        let mut body = Vec::new();
        let mut rows = Vec::with_capacity(releases.len());
        for release in releases {
            let start = body.len();
            let files: Vec<File<'_>> = release.files.iter().map(File::of).collect();
            rmp_serde::encode::write(&mut body, &files).expect("plain values can be written");
            rows.push(Row {
                version: release.version.clone(),
                is_yanked: release.files.iter().all(|file| file.yanked.is_some()),
                is_told: release
                    .files
                    .iter()
                    .any(|file| file.core_metadata.is_some()),
                requires_python: requires_python(release, rows.last()),
                uploaded: uploaded(release),
                fingerprint: fingerprint(&release.files),
                start: start as u64,
                length: length(&body[start..]),
                checksum: checksum(&body[start..]),
            });
        }
        Self {
            freshness,
            rows,
            body: Body::Held(body),
        }
    }

    /// Writes it to `path` and lets go of the files. A cache that can't be written to costs memory, nothing else.
    pub(super) fn keep(&mut self, path: PathBuf) {
        let Body::Held(body) = &self.body else { return };
        let head = self.head();
        let head_checksum = checksum(&head);
        let mut start = clock(&self.freshness, head_checksum);
        start.extend_from_slice(&length(&head).to_le_bytes());
        match write_atomically(&path, &[&start, &head, body]) {
            Ok(()) => {
                self.body = Body::Kept {
                    path,
                    start: (START + head.len()) as u64,
                    head_checksum,
                };
            }
            Err(error) => tracing::warn!(%error, "a project page can't be kept in the cache"),
        }
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Writer::default();
        head.text(self.freshness.etag.as_deref());
        head.text(self.freshness.last_modified.as_deref());
        for row in &self.rows {
            head.bytes(row.version.as_str().as_bytes());
            head.0.push(row.is_yanked.into());
            head.0.push(row.is_told.into());
            head.text(row.requires_python.as_deref());
            head.0.extend_from_slice(&row.uploaded.to_le_bytes());
            head.0.extend_from_slice(&row.fingerprint);
            head.number(row.length);
            head.number(row.checksum);
        }
        head.0
    }

    /// `None` if the cache does not have it, or can't make sense of it. Reads the head only.
    pub(super) fn read(path: PathBuf) -> Option<Self> {
        let (start, head) = read_head(&path)?;
        let head_checksum = checksum(&head);
        let mut clock = Reader(&start[MAGIC.len()..]);
        let (stored, lifetime) = (clock.long()?, clock.long()?);
        if clock.number()? != head_checksum {
            return None;
        }
        let is_set = clock.number()? == checksum(&start[..CLOCK - 4]);
        let mut reader = Reader(&head);
        let freshness = Freshness {
            // A clock that was being set when the power went tells nothing; the page is as good as it was.
            lifetime: if is_set { lifetime } else { 0 },
            stored,
            etag: reader.text()?.map(str::to_owned),
            last_modified: reader.text()?.map(str::to_owned),
        };
        Some(Self {
            freshness,
            rows: read_rows(reader)?,
            body: Body::Kept {
                path,
                start: (START + head.len()) as u64,
                head_checksum,
            },
        })
    }

    /// The page after the answer that it still holds.
    pub(super) fn renew(&mut self, freshness: Freshness) {
        self.freshness = freshness;
        let Body::Kept {
            path,
            head_checksum,
            ..
        } = &self.body
        else {
            return;
        };
        // Where another page lies there by now, the clock does not fit its head, which makes it look old: no more.
        let clock = clock(&self.freshness, *head_checksum);
        let written = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(&clock));
        if let Err(error) = written {
            tracing::debug!(%error, "the age of a project page can't be kept in the cache");
        }
    }

    /// The row of a version, however it is spelled.
    pub(super) fn row(&self, version: &Version) -> Option<&Row> {
        let place = self
            .rows
            .binary_search_by(|row| version.cmp(&row.version))
            .ok()?;
        self.rows.get(place)
    }

    /// A release's files in the page's order; `None` if they are gone.
    pub(super) fn files(&self, row: &Row) -> Option<Vec<IndexFile>> {
        let read;
        let bytes = match &self.body {
            Body::Held(body) => &body[row.range()],
            Body::Kept { path, start, .. } => {
                read = read_part(path, start + row.start, row.length as usize).ok()?;
                &read[..]
            }
        };
        row.decode(bytes)
    }

    /// All files, release by release; `None` if they are gone.
    pub(super) fn page(&self) -> Option<Page> {
        let read;
        let body = match &self.body {
            Body::Held(body) => &body[..],
            Body::Kept { path, start, .. } => {
                let length = self.rows.iter().map(|row| row.length as usize).sum();
                read = read_part(path, *start, length).ok()?;
                &read[..]
            }
        };
        let mut files = Vec::new();
        for row in &self.rows {
            files.extend(row.decode(&body[row.range()])?);
        }
        Some(Page { files })
    }
}

impl Row {
    fn range(&self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }

    fn decode(&self, bytes: &[u8]) -> Option<Vec<IndexFile>> {
        if checksum(bytes) != self.checksum {
            return None;
        }
        let files: Vec<File<'_>> = rmp_serde::from_slice(bytes).ok()?;
        Some(
            files
                .into_iter()
                .map(|file| file.of_version(&self.version))
                .collect(),
        )
    }
}

fn clock(freshness: &Freshness, head_checksum: u32) -> Vec<u8> {
    let mut clock = Writer::default();
    clock.0.extend_from_slice(MAGIC);
    clock.0.extend_from_slice(&freshness.stored.to_le_bytes());
    clock.0.extend_from_slice(&freshness.lifetime.to_le_bytes());
    clock.number(head_checksum);
    clock.number(checksum(&clock.0));
    clock.0
}

/// What stands before the head, and the head.
fn read_head(path: &Path) -> Option<([u8; START], Vec<u8>)> {
    let mut file = fs::File::open(path).ok()?;
    let mut bytes = vec![0; FIRST_READ];
    let mut read = 0;
    while read < START {
        match file.read(&mut bytes[read..]).ok()? {
            0 => return None,
            more => read += more,
        }
    }
    let start = *bytes.first_chunk::<START>()?;
    if &start[..MAGIC.len()] != MAGIC {
        return None;
    }
    let length = Reader(&start[CLOCK..]).number()? as usize;
    bytes.truncate(read);
    bytes.drain(..START);
    let missing = length.saturating_sub(bytes.len());
    bytes.truncate(length);
    if missing > 0 {
        file.take(missing as u64).read_to_end(&mut bytes).ok()?;
    }
    (bytes.len() == length).then_some((start, bytes))
}

fn read_rows(mut reader: Reader<'_>) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let mut start = 0;
    while !reader.0.is_empty() {
        let version = std::str::from_utf8(reader.bytes()?).ok()?.parse().ok()?;
        let (is_yanked, is_told) = (reader.flag()?, reader.flag()?);
        let row = Row {
            version,
            is_yanked,
            is_told,
            requires_python: reader.text()?.map(|text| shared(text, rows.last())),
            uploaded: reader.long()?,
            fingerprint: reader.array()?,
            start,
            length: reader.number()?,
            checksum: reader.number()?,
        };
        start += u64::from(row.length);
        rows.push(row);
    }
    Some(rows)
}

fn requires_python(release: &Listed<'_>, last: Option<&Row>) -> Option<Arc<str>> {
    let mut files = release.files.iter();
    let text = files.find_map(|file| file.requires_python.as_deref())?;
    Some(shared(text, last))
}

fn uploaded(release: &Listed<'_>) -> u64 {
    let times = release
        .files
        .iter()
        .filter_map(|file| file.upload_time.as_deref());
    times.filter_map(age::seconds).max().unwrap_or(0)
}

/// The text; the last row's own, if it is the same.
fn shared(text: &str, last: Option<&Row>) -> Arc<str> {
    match last.and_then(|row| row.requires_python.as_ref()) {
        Some(last) if **last == *text => Arc::clone(last),
        _ => text.into(),
    }
}

fn read_part(path: &Path, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn fingerprint(files: &[Link<'_>]) -> Fingerprint {
    let mut hasher = Sha256::new();
    let mut add = |parts: &[&str]| {
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    };
    for file in files {
        add(&[&file.filename]);
        for hash in &file.hashes {
            add(&[&hash.algorithm, &hash.hex]);
        }
        let yanked = file.yanked.as_deref();
        let state = if yanked.is_some() { "yanked" } else { "" };
        let requires_python = file.requires_python.as_deref().unwrap_or_default();
        add(&[state, yanked.unwrap_or_default(), requires_python]);
    }
    let digest = hasher.finalize();
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

/// A file of a release.
#[derive(Serialize, Deserialize)]
struct File<'a> {
    filename: &'a str,
    /// Without the file's name at its end, if `is_folder`.
    url: &'a str,
    is_folder: bool,
    /// (algorithm, hex)
    hashes: Vec<(&'a str, &'a str)>,
    requires_python: Option<&'a str>,
    yanked: Option<&'a str>,
    is_announced: bool,
    announced_hash: Option<(&'a str, &'a str)>,
    size: Option<u64>,
    upload_time: Option<&'a str>,
}

impl<'a> File<'a> {
    fn of(link: &'a Link<'_>) -> Self {
        fn pair<'h>(hash: &'h LinkHash<'_>) -> (&'h str, &'h str) {
            (&hash.algorithm, &hash.hex)
        }
        let folder = link.url.strip_suffix(&*link.filename);
        let announced = link.core_metadata.as_ref();
        Self {
            filename: &link.filename,
            url: folder.unwrap_or(&link.url),
            is_folder: folder.is_some(),
            hashes: link.hashes.iter().map(pair).collect(),
            requires_python: link.requires_python.as_deref(),
            yanked: link.yanked.as_deref(),
            is_announced: announced.is_some(),
            announced_hash: announced.and_then(Option::as_ref).map(pair),
            size: link.size,
            upload_time: link.upload_time.as_deref(),
        }
    }

    fn of_version(self, version: &Version) -> IndexFile {
        fn hash((algorithm, hex): (&str, &str)) -> Hash {
            Hash {
                algorithm: algorithm.to_owned(),
                hex: hex.to_owned(),
            }
        }
        let ending = if self.is_folder { self.filename } else { "" };
        IndexFile {
            filename: self.filename.to_owned(),
            url: [self.url, ending].concat(),
            version: version.clone(),
            kind: FileKind::of(self.filename),
            hashes: self.hashes.into_iter().map(hash).collect(),
            requires_python: self.requires_python.map(str::to_owned),
            yanked: self.yanked.map(str::to_owned),
            core_metadata: self.is_announced.then_some(self.announced_hash.map(hash)),
            size: self.size,
            upload_time: self.upload_time.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::StoredPage;
    use crate::dist::Hash;
    use crate::index::freshness::Freshness;
    use crate::index::listing::{Link, LinkHash, Listed};
    use crate::index::{FileKind, IndexFile};

    fn hash(algorithm: &'static str, hex: &'static str) -> LinkHash<'static> {
        LinkHash {
            algorithm: algorithm.into(),
            hex: hex.into(),
        }
    }

    fn link(filename: &'static str) -> Link<'static> {
        Link {
            filename: filename.into(),
            url: format!("https://host/{filename}").into(),
            ..Link::default()
        }
    }

    fn listed(version: &str, files: Vec<Link<'static>>) -> Listed<'static> {
        Listed {
            version: version.parse().unwrap(),
            files,
        }
    }

    fn releases() -> [Listed<'static>; 2] {
        let full = Link {
            url: "https://host/other".into(),
            hashes: vec![hash("sha256", "00"), hash("md5", "11")],
            requires_python: Some(">=3".into()),
            yanked: Some("".into()),
            core_metadata: Some(Some(hash("sha256", "22"))),
            size: Some(7),
            upload_time: Some("2024-01-01T00:00:00Z".into()),
            ..link("a-2.0-py3-none-any.whl")
        };
        let announced = Link {
            core_metadata: Some(None),
            ..link("a-1.0-py3-none-any.whl")
        };
        [
            listed("2.0", vec![full]),
            listed("1.0", vec![link("a-1.0.tar.gz"), announced]),
        ]
    }

    fn freshness() -> Freshness {
        Freshness {
            stored: 5,
            lifetime: 600,
            etag: Some("\"a\"".to_owned()),
            last_modified: None,
        }
    }

    fn kept(folder: &Path) -> StoredPage {
        let mut page = StoredPage::new(freshness(), &releases());
        page.keep(folder.join("a"));
        page
    }

    #[test]
    fn a_page_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let held = StoredPage::new(freshness(), &releases());
        let kept = kept(folder.path());
        let read = StoredPage::read(folder.path().join("a")).unwrap();
        let plain = |filename: &str, version: &str| IndexFile {
            filename: filename.to_owned(),
            url: format!("https://host/{filename}"),
            version: version.parse().unwrap(),
            kind: FileKind::Wheel,
            hashes: Vec::new(),
            requires_python: None,
            yanked: None,
            core_metadata: None,
            size: None,
            upload_time: None,
        };
        let full = IndexFile {
            url: "https://host/other".to_owned(),
            hashes: vec![Hash::sha256("00"), "md5:11".parse().unwrap()],
            requires_python: Some(">=3".to_owned()),
            yanked: Some(String::new()),
            core_metadata: Some(Some(Hash::sha256("22"))),
            size: Some(7),
            upload_time: Some("2024-01-01T00:00:00Z".to_owned()),
            ..plain("a-2.0-py3-none-any.whl", "2.0")
        };
        let sdist = IndexFile {
            kind: FileKind::Sdist,
            ..plain("a-1.0.tar.gz", "1.0")
        };
        let announced = IndexFile {
            core_metadata: Some(None),
            ..plain("a-1.0-py3-none-any.whl", "1.0")
        };
        let expected = format!("{:?}", [&full, &sdist, &announced]);
        for page in [held, kept, read] {
            assert_eq!(page.freshness, freshness());
            assert_eq!(format!("{:?}", page.page().unwrap().files), expected);
            let row = page.row(&"2".parse().unwrap()).unwrap();
            assert!(row.is_yanked && row.is_told);
            assert_eq!(row.requires_python.as_deref(), Some(">=3"));
            assert_eq!(row.uploaded, 1_704_067_200);
            let files = page.files(row).unwrap();
            assert_eq!(format!("{files:?}"), format!("{:?}", [&full]));
            assert!(page.row(&"3".parse().unwrap()).is_none());
        }
    }

    #[test]
    fn whatever_is_damaged_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let whole = kept(folder.path()).page().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            for damaged in [&flipped[..], &bytes[..at]] {
                std::fs::write(&path, damaged).unwrap();
                let Some(page) = StoredPage::read(path.clone()) else {
                    continue;
                };
                // Its age may be lost without harm.
                assert!(page.freshness == freshness() || page.freshness.lifetime == 0);
                if let Some(page) = page.page() {
                    assert_eq!(format!("{page:?}"), format!("{whole:?}"));
                }
            }
        }
    }

    #[test]
    fn a_page_grows_young_in_place_unless_it_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut page = kept(folder.path());
        let renewed = Freshness {
            stored: 9,
            ..freshness()
        };
        page.renew(renewed.clone());
        let path = folder.path().join("a");
        let read = StoredPage::read(path.clone()).unwrap();
        assert_eq!(read.freshness, renewed);
        assert!(read.page().is_some());

        StoredPage::new(freshness(), &releases()[..1]).keep(path.clone());
        page.renew(renewed);
        assert!(page.page().is_none());
        assert!(StoredPage::read(path).is_none());
    }
}
