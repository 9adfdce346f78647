//! Requirements that Poetry changes in place.

use std::sync::{Arc, PoisonError, RwLock};

use crate::marker::Marker;
use crate::requirement::Requirement;

/// A requirement as all its holders see it.
///
/// Poetry: where a package requires one name twice with the same constraint, the first requirement gets the union of
/// both markers *in place*: in what the package lists, in its extras, in packages decided before, and in all later
/// runs. It shows in the lock file, so it has to be the same here.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<RwLock<Arc<Requirement>>>);

impl Shared {
    pub(crate) fn new(requirement: Requirement) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(requirement))))
    }

    /// The requirement as it is now.
    pub(crate) fn get(&self) -> Arc<Requirement> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives it another marker, for all who hold it.
    pub(crate) fn set_marker(&self, marker: Marker) {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut requirement = Requirement::clone(&place);
        requirement.set_marker(marker);
        *place = Arc::new(requirement);
    }
}
