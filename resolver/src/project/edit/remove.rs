//! Removing requirements.

use std::collections::BTreeSet;

use toml_edit::Item;

use super::{DEV_DEPENDENCIES, EditError, Manifest};
use crate::name::{GroupName, PackageName};
use crate::project::ProjectError;
use crate::requirement::Requirement;

const GROUPS: &str = "dependency-groups";
const TOOL_GROUPS: [&str; 3] = ["tool", "poetry", "group"];

impl Manifest {
    /// Removes packages, by names as typed: from one group, or from the project's own dependencies and all groups.
    /// Groups that have nothing left go, too, and with them what includes them. Returns the names that were found.
    ///
    /// Poetry: the extras of `[project.optional-dependencies]` are not looked at.
    ///
    /// # Errors
    /// When a requirement can't be read, or its place can't be changed.
    pub fn remove(
        &mut self,
        names: &[String],
        group: Option<&str>,
    ) -> Result<BTreeSet<String>, EditError> {
        let found = match group {
            None => self.remove_everywhere(names)?,
            // Poetry: where there is the old section for it, `dev` is nothing else.
            Some("dev") if self.document.item(&DEV_DEPENDENCIES).is_some() => {
                let found = self.remove_keys(&DEV_DEPENDENCIES, names)?;
                if self.document.is_empty(&DEV_DEPENDENCIES) {
                    self.document.remove(&DEV_DEPENDENCIES)?;
                }
                found
            }
            Some(group) => self.remove_from_group(group, names)?,
        };
        for groups in [&TOOL_GROUPS[..], &[GROUPS]] {
            if self.document.is_empty(groups) {
                self.document.remove(groups)?;
            }
        }
        Ok(found)
    }

    fn remove_everywhere(&mut self, names: &[String]) -> Result<BTreeSet<String>, EditError> {
        let mut found = self.remove_lines(&["project", "dependencies"], names)?;
        found.extend(self.remove_keys(&["tool", "poetry", "dependencies"], names)?);
        let main = GroupName::main();
        let groups = [
            self.document.keys(&[GROUPS]),
            self.document.keys(&TOOL_GROUPS),
        ]
        .concat();
        for group in groups {
            if GroupName::new(&group) != main {
                found.extend(self.remove_from_group(&group, names)?);
            }
        }
        Ok(found)
    }

    fn remove_from_group(
        &mut self,
        group: &str,
        names: &[String],
    ) -> Result<BTreeSet<String>, EditError> {
        let lines = [GROUPS, group];
        let tool_group = [&TOOL_GROUPS[..], &[group]].concat();
        let entries = [&tool_group[..], &["dependencies"]].concat();
        let mut found = self.remove_keys(&entries, names)?;
        found.extend(self.remove_lines(&lines, names)?);
        if self.document.item(&entries).is_some() && self.document.is_empty(&entries) {
            self.document.remove(&entries)?;
            if self.document.is_empty(&tool_group) {
                self.document.remove(&tool_group)?;
            }
        }
        if self.document.is_empty(&lines) {
            self.document.remove(&lines)?;
        }
        let is_there = |path: &[&str]| self.document.item(path).is_some();
        if !is_there(&lines) && !is_there(&tool_group) {
            self.remove_includes(group)?;
        }
        Ok(found)
    }

    /// Removes the keys of packages from a table.
    fn remove_keys(
        &mut self,
        table: &[&str],
        names: &[String],
    ) -> Result<BTreeSet<String>, EditError> {
        let mut found = BTreeSet::new();
        for key in self.document.keys(table) {
            let same = named(names, &PackageName::new(&key));
            if !same.is_empty() {
                self.document.remove(&[table, &[&key]].concat())?;
                found.extend(same);
            }
        }
        Ok(found)
    }

    /// Removes the requirement lines of packages from an array.
    fn remove_lines(
        &mut self,
        path: &[&str],
        names: &[String],
    ) -> Result<BTreeSet<String>, EditError> {
        let mut found = BTreeSet::new();
        // From the end, so that places before stay what they are.
        for (place, line) in self.lines(path).into_iter().enumerate().rev() {
            let Some(line) = line else { continue };
            let requirement =
                Requirement::parse(&line, Some(&self.root)).map_err(ProjectError::from)?;
            let same = named(names, &requirement.name);
            if !same.is_empty() {
                self.remove_element(path, place)?;
                found.extend(same);
            }
        }
        Ok(found)
    }

    /// Removes what includes a group that is gone. A group that has nothing left by that goes, too.
    fn remove_includes(&mut self, group: &str) -> Result<(), EditError> {
        let gone = GroupName::new(group);
        for including in self.document.keys(&[GROUPS]) {
            let path = [GROUPS, &including];
            let array = self.document.item(&path).and_then(Item::as_array);
            let includes: Vec<usize> = (array.into_iter().flatten().enumerate())
                .filter(|(_, item)| {
                    let name = item
                        .as_inline_table()
                        .and_then(|table| table.get("include-group"));
                    let name = name.and_then(toml_edit::Value::as_str);
                    name.is_some_and(|name| GroupName::new(name) == gone)
                })
                .map(|(place, _)| place)
                .collect();
            for place in includes.iter().rev() {
                self.remove_element(&path, *place)?;
            }
            if !includes.is_empty() && self.document.is_empty(&path) {
                self.document.remove(&path)?;
            }
        }
        for including in self.document.keys(&TOOL_GROUPS) {
            let table = [&TOOL_GROUPS[..], &[&including]].concat();
            let path = [&table[..], &["include-groups"]].concat();
            let names = self.lines(&path).into_iter().enumerate().rev();
            for (place, name) in names {
                if name.is_some_and(|name| GroupName::new(&name) == gone) {
                    self.remove_element(&path, place)?;
                }
            }
            if self.document.item(&path).is_some() && self.document.is_empty(&path) {
                self.document.remove(&path)?;
                if self.document.is_empty(&table) {
                    self.document.remove(&table)?;
                }
            }
        }
        Ok(())
    }

    /// The elements of an array: their texts, `None` for what is no text.
    fn lines(&self, path: &[&str]) -> Vec<Option<String>> {
        let array = self.document.item(path).and_then(Item::as_array);
        let items = array.into_iter().flatten();
        items.map(|item| item.as_str().map(str::to_owned)).collect()
    }

    fn remove_element(&mut self, path: &[&str], place: usize) -> Result<(), EditError> {
        if let Some(array) = self.document.array(path)? {
            let (range, with) = array.remove(place);
            self.document.splice(range, &with)?;
        }
        Ok(())
    }
}

/// Those of the typed names that mean a package.
fn named(names: &[String], package: &PackageName) -> Vec<String> {
    let same = names
        .iter()
        .filter(|name| PackageName::new(name) == *package);
    same.cloned().collect()
}
