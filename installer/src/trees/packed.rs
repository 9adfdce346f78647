//! Editable wheels that were packed of folders without a back end: one library is in the environments of many services,
//! and is as it was for nearly all of them.

use std::path::Path;

use resolver::cache::{Bucket, Cache};
use resolver::name::PackageName;
use serde::{Deserialize, Serialize};

use super::watch::Watched;
use crate::build::BuildRules;

/// Records about wheels of folders lie here.
pub(crate) const FOLDERS: &str = "folders/";

/// What a folder was like when its wheel was packed, and which wheel that was.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Packed {
    pub(crate) watched: Watched,
    /// Its sha256, in hex.
    pub(crate) wheel: String,
}

impl Packed {
    /// The key of the record about a folder, with links resolved.
    pub(crate) fn key(rules: &BuildRules, name: &PackageName, folder: &Path) -> String {
        let (own, folder) = (env!("CARGO_PKG_VERSION"), folder.to_string_lossy());
        let rules = rules.key(name);
        format!(
            "{FOLDERS}{}",
            Cache::digest(&[own, name.as_str(), &folder, &rules])
        )
    }

    /// The record, if the folder is as it was.
    pub(crate) fn find(cache: &Cache, key: &str) -> Option<Self> {
        let bytes = cache.read(Bucket::Builds, key)?;
        let packed: Self = rmp_serde::from_slice(&bytes).ok()?;
        packed.watched.is_unmoved().then_some(packed)
    }

    /// Keeps it for others, if it can be of use. A cache that can't be written to only costs time.
    pub(crate) fn keep(&self, cache: &Cache, key: &str) {
        if self.watched.is_reliable()
            && let Ok(bytes) = rmp_serde::to_vec(self)
        {
            cache.write(Bucket::Builds, key, &bytes).ok();
        }
    }
}
