//! Answers pubgrub's questions, as long as requirements don't get into conflict.
//!
//! pubgrub keeps its partial solution to itself, but Poetry's rules look at it: at the markers along the ways to
//! a package, and at which requirement reached it first. So the provider keeps a [`Trail`] of its own: the
//! decisions, in order.
//!
//! Two things make pubgrub search as Poetry does. Requirements are handed over in reverse, as Poetry derives
//! the last one first and breaks ties by that order. And a *probe* forces one harmless step back at the start,
//! because pubgrub checks a version's requirements before deciding it only once it has stepped back.
//!
//! Without a conflict both come to the same decisions: propagation has one fixpoint, and what is decided next is a
//! function of it. After a conflict pubgrub goes back to another place than Poetry does, and with that to
//! another solution in one of some hundred cases. So the first decision that is taken back ends this search, and
//! [`super::search`] finds the solution by Poetry's rules, from metadata that is there already. The same happens
//! where the candidates for `foo` and `foo[a]` would depend on which were looked up first, see [`Lookups`].

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::sync::Arc;

use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics,
    VersionSet,
};
use rustc_hash::FxHashMap;

use crate::constraint::Constraint;
use crate::name::PackageName;
use crate::requirement::Requirement;

use super::answers::{Answers, Choice, Completed, Halt, Rank, Unavailable, source_of};
use super::complete::{Edge, Reached, root_release};
use super::log;
use super::node::{INDEX, Node, Release, Releases};
use super::package::Decided;

/// A decision, and what it requires.
struct Step {
    node: Node,
    release: Release,
    completed: Completed,
}

/// The decisions, in order.
#[derive(Default)]
struct Trail {
    steps: Vec<Step>,
    place: FxHashMap<Node, usize>,
    /// Node → the edges that lead to it, as (step, edge).
    incoming: FxHashMap<Node, Vec<(usize, usize)>>,
}

impl Trail {
    fn decide(&mut self, node: Node, release: Release, completed: Completed) {
        let step = self.steps.len();
        // Poetry derives the last requirement first.
        for (place, edge) in completed.edges.iter().enumerate().rev() {
            self.incoming
                .entry(edge.to.clone())
                .or_default()
                .push((step, place));
        }
        self.place.insert(node.clone(), step);
        self.steps.push(Step {
            node,
            release,
            completed,
        });
    }

    /// All edges to a node, in the order in which Poetry derives them.
    fn edges_to<'t>(&'t self, node: &Node) -> impl Iterator<Item = &'t Edge> {
        let incoming = self.incoming.get(node).map_or(&[][..], Vec::as_slice);
        incoming
            .iter()
            .map(|&(step, edge)| &self.steps[step].completed.edges[edge])
    }

    fn release(&self, node: &Node) -> Option<&Release> {
        let place = self.place.get(node)?;
        Some(&self.steps[*place].release)
    }
}

/// The sets of releases that candidates were looked up in, by name.
///
/// Poetry: `foo` and `foo[a]` share their candidates. What was looked up for one is only narrowed down for the
/// other, which shows in how many there are to choose from, and with that in what is decided next. pubgrub tells
/// which packages have changed, not in which order Poetry would look at them.
#[derive(Default)]
struct Lookups {
    by_name: FxHashMap<PackageName, Vec<Lookup>>,
    /// How many decisions there were; between two of them the order is not known.
    round: usize,
}

#[derive(Clone, Eq, PartialEq)]
struct Lookup {
    node: Node,
    wanted: Releases,
    source: Option<String>,
    allows_prereleases: Option<bool>,
    round: usize,
}

impl Lookups {
    /// Notes one; `false` if its outcome depends on the order.
    fn note(&mut self, node: &Node, speaker: &Requirement, wanted: &Releases) -> bool {
        let lookup = Lookup {
            node: node.clone(),
            wanted: wanted.clone(),
            source: source_of(speaker).map(str::to_owned),
            allows_prereleases: speaker.allows_prereleases,
            round: self.round,
        };
        let known = self.by_name.entry(speaker.name.clone()).or_default();
        let certain = known
            .iter()
            .filter(|other| other.node != *node)
            .all(|other| lookup.narrows(other));
        if known.last() != Some(&lookup) {
            known.push(lookup);
        }
        certain
    }
}

impl Lookup {
    fn narrows(&self, other: &Self) -> bool {
        self.source == other.source
            && self.allows_prereleases == other.allows_prereleases
            && if self.round == other.round {
                self.wanted == other.wanted
            } else {
                self.wanted.subset_of(&other.wanted)
            }
    }
}

