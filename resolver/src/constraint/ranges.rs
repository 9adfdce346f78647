//! Constraints as plain sets for the solver.
//!
//! The solver's set arithmetic knows nothing but an order. Poetry's constraints need more: `1.0` stands for
//! `1.0+cpu` too, and `>1.0` leaves out `1.0.post1`. Both are intervals all the same, if an interval may end
//! at places between versions: right above all local versions of 1.0, or right above all its post-releases.
//! A [`Bound`] is a version or such a place, and order is all that is needed from then on.
use std::fmt;
use std::ops::Bound::{Excluded, Included, Unbounded};

use pubgrub::Ranges;

use super::{Constraint, Range};
use crate::version::Version;

/// A position on the version line: a version, or a place between versions.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Bound {
    position: Version,
    is_version: bool,
}

impl Bound {
    /// The version, if it is one.
    #[must_use]
    pub fn version(&self) -> Option<&Version> {
        self.is_version.then_some(&self.position)
    }

    /// The version that it is, or that it lies right above of.
    #[must_use]
    pub fn anchor(&self) -> Version {
        if self.is_version {
            return self.position.clone();
        }
        let text = self.position.to_string();
        let text = text
            .trim_end_matches('∞')
            .trim_end_matches('+')
            .trim_end_matches(".post");
        text.parse().expect("a place is named after a version")
    }

    /// Right above the version and all its local versions.
    #[must_use]
    pub fn above_local(version: &Version) -> Self {
        Self {
            position: version.position_above_local(),
            is_version: false,
        }
    }

    /// Right above the version and all its post-releases.
    fn above_post(version: &Version) -> Self {
        Self {
            position: version.position_above_post(),
            is_version: false,
        }
    }
}

impl From<Version> for Bound {
    fn from(position: Version) -> Self {
        Self {
            position,
            is_version: true,
        }
    }
}

impl From<&Version> for Bound {
    fn from(version: &Version) -> Self {
        Self::from(version.clone())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.position.fmt(f)
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Constraint {
    /// The set of positions that holds just the versions that [`Constraint::allows`] does.
    ///
    /// Poetry: there is one exception. A lower bound `>1.0+a` also allows post-releases of 1.0 with a local
    /// part above `a`, and no other post-releases; these are endless holes, so the set has none of them.
    #[must_use]
    pub fn to_ranges(&self) -> Ranges<Bound> {
        match self {
            Self::Empty => Ranges::empty(),
            Self::Version(version) => version_ranges(version),
            Self::Range(range) => range.to_ranges(),
            Self::Union(union) => match union.excluded_version() {
                Some(version) => version_ranges(version).complement(),
                None => {
                    let pieces = union.pieces().iter().map(Self::to_ranges);
                    pieces.flatten().collect()
                }
            },
        }
    }
}

// Every place between versions is written as an excluded upper and an included lower bound, so that equal
// sets are equal values.

fn version_ranges(version: &Version) -> Ranges<Bound> {
    if version.is_local() {
        Ranges::singleton(version)
    } else {
        Ranges::between(version, Bound::above_local(version))
    }
}

impl Range {
    fn to_ranges(&self) -> Ranges<Bound> {
        let upper = match &self.max {
            None => Unbounded,
            Some(max) if !self.include_max => Excluded(Bound::from(max)),
            Some(max) if max.is_local() => Included(Bound::from(max)),
            Some(max) => Excluded(Bound::above_local(max)),
        };
        let lower = match &self.min {
            None => Unbounded,
            Some(min) if self.include_min => Included(Bound::from(min)),
            Some(min) if min.is_postrelease() || min.is_devrelease() => match min.is_local() {
                true => Excluded(Bound::from(min)),
                false => Included(Bound::above_local(min)),
            },
            Some(min) if min.is_local() => {
                let locals = (
                    Excluded(Bound::from(min)),
                    Excluded(Bound::above_local(min)),
                );
                let rest = (Included(Bound::above_post(min)), upper.clone());
                let below_upper = Ranges::from_range_bounds((Unbounded, upper));
                return Ranges::from_range_bounds::<_, Bound>(locals)
                    .intersection(&below_upper)
                    .union(&Ranges::from_range_bounds(rest));
            }
            Some(min) => Included(Bound::above_post(min)),
        };
        Ranges::from_range_bounds((lower, upper))
    }
}
