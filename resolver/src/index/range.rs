//! A wheel's METADATA by range requests: the end of the archive, and what its directory points at.
//!
//! Everything odd (no ranges, ZIP64 sizes, other compressions) is no error here: the whole wheel is fetched then,
//! and its hash decides.

use flate2::read::DeflateDecoder;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use std::io::Read;
use url::Url;

use super::IndexError;
use super::client::{Failure, Http};
use super::wheel;

/// Most wheels have their `dist-info` and directory within this many bytes from the end.
const TAIL: u64 = 64 << 10;
/// A directory or METADATA larger than this is not worth the trouble.
const LARGEST_PART: u64 = 16 << 20;
/// Between a local header's name and its data there may be extra fields.
const SLACK: u64 = 1 << 10;

/// METADATA of the wheel at `url`; `None` if ranges don't tell.
///
/// # Errors
/// When the host can't be reached.
pub(super) async fn metadata(
    http: &Http,
    url: &Url,
    filename: &str,
) -> Result<Option<Vec<u8>>, IndexError> {
    let Some(mut tail) = part(http, url, &format!("bytes=-{TAIL}")).await? else {
        return Ok(None);
    };
    let Some(end) = EndRecord::find(&tail) else {
        return Ok(None);
    };
    if end.directory < tail.start {
        let range = format!("bytes={}-{}", end.directory, tail.start - 1);
        match part(http, url, &range).await? {
            Some(before) if before.start == end.directory && before.end() == tail.start => {
                tail = before.followed_by(&tail);
            }
            _ => return Ok(None),
        }
    }
    let Some(entry) = end
        .entries(&tail)
        .and_then(|entries| choose(&entries, filename))
    else {
        return Ok(None);
    };
    if entry.header >= tail.start {
        return Ok(entry.content(&tail));
    }
    let last = (entry.header + entry.span() + SLACK).min(tail.end()) - 1;
    let range = format!("bytes={}-{last}", entry.header);
    let part = part(http, url, &range).await?;
    Ok(part.and_then(|part| entry.content(&part)))
}

/// Some bytes of a file.
struct Part {
    start: u64,
    bytes: Vec<u8>,
}

impl Part {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn followed_by(mut self, next: &Self) -> Self {
        self.bytes.extend_from_slice(&next.bytes);
        self
    }

    /// The bytes from `at` on, an offset in the file.
    fn from(&self, at: u64) -> Option<&[u8]> {
        self.bytes
            .get(usize::try_from(at.checked_sub(self.start)?).ok()?..)
    }
}

/// Asks for a range; `None` if the server does not give it.
async fn part(http: &Http, url: &Url, range: &str) -> Result<Option<Part>, IndexError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let range = HeaderValue::from_str(range).expect("a range is plain text");
    headers.insert(RANGE, range);
    http.retrying(|| Box::pin(receive(http, url, &headers)))
        .await
}

async fn receive(http: &Http, url: &Url, headers: &HeaderMap) -> Result<Option<Part>, Failure> {
    let mut opened = http.open(url, headers).await?;
    let length = opened.response.content_length();
    let start = match opened.response.status() {
        StatusCode::PARTIAL_CONTENT => content_start(opened.response.headers()),
        // The server knows no ranges, but a small wheel is read as fast as a part of it.
        StatusCode::OK if length.is_some_and(|length| length <= TAIL) => Some(0),
        _ => None,
    };
    let Some(start) = start else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = http.next_chunk(&mut opened, bytes.len() as u64).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > LARGEST_PART {
            return Ok(None);
        }
    }
    opened.tell(bytes.len() as u64);
    Ok(Some(Part { start, bytes }))
}

/// `bytes 100-199/1000` → 100
fn content_start(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (start, _) = value.strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}

/// The record at the end of a ZIP archive.
struct EndRecord {
    /// Offset and size of the directory.
    directory: u64,
    size: u64,
}

impl EndRecord {
    const LENGTH: usize = 22;

    /// Reads the last record; the bytes must reach to the end of the archive.
    fn find(tail: &Part) -> Option<Self> {
        let bytes = &tail.bytes;
        let last = bytes.len().checked_sub(Self::LENGTH)?;
        let at = (0..=last).rev().find(|&at| {
            let record = &bytes[at..];
            let comment = u16_at(record, 20).map(usize::from);
            record.starts_with(b"PK\x05\x06") && comment == Some(last - at)
        })?;
        let record = Self {
            size: u32_at(&bytes[at..], 12)?.into(),
            directory: u32_at(&bytes[at..], 16)?.into(),
        };
        let is_zip64 = record.directory == u64::from(u32::MAX);
        let fits = record.directory + record.size == tail.start + at as u64;
        (fits && !is_zip64 && record.size <= LARGEST_PART).then_some(record)
    }

    /// All entries of the directory, `None` if it is damaged.
    fn entries(&self, tail: &Part) -> Option<Vec<Entry>> {
        let mut bytes = tail.from(self.directory)?;
        bytes = bytes.get(..usize::try_from(self.size).ok()?)?;
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            if !bytes.starts_with(b"PK\x01\x02") {
                return None;
            }
            let name = usize::from(u16_at(bytes, 28)?);
            let more = usize::from(u16_at(bytes, 30)?) + usize::from(u16_at(bytes, 32)?);
            entries.push(Entry {
                name: String::from_utf8(bytes.get(46..46 + name)?.to_vec()).ok()?,
                method: u16_at(bytes, 10)?,
                checksum: u32_at(bytes, 16)?,
                packed: u32_at(bytes, 20)?.into(),
                size: u32_at(bytes, 24)?.into(),
                header: u32_at(bytes, 42)?.into(),
            });
            bytes = bytes.get(46 + name + more..)?;
        }
        Some(entries)
    }
}

/// An entry of the directory.
#[derive(Clone)]
struct Entry {
    name: String,
    method: u16,
    checksum: u32,
    packed: u64,
    size: u64,
    /// Offset of its local header.
    header: u64,
}

impl Entry {
    /// The bytes from its header to the end of its data, extra fields aside.
    fn span(&self) -> u64 {
        30 + self.name.len() as u64 + self.packed
    }

    /// Unpacks it; `None` if the part does not hold all of it, or it is damaged.
    fn content(&self, part: &Part) -> Option<Vec<u8>> {
        let header = part.from(self.header)?;
        if !header.starts_with(b"PK\x03\x04") || self.size > LARGEST_PART {
            return None;
        }
        let skip = 30 + usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?);
        let packed = usize::try_from(self.packed).ok()?;
        let data = header.get(skip..skip.checked_add(packed)?)?;
        let mut content = Vec::new();
        match self.method {
            0 => content.extend_from_slice(data),
            8 => {
                let limited = &mut DeflateDecoder::new(data).take(self.size + 1);
                limited.read_to_end(&mut content).ok()?;
            }
            _ => return None,
        }
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        let is_whole = content.len() as u64 == self.size && crc.sum() == self.checksum;
        is_whole.then_some(content)
    }
}

fn choose(entries: &[Entry], filename: &str) -> Option<Entry> {
    let names = entries.iter().map(|entry| entry.name.as_str());
    let name = wheel::metadata_name(names, filename)?.to_owned();
    entries.iter().find(|entry| entry.name == name).cloned()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
