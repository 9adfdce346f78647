//! What the sources of a project offer of packages that are known already: which releases there are, and whether there is a
//! later one than the one that is locked.
//!
//! As in `newest`, neither the pythons of the project nor what a release would require count.

use futures_util::future::try_join_all;

use crate::constraint::Constraint;
use crate::dist::Source;
use crate::index::{Index, IndexError};
use crate::lock::{LockedPackage, LockedSource};
use crate::name::PackageName;
use crate::project::Project;
use crate::requirement::Requirement;
use crate::version::Version;

use super::node::Releases;
use super::world::{Sources, World};
use super::{Locked, Request, SolveError};

/// The releases on one source that a requirement accepts, latest first. Blocks.
///
/// # Errors
/// When the source fails.
pub fn offered(
    project: &Project,
    requirement: &Requirement,
    source: &str,
    index: &Index,
    runtime: &tokio::runtime::Handle,
) -> Result<Vec<Version>, SolveError> {
    let sources = Sources::new(project, index);
    let wanted = Releases::of(&requirement.constraint);
    let found = runtime.block_on(sources.find(&requirement.name, Some(source), &wanted, None))?;
    Ok(found.iter().map(|one| one.version().clone()).collect())
}

/// The releases on one source of all projects whose names contain one of some words. Blocks.
///
/// # Errors
/// When the source fails or does not tell what it has.
pub fn listed(
    words: &[String],
    source: &Source,
    index: &Index,
    runtime: &tokio::runtime::Handle,
) -> Result<Vec<(PackageName, Version)>, IndexError> {
    let is_wanted = |name: &PackageName| {
        words
            .iter()
            .any(|word| name.as_str().contains(word.as_str()))
    };
    runtime.block_on(async {
        let mut names = index.names(source).await?;
        names.retain(is_wanted);
        let offers = try_join_all(names.iter().map(|name| index.offers(source, name))).await?;
        let of_each = names.iter().zip(offers);
        Ok(of_each
            .flat_map(|(name, offers)| {
                offers
                    .into_iter()
                    .map(|offer| (name.clone(), offer.version))
            })
            .collect())
    })
}

/// For each of some locked packages: the package at the latest version that there is of it, if there is one that is not
/// older. What the project takes from a path, a URL or a repository is looked for there. Blocks.
///
/// Poetry: what only others take from such a place is looked for on the sources.
///
/// # Errors
/// When a source fails, or a direct requirement can't be read.
pub fn latest(
    project: &Project,
    packages: &[&LockedPackage],
    index: &Index,
    runtime: &tokio::runtime::Handle,
) -> Result<Vec<Option<LockedPackage>>, SolveError> {
    let (nothing, request) = (Locked::default(), Request::default());
    let world = World::new(project, &nothing, &request, index, runtime, &());
    let sources = Sources::new(project, index);
    let on_sources = packages.iter().map(async |package| {
        if direct_requirement(project, package).is_some() {
            return Ok(None);
        }
        latest_release(project, package, &sources).await
    });
    let found: Vec<Option<Version>> = runtime.block_on(try_join_all(on_sources))?;
    (packages.iter().zip(found))
        .map(|(package, release)| {
            let at = |version: Version, source: Option<LockedSource>| LockedPackage {
                version,
                source,
                ..(*package).clone()
            };
            match direct_requirement(project, package) {
                None => Ok(release.map(|version| at(version, None))),
                Some(requirement) => {
                    let found = world.direct(requirement)?;
                    Ok(Some(at(found.version.clone(), found.source.clone())))
                }
            }
        })
        .collect()
}

/// The first of the project's requirements that takes a package from where it is locked, if that is no index.
fn direct_requirement<'p>(
    project: &'p Project,
    package: &LockedPackage,
) -> Option<&'p Requirement> {
    let source = (package.source.as_ref()).filter(|source| source.kind.is_direct())?;
    let is_of_kind = |requirement: &&Requirement| {
        requirement.name == package.name
            && std::mem::discriminant(&requirement.origin)
                == std::mem::discriminant(&source.to_origin(package.develop))
    };
    project.requirements().find(is_of_kind)
}

/// The latest release of a package on the source that it is locked from.
async fn latest_release(
    project: &Project,
    package: &LockedPackage,
    sources: &Sources,
) -> Result<Option<Version>, IndexError> {
    let prereleases = prereleases_of(project, &package.name);
    let source = (package.source.as_ref())
        .filter(|source| !source.kind.is_direct())
        .and_then(|source| source.reference.as_deref());
    let at_least = Constraint::parse(&format!(">={}", package.version));
    let wanted = Releases::of(&at_least.unwrap_or_else(|_| Constraint::any()));
    let found = sources
        .find(&package.name, source, &wanted, prereleases)
        .await?;
    let mut versions: Vec<Version> = found.iter().map(|one| one.version().clone()).collect();
    if prereleases != Some(true) && versions.iter().any(Version::is_stable) {
        versions.retain(Version::is_stable);
    }
    Ok(versions.into_iter().max())
}

/// What the first requirement on a package says of pre-releases.
fn prereleases_of(project: &Project, name: &PackageName) -> Option<bool> {
    let mut requirements = project.requirements();
    let requirement = requirements.find(|requirement| requirement.name == *name)?;
    requirement.allows_prereleases
}
