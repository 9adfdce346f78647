//! One release: its files as a lock lists them, and its metadata from the file that Poetry would read.
//!
//! PyPI's own description of a release is made from the file that was uploaded first, so that is the file read here;
//! only where it tells nothing, and for named sources always, a file is chosen by the rules in [`super::choice`].
//! What was found is kept for ever, together with a fingerprint of the files: a release that gains or loses a file,
//! or is yanked, is looked at again.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};

use super::choice;
use super::digest::is_strong;
use super::shelf::{self, Shelf};
use super::source::{Origin, safe_key};
use super::stored::Row;
use super::{FileKind, Index, IndexError, IndexFile, Release, description, page};
use crate::cache::{Bucket, Cache};
use crate::dist::{Hash, HashedFile, Source};
use crate::metadata::Metadata;
use crate::name::PackageName;
use crate::version::Version;

pub(super) type Found = Result<Option<Arc<Release>>, IndexError>;

/// Which release is asked for.
pub(super) struct Wanted<'a> {
    pub(super) index: &'a Index,
    pub(super) source: &'a Source,
    pub(super) origin: Origin,
    pub(super) name: &'a PackageName,
    pub(super) version: &'a Version,
}

pub(super) async fn find(
    index: &Index,
    source: &Source,
    name: &PackageName,
    version: &Version,
) -> Found {
    let Some(page) = index.stored_page(source, name).await? else {
        return Ok(None);
    };
    let Some(row) = page.row(version) else {
        return Ok(None);
    };
    let wanted = Wanted {
        index,
        origin: index.origin(source)?,
        source,
        name,
        version,
    };
    let shelf = index.shelf(source, name).await;
    if let Some(known) = shelf.find(version.as_str())
        && known.fingerprint == row.fingerprint
        && let Some(release) = known.release()
    {
        return Ok(Some(Arc::new(release)));
    }
    match page.files(row) {
        Some(files) => wanted.look(row, files).await,
        None => wanted.look_again().await,
    }
}

/// A release that the cache knows with exactly these files; asks nobody.
pub(super) async fn find_locked(
    index: &Index,
    source: &Source,
    name: &PackageName,
    version: &Version,
    files: &[HashedFile],
) -> Option<Arc<Release>> {
    let shelf = index.shelf(source, name).await;
    let release = shelf.find(version.as_str())?.release()?;
    let sorted = |files: &[HashedFile]| {
        let mut files: Vec<(String, String)> = files
            .iter()
            .map(|file| (file.file.clone(), file.hash.to_string()))
            .collect();
        files.sort();
        files
    };
    let is_same = sorted(&release.files) == sorted(files);
    is_same.then(|| Arc::new(release))
}

/// What the cache knows of a project's releases; nothing, if it is not to be asked.
pub(super) fn shelf(index: &Index, source: &Source, name: &PackageName) -> Arc<Shelf> {
    let origin = index.origin(source).ok();
    let origin = origin.filter(|_| !index.settings().no_cache);
    Arc::new(origin.map_or_else(Shelf::default, |origin| {
        Shelf::read(&path(index.cache(), &origin, name))
    }))
}

