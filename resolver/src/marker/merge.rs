//! Joins two comparisons of the same variable into one, where that is possible.

use super::generic::{Comparison, GenericConstraint};
use super::memo;
use super::node::{Atomic, Exact, Junction, Marker};
use super::python::python_constraint;
use super::single::{Domain, Single};
use super::variable::{Operator, Variable};
use crate::constraint::Constraint;

/// Joins two markers that are handled as single comparisons; `None` if they have to stay two.
pub(super) fn merge(junction: Junction, one: &Marker, other: &Marker) -> Option<Marker> {
    let (variable, other_variable) = (one.variable()?, other.variable()?);
    if variable != other_variable && !(variable.is_python() && other_variable.is_python()) {
        return None;
    }
    let key = (junction, Exact(one.clone()), Exact(other.clone()));
    memo::known_or(
        |memo| &mut memo.merged,
        key,
        || {
            if variable == other_variable {
                merge_same(junction, variable, one, other)
            } else {
                merge_python_versions(junction, one, other)
            }
        },
    )
}

fn merge_same(
    junction: Junction,
    variable: Variable,
    one: &Marker,
    other: &Marker,
) -> Option<Marker> {
    match (one.domain()?, other.domain()?) {
        (Domain::Versions(ours), Domain::Versions(theirs)) => {
            let result = match junction {
                Junction::And => ours.intersect(&theirs),
                Junction::Or => ours.union(&theirs),
            };
            if result.is_empty() {
                Some(Marker::empty())
            } else if result.is_any() {
                Some(Marker::any())
            } else if result == ours {
                Some(one.clone())
            } else if result == theirs {
                Some(other.clone())
            } else if result.is_simple() {
                from_versions(variable, &result)
            } else if variable == Variable::PythonVersion {
                merge_python_version(junction, &result, one, other)
            } else {
                None
            }
        }
        (Domain::Texts(ours), Domain::Texts(theirs)) => {
            let result = match junction {
                Junction::And => ours.intersect(&theirs),
                Junction::Or => ours.union(&theirs),
            };
            match result {
                GenericConstraint::Empty => Some(Marker::empty()),
                GenericConstraint::Any => Some(Marker::any()),
                _ if result == ours => Some(one.clone()),
                _ if result == theirs => Some(other.clone()),
                _ => from_texts(variable, result),
            }
        }
        // `platform_release` can be a version (`platform_release != "1"`) or a text
        // (`"a" not in platform_release`).
        _ => None,
    }
}

fn from_versions(variable: Variable, constraint: &Constraint) -> Option<Marker> {
    Single::from_constraint(variable, &constraint.to_string())
        .ok()
        .map(Marker::single)
}

fn from_texts(variable: Variable, constraint: GenericConstraint) -> Option<Marker> {
    let (junction, usual) = match &constraint {
        GenericConstraint::Any | GenericConstraint::Empty => return None,
        GenericConstraint::Atom(atom) => {
            return Single::from_constraint(variable, &atom.to_string())
                .ok()
                .map(Marker::single);
        }
        GenericConstraint::All(_) => (Junction::And, Comparison::NotEqual),
        GenericConstraint::Either(_) => (Junction::Or, Comparison::Equal),
    };
    let fits = |comparison| match variable {
        Variable::Extra => matches!(comparison, Comparison::Equal | Comparison::NotEqual),
        _ => comparison == usual,
    };
    constraint
        .atoms()?
        .iter()
        .all(|atom| fits(atom.comparison))
        .then(|| Marker::atomic(Atomic::new(variable, junction, constraint)))
}

/// What only `python_version` allows, because it is a version cut to two numbers.
fn merge_python_version(
    junction: Junction,
    result: &Constraint,
    one: &Marker,
    other: &Marker,
) -> Option<Marker> {
    let ours = python_constraint(one);
    let theirs = python_constraint(other);
    match junction {
        Junction::And if result.is_range() => {
            // `>= "3.8"` and `< "3.9"` is `== "3.8"`.
            let exact = result.min().and_then(|min| {
                Single::new(Variable::PythonVersion, Operator::Equal, min.as_str()).ok()
            });
            exact
                .map(Marker::single)
                .filter(|exact| python_constraint(exact) == *result)
                // `> "3.8"` and `< "3.9"` is nothing.
                .or_else(|| ours.intersect(&theirs).is_empty().then(Marker::empty))
        }
        Junction::Or if result.is_union() => {
            let union = ours.union(&theirs);
            if union.is_any() {
                // `<= "3.8"` or `>= "3.9"` is everything.
                Some(Marker::any())
            } else if union.is_simple() {
                // `== "3.8"` or `>= "3.9"` is `>= "3.8"`.
                from_versions(Variable::PythonVersion, &union)
            } else if union.is_range() {
                // `== "3.8"` or `== "3.9"` is `>= "3.8" and < "3.10"`, which is no simpler but easier
                // to merge with `== "3.10"`.
                between(&union)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn between(range: &Constraint) -> Option<Marker> {
    let above = Constraint::above(range.min()?.clone(), range.include_min());
    let below = Constraint::below(range.max()?.clone(), range.include_max());
    let bounds = [
        from_versions(Variable::PythonVersion, &above)?,
        from_versions(Variable::PythonVersion, &below)?,
    ];
    Some(Marker::join(Junction::And, &bounds))
}

/// Joins a `python_version` with a `python_full_version`, in either order.
fn merge_python_versions(junction: Junction, one: &Marker, other: &Marker) -> Option<Marker> {
    let (version, full_version) = match one.variable()? {
        Variable::PythonVersion => (one, other),
        _ => (other, one),
    };
    let spelled_out = from_versions(Variable::PythonFullVersion, &python_constraint(version))?;
    let merged = merge(junction, &spelled_out, full_version)?;
    if merged == spelled_out {
        return Some(version.clone());
    }
    match merged.as_single().and_then(fit_precision) {
        Some(single) => Some(Marker::single(single)),
        None => Some(merged),
    }
}

/// Poetry: `python_full_version >= "3.8.0"` turns back into `python_version >= "3.8"`; other comparisons
/// of a full version get three numbers.
fn fit_precision(single: &Single) -> Option<Single> {
    if single.swapped {
        return None;
    }
    let is_bound = matches!(single.operator, Operator::Less | Operator::GreaterEqual);
    let value = &*single.value;
    let dots = value.matches('.').count();
    let (variable, value) = match dots {
        0 | 1 if is_bound => (
            Variable::PythonVersion,
            format!("{value}{}", ".0".repeat(1 - dots)),
        ),
        0 | 1 => (single.variable, format!("{value}{}", ".0".repeat(2 - dots))),
        2 if is_bound && value.ends_with(".0") => {
            (Variable::PythonVersion, value[..value.len() - 2].to_owned())
        }
        _ => return None,
    };
    Single::new(variable, single.operator, &value).ok()
}
