//! What a marker says about python versions, and the other way round.

use super::Said;
use super::algebra;
use super::generic::GenericConstraint;
use super::memo;
use super::node::{Exact, Junction, Kind, Marker};
use super::single::{Single, version_list};
use super::variable::{Operator, Variable};
use crate::constraint::Constraint;
use crate::version::Version;

const PYTHON: [Variable; 2] = [Variable::PythonVersion, Variable::PythonFullVersion];

/// What a disjunction of conjunctions says, sorted by variable: poetry-core's `convert_markers`.
pub(super) struct Converted {
    groups: Vec<(Variable, Groups)>,
}

/// What one conjunction says about a variable.
type Group = Vec<(How, String)>;

/// What each conjunction says about a variable; some may say nothing.
type Groups = Vec<Group>;

/// How a value is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    /// Compared so.
    Compared(Operator),
    /// It is the text of a constraint.
    Constraint,
}

impl How {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Compared(operator) => operator.as_str(),
            Self::Constraint => "",
        }
    }
}

impl Converted {
    pub(super) fn new(marker: &Marker) -> Self {
        let disjunction = algebra::normal_form(Junction::Or, marker);
        let conjunctions = disjunction
            .members(Junction::Or)
            .unwrap_or(std::slice::from_ref(&disjunction));
        let mut converted = Self { groups: Vec::new() };
        for (place, conjunction) in conjunctions.iter().enumerate() {
            let members = conjunction
                .members(Junction::And)
                .unwrap_or(std::slice::from_ref(conjunction));
            for member in members {
                converted.add(member, place, conjunctions.len());
            }
        }
        for (_, groups) in &mut converted.groups {
            *groups = without_repetition(std::mem::take(groups));
        }
        converted
    }

    fn add(&mut self, marker: &Marker, place: usize, count: usize) {
        let (variable, said) = match marker.kind() {
            Kind::Single(single) => {
                let said = (How::Compared(single.operator), single.value.to_string());
                (single.variable, said)
            }
            Kind::Atomic(atomic) => {
                let said = (How::Constraint, atomic.constraint.to_string());
                (atomic.variable, said)
            }
            Kind::Any | Kind::Empty | Kind::Join(..) => return,
        };
        // To Poetry both are about the version of python.
        let variable = match variable {
            Variable::PythonFullVersion => Variable::PythonVersion,
            variable => variable,
        };
        let known = self.groups.iter().position(|(known, _)| *known == variable);
        let known = known.unwrap_or_else(|| {
            self.groups.push((variable, vec![Vec::new(); count]));
            self.groups.len() - 1
        });
        self.groups[known].1[place].push(said);
    }

    /// What each conjunction says about a variable, if any of them says something.
    pub(super) fn get(&self, variable: Variable) -> Option<&[Group]> {
        self.groups
            .iter()
            .find(|(known, _)| *known == variable)
            .map(|(_, groups)| groups.as_slice())
    }

    /// All variables with what is said about them.
    pub(super) fn into_said(self) -> Vec<Said> {
        let spell = |groups: Groups| {
            groups
                .into_iter()
                .map(|group| {
                    group
                        .into_iter()
                        .map(|(how, value)| (how.as_str(), value))
                        .collect()
                })
                .collect()
        };
        self.groups
            .into_iter()
            .map(|(variable, groups)| (variable, spell(groups)))
            .collect()
    }

    /// The constraint on python versions as text, `*` if some conjunction says nothing about it.
    pub(super) fn python_versions(&self) -> String {
        match self.get(Variable::PythonVersion) {
            Some(groups) if !groups.iter().any(Vec::is_empty) => normalize(groups),
            _ => "*".to_owned(),
        }
    }
}

fn without_repetition<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut unique = Vec::with_capacity(items.len());
    for item in items {
        if !unique.contains(&item) {
            unique.push(item);
        }
    }
    unique
}

