//! From the TOML document to a [`Project`].

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::declared::{Declared, entries};
use super::groups::{self, Draft, Drafts};
use super::library::is_python_project;
use super::toml_path::{parse_toml, table_at, text_at, texts_at};
use super::{BuildSystem, Project, ProjectError, check, sources, validate};
use crate::constraint::Constraint;
use crate::lock::hash;
use crate::name::{ExtraName, GroupName, PackageName};
use crate::requirement::{Origin, Requirement};
use crate::version::Version;

/// Poetry: no statement about Python means these versions.
const DEFAULT_PYTHON: &str = "~2.7 || >=3.4";

/// The Poetry whose behaviour this program has, for `requires-poetry`.
const POETRY: &str = "2.5.1";

/// Reads the text of `pyproject.toml` in `root`.
pub(super) fn project(root: &Path, text: &str) -> Result<Project, ProjectError> {
    let path = root.join("pyproject.toml");
    let document = parse(&path, text)?;
    check_poetry_version(&document)?;
    let faults = validate::faults(&document);
    if !faults.is_empty() {
        return Err(ProjectError::Invalid { path, faults });
    }

    let empty = Table::new();
    let tool_poetry = table_at(&document, &["tool", "poetry"]).unwrap_or(&empty);
    let either = |key: &str| {
        let given = |text: &&str| !text.is_empty();
        (text_at(&document, &["project", key]).filter(given))
            .or_else(|| text_at(tool_poetry, &[key]))
            .map(str::to_owned)
    };
    let (name, version) = (either("name"), either("version"));
    check_version(name.as_deref(), version.as_deref())?;
    let (python_versions, python_constraint) = python(&document, tool_poetry)?;

    let mut reader = Reader {
        root,
        drafts: Drafts::new(),
        empty_constraints: Vec::new(),
        warnings: Vec::new(),
    };
    let standard_extras = reader.standard_main(&document)?;
    reader.declared_main(tool_poetry)?;
    reader.groups(&document, tool_poetry)?;
    reader.legacy_dev(tool_poetry)?;
    let extra_requirements = match standard_extras {
        Some(extras) => extras,
        None => reader.legacy_extras(tool_poetry)?,
    };
    let groups = groups::finish(&reader.drafts)?;
    let published_requirements = groups::published_main(&reader.drafts)?;
    let sources = sources::read(tool_poetry)?;
    hash::check(&document)?;

    Ok(Project {
        root: root.to_owned(),
        name,
        version,
        description: either("description").unwrap_or_default(),
        package_mode: tool_poetry.get("package-mode") != Some(&Value::Boolean(false)),
        python_versions,
        python_constraint,
        groups,
        published_requirements,
        extras: names_by_extra(&extra_requirements),
        extra_requirements,
        sources,
        build_system: build_system(&document),
        required_plugins: table_at(tool_poetry, &["requires-plugins"])
            .map(|plugins| plugins.keys().map(|name| PackageName::new(name)).collect())
            .unwrap_or_default(),
        warnings: reader.into_warnings(),
        document,
    })
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Table, ProjectError> {
    parse_toml(text).map_err(|fault| ProjectError::Toml {
        path: path.to_owned(),
        reason: fault.reason,
        line: fault.line,
        column: fault.column,
        is_conflict: fault.is_conflict,
    })
}

fn check_poetry_version(document: &Table) -> Result<(), ProjectError> {
    let Some(text) = text_at(document, &["tool", "poetry", "requires-poetry"]) else {
        return Ok(());
    };
    let wanted = Constraint::parse(text).map_err(ProjectError::Python)?;
    let present: Version = POETRY.parse().expect("it is a version");
    if wanted.allows(&present) {
        return Ok(());
    }
    Err(ProjectError::RequiresPoetry {
        wanted: wanted.to_string(),
        present: POETRY,
    })
}

fn check_version(name: Option<&str>, version: Option<&str>) -> Result<(), ProjectError> {
    match version {
        Some(version) if version.parse::<Version>().is_err() => Err(ProjectError::Version {
            name: name.map_or_else(String::new, |name| PackageName::new(name).to_string()),
            version: version.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The supported Pythons: as a lock prints them, and parsed.
fn python(document: &Table, tool_poetry: &Table) -> Result<(String, Constraint), ProjectError> {
    let parse = |text: &str| {
        let text = if text == "*" { DEFAULT_PYTHON } else { text };
        Constraint::parse_marker_version(text).map_err(ProjectError::Python)
    };
    let requires_python = text_at(document, &["project", "requires-python"]);
    let declared = declared_python(tool_poetry);
    let Some(declared) = declared else {
        let text = requires_python.unwrap_or("*");
        return Ok((text.to_owned(), parse(text)?));
    };
    let constraint = parse(declared)?;
    if let Some(requires_python) = requires_python.filter(|text| *text != "*") {
        let outer =
            Constraint::parse_marker_version(requires_python).map_err(ProjectError::Python)?;
        if declared == "*" || !outer.allows_all(&constraint) {
            return Err(ProjectError::PythonRange {
                python: declared.to_owned(),
                requires_python: requires_python.to_owned(),
            });
        }
    }
    Ok((declared.to_owned(), constraint))
}

/// `python` in `[tool.poetry.dependencies]`, in any case of its letters.
fn declared_python(tool_poetry: &Table) -> Option<&str> {
    let dependencies = table_at(tool_poetry, &["dependencies"])?;
    (dependencies.iter())
        .filter(|(name, _)| is_python(name))
        .flat_map(|(_, value)| entries(value))
        .filter_map(Value::as_str)
        .next_back()
}

fn is_python(name: &str) -> bool {
    name.eq_ignore_ascii_case("python")
}

fn names_by_extra(
    requirements: &BTreeMap<ExtraName, Vec<Requirement>>,
) -> BTreeMap<ExtraName, Vec<String>> {
    let names = |requirements: &Vec<Requirement>| {
        let mut names: Vec<String> = (requirements.iter())
            .map(|requirement| requirement.pretty_name.clone())
            .collect();
        names.sort();
        names
    };
    (requirements.iter())
        .map(|(extra, requirements)| (extra.clone(), names(requirements)))
        .collect()
}

fn build_system(document: &Table) -> BuildSystem {
    BuildSystem {
        requires: texts_at(document, &["build-system", "requires"]),
        backend: text_at(document, &["build-system", "build-backend"]).map(str::to_owned),
        backend_path: texts_at(document, &["build-system", "backend-path"]),
    }
}

/// Gathers the groups.
struct Reader<'a> {
    root: &'a Path,
    drafts: Drafts,
    empty_constraints: Vec<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    /// `[project]`: the main group, and the extras unless `[tool.poetry.extras]` has the say.
    fn standard_main(
        &mut self,
        document: &Table,
    ) -> Result<Option<BTreeMap<ExtraName, Vec<Requirement>>>, ProjectError> {
        let dependencies =
            table_at(document, &["project"]).and_then(|project| project.get("dependencies"));
        let empty = Table::new();
        let optional = table_at(document, &["project", "optional-dependencies"]).unwrap_or(&empty);
        if dependencies.is_none() && optional.is_empty() {
            return Ok(None);
        }

        let dynamic = texts_at(document, &["project", "dynamic"]);
        let mut draft = Draft {
            mixed_dynamic: (dynamic.iter())
                .any(|field| field == "dependencies" || field == "optional-dependencies"),
            ..Draft::default()
        };
        let lines = texts_at(document, &["project", "dependencies"]);
        let has_lines = !lines.is_empty();
        for line in lines {
            draft.standard.push(self.standard(&line)?);
        }
        let mut extras: BTreeMap<ExtraName, Vec<Requirement>> = BTreeMap::new();
        for name in optional.keys() {
            let extra = ExtraName::new(name);
            let mut members = Vec::new();
            for line in texts_at(optional, &[name]) {
                let mut requirement = self.standard(&line)?;
                requirement.optional = true;
                requirement.in_extras = vec![extra.clone()];
                members.push(requirement);
            }
            draft.standard.extend(members.iter().cloned());
            extras.insert(extra, members);
        }
        self.drafts.insert(GroupName::main(), draft);
        Ok((has_lines || !optional.is_empty()).then_some(extras))
    }

    fn standard(&mut self, line: &str) -> Result<Requirement, ProjectError> {
        let requirement = Requirement::parse(line, Some(self.root))?;
        self.warn_of_missing_path(&requirement);
        Ok(requirement)
    }

    /// `[tool.poetry.dependencies]`.
    fn declared_main(&mut self, tool_poetry: &Table) -> Result<(), ProjectError> {
        match table_at(tool_poetry, &["dependencies"]) {
            Some(dependencies) => self.declare(&GroupName::main(), dependencies),
            None => Ok(()),
        }
    }

    /// `[tool.poetry.dev-dependencies]`.
    fn legacy_dev(&mut self, tool_poetry: &Table) -> Result<(), ProjectError> {
        let Some(dependencies) = table_at(tool_poetry, &["dev-dependencies"]) else {
            return Ok(());
        };
        self.warnings.push(check::DEV_DEPENDENCIES.to_owned());
        self.declare(&GroupName::new("dev"), dependencies)
    }

    /// Adds entries in Poetry's form to a group, which is made if there is none.
    fn declare(&mut self, group: &GroupName, dependencies: &Table) -> Result<(), ProjectError> {
        self.drafts.entry(group.clone()).or_default();
        for (name, value) in dependencies.iter().filter(|(name, _)| !is_python(name)) {
            for entry in entries(value) {
                let declared = Declared::read(name, entry, group, self.root).map_err(|source| {
                    ProjectError::Declaration {
                        name: name.clone(),
                        source,
                    }
                })?;
                self.warn_of_missing_path(&declared.requirement);
                if declared.has_empty_constraint && !self.empty_constraints.contains(name) {
                    self.empty_constraints.push(name.clone());
                }
                self.drafts
                    .entry(group.clone())
                    .or_default()
                    .declared
                    .push(declared);
            }
        }
        Ok(())
    }

    /// `[dependency-groups]`, then `[tool.poetry.group]`, then what they include.
    fn groups(&mut self, document: &Table, tool_poetry: &Table) -> Result<(), ProjectError> {
        let empty = Table::new();
        let standard = table_at(document, &["dependency-groups"]).unwrap_or(&empty);
        let declared = table_at(tool_poetry, &["group"]).unwrap_or(&empty);
        let mut includes: Vec<(&str, Vec<String>)> = Vec::new();

        for (name, entries) in standard {
            let config = declared
                .iter()
                .find(|(other, _)| is_same_group(other, name));
            let mut draft = Draft {
                pretty_name: name.clone(),
                optional: config.is_some_and(|(_, config)| is_optional(config)),
                ..Draft::default()
            };
            let mut included = Vec::new();
            for entry in entries.as_array().into_iter().flatten() {
                if let Some(line) = entry.as_str() {
                    let mut requirement = self.standard(line)?;
                    requirement.groups = vec![GroupName::new(name)];
                    draft.standard.push(requirement);
                } else if let Some(group) = entry.get("include-group").and_then(Value::as_str) {
                    included.extend((!group.is_empty()).then(|| group.to_owned()));
                }
            }
            self.drafts.insert(GroupName::new(name), draft);
            includes.push((name, included));
        }
        for (name, config) in declared {
            let group = GroupName::new(name);
            if !self.drafts.contains_key(&group) {
                let draft = Draft {
                    pretty_name: name.clone(),
                    optional: is_optional(config),
                    ..Draft::default()
                };
                self.drafts.insert(group.clone(), draft);
            }
            let dependencies = config.get("dependencies").and_then(Value::as_table);
            self.declare(&group, dependencies.unwrap_or(&empty))?;
            let included = config
                .as_table()
                .map(|config| texts_at(config, &["include-groups"]));
            includes.push((name, included.unwrap_or_default()));
        }
        for (name, included) in includes {
            self.include(name, &included)?;
        }
        Ok(())
    }

    fn include(&mut self, group: &str, included: &[String]) -> Result<(), ProjectError> {
        for name in included {
            let included = GroupName::new(name);
            let Some(pretty_name) = self.drafts.get(&included).map(|draft| &draft.pretty_name)
            else {
                return Err(ProjectError::UnknownGroup {
                    group: group.to_owned(),
                    included: name.clone(),
                });
            };
            let pretty_name = pretty_name.clone();
            let draft = self.drafts.entry(GroupName::new(group)).or_default();
            if draft.includes.contains(&included) {
                return Err(ProjectError::IncludedTwice {
                    included: pretty_name,
                });
            }
            draft.includes.push(included);
        }
        Ok(())
    }

    /// `[tool.poetry.extras]`: switches on main requirements by name. Names that are none vanish.
    fn legacy_extras(
        &mut self,
        tool_poetry: &Table,
    ) -> Result<BTreeMap<ExtraName, Vec<Requirement>>, ProjectError> {
        let mut extras: BTreeMap<ExtraName, Vec<Requirement>> = BTreeMap::new();
        let Some(table) = table_at(tool_poetry, &["extras"]) else {
            return Ok(extras);
        };
        let mut members: BTreeMap<ExtraName, Vec<PackageName>> = BTreeMap::new();
        for name in table.keys() {
            let extra = ExtraName::new(name);
            let names = texts_at(table, &[name]);
            let names: Vec<PackageName> = names.iter().map(|name| PackageName::new(name)).collect();
            for name in &names {
                for requirement in self.main_requirements_mut(name) {
                    requirement.in_extras.push(extra.clone());
                }
            }
            members.insert(extra, names);
        }
        let published = groups::published_main(&self.drafts)?;
        for (extra, names) in members {
            let requirements = (names.iter())
                .flat_map(|name| {
                    published
                        .iter()
                        .filter(move |requirement| requirement.name == *name)
                })
                .cloned()
                .collect();
            extras.insert(extra, requirements);
        }
        Ok(extras)
    }

    fn main_requirements_mut(
        &mut self,
        name: &PackageName,
    ) -> impl Iterator<Item = &mut Requirement> {
        (self.drafts.get_mut(&GroupName::main()).into_iter())
            .flat_map(|draft| &mut draft.declared)
            .map(|declared| &mut declared.requirement)
            .filter(move |requirement| requirement.name == *name)
    }

    fn warn_of_missing_path(&mut self, requirement: &Requirement) {
        let (Origin::Directory { path, base, .. } | Origin::File { path, base, .. }) =
            &requirement.origin
        else {
            return;
        };
        let place = crate::path::normalize(&base.join(path));
        let name = &requirement.pretty_name;
        let shown = place.display();
        if !place.exists() {
            self.warnings
                .push(format!("Path {shown} for {name} does not exist"));
        } else if place.is_dir() && !is_python_project(&place) {
            self.warnings.push(format!(
                "Directory {shown} for {name} does not seem to be a Python package"
            ));
        }
    }

    fn into_warnings(mut self) -> Vec<String> {
        if !self.empty_constraints.is_empty() {
            let names = self.empty_constraints.join("`, `");
            self.warnings.push(format!(
                "Warning: the constraint \"\" of `{names}` is read as \"*\"; write \"*\", Poetry refuses \"\""
            ));
        }
        self.warnings
    }
}

fn is_same_group(a: &str, b: &str) -> bool {
    GroupName::new(a) == GroupName::new(b)
}

fn is_optional(config: &Value) -> bool {
    config
        .get("optional")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}
