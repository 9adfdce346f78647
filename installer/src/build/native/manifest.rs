//! Short ways into a project's raw manifest.

use resolver::project::Project;
use toml::{Table, Value};

use crate::build::BuildError;

/// `[project]`
pub(super) fn project_table(project: &Project) -> Option<&Table> {
    project.document.get("project").and_then(Value::as_table)
}

/// `[tool.poetry]`
pub(super) fn tool_poetry(project: &Project) -> Option<&Table> {
    project.document.get("tool")?.get("poetry")?.as_table()
}

/// A value that Python would count as true: `project.get("x") or …` passes over the others.
pub(super) fn truthy<'a>(table: Option<&'a Table>, key: &str) -> Option<&'a Value> {
    let value = table?.get(key)?;
    let is_empty = match value {
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Table(table) => table.is_empty(),
        Value::Boolean(flag) => !flag,
        Value::Integer(number) => *number == 0,
        Value::Float(_) | Value::Datetime(_) => false,
    };
    (!is_empty).then_some(value)
}

/// A manifest that can't be built, in words for the user.
pub(super) fn invalid(reason: impl Into<String>) -> BuildError {
    BuildError::Manifest {
        reason: reason.into(),
    }
}
