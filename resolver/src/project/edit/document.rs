//! A TOML text that is changed in place: whatever is not changed keeps its bytes.
//!
//! `toml_edit` tells where things stand; changes are made to the text itself, so that line ends, blanks, quotes and
//! comments can't get lost on the way through a tree. Each change is read again before the next one.
//!
//! The text is a row of *sections*: a header with the lines below it. A comment that stands right above a header, and
//! apart from what is before it, is about that header and begins its section. (Poetry takes it for the end of the section
//! before, and so puts new entries between such a comment and its header, or removes it with the section before.)

use std::ops::Range;

use toml_edit::{Item, Table, TableLike, Value};

use super::EditError;
use super::array::Array;
use crate::lock::toml_text::push_key;

/// A TOML text that is changed in place. Its line ends are plain ones.
#[derive(Clone, Debug)]
pub(super) struct Document {
    tree: toml_edit::Document<String>,
}

/// A header and the lines below it.
#[derive(Debug)]
struct Section {
    path: Vec<String>,
    /// Where the line of its header begins.
    header: usize,
    /// Where its first line below the header begins.
    body: usize,
    /// Where the next section begins.
    end: usize,
    /// Where its last entry ends, or its header.
    last: usize,
}

/// Where the entries of a table stand.
enum Home {
    /// On lines below a header: where the next one goes, and what is in front of its key.
    Lines { at: usize, before: String },
    /// In braces: where the next one goes, and whether it is the first.
    Braces { at: usize, is_first: bool },
    /// Nowhere yet.
    Missing,
}

/// Is an empty line wanted below a new section?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Below {
    Nothing,
    EmptyLine,
}

impl Document {
    pub(super) fn parse(text: String) -> Result<Self, EditError> {
        match toml_edit::Document::parse(text) {
            Ok(tree) => Ok(Self { tree }),
            Err(error) => Err(EditError::Form {
                reason: error.message().to_owned(),
            }),
        }
    }

    pub(super) fn text(&self) -> &str {
        self.tree.raw()
    }

    /// What stands at a path of keys.
    pub(super) fn item(&self, path: &[&str]) -> Option<&Item> {
        path.iter()
            .try_fold(self.tree.as_item(), |item, key| item.get(*key))
    }

