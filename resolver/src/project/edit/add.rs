//! Adding requirements.

use std::path::Path;

use toml::{Table, Value};

use super::document::Below;
use super::{DEV_DEPENDENCIES, EditError, Manifest};
use crate::lock::toml_text::{push_key, push_string, push_texts};
use crate::name::{GroupName, PackageName, normalize};
use crate::project::Declared;
use crate::requirement::{Origin, Requirement};

/// What is required of a package, as `[tool.poetry.dependencies]` has it.
pub type Entry = Table;

/// Where requirements are added.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The group; `main` for the project's own dependencies.
    pub group: &'a str,
    /// The extra they are for.
    pub extra: Option<&'a str>,
}

/// Keys that have no place in a requirement line, so that `[tool.poetry]` has to say them.
const BEYOND_LINES: [&str; 4] = ["path", "allow-prereleases", "develop", "source"];
/// Keys that tell apart for whom the former are meant.
const FOR_WHOM: [&str; 2] = ["python", "platform"];

const TOOL_DEPENDENCIES: [&str; 3] = ["tool", "poetry", "dependencies"];
const TOOL_GROUPS: [&str; 3] = ["tool", "poetry", "group"];
const STANDARD_GROUPS: &str = "dependency-groups";

/// Where a destination is in this file.
struct Lists {
    /// The array of requirement lines, if the file has such for this destination: its table and its key.
    standard: Option<(Vec<String>, String)>,
    /// The table of entries in Poetry's form.
    declared: Vec<String>,
}

impl Manifest {
    /// Does the destination have requirement lines (PEP 621, PEP 735)? If not, its requirements have Poetry's own form.
    #[must_use]
    pub fn has_lines(&self, destination: Destination<'_>) -> bool {
        self.lists(destination).standard.is_some()
    }

    /// Is a package of this name in the destination already?
    ///
    /// # Errors
    /// When a requirement there can't be read.
    pub fn has(&self, destination: Destination<'_>, name: &str) -> Result<bool, EditError> {
        let lists = self.lists(destination);
        let name = PackageName::new(name);
        let in_lines = match &lists.standard {
            Some((table, key)) => self.position(table, key, &name)?.is_some(),
            None => false,
        };
        let keys = self.document.keys(&borrowed(&lists.declared));
        Ok(in_lines || keys.iter().any(|key| PackageName::new(key) == name))
    }

    /// Adds a requirement, or puts it in the place of the one that is there for the same package.
    ///
    /// Where there are requirement lines, one is written, and what it can't say goes to `[tool.poetry]`. That holds for
    /// relative paths, too: Poetry writes the absolute path in the line, which is of no use on another machine.
    ///
    /// # Errors
    /// When the entry is no requirement, or its place can't be changed.
    pub fn add(
        &mut self,
        destination: Destination<'_>,
        name: &str,
        entry: &Entry,
    ) -> Result<(), EditError> {
        let lists = self.lists(destination);
        let line = self.line(name, entry)?;
        let below = if destination.is_main() {
            Below::Nothing
        } else {
            Below::EmptyLine
        };
        let declared = match &lists.standard {
            None => entry.clone(),
            Some(_) => beyond_line(entry),
        };
        if !declared.is_empty() {
            let table = borrowed(&lists.declared);
            let keys = self.document.keys(&table);
            let key = spelled(&keys, name, |a, b| {
                PackageName::new(a) == PackageName::new(b)
            });
            self.document.set(&table, key, &printed(&declared), below)?;
        }
        if let Some((table, key)) = &lists.standard {
            let place = self.position(table, key, &PackageName::new(name))?;
            self.write_line(table, key, place, &line, destination)?;
        }
        Ok(())
    }

    fn lists(&self, destination: Destination<'_>) -> Lists {
        if destination.is_main() {
            self.main_lists(destination.extra)
        } else {
            self.group_lists(destination.group)
        }
    }

    fn main_lists(&self, extra: Option<&str>) -> Lists {
        let has = |key| self.document.item(&["project", key]).is_some();
        let has_lines = has("dependencies") || has("optional-dependencies");
        let standard = match extra {
            None => (owned(&["project"]), "dependencies".to_owned()),
            Some(extra) => {
                let table = ["project", "optional-dependencies"];
                let keys = self.document.keys(&table);
                let key = spelled(&keys, extra, |a, b| normalize(a) == normalize(b));
                (owned(&table), key.to_owned())
            }
        };
        Lists {
            standard: has_lines.then_some(standard),
            declared: owned(&TOOL_DEPENDENCIES),
        }
    }