impl Wanted<'_> {
    /// Looks into a release, whose row and files are these, and keeps what it finds.
    async fn look(&self, row: &Row, files: Vec<IndexFile>) -> Found {
        tracing::debug!("{} {}: looking into it", self.name, self.version);
        let release = match self.origin.is_pypi {
            true => self.as_pypi_tells(&files).await?,
            false => self.as_links_tell(&files).await?,
        };
        let version = self.version.as_str();
        self.keep(&shelf::record(version, &row.fingerprint, &release));
        Ok(Some(Arc::new(release)))
    }

    /// The same when the page's files are gone from the cache: somebody else has replaced or damaged it.
    async fn look_again(&self) -> Found {
        let page = page::find_again(self.index, self.source, self.name).await?;
        let found = page.as_deref().and_then(|page| {
            let row = page.row(self.version)?;
            Some((row, page.files(row)?))
        });
        match found {
            Some((row, files)) => self.look(row, files).await,
            None => Ok(None),
        }
    }

    /// A release as PyPI describes it.
    async fn as_pypi_tells(&self, files: &[IndexFile]) -> Result<Release, IndexError> {
        let yanked = files.iter().all(|file| file.yanked.is_some());
        let mut reasons = files.iter().filter_map(|file| file.yanked.clone());
        Ok(Release {
            metadata: self.pypi_metadata(files, yanked).await?,
            files: self.hashed(files, &["sha256"]).await?,
            yanked: reasons.next().filter(|_| yanked),
        })
    }

    /// Poetry: what the first upload says is the release's description. If that says nothing of requirements, a file
    /// is read for these alone, and for the Python range if none is known: the summary is not taken from it.
    async fn pypi_metadata(
        &self,
        files: &[IndexFile],
        yanked: bool,
    ) -> Result<Metadata, IndexError> {
        // Not every index that serves metadata announces them. Whether this one does must not be learned from other
        // releases: what is found would depend on which of them was asked for first.
        let announced = files.iter().find_map(|file| file.requires_python.clone());
        let first = first_wheel(files);
        let served = async {
            match first {
                Some(first) => choice::served_metadata(self, first).await,
                None => Ok(None),
            }
        };
        let described = description::find(self);
        // Where nothing is announced, most have nothing, and what comes next should not wait for that twice.
        let (served, described) = match first.is_some_and(|file| file.core_metadata.is_some()) {
            true => match served.await? {
                Some(metadata) => (Some(metadata), Ok(None)),
                None => (None, described.await),
            },
            false => match select(pin!(served), pin!(described)).await {
                Either::Left((served, described)) => match served? {
                    Some(metadata) => (Some(metadata), Ok(None)),
                    None => (None, described.await),
                },
                Either::Right((described, served)) => (served.await?, described),
            },
        };
        if let Some(mut metadata) = served {
            metadata.requires_python = metadata.requires_python.or(announced);
            return Ok(metadata);
        }
        let described = described?.unwrap_or_default();
        let requires_python = described.requires_python.or(announced);
        let named = Metadata {
            name: self.name.to_string(),
            version: self.version.to_string(),
            summary: described.summary.unwrap_or_default(),
            ..Metadata::default()
        };
        if let Some(requires_dist) = described.requires_dist {
            return Ok(Metadata {
                requires_dist,
                requires_python,
                ..named
            });
        }
        let read = choice::metadata(self, files, yanked).await?;
        Ok(Metadata {
            requires_python: requires_python.or(read.requires_python),
            requires_dist: read.requires_dist,
            provides_extra: read.provides_extra,
            ..named
        })
    }

    /// Poetry: a named source's release is described by one of its files; yanked files are left out unless all are.
    async fn as_links_tell(&self, files: &[IndexFile]) -> Result<Release, IndexError> {
        let yanked = files.iter().all(|file| file.yanked.is_some());
        let kept: Vec<IndexFile> = files
            .iter()
            .filter(|file| yanked || file.yanked.is_none())
            .cloned()
            .collect();
        Ok(Release {
            metadata: choice::metadata(self, files, yanked).await?,
            files: self.hashed(&kept, &["sha512", "sha384", "sha256"]).await?,
            yanked: yanked.then(|| reasons(files)),
        })
    }

    /// The files with the first of these hashes that the index knows of each. A file of which it knows none is
    /// fetched, to compute its SHA-256.
    async fn hashed(
        &self,
        files: &[IndexFile],
        algorithms: &[&str],
    ) -> Result<Vec<HashedFile>, IndexError> {
        let mut hashed = Vec::with_capacity(files.len());
        for file in files {
            let known = algorithms.iter().find_map(|algorithm| {
                let mut hashes = file.hashes.iter();
                hashes.find(|hash| hash.algorithm == *algorithm).cloned()
            });
            let hash = match known {
                Some(hash) => hash,
                None => self.computed_hash(file).await?,
            };
            hashed.push(HashedFile {
                file: file.filename.clone(),
                hash,
            });
        }
        Ok(hashed)
    }

    async fn computed_hash(&self, file: &IndexFile) -> Result<Hash, IndexError> {
        let path = self.download(file).await?;
        // The archive cache is keyed by it.
        let folder = path.parent().and_then(|folder| folder.file_name());
        let hex = folder.and_then(|name| name.to_str());
        hex.map(Hash::sha256).ok_or_else(|| IndexError::NoFiles {
            package: self.name.to_string(),
            version: self.version.to_string(),
        })
    }

    /// Fetches a file, checked against the hashes the page gives. Weak ones prove nothing and are not looked at:
    /// what is computed from the file is what gets locked.
    pub(super) async fn download(
        &self,
        file: &IndexFile,
    ) -> Result<std::path::PathBuf, IndexError> {
        let mut hashes = file.hashes.clone();
        hashes.retain(|hash| is_strong(&hash.algorithm));
        let (url, filename) = (&file.url, &file.filename);
        self.index.download(url, filename, &hashes, &|_| {}).await
    }

    /// A cache that can't be written to costs time, nothing else.
    fn keep(&self, record: &[u8]) {
        if self.index.settings().no_cache {
            return;
        }
        // One short write into memory: handing it to another thread would take longer.
        let path = path(self.index.cache(), &self.origin, self.name);
        if let Err(error) = shelf::append(&path, record) {
            tracing::warn!(%error, "metadata can't be kept in the cache");
        }
    }
}

fn path(cache: &Cache, origin: &Origin, name: &PackageName) -> PathBuf {
    let key = format!("{}/{}", origin.key, safe_key(name.as_str()));
    cache.path(Bucket::Metadata, &key)
}

/// The wheel that was uploaded first; of equals the first on the page.
fn first_wheel(files: &[IndexFile]) -> Option<&IndexFile> {
    let wheels = files.iter().filter(|file| file.kind == FileKind::Wheel);
    wheels.min_by_key(|file| file.upload_time.as_deref().unwrap_or(""))
}

/// Poetry: all different reasons, sorted, one a line.
fn reasons(files: &[IndexFile]) -> String {
    let mut reasons: Vec<&str> = files
        .iter()
        .filter_map(|file| file.yanked.as_deref())
        .filter(|reason| !reason.is_empty())
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.join("\n")
}
