//! Resolving among the packages of a lock file alone.
//!
//! A lock before 2.1 says which packages there are, but neither which groups need them nor when. So whoever installs
//! from it resolves once more: for one environment, with the locked packages as the only candidates and their
//! requirements as they are locked. Nobody is asked, and nothing is read but the lock.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::cache::Cache;
use crate::constraint::Constraint;
use crate::dist::{Priority, Source};
use crate::index::{Index, Recording};
use crate::lock::{LockedPackage, Lockfile};
use crate::marker::MarkerEnvironment;
use crate::name::{ExtraName, GroupName, PackageName};
use crate::project::Project;
use crate::version::Version;

use super::locked::Locked;
use super::{Request, SolveError, resolve_from};

/// Which part of a project is wanted, and where.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Dependency groups.
    pub groups: &'a BTreeSet<GroupName>,
    /// Extras of the project; `None` leaves open which.
    pub extras: Option<&'a BTreeSet<ExtraName>>,
    /// Where it is going to be installed.
    pub environment: &'a MarkerEnvironment,
}

/// Finds which packages of a lock file a part of a project needs in an environment; the answer says so by groups and
/// markers. Packages for extras that are not wanted are in it, too, but in no group. Blocks.
///
/// # Errors
/// When the locked packages don't satisfy the project.
pub fn resolve_among(
    project: &Project,
    lockfile: &Lockfile,
    part: &Part<'_>,
    cache: Cache,
    runtime: &tokio::runtime::Handle,
) -> Result<Lockfile, SolveError> {
    let mut project = project.with_groups(part.groups);
    project.sources = sources(&lockfile.packages);
    if let Some(python) = python(part.environment) {
        project.python_constraint = Constraint::Version(python);
    }
    let locked = Locked::new(lockfile, &project.root, &project.all_sources()).alone();
    let request = Request {
        environment: Some(part.environment.clone()),
        extras: part.extras.map(|extras| extras.iter().cloned().collect()),
        ..Request::default()
    };
    let nobody = Index::replay(Recording::default(), cache);
    let mut found = resolve_from(&project, locked, &request, &nobody, runtime, &())?;
    if let Some(extras) = part.extras {
        let wanted = names_of_extras(&project, &found.packages, extras);
        for package in &mut found.packages {
            if package.optional && !wanted.contains(&package.name) {
                package.groups.clear();
            }
        }
    }
    // What the lock says of extras counts.
    found.extras.clone_from(&lockfile.extras);
    Ok(found)
}

/// Poetry: the stable version, so that what is for 3.14 is also for its release candidates.
fn python(environment: &MarkerEnvironment) -> Option<Version> {
    let version: Version = environment.python_full_version.parse().ok()?;
    let numbers: Vec<String> = version.release().iter().map(ToString::to_string).collect();
    numbers.join(".").parse().ok()
}

/// Poetry: the sources that locked packages name are as good as any, whatever the project says of them now.
fn sources(packages: &[LockedPackage]) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for package in packages {
        let reference = match &package.source {
            None => Some(("PyPI".to_owned(), None)),
            Some(source) => (source.reference.clone())
                .filter(|_| source.kind == crate::lock::SourceKind::Legacy)
                .map(|reference| (reference, Some(source.url.clone()))),
        };
        if let Some((name, url)) = reference
            && !sources.iter().any(|known| known.name == name)
        {
            let priority = Priority::Primary;
            sources.push(Source {
                name,
                url,
                priority,
            });
        }
    }
    sources
}

/// The packages that extras bring, and all that these require.
fn names_of_extras(
    project: &Project,
    packages: &[LockedPackage],
    extras: &BTreeSet<ExtraName>,
) -> BTreeSet<PackageName> {
    let by_name: FxHashMap<&PackageName, &LockedPackage> = packages
        .iter()
        .map(|package| (&package.name, package))
        .collect();
    let mut open: Vec<PackageName> = extras
        .iter()
        .filter_map(|extra| project.extra_requirements.get(extra))
        .flatten()
        .map(|requirement| requirement.name.clone())
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(package) = by_name.get(&name) else {
            continue;
        };
        if seen.insert(name) {
            open.extend((package.requirements.iter()).map(|required| required.name.clone()));
        }
    }
    seen
}
