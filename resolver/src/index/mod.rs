//! Package indexes: the simple API (PEP 503, 691), metadata (PEP 658, range requests, downloads), files.
//!
//! ```text
//!  page ── client ── (network)      release ── choice ─┬─ served `.metadata`
//!   │        │                        │                ├─ range of a wheel
//!   ├ simple_json, simple_html       page              ├─ whole wheel ──┐
//!   └ listing (which files count)                      └─ sdist ────────┴── download
//! ```
//!
//! Every answer is made once and then held in memory for the life of the [`Index`], so a prefetch is a call whose
//! result nobody looks at. Answers do not depend on the order in which they arrive. On disk, pages live by the rules
//! of HTTP (`stored`), metadata for ever, beside a fingerprint of the release's files (`shelf`), files under their
//! SHA-256. Of a page only the list of its releases stays in memory.
//!
//! The client also serves whoever keeps things of his own on an HTTP server (`objects`).

mod access;
mod age;
mod ask;
mod choice;
mod client;
mod credentials;
mod description;
mod digest;
mod download;
mod error;
mod filename;
mod flat;
mod freshness;
mod kept;
mod listing;
mod merge;
mod netrc;
mod objects;
mod once;
mod page;
mod range;
mod recording;
mod release;
mod sdist;
mod shelf;
mod simple_html;
mod simple_json;
mod source;
mod stored;
mod unpack;
mod wheel;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use reqwest::header::HeaderMap;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

pub use access::{Access, Place, Trust, Vault};
pub use age::{MinReleaseAge, TooYoung};
pub use ask::Reply;
use credentials::Login;
pub use download::{cached as cached_archive, has_archive, keep_archive, useless_pointers};
pub use kept::{Kept, kept_sources};
pub use netrc::Netrc;
pub use objects::Objects;
pub use recording::Recording;

use crate::cache::Cache;
use crate::dist::{Hash, HashedFile, Source};
use crate::git::Repositories;
use crate::metadata::Metadata;
use crate::name::PackageName;
use crate::sync::lock;
use crate::version::Version;

pub use error::{Cause, IndexError};
pub use unpack::{unpack, unpack_installation};

use client::{Http, blocking};
pub(crate) use once::OnceMap;
use shelf::Shelf;

/// What the index client needs to know from the outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexSettings {
    /// Stands for `https://pypi.org/`, with trailing `/`. Never enters a lock file.
    pub pypi_url: String,
    /// Answer from the cache only.
    pub offline: bool,
    /// Ignore cached answers about metadata and pages.
    pub no_cache: bool,
    /// Seconds before a request counts as failed.
    pub timeout: u64,
    /// How often a failed request is tried again.
    pub retries: usize,
    /// Requests in flight at once, per host.
    pub connections: usize,
    /// `User-Agent`.
    pub user_agent: String,
    /// May a part of a wheel be fetched to read its metadata?
    pub lazy_wheels: bool,
    /// How old a release must be to be offered.
    pub min_release_age: MinReleaseAge,
    /// Logins and certificates.
    pub access: Access,
}

impl Default for IndexSettings {
    /// Those for PyPI.
    fn default() -> Self {
        Self {
            pypi_url: "https://pypi.org/".to_owned(),
            offline: false,
            no_cache: false,
            timeout: 15,
            retries: 5,
            connections: 50,
            user_agent: String::new(),
            lazy_wheels: true,
            min_release_age: MinReleaseAge::default(),
            access: Access::default(),
        }
    }
}

/// One project page of the simple API.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// All files that are wheels or sdists with a readable name and version: the newest release first, the files of
    /// one release in the page's order.
    pub files: Vec<IndexFile>,
}

