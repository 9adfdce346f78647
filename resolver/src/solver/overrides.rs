//! Runs restricted to a part of the marker space.
//!
//! A package may require one name several times, under markers that shut each other out. PubGrub knows no
//! markers, so Poetry solves once per alternative: each such *run* starts from nothing and has *overrides* that
//! say which alternative counts for which package. A run may demand further overrides. The results of sibling
//! runs are merged by [`super::merge`].

use std::sync::Arc;

use itertools::Itertools;

use crate::constraint::Constraint;
use crate::git_url::without_credentials;
use crate::marker::Marker;
use crate::name::{ExtraName, PackageName};
use crate::requirement::{Origin, Requirement};

use super::node::{Node, Release};
use super::shared::{Changes, Shared};
use super::world::{World, origin_key};
use super::{FxIndexMap, SolveError};

/// Which package an override is about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Overridden {
    Package(Node, Release, Option<String>),
    /// Poetry: a clash between two packages' requirements under markers that never meet splits the whole run. The
    /// stand-in carries the marker of this side of the split.
    Split,
}

/// The restriction of one run: package → required name → the alternative that counts.
pub(crate) type Overrides = FxIndexMap<Overridden, FxIndexMap<PackageName, Shared>>;

/// One run: its overrides and what follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Which one it is of all runs, for who follows them.
    pub(crate) number: usize,
    pub(crate) overrides: Overrides,
    /// All markers of the overrides together.
    pub(crate) marker: Marker,
    /// The pythons that remain.
    pub(crate) python: Constraint,
}

impl Run {
    pub(crate) fn new(
        number: usize,
        overrides: Overrides,
        python: &Constraint,
        changes: &Changes,
    ) -> Self {
        let marker = overrides
            .values()
            .flat_map(FxIndexMap::values)
            .fold(Marker::any(), |all, requirement| {
                all.intersect(&changes.of(requirement).marker)
            });
        let python = python.intersect(&marker.python_constraint());
        Self {
            number,
            overrides,
            marker,
            python,
        }
    }

    /// The runs that follow when `package` must choose between `alternatives`.
    pub(crate) fn split(&self, package: &Overridden, alternatives: &[Shared]) -> Vec<Overrides> {
        alternatives
            .iter()
            .map(|alternative| {
                let mut overrides = self.overrides.clone();
                overrides
                    .entry(package.clone())
                    .or_default()
                    .insert(alternative.original().name.clone(), alternative.clone());
                overrides
            })
            .collect()
    }

    /// The two runs on either side of a marker.
    pub(crate) fn split_by_marker(&self, marker: &Marker) -> Vec<Overrides> {
        let name = PackageName::new("|marker split|");
        [marker.clone(), marker.invert()]
            .into_iter()
            .map(|mut side| {
                let mut overrides = self.overrides.clone();
                let entry = overrides.entry(Overridden::Split).or_default();
                if let Some(current) = entry.get(&name) {
                    side = current.original().marker.intersect(&side);
                }
                let mut stand_in = Requirement::new(name.as_str(), Constraint::any());
                stand_in.marker = side;
                entry.insert(name.clone(), Shared::new(stand_in));
                overrides
            })
            .collect()
    }

    /// Replaces what this run overrides for `package`, and drops what it does not need.
    pub(crate) fn apply(&self, package: &Overridden, requirements: Vec<Shared>) -> Vec<Shared> {
        let Some(overrides) = self.overrides.get(package) else {
            return requirements;
        };
        let mut done: Vec<PackageName> = Vec::new();
        let mut applied = Vec::with_capacity(requirements.len());
        for requirement in requirements {
            let name = requirement.original().name.clone();
            let Some(alternative) = overrides.get(&name) else {
                applied.push(requirement);
                continue;
            };
            if done.contains(&name) {
                continue;
            }
            done.push(name);
            // The empty constraint marks "not needed under these markers".
            if !alternative.original().constraint.is_empty() {
                applied.push(alternative.clone());
            }
        }
        applied
    }

