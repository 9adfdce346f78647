//! Why a pyproject.toml can't be used.

use std::path::PathBuf;

use super::declared::DeclarationError;
use crate::constraint::ConstraintError;
use crate::requirement::RequirementError;

/// Why a pyproject.toml can't be used. The texts are Poetry's where Poetry has one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// No pyproject.toml in the folder or above.
    #[error("Poetry could not find a pyproject.toml file in {} or its parents", .0.display())]
    Missing(PathBuf),
    /// The file can't be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is no TOML.
    #[error("Invalid TOML file {}: {reason} at line {line} col {column}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// Is it a merge of git that nobody has finished?
        is_conflict: bool,
    },
    /// It is TOML, but not what a project must look like.
    #[error("The Poetry configuration is invalid:\n{}", list(faults))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// One line each.
        faults: Vec<String>,
    },
    /// `requires-poetry` asks for another Poetry.
    #[error("This project requires Poetry {wanted}, but you are using Poetry {present}")]
    RequiresPoetry {
        /// What is asked for.
        wanted: String,
        /// The version that this program stands for.
        present: &'static str,
    },
    /// The project's version is no PEP 440 version.
    #[error("Invalid version '{version}' on package {name}")]
    Version {
        /// The project.
        name: String,
        /// The text as given.
        version: String,
    },
    /// The range of supported Pythons can't be read.
    #[error("Could not parse version constraint: {}", .0.text)]
    Python(#[source] ConstraintError),
    /// `python` in `[tool.poetry.dependencies]` allows what `requires-python` does not.
    #[error(
        "The Python constraint in [tool.poetry.dependencies] \"{python}\" is not a subset of \"requires-python\" in [project] \"{requires_python}\""
    )]
    PythonRange {
        /// The former.
        python: String,
        /// The latter.
        requires_python: String,
    },
    /// A PEP 508 requirement can't be read.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    /// An entry of `[tool.poetry]` is no requirement.
    #[error("{source}")]
    Declaration {
        /// The name it stands under.
        name: String,
        /// What is wrong with it.
        source: DeclarationError,
    },
    /// `[project]` and `[tool.poetry]` take one package from two places.
    #[error("Cannot enrich dependency with different sources: {standard} and {declared}")]
    DifferentSources {
        /// What `[project]` says.
        standard: String,
        /// What `[tool.poetry]` says.
        declared: String,
    },
    /// No version fits both `[project]` and `[tool.poetry]`.
    #[error("Cannot enrich dependency with incompatible constraints: {standard} and {declared}")]
    IncompatibleConstraints {
        /// What `[project]` says.
        standard: String,
        /// What `[tool.poetry]` says.
        declared: String,
    },
    /// A group includes one that does not exist.
    #[error("Group '{group}' includes group '{included}' which is not defined.")]
    UnknownGroup {
        /// The including group.
        group: String,
        /// The missing one.
        included: String,
    },
    /// A group includes another twice.
    #[error("Dependency group {included} is already included")]
    IncludedTwice {
        /// The included group.
        included: String,
    },
    /// A source is called PyPI but is somewhere else.
    #[error("The PyPI repository cannot be configured with a custom url.")]
    PyPiWithUrl,
    /// A source has no address.
    #[error("Missing [url] in source '{name}'.")]
    SourceWithoutUrl {
        /// The source.
        name: String,
    },
    /// Two sources have one name.
    #[error("A repository with name {name} was already added.")]
    DuplicateSource {
        /// The name.
        name: String,
    },
    /// No source is left to ask.
    #[error("At least one source must not be configured as 'explicit'.")]
    OnlyExplicitSources,
    /// A date or time stands where the content hash is taken from; Poetry can't hash it.
    #[error("`{key}` is a date or time, which has no place among dependencies")]
    Date {
        /// Where.
        key: String,
    },
}

fn list(faults: &[String]) -> String {
    faults
        .iter()
        .map(|fault| format!("  - {fault}\n"))
        .collect()
}
