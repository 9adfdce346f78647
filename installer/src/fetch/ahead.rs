//! Fetching before it is known which Python will be installed for.
//!
//! Making an environment takes as long as a few answers of an index: a Python is started, its pip is unpacked. So
//! meanwhile the index is asked for what will be wanted whatever that Python is. Nothing waits for the answers, and
//! nobody is told if they fail: whoever needs them later asks again, and gets what is here already.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use resolver::cache::Cache;
use resolver::dist::{HashedFile, Source};
use resolver::index::{Index, cached_archive};
use resolver::lock::{LockedPackage, Lockfile};
use resolver::name::GroupName;
use resolver::tag::{Tag, Tags};
use tokio::runtime::Handle;

use super::{BinaryPolicy, Fetcher, is_of_index};
use crate::share::Share;
use crate::wheel::Store;

/// The packages of these groups that any Python wants and that are probably not in the cache.
#[must_use]
pub fn missing(
    cache: &Cache,
    lockfile: &Lockfile,
    groups: &BTreeSet<GroupName>,
) -> Vec<LockedPackage> {
    let store = Store::new(cache);
    let wanted = lockfile.packages.iter().filter(|package| {
        is_of_index(package)
            && !package.optional
            && package
                .groups
                .iter()
                .any(|group| groups.contains(group) && !package.markers.contains_key(group))
    });
    let (pure, others): (Vec<_>, Vec<_>) =
        wanted.partition(|package| only_wheel(package).is_some());
    let all = pure.len();
    let mut missing: Vec<LockedPackage> = pure
        .into_iter()
        .filter(|package| !only_wheel(package).is_some_and(|wheel| is_here(wheel, &store, cache)))
        .cloned()
        .collect();
    // Of the others there may be dozens of files. If nothing is here, they are not either.
    if missing.len() == all {
        missing.extend(others.into_iter().cloned());
    }
    missing
}

/// Starts to fetch packages. `sources` are those of the project, `policy` is what its settings say of wheels and
/// sdists, `share` is the store that is asked first, if there is one.
pub fn fetch_ahead(
    index: &Index,
    sources: &[Source],
    policy: &BinaryPolicy,
    share: Option<&Arc<Share>>,
    packages: Vec<LockedPackage>,
    runtime: &Handle,
) {
    // What is put there has to be waited for.
    if share.is_some_and(|share| share.takes_downloads()) {
        return;
    }
    for package in packages {
        let (index, sources, policy) = (index.clone(), sources.to_vec(), policy.clone());
        let share = share.filter(|share| share.has_downloads()).cloned();
        runtime.spawn(async move {
            fetch(&index, &sources, &policy, share.as_deref(), &package).await;
        });
    }
}

async fn fetch(
    index: &Index,
    sources: &[Source],
    policy: &BinaryPolicy,
    share: Option<&Share>,
    package: &LockedPackage,
) {
    let fetcher = Fetcher {
        index,
        sources,
        tags: &any_python(),
        python: None,
        policy,
        folder: &PathBuf::new(),
        share,
    };
    if only_wheel(package).is_some_and(|wheel| policy.allows(&package.name, &wheel.file)) {
        fetcher.fetch(package, &|_, _| {}).await.ok();
    } else if share.is_none()
        && let Ok(source) = fetcher.source(package)
    {
        index
            .release_files(source, &package.name, &package.version)
            .await;
    }
}

fn is_here(wheel: &HashedFile, store: &Store, cache: &Cache) -> bool {
    let hashes = std::slice::from_ref(&wheel.hash);
    store.has(&wheel.hash.hex) || cached_archive(cache, &wheel.file, hashes).is_some()
}

/// The one wheel of a release that has no other and that fits everywhere.
fn only_wheel(package: &LockedPackage) -> Option<&HashedFile> {
    let mut wheels = (package.files.iter()).filter(|file| file.file.ends_with(".whl"));
    let only = wheels.next()?;
    (wheels.next().is_none() && only.file.ends_with("py3-none-any.whl")).then_some(only)
}

fn any_python() -> Tags {
    Tags::new(vec![Tag::new("py3", "none", "any")])
}
