//! What users and projects say about builds.

use std::collections::BTreeMap;
use std::path::Path;

use resolver::cache::Cache;
use resolver::name::PackageName;
use resolver::project::Project;
use serde_json::{Map, Value, json};
use toml::Table;

use super::BuildError;
use crate::fetch::BinaryPolicy;

/// The `config_settings` of a back end's hooks: texts, or lists of them.
pub type ConfigSettings = Map<String, Value>;

/// What users and projects say about builds.
#[derive(Clone, Debug, Default)]
pub struct BuildRules {
    /// `installer.build-config-settings`, by package.
    pub config_settings: BTreeMap<PackageName, ConfigSettings>,
    /// `[tool.poetry.build-constraints]`, by package: dependencies as pyproject.toml writes them.
    pub constraints: BTreeMap<PackageName, Table>,
    /// Which files build requirements may be installed from.
    pub policy: BinaryPolicy,
}

/// The rules for the build of one package.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules<'a> {
    pub(super) config_settings: Option<&'a ConfigSettings>,
    pub(super) constraints: Option<&'a Table>,
}

impl BuildRules {
    pub(super) fn of(&self, name: &PackageName) -> Rules<'_> {
        Rules {
            config_settings: self.config_settings.get(name),
            constraints: self.constraints.get(name),
        }
    }

    /// The project of a package, if it is built without asking its back end.
    ///
    /// # Errors
    /// When its manifest can't be read.
    pub(crate) fn native_project(
        &self,
        name: &PackageName,
        source: &Path,
    ) -> Result<Option<Project>, BuildError> {
        match self.of(name).config_settings {
            Some(_) => Ok(None),
            None => super::native_project(source),
        }
    }

    /// What a cached build of a package has to be told apart by; empty if nothing is special about it.
    /// (Poetry takes a wheel that was built with other settings.)
    #[must_use]
    pub(crate) fn key(&self, name: &PackageName) -> String {
        let rules = self.of(name);
        if rules.config_settings.is_none() && rules.constraints.is_none() {
            return String::new();
        }
        let settings = json!(rules.config_settings).to_string();
        let constraints = json!(rules.constraints).to_string();
        Cache::digest(&[&settings, &constraints])
    }
}

impl Rules<'_> {
    /// The second argument of hooks.
    pub(super) fn settings(&self) -> Value {
        json!(self.config_settings)
    }

    /// Tables of a manifest by which the constraints hold, but nothing is required.
    ///
    /// Poetry: they are an optional group, which is solved for but not installed.
    pub(super) fn constraint_group(&self) -> Table {
        let Some(constraints) = self.constraints else {
            return Table::new();
        };
        let mut group = Table::new();
        group.insert("optional".to_owned(), true.into());
        group.insert("dependencies".to_owned(), constraints.clone().into());
        let nested = ["build-constraints", "group", "poetry", "tool"];
        nested.into_iter().fold(group, |inner, name| {
            Table::from_iter([(name.to_owned(), inner.into())])
        })
    }
}
