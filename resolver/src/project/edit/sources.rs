//! `[[tool.poetry.source]]`.

use toml_edit::Item;

use super::document::{Below, Header};
use super::{EditError, Manifest};
use crate::dist::Source;
use crate::lock::toml_text::{push_string, push_text_line};

const SOURCES: [&str; 3] = ["tool", "poetry", "source"];

impl Manifest {
    /// Adds a source, or puts it in the place of the one that has the same name, whatever its capitals.
    ///
    /// # Errors
    /// When its place can't be changed.
    pub fn set_source(&mut self, source: &Source) -> Result<(), EditError> {
        let place = self.source_place(&source.name);
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
        if !self.has_source_array() {
            return self.document.remove_element(&SOURCES, place);
        }
        if let Some(array) = self.document.array(&SOURCES)? {
            let (range, with) = array.remove(place);
            self.document.splice(range, &with)?;
        }
        Ok(())
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
