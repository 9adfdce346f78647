//! Terms and incompatibilities: what [`super::search`] reasons with.
//!
//! A term says of one node that it must be, or must not be, among the releases that a requirement admits. An
//! incompatibility is a set of terms that can't all hold. The words are PubGrub's.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::constraint::Constraint;
use crate::marker::Marker;
use crate::requirement::Requirement;

use super::SolveError;
use super::answers::Rank;
use super::node::{INDEX, Node, OriginId};

/// The number of a node in one search.
pub(crate) type NodeId = usize;

/// A requirement on a node, with the markers along the ways to it.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) node: Node,
    pub(crate) id: NodeId,
    /// Where the package has to come from; requirements on an index are content with any place.
    pub(crate) origin: OriginId,
    /// The requirement that it began with, and that speaks for it.
    pub(crate) requirement: Arc<Requirement>,
    /// What became of the requirement's constraint.
    pub(crate) constraint: Constraint,
    pub(crate) transitive: Marker,
    /// How urgent it is to meet it, once that is known.
    pub(crate) rank: OnceCell<Rank>,
}

impl Demand {
    pub(crate) fn new(
        (node, id): (Node, NodeId),
        origin: OriginId,
        requirement: Arc<Requirement>,
        transitive: Marker,
    ) -> Rc<Self> {
        Rc::new(Self {
            node,
            id,
            origin,
            constraint: requirement.constraint.clone(),
            requirement,
            transitive,
            rank: OnceCell::new(),
        })
    }

    pub(crate) fn constraint(&self) -> &Constraint {
        &self.constraint
    }

    /// The constraint as messages show it.
    pub(crate) fn shown_constraint(&self) -> String {
        if self.constraint == self.requirement.constraint {
            self.requirement.pretty_constraint.clone()
        } else {
            self.constraint.to_string()
        }
    }

    pub(crate) fn is_direct(&self) -> bool {
        self.origin != INDEX
    }

    fn is_root(&self) -> bool {
        self.node == Node::Root
    }

    pub(crate) fn same_package(&self, other: &Self) -> bool {
        self.id == other.id && self.origin == other.origin
    }

    /// Poetry: what a direct requirement constrains is not known from the start, so it does not count.
    fn same(&self, other: &Self) -> bool {
        self.same_package(other) && (self.is_direct() || self.constraint() == other.constraint())
    }

    /// Can one release satisfy both? A release from a direct origin satisfies requirements on an index.
    fn is_compatible(&self, other: &Self) -> bool {
        self.is_root()
            || other.is_root()
            || self.origin == other.origin
            || self.is_direct() != other.is_direct()
    }
}

/// How one term relates to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Relation {
    Subset,
    Disjoint,
    Overlapping,
}

/// That a node is, or is not, among the releases a demand admits.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) demand: Rc<Demand>,
    pub(crate) positive: bool,
}

impl Term {
    pub(crate) fn new(demand: Rc<Demand>, positive: bool) -> Self {
        Self { demand, positive }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.demand.id
    }

    pub(crate) fn constraint(&self) -> &Constraint {
        self.demand.constraint()
    }

    pub(crate) fn inverse(&self) -> Self {
        Self::new(Rc::clone(&self.demand), !self.positive)
    }

    pub(crate) fn same_demand(&self, other: &Self) -> bool {
        self.demand.same(&other.demand)
    }

    pub(crate) fn satisfies(&self, other: &Self) -> bool {
        self.node() == other.node() && self.relation(other) == Relation::Subset
    }

    /// Both must be about the same node.
    pub(crate) fn relation(&self, other: &Self) -> Relation {
        use Relation::{Disjoint, Overlapping, Subset};

        let compatible = self.demand.is_compatible(&other.demand);
        let (ours, theirs) = (self.constraint(), other.constraint());
        match (self.positive, other.positive) {
            (true, true) if !compatible => Disjoint,
            (true, true) if theirs.allows_all(ours) => Subset,
            (true, true) if !ours.allows_any(theirs) => Disjoint,
            (false, true) if compatible && ours.allows_all(theirs) => Disjoint,
            (true, false) if !compatible || !theirs.allows_any(ours) => Subset,
            // Poetry: with another marker along the way it counts as new, so that the markers get united.
            (true, false)
                if theirs.allows_all(ours) && self.demand.transitive == other.demand.transitive =>
            {
                Disjoint
            }
            (false, false) if compatible && ours.allows_all(theirs) => Subset,
            _ => Overlapping,
        }
    }

