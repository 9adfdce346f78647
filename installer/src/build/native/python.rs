//! What a project's range of Python versions means for its wheel: Requires-Python, classifiers, the tag.

use resolver::constraint::Constraint;
use resolver::project::Project;
use toml::Value;

use super::manifest::{invalid, project_table, tool_poetry};
use crate::build::BuildError;

/// The Pythons that classifiers exist for, in numeric order.
const CLASSIFIED: [&str; 15] = [
    "2", "2.7", "3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13",
    "3.14", "3.15",
];

/// A project's range of Python versions, as its wheel tells it.
pub(super) struct PythonRange {
    /// Requires-Python, if the project has a range.
    pub(super) requires_python: Option<String>,
    /// The versions in the range that classifiers exist for, in numeric order.
    pub(super) classified_versions: Vec<&'static str>,
    /// Is any 2.x in the range? Poetry: so it is without a range.
    pub(super) supports_python2: bool,
}

impl PythonRange {
    pub(super) fn read(project: &Project) -> Result<Self, BuildError> {
        let standard = project_table(project)
            .and_then(|table| table.get("requires-python")?.as_str())
            .filter(|text| *text != "*");
        let range = poetry_range(project)
            .or(standard)
            .filter(|text| *text != "*");
        let supported = parse(range.unwrap_or("~2.7 || >=3.4"))?;
        let classified = parse(range.unwrap_or("~2.7 || ^3.4"))?;
        let requires_python = match (standard, range) {
            (Some(text), _) => Some(text.to_owned()),
            (None, Some(_)) => Some(supported.format_python()),
            (None, None) => None,
        };
        let mut classified_versions = Vec::new();
        for version in CLASSIFIED {
            let versions = match version.len() {
                1 => parse(&format!("{version}.*"))?,
                _ => parse(version)?,
            };
            if classified.allows_any(&versions) {
                classified_versions.push(version);
            }
        }
        Ok(Self {
            requires_python,
            classified_versions,
            supports_python2: supported.allows_any(&parse(">=2.0.0 <3.0.0")?),
        })
    }
}

/// `python` in `[tool.poetry.dependencies]`, whatever its case; the last one of a list.
fn poetry_range(project: &Project) -> Option<&str> {
    let dependencies = tool_poetry(project)?.get("dependencies")?.as_table()?;
    dependencies
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("python"))
        .filter_map(|(_, range)| match range {
            Value::Array(ranges) => ranges.iter().rev().find_map(Value::as_str),
            range => range.as_str(),
        })
        .next_back()
}

fn parse(text: &str) -> Result<Constraint, BuildError> {
    Constraint::parse_marker_version(text)
        .map_err(|_| invalid(format!("Invalid python versions '{text}'")))
}
