//! What a search may ask about one run: which releases there are, how urgent a package is, what a release requires.
//!
//! The two searches, [`super::provider`] with pubgrub and [`super::search`], ask the same questions here, so there is
//! one set of rules for candidates, sources, locked packages and markers.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock};

use pubgrub::VersionSet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::marker::MarkerEnvironment;
use crate::name::{ExtraName, PackageName};
use crate::requirement::{Origin, Requirement};
use crate::version::Version;

use super::SolveError;
use super::candidates::Candidates;
use super::complete::{Completer, Edge, Reached, Stop};
use super::locked::Locked;
use super::node::{INDEX, Node, OriginId, Release, Releases};
use super::overrides::{Overrides, Run};
use super::package::Package;
use super::shared::{Changes, Shared};
use super::world::World;

/// What a run needs that is the same for all runs of a resolution.
pub(crate) struct Task<'a> {
    /// The project's name.
    pub(crate) title: String,
    /// The project's version, as a message shows it.
    pub(crate) version: String,
    pub(crate) requirements: Vec<Shared>,
    pub(crate) world: &'a World<'a>,
    pub(crate) locked: &'a Locked,
    pub(crate) use_latest: FxHashSet<PackageName>,
    pub(crate) environment: Option<&'a MarkerEnvironment>,
    /// The project's extras that are switched on, if that is known.
    pub(crate) extras: Option<&'a [ExtraName]>,
    /// Did requirements get into conflict in a run? Then they probably will in the next one.
    pub(crate) conflicts: AtomicBool,
    /// How many runs have begun.
    pub(crate) runs: AtomicUsize,
    /// Threads for runs that are solved side by side. Not those that pages are read on: a run waits for pages.
    pub(crate) threads: OnceLock<Option<rayon::ThreadPool>>,
}

impl Task<'_> {
    /// The locked package of just a direct requirement's place, unless its latest is wanted.
    pub(crate) fn locked_direct(&self, requirement: &Requirement) -> Option<Arc<Package>> {
        if self.use_latest.contains(&requirement.name) {
            return None;
        }
        self.locked.same_direct(requirement)
    }
}

/// Why a search was stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    #[error("the run has to be split")]
    Split(Vec<Overrides>),
    #[error("requirements are in conflict")]
    Conflict,
    #[error(transparent)]
    Failed(#[from] SolveError),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Split(overrides) => Self::Split(overrides),
            Stop::Failed(error) => Self::Failed(error),
        }
    }
}

/// Why a release can't be used, whatever else is chosen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unavailable {
    /// Its Requires-Python leaves out pythons that the project supports.
    Python(String),
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Python(python) => write!(f, "requires Python {python}"),
        }
    }
}

/// What is decided first; the smallest rank wins, field by field.
///
/// Poetry: many remaining versions rank before few, which keeps boto3 before urllib3; see its `_get_comp_key`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Rank {
    preference: Preference,
    upper_bounds: Reverse<usize>,
    is_leaf: bool,
    candidates: Reverse<usize>,
}

impl Rank {
    pub(crate) const PROBE: Self = Self::only(Preference::Probe);
    pub(crate) const ROOT: Self = Self::only(Preference::Root);
    pub(crate) const NO_CHOICE: Self = Self::only(Preference::NoChoice);

    const fn only(preference: Preference) -> Self {
        Self {
            preference,
            upper_bounds: Reverse(0),
            is_leaf: false,
            candidates: Reverse(0),
        }
    }
}

/// Poetry's classes of packages, most urgent first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Preference {
    Probe,
    Root,
    DirectOrigin,
    NoChoice,
    UseLatest,
    Locked,
    Default,
}

/// The releases that may be chosen for a node now.
#[derive(Clone)]
pub(crate) struct Choice {
    pub(crate) best: Option<Arc<Package>>,
    count: usize,
    is_locked: bool,
}

/// A release with what it requires in this run.
#[derive(Clone)]
pub(crate) struct Completed {
    /// `None` for the root.
    pub(crate) package: Option<Arc<Package>>,
    pub(crate) edges: Arc<Vec<Edge>>,
}

/// The world as one run sees it.
pub(crate) struct Answers<'a> {
    pub(crate) task: &'a Task<'a>,
    pub(crate) run: &'a Run,
    /// Poetry: a direct package, once met, is used for every requirement on its name that it satisfies.
    direct: RefCell<FxHashMap<PackageName, Arc<Package>>>,
    tried: RefCell<FxHashMap<PackageName, Tried>>,
    /// What this run and those before it made of requirements.
    changes: RefCell<Changes>,
}

