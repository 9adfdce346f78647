//! `pyproject.toml` as Poetry reads it: PEP 621, `[tool.poetry]`, dependency groups (PEP 735), sources.

mod check;
mod classifiers;
mod declared;
pub mod edit;
mod error;
pub mod graph;
mod groups;
pub mod layout;
mod library;
mod platform;
mod read;
mod shape;
mod sources;
pub(crate) mod toml_path;
mod toml_quick;
mod validate;
pub mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use check::Findings;
pub use declared::DeclarationError;
pub(crate) use declared::{Declared, entries};
pub use error::ProjectError;
pub(crate) use library::{is_poetry_core, is_python_project};
pub use library::{read_library, writes_its_version};
pub use toml_path::{TomlFault, parse_toml};

use crate::constraint::Constraint;
use crate::dist::{Priority, Source};
use crate::lock::hash;
use crate::name::{ExtraName, GroupName, PackageName};
use crate::requirement::Requirement;

/// A project: one folder with a `pyproject.toml`. A plain value.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder, absolute.
    pub root: PathBuf,
    /// The whole file, for the rooms that need more of it (builds, scripts).
    pub document: toml::Table,
    /// Name as written; `None` only in non-package mode.
    pub name: Option<String>,
    /// Version as written.
    pub version: Option<String>,
    /// Summary; may be empty.
    pub description: String,
    /// `package-mode`; false: only dependencies are managed.
    pub package_mode: bool,
    /// The python range as a lock prints it.
    pub python_versions: String,
    /// The same, parsed; `~2.7 || >=3.4` if none is given.
    pub python_constraint: Constraint,
    /// Groups in Poetry's order (main first), requirements in order, enriched, includes resolved.
    pub groups: Vec<Group>,
    /// The main requirements as a build of the project publishes them, without what only `[tool.poetry]` knows of a
    /// requirement in `[project]` (poetry-core's `Package.requires`). This is what Poetry takes from a library.
    pub published_requirements: Vec<Requirement>,
    /// Root extras → their requirements, as published, in order.
    pub extra_requirements: BTreeMap<ExtraName, Vec<Requirement>>,
    /// Root extras → names of their requirements as a lock prints them.
    pub extras: BTreeMap<ExtraName, Vec<String>>,
    /// `[[tool.poetry.source]]` in order; does not hold the implicit PyPI.
    pub sources: Vec<Source>,
    /// `[build-system]`.
    pub build_system: BuildSystem,
    /// `[tool.poetry.requires-plugins]`: the plugins that Poetry has to have for this project.
    pub required_plugins: Vec<PackageName>,
    /// What the user should know: one line each (`""` as a constraint, …).
    pub warnings: Vec<String>,
}

/// A dependency group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name; `main` for the project's own dependencies.
    pub name: GroupName,
    /// Installed only when asked for.
    pub optional: bool,
    /// In order.
    pub requirements: Vec<Requirement>,
}

/// `[build-system]` (PEP 517, 518).
#[derive(Clone, Debug, Default)]
pub struct BuildSystem {
    /// `requires`.
    pub requires: Vec<String>,
    /// `build-backend`.
    pub backend: Option<String>,
    /// `backend-path`.
    pub backend_path: Vec<String>,
}

impl Project {
    /// Reads `pyproject.toml` in `folder`.
    ///
    /// # Errors
    /// When there is none, it is not TOML, or it breaks a rule.
    pub fn read(folder: &Path) -> Result<Self, ProjectError> {
        let root = std::path::absolute(folder)?;
        let file = root.join("pyproject.toml");
        let bytes = match fs_err::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ProjectError::Missing(root));
            }
            Err(error) => return Err(error.into()),
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, &root),
            Err(error) => Err(ProjectError::Toml {
                path: file,
                reason: "not UTF-8".to_owned(),
                line: bytes[..error.valid_up_to()].split(|b| *b == b'\n').count(),
                column: 1,
                is_conflict: false,
            }),
        }
    }

    /// Reads the text of a `pyproject.toml` as if it lay in `root`, an absolute folder.
    ///
    /// # Errors
    /// When it is not TOML, or it breaks a rule.
    pub fn parse(text: &str, root: &Path) -> Result<Self, ProjectError> {
        read::project(root, text)
    }

    /// Finds the nearest folder with a `pyproject.toml`, from `start` upwards.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(start: &Path) -> Result<PathBuf, ProjectError> {
        let start = std::path::absolute(start)?;
        (start.ancestors())
            .find(|folder| folder.join("pyproject.toml").exists())
            .map(Path::to_owned)
            .ok_or_else(|| ProjectError::Missing(start.clone()))
    }

    /// The normalised name.
    #[must_use]
    pub fn package_name(&self) -> Option<PackageName> {
        self.name.as_deref().map(PackageName::new)
    }

    /// All root requirements in Poetry's order.
    pub fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.groups.iter().flat_map(|group| &group.requirements)
    }

    /// Has messages show a constraint as it was typed, wherever the requirements on `name` have it.
    pub fn show_typed(&mut self, name: &PackageName, typed: &str) {
        let constraint = Constraint::parse(typed).ok();
        let groups = self.groups.iter_mut();
        for requirement in groups.flat_map(|group| &mut group.requirements) {
            if requirement.name == *name && constraint.as_ref() == Some(&requirement.constraint) {
                typed.clone_into(&mut requirement.pretty_constraint);
            }
        }
    }

    /// The project without its other groups.
    #[must_use]
    pub fn with_groups(&self, groups: &BTreeSet<GroupName>) -> Self {
        let mut project = self.clone();
        project.groups.retain(|group| groups.contains(&group.name));
        project
    }

    /// The project's own requirements, with all that `[tool.poetry]` adds to those in `[project]`.
    ///
    /// Poetry takes the [`published_requirements`](Self::published_requirements) of a library instead, and so can't
    /// follow a path that only `[tool.poetry.dependencies]` gives. Reading these instead is more than Poetry can do.
    pub fn main_requirements(&self) -> impl Iterator<Item = &Requirement> {
        let main = GroupName::main();
        (self.groups.iter())
            .filter(move |group| group.name == main)
            .flat_map(|group| &group.requirements)
    }

    /// All sources in the order in which they are asked: primaries, then supplementals, then explicit ones.
    ///
    /// Poetry: PyPI is there without being named, as the only primary, unless another primary is named.
    #[must_use]
    pub fn all_sources(&self) -> Vec<Source> {
        let mut sources = self.sources.clone();
        if !sources
            .iter()
            .any(|source| source.priority == Priority::Primary)
        {
            let listed = sources
                .iter()
                .any(|source| source.name.eq_ignore_ascii_case("pypi"));
            if !listed {
                let name = "PyPI".to_owned();
                sources.push(Source {
                    name,
                    url: None,
                    priority: Priority::Primary,
                });
            }
        }
        sources.sort_by_key(|source| source.priority);
        sources
    }

    /// What the project is called where it has to have a name.
    ///
    /// Poetry: a project without a name is `non-package-mode`.
    #[must_use]
    pub fn title(&self) -> String {
        self.package_name()
            .map_or_else(|| "non-package-mode".to_owned(), |name| name.to_string())
    }

    /// The content hash that a fresh lock carries.
    #[must_use]
    pub fn content_hash(&self) -> String {
        hash::content_hash(&self.document, hash::DependencyGroups::Included)
    }
}
