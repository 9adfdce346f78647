//! What back ends that failed have printed: kept in files, for those who want to look at it again.

use std::path::PathBuf;

use resolver::cache::{Bucket, Cache};
use resolver::name::PackageName;

use super::BundleError;
use crate::build::{BuildError, write_atomically};

impl BundleError {
    /// Writes what a back end printed to a file in the cache. The file of the last failure of a package is kept.
    pub(super) fn with_log(mut self, cache: &Cache) -> Self {
        if let Self::Build { name, source, log } = &mut self
            && log.is_none()
            && let Some(output) = source.output()
        {
            match write(cache, name, output) {
                Ok(path) => *log = Some(path),
                Err(error) => tracing::debug!("the log of {name} is not kept: {error}"),
            }
        }
        self
    }
}

fn write(cache: &Cache, name: &PackageName, output: &str) -> Result<PathBuf, BuildError> {
    let path = cache.path(Bucket::Builds, &format!("logs/{name}.log"));
    write_atomically(&path, output.as_bytes(), 0o644)?;
    Ok(path)
}