/// How many best candidates of a name were rejected one after the other.
#[derive(Default)]
struct Tried {
    last: Option<Version>,
    rejected: usize,
}

/// So many are asked for at once, and no more than there were before.
const MOST_AHEAD: usize = 32;

impl<'a> Answers<'a> {
    pub(crate) fn new(task: &'a Task<'a>, run: &'a Run, changes: Changes) -> Self {
        Self {
            task,
            run,
            direct: RefCell::default(),
            tried: RefCell::default(),
            changes: RefCell::new(changes),
        }
    }

    /// What has become of requirements.
    pub(crate) fn into_changes(self) -> Changes {
        self.changes.into_inner()
    }

    /// Can it be that no index has a say in what is chosen?
    pub(crate) fn may_be_settled(&self, requirement: &Requirement) -> bool {
        requirement.origin.is_direct()
            || self.task.locked.knows(&requirement.name)
            || self.direct.borrow().contains_key(&requirement.name)
    }

    /// The choice where no index has a say: a locked package that fits, or the package at a direct origin.
    pub(crate) fn settled(
        &self,
        requirement: &Requirement,
        wanted: &Releases,
    ) -> Result<Option<Choice>, SolveError> {
        let name = &requirement.name;
        if let Some(package) = self.locked(requirement, wanted) {
            return Ok(Some(Choice {
                best: Some(package),
                count: 1,
                is_locked: true,
            }));
        }
        if requirement.origin.is_direct() {
            let package = self.task.world.direct(requirement)?;
            self.direct
                .borrow_mut()
                .insert(name.clone(), Arc::clone(&package));
            let fits = wanted.contains(&package.release());
            return Ok(Some(Choice {
                count: usize::from(fits),
                best: fits.then_some(package),
                is_locked: false,
            }));
        }
        let met = self.direct.borrow().get(name).cloned();
        let fits = |package: &Arc<Package>| {
            wanted.contains(&package.release()) && source_of(requirement).is_none()
        };
        Ok(met.filter(fits).map(|package| Choice {
            best: Some(package),
            count: 1,
            is_locked: false,
        }))
    }

    /// What the indexes offer for a requirement within a set of releases, best first.
    pub(crate) fn listed(
        &self,
        requirement: &Requirement,
        wanted: &Releases,
    ) -> Result<Candidates, SolveError> {
        self.task.world.candidates(
            &requirement.name,
            source_of(requirement),
            wanted,
            requirement.allows_prereleases,
        )
    }

    /// The choice among candidates, best first.
    pub(crate) fn choice_among(
        &self,
        name: &PackageName,
        candidates: &Candidates,
    ) -> Result<Choice, SolveError> {
        self.ask_ahead(name, candidates);
        let best = match candidates.best() {
            Some(best) => self.task.world.package(best.source, name, best.version())?,
            None => None,
        };
        Ok(Choice {
            best,
            count: candidates.len(),
            is_locked: false,
        })
    }

    /// Where one candidate after another falls through and nobody foresaw the best one now, asks for as many of the
    /// next ones as fell through so far: the search waits a few times only, and half is asked for in vain at most.
    fn ask_ahead(&self, name: &PackageName, candidates: &Candidates) {
        let Some(best) = candidates.best() else {
            return;
        };
        let mut tried = self.tried.borrow_mut();
        let tried = tried.entry(name.clone()).or_default();
        if tried.last.as_ref() == Some(best.version()) {
            return;
        }
        tried.last = Some(best.version().clone());
        let more = tried.rejected.min(MOST_AHEAD);
        tried.rejected += 1;
        if self.task.world.expects(name, best) {
            return;
        }
        let next = candidates.iter().skip(1).take(more);
        let world = self.task.world;
        for next in next.filter(|next| world.is_cheap(name, *next)) {
            world.want_release(name, next.version(), next.source);
        }
    }

    /// Poetry: a locked release that fits is taken, whatever the index says of it now.
    fn locked(&self, requirement: &Requirement, wanted: &Releases) -> Option<Arc<Package>> {
        if self.task.use_latest.contains(&requirement.name) {
            return None;
        }
        self.task.locked.fitting(requirement, wanted)
    }