    /// What both admit; `None` if that is nothing. Both must be about the same node.
    ///
    /// Poetry: the requirement of the older term, this one, speaks for both (its rule for pre-releases, its
    /// source), unless only the newer one is direct.
    pub(crate) fn intersect(&self, other: &Self) -> Option<Self> {
        if !self.demand.is_compatible(&other.demand) {
            return match (self.positive, other.positive) {
                (true, false) => Some(self.clone()),
                (false, true) => Some(other.clone()),
                _ => None,
            };
        }
        let (ours, theirs) = (self.constraint(), other.constraint());
        let (constraint, positive) = match (self.positive, other.positive) {
            (true, true) => (ours.intersect(theirs), true),
            (true, false) => (ours.difference(theirs), true),
            (false, true) => (theirs.difference(ours), true),
            (false, false) => (ours.union(theirs), false),
        };
        if constraint.is_empty() {
            return None;
        }
        let newer = !self.demand.is_direct() && other.demand.is_direct();
        let speaker = if newer { &other.demand } else { &self.demand };
        let transitive = if self.positive && other.positive {
            (self.demand.transitive).union(&other.demand.transitive)
        } else {
            speaker.transitive.clone()
        };
        let demand = Demand {
            node: speaker.node.clone(),
            id: speaker.id,
            origin: speaker.origin,
            requirement: Arc::clone(&speaker.requirement),
            constraint,
            transitive,
            rank: OnceCell::new(),
        };
        Some(Self::new(Rc::new(demand), positive))
    }

    pub(crate) fn difference(&self, other: &Self) -> Option<Self> {
        self.intersect(&other.inverse())
    }
}

/// Place of an incompatibility in [`super::search::Search`].
pub(crate) type IncompatibilityId = usize;

/// Why an incompatibility holds.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The project has to be in every solution.
    Root,
    /// No release is left.
    NoVersions,
    /// The first term's release requires the negation of the second.
    Requires,
    /// The release's Requires-Python leaves out pythons that the project supports.
    Python(String),
    /// It follows from these two.
    Derived(IncompatibilityId, IncompatibilityId),
}

/// Terms that can't all hold.
#[derive(Clone, Debug)]
pub(crate) struct Incompatibility {
    pub(crate) terms: Vec<Term>,
    pub(crate) cause: Cause,
}

impl Incompatibility {
    /// # Errors
    /// When two of its terms contradict one another: then a package excludes itself.
    pub(crate) fn new(mut terms: Vec<Term>, cause: Cause) -> Result<Self, SolveError> {
        // The root always holds; leaving it out reads better.
        if terms.len() != 1 && matches!(cause, Cause::Derived(..)) {
            terms.retain(|term| !(term.positive && term.demand.is_root()));
        }
        let apart = terms.len() == 2 && terms[0].node() != terms[1].node();
        if terms.len() > 1 && !apart {
            terms = coalesce(terms)?;
        }
        Ok(Self { terms, cause })
    }

    /// Does it say that there is no solution?
    pub(crate) fn is_failure(&self) -> bool {
        match self.terms.as_slice() {
            [] => true,
            [only] => only.demand.is_root(),
            _ => false,
        }
    }
}

/// One term for each node.
fn coalesce(terms: Vec<Term>) -> Result<Vec<Term>, SolveError> {
    let mut one_each: Vec<Term> = Vec::with_capacity(terms.len());
    for term in terms {
        match one_each
            .iter_mut()
            .find(|known| known.node() == term.node())
        {
            None => one_each.push(term),
            Some(known) => {
                *known = known.intersect(&term).ok_or_else(|| {
                    SolveError::SelfDependency(term.demand.requirement.complete_name())
                })?;
            }
        }
    }
    Ok(one_each)
}
