//! Which versions a constraint holds, and the sets that two constraints make.
use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::{Constraint, Range, Union};
use crate::version::Version;

impl Constraint {
    /// Does it hold this version?
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        match self {
            Self::Empty => false,
            Self::Version(own) => version_allows(own, version),
            Self::Range(range) => range.allows(version),
            Self::Union(union) => match union.excluded_version() {
                Some(excluded) => !version_allows(excluded, version),
                None => union.pieces().iter().any(|piece| piece.allows(version)),
            },
        }
    }

    /// Does it hold all of `other`?
    #[must_use]
    pub fn allows_all(&self, other: &Self) -> bool {
        match self {
            Self::Empty => other.is_empty(),
            Self::Version(own) => {
                other.is_empty()
                    || match other {
                        Self::Version(version) => version_allows(own, version),
                        _ => other == self,
                    }
            }
            Self::Range(range) => range.allows_all(self, other),
            Self::Union(union) => {
                let mut ours = union.pieces().iter();
                let mut own = ours.next();
                for theirs in other.pieces() {
                    while own.is_some_and(|own| !own.allows_all(theirs)) {
                        own = ours.next();
                    }
                    if own.is_none() {
                        return false;
                    }
                }
                true
            }
        }
    }

    /// Does it hold any of `other`?
    #[must_use]
    pub fn allows_any(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, _) => false,
            (Self::Version(_), Self::Union(union)) => {
                walk(union.pieces(), self.pieces(), |a, b| {
                    found(!a.intersect(b).is_empty())
                })
            }
            (Self::Version(_), _) => !self.intersect(other).is_empty(),
            (Self::Range(range), _) => range.allows_any(self, other),
            (Self::Union(union), _) => walk(union.pieces(), other.pieces(), |a, b| {
                found(a.allows_any(b))
            }),
        }
    }

    /// The versions in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Empty, _) => Self::Empty,
            (Self::Version(own), Self::Version(version)) => {
                if version_allows(own, version) {
                    other.clone()
                } else if version_allows(version, own) {
                    self.clone()
                } else {
                    Self::Empty
                }
            }
            (Self::Version(_), _) => other.intersect(self),
            (Self::Range(range), _) => range.intersect(self, other),
            (Self::Union(union), _) => {
                let mut pieces = Vec::new();
                walk(union.pieces(), other.pieces(), |a, b| {
                    let both = a.intersect(b);
                    if !both.is_empty() {
                        pieces.push(both);
                    }
                    ControlFlow::Continue(())
                });
                Self::of(pieces)
            }
        }
    }

    /// The versions in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Empty, _) => other.clone(),
            (Self::Version(own), Self::Version(version)) => {
                if version_allows(version, own) {
                    other.clone()
                } else if version_allows(own, version) {
                    self.clone()
                } else {
                    Self::of([self.clone(), other.clone()])
                }
            }
            (Self::Version(_), _) => other.union(self),
            (Self::Range(range), Self::Version(version)) => range.union_version(self, version),
            (Self::Range(_), Self::Range(_)) => union_ranges(self, other),
            (Self::Range(_) | Self::Union(_), _) => Self::of([self.clone(), other.clone()]),
        }
    }

    /// The versions in any of `constraints`. Unlike a chain of [`Self::union`], it looks at all of
    /// them at once.
    #[must_use]
    pub fn of(constraints: impl IntoIterator<Item = Self>) -> Self {
        let mut pieces: Vec<Self> = Vec::new();
        for constraint in constraints {
            match constraint {
                Self::Union(union) => pieces.extend_from_slice(union.pieces()),
                constraint if constraint.is_empty() => {}
                constraint => pieces.push(constraint),
            }
        }
        if pieces.iter().any(Self::is_any) {
            return Self::any();
        }
        pieces.sort_by(compare);
        let mut merged: Vec<Self> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match merged.last_mut() {
                Some(last) if last.allows_any(&piece) || is_adjacent(last, &piece) => {
                    *last = last.union(&piece);
                }
                _ => merged.push(piece),
            }
        }
        match merged.len() {
            0 => Self::Empty,
            1 => merged.swap_remove(0),
            _ => Self::Union(Union::new(merged)),
        }
    }

    /// The versions in `self` but not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Version(version) => difference_of_version(self, version, other),
            Self::Range(range) => range.difference(self, other),
            Self::Union(union) => difference_of_union(union.pieces(), other.pieces()),
        }
    }

    /// The versions not in it.
    #[must_use]
    pub fn invert(&self) -> Self {
        Self::any().difference(self)
    }
}