/// pubgrub's view of one run.
pub(crate) struct Provider<'a> {
    answers: &'a Answers<'a>,
    trail: RefCell<Trail>,
    /// What is still admitted of each package that is required and not decided.
    wanted: RefCell<FxHashMap<Node, Releases>>,
    lookups: RefCell<Lookups>,
    /// A decision was taken back, or what pubgrub decides may not be what Poetry does.
    conflict: Cell<bool>,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(answers: &'a Answers<'a>) -> Self {
        Self {
            answers,
            trail: RefCell::default(),
            wanted: RefCell::default(),
            lookups: RefCell::default(),
            conflict: Cell::new(false),
        }
    }

    /// The decisions of a finished run, in order.
    pub(crate) fn into_decided(self) -> Vec<Decided> {
        let steps = self.trail.into_inner().steps.into_iter();
        steps
            .filter_map(|step| Decided::new(step.node, &step.completed))
            .collect()
    }

    /// The requirement that speaks for a node: the first that reached it, or the first direct one.
    fn speaker(&self, node: &Node) -> Option<Arc<Requirement>> {
        let trail = self.trail.borrow();
        let mut first = None;
        for edge in trail.edges_to(node) {
            if edge.now.origin.is_direct() {
                return Some(Arc::clone(&edge.now));
            }
            first.get_or_insert_with(|| Arc::clone(&edge.now));
        }
        first
    }

    fn reached(&self, node: &Node) -> Reached {
        let trail = self.trail.borrow();
        let mut edges = trail.edges_to(node);
        let Some(first) = edges.next() else {
            return Reached::anywhere();
        };
        let mut reached = Reached {
            transitive: first.transitive(),
            python: self.answers.task.world.python_of(&first.now),
            source: source_of(&first.now).map(str::to_owned),
        };
        for edge in edges {
            // Poetry: equal markers need no merging.
            let transitive = edge.transitive();
            if reached.transitive != transitive {
                reached.transitive = reached.transitive.union(&transitive);
            }
        }
        reached
    }

    fn choice(&self, node: &Node, wanted: &Releases) -> Result<(Rank, Choice), Halt> {
        let speaker = self.speaker(node).ok_or(Halt::Conflict)?;
        let choice = match self.answers.settled(&speaker, wanted)? {
            Some(choice) => choice,
            None => {
                if !self.lookups.borrow_mut().note(node, &speaker, wanted) {
                    self.conflict.set(true);
                }
                let listed = self.answers.listed(&speaker, wanted)?;
                self.answers.choice_among(&speaker.name, &listed)?
            }
        };
        Ok((self.answers.rank(node, &speaker, &choice), choice))
    }

    /// Does one of the requirements exclude what is decided, or all that is still admitted? Then the release is
    /// not decided, but the next one is tried.
    fn excludes(&self, requires: &[(Node, Releases)]) -> bool {
        let (trail, wanted) = (self.trail.borrow(), self.wanted.borrow());
        requires
            .iter()
            .any(|(node, releases)| match trail.release(node) {
                Some(release) => !releases.contains(release),
                None => wanted
                    .get(node)
                    .is_some_and(|wanted| wanted.is_disjoint(releases)),
            })
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
        Reverse(match node {
            Node::Probe => Rank::PROBE,
            Node::Root => Rank::ROOT,
            Node::Package(..) => {
                if self.trail.borrow().place.contains_key(node) {
                    self.conflict.set(true);
                }
                self.wanted
                    .borrow_mut()
                    .insert(node.clone(), wanted.clone());
                // An unreadable index counts as empty here; `choose_version` reports it.
                self.choice(node, wanted)
                    .map_or(Rank::NO_CHOICE, |(rank, _)| rank)
            }
        })
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
        let (_, choice) = self.choice(node, wanted)?;
        self.lookups.borrow_mut().round += 1;
        if self.conflict.get() {
            return Err(Halt::Conflict);
        }
        let best = choice.best.ok_or(Halt::Conflict)?;
        Ok(Some(best.release()))
    }

    fn get_dependencies(
        &self,
        node: &Node,
        release: &Release,
    ) -> Result<Dependencies<Node, Releases, Unavailable>, Halt> {
        let completed = match node {
            Node::Probe => return Ok(probe_dependencies(release)),
            Node::Root => self.answers.complete_root()?,
            Node::Package(..) => {
                match self.answers.complete(node, release, &self.reached(node))? {
                    Ok(completed) => completed,
                    Err(unavailable) => return Ok(Dependencies::Unavailable(unavailable)),
                }
            }
        };
        let mut requires = Vec::with_capacity(completed.edges.len() + 1);
        if *node == Node::Root {
            requires.push((Node::Probe, Releases::full()));
        }
        for edge in completed.edges.iter().rev() {
            let releases = if edge.now.origin.is_direct() {
                self.answers.direct_releases(&edge.now)
            } else {
                edge.requirement.releases().clone()
            };
            requires.push((edge.to.clone(), releases));
        }
        if !self.excludes(&requires) {
            log::decided(self.answers, node, &completed);
            self.trail
                .borrow_mut()
                .decide(node.clone(), release.clone(), completed);
        }
        Ok(Dependencies::Available(DependencyConstraints::from_iter(
            requires,
        )))
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