    /// The keys of the table at a path, in order; none if there is no table.
    pub(super) fn keys(&self, path: &[&str]) -> Vec<String> {
        let table = self.item(path).and_then(Item::as_table_like);
        let keys = table.into_iter().flat_map(|table| table.iter());
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    /// Is there nothing at the path, or an empty table or array?
    pub(super) fn is_empty(&self, path: &[&str]) -> bool {
        self.item(path).is_none_or(|item| {
            item.as_table_like().is_some_and(TableLike::is_empty)
                || item.as_array().is_some_and(toml_edit::Array::is_empty)
        })
    }

    /// Sets a key of a table; both are made if there are none. `below` counts for a new section.
    pub(super) fn set(
        &mut self,
        table: &[&str],
        key: &str,
        value: &str,
        below: Below,
    ) -> Result<(), EditError> {
        let path = [table, &[key]].concat();
        match self.item(&path) {
            Some(Item::Value(old)) if !is_dotted(old) => {
                let span = spanned(old.span())?;
                return self.splice(span, value);
            }
            Some(_) => self.remove(&path)?,
            None => {}
        }
        let mut named = String::new();
        push_key(key, &mut named);
        self.insert(table, &format!("{named} = {value}"), below)
    }

    /// Adds an entry, which is not there yet, to a table.
    fn insert(&mut self, table: &[&str], entry: &str, below: Below) -> Result<(), EditError> {
        match self.home(table)? {
            Home::Lines { at, before } => {
                let ends_line = self.text()[..at].ends_with('\n') || at == 0;
                let line_end = if ends_line { "" } else { "\n" };
                self.splice(at..at, &format!("{line_end}{before}{entry}\n"))
            }
            Home::Braces { at, is_first } => {
                let comma = if is_first { "" } else { ", " };
                self.splice(at..at, &format!("{comma}{entry}"))
            }
            Home::Missing => {
                let (parent, name) = match table {
                    [parent @ .., name] if self.is_in_braces(parent) => (parent, name),
                    _ => {
                        return self.add_section(
                            table,
                            Header::Table,
                            &format!("{entry}\n"),
                            below,
                        );
                    }
                };
                let mut named = String::new();
                push_key(name, &mut named);
                self.insert(parent, &format!("{named} = {{{entry}}}"), below)
            }
        }
    }

    /// Would a new table below this path have to stand in braces?
    fn is_in_braces(&self, path: &[&str]) -> bool {
        (0..=path.len()).rev().any(|length| {
            let item = self.item(&path[..length]);
            item.is_some_and(|item| matches!(item, Item::Value(Value::InlineTable(_))))
        })
    }

    /// Adds a section, below those of the nearest table around it.
    pub(super) fn add_section(
        &mut self,
        path: &[&str],
        header: Header,
        body: &str,
        below: Below,
    ) -> Result<(), EditError> {
        let sections = self.sections();
        let is_inside = |section: &&Section, around: &[&str]| {
            section.path.len() >= around.len()
                && section.path.iter().zip(around).all(|(a, b)| a == b)
        };
        let neighbour = (1..path.len() + 1).rev().find_map(|length| {
            let around = &path[..length];
            sections.iter().rfind(|section| is_inside(section, around))
        });
        let at = neighbour.map_or(self.text().len(), |section| section.end);
        // Poetry: an element right below the bare header of its table has no empty line above it.
        let is_first = matches!(header, Header::ArrayElement)
            && neighbour
                .is_some_and(|section| section.path.len() + 1 == path.len() && section.body == at);
        let gap = match is_first && self.text()[..at].ends_with('\n') {
            true => "",
            false => self.gap(at),
        };
        let mut keys = Vec::new();
        for key in path {
            let mut named = String::new();
            push_key(key, &mut named);
            keys.push(named);
        }
        let name = keys.join(".");
        let header = match header {
            Header::Table => format!("[{name}]"),
            Header::ArrayElement => format!("[[{name}]]"),
        };
        let below = match below {
            Below::Nothing => "",
            Below::EmptyLine => "\n",
        };
        self.splice(at..at, &format!("{gap}{header}\n{body}{below}"))
    }

    /// Adds an entry above all others of a table. A table without a header of its own gets it at the top of the file.
    ///
    /// Poetry: it does so with a list of sources that has become empty.
    pub(super) fn add_first(
        &mut self,
        table: &[&str],
        key: &str,
        value: &str,
    ) -> Result<(), EditError> {
        if let Some(section) = self.section(table) {
            let ends_line = self.text()[..section.body].ends_with('\n');
            let line_end = if ends_line { "" } else { "\n" };
            let at = section.body;
            return self.splice(at..at, &format!("{line_end}{key} = {value}\n"));
        }
        // A table around it that has a header can't be named again.
        let is_open = (1..table.len()).all(|length| self.section(&table[..length]).is_none());
        if is_open && self.item(table).is_none_or(Item::is_table) {
            let path = table.join(".");
            return self.splice(0..0, &format!("{path}.{key} = {value}\n"));
        }
        Ok(())
    }

    /// The line of a dotted key that is the first of the file and is followed by a header.
    pub(super) fn lone_first(&self, path: &[&str]) -> Option<Range<usize>> {
        let text = self.text();
        let value = self.item(path)?.as_value()?.span()?;
        let is_first = text.starts_with(&format!("{} = ", path.join(".")));
        let line = 0..line_end(text, value.end);
        let is_alone = text[line.end..].trim_start().starts_with('[');
        (is_first && is_alone).then_some(line)
    }

    /// Adds sections below the entries of a table that has a header.
    pub(super) fn add_below(&mut self, table: &[&str], sections: &str) -> Result<(), EditError> {
        let at = self
            .section(table)
            .map_or(self.text().len(), |section| section.end);
        let gap = self.gap(at);
        self.splice(at..at, &format!("{gap}{sections}"))
    }

    /// Has the table a header of its own?
    pub(super) fn has_header(&self, table: &[&str]) -> bool {
        self.section(table).is_some()
    }

    /// What is missing in front of a section that is to begin at `at`.
    fn gap(&self, at: usize) -> &'static str {
        match &self.text()[..at] {
            "" => "",
            text if text.ends_with("\n\n") => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        }
    }

