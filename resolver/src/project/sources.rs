//! `[[tool.poetry.source]]`.

use toml::{Table, Value};

use super::ProjectError;
use crate::dist::{Priority, Source};

/// The configured sources in file order, without the implicit PyPI.
pub(super) fn read(tool_poetry: &Table) -> Result<Vec<Source>, ProjectError> {
    let mut sources: Vec<Source> = Vec::new();
    let entries = tool_poetry.get("source").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        let source = read_one(entry)?;
        if (sources.iter()).any(|other| other.name.eq_ignore_ascii_case(&source.name)) {
            let name = source.name.to_lowercase();
            return Err(ProjectError::DuplicateSource { name });
        }
        sources.push(source);
    }
    let is_explicit = |source: &Source| source.priority == Priority::Explicit;
    if !sources.is_empty() && sources.iter().all(is_explicit) && sources.iter().any(is_pypi) {
        return Err(ProjectError::OnlyExplicitSources);
    }
    Ok(sources)
}

fn read_one(entry: &Value) -> Result<Source, ProjectError> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let name = text("name").unwrap_or_default();
    let priority = match text("priority") {
        Some("explicit") => Priority::Explicit,
        Some("supplemental") => Priority::Supplemental,
        _ => Priority::Primary,
    };
    if name.eq_ignore_ascii_case("pypi") {
        return match text("url") {
            Some(_) => Err(ProjectError::PyPiWithUrl),
            None => Ok(Source {
                name: "PyPI".to_owned(),
                url: None,
                priority,
            }),
        };
    }
    let url = text("url").ok_or_else(|| ProjectError::SourceWithoutUrl {
        name: name.to_owned(),
    })?;
    Ok(Source {
        name: name.to_owned(),
        url: Some(url.to_owned()),
        priority,
    })
}

fn is_pypi(source: &Source) -> bool {
    source.url.is_none()
}