/// Is `other` the version, or a local version of it?
fn version_allows(version: &Version, other: &Version) -> bool {
    version
        == if version.is_local() {
            other
        } else {
            other.public()
        }
}

fn found(found: bool) -> ControlFlow<()> {
    if found {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Goes through two lists of pieces side by side, as far as they may meet. Tells if `visit` broke off.
fn walk<'a>(
    ours: &'a [Constraint],
    theirs: &'a [Constraint],
    mut visit: impl FnMut(&'a Constraint, &'a Constraint) -> ControlFlow<()>,
) -> bool {
    let (mut ours, mut theirs) = (ours.iter(), theirs.iter());
    let (mut own, mut their) = (ours.next(), theirs.next());
    while let (Some(a), Some(b)) = (own, their) {
        if visit(a, b).is_break() {
            return true;
        }
        if allows_higher(b, a) {
            own = ours.next();
        } else {
            their = theirs.next();
        }
    }
    false
}

impl Range {
    fn allows(&self, version: &Version) -> bool {
        self.min
            .as_ref()
            .is_none_or(|min| self.is_above_min(min, version))
            && self
                .max
                .as_ref()
                .is_none_or(|max| self.is_below_max(max, version))
    }

    /// PEP 440: `>V` does not hold the post-releases of V (unless V is one itself), nor its local versions.
    fn is_above_min(&self, min: &Version, version: &Version) -> bool {
        let without_post;
        let mut version = version;
        if !self.include_min && !min.is_postrelease() && version.is_postrelease() {
            without_post = version.without_postrelease();
            version = &without_post;
        }
        if !min.is_local() {
            version = version.public();
        }
        match version.cmp(min) {
            Ordering::Less => false,
            Ordering::Equal => self.include_min,
            Ordering::Greater => true,
        }
    }

    fn is_below_max(&self, max: &Version, version: &Version) -> bool {
        let version = if max.is_local() {
            version
        } else {
            version.public()
        };
        match version.cmp(max) {
            Ordering::Less => true,
            Ordering::Equal => self.include_max,
            Ordering::Greater => false,
        }
    }

    fn allows_all(&self, this: &Constraint, other: &Constraint) -> bool {
        if other.is_empty() {
            return true;
        }
        match other {
            Constraint::Version(version) => {
                // A version stands for its local versions too; an upper bound that is one of them
                // leaves some of them out.
                self.allows(version)
                    && (version.is_local()
                        || !self
                            .max
                            .as_ref()
                            .is_some_and(|max| max.is_local() && max.public() == version))
            }
            Constraint::Union(union) => union
                .pieces()
                .iter()
                .all(|piece| self.allows_all(this, piece)),
            _ => !allows_lower(other, this) && !allows_higher(other, this),
        }
    }

    fn allows_any(&self, this: &Constraint, other: &Constraint) -> bool {
        if other.is_empty() {
            return false;
        }
        match other {
            Constraint::Version(version) => {
                self.allows(version) || self.min_is_local_of(version).is_some()
            }
            Constraint::Union(union) => union
                .pieces()
                .iter()
                .any(|piece| self.allows_any(this, piece)),
            _ => !is_strictly_lower(other, this) && !is_strictly_lower(this, other),
        }
    }

    /// The lower bound, if it is a local version that `version` allows.
    fn min_is_local_of(&self, version: &Version) -> Option<&Version> {
        self.min
            .as_ref()
            .filter(|min| min.is_local() && version_allows(version, min))
    }

    fn intersect(&self, this: &Constraint, other: &Constraint) -> Constraint {
        if other.is_empty() {
            return Constraint::Empty;
        }
        match other {
            Constraint::Union(_) => other.intersect(this),
            Constraint::Version(version) => {
                if self.allows(version) {
                    return other.clone();
                }
                if version.is_local() {
                    return Constraint::Empty;
                }
                match self.min_is_local_of(version) {
                    // Poetry: the upper bound leaves out too much if the version has more than
                    // three numbers.
                    Some(min) => Constraint::range(
                        Some(min.clone()),
                        Some(version.stable().next_patch()),
                        self.include_min,
                        false,
                    ),
                    None => Constraint::Empty,
                }
            }
            _ => intersect_ranges(this, other),
        }
    }

    fn union_version(&self, this: &Constraint, version: &Version) -> Constraint {
        if let Some(broadened) = self.broadened_by(version) {
            return broadened;
        }
        if self.allows(version) {
            return this.clone();
        }
        if self.min.as_ref() == Some(version) {
            return Constraint::Range(Self {
                include_min: true,
                ..self.clone()
            });
        }
        if self.max.as_ref() == Some(version) {
            return Constraint::Range(Self {
                include_max: true,
                ..self.clone()
            });
        }
        Constraint::of([this.clone(), Constraint::Version(version.clone())])
    }

    /// A public version covers its local versions, so a bound that is one of them moves outwards.
    fn broadened_by(&self, version: &Version) -> Option<Constraint> {
        if version.is_local() {
            return None;
        }
        let covers = |bound: &Option<Version>| {
            bound
                .as_ref()
                .is_some_and(|bound| bound.is_local() && version_allows(version, bound))
        };
        let (lower, upper) = (covers(&self.min), covers(&self.max));
        if !lower && !upper {
            return None;
        }
        let mut range = self.clone();
        if lower {
            range.min = Some(version.clone());
            range.include_min = true;
        }
        if upper {
            range.max = Some(version.stable().next_patch());
            range.include_max = false;
        }
        Some(Constraint::range(
            range.min,
            range.max,
            range.include_min,
            range.include_max,
        ))
    }

    fn difference(&self, this: &Constraint, other: &Constraint) -> Constraint {
        if other.is_empty() {
            return this.clone();
        }
        match other {
            Constraint::Version(version) => self.difference_version(this, version),
            Constraint::Union(union) => {
                let mut before = Vec::new();
                let mut current = this.clone();
                for range in union.pieces() {
                    if is_strictly_lower(range, &current) {
                        continue;
                    }
                    if is_strictly_lower(&current, range) {
                        break;
                    }
                    match current.difference(range) {
                        Constraint::Union(halves) => {
                            before.push(halves.pieces()[0].clone());
                            current = halves.pieces()[halves.pieces().len() - 1].clone();
                        }
                        rest if rest.is_empty() => return Constraint::Empty,
                        rest => current = rest,
                    }
                }
                if before.is_empty() {
                    return current;
                }
                before.push(current);
                Constraint::of(before)
            }
            _ => self.difference_range(this, other),
        }
    }

    fn difference_version(&self, this: &Constraint, version: &Version) -> Constraint {
        if !self.allows(version) {
            return this.clone();
        }
        let Self {
            min,
            max,
            include_min,
            include_max,
        } = self;
        let bound = Some(version.clone());
        if *min == bound {
            return match include_min {
                true => Constraint::range(min.clone(), max.clone(), false, *include_max),
                false => this.clone(),
            };
        }
        if *max == bound {
            return match include_max {
                true => Constraint::range(min.clone(), max.clone(), *include_min, false),
                false => this.clone(),
            };
        }
        Constraint::of([
            Constraint::range(min.clone(), bound.clone(), *include_min, false),
            Constraint::range(bound, max.clone(), false, *include_max),
        ])
    }

    fn difference_range(&self, this: &Constraint, other: &Constraint) -> Constraint {
        if !self.allows_any(this, other) {
            return this.clone();
        }
        let before = allows_lower(this, other).then(|| match &self.min {
            Some(min) if Some(min) == other.min() => Constraint::Version(min.clone()),
            min => Constraint::range(
                min.clone(),
                other.min().cloned(),
                self.include_min,
                !other.include_min(),
            ),
        });
        let after = allows_higher(this, other).then(|| match &self.max {
            Some(max) if Some(max) == other.max() => Constraint::Version(max.clone()),
            max => Constraint::range(
                other.max().cloned(),
                max.clone(),
                !other.include_max(),
                self.include_max,
            ),
        });
        match (before, after) {
            (None, None) => Constraint::Empty,
            (Some(half), None) | (None, Some(half)) => half,
            (Some(before), Some(after)) => Constraint::of([before, after]),
        }
    }
}

fn intersect_ranges(a: &Constraint, b: &Constraint) -> Constraint {
    let (low, lower) = if allows_lower(a, b) { (b, a) } else { (a, b) };
    if is_strictly_lower(lower, low) {
        return Constraint::Empty;
    }
    let high = if allows_higher(a, b) { b } else { a };
    match (low.min(), high.max()) {
        (None, None) => Constraint::any(),
        (Some(min), Some(max)) if min == max => {
            // They overlap, so the one point that is left is in both.
            Constraint::Version(min.clone())
        }
        (min, max) => Constraint::range(
            min.cloned(),
            max.cloned(),
            low.include_min(),
            high.include_max(),
        ),
    }
}

fn union_ranges(a: &Constraint, b: &Constraint) -> Constraint {
    let touch = |left: &Constraint, right: &Constraint| {
        left.max().is_some()
            && left.max() == right.min()
            && (left.include_max() || right.include_min())
    };
    if !touch(a, b) && !touch(b, a) && !a.allows_any(b) {
        return Constraint::of([a.clone(), b.clone()]);
    }
    let low = if allows_lower(a, b) { a } else { b };
    let high = if allows_higher(a, b) { a } else { b };
    Constraint::raw_range(
        low.min().cloned(),
        high.max().cloned(),
        low.include_min(),
        high.include_max(),
    )
}

fn difference_of_version(this: &Constraint, version: &Version, other: &Constraint) -> Constraint {
    if other.allows_all(this) {
        return Constraint::Empty;
    }
    if !other.allows_any(this) {
        return this.clone();
    }
    // Only some of its local versions are left, which one version can't say.
    let upper = if version.is_devrelease() {
        version.next_devrelease()
    } else {
        version.next_postrelease()
    };
    Constraint::raw_range(Some(version.clone()), Some(upper), true, false).difference(other)
}

/// Poetry: a union without nothing is nothing.
fn difference_of_union(ours: &[Constraint], theirs: &[Constraint]) -> Constraint {
    let Some(mut their) = theirs.first() else {
        return Constraint::Empty;
    };
    let mut theirs = theirs[1..].iter();
    let mut ours = ours.iter().cloned();
    let mut pieces = Vec::new();
    let mut current = ours.next();
    while let Some(own) = current.take() {
        if is_strictly_lower(&own, their) {
            pieces.push(own);
            current = ours.next();
            continue;
        }
        let mut wants_theirs = true;
        let rest = if is_strictly_lower(their, &own) {
            own
        } else {
            match own.difference(their) {
                Constraint::Union(halves) => {
                    pieces.push(halves.pieces()[0].clone());
                    halves.pieces()[halves.pieces().len() - 1].clone()
                }
                rest if rest.is_empty() => {
                    current = ours.next();
                    continue;
                }
                rest => {
                    wants_theirs = allows_higher(&rest, their);
                    rest
                }
            }
        };
        if !wants_theirs {
            pieces.push(rest);
            current = ours.next();
            continue;
        }
        match theirs.next() {
            Some(next) => {
                their = next;
                current = Some(rest);
            }
            None => {
                pieces.push(rest);
                pieces.extend(ours);
                break;
            }
        }
    }
    if pieces.len() == 1 {
        pieces.swap_remove(0)
    } else {
        Constraint::of(pieces)
    }
}

/// Begins `a` before `b`?
fn allows_lower(a: &Constraint, b: &Constraint) -> bool {
    match (a.min(), b.min()) {
        (None, other) => other.is_some(),
        (Some(_), None) => false,
        (Some(min), Some(other)) => match min.cmp(other) {
            Ordering::Less => true,
            Ordering::Equal => a.include_min() && !b.include_min(),
            Ordering::Greater => false,
        },
    }
}

/// Ends `a` after `b`?
fn allows_higher(a: &Constraint, b: &Constraint) -> bool {
    match (a.max(), b.max()) {
        (None, other) => other.is_some(),
        (Some(_), None) => false,
        (Some(max), Some(other)) => match max.cmp(other) {
            Ordering::Less => false,
            Ordering::Equal => a.include_max() && !b.include_max(),
            Ordering::Greater => true,
        },
    }
}

/// Ends `a` before `b` begins?
fn is_strictly_lower(a: &Constraint, b: &Constraint) -> bool {
    match (a.max(), b.min()) {
        (Some(max), Some(min)) => match max.cmp(min) {
            Ordering::Less => true,
            Ordering::Equal => !(a.include_max() && b.include_min()),
            Ordering::Greater => false,
        },
        _ => false,
    }
}

/// Ends `a` just where `b` begins, with the point between them in one of the two?
fn is_adjacent(a: &Constraint, b: &Constraint) -> bool {
    a.max() == b.min() && a.include_max() != b.include_min()
}

/// The order of pieces: by lower bound, then by upper bound.
pub(super) fn compare(a: &Constraint, b: &Constraint) -> Ordering {
    let by_min = match (a.min(), b.min()) {
        (None, None) => return compare_max(a, b),
        (None, Some(_)) => return Ordering::Less,
        (Some(_), None) => return Ordering::Greater,
        (Some(min), Some(other)) => min.cmp(other),
    };
    by_min
        .then_with(|| b.include_min().cmp(&a.include_min()))
        .then_with(|| compare_max(a, b))
}

fn compare_max(a: &Constraint, b: &Constraint) -> Ordering {
    match (a.max(), b.max()) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(max), Some(other)) => max
            .cmp(other)
            .then_with(|| a.include_max().cmp(&b.include_max())),
    }
}