    /// Where the elements of an array of tables stand, if no other section stands between them.
    pub(super) fn elements(&self, path: &[&str]) -> Option<Range<usize>> {
        let sections = self.sections();
        let first = sections.iter().position(|section| section.path == path)?;
        let last = sections.iter().rposition(|section| section.path == path)?;
        let elements = &sections[first..=last];
        let is_whole = elements.iter().all(|section| section.path == path);
        is_whole.then(|| elements[0].header..elements[elements.len() - 1].end)
    }

    /// Puts other lines below the header of an element of an array of tables.
    pub(super) fn replace_body(
        &mut self,
        path: &[&str],
        index: usize,
        body: &str,
    ) -> Result<(), EditError> {
        let section = self.element(path, index)?;
        let end = line_end(self.text(), section.last);
        let begin = section.body.min(end);
        self.splice(begin..end, body)
    }

    /// Removes an element of an array of tables.
    pub(super) fn remove_element(&mut self, path: &[&str], index: usize) -> Result<(), EditError> {
        let section = self.element(path, index)?;
        self.splice(section.header..section.end, "")
    }

    fn element(&self, path: &[&str], index: usize) -> Result<Section, EditError> {
        let sections = self.sections().into_iter();
        let mut elements = sections.filter(|section| section.path == path);
        elements.nth(index).ok_or_else(|| EditError::Form {
            reason: format!("`{}` is no array of tables", path.join(".")),
        })
    }

    /// Removes an entry or a table, if it is there, with the comment on its line.
    pub(super) fn remove(&mut self, path: &[&str]) -> Result<(), EditError> {
        let Some((key, table)) = path.split_last() else {
            return Ok(());
        };
        let parent = self.item(table);
        if let Some(Item::Value(Value::InlineTable(braces))) = parent {
            let Some(range) = range_in_braces(braces, key)? else {
                return Ok(());
            };
            return self.splice(range, "");
        }
        let Some(parent) = parent.and_then(Item::as_table) else {
            return Ok(());
        };
        let mut ranges = match parent.get_key_value(key) {
            None | Some((_, Item::None)) => return Ok(()),
            Some((key, Item::Value(value))) => {
                let (begin, end) = (spanned(key.span())?.start, spanned(value.span())?.end);
                vec![self.lines(begin..end)]
            }
            Some((_, Item::Table(table))) if table.is_dotted() => {
                let mut entries = Vec::new();
                dotted_entries(table, &mut entries)?;
                entries.into_iter().map(|entry| self.lines(entry)).collect()
            }
            Some((_, Item::Table(_) | Item::ArrayOfTables(_))) => {
                let sections = self.sections().into_iter();
                sections
                    .filter(|section| {
                        section.path.len() >= path.len()
                            && section.path.iter().zip(path).all(|(a, b)| a == b)
                    })
                    .map(|section| section.header..section.end)
                    .collect()
            }
        };
        ranges.sort_by_key(|range| range.start);
        let mut text = self.text().to_owned();
        for range in ranges.into_iter().rev() {
            text.replace_range(range, "");
        }
        *self = Self::parse(text)?;
        Ok(())
    }

