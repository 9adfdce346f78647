//! PEP 508 environment markers with poetry-core's algebra and printed form.
//!
//! A marker is a tree. Its leaves compare a variable with a value (`single`); a few comparisons of the same
//! variable can share a leaf; `and` and `or` join leaves and joins. What a lock file says about a package's
//! marker is what came out of dozens of unions and intersections, printed. It is not canonical:
//! `a or b` and `b or a` are different markers, and what gets simplified depends on the order in which
//! things are tried. To write the same lock files as Poetry we have to rewrite in the same steps, which is
//! why markers are not decision diagrams here, though those would be smaller and canonical.
//!
//! | file | what it holds |
//! |---|---|
//! | `variable` | PEP 508's variables and operators |
//! | `generic` | constraints on text, as `version` and `constraint` are for versions |
//! | `single` | one comparison |
//! | `parse` | from text to tree |
//! | `node` | the tree, its equality and printed form |
//! | `merge` | two comparisons of one variable made one |
//! | `algebra` | union and intersection |
//! | `python` | from markers to python versions and back |
//! | `evaluate` | does it hold? |
//! | `memo` | answers kept per thread |

mod algebra;
mod evaluate;
mod generic;
mod memo;
mod merge;
mod node;
mod parse;
mod python;
mod single;
mod variable;

pub use evaluate::{Known, MarkerEnvironment};
pub use generic::{Atom, Comparison, GenericConstraint, GenericConstraintError, Values};
pub use node::{Complexity, Marker};
pub use variable::Variable;

use crate::constraint::Constraint;
use crate::name::ExtraName;
use node::{Exact, Junction, Kind};
use python::{Converted, How};
use single::{Domain, Single};
use variable::Operator;

/// A text that is no marker.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid environment marker: `{text}`")]
pub struct MarkerError {
    /// The text as given.
    pub text: String,
    /// What kind of mistake it is.
    pub fault: MarkerFault,
}

/// Why a text is no marker. Poetry drops a requirement in the first case, but only its marker in the
/// second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MarkerFault {
    /// It does not follow PEP 508's grammar, or names an unknown variable.
    Grammar,
    /// It compares what can't be compared, such as `python_version` with `"three"`.
    Comparison,
}

