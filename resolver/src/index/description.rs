//! PyPI's own description of a release, `/pypi/<name>/<version>/json`.
//!
//! Poetry asks for it first for every release. What it says is what the first uploaded file says, and that file's
//! metadata is cheaper to have; but of a release whose metadata is not served by itself (old wheels on some mirrors,
//! sdists alone), only this page tells the summary.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::IndexError;
use super::release::Wanted;

/// Such a page is some kilobytes; a release with thousands of files has some megabytes.
const LARGEST: u64 = 32 << 20;

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
    if wanted.origin.is_local() {
        return Ok(None);
    }
    let path = format!("../pypi/{}/{}/json", wanted.name, wanted.version);
    let Ok(url) = wanted.origin.base.join(&path) else {
        return Ok(None);
    };
    let answer = wanted
        .index
        .http()
        .get(&url, &HeaderMap::new(), LARGEST)
        .await?;
    if answer.status != StatusCode::OK {
        return Ok(None);
    }
    // A mirror that answers with something else has no such page.
    Ok(serde_json::from_slice::<Document>(&answer.body)
        .ok()
        .map(|document| document.info))
}
