//! One entry of `[tool.poetry.dependencies]` (or of a lock's `[package.dependencies]`) as a requirement.

use std::path::Path;

use toml::{Table, Value};

use super::platform::platform_marker;
use crate::constraint::{Constraint, ConstraintError};
use crate::git_url::{GitUrlError, normalize_git_url};
use crate::marker::{Marker, MarkerError};
use crate::name::{ExtraName, GroupName};
use crate::path::posix;
use crate::requirement::{Origin, Requirement};

/// A requirement in Poetry's own form.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// The requirement.
    pub(crate) requirement: Requirement,
    /// `develop`, which an entry without a path or git origin may have too, in order to enrich one in `[project]`.
    pub(crate) develop: bool,
    /// Was its constraint the empty text?
    pub(crate) has_empty_constraint: bool,
}

/// Why an entry is no requirement.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeclarationError {
    /// Its `version` or `python` can't be read.
    #[error("Could not parse version constraint: {}", .0.text)]
    Constraint(#[source] ConstraintError),
    /// Its `markers` can't be read.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// Its `git` is no address.
    #[error(transparent)]
    GitUrl(#[from] GitUrlError),
    /// Its `url` is none.
    #[error("{0} does not seem like a valid url")]
    Url(String),
    /// It is neither a text nor a table.
    #[error("a requirement must be a string or a table")]
    Form,
}

impl From<ConstraintError> for DeclarationError {
    fn from(error: ConstraintError) -> Self {
        Self::Constraint(error)
    }
}

/// The entries under one name: one, or an array of them ("multiple constraints").
pub(crate) fn entries(value: &Value) -> &[Value] {
    match value {
        Value::Array(entries) => entries,
        entry => std::slice::from_ref(entry),
    }
}

impl Declared {
    /// Reads one entry. Relative paths start at `base`.
    ///
    /// # Errors
    /// When the entry has another form, or one of its texts can't be read.
    pub(crate) fn read(
        name: &str,
        entry: &Value,
        group: &GroupName,
        base: &Path,
    ) -> Result<Self, DeclarationError> {
        let mut declared = match entry {
            Value::String(constraint) => Self::with_constraint(name, constraint)?,
            Value::Table(table) => Self::from_table(name, table, base)?,
            _ => return Err(DeclarationError::Form),
        };
        declared.requirement.groups = vec![group.clone()];
        Ok(declared)
    }

    fn from_table(name: &str, table: &Table, base: &Path) -> Result<Self, DeclarationError> {
        let text = |key: &str| table.get(key).and_then(Value::as_str);
        let flag = |key: &str| table.get(key).and_then(Value::as_bool);
        let is_optional = flag("optional").unwrap_or(false);

        let mut declared = if let Some(origin) = direct_origin(table, base)? {
            Self::with_origin(name, origin)
        } else {
            let mut declared = Self::with_constraint(name, text("version").unwrap_or("*"))?;
            declared.requirement.allows_prereleases = flag("allow-prereleases");
            declared.requirement.origin = Origin::Index {
                source: text("source").map(str::to_owned),
            };
            declared
        };
        declared.develop = flag("develop").unwrap_or(false);
        declared.requirement.extras = extras(table);
        declared.requirement.optional = is_optional && !ignores_optional(table);
        let marker = marker(table)?;
        if !marker.is_any() {
            declared.requirement.set_marker(marker);
        }
        Ok(declared)
    }

    fn with_constraint(name: &str, text: &str) -> Result<Self, DeclarationError> {
        let has_empty_constraint = text.trim().is_empty();
        let text = if has_empty_constraint { "*" } else { text };
        let mut requirement = Requirement::new(name, Constraint::parse(text)?);
        text.clone_into(&mut requirement.pretty_constraint);
        Ok(Self {
            requirement,
            develop: false,
            has_empty_constraint,
        })
    }

    fn with_origin(name: &str, origin: Origin) -> Self {
        let mut requirement = Requirement::new(name, Constraint::any());
        requirement.allows_prereleases = Some(true);
        requirement.origin = origin;
        Self {
            requirement,
            develop: false,
            has_empty_constraint: false,
        }
    }
}

/// Poetry: `optional` has no effect beside `file`.
fn ignores_optional(table: &Table) -> bool {
    table.contains_key("file") && !table.contains_key("git")
}

fn direct_origin(table: &Table, base: &Path) -> Result<Option<Origin>, DeclarationError> {
    let text = |key: &str| table.get(key).and_then(Value::as_str);
    let owned = |key: &str| text(key).map(str::to_owned);
    let develop = table
        .get("develop")
        .and_then(Value::as_bool)
        .unwrap_or(false);

    if let Some(url) = text("git") {
        return Ok(Some(Origin::Git {
            url: normalize_git_url(url)?,
            branch: owned("branch"),
            tag: owned("tag"),
            rev: owned("rev"),
            commit: None,
            subdirectory: owned("subdirectory"),
            develop,
        }));
    }
    if let Some(path) = text("file") {
        return Ok(Some(file_origin(path, base, owned("subdirectory"))));
    }
    if let Some(path) = text("path") {
        if base.join(path).is_file() {
            return Ok(Some(file_origin(path, base, owned("subdirectory"))));
        }
        let path = match text("subdirectory") {
            Some(subdirectory) if !subdirectory.is_empty() => format!("{path}/{subdirectory}"),
            _ => path.to_owned(),
        };
        return Ok(Some(Origin::Directory {
            path: posix(&path),
            base: base.to_owned(),
            develop,
        }));
    }
    if let Some(url) = text("url") {
        if !has_scheme_and_host(url) {
            return Err(DeclarationError::Url(url.to_owned()));
        }
        return Ok(Some(Origin::Url {
            url: url.to_owned(),
            subdirectory: owned("subdirectory"),
        }));
    }
    Ok(None)
}

fn file_origin(path: &str, base: &Path, subdirectory: Option<String>) -> Origin {
    Origin::File {
        path: posix(path),
        base: base.to_owned(),
        subdirectory,
    }
}

fn has_scheme_and_host(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && !rest.starts_with(['/', '?', '#'])
    })
}

fn extras(table: &Table) -> Vec<ExtraName> {
    let mut extras: Vec<ExtraName> = (table.get("extras").and_then(Value::as_array))
        .into_iter()
        .flatten()
        .filter_map(|extra| extra.as_str().map(ExtraName::new))
        .collect();
    extras.sort();
    extras.dedup();
    extras
}

/// `markers`, `python` and `platform` in one.
fn marker(table: &Table) -> Result<Marker, DeclarationError> {
    let text = |key: &str| {
        let text = table.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let mut marker = text("markers").map_or_else(|| Ok(Marker::any()), Marker::parse)?;
    if let Some(versions) = text("python") {
        let nested = Marker::nested("python_version", &Constraint::parse(versions)?);
        marker = marker.intersect(&Marker::parse(&nested)?);
    }
    if let Some(platform) = text("platform") {
        marker = marker.intersect(&Marker::parse(&platform_marker(platform))?);
    }
    Ok(marker)
}

#[cfg(test)]
mod tests {
    use crate::path::posix as posix_path;

    #[test]
    fn paths_look_as_pathlib_prints_them() {
        for (declared, printed) in [
            ("../libs/x/", "../libs/x"),
            ("./x", "x"),
            ("a//b/./c", "a/b/c"),
            ("a/../b", "a/../b"),
            (".", "."),
            ("", "."),
            ("/abs/x/", "/abs/x"),
        ] {
            assert_eq!(posix_path(declared), printed, "{declared}");
        }
    }
}
