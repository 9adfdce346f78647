//! The packages of the old lock, as the solver prefers them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use pubgrub::VersionSet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dist::{Priority, Source};
use crate::git_url::without_credentials;
use crate::lock::{LockedPackage, LockedSource, Lockfile, SourceKind};
use crate::name::PackageName;
use crate::path::normalize;
use crate::requirement::{Origin, Requirement};
use crate::sync::lock;
use crate::version::Version;

use super::node::{INDEX, OriginId, Releases};
use super::package::Package;
use super::shared::Shared;
use super::world::origin_key;

/// Ids of locked direct origins start here, so that they never meet those of origins that were read anew.
const FIRST_LOCKED_ORIGIN: OriginId = 1 << 30;

/// Origins of locked packages that something still requires by the words of the lock.
pub(crate) type Kept = Arc<Mutex<FxHashSet<OriginId>>>;

/// Locked packages by name, newest first.
#[derive(Default)]
pub(crate) struct Locked {
    by_name: FxHashMap<PackageName, Vec<Arc<Package>>>,
    explicit: Vec<String>,
    /// Poetry: sources that the root's requirements name, which locked packages get back.
    named: FxHashMap<PackageName, String>,
    kept: Kept,
    /// There is nothing else, and nobody is asked: see [`super::among`].
    is_all: bool,
}

impl Locked {
    pub(crate) fn new(lockfile: &Lockfile, folder: &Path, sources: &[Source]) -> Self {
        let mut locked = Self {
            explicit: sources
                .iter()
                .filter(|source| source.priority == Priority::Explicit)
                .map(|source| source.name.to_lowercase())
                .collect(),
            ..Self::default()
        };
        for (id, package) in (FIRST_LOCKED_ORIGIN..).zip(&lockfile.packages) {
            let package = Arc::new(as_package(package, folder, id));
            locked
                .by_name
                .entry(package.name.clone())
                .or_default()
                .push(package);
        }
        for packages in locked.by_name.values_mut() {
            packages.sort_by(|a, b| b.version.cmp(&a.version));
        }
        locked
    }

    /// Nothing else may be chosen, and nothing is read anew, not even directories.
    pub(crate) fn alone(mut self) -> Self {
        self.is_all = true;
        self
    }

    pub(crate) fn is_all_there_is(&self) -> bool {
        self.is_all
    }

    pub(crate) fn name_sources(&mut self, requirements: &[Shared]) {
        for requirement in requirements {
            let requirement = requirement.original();
            if let Origin::Index {
                source: Some(source),
            } = &requirement.origin
            {
                self.named.insert(requirement.name.clone(), source.clone());
            }
        }
    }