/// The python versions a marker can hold on: poetry-core's `get_python_constraint_from_marker`.
pub(super) fn python_constraint(marker: &Marker) -> Constraint {
    memo::known_or(
        |memo| &mut memo.python,
        Exact(marker.clone()),
        || {
            let python_part = marker.only_variables(&PYTHON);
            if python_part.is_any() {
                return Constraint::any();
            }
            if python_part.is_empty() {
                return Constraint::Empty;
            }
            let versions = Converted::new(marker).python_versions();
            // What is said about python can be read one by one, but not always together.
            Constraint::parse_marker_version(&versions).unwrap_or_else(|_| Constraint::any())
        },
    )
}

/// poetry-core's `normalize_python_version_markers`: comparisons of `python_version`, which has two numbers,
/// as a constraint on versions that have three.
///
/// Poetry: what is joined by `and` is set side by side, even if a part is an alternative
/// (`3.8.* || 3.9.* >=3.6`), so that it binds differently.
fn normalize(groups: &[Group]) -> String {
    let alternatives: Vec<String> = groups
        .iter()
        .map(|group| {
            let parts: Vec<String> = group
                .iter()
                .map(|(said, version)| match said {
                    How::Compared(operator) => normalize_comparison(*operator, version),
                    How::Constraint => version.clone(),
                })
                .collect();
            parts.join(" ")
        })
        .collect();
    alternatives.join(" || ")
}

fn normalize_comparison(operator: Operator, version: &str) -> String {
    let is_minor = !version.contains('*') && version.matches('.').count() < 2;
    let minor = || match version.contains('.') {
        true => version.to_owned(),
        false => format!("{version}.0"),
    };
    match operator {
        Operator::Equal if is_minor => format!("~{}", minor()),
        Operator::NotEqual if is_minor => format!("!={}.*", minor()),
        // `python_version > "3.8"` holds from 3.9 on, and `python_version <= "3.8"` until then.
        Operator::LessEqual | Operator::Greater => match version.parse::<Version>() {
            Ok(parsed) if parsed.precision() < 3 => {
                let operator = match operator {
                    Operator::LessEqual => "<",
                    _ => ">=",
                };
                format!("{operator}{}", parsed.next_minor())
            }
            _ => format!("{operator}{version}"),
        },
        Operator::In | Operator::NotIn => version_list(operator, version),
        _ => format!("{operator}{version}"),
    }
}

/// Drops what the supported python versions say already.
pub(super) fn reduce(marker: &Marker, python: &Constraint) -> Marker {
    match marker.kind() {
        Kind::Single(single) if single.variable.is_python() => memo::known_or(
            |memo| &mut memo.reduced,
            (Exact(marker.clone()), python.clone()),
            || reduce_single(marker, python),
        ),
        Kind::Join(junction, members) => memo::known_or(
            |memo| &mut memo.reduced,
            (Exact(marker.clone()), python.clone()),
            || reduce_members(*junction, members, python),
        ),
        Kind::Any | Kind::Empty | Kind::Single(_) | Kind::Atomic(_) => marker.clone(),
    }
}

fn reduce_single(marker: &Marker, python: &Constraint) -> Marker {
    let versions = python_constraint(marker);
    if versions.allows_all(python) {
        return Marker::any();
    }
    if !versions.allows_any(python) {
        return Marker::empty();
    }
    let Ok(python_marker) = Marker::parse(&nested("python_version", python)) else {
        return marker.clone();
    };
    let both = marker.intersect(&python_marker);
    if both.as_single().is_some() {
        both
    } else {
        marker.clone()
    }
}

fn reduce_members(junction: Junction, members: &[Marker], python: &Constraint) -> Marker {
    if junction == Junction::Or && (python.is_range() || python.is_union()) {
        let only_python: Vec<Marker> = members
            .iter()
            .filter(|member| **member == member.only_variables(&PYTHON))
            .cloned()
            .collect();
        let together = algebra::simplify(Junction::Or, &only_python);
        if python_constraint(&together).allows_all(python) {
            return Marker::any();
        }
    }
    let reduced: Vec<Marker> = members
        .iter()
        .map(|member| reduce(member, python))
        .collect();
    algebra::simplify(junction, &reduced)
}

