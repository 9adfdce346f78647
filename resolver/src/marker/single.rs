//! One comparison of a marker: `python_version >= "3.8"`.

use std::fmt;

use super::MarkerFault;
use super::generic::{self, GenericConstraint, Values};
use super::variable::{Operator, Variable};
use crate::constraint::Constraint;

/// The values for which a comparison holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Domain {
    /// Of a variable that is compared as a version.
    Versions(Constraint),
    /// Of a variable that is compared as text.
    Texts(GenericConstraint),
}

/// A comparison of a variable with a value.
#[derive(Clone, Debug)]
pub(super) struct Single {
    pub(super) variable: Variable,
    pub(super) operator: Operator,
    pub(super) value: Box<str>,
    /// The value stands on the left: `"win" in sys_platform` asks for a part of the variable.
    pub(super) swapped: bool,
    pub(super) domain: Domain,
}

impl Single {
    /// `variable operator "value"`.
    pub(super) fn new(
        variable: Variable,
        operator: Operator,
        value: &str,
    ) -> Result<Self, MarkerFault> {
        Self::from_constraint(variable, &format!("{operator} {value}"))
    }

    /// `"value" operator variable`, where only `in` and `not in` make sense.
    pub(super) fn swapped(
        variable: Variable,
        operator: Operator,
        value: &str,
    ) -> Result<Self, MarkerFault> {
        let text = format!("\"{value}\" {operator}");
        if generic::split_substring_test(&text).is_none() || value.contains('\n') {
            return Err(MarkerFault::Comparison);
        }
        // Poetry: a swapped python version is a list of versions and no substring.
        let domain = if variable.is_python() {
            versions_in_list(variable, operator, value)?
        } else {
            parse_texts(variable, &text)?
        };
        Ok(Self {
            variable,
            operator,
            value: value.into(),
            swapped: true,
            domain,
        })
    }

    /// From the text of a constraint such as `>=3.8`.
    pub(super) fn from_constraint(variable: Variable, text: &str) -> Result<Self, MarkerFault> {
        let (operator, value) = Operator::split_constraint(text).ok_or(MarkerFault::Comparison)?;
        let missing = missing_precision(variable, operator, value);
        let is_list = matches!(operator, Operator::In | Operator::NotIn);
        let domain = match (variable.is_version(), is_list) {
            (true, true) => versions_in_list(variable, operator, value)?,
            (true, false) => parse_versions(variable, &format!("{text}{missing}"))?,
            (false, true) => texts_in_list(variable, operator, value)?,
            (false, false) => parse_texts(variable, text)?,
        };
        Ok(Self {
            variable,
            operator,
            value: format!("{value}{missing}").into(),
            swapped: false,
            domain,
        })
    }

    /// The comparison that holds when this one does not; `None` for `~=`, which has none.
    pub(super) fn invert(&self) -> Option<Self> {
        let operator = self.operator.inverse()?;
        if self.swapped {
            Self::swapped(self.variable, operator, &self.value).ok()
        } else {
            Self::new(self.variable, operator, &self.value).ok()
        }
    }

    /// Are both printed with the same words, whatever stands on the left?
    ///
    /// Poetry: `"linux" in sys_platform` equals `sys_platform in "linux"`.
    pub(super) fn loosely_equals(&self, other: &Self) -> bool {
        self.variable == other.variable
            && self.operator == other.operator
            && self.value == other.value
    }

    /// Is it the same comparison?
    pub(super) fn exactly_equals(&self, other: &Self) -> bool {
        self.loosely_equals(other) && self.swapped == other.swapped && self.domain == other.domain
    }
}

/// Splits the value of `in` and `not in` into its members.
pub(super) fn list_members(value: &str) -> impl Iterator<Item = &str> {
    let is_separator = |c| matches!(c, ' ' | ',' | '|');
    let head = value.starts_with(is_separator).then_some("");
    let tail = value.ends_with(is_separator).then_some("");
    let members = value
        .split(is_separator)
        .filter(|member| !member.is_empty());
    head.into_iter().chain(members).chain(tail)
}

/// The versions of `in` or `not in` as the text of a constraint; a member with less than three
/// numbers stands for all versions that start so.
pub(super) fn version_list(operator: Operator, value: &str) -> String {
    let (exact, wildcard, glue) = match operator {
        Operator::In => ("==", "", " || "),
        _ => ("!=", "!=", ", "),
    };
    let members: Vec<String> = list_members(value)
        .map(|member| match member.split('.').count() {
            1 | 2 => format!("{wildcard}{member}.*"),
            _ => format!("{exact}{member}"),
        })
        .collect();
    members.join(glue)
}

/// Poetry: `python_full_version` is always printed with three numbers at least.
fn missing_precision(variable: Variable, operator: Operator, value: &str) -> &'static str {
    let is_list = matches!(operator, Operator::In | Operator::NotIn);
    if variable != Variable::PythonFullVersion || is_list {
        return "";
    }
    match value.matches('.').count() {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    }
}

fn parse_versions(variable: Variable, text: &str) -> Result<Domain, MarkerFault> {
    let constraint = if variable == Variable::PlatformRelease {
        Constraint::parse_platform_release(text)
    } else {
        Constraint::parse_marker_version(text)
    };
    constraint
        .map(Domain::Versions)
        .map_err(|_| MarkerFault::Comparison)
}

fn versions_in_list(
    variable: Variable,
    operator: Operator,
    value: &str,
) -> Result<Domain, MarkerFault> {
    parse_versions(variable, &version_list(operator, value))
}

fn texts_in_list(
    variable: Variable,
    operator: Operator,
    value: &str,
) -> Result<Domain, MarkerFault> {
    let (comparison, glue) = match operator {
        Operator::In => ("==", " || "),
        _ => ("!=", ", "),
    };
    let members: Vec<String> = list_members(value)
        .map(|member| format!("{comparison} {member}"))
        .collect();
    parse_texts(variable, &members.join(glue))
}

fn parse_texts(variable: Variable, text: &str) -> Result<Domain, MarkerFault> {
    let values = match variable {
        Variable::Extra => Values::Several,
        _ => Values::One,
    };
    match GenericConstraint::parse_for(values, text) {
        Ok(constraint) => Ok(Domain::Texts(constraint)),
        // Poetry: raises another error here, so that the requirement is not kept without marker.
        Err(error) if error.unsupported => Err(MarkerFault::Grammar),
        Err(_) => Err(MarkerFault::Comparison),
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Versions(constraint) => constraint.fmt(f),
            Self::Texts(constraint) => constraint.fmt(f),
        }
    }
}

impl fmt::Display for Single {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            operator,
            value,
            ..
        } = self;
        if self.swapped {
            write!(f, "\"{value}\" {operator} {variable}")
        } else {
            write!(f, "{variable} {operator} \"{value}\"")
        }
    }
}
