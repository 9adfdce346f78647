//! Fetching before it is known which Python will be installed for.
//!
//! Making an environment takes as long as a few answers of an index: a Python is started, its pip is unpacked. So
//! meanwhile the index is asked for what will be wanted whatever that Python is. Nothing waits for the answers, and
//! nobody is told if they fail: whoever needs them later asks again, and gets what is here already.

use std::collections::BTreeSet;
use std::path::PathBuf;

use resolver::dist::Source;
use resolver::index::Index;
use resolver::lock::{LockedPackage, Lockfile, SourceKind};
use resolver::name::GroupName;
use resolver::tag::{Tag, Tags};
use tokio::runtime::Handle;

use super::{BinaryPolicy, Fetcher};
use crate::wheel::Store;

/// Starts to fetch the packages of these groups that any Python wants. `sources` are those of the project, `policy` is
/// what its settings say of wheels and sdists.
pub fn fetch_ahead(
    index: &Index,
    sources: &[Source],
    policy: &BinaryPolicy,
    lockfile: &Lockfile,
    groups: &BTreeSet<GroupName>,
    runtime: &Handle,
) {
    let store = Store::new(index.cache());
    let wanted = lockfile.packages.iter().filter(|package| {
        is_of_index(package)
            && !package.optional
            && package
                .groups
                .iter()
                .any(|group| groups.contains(group) && !package.markers.contains_key(group))
            && !is_here(package, &store, index)
    });
    for package in wanted {
        let (index, sources) = (index.clone(), sources.to_vec());
        let (policy, package) = (policy.clone(), package.clone());
        runtime.spawn(async move { fetch(&index, &sources, &policy, &package).await });
    }
}

async fn fetch(index: &Index, sources: &[Source], policy: &BinaryPolicy, package: &LockedPackage) {
    let fetcher = Fetcher {
        index,
        sources,
        tags: &any_python(),
        python: None,
        policy,
        folder: &PathBuf::new(),
    };
    if only_wheel(package).is_some_and(|wheel| policy.allows(&package.name, wheel)) {
        fetcher.fetch(package, &|_, _| {}).await.ok();
    } else if let Ok(source) = fetcher.source(package) {
        index
            .release_files(source, &package.name, &package.version)
            .await;
    }
}

fn is_of_index(package: &LockedPackage) -> bool {
    let source = package.source.as_ref();
    source.is_none_or(|source| source.kind == SourceKind::Legacy)
}

/// Is any of its files here? Then that is probably the wanted one.
fn is_here(package: &LockedPackage, store: &Store, index: &Index) -> bool {
    package.files.iter().any(|file| {
        (file.hash.algorithm == "sha256" && store.has(&file.hash.hex))
            || index
                .cached_archive(&file.file, std::slice::from_ref(&file.hash))
                .is_some()
    })
}

/// The one wheel of a release that has no other and that fits everywhere.
fn only_wheel(package: &LockedPackage) -> Option<&str> {
    let mut wheels = package
        .files
        .iter()
        .map(|file| file.file.as_str())
        .filter(|file| file.ends_with(".whl"));
    let only = wheels.next()?;
    (wheels.next().is_none() && only.ends_with("py3-none-any.whl")).then_some(only)
}

fn any_python() -> Tags {
    Tags::new(vec![Tag::new("py3", "none", "any")])
}
