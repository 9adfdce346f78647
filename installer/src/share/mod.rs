//! What machines share: wheels that one of them has built, so that the others need not.
//!
//! The store is any place that keeps bytes under names: a folder that many machines see, an HTTP server that knows GET,
//! HEAD and PUT, or a bucket of a cloud. There are two kinds of objects, as in Bazel's cache over HTTP, so that whatever
//! serves that serves this:
//!
//! ```text
//! ac/<sha256 of a key>    a record: which wheel was built from what has this key
//! cas/<sha256>            the bytes that have this SHA-256
//! ```
//!
//! Servers that know Bazel well look into records unless told not to (bazel-remote: `--disable_http_ac_validation`).
//!
//! A key is made of all that decides the bytes of a wheel (`build::identity`), so that nothing is ever out of date.
//!
//! # Trust
//!
//! Whoever can write to the store can put code on all machines that read from it. Therefore nothing is written unless
//! that was asked for, which only machines should do that build what was reviewed. What is read is a claim: bytes must
//! have the SHA-256 that they are stored under, the wheel must be a whole one of the project and version that was asked
//! for, and fit the interpreter. What does not is told once and passed over. The store is never needed: if it fails, it
//! is left alone for the rest of the run, and wheels are built here.

#[cfg(feature = "buckets")]
mod bucket;
mod folder;
mod place;
mod record;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use fs_err as fs;
use resolver::cache::{Bucket, Cache};
use resolver::index::{IndexSettings, keep_archive};
use resolver::name::PackageName;
use resolver::sync::lock;
use resolver::tag::Tags;
use resolver::version::Version;
use rustc_hash::FxHashSet;
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

use self::place::{Place, PlaceError};
use self::record::Record;
use crate::fetch::sha256_of;
use crate::wheel::Store;

pub use self::place::AddressError;

/// No honest record is longer.
const LONGEST_RECORD: u64 = 64 << 10;
/// Larger wheels are not shared: they go through memory.
const LARGEST_WHEEL: u64 = 1 << 30;

/// What may be done with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Take what is there.
    Read,
    /// Also put there what was built here.
    Write,
}

/// Where a store is, and how it is used.
#[derive(Clone)]
pub struct ShareSettings {
    /// A folder, or a URL: `file`, `http`, `https`, and with the feature `buckets` `s3`, `gs` and `az`.
    pub address: String,
    /// What the path of a folder is relative to.
    pub folder: PathBuf,
    /// A bearer token for an HTTP server.
    pub token: Option<String>,
    /// What may be done with it.
    pub access: Access,
    /// Ask it for wheels from elsewhere, too, before an index is asked.
    pub downloads: bool,
    /// How connections are made.
    pub http: IndexSettings,
    /// Environment variables, in which buckets look for credentials.
    pub variables: Vec<(String, String)>,
}

/// A store that machines share.
pub struct Share {
    place: Place,
    access: Access,
    downloads: bool,
    cache: Cache,
    runtime: Handle,
    /// It failed, and is not asked any more.
    is_lost: AtomicBool,
    /// It did not take what was written.
    is_closed: AtomicBool,
    told: Mutex<Told>,
}

/// What there is to say of a store.
#[derive(Default)]
struct Told {
    warnings: Vec<String>,
    /// Objects that are not what they should be.
    damaged: FxHashSet<String>,
}

/// What a wheel must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a PackageName,
    /// `None`: whatever the project says.
    pub(crate) version: Option<&'a Version>,
    pub(crate) tags: &'a Tags,
}