    /// The array at a path, for a look at it.
    pub(super) fn array(&self, path: &[&str]) -> Result<Option<Array<'_>>, EditError> {
        let Some(item) = self.item(path) else {
            return Ok(None);
        };
        let Some(array) = item.as_array() else {
            return Err(EditError::Form {
                reason: format!("`{}` is no array", path.join(".")),
            });
        };
        let elements: Result<Vec<_>, _> = array.iter().map(|value| spanned(value.span())).collect();
        Ok(Some(Array {
            text: self.text(),
            span: spanned(array.span())?,
            elements: elements?,
        }))
    }

    /// Puts `with` in the place of a part of the text.
    pub(super) fn splice(&mut self, range: Range<usize>, with: &str) -> Result<(), EditError> {
        let mut text = self.text().to_owned();
        text.replace_range(range, with);
        *self = Self::parse(text)?;
        Ok(())
    }

    fn home(&self, path: &[&str]) -> Result<Home, EditError> {
        match self.item(path) {
            None => Ok(Home::Missing),
            Some(Item::Table(table)) if table.is_dotted() => self.dotted_home(table),
            Some(Item::Table(table)) => {
                let Some(section) = self.section(path) else {
                    return Ok(Home::Missing);
                };
                let last_key = (table.iter())
                    .filter(|(_, item)| item.is_value())
                    .filter_map(|(key, _)| table.key(key)?.span())
                    .map(|span| span.start)
                    .max();
                let before = indentation(self.text(), last_key.unwrap_or(section.header));
                let (at, before) = (self.end_of_content(&section), before.to_owned());
                Ok(Home::Lines { at, before })
            }
            Some(Item::Value(Value::InlineTable(braces))) => {
                let mut ends = Vec::new();
                for (_, value) in braces.iter() {
                    ends.push(end_of(value)?);
                }
                let first = spanned(braces.span())?.start + 1;
                Ok(Home::Braces {
                    at: ends.iter().copied().max().unwrap_or(first),
                    is_first: ends.is_empty(),
                })
            }
            Some(_) => Err(EditError::Form {
                reason: format!("`{}` is no table", path.join(".")),
            }),
        }
    }

    /// After the last of the dotted keys, with what is before the last part of that one.
    fn dotted_home(&self, table: &Table) -> Result<Home, EditError> {
        let mut last = None;
        for (key, item) in table.iter() {
            if let (Some(key), Item::Value(value)) = (table.key(key), item) {
                last = last.max(Some((
                    spanned(value.span())?.end,
                    spanned(key.span())?.start,
                )));
            }
        }
        let Some((end, key)) = last else {
            return Ok(Home::Missing);
        };
        let text = self.text();
        Ok(Home::Lines {
            at: line_end(text, end),
            before: text[line_start(text, key)..key].to_owned(),
        })
    }

    /// The section with this very path.
    fn section(&self, path: &[&str]) -> Option<Section> {
        let mut sections = self.sections().into_iter();
        sections.find(|section| section.path == path)
    }

    /// All sections, in their order.
    fn sections(&self) -> Vec<Section> {
        let text = self.text();
        let mut found = Vec::new();
        headers(self.tree.as_table(), &mut Vec::new(), &mut found);
        found.sort_by_key(|(_, header, _)| header.start);
        let mut sections: Vec<Section> = Vec::new();
        for (path, header, last) in found {
            let line = line_start(text, header.start);
            let begin = self.begin_of_comment(line);
            if let Some(section) = sections.last_mut() {
                section.end = begin;
            }
            sections.push(Section {
                path,
                header: line,
                body: line_end(text, header.end),
                end: text.len(),
                last: last.max(header.end),
            });
        }
        sections
    }

    /// Where the comment begins that is about the header on the line at `line`; there if there is none.
    fn begin_of_comment(&self, line: usize) -> usize {
        let mut begin = line;
        for above in self.text()[..line].split_inclusive('\n').rev() {
            match above.trim() {
                "" => return begin,
                comment if comment.starts_with('#') => begin -= above.len(),
                _ => return line,
            }
        }
        begin
    }

    /// Where the next entry of a section goes: below its last line that is not empty.
    fn end_of_content(&self, section: &Section) -> usize {
        let text = self.text();
        let least = line_end(text, section.last);
        let content = text[..section.end.max(least)].trim_end();
        line_end(text, content.len()).max(least)
    }

    /// The whole lines that something stands on.
    fn lines(&self, range: Range<usize>) -> Range<usize> {
        line_start(self.text(), range.start)..line_end(self.text(), range.end)
    }
}

