//! Joins the solutions of sibling runs.

use crate::constraint::Constraint;
use crate::marker::Marker;

use super::FxIndexMap;
use super::graph::{Identity, Solution, Solved, is_same};
use super::overrides::Overrides;
use super::shared::Changes;

/// Joins solutions, each with the overrides of its run, in the order of the runs.
///
/// Poetry: a package's marker is the union over runs of (the run's marker and the package's marker there), with
/// two short cuts that show in the text: parts that the run's marker repeats are dropped first, and if all runs
/// agree on the package's markers, the runs' markers are united before they are joined to it.
pub(crate) fn merge(
    runs: Vec<(Overrides, Solution)>,
    python: &Constraint,
    changes: &Changes,
) -> Solution {
    let mut by_package: FxIndexMap<Identity, Vec<(Solved, Marker)>> = FxIndexMap::default();
    for (overrides, solution) in runs {
        let run = run_marker(&overrides, changes).reduce_by_python_constraint(python);
        for (identity, mut solved) in solution {
            for marker in solved.markers.values_mut() {
                *marker = marker.without_conjuncts_of(&run);
            }
            by_package
                .entry(identity)
                .or_default()
                .push((solved, run.clone()));
        }
    }
    by_package
        .into_iter()
        .map(|(identity, found)| (identity, join(found)))
        .collect()
}

fn run_marker(overrides: &Overrides, changes: &Changes) -> Marker {
    overrides
        .values()
        .flat_map(FxIndexMap::values)
        .fold(Marker::any(), |all, requirement| {
            all.intersect(&changes.of(requirement).marker.without_extras())
        })
}

fn join(found: Vec<(Solved, Marker)>) -> Solved {
    let mut found = found.into_iter();
    let (mut joined, first_run) = found
        .next()
        .expect("a package was found in at least one run");
    let others: Vec<(Solved, Marker)> = found.collect();
    for (other, _) in &others {
        joined.groups.extend(other.groups.iter().cloned());
        joined.depth = joined.depth.max(other.depth);
    }
    if others
        .iter()
        .all(|(other, _)| other.markers == joined.markers)
    {
        let runs = others
            .iter()
            .fold(Marker::empty().union(&first_run), |all, (_, run)| {
                all.union(run)
            });
        for marker in joined.markers.values_mut() {
            *marker = runs.intersect(marker);
        }
    } else {
        for marker in joined.markers.values_mut() {
            *marker = first_run.intersect(marker);
        }
        for (other, run) in &others {
            for (group, marker) in &other.markers {
                let part = run.intersect(marker);
                let whole = joined
                    .markers
                    .get(group)
                    .cloned()
                    .unwrap_or_else(Marker::empty);
                joined.markers.insert(group.clone(), whole.union(&part));
            }
        }
    }
    for (other, _) in others {
        for requirement in other.requirements {
            if !joined
                .requirements
                .iter()
                .any(|known| is_same(known.original(), requirement.original()))
            {
                joined.requirements.push(requirement);
            }
        }
    }
    joined
}
