//! One release: its files as a lock lists them, and its metadata from the file that Poetry would read.
//!
//! PyPI's own description of a release is made from the file that was uploaded first, so that is the file read here;
//! only where it tells nothing, and for named sources always, a file is chosen by the rules in [`super::choice`].
//! What was found is kept for ever, together with a fingerprint of the files: a release that gains or loses a file,
//! or is yanked, is looked at again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::choice::{self, Knowledge};
use super::client::blocking;
use super::digest::is_strong;
use super::source::{Origin, safe_key};
use super::{FileKind, Index, IndexError, IndexFile, Release, description};
use crate::cache::{Bucket, Cache};
use crate::dist::{Hash, HashedFile, Source};
use crate::metadata::Metadata;
use crate::name::PackageName;
use crate::version::Version;

pub(super) type Found = Result<Option<Arc<Release>>, IndexError>;

/// A release in the cache.
#[derive(Serialize, Deserialize)]
struct Stored {
    fingerprint: String,
    release: Release,
    /// Where its files are: name, hashes, address.
    addresses: Vec<(String, Vec<Hash>, String)>,
}

/// Which release is asked for.
pub(super) struct Wanted<'a> {
    pub(super) index: &'a Index,
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
    let Some(page) = index.page(source, name).await? else {
        return Ok(None);
    };
    let files: Vec<IndexFile> = page
        .files
        .iter()
        .filter(|file| file.version == *version)
        .cloned()
        .collect();
    if files.is_empty() {
        return Ok(None);
    }
    let wanted = Wanted {
        index,
        origin: index.origin(source)?,
        name,
        version,
    };
    let fingerprint = fingerprint(&files);
    if let Some(stored) = wanted.read_stored().await
        && stored.fingerprint == fingerprint
    {
        return Ok(Some(Arc::new(stored.release)));
    }
    let release = if wanted.origin.is_pypi {
        wanted.as_pypi_tells(&files).await?
    } else {
        wanted.as_links_tell(&files).await?
    };
    let addresses = files
        .into_iter()
        .map(|file| (file.filename, file.hashes, file.url));
    let stored = Stored {
        fingerprint,
        addresses: addresses.collect(),
        release,
    };
    Ok(Some(Arc::new(wanted.keep(stored).await)))
}

/// A release that the cache knows with exactly these files; asks nobody.
pub(super) async fn find_locked(
    index: &Index,
    source: &Source,
    name: &PackageName,
    version: &Version,
    files: &[HashedFile],
) -> Option<Arc<Release>> {
    let wanted = Wanted {
        index,
        origin: index.origin(source).ok()?,
        name,
        version,
    };
    let stored = wanted.read_stored().await?;
    let sorted = |files: &[HashedFile]| {
        let mut files: Vec<(String, String)> = files
            .iter()
            .map(|file| (file.file.clone(), file.hash.to_string()))
            .collect();
        files.sort();
        files
    };
    let is_same = sorted(&stored.release.files) == sorted(files);
    is_same.then(|| Arc::new(stored.release))
}

/// The address of a file of a release in the cache. Blocks for a moment.
pub(super) fn known_address(
    cache: &Cache,
    origin: &Origin,
    name: &PackageName,
    version: &Version,
    filename: &str,
    hash: &Hash,
) -> Option<String> {
    let stored = read(cache, &key(origin, name, version))?;
    let mut files = stored.addresses.into_iter();
    files
        .find(|(file, hashes, _)| file == filename && hashes.contains(hash))
        .map(|(_, _, url)| url)
}

impl Wanted<'_> {
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
        let announced = files.iter().find_map(|file| file.requires_python.clone());
        if let Some(first) = first_wheel(files)
            && let Some(mut metadata) =
                choice::served_metadata(self, first, Knowledge::Guessed).await?
        {
            metadata.requires_python = metadata.requires_python.or(announced);
            return Ok(metadata);
        }
        let described = description::find(self).await?.unwrap_or_default();
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

    async fn read_stored(&self) -> Option<Stored> {
        if self.index.settings().no_cache {
            return None;
        }
        let cache = self.index.cache().clone();
        let key = key(&self.origin, self.name, self.version);
        blocking(move || read(&cache, &key)).await
    }

    /// A cache that can't be written to costs time, nothing else.
    async fn keep(&self, stored: Stored) -> Release {
        if self.index.settings().no_cache {
            return stored.release;
        }
        let cache = self.index.cache().clone();
        let key = key(&self.origin, self.name, self.version);
        blocking(move || {
            let bytes =
                rmp_serde::to_vec(&stored).expect("a release holds nothing that can't be written");
            if let Err(error) = cache.write(Bucket::Metadata, &key, &bytes) {
                tracing::warn!(%error, "metadata can't be kept in the cache");
            }
            stored.release
        })
        .await
    }
}

fn read(cache: &Cache, key: &str) -> Option<Stored> {
    rmp_serde::from_slice(&cache.read(Bucket::Metadata, key)?).ok()
}

fn key(origin: &Origin, name: &PackageName, version: &Version) -> String {
    let (name, version) = (safe_key(name.as_str()), safe_key(&version.to_string()));
    format!("{}/{name}/{version}", origin.key)
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

/// Tells apart any two states of a release's files.
fn fingerprint(files: &[IndexFile]) -> String {
    let mut parts = Vec::new();
    for file in files {
        parts.push(file.filename.clone());
        parts.extend(file.hashes.iter().map(Hash::to_string));
        let yanked = file.yanked.as_deref();
        parts.push(yanked.map_or_else(String::new, |reason| format!("yanked {reason}")));
        parts.push(file.requires_python.clone().unwrap_or_default());
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Cache::digest(&parts)
}
