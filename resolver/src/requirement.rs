//! Requirements: PEP 508 lines and Poetry's dependency tables, as one value.

use std::path::{Path, PathBuf};

use crate::constraint::Constraint;
use crate::marker::Marker;
use crate::name::{ExtraName, GroupName, PackageName};

mod origin;
mod parse;
mod print;
mod typed;

pub use typed::{Typed, TypedError};

/// Where a requirement's package comes from.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum Origin {
    /// Any index, or the one named `source` in `[[tool.poetry.source]]` (as spelled there).
    Index {
        /// The source's name, if the requirement names one.
        source: Option<String>,
    },
    /// A project directory.
    Directory {
        /// As declared in pyproject.toml, relative to `base`.
        path: String,
        /// The folder of the pyproject.toml that declares it.
        base: PathBuf,
        /// Install as editable?
        develop: bool,
    },
    /// A wheel or sdist on disk.
    File {
        /// As declared.
        path: String,
        /// The folder of the pyproject.toml that declares it.
        base: PathBuf,
        /// Folder of the project inside the archive.
        subdirectory: Option<String>,
    },
    /// A wheel or sdist behind a URL.
    Url {
        /// As declared.
        url: String,
        /// Folder of the project inside the archive.
        subdirectory: Option<String>,
    },
    /// A git repository.
    Git {
        /// Normalised clone URL (Poetry's form).
        url: String,
        /// Branch wanted.
        branch: Option<String>,
        /// Tag wanted.
        tag: Option<String>,
        /// Revision wanted.
        rev: Option<String>,
        /// The commit that this was found to be, where that is known: 40 hex digits.
        commit: Option<String>,
        /// Folder of the project inside the repository.
        subdirectory: Option<String>,
        /// Install as editable?
        develop: bool,
    },
}

/// A requirement edge: what poetry-core calls a dependency.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Requirement {
    /// Normalised name.
    pub name: PackageName,
    /// The name as written.
    pub pretty_name: String,
    /// Extras of the required package, sorted.
    pub extras: Vec<ExtraName>,
    /// Versions that satisfy it.
    pub constraint: Constraint,
    /// The constraint as a lock prints it.
    pub pretty_constraint: String,
    /// When it is needed, including any `extra` parts.
    pub marker: Marker,
    /// Poetry: optional requirements need an extra (or nobody) to ask for them.
    pub optional: bool,
    /// Extras of the *requiring* package that switch it on, in order.
    pub in_extras: Vec<ExtraName>,
    /// The dependency groups it is in (root requirements only; others have just `main`), sorted.
    pub groups: Vec<GroupName>,
    /// Poetry's three-valued `allow-prereleases`.
    pub allows_prereleases: Option<bool>,
    /// Where from.
    pub origin: Origin,
}

/// A text that is no PEP 508 requirement.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid requirement `{text}`: {reason}")]
pub struct RequirementError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
    /// Which part is wrong.
    pub fault: RequirementFault,
}

/// Why a text is no requirement. Poetry drops such a line of a package's metadata in the first case, but only
/// its marker (all from the first `;`) in the second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequirementFault {
    /// It does not follow PEP 508's grammar, or its constraint can't be read or met.
    Requirement,
    /// Only that its marker compares what can't be compared.
    Marker,
}

impl Requirement {
    /// A plain requirement in the main group.
    #[must_use]
    pub fn new(name: &str, constraint: Constraint) -> Self {
        let pretty_constraint = constraint.to_string();
        Self {
            name: PackageName::new(name),
            pretty_name: name.to_owned(),
            extras: Vec::new(),
            constraint,
            pretty_constraint,
            marker: Marker::any(),
            optional: false,
            in_extras: Vec::new(),
            groups: vec![GroupName::main()],
            allows_prereleases: None,
            origin: Origin::index(),
        }
    }

    /// Parses a PEP 508 line as poetry-core does. `base` is the folder that relative paths start from.
    ///
    /// # Errors
    /// When the line is not PEP 508 or its constraint or marker can't be read.
    pub fn parse(line: &str, base: Option<&Path>) -> Result<Self, RequirementError> {
        parse::parse(line, base).map_err(|(reason, fault)| RequirementError {
            text: line.to_owned(),
            reason,
            fault,
        })
    }

    /// Sets the marker and what follows from it: `optional` and `in_extras` (poetry-core's setter).
    ///
    /// Poetry: an extra that is named in several alternatives of the marker is listed as often, and what an
    /// earlier marker said about extras stays.
    pub fn set_marker(&mut self, marker: Marker) {
        if marker.mentions_extra() {
            self.optional = true;
            let known = self.in_extras.len();
            for extra in marker.extras() {
                if !self.in_extras[..known].contains(&extra) {
                    self.in_extras.push(extra);
                }
            }
        }
        self.marker = marker;
    }

    /// Is it asked for where these extras of the requiring package are?
    #[must_use]
    pub fn is_asked_for(&self, extras: &[ExtraName]) -> bool {
        self.in_extras.is_empty() || self.in_extras.iter().any(|extra| extras.contains(extra))
    }

    /// The python versions that its marker speaks of (poetry-core's `python_versions`); `*` if all.
    #[must_use]
    pub fn python_versions(&self) -> String {
        if self.marker.is_any() {
            return "*".to_owned();
        }
        self.marker.dependency_python_versions()
    }

    /// The python versions on which it may be needed (poetry-core's `python_constraint`).
    #[must_use]
    pub fn python_constraint(&self) -> Constraint {
        // A marker that can be read compares python with versions, so the text can be read too.
        Constraint::parse_marker_version(&self.python_versions())
            .unwrap_or_else(|_| Constraint::any())
    }

    /// The same requirement with another constraint, printed canonically.
    #[must_use]
    pub fn with_constraint(&self, constraint: Constraint) -> Self {
        Self {
            pretty_constraint: constraint.to_string(),
            constraint,
            ..self.clone()
        }
    }

    /// The same requirement without extras of the required package.
    #[must_use]
    pub fn without_extras(&self) -> Self {
        Self {
            extras: Vec::new(),
            ..self.clone()
        }
    }

    /// Do both want the same package with the same extras from the same place?
    #[must_use]
    pub fn is_same_package_as(&self, other: &Self) -> bool {
        self.name == other.name
            && self.extras == other.extras
            && self.origin.is_same_as(&other.origin)
    }

    /// Are they the same but for markers and groups (poetry-core's equality of dependencies)? The constraint
    /// of what is not from an index may not be known yet, so it does not count.
    #[must_use]
    pub fn is_same_dependency_as(&self, other: &Self) -> bool {
        self.is_same_package_as(other)
            && (self.origin.is_direct() || self.constraint == other.constraint)
    }
}