/// A file on a project page.
#[derive(Clone, Debug)]
pub struct IndexFile {
    /// File name.
    pub filename: String,
    /// Absolute address, without fragment.
    pub url: String,
    /// Version from the file name.
    pub version: Version,
    /// Wheel or sdist.
    pub kind: FileKind,
    /// Hashes that the index announces.
    pub hashes: Vec<Hash>,
    /// Requires-Python as written.
    pub requires_python: Option<String>,
    /// `Some` if yanked, with the reason (maybe empty).
    pub yanked: Option<String>,
    /// PEP 658/714: announced metadata, with its sha256 if given (`Some(None)`: announced without hash).
    pub core_metadata: Option<Option<Hash>>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Upload time, RFC 3339.
    pub upload_time: Option<String>,
}

/// What a file on an index is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "plain words")]
pub enum FileKind {
    Wheel,
    Sdist,
}

impl FileKind {
    fn of(filename: &str) -> Self {
        match filename.ends_with(".whl") {
            true => Self::Wheel,
            false => Self::Sdist,
        }
    }
}

/// A release that a source has.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) version: Version,
    /// Are all of its files yanked?
    pub(crate) is_yanked: bool,
    /// Does the source announce that its metadata can be had by itself, without a look into a wheel, or a build?
    pub(crate) is_told: bool,
    /// What the page says of it, which its metadata need not confirm.
    pub(crate) requires_python: Option<Arc<str>>,
}

impl Offer {
    fn of(page: &Page) -> Vec<Self> {
        let mut offers: IndexMap<&Version, bool> = IndexMap::new();
        for file in &page.files {
            *offers.entry(&file.version).or_insert(true) &= file.yanked.is_some();
        }
        let mut offers: Vec<Self> = offers
            .into_iter()
            .map(|(version, is_yanked)| Self {
                version: version.clone(),
                is_yanked,
                is_told: true,
                requires_python: None,
            })
            .collect();
        offers.sort_by(|a, b| b.version.cmp(&a.version));
        offers
    }
}

/// What the solver and the lock need to know of one release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Release {
    /// Core metadata, from the file that Poetry would read.
    pub metadata: Metadata,
    /// The files as a lock lists them.
    pub files: Vec<HashedFile>,
    /// `Some` if all files are yanked, with the reason.
    pub yanked: Option<String>,
}

/// Builds the metadata of an sdist whose PKG-INFO does not tell enough (PEP 517).
/// `installer::build` implements it; the binary ties the two.
pub trait Builder: Send + Sync {
    /// Metadata of the unpacked source tree at `directory`.
    ///
    /// # Errors
    /// The back end's failure, as text for the user.
    fn metadata(&self, directory: &Path) -> Result<Metadata, String>;
}

/// Access to all indexes. Cheap to clone; every method may be called from many tasks at once.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
    builder: Option<Arc<dyn Builder>>,
}

struct Inner {
    settings: Arc<IndexSettings>,
    cache: Cache,
    http: Http,
    pages: OnceMap<(Source, PackageName), page::Found>,
    whole_pages: OnceMap<(Source, PackageName), page::FoundWhole>,
    shelves: OnceMap<(Source, PackageName), Arc<Shelf>>,
    releases: OnceMap<(Source, PackageName, Version), release::Found>,
    descriptions: OnceMap<(Source, PackageName, Version), description::Found>,
    downloads: OnceMap<(String, String, Vec<Hash>), Result<PathBuf, IndexError>>,
    forms: page::Forms,
    unread_pages: Semaphore,
    ranges: Ranges,
    undescribed: description::Undescribed,
    ages: age::Ages,
    recording: Option<Recording>,
}

impl Index {
    /// An index client; makes no connection yet, and reads no certificates.
    #[must_use]
    pub fn new(settings: IndexSettings, cache: Cache, builder: Option<Arc<dyn Builder>>) -> Self {
        Self::with(settings, cache, builder, None)
    }

    /// An index that answers from a recording and asks nobody.
    #[must_use]
    pub fn replay(recording: Recording, cache: Cache) -> Self {
        let settings = IndexSettings {
            pypi_url: "https://index.invalid/".to_owned(),
            offline: true,
            ..IndexSettings::default()
        };
        Self::with(settings, cache, None, Some(recording))
    }