/// The text of a marker for a constraint on versions: poetry-core's `create_nested_marker`.
pub(super) fn nested(name: &str, constraint: &Constraint) -> String {
    if constraint.is_any() {
        return String::new();
    }
    if constraint.is_union() {
        let parts: Vec<String> = constraint
            .pieces()
            .iter()
            .map(|piece| format!("({})", nested(name, piece)))
            .collect();
        return parts.join(" or ");
    }
    if let Some(version) = constraint.as_version() {
        return format!("{} == \"{version}\"", name_for(name, version));
    }
    let min = constraint.min().map(|min| match constraint.include_min() {
        true => nested_bound(name, ">=", min),
        false => nested_exact_bound(name, ">", min),
    });
    let max = constraint.max().map(|max| match constraint.include_max() {
        true => nested_exact_bound(name, "<=", max),
        false => nested_bound(name, "<", max),
    });
    let bounds: Vec<String> = min.into_iter().chain(max).collect();
    bounds.join(" and ")
}

/// `python_version` has two numbers; a bound with more is about `python_full_version`.
fn name_for<'a>(name: &'a str, version: &Version) -> &'a str {
    if name == "python_version" && version.precision() >= 3 {
        "python_full_version"
    } else {
        name
    }
}

fn nested_bound(name: &str, operator: &str, version: &Version) -> String {
    format!(
        "{} {operator} \"{}\"",
        name_for(name, version),
        version.stable()
    )
}

/// `<=` and `>` of a version with less than three numbers would mean all that begin with it.
fn nested_exact_bound(name: &str, operator: &str, version: &Version) -> String {
    if name == "python_version" && version.precision() < 3 {
        return format!("python_full_version {operator} \"{}\"", version.padded(3));
    }
    nested_bound(name, operator, version)
}

/// The text of a marker for a constraint on text.
pub(super) fn nested_generic(name: &str, constraint: &GenericConstraint) -> String {
    match constraint {
        GenericConstraint::Any | GenericConstraint::Empty => String::new(),
        GenericConstraint::Atom(atom) => {
            format!("{name} {} \"{}\"", atom.comparison.as_str(), atom.value)
        }
        GenericConstraint::All(atoms) => {
            let parts: Vec<String> = atoms
                .iter()
                .map(|atom| format!("{name} {} \"{}\"", atom.comparison.as_str(), atom.value))
                .collect();
            parts.join(" and ")
        }
        GenericConstraint::Either(members) => {
            let parts: Vec<String> = members
                .iter()
                .map(|member| match member {
                    GenericConstraint::All(_) | GenericConstraint::Either(_) => {
                        format!("({})", nested_generic(name, member))
                    }
                    _ => nested_generic(name, member),
                })
                .collect();
            parts.join(" or ")
        }
    }
}

/// The comparison that holds exactly when `~=` does not.
pub(super) fn invert_compatible(single: &Single, range: &Constraint) -> Option<Marker> {
    let min = (
        Operator::GreaterEqual,
        Operator::Greater,
        range.min()?,
        range.include_min(),
    );
    let max = (
        Operator::LessEqual,
        Operator::Less,
        range.max()?,
        range.include_max(),
    );
    let mut bounds = Vec::with_capacity(2);
    for (inclusive, exclusive, version, is_inclusive) in [min, max] {
        let operator = if is_inclusive { inclusive } else { exclusive };
        let bound = Single::new(single.variable, operator, version.as_str()).ok()?;
        bounds.push(Marker::single(bound.invert()?));
    }
    Some(Marker::join(Junction::Or, &bounds))
}
