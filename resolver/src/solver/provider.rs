//! Answers pubgrub's three questions: which package next, which version of it, what does it require?
//!
//! pubgrub keeps its partial solution to itself, but Poetry's rules look at it: at the markers along the ways to
//! a package, and at which requirement reached it first. So the provider keeps a [`Trail`] of its own: the
//! decisions that stand, in order. A decision that is asked about again has been undone, together with all that
//! came after it.
//!
//! Two things make pubgrub search as Poetry does. Requirements are handed over in reverse, as Poetry derives
//! the last one first and breaks ties by that order. And a *probe* forces one harmless step back at the start,
//! because pubgrub checks a version's requirements before deciding it only once it has stepped back.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::sync::Arc;

use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics,
    VersionSet,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::constraint::Constraint;
use crate::marker::MarkerEnvironment;
use crate::name::PackageName;
use crate::requirement::{Origin, Requirement};

use super::SolveError;
use super::complete::{Completer, Edge, Reached, Stop, root_release};
use super::locked::Locked;
use super::node::{INDEX, Node, Release, Releases};
use super::overrides::{Overrides, Run};
use super::package::{Decided, Package};
use super::shared::Shared;
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
}

/// Why pubgrub was stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    #[error("the run has to be split")]
    Split(Vec<Overrides>),
    #[error(transparent)]
    Failed(SolveError),
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
struct Choice {
    best: Option<Arc<Package>>,
    count: usize,
    is_locked: bool,
}

/// A decision that stands, and what it requires.
struct Step {
    node: Node,
    release: Release,
    edges: Arc<Vec<Edge>>,
}

/// The decisions that stand, in order.
#[derive(Default)]
struct Trail {
    steps: Vec<Step>,
    place: FxHashMap<Node, usize>,
    /// Node → the edges that lead to it, as (step, edge).
    incoming: FxHashMap<Node, Vec<(usize, usize)>>,
}

impl Trail {
    /// Forgets a node's decision and all later ones.
    fn undo(&mut self, node: &Node) {
        let Some(&place) = self.place.get(node) else {
            return;
        };
        for step in self.steps.drain(place..) {
            self.place.remove(&step.node);
            for edge in step.edges.iter() {
                if let Some(incoming) = self.incoming.get_mut(&edge.to) {
                    incoming.retain(|(from, _)| *from < place);
                }
            }
        }
    }

    fn decide(&mut self, node: Node, release: Release, edges: Arc<Vec<Edge>>) {
        self.undo(&node);
        let step = self.steps.len();
        // Poetry derives the last requirement first.
        for (place, edge) in edges.iter().enumerate().rev() {
            self.incoming
                .entry(edge.to.clone())
                .or_default()
                .push((step, place));
        }
        self.place.insert(node.clone(), step);
        self.steps.push(Step {
            node,
            release,
            edges,
        });
    }

    /// All edges to a node, in the order in which Poetry derives them.
    fn edges_to<'t>(&'t self, node: &Node) -> impl Iterator<Item = &'t Edge> {
        let incoming = self.incoming.get(node).map_or(&[][..], Vec::as_slice);
        incoming
            .iter()
            .map(|&(step, edge)| &self.steps[step].edges[edge])
    }
}

/// The world as one run sees it.
pub(crate) struct Provider<'a> {
    task: &'a Task<'a>,
    run: &'a Run,
    trail: RefCell<Trail>,
    completed: RefCell<FxHashMap<(Node, Release), Completed>>,
    /// For each node the first edge that ever led to it. A node can be wanted before anything that requires it is
    /// decided, because of what was learned from a conflict.
    known: RefCell<FxHashMap<Node, Edge>>,
    /// Poetry: a direct package, once met, is used for every requirement on its name that it satisfies.
    direct: RefCell<FxHashMap<PackageName, Arc<Package>>>,
}