impl Share {
    /// The store at an address. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(
        settings: &ShareSettings,
        cache: Cache,
        runtime: Handle,
    ) -> Result<Self, AddressError> {
        let place = Place::new(settings)?;
        let is_out_of_reach = settings.http.offline && place.needs_network();
        Ok(Self {
            place,
            access: settings.access,
            downloads: settings.downloads,
            cache,
            runtime,
            is_lost: AtomicBool::new(is_out_of_reach),
            is_closed: AtomicBool::new(settings.access == Access::Read),
            told: Mutex::default(),
        })
    }

    /// Is it asked for wheels from elsewhere, too?
    #[must_use]
    pub fn has_downloads(&self) -> bool {
        self.downloads
    }

    /// Are wheels from elsewhere put there, too?
    pub(crate) fn takes_downloads(&self) -> bool {
        self.downloads && !self.is_closed()
    }

    /// What the user should know, one line each. Later calls tell what came since.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.told().warnings)
    }

    /// Looks for the wheel that was built from what has this key, and puts it into the folder `output`. Blocks.
    pub(crate) fn find(&self, key: &str, wanted: Wanted<'_>, output: &Path) -> Option<PathBuf> {
        let (record, wheel) = self.runtime.block_on(self.look_up(key, wanted))?;
        let object = object_name(&record.sha256);
        if let Err(reason) = self.check(wheel.path(), &record, wanted) {
            self.tell_damaged(&object, &reason);
            return None;
        }
        let path = output.join(&record.file);
        let placed = fs::create_dir_all(output).and_then(|()| match wheel.persist(&path) {
            Ok(_) => Ok(()),
            // Another file system.
            Err(failed) => fs::copy(failed.file.path(), &path).map(|_| ()),
        });
        match placed {
            Ok(()) => {
                tracing::debug!("{} comes from {}", record.file, self.place);
                Some(path)
            }
            Err(error) => {
                tracing::debug!("{error}");
                None
            }
        }
    }

    /// Shares a wheel that was built from what has this key, if this machine may. Blocks. What goes wrong is no failure
    /// of the build.
    pub(crate) fn publish(&self, key: &str, wanted: Wanted<'_>, wheel: &Path) {
        if self.is_closed() {
            return;
        }
        let record = match Record::of(wheel, wanted) {
            Ok(record) if record.size <= LARGEST_WHEEL => record,
            Ok(_) => return tracing::debug!("{} is too large to be shared", wheel.display()),
            Err(reason) => return tracing::debug!("{} is not shared: {reason}", wheel.display()),
        };
        // Others would not take it.
        if let Err(reason) = self.check(wheel, &record, wanted) {
            return tracing::debug!("{} is not shared: {reason}", wheel.display());
        }
        let written = self.runtime.block_on(async {
            self.write(&record.sha256, wheel).await?;
            let name = record_name(key);
            self.place.write(&name, record.to_bytes()).await
        });
        self.note_written(&record.file, written);
    }

    /// Brings the file with this sha256 into the archive cache, if the store has it.
    pub(crate) async fn archive(&self, file: &str, sha256: &str) -> Option<PathBuf> {
        let found = self.fetch(sha256).await?;
        match keep_archive(&self.cache, found, file, sha256) {
            Ok(path) => Some(path),
            Err(error) => {
                tracing::debug!("{error}");
                None
            }
        }
    }

    /// Shares a file from elsewhere, if this machine may.
    pub(crate) async fn publish_archive(&self, path: &Path, sha256: &str) {
        let is_small = || fs::metadata(path).is_ok_and(|it| it.len() <= LARGEST_WHEEL);
        if !self.is_closed() && is_small() {
            let written = self.write(sha256, path).await;
            self.note_written(&path.display().to_string(), written);
        }
    }

    async fn look_up(&self, key: &str, wanted: Wanted<'_>) -> Option<(Record, NamedTempFile)> {
        let name = record_name(key);
        let bytes = self
            .ask(&name, self.place.read(&name, LONGEST_RECORD))
            .await?;
        let record = match Record::read(&bytes, wanted) {
            Ok(record) => record,
            Err(reason) => {
                self.tell_damaged(&name, &reason);
                return None;
            }
        };
        // Stores forget what was not asked for lately, records and wheels each by itself.
        let wheel = self.fetch(&record.sha256).await?;
        Some((record, wheel))
    }

    async fn fetch(&self, sha256: &str) -> Option<NamedTempFile> {
        let name = object_name(sha256);
        let fetched = self.place.fetch(&name, sha256, &self.cache);
        self.ask(&name, fetched).await
    }

    async fn write(&self, sha256: &str, path: &Path) -> Result<(), PlaceError> {
        let name = object_name(sha256);
        let is_damaged = self.told().damaged.contains(&name);
        if !is_damaged && self.place.has(&name).await? {
            return Ok(());
        }
        self.place.write(&name, tokio::fs::read(path).await?).await
    }

    /// Waits for an answer, unless the store is lost. `None` if there is none that can be used.
    async fn ask<T>(
        &self,
        object: &str,
        answer: impl Future<Output = Result<Option<T>, PlaceError>>,
    ) -> Option<T> {
        if self.is_lost.load(Ordering::Relaxed) {
            return None;
        }
        match answer.await {
            Ok(found) => found,
            Err(PlaceError::Damaged(reason)) => {
                self.tell_damaged(object, &reason);
                None
            }
            Err(error) => {
                if !self.is_lost.swap(true, Ordering::Relaxed) {
                    let reason = with_causes(&error);
                    self.warn(format!(
                        "the remote cache {} can't be used, and is left alone from here on: {reason}",
                        self.place
                    ));
                }
                None
            }
        }
    }

    /// Is a wheel what its record and whoever asked for it say? Reads all of it.
    fn check(&self, wheel: &Path, record: &Record, wanted: Wanted<'_>) -> Result<(), String> {
        let folder = self.cache.temp_dir(Bucket::Wheels);
        let folder = folder.map_err(|error| error.to_string())?;
        let store = Store::new(&Cache::new(folder.path()));
        let unpacked = store
            .unpack(wheel, &record.file, &record.sha256)
            .map_err(|error| with_causes(&error))?;
        let manifest = &unpacked.manifest;
        let is_wanted = manifest.name == *wanted.name
            && wanted.version.is_none_or(|it| *it == manifest.version);
        match is_wanted {
            true => Ok(()),
            false => Err(format!("it is {} {}", manifest.name, manifest.version)),
        }
    }

    fn is_closed(&self) -> bool {
        self.access == Access::Read
            || self.is_closed.load(Ordering::Relaxed)
            || self.is_lost.load(Ordering::Relaxed)
    }

    fn note_written(&self, what: &str, written: Result<(), PlaceError>) {
        match written {
            Ok(()) => tracing::debug!("{what} is in {}", self.place),
            Err(error) => {
                if !self.is_closed.swap(true, Ordering::Relaxed) {
                    let reason = with_causes(&error);
                    self.warn(format!(
                        "nothing more is written to the remote cache {}: {reason}",
                        self.place
                    ));
                }
            }
        }
    }

    /// One such object is worth a line. If there are more, they mostly are all of a kind.
    fn tell_damaged(&self, object: &str, reason: &str) {
        let is_first = {
            let mut told = self.told();
            told.damaged.insert(object.to_owned()) && told.damaged.len() == 1
        };
        if is_first {
            self.warn(format!(
                "{object} in the remote cache {} is not what it should be, and is passed over: {reason}",
                self.place
            ));
        } else {
            tracing::debug!("{object} is passed over: {reason}");
        }
    }

    fn warn(&self, text: String) {
        self.told().warnings.push(text);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }
}

fn record_name(key: &str) -> String {
    format!("ac/{key}")
}

fn object_name(sha256: &str) -> String {
    format!("cas/{sha256}")
}

/// The message of an error and of all its causes, in one line. Those of buckets show addresses, which may be signed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut said = error.to_string();
    for cause in causes.map(ToString::to_string) {
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    let words: Vec<&str> = said.split_whitespace().map(without_query).collect();
    words.join(" ")
}

/// A word of a message; if it is an address, what it asks for is cut off.
fn without_query(word: &str) -> &str {
    match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address,
        _ => word,
    }
}

/// The hex text of a SHA-256?
fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

/// The name and the sha256 of a file.
fn identify(path: &Path) -> std::io::Result<(String, String)> {
    let file = path.file_name().unwrap_or_default();
    Ok((file.to_string_lossy().into_owned(), sha256_of(path)?))
}