/// What a marker says about one variable: for each alternative the operators and values. The operator is
/// empty where the value is the text of a constraint.
pub type Said = (Variable, Vec<Vec<(&'static str, String)>>);

impl Marker {
    /// Parses and simplifies a marker; the empty text is [`Marker::any`].
    ///
    /// # Errors
    /// When the text is no marker.
    pub fn parse(text: &str) -> Result<Self, MarkerError> {
        memo::known_or(
            |memo| &mut memo.parsed,
            text.into(),
            || match text {
                "<empty>" => Ok(Self::empty()),
                "" | "*" => Ok(Self::any()),
                _ => Ok(algebra::unite(Junction::Or, &[parse::parse(text)?])),
            },
        )
        .map_err(|fault| MarkerError {
            text: text.to_owned(),
            fault,
        })
    }

    /// Both hold.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        algebra::combine(Junction::And, self, other)
    }

    /// Either holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        algebra::combine(Junction::Or, self, other)
    }

    /// Poetry's `union(*markers)` over a list at once, which may print differently from step by step.
    #[must_use]
    pub fn union_all(markers: &[Self]) -> Self {
        algebra::unite(Junction::Or, markers)
    }

    /// Poetry's `intersection(*markers)` over a list at once.
    #[must_use]
    pub fn intersect_all(markers: &[Self]) -> Self {
        algebra::unite(Junction::And, markers)
    }

    /// It does not hold.
    #[must_use]
    pub fn invert(&self) -> Self {
        memo::known_or(
            |memo| &mut memo.inverted,
            Exact(self.clone()),
            || match self.kind() {
                Kind::Any => Self::empty(),
                Kind::Empty => Self::any(),
                Kind::Single(single) => invert_single(single),
                Kind::Atomic(atomic) => Self::atomic(atomic.invert()),
                Kind::Join(junction, members) => {
                    let inverted: Vec<Self> = members.iter().map(Self::invert).collect();
                    Self::join(junction.dual(), &inverted)
                }
            },
        )
    }

    /// Without the parts about the variable `name`.
    #[must_use]
    pub fn exclude(&self, name: &str) -> Self {
        match Variable::named(name) {
            Some(variable) => self.exclude_variable(variable),
            None => self.clone(),
        }
    }

    /// Only the parts about the variables `names`.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let variables: Vec<Variable> = names.iter().copied().filter_map(Variable::named).collect();
        self.only_variables(&variables)
    }

    /// Without the parts about `extra`.
    #[must_use]
    pub fn without_extras(&self) -> Self {
        self.exclude_variable(Variable::Extra)
    }

    /// Evaluates it. `environment: None` leaves all variables but `extra` open (they count as true);
    /// `extras: None` leaves `extra` open.
    #[must_use]
    pub fn holds(
        &self,
        environment: Option<&MarkerEnvironment>,
        extras: Option<&[ExtraName]>,
    ) -> bool {
        let known = environment.map(Known::from).unwrap_or_default();
        self.holds_where(&match extras {
            Some(extras) => known.with_extras(extras),
            None => known,
        })
    }

    /// Evaluates it where not all is known; what is open counts as true.
    #[must_use]
    pub fn holds_where(&self, known: &Known<'_>) -> bool {
        evaluate::holds(self, known)
    }

    /// Evaluates it in part: what is open stays in the result.
    #[must_use]
    pub fn apply(&self, known: &Known<'_>) -> Self {
        if known.is_nothing() {
            return self.clone();
        }
        evaluate::apply(self, known)
    }

    /// Without the members that `other` repeats, if this is a conjunction that holds all of `other`'s members;
    /// else unchanged. Of use where the two are going to be intersected anyway.
    #[must_use]
    pub fn without_conjuncts_of(&self, other: &Self) -> Self {
        let theirs = match other.members(Junction::And) {
            Some(members) => members,
            None if other.as_single().is_some() => std::slice::from_ref(other),
            None => return self.clone(),
        };
        let Some(ours) = self.members(Junction::And) else {
            return self.clone();
        };
        if !theirs.iter().all(|member| ours.contains(member)) {
            return self.clone();
        }
        let rest: Vec<Self> = ours
            .iter()
            .filter(|member| !theirs.contains(member))
            .cloned()
            .collect();
        algebra::simplify(Junction::And, &rest)
    }

    /// Drops what the supported python range already says.
    #[must_use]
    pub fn reduce_by_python_constraint(&self, python: &Constraint) -> Self {
        python::reduce(self, python)
    }

    /// The python versions it can hold on (poetry-core's `get_python_constraint_from_marker`).
    #[must_use]
    pub fn python_constraint(&self) -> Constraint {
        python::python_constraint(self)
    }

    /// The python versions of a requirement with this marker: poetry-core's `Dependency.python_versions`,
    /// computed from `convert_markers` and `normalize_python_version_markers`.
    #[must_use]
    pub fn dependency_python_versions(&self) -> String {
        Converted::new(self).python_versions()
    }

    /// The extras it names with `==` (poetry-core's `in_extras` of a dependency), in order. One that is
    /// named in several alternatives comes up as often.
    #[must_use]
    pub fn extras(&self) -> Vec<ExtraName> {
        let converted = Converted::new(self);
        let groups = converted.get(Variable::Extra).unwrap_or_default();
        groups
            .iter()
            .flatten()
            .flat_map(|(said, value)| named_extras(*said, value))
            .collect()
    }

    /// Does it speak of `extra` at all?
    #[must_use]
    pub fn mentions_extra(&self) -> bool {
        Converted::new(self).get(Variable::Extra).is_some()
    }

    /// What its alternatives say about each variable (poetry-core's `convert_markers`). Both python
    /// variables count as `python_version`.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        Converted::new(self).into_said()
    }

    /// The marker text for a constraint on `python_version` (poetry-core's `create_nested_marker`).
    #[must_use]
    pub fn nested(name: &str, constraint: &Constraint) -> String {
        python::nested(name, constraint)
    }

    /// The marker text for a constraint on a variable that is compared as text.
    #[must_use]
    pub fn nested_generic(name: &str, constraint: &GenericConstraint) -> String {
        python::nested_generic(name, constraint)
    }

    /// As a conjunction of disjunctions.
    #[must_use]
    pub fn conjunctive_normal_form(&self) -> Self {
        algebra::normal_form(Junction::And, self)
    }

    /// As a disjunction of conjunctions.
    #[must_use]
    pub fn disjunctive_normal_form(&self) -> Self {
        algebra::normal_form(Junction::Or, self)
    }

    fn exclude_variable(&self, excluded: Variable) -> Self {
        let Kind::Join(junction, members) = self.kind() else {
            return match self.variable() {
                Some(variable) if variable == excluded => Self::any(),
                _ => self.clone(),
            };
        };
        memo::known_or(
            |memo| &mut memo.excluded,
            (Exact(self.clone()), excluded),
            || exclude_from(*junction, members, excluded),
        )
    }

    fn only_variables(&self, variables: &[Variable]) -> Self {
        if let Kind::Join(junction, members) = self.kind() {
            let members: Vec<Self> = members
                .iter()
                .map(|member| member.only_variables(variables))
                .collect();
            return algebra::simplify(*junction, &members);
        }
        match self.variable() {
            Some(variable) if !variables.contains(&variable) => Self::any(),
            _ => self.clone(),
        }
    }
}

/// Poetry: in a conjunction parts that turn out empty are left out, too.
fn exclude_from(junction: Junction, members: &[Marker], excluded: Variable) -> Marker {
    let is_excluded = |member: &&Marker| member.variable() == Some(excluded);
    if junction == Junction::Or && members.iter().any(|member| is_excluded(&member)) {
        return Marker::any();
    }
    let rest: Vec<Marker> = members
        .iter()
        .filter(|member| !is_excluded(member))
        .map(|member| member.exclude_variable(excluded))
        .filter(|member| junction == Junction::Or || !member.is_empty())
        .collect();
    algebra::unite(junction, &rest)
}

fn invert_single(single: &Single) -> Marker {
    if let Some(inverted) = single.invert() {
        return Marker::single(inverted);
    }
    match &single.domain {
        Domain::Versions(range) => python::invert_compatible(single, range),
        Domain::Texts(_) => None,
    }
    // A text is compatible with nothing. Poetry fails here.
    .unwrap_or_else(Marker::any)
}

fn named_extras(how: How, value: &str) -> Vec<ExtraName> {
    match how {
        How::Compared(Operator::Equal) => vec![ExtraName::new(value)],
        How::Compared(_) => Vec::new(),
        How::Constraint => value
            .split(if value.contains("||") { "||" } else { "," })
            .map(str::trim)
            .filter(|extra| !extra.starts_with("!="))
            .map(ExtraName::new)
            .collect(),
    }
}
