//! Entry points, and scripts that are files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use resolver::project::Project;
use toml::{Table, Value};

use super::manifest::{invalid, project_table, tool_poetry, truthy};
use crate::build::BuildError;

/// Group → name → object reference, as declared.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct EntryPoints {
    groups: BTreeMap<String, BTreeMap<String, String>>,
}

impl EntryPoints {
    /// Reads `[project]`, or `[tool.poetry]` where that is silent.
    ///
    /// # Errors
    /// When an entry is no text or a reserved group is used.
    pub(crate) fn read(project: &Project) -> Result<Self, BuildError> {
        let (standard, poetry) = (project_table(project), tool_poetry(project));
        let mut groups = BTreeMap::new();
        if let Some(scripts) = truthy(standard, "scripts") {
            groups.insert(
                "console_scripts".to_owned(),
                group(scripts, "project.scripts")?,
            );
        } else if let Some(Value::Table(scripts)) = truthy(poetry, "scripts") {
            let console = console_scripts(scripts);
            if !console.is_empty() {
                groups.insert("console_scripts".to_owned(), console);
            }
        }
        if let Some(scripts) = truthy(standard, "gui-scripts") {
            groups.insert(
                "gui_scripts".to_owned(),
                group(scripts, "project.gui-scripts")?,
            );
        }
        let custom = truthy(standard, "entry-points")
            .map(|table| (table, true))
            .or_else(|| truthy(poetry, "plugins").map(|table| (table, false)));
        if let Some((Value::Table(custom), is_standard)) = custom {
            for (name, entries) in custom {
                if is_standard && matches!(name.as_str(), "console-scripts" | "gui-scripts") {
                    return Err(invalid(format!(
                        "Group '{name}' is reserved and cannot be used as a custom entry-point group."
                    )));
                }
                groups.insert(name.clone(), group(entries, name)?);
            }
        }
        Ok(Self { groups })
    }

    /// The text of `entry_points.txt`; `None` without any group.
    ///
    /// Poetry: spaces are dropped everywhere, also from within a reference.
    pub(crate) fn text(&self) -> Option<String> {
        if self.groups.is_empty() {
            return None;
        }
        let mut text = String::new();
        for name in self.groups.keys() {
            text.push_str(&format!("[{name}]\n"));
            for (name, reference) in self.group(name) {
                text.push_str(&format!("{name}={reference}").replace(' ', ""));
                text.push('\n');
            }
            text.push('\n');
        }
        Some(text)
    }

    /// The entries of one group in the order Poetry writes them: by the text `name = reference`.
    pub(crate) fn group(&self, name: &str) -> Vec<(&str, &str)> {
        let mut entries: Vec<(&str, &str)> = self
            .groups
            .get(name)
            .into_iter()
            .flatten()
            .map(|(name, reference)| (name.as_str(), reference.as_str()))
            .collect();
        entries.sort_by_cached_key(|(name, reference)| format!("{name} = {reference}"));
        entries
    }
}

fn group(entries: &Value, field: &str) -> Result<BTreeMap<String, String>, BuildError> {
    let wrong = || invalid(format!("[{field}] must map names to object references"));
    entries
        .as_table()
        .ok_or_else(wrong)?
        .iter()
        .map(|(name, reference)| {
            Ok((
                name.clone(),
                reference.as_str().ok_or_else(wrong)?.to_owned(),
            ))
        })
        .collect()
}

/// `[tool.poetry.scripts]`: plain texts, and tables of type `console`.
fn console_scripts(scripts: &Table) -> BTreeMap<String, String> {
    scripts
        .iter()
        .filter_map(|(name, script)| {
            let reference = match script {
                Value::Table(script) if script.get("type")?.as_str()? == "console" => {
                    script.get("reference")?.as_str()?
                }
                script => script.as_str()?,
            };
            (!reference.is_empty()).then(|| (name.clone(), reference.to_owned()))
        })
        .collect()
}

/// A script of type `file` in `[tool.poetry.scripts]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FileScript {
    /// The key.
    pub(crate) name: String,
    /// The file it names, relative to the project.
    pub(crate) reference: Option<String>,
}

/// All scripts of type `file`, in the order of the manifest.
pub(crate) fn file_scripts(project: &Project) -> Vec<FileScript> {
    let scripts = tool_poetry(project).and_then(|poetry| poetry.get("scripts")?.as_table());
    scripts
        .into_iter()
        .flatten()
        .filter(|(_, script)| {
            script
                .get("type")
                .is_some_and(|kind| kind.as_str() == Some("file"))
        })
        .map(|(name, script)| FileScript {
            name: name.clone(),
            reference: script
                .get("reference")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
        .collect()
}

/// The files that scripts of type `file` name.
///
/// # Errors
/// When one is missing, no file, or an absolute path.
pub(super) fn script_files(project: &Project) -> Result<Vec<PathBuf>, BuildError> {
    let root = fs_err::canonicalize(&project.root)?;
    file_scripts(project)
        .into_iter()
        .map(|script| {
            let FileScript { name, reference } = script;
            let source = reference
                .ok_or_else(|| invalid(format!("the file script {name} has no `reference`")))?;
            if PathBuf::from(&source).is_absolute() {
                return Err(invalid(format!(
                    "{source} in {name} is an absolute path. Expected relative path."
                )));
            }
            let path = root.join(source);
            let shown = path.display();
            if !path.exists() {
                return Err(invalid(format!(
                    "{shown} in script specification ({name}) is not found."
                )));
            }
            if !path.is_file() {
                return Err(invalid(format!(
                    "{shown} in script specification ({name}) is not a file."
                )));
            }
            Ok(path)
        })
        .collect()
}