#[derive(Clone)]
struct Completed {
    package: Option<Arc<Package>>,
    edges: Arc<Vec<Edge>>,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(task: &'a Task<'a>, run: &'a Run) -> Self {
        Self {
            task,
            run,
            trail: RefCell::default(),
            completed: RefCell::default(),
            known: RefCell::default(),
            direct: RefCell::default(),
        }
    }

    /// The decisions of a finished run, in order.
    pub(crate) fn decided(&self) -> Vec<Decided> {
        let trail = self.trail.borrow();
        let completed = self.completed.borrow();
        trail
            .steps
            .iter()
            .filter_map(|step| {
                let key = (step.node.clone(), step.release.clone());
                let package = completed.get(&key)?.package.clone()?;
                let requirements = step
                    .edges
                    .iter()
                    .map(|edge| edge.requirement.clone())
                    .collect();
                Some(Decided {
                    node: step.node.clone(),
                    package,
                    requirements,
                })
            })
            .collect()
    }

    /// The requirements that a release has on a name in this run, for explanations.
    pub(crate) fn requirements_of(&self, node: &Node, on: &Node) -> Vec<(Release, Edge)> {
        let mut found: Vec<(Release, Edge)> = self
            .completed
            .borrow()
            .iter()
            .filter(|((from, _), _)| from == node)
            .flat_map(|((_, release), completed)| {
                completed
                    .edges
                    .iter()
                    .filter(|edge| edge.to == *on)
                    .map(|edge| (release.clone(), edge.clone()))
            })
            .collect();
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
        found
    }

    /// The requirement that speaks for a node: the first that reached it, or the first direct one.
    fn speaker(&self, node: &Node) -> Option<Arc<Requirement>> {
        let trail = self.trail.borrow();
        let mut first = None;
        for edge in trail.edges_to(node) {
            let requirement = edge.requirement.get();
            if requirement.origin.is_direct() {
                return Some(requirement);
            }
            first.get_or_insert(requirement);
        }
        first.or_else(|| {
            self.known
                .borrow()
                .get(node)
                .map(|edge| edge.requirement.get())
        })
    }

    fn reached(&self, node: &Node) -> Reached {
        let trail = self.trail.borrow();
        let known = self.known.borrow();
        let mut edges = trail.edges_to(node);
        let Some(first) = edges.next().or_else(|| known.get(node)) else {
            return Reached::anywhere();
        };
        let requirement = first.requirement.get();
        let mut reached = Reached {
            transitive: first.transitive(),
            marker: requirement.marker.clone(),
            python: self.task.world.python_of(&requirement),
            source: source_of(&requirement),
        };
        for edge in edges {
            // Poetry: equal markers need no merging.
            let transitive = edge.transitive();
            if reached.transitive != transitive {
                reached.transitive = reached.transitive.union(&transitive);
            }
            let marker = &edge.requirement.get().marker;
            if reached.marker != *marker {
                reached.marker = reached.marker.union(marker);
            }
        }
        reached
    }

    fn choice(&self, node: &Node, wanted: &Releases) -> Result<Choice, SolveError> {
        let Some(name) = node.name() else {
            return Ok(Choice {
                best: None,
                count: 1,
                is_locked: false,
            });
        };
        let Some(speaker) = self.speaker(node) else {
            return Ok(Choice {
                best: None,
                count: 0,
                is_locked: false,
            });
        };
        if let Some(package) = self.locked(name, &speaker, wanted) {
            return Ok(Choice {
                best: Some(package),
                count: 1,
                is_locked: true,
            });
        }
        if speaker.origin.is_direct() {
            let package = self.task.world.direct(&speaker)?;
            self.direct
                .borrow_mut()
                .insert(name.clone(), Arc::clone(&package));
            let fits = wanted.contains(&package.release());
            return Ok(Choice {
                count: usize::from(fits),
                best: fits.then_some(package),
                is_locked: false,
            });
        }
        let met = self.direct.borrow().get(name).cloned();
        if let Some(package) = met
            .filter(|package| wanted.contains(&package.release()) && source_of(&speaker).is_none())
        {
            return Ok(Choice {
                best: Some(package),
                count: 1,
                is_locked: false,
            });
        }
        let source = source_of(&speaker);
        let world = self.task.world;
        let candidates =
            world.candidates(name, source.as_deref(), wanted, speaker.allows_prereleases)?;
        let best = match candidates.first() {
            Some(best) => world.package(best.source, name, &best.version)?,
            None => None,
        };
        Ok(Choice {
            best,
            count: candidates.len(),
            is_locked: false,
        })
    }

