//! How Poetry prints constraints.
use std::fmt;

use super::algebra::compare;
use super::{Constraint, Range, Union};
use crate::version::Version;

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("<empty>"),
            Self::Version(version) => f.write_str(version.as_str()),
            Self::Range(range) => write_range(f, range),
            Self::Union(union) => match union.excluded_series() {
                Some((first, second)) => write!(f, "!={}", series_text(first, second)),
                None => write_union(f, union),
            },
        }
    }
}

impl Constraint {
    /// Is it everything but one series of versions: `!=1.2.*`?
    #[must_use]
    pub fn excludes_single_wildcard_range(&self) -> bool {
        matches!(self, Self::Union(union) if union.excluded_series().is_some())
    }

    /// Is it one series of versions: `==1.2.*`?
    #[must_use]
    pub fn is_single_wildcard_range(&self) -> bool {
        matches!(self, Self::Range(range) if range.series().is_some())
    }
}

impl Range {
    /// The bounds, if they enclose one series of versions.
    fn series(&self) -> Option<(&Version, &Version)> {
        let (min, max) = (self.min.as_ref()?, self.max.as_ref()?);
        let candidate = self.include_min && !self.include_max && is_series(min, max, Hole::No);
        candidate.then_some((min, max))
    }
}

impl Union {
    /// The bounds of the hole, if it is one series of versions.
    fn excluded_series(&self) -> Option<(&Version, &Version)> {
        let [first, second] = self.pieces() else {
            return None;
        };
        let (one, two) = if first.max().is_some() {
            (first, second)
        } else {
            (second, first)
        };
        let (max, min) = (one.max()?, two.min()?);
        let candidate = !one.include_max()
            && one.min().is_none()
            && two.include_min()
            && two.max().is_none()
            && is_series(min, max, Hole::Yes);
        candidate.then_some((max, min))
    }
}

/// Are the bounds those of a hole, with the lower one on top?
#[derive(Clone, Copy, Eq, PartialEq)]
enum Hole {
    Yes,
    No,
}

/// Is one bound the first development release of a release, and the other one step above it?
fn is_series(min: &Version, max: &Version, hole: Hole) -> bool {
    if min.is_local()
        || max.is_local()
        || min.has_pre()
        || max.has_pre()
        || min.is_postrelease() != max.is_postrelease()
        || !min.is_devrelease()
        || min.first_devrelease() != *min
        || (max.is_devrelease() && max.first_devrelease() != *max)
    {
        return false;
    }
    let (first, second) = if hole == Hole::Yes {
        (max, min)
    } else {
        (min, max)
    };
    let (mut first, mut second) = (first.parts(), second.parts());
    while second.release.last().is_some_and(|number| number.is_zero()) {
        second.release.pop();
    }
    let Some(last) = second.release.pop() else {
        return false;
    };
    let count = second.release.len();
    if first.release.len() <= count {
        first.release.resize(count + 1, 0.into());
    }
    if first.release[count + 1..]
        .iter()
        .any(|number| !number.is_zero())
        || first.release[..count] != second.release[..]
    {
        return false;
    }
    match first.post {
        Some(post) => first.release[count] == last && Some(post.next()) == second.post,
        None => first.release[count].next() == last,
    }
}

/// Poetry: the epoch is lost.
fn series_text(first: &Version, second: &Version) -> String {
    if first.is_postrelease() {
        return format!("{}.*", first.without_devrelease());
    }
    let mut release = second.release();
    while release.last().is_some_and(|number| number.is_zero()) {
        release.pop();
    }
    if let Some(last) = release.last_mut() {
        *last = last.previous();
    }
    let numbers: Vec<String> = release.iter().map(ToString::to_string).collect();
    format!("{}.*", numbers.join("."))
}

fn write_range(f: &mut fmt::Formatter<'_>, range: &Range) -> fmt::Result {
    if let Some((min, max)) = range.series() {
        return write!(f, "=={}", series_text(min, max));
    }
    if let Some(min) = &range.min {
        write_min(f, min, range.include_min)?;
    }
    if let Some(max) = &range.max {
        if range.min.is_some() {
            f.write_str(",")?;
        }
        write_max(f, max, range.include_max)?;
    } else if range.min.is_none() {
        f.write_str("*")?;
    }
    Ok(())
}

fn write_min(f: &mut fmt::Formatter<'_>, min: &Version, inclusive: bool) -> fmt::Result {
    write!(f, "{}{min}", if inclusive { ">=" } else { ">" })
}

/// The bound `<V.dev0`, which the parser makes of `<V`, prints as `<V` again.
fn write_max(f: &mut fmt::Formatter<'_>, max: &Version, inclusive: bool) -> fmt::Result {
    if inclusive {
        return write!(f, "<={max}");
    }
    if max.is_devrelease() && !max.has_pre() {
        let parts = max.parts();
        if parts.dev.is_some_and(|dev| dev.number.is_zero()) {
            return write!(f, "<{}", max.without_devrelease());
        }
    }
    write!(f, "<{max}")
}

/// Runs of pieces with just one version missing between them print as one range with `!=` in it.
fn write_union(f: &mut fmt::Formatter<'_>, union: &Union) -> fmt::Result {
    let mut pieces: Vec<&Constraint> = union.pieces().iter().collect();
    pieces.sort_by(|a, b| compare(a, b));
    let runs = pieces.chunk_by(|a, b| {
        a.max().is_some() && a.max() == b.min() && !a.include_max() && !b.include_min()
    });
    for (index, run) in runs.enumerate() {
        if index > 0 {
            f.write_str(" || ")?;
        }
        write_run(f, run)?;
    }
    Ok(())
}

fn write_run(f: &mut fmt::Formatter<'_>, run: &[&Constraint]) -> fmt::Result {
    let [first, .., last] = run else {
        return run.iter().try_for_each(|piece| write!(f, "{piece}"));
    };
    if let Some(min) = first.min() {
        write_min(f, min, first.include_min())?;
        f.write_str(",")?;
    }
    for (index, version) in run[..run.len() - 1]
        .iter()
        .filter_map(|piece| piece.max())
        .enumerate()
    {
        let comma = if index == 0 { "" } else { "," };
        write!(f, "{comma}!={version}")?;
    }
    if let Some(max) = last.max() {
        f.write_str(",")?;
        write_max(f, max, last.include_max())?;
    }
    Ok(())
}