    fn with(
        settings: IndexSettings,
        cache: Cache,
        builder: Option<Arc<dyn Builder>>,
        recording: Option<Recording>,
    ) -> Self {
        let settings = Arc::new(settings);
        let ages = age::Ages::new(&settings.min_release_age);
        let inner = Inner {
            http: Http::new(Arc::clone(&settings)),
            settings,
            cache,
            pages: OnceMap::default(),
            whole_pages: OnceMap::default(),
            shelves: OnceMap::default(),
            releases: OnceMap::default(),
            descriptions: OnceMap::default(),
            downloads: OnceMap::default(),
            forms: page::Forms::default(),
            unread_pages: Semaphore::new(page::UNREAD),
            ranges: Ranges::default(),
            undescribed: description::Undescribed::default(),
            ages,
            recording,
        };
        Self {
            inner: Arc::new(inner),
            builder,
        }
    }

    /// The same index with all that it has learned so far and will learn, for another project: what has to be built is
    /// built by `builder`.
    #[must_use]
    pub fn with_builder(&self, builder: Arc<dyn Builder>) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            builder: Some(builder),
        }
    }

    /// The cache it reads and fills.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.inner.cache
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &IndexSettings {
        &self.inner.settings
    }

    /// User and password for an address, if some are known.
    #[must_use]
    pub fn login(&self, url: &str) -> Option<(String, String)> {
        let credentials = &self.http().credentials;
        let url = credentials.strip(&source::parse(url).ok()?);
        match credentials.known(&url)? {
            Login::Basic { user, password } => Some((user, password)),
            Login::Token(_) => None,
        }
    }

    /// The git repositories in its cache, with its settings.
    #[must_use]
    pub fn repositories(&self) -> Repositories {
        let settings = self.settings();
        Repositories::new(self.cache().clone(), settings.offline)
            .with_places(&settings.access.places)
    }

    /// The page of a project; `None` if the source does not have it (404).
    ///
    /// # Errors
    /// When the index can't be reached or its answer can't be read.
    pub async fn page(
        &self,
        source: &Source,
        name: &PackageName,
    ) -> Result<Option<Arc<Page>>, IndexError> {
        if let Some(recording) = &self.inner.recording {
            return Ok(recording.recorded_page(&source.name, name));
        }
        let key = (source.clone(), name.clone());
        let make = || Box::pin(page::whole(self, source, name));
        self.inner.whole_pages.get(key, make).await
    }

    /// The releases that a project has on a source, newest first; none if the source does not have the project. Costs
    /// less than [`Index::page`].
    pub(crate) async fn offers(
        &self,
        source: &Source,
        name: &PackageName,
    ) -> Result<Vec<Offer>, IndexError> {
        if let Some(recording) = &self.inner.recording {
            let page = recording.recorded_page(&source.name, name);
            return Ok(page.map(|page| Offer::of(&page)).unwrap_or_default());
        }
        let Some(page) = self.stored_page(source, name).await? else {
            return Ok(Vec::new());
        };
        let ages = &self.inner.ages;
        let rows = ages.old_enough(source, name, &page.rows);
        let offers = rows.map(|row| Offer {
            version: row.version.clone(),
            is_yanked: row.is_yanked,
            is_told: row.is_told,
            requires_python: row.requires_python.clone(),
        });
        Ok(offers.collect())
    }

    /// The names of all projects that a source has.
    ///
    /// # Errors
    /// When the source can't be reached or does not tell.
    pub(crate) async fn names(&self, source: &Source) -> Result<Vec<PackageName>, IndexError> {
        page::names(self, source).await
    }

    /// The releases that were not offered since this was asked the last time, because they are too young.
    #[must_use]
    pub fn take_too_young(&self) -> Vec<TooYoung> {
        self.inner.ages.take_passed_over()
    }

    async fn stored_page(&self, source: &Source, name: &PackageName) -> page::Found {
        let key = (source.clone(), name.clone());
        let make = || Box::pin(page::find(self, source, name));
        self.inner.pages.get(key, make).await
    }

    /// What the cache knows of a project's releases.
    async fn shelf(&self, source: &Source, name: &PackageName) -> Arc<Shelf> {
        let key = (source.clone(), name.clone());
        let make = async || release::shelf(self, source, name);
        self.inner.shelves.get(key, make).await
    }

    /// What is known of one release; `None` if the source does not have that version.
    ///
    /// # Errors
    /// When no file's metadata can be had.
    pub async fn release(
        &self,
        source: &Source,
        name: &PackageName,
        version: &Version,
    ) -> Result<Option<Arc<Release>>, IndexError> {
        if let Some(recording) = &self.inner.recording {
            return Ok(recording.recorded_release(&source.name, name, version));
        }
        let key = (source.clone(), name.clone(), version.clone());
        let make = || Box::pin(release::find(self, source, name, version));
        self.inner.releases.get(key, make).await
    }

    /// Will a project's page have to be brought from its source? Not told of a source that is not asked, nor where
    /// whoever asks has to be told what was passed over because it is too young.
    pub(crate) fn is_news(&self, source: &Source, name: &PackageName) -> bool {
        let settings = self.settings();
        let is_asked = !settings.offline && self.inner.recording.is_none();
        is_asked && settings.min_release_age.days == 0 && !page::is_kept(self, source, name)
    }

    /// Would a look into the release cost no more than parts of wheels, as far as is known by now? Asks nobody, if its page
    /// is there.
    pub(crate) async fn is_read_by_parts(
        &self,
        source: &Source,
        name: &PackageName,
        version: &Version,
    ) -> bool {
        if !self.ranges().are_given_anywhere() {
            return false;
        }
        let Ok(Some(page)) = self.stored_page(source, name).await else {
            return false;
        };
        let files = page.row(version).and_then(|row| page.files(row));
        files.is_some_and(|files| choice::is_read_by_parts(self, &files))
    }

    /// Does the cache know the release, perhaps as it was before its files changed?
    pub(crate) async fn knows(
        &self,
        source: &Source,
        name: &PackageName,
        version: &Version,
    ) -> bool {
        let shelf = self.shelf(source, name).await;
        self.inner.recording.is_some() || shelf.find(version.as_str()).is_some()
    }

    /// What is known of a locked release. If the cache has it with just the files that are locked, that is the
    /// answer and nobody is asked; otherwise as [`Index::release`].
    ///
    /// # Errors
    /// As [`Index::release`].
    pub async fn locked_release(
        &self,
        source: &Source,
        name: &PackageName,
        version: &Version,
        files: &[HashedFile],
    ) -> Result<Option<Arc<Release>>, IndexError> {
        match release::find_locked(self, source, name, version, files).await {
            Some(release) => Ok(Some(release)),
            None => self.release(source, name, version).await,
        }
    }

    /// Metadata of a wheel or sdist that lies on disk (file and url requirements).
    ///
    /// # Errors
    /// When it can't be read or built.
    pub async fn archive_metadata(&self, archive: &Path) -> Result<Metadata, IndexError> {
        let archive = archive.to_owned();
        let (cache, builder) = (self.cache().clone(), self.builder());
        blocking(move || {
            if archive.extension().is_some_and(|ending| ending == "whl") {
                return wheel::read(&archive);
            }
            sdist::read(&archive, &cache, builder.as_deref())
        })
        .await
    }

    /// Metadata of a source tree (git requirements, directories that are no static projects): what its
    /// pyproject.toml says, metadata that lies in it, or what its build back end says.
    ///
    /// # Errors
    /// When it has to be built and that fails.
    pub async fn directory_metadata(&self, directory: &Path) -> Result<Metadata, IndexError> {
        let directory = directory.to_owned();
        let builder = self.builder();
        blocking(move || {
            let what = directory.display().to_string();
            sdist::directory(&directory, &what, builder.as_deref())
        })
        .await
    }

    /// Brings a file into the archive cache and returns its path there. `hashes`: one of them must match the
    /// content, whatever its algorithm; empty means unknown (then the sha256 is computed and is the key).
    /// A cached file whose sha256 is in `hashes` costs no request. `progress` gets byte counts as they arrive.
    ///
    /// # Errors
    /// When it can't be fetched, or no hash matches (nothing is kept then).
    pub async fn download(
        &self,
        url: &str,
        filename: &str,
        hashes: &[Hash],
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<PathBuf, IndexError> {
        self.download_with(url, filename, hashes, &HeaderMap::new(), progress)
            .await
    }

    async fn download_with(
        &self,
        url: &str,
        filename: &str,
        hashes: &[Hash],
        headers: &HeaderMap,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<PathBuf, IndexError> {
        if let Some(path) = self.cached_archive(filename, hashes) {
            return Ok(path);
        }
        let address = source::parse(url)?;
        let key = (url.to_owned(), filename.to_owned(), hashes.to_vec());
        let make = || {
            Box::pin(download::fetch(
                self, &address, filename, hashes, headers, progress,
            ))
        };
        let result = self.inner.downloads.get(key.clone(), make).await;
        // Held only while it is on its way: the file is on disk now, or may be tried again.
        self.inner.downloads.forget(&key);
        result
    }

    /// The cached archive with one of these sha256 (or another hash under which it was fetched), if there is one.
    #[must_use]
    pub fn cached_archive(&self, filename: &str, hashes: &[Hash]) -> Option<PathBuf> {
        cached_archive(self.cache(), filename, hashes)
    }

    /// The files of a release, from a page that lies in the cache, however old, or from what the index says of this
    /// one release. `None` where only [`Index::page`] can tell. For whoever knows what to expect of a file: an
    /// address may be out of date.
    pub async fn release_files(
        &self,
        source: &Source,
        name: &PackageName,
        version: &Version,
    ) -> Option<Arc<[IndexFile]>> {
        let key = (source.clone(), name.clone(), version.clone());
        let make = || Box::pin(self.find_release_files(source, name, version));
        self.inner.descriptions.get(key, make).await
    }

    async fn find_release_files(
        &self,
        source: &Source,
        name: &PackageName,
        version: &Version,
    ) -> Option<Arc<[IndexFile]>> {
        let origin = self.origin(source).ok()?;
        let kept = match self.inner.settings.no_cache {
            true => None,
            false => page::kept_files(self.cache(), &origin, name, version),
        };
        match kept {
            Some(files) => Some(files.into()),
            None => Some(
                description::files(self, &origin, name, version)
                    .await?
                    .into(),
            ),
        }
    }

    pub(crate) fn http(&self) -> &Http {
        &self.inner.http
    }

    fn builder(&self) -> Option<Arc<dyn Builder>> {
        self.builder.clone()
    }

    fn forms(&self) -> &page::Forms {
        &self.inner.forms
    }

    fn unread_pages(&self) -> &Semaphore {
        &self.inner.unread_pages
    }

    fn ranges(&self) -> &Ranges {
        &self.inner.ranges
    }
}

/// Which hosts were asked for parts of wheels, and did they give them? One that did not is not asked again.
#[derive(Default)]
struct Ranges(Mutex<FxHashMap<String, bool>>);

impl Ranges {
    fn are_given(&self, host: &str) -> bool {
        self.answer(host) == Some(true)
    }

    fn are_given_anywhere(&self) -> bool {
        let hosts = lock(&self.0);
        hosts.values().any(|given| *given)
    }

    fn are_refused(&self, host: &str) -> bool {
        self.answer(host) == Some(false)
    }

    fn answer(&self, host: &str) -> Option<bool> {
        let hosts = lock(&self.0);
        hosts.get(host).copied()
    }

    fn note(&self, host: String, given: bool) {
        let mut hosts = lock(&self.0);
        *hosts.entry(host).or_insert(given) &= given;
    }
}
