//! Requirements whose markers change on the way.

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

use crate::marker::Marker;
use crate::requirement::Requirement;

use super::node::Releases;

/// A requirement with an identity of its own, as packages hold it.
///
/// Poetry: where a package requires one name twice with the same constraint, the first requirement gets the union of
/// both markers *in place*: in what the package lists, in its extras, in packages decided before, and in all later
/// runs. It shows in the lock file, so it has to be the same here. What became of a requirement is told by
/// [`Changes`].
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Held>);

#[derive(Debug)]
struct Held {
    requirement: Arc<Requirement>,
    /// What its constraint admits, once somebody asked.
    releases: OnceLock<Releases>,
}

impl Shared {
    pub(crate) fn new(requirement: Requirement) -> Self {
        Self(Arc::new(Held {
            requirement: Arc::new(requirement),
            releases: OnceLock::new(),
        }))
    }

    /// The requirement as it was at first. Only its marker, and what follows from that, ever changes.
    pub(crate) fn original(&self) -> &Arc<Requirement> {
        &self.0.requirement
    }

    /// The releases that its constraint admits, wherever they come from.
    pub(crate) fn releases(&self) -> &Releases {
        let make = || Releases::of(&self.0.requirement.constraint);
        self.0.releases.get_or_init(make)
    }

    fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

/// What became of requirements, by a certain point of a resolution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(FxHashMap<usize, Change>);

#[derive(Clone, Debug)]
struct Change {
    /// Held so that its place in memory, by which it is known, is not given to another.
    shared: Shared,
    now: Arc<Requirement>,
}

impl Changes {
    /// A requirement as it is now.
    pub(crate) fn of<'r>(&'r self, shared: &'r Shared) -> &'r Arc<Requirement> {
        if self.0.is_empty() {
            return shared.original();
        }
        let change = self.0.get(&shared.identity());
        change.map_or_else(|| shared.original(), |change| &change.now)
    }

    /// Gives a requirement another marker, for all who hold it.
    pub(crate) fn set_marker(&mut self, shared: &Shared, marker: Marker) {
        let now = self.of(shared);
        if now.marker == marker {
            return;
        }
        let mut now = Requirement::clone(now);
        now.set_marker(marker);
        let change = Change {
            shared: shared.clone(),
            now: Arc::new(now),
        };
        self.0.insert(shared.identity(), change);
    }

    /// Are all requirements as they are by another, earlier point?
    pub(crate) fn is_same(&self, before: &Self) -> bool {
        let mut changes = self.0.values();
        changes.all(|change| *before.of(&change.shared) == change.now)
    }
}
