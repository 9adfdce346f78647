//! Poetry's version constraints: `^`, `~`, `*`, `||`, unions, and their printed form.
//!
//! A constraint is a set of versions in one of four shapes: nothing, one version, one range, or a union of
//! versions and ranges. The algebra (in `algebra`) is interval arithmetic with Poetry's own rules at the
//! edges: one version stands for all its local versions too, `>1.0` leaves out the post-releases of 1.0,
//! and versions that are equal may print differently, so it shows which operand's bound a result keeps.
//! `ranges` maps constraints to sets over a plain order for the solver.
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::version::Version;

mod algebra;
mod display;
mod parse;
mod python;
mod ranges;

pub use ranges::Bound;

/// A set of versions as poetry-core models it. Cheap to clone.
#[derive(Clone, Eq, PartialEq, Hash)]
pub enum Constraint {
    /// No version.
    Empty,
    /// One version (which also admits its local versions).
    Version(Version),
    /// All versions between two bounds, either of which may be missing.
    Range(Range),
    /// Two or more versions and ranges.
    Union(Union),
}

/// The versions between two bounds.
#[derive(Clone, Eq, PartialEq, Hash)]
pub struct Range {
    min: Option<Version>,
    max: Option<Version>,
    include_min: bool,
    include_max: bool,
}

/// Versions and ranges in order, which neither overlap nor touch.
#[derive(Clone)]
pub struct Union(Arc<UnionInner>);

struct UnionInner {
    /// Only [`Constraint::Version`] and [`Constraint::Range`].
    pieces: Vec<Constraint>,
    /// The one version that is not in it, if it is just one.
    excluded: Option<Version>,
}

/// A text that is no version constraint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Could not parse version constraint: {text}")]
pub struct ConstraintError {
    /// The part of it that can't be read.
    pub text: String,
}

impl Constraint {
    /// Every version.
    #[must_use]
    pub fn any() -> Self {
        Self::raw_range(None, None, false, false)
    }

    /// `>version`, or `>=version` if `inclusive`.
    #[must_use]
    pub fn above(version: Version, inclusive: bool) -> Self {
        Self::raw_range(Some(version), None, inclusive, false)
    }

    /// `<version`, or `<=version` if `inclusive`. A bound means just what it says: see [`Self::parse`].
    #[must_use]
    pub fn below(version: Version, inclusive: bool) -> Self {
        Self::raw_range(None, Some(version), false, inclusive)
    }

    /// The versions between two bounds, which mean just what they say.
    #[must_use]
    pub fn range(
        min: Option<Version>,
        max: Option<Version>,
        include_min: bool,
        include_max: bool,
    ) -> Self {
        let range = Self::raw_range(min, max, include_min, include_max);
        if range.is_empty() { Self::Empty } else { range }
    }

    /// A range even if it holds nothing.
    fn raw_range(
        min: Option<Version>,
        max: Option<Version>,
        include_min: bool,
        include_max: bool,
    ) -> Self {
        let (include_min, include_max) =
            (include_min && min.is_some(), include_max && max.is_some());
        Self::Range(Range {
            min,
            max,
            include_min,
            include_max,
        })
    }