    /// How urgent it is to decide on a node.
    pub(crate) fn rank(&self, node: &Node, requirement: &Requirement, choice: &Choice) -> Rank {
        let preference = if requirement.origin.is_direct() {
            Preference::DirectOrigin
        } else if choice.is_locked {
            Preference::Locked
        } else if choice.count < 2 {
            Preference::NoChoice
        } else if self.task.use_latest.contains(&requirement.name) {
            Preference::UseLatest
        } else {
            Preference::Default
        };
        let changes = self.changes.borrow();
        let mut upper_bounds = 0;
        let mut is_leaf = true;
        for required in choice.best.iter().flat_map(|package| &package.requirements) {
            let required = changes.of(required);
            if required.is_asked_for(node.extras()) {
                is_leaf = false;
                upper_bounds += usize::from(required.constraint.has_upper_bound());
            }
        }
        Rank {
            preference,
            upper_bounds: Reverse(upper_bounds),
            is_leaf,
            candidates: Reverse(choice.count),
        }
    }

    /// What the project requires in this run.
    pub(crate) fn complete_root(&self) -> Result<Completed, Halt> {
        let title = format!("{} ({})", self.task.title, self.task.version);
        Ok(Completed {
            package: None,
            edges: Arc::new(self.completer().root(&title)?),
        })
    }

    /// What a release requires in this run, having been reached in that way.
    pub(crate) fn complete(
        &self,
        node: &Node,
        release: &Release,
        reached: &Reached,
    ) -> Result<Result<Completed, Unavailable>, Halt> {
        let package = self.find_package(node, release, reached.source.as_deref())?;
        let edges = self.completer().package(node, &package, reached)?;
        if let Some(python) = self.refused_python(&package, reached) {
            return Ok(Err(Unavailable::Python(python)));
        }
        for edge in &edges {
            self.task.world.want(&edge.now);
        }
        self.task
            .world
            .reporter()
            .decided(&package.name, &release.version);
        Ok(Ok(Completed {
            package: Some(package),
            edges: Arc::new(edges),
        }))
    }

    fn completer(&self) -> Completer<'_> {
        Completer {
            task: self.task,
            run: self.run,
            changes: &self.changes,
        }
    }

    fn find_package(
        &self,
        node: &Node,
        release: &Release,
        source: Option<&str>,
    ) -> Result<Arc<Package>, Halt> {
        let name = node.name().expect("only packages have releases");
        let world = self.task.world;
        let missing = || {
            Halt::Failed(SolveError::Vanished {
                name: name.clone(),
                version: release.version.clone(),
            })
        };
        if release.origin != INDEX {
            return world
                .direct_by_origin(release.origin)
                .or_else(|| self.task.locked.by_origin(release.origin))
                .ok_or_else(missing);
        }
        let source = source
            .map(str::to_owned)
            .or_else(|| self.task.locked.source_of(name, &release.version));
        world
            .package_from(source.as_deref(), name, &release.version)?
            .ok_or_else(missing)
    }

    /// Poetry: a package must support every python that the project supports, as far as the markers on the ways to
    /// it reach.
    fn refused_python(&self, package: &Package, reached: &Reached) -> Option<String> {
        let project = &self.run.python;
        if package.python.allows_all(project) {
            return None;
        }
        let along = self.task.world.python_of_marker(&reached.transitive);
        let supported = package.python.intersect(&along);
        let unsupported = along.difference(&supported).intersect(project);
        let refused = along.is_any()
            || project.intersect(&reached.python).is_empty()
            || supported.is_empty()
            || !unsupported.is_empty();
        refused.then(|| package.python_versions.clone())
    }

    /// The release at the place of a direct requirement.
    pub(crate) fn direct_releases(&self, requirement: &Requirement) -> Releases {
        self.direct_package(requirement)
            .map_or_else(Releases::empty, |package| {
                Releases::only(&package.release())
            })
    }

    /// The id of the place that a requirement wants its package from.
    pub(crate) fn origin(&self, requirement: &Requirement) -> OriginId {
        if !requirement.origin.is_direct() {
            return INDEX;
        }
        self.direct_package(requirement)
            .map_or(INDEX, |package| package.origin)
    }

    fn direct_package(&self, requirement: &Requirement) -> Option<Arc<Package>> {
        self.task
            .locked_direct(requirement)
            .or_else(|| self.task.world.direct(requirement).ok())
    }
}

/// The source that a requirement names.
pub(crate) fn source_of(requirement: &Requirement) -> Option<&str> {
    match &requirement.origin {
        Origin::Index { source } => source.as_deref(),
        _ => None,
    }
}
