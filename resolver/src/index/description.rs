//! PyPI's own description of a release, `/pypi/<name>/<version>/json`.
//!
//! Poetry asks for it first for every release. What it says is what the first uploaded file says, and that file's
//! metadata is cheaper to have; but of a release whose metadata is not served by itself (old wheels on some mirrors,
//! sdists alone), only this page tells the summary.
//!
//! It lists the files of its release, too, in a hundredth of the bytes that the project's page may have: enough to
//! fetch what a lock names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::release::Wanted;
use super::source::Origin;
use super::{FileKind, Index, IndexError, IndexFile};
use crate::dist::Hash;
use crate::name::PackageName;
use crate::version::Version;

/// Such a page is some kilobytes; a release with thousands of files has some megabytes.
const LARGEST: u64 = 32 << 20;

/// The files that a page lists, if there is one.
pub(super) type Found = Option<Arc<[IndexFile]>>;

/// What such a page says that no list of files does.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Description {
    #[serde(default)]
    pub(super) summary: Option<String>,
    /// `None`: nothing is known of the requirements.
    #[serde(default)]
    pub(super) requires_dist: Option<Vec<String>>,
    #[serde(default)]
    pub(super) requires_python: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    info: Description,
}

/// The description of a release; `None` where the index has no such pages.
pub(super) async fn find(wanted: &Wanted<'_>) -> Result<Option<Description>, IndexError> {
    let document: Option<Document> =
        ask(wanted.index, &wanted.origin, wanted.name, wanted.version).await?;
    Ok(document.map(|document| document.info))
}

#[derive(Deserialize)]
struct Upload {
    filename: String,
    url: String,
    #[serde(default)]
    digests: BTreeMap<String, String>,
    requires_python: Option<String>,
    #[serde(default)]
    yanked: bool,
    yanked_reason: Option<String>,
    size: Option<u64>,
    upload_time_iso_8601: Option<String>,
}

#[derive(Deserialize)]
struct Uploads {
    urls: Vec<Upload>,
}

/// Is it known that PyPI, or what stands for it, has no descriptions?
#[derive(Default)]
pub(super) struct Undescribed(AtomicBool);

/// The files of a release by its description. `None` where there is none, or where it leads to another host than the
/// project's page would: a mirror may pass on descriptions whose files its users can't reach.
pub(super) async fn files(
    index: &Index,
    origin: &Origin,
    name: &PackageName,
    version: &Version,
) -> Option<Vec<IndexFile>> {
    let undescribed = &index.inner.undescribed.0;
    if !origin.is_pypi || undescribed.load(Ordering::Relaxed) {
        return None;
    }
    let Ok(Some(Uploads { urls })) = ask(index, origin, name, version).await else {
        undescribed.store(true, Ordering::Relaxed);
        return None;
    };
    let home = origin.base.host_str();
    let is_trusted = |url: &str| {
        let url = Url::parse(url).ok();
        url.is_some_and(|url| home == Some(PYPI) || url.host_str() == home)
    };
    if !urls.iter().all(|upload| is_trusted(&upload.url)) {
        undescribed.store(true, Ordering::Relaxed);
        return None;
    }
    let files = urls.into_iter().map(|upload| upload.into_file(version));
    Some(files.collect())
}

/// Its files have a host of their own.
const PYPI: &str = "pypi.org";

impl Upload {
    fn into_file(self, version: &Version) -> IndexFile {
        let hash = |(algorithm, hex)| Hash { algorithm, hex };
        IndexFile {
            kind: FileKind::of(&self.filename),
            filename: self.filename,
            url: self.url,
            version: version.clone(),
            hashes: self.digests.into_iter().map(hash).collect(),
            requires_python: self.requires_python,
            yanked: self.yanked.then(|| self.yanked_reason.unwrap_or_default()),
            core_metadata: None,
            size: self.size,
            upload_time: self.upload_time_iso_8601,
        }
    }
}

async fn ask<T: DeserializeOwned>(
    index: &Index,
    origin: &Origin,
    name: &PackageName,
    version: &Version,
) -> Result<Option<T>, IndexError> {
    if origin.is_local() {
        return Ok(None);
    }
    let path = format!("../pypi/{name}/{version}/json");
    let Ok(url) = origin.base.join(&path) else {
        return Ok(None);
    };
    let answer = index.http().get(&url, &HeaderMap::new(), LARGEST).await?;
    if answer.status != StatusCode::OK {
        return Ok(None);
    }
    // A mirror that answers with something else has no such page.
    Ok(serde_json::from_slice(&answer.body).ok())
}