    /// Does it hold no version?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Range(Range {
                min: Some(min),
                max: Some(max),
                include_min,
                include_max,
            }) => {
                if min == max {
                    !(*include_min && *include_max)
                } else {
                    min > max
                }
            }
            _ => false,
        }
    }

    /// Does it hold every version?
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(
            self,
            Self::Range(Range {
                min: None,
                max: None,
                ..
            })
        )
    }

    /// One-sided range, single version, or everything but one version.
    #[must_use]
    pub fn is_simple(&self) -> bool {
        match self {
            Self::Empty | Self::Version(_) => true,
            Self::Range(range) => range.min.is_none() || range.max.is_none(),
            Self::Union(union) => union.excluded_version().is_some(),
        }
    }

    /// Poetry: does every part of it end? Counted when Poetry ranks what to decide first.
    #[must_use]
    pub fn has_upper_bound(&self) -> bool {
        match self {
            Self::Empty | Self::Version(_) => true,
            Self::Range(range) => range.max.is_some(),
            Self::Union(union) => union.pieces().iter().all(Self::has_upper_bound),
        }
    }

    /// The versions and ranges it is made of: none, itself, or the members of the union in order.
    #[must_use]
    pub fn pieces(&self) -> &[Self] {
        match self {
            Self::Empty => &[],
            Self::Version(_) | Self::Range(_) => std::slice::from_ref(self),
            Self::Union(union) => union.pieces(),
        }
    }

    /// The version, if it is just one.
    #[must_use]
    pub fn as_version(&self) -> Option<&Version> {
        match self {
            Self::Version(version) => Some(version),
            _ => None,
        }
    }

    /// Is it a range (and no single version)?
    #[must_use]
    pub fn is_range(&self) -> bool {
        matches!(self, Self::Range(_))
    }

    /// Is it a union?
    #[must_use]
    pub fn is_union(&self) -> bool {
        matches!(self, Self::Union(_))
    }

    /// The lower bound of a version or a range.
    #[must_use]
    pub fn min(&self) -> Option<&Version> {
        match self {
            Self::Version(version) => Some(version),
            Self::Range(range) => range.min.as_ref(),
            Self::Empty | Self::Union(_) => None,
        }
    }

    /// The upper bound of a version or a range.
    #[must_use]
    pub fn max(&self) -> Option<&Version> {
        match self {
            Self::Version(version) => Some(version),
            Self::Range(range) => range.max.as_ref(),
            Self::Empty | Self::Union(_) => None,
        }
    }

    /// Is the lower bound in it?
    #[must_use]
    pub fn include_min(&self) -> bool {
        match self {
            Self::Version(_) => true,
            Self::Range(range) => range.include_min,
            Self::Empty | Self::Union(_) => false,
        }
    }

    /// Is the upper bound in it?
    #[must_use]
    pub fn include_max(&self) -> bool {
        match self {
            Self::Version(_) => true,
            Self::Range(range) => range.include_max,
            Self::Empty | Self::Union(_) => false,
        }
    }

    /// The version that is the only one not in it: `!=1.0`.
    #[must_use]
    pub fn excluded_version(&self) -> Option<&Version> {
        match self {
            Self::Union(union) => union.excluded_version(),
            _ => None,
        }
    }

    /// Is it `!=` one version?
    #[must_use]
    pub fn excludes_single_version(&self) -> bool {
        self.excluded_version().is_some()
    }
}

impl Range {
    /// The lower bound.
    #[must_use]
    pub fn min(&self) -> Option<&Version> {
        self.min.as_ref()
    }

    /// The upper bound.
    #[must_use]
    pub fn max(&self) -> Option<&Version> {
        self.max.as_ref()
    }

    /// Is the lower bound in it?
    #[must_use]
    pub fn include_min(&self) -> bool {
        self.include_min
    }

    /// Is the upper bound in it?
    #[must_use]
    pub fn include_max(&self) -> bool {
        self.include_max
    }
}

impl Union {
    fn new(pieces: Vec<Constraint>) -> Self {
        let is_open = pieces.first().is_some_and(|first| first.min().is_none())
            && pieces.last().is_some_and(|last| last.max().is_none());
        let one_gap = pieces.len() == 2;
        let mut union = Self(Arc::new(UnionInner {
            pieces,
            excluded: None,
        }));
        // What is bounded on one side, or has two gaps, leaves out more than one version.
        if is_open && one_gap {
            let inverted = Constraint::Union(union.clone()).invert();
            let inner = Arc::get_mut(&mut union.0).expect("nobody else has the new union");
            inner.excluded = inverted.as_version().cloned();
        }
        union
    }

    /// Its versions and ranges, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Constraint] {
        &self.0.pieces
    }

    fn excluded_version(&self) -> Option<&Version> {
        self.0.excluded.as_ref()
    }
}

impl PartialEq for Union {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.pieces == other.0.pieces
    }
}

impl Eq for Union {}

impl Hash for Union {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.pieces.hash(state);
    }
}

impl From<Version> for Constraint {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl fmt::Debug for Constraint {
    /// The bounds as they are stored, which the printed form hides in part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("<empty>"),
            Self::Version(version) => write!(f, "=={version}"),
            Self::Range(_) if self.is_any() => f.write_str("*"),
            Self::Range(range) => {
                if let Some(min) = &range.min {
                    write!(f, "{}{min}", if range.include_min { ">=" } else { ">" })?;
                }
                if range.min.is_some() && range.max.is_some() {
                    f.write_str(",")?;
                }
                if let Some(max) = &range.max {
                    write!(f, "{}{max}", if range.include_max { "<=" } else { "<" })?;
                }
                Ok(())
            }
            Self::Union(union) => {
                for (index, piece) in union.pieces().iter().enumerate() {
                    let separator = if index == 0 { "" } else { " || " };
                    write!(f, "{separator}{piece:?}")?;
                }
                Ok(())
            }
        }
    }
}
