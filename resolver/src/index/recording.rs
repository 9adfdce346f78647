//! Recorded answers of an index, for replaying a resolution without a network.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Page, Release};
use crate::name::PackageName;
use crate::version::Version;

/// Pages and releases by source name, as an index would have answered. What is not recorded does not exist.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    pages: FxHashMap<(String, PackageName), Arc<Page>>,
    releases: FxHashMap<(String, PackageName, Version), Arc<Release>>,
}

impl Recording {
    /// Records a project's page on a source.
    pub fn page(&mut self, source: &str, name: PackageName, page: Page) {
        self.pages
            .insert((source.to_lowercase(), name), Arc::new(page));
    }

    /// Records one release on a source.
    pub fn release(&mut self, source: &str, name: PackageName, version: Version, release: Release) {
        self.releases
            .insert((source.to_lowercase(), name, version), Arc::new(release));
    }

    pub(super) fn recorded_page(&self, source: &str, name: &PackageName) -> Option<Arc<Page>> {
        self.pages
            .get(&(source.to_lowercase(), name.clone()))
            .cloned()
    }

    pub(super) fn recorded_release(
        &self,
        source: &str,
        name: &PackageName,
        version: &Version,
    ) -> Option<Arc<Release>> {
        self.releases
            .get(&(source.to_lowercase(), name.clone(), version.clone()))
            .cloned()
    }
}
