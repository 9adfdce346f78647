//! Files: streamed into the archive cache while they are hashed, and kept only if the hash is right.
//!
//! `archives/<aa>/<sha256>/<file name>` holds a file whose content has that SHA-256. Files that are known by another
//! hash have an entry that leads from it to the SHA-256.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use url::Url;

use super::client::{Failure, Http, Opened, blocking};
use super::digest::{Digests, is_strong};
use super::error::shown;
use super::source::local_path;
use super::{Index, IndexError};
use crate::cache::{Bucket, Cache, entries};
use crate::dist::Hash;

/// No archive is larger. Guards the disk against a server that never ends.
const LARGEST_ARCHIVE: u64 = 16 << 30;
/// A body goes to the disk in parts of at least this many bytes; most files are one.
const PART: usize = 256 << 10;
/// Parts of a body that may wait for the disk.
const PARTS_IN_FLIGHT: usize = 1;

/// Called with the number of bytes that arrived since the last call.
pub(super) type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// The path of the cached file with one of these hashes, if there is one.
#[must_use]
pub fn cached(cache: &Cache, filename: &str, hashes: &[Hash]) -> Option<PathBuf> {
    hashes.iter().find_map(|hash| {
        let sha256 = match hash.algorithm.as_str() {
            "sha256" => hash.hex.clone(),
            _ => {
                let bytes = cache.read(Bucket::Archives, &pointer_key(hash)?)?;
                String::from_utf8(bytes).ok()?
            }
        };
        let path = archive_path(cache, &sha256, filename)?;
        path.is_file().then_some(path)
    })
}

/// Is there any archive with this sha256?
#[must_use]
pub fn has_archive(cache: &Cache, sha256: &str) -> bool {
    archive_path(cache, sha256, "x").is_some_and(|path| path.parent().is_some_and(Path::is_dir))
}