    /// Can a marker hold in this run at all?
    pub(crate) fn admits(&self, marker: &Marker) -> bool {
        !self.marker.intersect(marker).is_empty()
    }
}

/// What [`distinct`] finds for requirements of one package on one name.
pub(crate) enum Duplicates {
    /// They can stand side by side.
    Keep(Vec<Shared>),
    /// The run must be split.
    Split(Vec<Shared>),
}

/// Sorts out several requirements of one package on one name.
///
/// # Errors
/// When two of them apply together and contradict one another.
pub(crate) fn distinct(
    run: &Run,
    world: &World<'_>,
    changes: &mut Changes,
    package: &str,
    duplicates: &[Shared],
    active_extras: Option<&[ExtraName]>,
) -> Result<Duplicates, SolveError> {
    let mut by_extras: FxIndexMap<String, Vec<Shared>> = FxIndexMap::default();
    for requirement in duplicates {
        by_extras
            .entry(requirement.original().complete_name())
            .or_default()
            .push(requirement.clone());
    }
    let mut overlaps = Overlaps {
        run,
        world,
        changes,
        package,
    };
    let requirements = if by_extras.len() == 1 {
        overlaps.resolve(duplicates, active_extras, Rest::Cover)?
    } else {
        for group in by_extras.values_mut() {
            if group.len() > 1 {
                *group = overlaps.resolve(group, None, Rest::Leave)?;
            }
        }
        let apart = by_extras.values().all(|group| group.len() == 1)
            && by_extras.values().tuple_combinations().all(|(a, b)| {
                let (a, b) = (overlaps.now(&a[0]), overlaps.now(&b[0]));
                a.marker.intersect(&b.marker).is_empty()
            });
        let all: Vec<_> = by_extras.into_values().flatten().collect();
        if !apart {
            return Ok(Duplicates::Keep(all));
        }
        all
    };
    if requirements.len() == 1 {
        return Ok(Duplicates::Keep(requirements));
    }
    let relevant: Vec<_> = requirements
        .into_iter()
        .filter(|requirement| run.admits(&overlaps.now(requirement).marker))
        .collect();
    Ok(match relevant.as_slice() {
        [] => Duplicates::Keep(Vec::new()),
        [only] if only.original().constraint.is_empty() => Duplicates::Keep(Vec::new()),
        [_] => Duplicates::Keep(relevant),
        _ => Duplicates::Split(relevant),
    })
}

/// What becomes of the part of the marker space that no requirement covers.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Rest {
    /// It becomes an alternative of its own, with an empty constraint.
    Cover,
    /// Someone else covers it.
    Leave,
}

struct Overlaps<'a> {
    run: &'a Run,
    world: &'a World<'a>,
    changes: &'a mut Changes,
    package: &'a str,
}