    /// Poetry: a locked release that fits is taken, whatever the index says of it now.
    fn locked(
        &self,
        name: &PackageName,
        speaker: &Requirement,
        wanted: &Releases,
    ) -> Option<Arc<Package>> {
        if self.task.use_latest.contains(name) {
            return None;
        }
        self.task.locked.fitting(speaker, wanted)
    }

    fn rank(&self, node: &Node, wanted: &Releases) -> Result<Rank, SolveError> {
        let fixed = |preference| Rank {
            preference,
            upper_bounds: Reverse(0),
            is_leaf: false,
            candidates: Reverse(1),
        };
        let Some(name) = node.name() else {
            return Ok(fixed(if *node == Node::Probe {
                Preference::Probe
            } else {
                Preference::Root
            }));
        };
        let choice = self.choice(node, wanted)?;
        let is_direct = self
            .speaker(node)
            .is_some_and(|speaker| speaker.origin.is_direct());
        let preference = if is_direct {
            Preference::DirectOrigin
        } else if choice.is_locked {
            Preference::Locked
        } else if choice.count < 2 {
            Preference::NoChoice
        } else if self.task.use_latest.contains(name) {
            Preference::UseLatest
        } else {
            Preference::Default
        };
        let asked = |requirement: &Arc<Requirement>| {
            let in_extras = &requirement.in_extras;
            in_extras.is_empty() || in_extras.iter().any(|extra| node.extras().contains(extra))
        };
        let requirements: Vec<Arc<Requirement>> = choice
            .best
            .iter()
            .flat_map(|package| package.requirements.iter().map(Shared::get).filter(asked))
            .collect();
        Ok(Rank {
            preference,
            upper_bounds: Reverse(
                requirements
                    .iter()
                    .filter(|r| r.constraint.has_upper_bound())
                    .count(),
            ),
            is_leaf: requirements.is_empty(),
            candidates: Reverse(choice.count),
        })
    }