/// Notes that an archive has another hash, too, where there is no such archive.
///
/// # Errors
/// When the cache can't be read.
pub fn useless_pointers(cache: &Cache) -> io::Result<Vec<PathBuf>> {
    let bucket = cache.bucket(Bucket::Archives);
    let mut found = Vec::new();
    for folder in entries(&bucket)? {
        let algorithm = folder.file_name().unwrap_or_default().to_string_lossy();
        if !algorithm.starts_with("by-") {
            continue;
        }
        for path in entries(&folder)? {
            let hex = path.file_name().unwrap_or_default().to_string_lossy();
            let bytes = cache.read(Bucket::Archives, &format!("{algorithm}/{hex}"));
            let sha256 = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            if !sha256.is_some_and(|sha256| has_archive(cache, &sha256)) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

pub(super) async fn fetch(
    index: &Index,
    url: &Url,
    filename: &str,
    hashes: &[Hash],
    headers: &HeaderMap,
    progress: Progress<'_>,
) -> Result<PathBuf, IndexError> {
    let wanted = Wanted::new(filename, hashes)?;
    if url.scheme() == "file" {
        return copy(index.cache().clone(), url.clone(), wanted).await;
    }
    let cache = index.cache();
    let (temporary, computed) = bring(index.http(), cache, url, &wanted, headers, progress).await?;
    let cache = cache.clone();
    blocking(move || keep(&cache, temporary, &computed, &wanted)).await
}

/// Brings a body that must have this sha256 to a temporary file among the archives.
///
/// # Errors
/// When it can't be had, or is another one.
pub(super) async fn fetch_object(
    http: &Http,
    cache: &Cache,
    url: &Url,
    sha256: &Hash,
) -> Result<NamedTempFile, IndexError> {
    let wanted = Wanted::new(&sha256.hex, std::slice::from_ref(sha256))?;
    let (temporary, computed) =
        bring(http, cache, url, &wanted, &HeaderMap::new(), &|_| {}).await?;
    wanted.check(&computed)?;
    Ok(temporary)
}

async fn bring(
    http: &Http,
    cache: &Cache,
    url: &Url,
    wanted: &Wanted,
    headers: &HeaderMap,
    progress: Progress<'_>,
) -> Result<(NamedTempFile, Vec<Hash>), IndexError> {
    let reported = AtomicU64::new(0);
    http.retrying(|| {
        Box::pin(receive(
            http, cache, url, wanted, headers, progress, &reported,
        ))
    })
    .await
}

/// Gives a file of the archives' file system that has this sha256 its place among the archives.
///
/// # Errors
/// When it can't be moved there.
pub fn keep_archive(
    cache: &Cache,
    temporary: NamedTempFile,
    filename: &str,
    sha256: &str,
) -> Result<PathBuf, IndexError> {
    let hash = Hash::sha256(sha256);
    let wanted = Wanted::new(filename, std::slice::from_ref(&hash))?;
    keep(cache, temporary, &[hash], &wanted)
}

/// What a file must be.
#[derive(Clone)]
struct Wanted {
    filename: String,
    hashes: Vec<Hash>,
}

impl Wanted {
    fn new(filename: &str, hashes: &[Hash]) -> Result<Self, IndexError> {
        let strong: Vec<Hash> = hashes
            .iter()
            .filter(|hash| is_strong(&hash.algorithm))
            .cloned()
            .collect();
        if strong.is_empty() && !hashes.is_empty() {
            return Err(IndexError::WeakHash {
                file: filename.to_owned(),
                hashes: hashes.to_vec(),
            });
        }
        let is_plain = !filename.is_empty()
            && !matches!(filename, "." | "..")
            && !filename.contains(['/', '\\', '\0']);
        if !is_plain {
            return Err(IndexError::Address {
                url: filename.to_owned(),
                reason: "it is no file name".to_owned(),
            });
        }
        Ok(Self {
            filename: filename.to_owned(),
            hashes: strong,
        })
    }

    /// # Errors
    /// When none of the wanted hashes is among those computed.
    fn check(&self, computed: &[Hash]) -> Result<(), IndexError> {
        if self.hashes.is_empty() || self.hashes.iter().any(|hash| computed.contains(hash)) {
            return Ok(());
        }
        let algorithm = &self.hashes[0].algorithm;
        let same = computed.iter().find(|hash| hash.algorithm == *algorithm);
        Err(IndexError::HashMismatch {
            file: self.filename.clone(),
            expected: self.hashes.clone(),
            got: same.unwrap_or(&computed[0]).clone(),
        })
    }
}

/// One try: the body goes to a temporary file.
async fn receive(
    http: &Http,
    cache: &Cache,
    url: &Url,
    wanted: &Wanted,
    headers: &HeaderMap,
    progress: Progress<'_>,
    reported: &AtomicU64,
) -> Result<(NamedTempFile, Vec<Hash>), Failure> {
    let mut headers = headers.clone();
    // What is hashed is the file, not some packed form of it.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut opened = http.open(url, &headers).await?;
    match opened.response.status() {
        StatusCode::OK => {}
        status => return Err(refusal(&opened.url, status).into()),
    }
    // Hashing and writing have threads of their own, so that those of the network never wait for the disk.
    let (sender, receiver) = mpsc::channel(PARTS_IN_FLIGHT);
    let (cache, hashes) = (cache.clone(), wanted.hashes.clone());
    let writer = tokio::task::spawn_blocking(move || write(&cache, receiver, &hashes));
    let mut meter = Meter {
        received: 0,
        reported,
        progress,
    };
    let forwarded = forward(http, &mut opened, sender, &mut meter).await;
    // Waiting for the writer after a failure too leaves no temporary file behind.
    let written = writer.await.map_err(io::Error::from).flatten();
    forwarded?;
    opened.tell(meter.received);
    written.map_err(|error| cannot_keep(&wanted.filename, error).into())
}

/// Counts the bytes of one try, and reports what no earlier try has brought.
struct Meter<'a> {
    received: u64,
    reported: &'a AtomicU64,
    progress: Progress<'a>,
}

impl Meter<'_> {
    fn add(&mut self, count: u64) {
        self.received += count;
        let before = self.reported.fetch_max(self.received, Ordering::Relaxed);
        if self.received > before {
            (self.progress)(self.received - before);
        }
    }
}

/// Passes a body on to the writer, in parts that are worth waking it for.
async fn forward(
    http: &Http,
    opened: &mut Opened,
    writer: mpsc::Sender<Vec<bytes::Bytes>>,
    meter: &mut Meter<'_>,
) -> Result<(), Failure> {
    let (mut part, mut length) = (Vec::new(), 0);
    while let Some(chunk) = http.next_chunk(opened, meter.received).await? {
        meter.add(chunk.len() as u64);
        if meter.received > LARGEST_ARCHIVE {
            let url = shown(&opened.url);
            let limit = LARGEST_ARCHIVE;
            return Err(IndexError::TooLarge { url, limit }.into());
        }
        length += chunk.len();
        part.push(chunk);
        if length >= PART {
            length = 0;
            if writer.send(std::mem::take(&mut part)).await.is_err() {
                break; // The writer has failed, and says why itself.
            }
        }
    }
    writer.send(part).await.ok();
    Ok(())
}

fn write(
    cache: &Cache,
    mut parts: mpsc::Receiver<Vec<bytes::Bytes>>,
    hashes: &[Hash],
) -> io::Result<(NamedTempFile, Vec<Hash>)> {
    let mut file = cache.temp_file(Bucket::Archives)?;
    let mut digests = Digests::new(hashes);
    while let Some(part) = parts.blocking_recv() {
        for chunk in &part {
            digests.update(chunk);
        }
        let mut slices: Vec<IoSlice<'_>> = part.iter().map(|chunk| IoSlice::new(chunk)).collect();
        write_all_vectored(file.as_file_mut(), &mut slices)?;
    }
    Ok((file, digests.finish()))
}

fn write_all_vectored(file: &mut File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Moves a received file to its place, if it is the wanted one. Otherwise nothing is kept.
fn keep(
    cache: &Cache,
    temporary: NamedTempFile,
    computed: &[Hash],
    wanted: &Wanted,
) -> Result<PathBuf, IndexError> {
    wanted.check(computed)?;
    let path = archive_path(cache, &computed[0].hex, &wanted.filename)
        .expect("a computed hash and a checked name make a path");
    let place = || -> io::Result<()> {
        let folder = path.parent().expect("it lies in the bucket");
        fs_err::create_dir_all(folder)?;
        temporary.persist(&path).map_err(|error| error.error)?;
        for hash in &computed[1..] {
            if let Some(key) = pointer_key(hash) {
                cache.write(Bucket::Archives, &key, computed[0].hex.as_bytes())?;
            }
        }
        Ok(())
    };
    place().map_err(|error| cannot_keep(&wanted.filename, error))?;
    Ok(path)
}

/// A file of this machine goes the same way as one from the network.
async fn copy(cache: Cache, url: Url, wanted: Wanted) -> Result<PathBuf, IndexError> {
    blocking(move || {
        let path = local_path(&url)?;
        let copied = || -> io::Result<(NamedTempFile, Vec<Hash>)> {
            let mut source = fs_err::File::open(&path)?;
            let mut file = cache.temp_file(Bucket::Archives)?;
            let mut digests = Digests::new(&wanted.hashes);
            let mut buffer = vec![0; 1 << 20];
            loop {
                match source.read(&mut buffer)? {
                    0 => return Ok((file, digests.finish())),
                    count => {
                        digests.update(&buffer[..count]);
                        file.write_all(&buffer[..count])?;
                    }
                }
            }
        };
        let (file, computed) = copied().map_err(|error| cannot_keep(&wanted.filename, error))?;
        keep(&cache, file, &computed, &wanted)
    })
    .await
}

fn cannot_keep(filename: &str, error: io::Error) -> IndexError {
    IndexError::file(format!("`{filename}` can't be kept in the cache"), error)
}

/// What it means that a file is not there, or must not be had.
pub(super) fn refusal(url: &Url, status: StatusCode) -> IndexError {
    let url = shown(url);
    match status.as_u16() {
        code @ (401 | 403) => IndexError::Unauthorized { url, code },
        code => IndexError::Status { url, code },
    }
}

fn archive_path(cache: &Cache, sha256: &str, filename: &str) -> Option<PathBuf> {
    if !is_hex(sha256) || sha256.len() != 64 || Path::new(filename).file_name()? != filename {
        return None;
    }
    let folder = cache
        .bucket(Bucket::Archives)
        .join(&sha256[..2])
        .join(sha256);
    Some(folder.join(filename))
}

fn pointer_key(hash: &Hash) -> Option<String> {
    let is_usable = is_strong(&hash.algorithm) && is_hex(&hash.hex);
    is_usable.then(|| format!("by-{}/{}", hash.algorithm, hash.hex))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