    /// Poetry: a file that has groups in `[tool.poetry]` alone gets its new ones there, too.
    ///
    /// Where the old section stands for `dev`, it is what is added to. Poetry begins a second `dev` beside it, whose
    /// members then are the only ones.
    fn group_lists(&self, group: &str) -> Lists {
        let is_same = |a: &str, b: &str| GroupName::new(a) == GroupName::new(b);
        let standard = self.document.keys(&[STANDARD_GROUPS]);
        let declared = self.document.keys(&TOOL_GROUPS);
        if is_same(group, "dev")
            && self.document.item(&DEV_DEPENDENCIES).is_some()
            && !standard
                .iter()
                .chain(&declared)
                .any(|name| is_same(name, group))
        {
            return Lists {
                standard: None,
                declared: owned(&DEV_DEPENDENCIES),
            };
        }
        let has_lines = !standard.is_empty() || self.document.item(&TOOL_GROUPS).is_none();
        let key = spelled(&standard, group, is_same);
        let mut table = owned(&TOOL_GROUPS);
        table.push(spelled(&declared, group, is_same).to_owned());
        table.push("dependencies".to_owned());
        Lists {
            standard: has_lines.then(|| (owned(&[STANDARD_GROUPS]), key.to_owned())),
            declared: table,
        }
    }

    /// Where in an array of requirement lines a package is.
    fn position(
        &self,
        table: &[String],
        key: &str,
        name: &PackageName,
    ) -> Result<Option<usize>, EditError> {
        let path = [&borrowed(table)[..], &[key]].concat();
        let lines = self
            .document
            .item(&path)
            .and_then(toml_edit::Item::as_array);
        for (i, line) in lines.into_iter().flatten().enumerate() {
            if let Some(line) = line.as_str() {
                let requirement = Requirement::parse(line, Some(&self.root))
                    .map_err(super::ProjectError::from)?;
                if requirement.name == *name {
                    return Ok(Some(i));
                }
            }
        }
        Ok(None)
    }

    fn requirement(&self, name: &str, entry: &Entry) -> Result<Requirement, EditError> {
        let value = Value::Table(entry.clone());
        match Declared::read(name, &value, &GroupName::main(), &self.root) {
            Ok(declared) => Ok(declared.requirement),
            Err(source) => Err(EditError::Entry {
                name: name.to_owned(),
                source,
            }),
        }
    }

    /// The requirement line of an entry.
    fn line(&self, name: &str, entry: &Entry) -> Result<String, EditError> {
        let mut requirement = self.requirement(name, entry)?;
        if has_relative_path(entry) {
            requirement.origin = Origin::index();
        }
        Ok(requirement.to_pep508(true))
    }

    fn write_line(
        &mut self,
        table: &[String],
        key: &str,
        place: Option<usize>,
        line: &str,
        destination: Destination<'_>,
    ) -> Result<(), EditError> {
        let mut text = String::new();
        push_string(line, &mut text);
        let table = borrowed(table);
        let path = [&table[..], &[key]].concat();
        let Some(array) = self.document.array(&path)? else {
            // Poetry: a new group has a line for each requirement, any other new list has one line in all.
            let array = if destination.is_main() {
                format!("[{text}]")
            } else {
                format!("[\n    {text}\n]")
            };
            return self.document.set(&table, key, &array, Below::Nothing);
        };
        let (range, with) = match place {
            Some(place) => array.replace(place, &text),
            None => array.push(&text),
        };
        self.document.splice(range, &with)
    }
}

impl Destination<'_> {
    fn is_main(self) -> bool {
        self.group == GroupName::main().as_str()
    }
}

fn has_relative_path(entry: &Entry) -> bool {
    let path = entry.get("path").and_then(Value::as_str);
    path.is_some_and(|path| !Path::new(path).is_absolute())
}

/// What of an entry its line can't say.
fn beyond_line(entry: &Entry) -> Entry {
    let is_given = |value: &Value| *value != Value::Boolean(false);
    let chosen = |keys: &[&str]| -> Entry {
        let given = entry.iter().filter(|(_, value)| is_given(value));
        let chosen = given.filter(|(key, _)| keys.contains(&key.as_str()));
        chosen
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let mut beyond = chosen(&BEYOND_LINES);
    if !has_relative_path(entry) {
        beyond.remove("path");
    }
    if !beyond.is_empty() {
        beyond.extend(chosen(&FOR_WHOM));
    }
    beyond
}

/// The key that is there for a name, or the name.
fn spelled<'a>(keys: &'a [String], name: &'a str, is_same: impl Fn(&str, &str) -> bool) -> &'a str {
    let exact = keys.iter().find(|key| *key == name);
    let known = exact.or_else(|| keys.iter().find(|key| is_same(key, name)));
    known.map_or(name, String::as_str)
}

/// An entry as Poetry prints it: the constraint alone if there is nothing else.
fn printed(entry: &Entry) -> String {
    let mut out = String::new();
    match entry.iter().next() {
        Some((key, Value::String(version))) if entry.len() == 1 && key == "version" => {
            push_string(version, &mut out);
            return out;
        }
        _ => {}
    }
    out.push('{');
    for (i, (key, value)) in entry.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_key(key, &mut out);
        out.push_str(" = ");
        match value {
            Value::String(text) => push_string(text, &mut out),
            Value::Array(items) => push_texts(items.iter().filter_map(Value::as_str), &mut out),
            other => out.push_str(&other.to_string()),
        }
    }
    out.push('}');
    out
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|&key| key.to_owned()).collect()
}

fn borrowed(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}
