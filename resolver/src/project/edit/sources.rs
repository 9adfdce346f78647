//! `[[tool.poetry.source]]`.
//!
//! Poetry writes all sources anew when one of them changes, and so do we, wherever nothing gets lost by that: a comment, or
//! a key that is not Poetry's. Else the one that changes is changed in its place.

use toml_edit::{Item, TableLike, Value};

use super::document::{Below, Header};
use super::{EditError, Manifest};
use crate::dist::{Priority, Source};
use crate::lock::toml_text::{push_string, push_text_line};

const SOURCES: [&str; 3] = ["tool", "poetry", "source"];
const TOOL_POETRY: [&str; 2] = ["tool", "poetry"];
const KEYS: [&str; 3] = ["name", "url", "priority"];

impl Manifest {
    /// Adds a source, or puts it in the place of the one that has the same name, whatever its capitals.
    ///
    /// # Errors
    /// When its place can't be changed.
    pub fn set_source(&mut self, source: &Source) -> Result<(), EditError> {
        let place = self.source_place(&source.name);
        if let Some(mut all) = self.plain_sources() {
            match place.and_then(|place| all.get_mut(place)) {
                Some(old) => *old = lines(source),
                None => all.push(lines(source)),
            }
            return self.write_sources(&all);
        }
        if self.has_source_array() {
            let element = in_braces(source);
            let Some(array) = self.document.array(&SOURCES)? else {
                return Ok(());
            };
            let (range, with) = match place {
                Some(place) => array.replace(place, &element),
                None => array.push(&element),
            };
            return self.document.splice(range, &with);
        }
        match place {
            Some(place) => self.document.replace_body(&SOURCES, place, &lines(source)),
            None => self.document.add_section(
                &SOURCES,
                Header::ArrayElement,
                &lines(source),
                Below::EmptyLine,
            ),
        }
    }

    /// Removes the source of this name, whatever its capitals, if there is one.
    ///
    /// # Errors
    /// When its place can't be changed.
    pub fn remove_source(&mut self, name: &str) -> Result<(), EditError> {
        let Some(place) = self.source_place(name) else {
            return Ok(());
        };
        if let Some(mut all) = self.plain_sources() {
            all.remove(place);
            return self.write_sources(&all);
        }
        if !self.has_source_array() {
            return self.document.remove_element(&SOURCES, place);
        }
        if let Some(array) = self.document.array(&SOURCES)? {
            let (range, with) = array.remove(place);
            self.document.splice(range, &with)?;
        }
        Ok(())
    }

    /// The lines of each source; `None` if something would get lost by writing them anew, or there are none.
    fn plain_sources(&self) -> Option<Vec<String>> {
        let range = match self.document.item(&SOURCES)? {
            Item::ArrayOfTables(_) => self.document.elements(&SOURCES)?,
            Item::Value(Value::Array(array))
                if self.document.has_header(&TOOL_POETRY)
                    || self.document.lone_first(&SOURCES).is_some() =>
            {
                array.span()?
            }
            _ => return None,
        };
        if self.document.text().get(range)?.contains('#') {
            return None;
        }
        match self.document.item(&SOURCES)? {
            Item::ArrayOfTables(sources) => {
                sources.iter().map(|source| self.lines_of(source)).collect()
            }
            Item::Value(sources) => {
                let sources = sources.as_array()?.iter();
                sources
                    .map(|source| self.lines_of(source.as_inline_table()?))
                    .collect()
            }
            _ => None,
        }
    }

    /// Poetry: name and address as they are written, and always a priority.
    fn lines_of(&self, source: &dyn TableLike) -> Option<String> {
        if source.iter().any(|(key, _)| !KEYS.contains(&key)) {
            return None;
        }
        let mut out = String::new();
        for key in ["name", "url"] {
            let Some(value) = source.get(key) else {
                continue;
            };
            let written = self.document.text().get(value.as_value()?.span()?)?;
            value.as_str()?;
            out += &format!("{key} = {written}\n");
        }
        let priority = match source.get("priority") {
            None => Priority::Primary.as_str().to_owned(),
            Some(priority) => priority.as_str()?.to_lowercase(),
        };
        push_text_line("priority", &priority, &mut out);
        Some(out)
    }

    fn write_sources(&mut self, all: &[String]) -> Result<(), EditError> {
        let document = &mut self.document;
        if let Some(range) = document.elements(&SOURCES) {
            document.splice(range, &tables(all))?;
            return match all {
                [] => document.add_first(&TOOL_POETRY, "source", "[]"),
                _ => Ok(()),
            };
        }
        if all.is_empty() {
            return document.set(&TOOL_POETRY, "source", "[]", Below::Nothing);
        }
        // Poetry: sources in the place of the first line of a file have an empty line above them.
        if let Some(line) = document.lone_first(&SOURCES) {
            return document.splice(line, &format!("\n{}", tables(all)));
        }
        document.remove(&SOURCES)?;
        document.add_below(&TOOL_POETRY, &tables(all))
    }

    /// Are they written as `source = [{…}]`?
    fn has_source_array(&self) -> bool {
        self.document.item(&SOURCES).is_some_and(Item::is_array)
    }

    fn source_place(&self, name: &str) -> Option<usize> {
        let is_it = |found: Option<&str>| found.is_some_and(|found| same_name(found, name));
        match self.document.item(&SOURCES)? {
            Item::ArrayOfTables(sources) => {
                (sources.iter()).position(|source| is_it(source.get("name").and_then(Item::as_str)))
            }
            Item::Value(sources) => sources.as_array()?.iter().position(|source| {
                let source = source.as_inline_table();
                is_it(source.and_then(|source| source.get("name")?.as_str()))
            }),
            _ => None,
        }
    }
}

/// Poetry: names of sources differ in more than their capitals.
fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn entries(source: &Source) -> Vec<(&'static str, &str)> {
    let mut entries = vec![("name", source.name.as_str())];
    entries.extend(source.url.as_deref().map(|url| ("url", url)));
    entries.push(("priority", source.priority.as_str()));
    entries
}

/// Poetry: an empty line is below each, and another one between two.
fn tables(all: &[String]) -> String {
    let tables = all
        .iter()
        .map(|lines| format!("[[tool.poetry.source]]\n{lines}\n"));
    tables.collect::<Vec<_>>().join("\n")
}

fn lines(source: &Source) -> String {
    let mut out = String::new();
    for (key, text) in entries(source) {
        push_text_line(key, text, &mut out);
    }
    out
}

fn in_braces(source: &Source) -> String {
    let mut parts = Vec::new();
    for (key, text) in entries(source) {
        let mut part = format!("{key} = ");
        push_string(text, &mut part);
        parts.push(part);
    }
    format!("{{{}}}", parts.join(", "))
}