/// What kind of header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Header {
    /// `[a.b]`
    Table,
    /// `[[a.b]]`
    ArrayElement,
}

/// All headers below a table: path, place, and the end of the last entry.
fn headers(
    table: &Table,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, Range<usize>, usize)>,
) {
    for (key, item) in table.iter() {
        path.push(key.to_owned());
        match item {
            Item::Table(table) => {
                let span = table
                    .span()
                    .filter(|_| !table.is_implicit() && !table.is_dotted());
                if let Some(span) = span {
                    found.push((path.clone(), span, last_end(table)));
                }
                headers(table, path, found);
            }
            Item::ArrayOfTables(elements) => {
                for table in elements {
                    found.extend(
                        table
                            .span()
                            .map(|span| (path.clone(), span, last_end(table))),
                    );
                    headers(table, path, found);
                }
            }
            Item::Value(_) | Item::None => {}
        }
        path.pop();
    }
}

/// The end of the last entry on a table's own lines.
fn last_end(table: &Table) -> usize {
    let ends = table.iter().map(|(_, item)| match item {
        Item::Value(value) => value.span().map_or(0, |span| span.end),
        Item::Table(table) if table.is_dotted() => last_end(table),
        _ => 0,
    });
    ends.max().unwrap_or(0)
}

/// The entries of a table that is written with dotted keys: from the last part of the key to the end of the value.
fn dotted_entries(table: &Table, entries: &mut Vec<Range<usize>>) -> Result<(), EditError> {
    for (key, item) in table.iter() {
        match item {
            Item::Value(value) => {
                let key = spanned(table.key(key).and_then(toml_edit::Key::span))?;
                entries.push(key.start..spanned(value.span())?.end);
            }
            Item::Table(table) => dotted_entries(table, entries)?,
            Item::ArrayOfTables(_) | Item::None => {}
        }
    }
    Ok(())
}

/// What to cut out of `{…}` in order to remove a key, if it is there.
fn range_in_braces(
    braces: &toml_edit::InlineTable,
    key: &str,
) -> Result<Option<Range<usize>>, EditError> {
    let mut entries = Vec::new();
    let mut wanted = None;
    for (name, value) in braces.iter() {
        if name == key {
            wanted = Some(entries.len());
            if is_dotted(value) {
                return Err(EditError::Form {
                    reason: format!("`{key}` is written with dotted keys in braces"),
                });
            }
        }
        let begin = spanned(braces.key(name).and_then(toml_edit::Key::span))?.start;
        entries.push(begin..end_of(value)?);
    }
    let Some(at) = wanted else {
        return Ok(None);
    };
    let entry = entries[at].clone();
    Ok(Some(match (at.checked_sub(1), entries.get(at + 1)) {
        (_, Some(next)) => entry.start..next.start,
        (Some(before), None) => entries[before].end..entry.end,
        (None, None) => entry,
    }))
}

/// The end of a value, also of one that is written with dotted keys.
fn end_of(value: &Value) -> Result<usize, EditError> {
    let Value::InlineTable(table) = value else {
        return Ok(spanned(value.span())?.end);
    };
    if !table.is_dotted() {
        return Ok(spanned(table.span())?.end);
    }
    let mut end = 0;
    for (_, value) in table.iter() {
        end = end.max(end_of(value)?);
    }
    Ok(end)
}

fn is_dotted(value: &Value) -> bool {
    matches!(value, Value::InlineTable(table) if table.is_dotted())
}

/// A place in the text, which all that was read from it has.
fn spanned(span: Option<Range<usize>>) -> Result<Range<usize>, EditError> {
    span.ok_or_else(|| EditError::Form {
        reason: "a part of it has no place in the text".to_owned(),
    })
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the next line begins.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// The blanks that the line at `at` begins with.
pub(super) fn indentation(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..line_end(text, at)];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