    pub(crate) fn kept(&self) -> Kept {
        Arc::clone(&self.kept)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Is a package of this name locked?
    pub(crate) fn knows(&self, name: &PackageName) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn packages(&self) -> impl Iterator<Item = &Arc<Package>> {
        self.by_name.values().flatten()
    }

    /// The newest locked release that a requirement accepts within a set of releases.
    pub(crate) fn fitting(&self, speaker: &Requirement, wanted: &Releases) -> Option<Arc<Package>> {
        let packages = self.by_name.get(&speaker.name)?;
        let origin = self.same_direct(speaker).map(|same| same.origin);
        let fits = |package: &&Arc<Package>| {
            wanted.contains(&package.release())
                && package.comes_from(&speaker.origin, origin)
                && self.is_reusable(package, speaker)
        };
        packages.iter().find(fits).cloned()
    }

    /// Poetry: a package from an explicit source is reused only where that source is named.
    fn is_reusable(&self, package: &Package, speaker: &Requirement) -> bool {
        if self.named.contains_key(&speaker.name)
            || !matches!(&speaker.origin, Origin::Index { source: None })
        {
            return true;
        }
        let source = package
            .source
            .as_ref()
            .and_then(|source| source.reference.as_ref());
        source.is_none_or(|source| {
            package.is_direct() || !self.explicit.contains(&source.to_lowercase())
        })
    }

    /// The locked package of just this path, URL or commit. Directories are always read anew.
    ///
    /// Poetry: a repository is not asked again for a reference that is locked, unless extras are wanted.
    pub(crate) fn same_direct(&self, requirement: &Requirement) -> Option<Arc<Package>> {
        if self.is_all {
            return self.at(requirement);
        }
        let wanted = &requirement.origin;
        let is_same: &dyn Fn(&Origin) -> bool = match wanted {
            Origin::Index { .. } | Origin::Directory { .. } => return None,
            Origin::Git { .. } if !requirement.extras.is_empty() => return None,
            Origin::Git { .. } => &|origin| origin.is_same_as(wanted),
            Origin::File { .. } | Origin::Url { .. } => {
                &|origin| origin_key(origin) == origin_key(wanted)
            }
        };
        let same = self
            .by_name
            .get(&requirement.name)?
            .iter()
            .find(|package| {
                let source = package.source.as_ref();
                source.is_some_and(|source| is_same(&source.to_origin(package.develop)))
            })?;
        let mut kept = lock(&self.kept);
        kept.insert(same.origin);
        Some(Arc::clone(same))
    }

    /// The locked package from the place that a direct requirement leads to.
    fn at(&self, requirement: &Requirement) -> Option<Arc<Package>> {
        let packages = self.by_name.get(&requirement.name)?;
        let is_there = |package: &&Arc<Package>| {
            let source = package.source.as_ref();
            source.is_some_and(|source| {
                (source.to_origin(package.develop)).is_same_as(&requirement.origin)
            })
        };
        (packages.iter())
            .filter(|_| requirement.origin.is_direct())
            .find(is_there)
            .cloned()
    }

    pub(crate) fn by_origin(&self, origin: OriginId) -> Option<Arc<Package>> {
        self.packages()
            .find(|package| package.origin == origin)
            .cloned()
    }

    /// The source that a locked release came from, if the project names it.
    pub(crate) fn source_of(&self, name: &PackageName, version: &Version) -> Option<String> {
        if let Some(named) = self.named.get(name) {
            return Some(named.clone());
        }
        let package = self
            .by_name
            .get(name)?
            .iter()
            .find(|package| package.version == *version)?;
        let source = package.source.as_ref()?;
        (source.kind == SourceKind::Legacy)
            .then(|| source.reference.clone())
            .flatten()
    }
}

fn as_package(locked: &LockedPackage, folder: &Path, id: OriginId) -> Package {
    let mut source = locked.source.clone();
    let mut origin = INDEX;
    if let Some(source) = &mut source
        && source.kind.is_direct()
    {
        origin = id;
        *source = source.clone().below(folder);
        if source.kind == SourceKind::Git {
            source.url = without_credentials(&source.url).into_owned();
        }
    }
    let requirements: Vec<Shared> = locked
        .requirements
        .iter()
        .cloned()
        .map(|requirement| Shared::new(in_repository(requirement, locked.source.as_ref())))
        .collect();
    let parse = |text: &String| Requirement::parse(text, None).ok().map(Shared::new);
    Package {
        name: locked.name.clone(),
        pretty_name: locked.pretty_name.clone(),
        version: locked.version.clone(),
        origin,
        description: locked.description.clone(),
        python_versions: locked.python_versions.clone(),
        python: crate::constraint::Constraint::parse_marker_version(&locked.python_versions)
            .unwrap_or_else(|_| crate::constraint::Constraint::any()),
        requirements,
        extras: locked
            .extras
            .iter()
            .map(|(extra, texts)| (extra.clone(), texts.iter().filter_map(parse).collect()))
            .collect(),
        files: locked.files.clone(),
        develop: locked.develop,
        source,
        yanked: None,
    }
}

/// A path that Poetry has written down for a package from git starts in that package's folder.
fn in_repository(mut requirement: Requirement, source: Option<&LockedSource>) -> Requirement {
    let (Origin::Directory { path, develop, .. }, Some(source)) = (&requirement.origin, source)
    else {
        return requirement;
    };
    let (SourceKind::Git, Some(commit)) = (source.kind, &source.resolved_reference) else {
        return requirement;
    };
    let own = Path::new(source.subdirectory.as_deref().unwrap_or_default());
    let folder = normalize(&own.join(path));
    if folder.is_relative() && !folder.starts_with("..") {
        requirement.origin =
            Origin::folder_of_repository(&source.url, commit, &folder.to_string_lossy(), *develop);
    }
    requirement
}
