//! A project page as it lies in the cache.
//!
//! First what HTTP says of it, then the page, so that revalidating rewrites the first only. Pages are most of what a
//! warm resolution reads, so versions are listed once and the fields of a file are written without names.

use serde::{Deserialize, Serialize};

use super::freshness::Freshness;
use super::{FileKind, IndexFile, Page};
use crate::cache::{Bucket, Cache};
use crate::dist::Hash;
use crate::version::Version;

/// A page and how long it holds.
pub(super) struct Stored {
    pub(super) freshness: Freshness,
    pub(super) page: Page,
    /// The page as written.
    bytes: Vec<u8>,
}

impl Stored {
    pub(super) fn new(freshness: Freshness, page: Page) -> Self {
        Self {
            freshness,
            bytes: encode(&page),
            page,
        }
    }

    /// `None` if the cache does not have it, or can't make sense of it.
    pub(super) fn read(cache: &Cache, key: &str) -> Option<Self> {
        let bytes = cache.read(Bucket::Index, key)?;
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (freshness, page) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        Some(Self {
            freshness: rmp_serde::from_slice(freshness).ok()?,
            page: decode(page)?,
            bytes: page.to_vec(),
        })
    }

    /// A cache that can't be written to costs time, nothing else.
    pub(super) fn write(&self, cache: &Cache, key: &str) {
        let freshness = rmp_serde::to_vec(&self.freshness).expect("plain values can be written");
        let length = u32::try_from(freshness.len()).expect("headers are short");
        let bytes = [&length.to_le_bytes()[..], &freshness, &self.bytes].concat();
        if let Err(error) = cache.write(Bucket::Index, key, &bytes) {
            tracing::warn!(%error, "a project page can't be kept in the cache");
        }
    }
}

/// The versions of a page, and its files.
#[derive(Deserialize)]
struct Whole {
    versions: Vec<Version>,
    files: Vec<File<String>>,
}

/// The same, borrowed.
#[derive(Serialize)]
struct WholeRef<'a> {
    versions: Vec<&'a Version>,
    files: Vec<File<&'a str>>,
}

/// A file of a page; `T` is its texts.
#[derive(Serialize, Deserialize)]
struct File<T> {
    filename: T,
    url: T,
    /// Which of the versions.
    version: usize,
    is_wheel: bool,
    /// (algorithm, hex)
    hashes: Vec<(T, T)>,
    requires_python: Option<T>,
    yanked: Option<T>,
    is_announced: bool,
    announced_hash: Option<(T, T)>,
    size: Option<u64>,
    upload_time: Option<T>,
}

fn encode(page: &Page) -> Vec<u8> {
    let mut whole = WholeRef {
        versions: Vec::new(),
        files: Vec::with_capacity(page.files.len()),
    };
    for file in &page.files {
        // By text: equal versions may be spelled in two ways.
        let last = whole.versions.last().map(|version| version.as_str());
        if last != Some(file.version.as_str()) {
            whole.versions.push(&file.version);
        }
        let announced = file.core_metadata.as_ref();
        whole.files.push(File {
            filename: &file.filename,
            url: &file.url,
            version: whole.versions.len() - 1,
            is_wheel: file.kind == FileKind::Wheel,
            hashes: file.hashes.iter().map(pair).collect(),
            requires_python: file.requires_python.as_deref(),
            yanked: file.yanked.as_deref(),
            is_announced: announced.is_some(),
            announced_hash: announced.and_then(Option::as_ref).map(pair),
            size: file.size,
            upload_time: file.upload_time.as_deref(),
        });
    }
    rmp_serde::to_vec(&whole).expect("plain values can be written")
}

fn decode(bytes: &[u8]) -> Option<Page> {
    let Whole { versions, files } = rmp_serde::from_slice(bytes).ok()?;
    let files = files.into_iter().map(|file| {
        let announced_hash = file.announced_hash.map(hash);
        Some(IndexFile {
            filename: file.filename,
            url: file.url,
            version: versions.get(file.version)?.clone(),
            kind: match file.is_wheel {
                true => FileKind::Wheel,
                false => FileKind::Sdist,
            },
            hashes: file.hashes.into_iter().map(hash).collect(),
            requires_python: file.requires_python,
            yanked: file.yanked,
            core_metadata: file.is_announced.then_some(announced_hash),
            size: file.size,
            upload_time: file.upload_time,
        })
    });
    Some(Page {
        files: files.collect::<Option<_>>()?,
    })
}

fn pair(hash: &Hash) -> (&str, &str) {
    (&hash.algorithm, &hash.hex)
}

fn hash((algorithm, hex): (String, String)) -> Hash {
    Hash { algorithm, hex }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::dist::Hash;
    use crate::index::{FileKind, IndexFile, Page};

    #[test]
    fn a_page_comes_back_as_it_was() {
        let plain = IndexFile {
            filename: "a-1.0.tar.gz".to_owned(),
            url: "https://host/a".to_owned(),
            version: "1.0".parse().unwrap(),
            kind: FileKind::Sdist,
            hashes: Vec::new(),
            requires_python: None,
            yanked: None,
            core_metadata: None,
            size: None,
            upload_time: None,
        };
        let full = IndexFile {
            kind: FileKind::Wheel,
            version: "1.0.0".parse().unwrap(),
            hashes: vec![Hash::sha256("00"), "md5:11".parse().unwrap()],
            requires_python: Some(">=3".to_owned()),
            yanked: Some(String::new()),
            core_metadata: Some(Some(Hash::sha256("22"))),
            size: Some(7),
            upload_time: Some("2024-01-01T00:00:00Z".to_owned()),
            ..plain.clone()
        };
        let announced = IndexFile {
            version: "2.0".parse().unwrap(),
            core_metadata: Some(None),
            ..plain.clone()
        };
        let page = Page {
            files: vec![plain, full, announced],
        };
        let bytes = encode(&page);
        let again = decode(&bytes).unwrap();
        assert_eq!(format!("{page:?}"), format!("{again:?}"));
        assert!(decode(&bytes[..bytes.len() - 1]).is_none());
    }
}