    fn complete(
        &self,
        node: &Node,
        release: &Release,
    ) -> Result<Result<Completed, Unavailable>, Halt> {
        let locked_direct = |requirement: &Requirement| self.locked_direct(requirement);
        let completer = Completer {
            world: self.task.world,
            run: self.run,
            environment: self.task.environment,
            locked_direct: &locked_direct,
        };
        if *node == Node::Root {
            let title = format!("{} ({})", self.task.title, self.task.version);
            let edges = completer.root(&title, &self.task.requirements)?;
            return Ok(Ok(Completed {
                package: None,
                edges: Arc::new(edges),
            }));
        }
        let reached = self.reached(node);
        let package = self.find_package(node, release, reached.source.as_deref())?;
        let edges = completer.package(node, &package, &reached)?;
        if let Some(python) = self.refused_python(&package, &reached) {
            return Ok(Err(Unavailable::Python(python)));
        }
        Ok(Ok(Completed {
            package: Some(package),
            edges: Arc::new(edges),
        }))
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
            .package_from(source.as_deref(), name, &release.version)
            .map_err(Halt::Failed)?
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
}

fn source_of(requirement: &Requirement) -> Option<String> {
    match &requirement.origin {
        Origin::Index { source } => source.clone(),
        _ => None,
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Node;
    type V = Release;
    type VS = Releases;
    type M = Unavailable;
    type Err = Halt;
    type Priority = Reverse<Rank>;

    /// Waits for the index where it must: if a rank depended on what has arrived so far, two runs could decide in
    /// different orders and write different locks.
    fn prioritize(
        &self,
        node: &Node,
        wanted: &Releases,
        _: &PackageResolutionStatistics,
    ) -> Self::Priority {
        self.trail.borrow_mut().undo(node);
        // An unreadable index counts as empty here; `choose_version` reports it.
        Reverse(self.rank(node, wanted).unwrap_or(Rank {
            preference: Preference::NoChoice,
            upper_bounds: Reverse(0),
            is_leaf: true,
            candidates: Reverse(0),
        }))
    }

    fn choose_version(&self, node: &Node, wanted: &Releases) -> Result<Option<Release>, Halt> {
        match node {
            Node::Root => return Ok(Some(root_release())),
            Node::Probe => {
                let newest = probe_release("1");
                return Ok(Some(if wanted.contains(&newest) {
                    newest
                } else {
                    probe_release("0")
                }));
            }
            Node::Package(..) => {}
        }
        let choice = self.choice(node, wanted).map_err(Halt::Failed)?;
        let Some(package) = choice.best else {
            return Ok(None);
        };
        let release = package.release();
        // A release that was completed before gets no second `get_dependencies`; note the decision here.
        let known = self
            .completed
            .borrow()
            .get(&(node.clone(), release.clone()))
            .cloned();
        if let Some(known) = known {
            self.trail
                .borrow_mut()
                .decide(node.clone(), release.clone(), known.edges);
        }
        Ok(Some(release))
    }

    fn get_dependencies(
        &self,
        node: &Node,
        release: &Release,
    ) -> Result<Dependencies<Node, Releases, Unavailable>, Halt> {
        if *node == Node::Probe {
            return Ok(probe_dependencies(release));
        }
        let completed = match self.complete(node, release)? {
            Ok(completed) => completed,
            Err(unavailable) => return Ok(Dependencies::Unavailable(unavailable)),
        };
        let edges = Arc::clone(&completed.edges);
        self.completed
            .borrow_mut()
            .insert((node.clone(), release.clone()), completed);
        for edge in edges.iter() {
            self.task.world.want(&edge.requirement.get());
            self.known
                .borrow_mut()
                .entry(edge.to.clone())
                .or_insert_with(|| edge.clone());
        }
        if let Some(name) = node.name() {
            self.task.world.reporter().decided(name, &release.version);
        }
        self.trail
            .borrow_mut()
            .decide(node.clone(), release.clone(), Arc::clone(&edges));
        let mut constraints = Vec::with_capacity(edges.len() + 1);
        if *node == Node::Root {
            constraints.push((Node::Probe, Releases::full()));
        }
        for edge in edges.iter().rev() {
            constraints.push((edge.to.clone(), self.releases(&edge.requirement.get())));
        }
        Ok(Dependencies::Available(DependencyConstraints::from_iter(
            constraints,
        )))
    }
}

impl Provider<'_> {
    /// The releases a requirement admits.
    fn releases(&self, requirement: &Requirement) -> Releases {
        if !requirement.origin.is_direct() {
            return Releases::of(&requirement.constraint);
        }
        let package = self
            .locked_direct(requirement)
            .or_else(|| self.task.world.direct(requirement).ok());
        package.map_or_else(Releases::empty, |package| {
            Releases::only(&package.release())
        })
    }

    fn locked_direct(&self, requirement: &Requirement) -> Option<Arc<Package>> {
        let latest = self.task.use_latest.contains(&requirement.name);
        if latest {
            None
        } else {
            self.task.locked.same_direct(requirement)
        }
    }
}

fn probe_release(version: &str) -> Release {
    Release::new(version.parse().expect("a plain number is a version"), INDEX)
}

/// The probe's newer version requires what can't be: a root that is not there.
fn probe_dependencies(release: &Release) -> Dependencies<Node, Releases, Unavailable> {
    let impossible = if *release == probe_release("1") {
        let other = Releases::of(&Constraint::Version(probe_release("9").version));
        vec![(Node::Root, other)]
    } else {
        Vec::new()
    };
    Dependencies::Available(DependencyConstraints::from_iter(impossible))
}
