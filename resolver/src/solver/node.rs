//! What is solved for: packages as pubgrub sees them, their releases, and sets of releases.
//!
//! One node stands for one *complete name*: `foo` and `foo[a]` are two nodes. Selecting `foo[a]` requires
//! `foo` at the same version, and `foo[a]` carries the extra's requirements.
//!
//! A release is a version and where it comes from. Sets of releases are ranges over positions on the version
//! line, each position subdivided by origin: a requirement on an index admits every origin, a direct
//! requirement (a path, a URL, a commit) admits just its own release. That is how a library in the repository
//! satisfies what a third party requires of that name.

use std::fmt;
use std::ops::Bound as Side;
use std::sync::Arc;

use pubgrub::{Ranges, VersionSet};

use crate::constraint::{Bound, Constraint};
use crate::name::{ExtraName, PackageName};
use crate::requirement::Requirement;
use crate::version::Version;

/// A package as the solver sees it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Node {
    /// Makes pubgrub check requirements before each decision, see [`super::provider`].
    Probe,
    /// The project itself.
    Root,
    /// A package with the extras asked of it, sorted.
    Package(PackageName, Arc<[ExtraName]>),
}

impl Node {
    pub(crate) fn of(requirement: &Requirement) -> Self {
        Self::Package(
            requirement.name.clone(),
            requirement.extras.as_slice().into(),
        )
    }

    pub(crate) fn name(&self) -> Option<&PackageName> {
        match self {
            Self::Package(name, _) => Some(name),
            Self::Root | Self::Probe => None,
        }
    }

    pub(crate) fn extras(&self) -> &[ExtraName] {
        match self {
            Self::Package(_, extras) => extras,
            Self::Root | Self::Probe => &[],
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe => f.write_str("<probe>"),
            Self::Root => f.write_str("<root>"),
            Self::Package(name, extras) if extras.is_empty() => name.fmt(f),
            Self::Package(name, extras) => {
                let extras: Vec<&str> = extras.iter().map(ExtraName::as_str).collect();
                write!(f, "{name}[{}]", extras.join(","))
            }
        }
    }
}

/// Where a release comes from: 0 is any index, others are the direct origins met so far.
pub(crate) type OriginId = u32;

/// The origin of all releases on indexes.
pub(crate) const INDEX: OriginId = 0;

/// A release: a version from an origin.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Release {
    pub(crate) version: Version,
    pub(crate) origin: OriginId,
    key: Key,
}

impl Release {
    pub(crate) fn new(version: Version, origin: OriginId) -> Self {
        let key = Key {
            bound: Bound::from(&version),
            origin,
        };
        Self {
            version,
            origin,
            key,
        }
    }
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(f)
    }
}

/// A place on the line of all releases.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key {
    bound: Bound,
    origin: OriginId,
}

/// A set of releases.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Releases(Ranges<Key>);

impl Releases {
    /// All releases, whatever their origin, whose version a constraint admits.
    pub(crate) fn of(constraint: &Constraint) -> Self {
        let ranges = constraint.to_ranges();
        Self(
            ranges
                .iter()
                .map(|(low, high)| {
                    let low = match low {
                        Side::Included(bound) => Side::Included(Key {
                            bound: bound.clone(),
                            origin: 0,
                        }),
                        Side::Excluded(bound) => Side::Excluded(Key {
                            bound: bound.clone(),
                            origin: OriginId::MAX,
                        }),
                        Side::Unbounded => Side::Unbounded,
                    };
                    let high = match high {
                        Side::Included(bound) => Side::Included(Key {
                            bound: bound.clone(),
                            origin: OriginId::MAX,
                        }),
                        Side::Excluded(bound) => Side::Excluded(Key {
                            bound: bound.clone(),
                            origin: 0,
                        }),
                        Side::Unbounded => Side::Unbounded,
                    };
                    (low, high)
                })
                .collect(),
        )
    }

    /// Just one release.
    pub(crate) fn only(release: &Release) -> Self {
        if release.origin == INDEX {
            // Poetry: a version without local part stands for its local versions too.
            Self::of(&Constraint::Version(release.version.clone()))
        } else {
            Self(Ranges::singleton(release.key.clone()))
        }
    }

    /// Does it admit one version only, as an exact pin does?
    ///
    /// Poetry: that is when a yanked release may be chosen, even if the pin is the meeting point of two ranges.
    pub(crate) fn is_exact(&self) -> bool {
        let mut segments = self.0.iter();
        let Some((Side::Included(low), _)) = segments.next() else {
            return false;
        };
        let Some(version) = low.bound.version() else {
            return false;
        };
        segments.next().is_none()
            && (self.0 == Ranges::singleton(low.clone())
                || *self == Self::of(&Constraint::Version(version.clone())))
    }

    /// Its segments, in order.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let segments = self.0.iter();
        segments.map(|(low, high)| Segment { low, high })
    }

    /// The constraint with these versions, as Poetry would print it.
    pub(crate) fn to_constraint(&self) -> Constraint {
        Constraint::of(self.0.iter().map(|(low, high)| segment(low, high)))
    }
}

/// A part of a set of releases without gaps.
pub(crate) struct Segment<'a> {
    low: &'a Side<Key>,
    high: &'a Side<Key>,
}

impl Segment<'_> {
    /// Ends it before a release?
    pub(crate) fn is_below(&self, release: &Release) -> bool {
        match self.high {
            Side::Included(high) => release.key > *high,
            Side::Excluded(high) => release.key >= *high,
            Side::Unbounded => false,
        }
    }

    /// Begins it after a release?
    pub(crate) fn is_above(&self, release: &Release) -> bool {
        match self.low {
            Side::Included(low) => release.key < *low,
            Side::Excluded(low) => release.key <= *low,
            Side::Unbounded => false,
        }
    }
}

/// One segment as a constraint. A place right above a version stands for that version, left out or let in.
fn segment(low: &Side<Key>, high: &Side<Key>) -> Constraint {
    let is_place = |key: &Key| key.bound.version().is_none();
    let (min, include_min) = match low {
        Side::Included(key) => (Some(key.bound.anchor()), !is_place(key)),
        Side::Excluded(key) => (Some(key.bound.anchor()), false),
        Side::Unbounded => (None, false),
    };
    let (max, include_max) = match high {
        Side::Included(key) => (Some(key.bound.anchor()), true),
        Side::Excluded(key) => (Some(key.bound.anchor()), is_place(key)),
        Side::Unbounded => (None, false),
    };
    if include_min
        && include_max
        && min == max
        && let Some(version) = min
    {
        return Constraint::Version(version);
    }
    Constraint::range(min, max, include_min, include_max)
}

impl fmt::Display for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_constraint().fmt(f)
    }
}

impl VersionSet for Releases {
    type V = Release;

    fn empty() -> Self {
        Self(Ranges::empty())
    }

    fn singleton(release: Release) -> Self {
        Self::only(&release)
    }

    fn complement(&self) -> Self {
        Self(self.0.complement())
    }

    fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0))
    }

    fn contains(&self, release: &Release) -> bool {
        self.0.contains(&release.key)
    }

    fn full() -> Self {
        Self(Ranges::full())
    }

    fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        self.0.is_disjoint(&other.0)
    }

    fn subset_of(&self, other: &Self) -> bool {
        self.0.subset_of(&other.0)
    }
}
