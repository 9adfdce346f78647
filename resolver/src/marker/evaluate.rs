//! Does a marker hold?

use serde::{Deserialize, Serialize};

use super::algebra;
use super::generic::{Atom, Comparison, GenericConstraint};
use super::node::{Junction, Kind, Marker};
use super::single::Domain;
use super::variable::{VARIABLES, Variable};
use crate::constraint::Constraint;
use crate::name::{ExtraName, normalize};
use crate::version::Version;

/// What markers are evaluated against (PEP 508), all but `extra`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, Default)]
#[expect(missing_docs, reason = "the fields are PEP 508's variables")]
pub struct MarkerEnvironment {
    pub implementation_name: String,
    pub implementation_version: String,
    pub os_name: String,
    pub platform_machine: String,
    pub platform_python_implementation: String,
    pub platform_release: String,
    pub platform_system: String,
    pub platform_version: String,
    pub python_full_version: String,
    pub python_version: String,
    pub sys_platform: String,
}

/// What is known of an environment. The rest is open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    values: [Option<&'a str>; VARIABLES],
    extras: Option<&'a [ExtraName]>,
}

impl<'a> Known<'a> {
    /// Adds the value of a variable other than `extra`.
    #[must_use]
    pub fn with(mut self, variable: Variable, value: &'a str) -> Self {
        self.values[variable as usize] = Some(value);
        self
    }

    /// Adds the extras that are asked for.
    #[must_use]
    pub fn with_extras(mut self, extras: &'a [ExtraName]) -> Self {
        self.extras = Some(extras);
        self
    }

    /// Is everything open?
    pub(super) fn is_nothing(&self) -> bool {
        self.extras.is_none() && self.values.iter().all(Option::is_none)
    }
}

impl<'a> From<&'a MarkerEnvironment> for Known<'a> {
    fn from(environment: &'a MarkerEnvironment) -> Self {
        Self::default()
            .with(
                Variable::ImplementationName,
                &environment.implementation_name,
            )
            .with(
                Variable::ImplementationVersion,
                &environment.implementation_version,
            )
            .with(Variable::OsName, &environment.os_name)
            .with(Variable::PlatformMachine, &environment.platform_machine)
            .with(
                Variable::PlatformPythonImplementation,
                &environment.platform_python_implementation,
            )
            .with(Variable::PlatformRelease, &environment.platform_release)
            .with(Variable::PlatformSystem, &environment.platform_system)
            .with(Variable::PlatformVersion, &environment.platform_version)
            .with(
                Variable::PythonFullVersion,
                &environment.python_full_version,
            )
            .with(Variable::PythonVersion, &environment.python_version)
            .with(Variable::SysPlatform, &environment.sys_platform)
    }
}

/// Does it hold? What is open counts as fulfilled.
pub(super) fn holds(marker: &Marker, known: &Known<'_>) -> bool {
    match marker.kind() {
        Kind::Any => true,
        Kind::Empty => false,
        Kind::Single(single) => {
            domain_holds(single.variable, &single.domain, known).unwrap_or(true)
        }
        Kind::Atomic(atomic) => {
            texts_hold(atomic.variable, &atomic.constraint, known).unwrap_or(true)
        }
        Kind::Join(Junction::And, members) => members.iter().all(|member| holds(member, known)),
        Kind::Join(Junction::Or, members) => members.iter().any(|member| holds(member, known)),
    }
}

/// What is left of it: comparisons of what is known are decided, the rest stays.
pub(super) fn apply(marker: &Marker, known: &Known<'_>) -> Marker {
    let decided = match marker.kind() {
        Kind::Any | Kind::Empty => None,
        Kind::Single(single) => domain_holds(single.variable, &single.domain, known),
        Kind::Atomic(atomic) => texts_hold(atomic.variable, &atomic.constraint, known),
        Kind::Join(junction, members) => {
            let members: Vec<Marker> = members.iter().map(|member| apply(member, known)).collect();
            return algebra::simplify(*junction, &members);
        }
    };
    match decided {
        Some(true) => Marker::any(),
        Some(false) => Marker::empty(),
        None => marker.clone(),
    }
}

fn domain_holds(variable: Variable, domain: &Domain, known: &Known<'_>) -> Option<bool> {
    match domain {
        Domain::Texts(constraint) => texts_hold(variable, constraint, known),
        Domain::Versions(constraint) => {
            let value = known.values[variable as usize]?;
            Some(version_of(variable, value).is_some_and(|version| constraint.allows(&version)))
        }
    }
}

/// The version that a variable's value stands for; comparisons with anything else don't hold.
fn version_of(variable: Variable, value: &str) -> Option<Version> {
    if variable.is_python() {
        // Builds from a source tree are called `3.13.0+`.
        return value.strip_suffix('+').unwrap_or(value).parse().ok();
    }
    let constraint = Constraint::parse_platform_release(value).ok()?;
    constraint.as_version().cloned()
}

fn texts_hold(
    variable: Variable,
    constraint: &GenericConstraint,
    known: &Known<'_>,
) -> Option<bool> {
    if variable == Variable::Extra {
        let extras = known.extras?;
        return Some(constraint.holds(&|atom| extra_holds(atom, extras)));
    }
    let value = known.values[variable as usize]?.trim();
    Some(constraint.allows(value))
}

fn extra_holds(atom: &Atom, extras: &[ExtraName]) -> bool {
    let name = normalize(&atom.value);
    let is_asked_for = extras.iter().any(|extra| extra.as_str() == name);
    is_asked_for == (atom.comparison == Comparison::Equal)
}