impl Overlaps<'_> {
    fn now<'r>(&'r self, requirement: &'r Shared) -> &'r Requirement {
        self.changes.of(requirement)
    }

    /// Requirements with overlapping markers become requirements whose markers shut each other out: one for each
    /// combination of markers that can hold together, with the constraints of that combination intersected.
    fn resolve(
        &mut self,
        requirements: &[Shared],
        active_extras: Option<&[ExtraName]>,
        rest: Rest,
    ) -> Result<Vec<Shared>, SolveError> {
        let shared = merge_by_constraint(requirements, self.changes);
        let requirements: Vec<Arc<Requirement>> = shared
            .iter()
            .map(|requirement| Arc::clone(self.changes.of(requirement)))
            .collect();
        let mut resolved = Vec::new();
        for combination in combinations(requirements.len()) {
            let used = pick(&requirements, &combination, true);
            let unused = pick(&requirements, &combination, false);
            // Poetry: the markers that hold come first, then the inverted ones; the order shows in the text.
            let marker = used
                .iter()
                .map(|requirement| requirement.marker.clone())
                .chain(unused.iter().map(|requirement| requirement.marker.invert()))
                .fold(Marker::any(), |all, marker| all.intersect(&marker));
            if !self.is_relevant(&marker, active_extras) {
                continue;
            }
            if used.is_empty() && rest == Rest::Leave {
                continue;
            }
            let (base, constraint) = match self.join(&used)? {
                (Some(base), constraint) => (base, constraint),
                (None, _) => (&*requirements[0], Constraint::Empty),
            };
            let mut joined = base.with_constraint(constraint);
            joined.set_marker(marker);
            resolved.push(Shared::new(joined));
        }
        Ok(merge_by_constraint(&resolved, self.changes))
    }

    /// The intersection of constraints that hold together, and the requirement whose source counts.
    fn join<'r>(
        &self,
        used: &[&'r Requirement],
    ) -> Result<(Option<&'r Requirement>, Constraint), SolveError> {
        let mut constraint = Constraint::any();
        let mut specific: Option<&Requirement> = None;
        for &requirement in used {
            if requirement.origin != Origin::index() {
                if let Some(other) = specific
                    && !same_source(requirement, other)
                {
                    return Err(self.incompatible(&[requirement, other]));
                }
                specific = Some(requirement);
            }
            constraint = constraint.intersect(&requirement.constraint);
        }
        if constraint.is_empty() {
            return Err(self.incompatible(used));
        }
        Ok((specific.or_else(|| used.first().copied()), constraint))
    }

    fn incompatible(&self, requirements: &[&Requirement]) -> SolveError {
        let shown = |r: &&Requirement| without_credentials(&r.to_pep508(true)).into_owned();
        SolveError::Incompatible {
            package: self.package.to_owned(),
            requirements: requirements.iter().map(shown).collect(),
        }
    }

    fn is_relevant(&self, marker: &Marker, active_extras: Option<&[ExtraName]>) -> bool {
        !marker.is_empty()
            && self
                .run
                .python
                .allows_any(&self.world.python_of_marker(marker))
            && active_extras.is_none_or(|extras| marker.holds(None, Some(extras)))
    }
}

/// All ways to use or not use `count` things; the first uses all, the last varies fastest.
fn combinations(count: usize) -> impl Iterator<Item = Vec<bool>> {
    (0..1_usize << count).map(move |bits| {
        (0..count)
            .map(|place| bits >> (count - 1 - place) & 1 == 0)
            .collect()
    })
}

fn pick<'r>(
    requirements: &'r [Arc<Requirement>],
    combination: &[bool],
    used: bool,
) -> Vec<&'r Requirement> {
    requirements
        .iter()
        .zip(combination)
        .filter(|(_, u)| **u == used)
        .map(|(requirement, _)| requirement.as_ref())
        .collect()
}

type ByConstraint<'r> = FxIndexMap<Constraint, Vec<&'r Shared>>;

/// Of requirements with equal source and constraint the first stays, in place, with their markers united.
fn merge_by_constraint(requirements: &[Shared], changes: &mut Changes) -> Vec<Shared> {
    let mut sources: Vec<(Arc<Requirement>, ByConstraint<'_>)> = Vec::new();
    for shared in requirements {
        let requirement = Arc::clone(shared.original());
        let constraint = requirement.constraint.clone();
        let place = match sources
            .iter()
            .position(|(first, _)| same_source(first, &requirement))
        {
            Some(place) => place,
            None => {
                sources.push((requirement, FxIndexMap::default()));
                sources.len() - 1
            }
        };
        sources[place].1.entry(constraint).or_default().push(shared);
    }
    let groups = sources
        .into_iter()
        .flat_map(|(_, by_constraint)| by_constraint.into_values());
    groups
        .map(|same| {
            let markers = same.iter().map(|r| changes.of(r).marker.clone());
            let markers: Vec<Marker> = markers.collect();
            if markers.len() > 1 {
                changes.set_marker(same[0], Marker::union_all(&markers));
            }
            same[0].clone()
        })
        .collect()
}

/// Do two requirements name the same source?
pub(crate) fn same_source(a: &Requirement, b: &Requirement) -> bool {
    match (&a.origin, &b.origin) {
        (Origin::Index { source: a }, Origin::Index { source: b }) => a == b,
        (a, b) => origin_key(a) == origin_key(b),
    }
}
