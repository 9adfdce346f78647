//! Shapes of TOML values, and the first fault of a value against its shape.
//!
//! Poetry checks pyproject.toml against JSON schemas and shows the first fault of each. A shape is such a schema in
//! the few words that are needed; the texts are those users know from Poetry.

use toml::{Table, Value};

/// What a value must look like.
pub(super) enum Shape {
    /// Whatever.
    Anything,
    /// A string.
    Text,
    /// A string that a rule accepts; `must` completes "`<key>` must …".
    TextThat {
        accepts: fn(&str) -> bool,
        must: &'static str,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// An array.
    List { at_least: usize, of: &'static Self },
    /// A table.
    Record(Record),
    /// Exactly one of these.
    OneOf(&'static [&'static Self]),
    /// One of these, or more.
    AnyOf(&'static [&'static Self]),
    /// All of these.
    AllOf(&'static [&'static Self]),
}

/// The keys of a table.
pub(super) struct Record {
    /// Keys that must be there.
    pub(super) required: &'static [&'static str],
    /// Keys with a shape of their own, in the order they are checked.
    pub(super) keys: &'static [(&'static str, &'static Shape)],
    /// The other keys.
    pub(super) others: Others,
}

/// What holds for the keys of a table that are not listed.
pub(super) enum Others {
    /// They may be there.
    Free,
    /// They must not be there.
    Refused,
    /// Those whose name a rule accepts have this shape, the rest is free.
    Named(fn(&str) -> bool, &'static Shape),
    /// All have this shape.
    All(&'static Shape),
}

impl Shape {
    /// The first fault of `value`, which the texts call `path`.
    pub(super) fn first_fault(&self, value: &Value, path: &str) -> Option<String> {
        match self {
            Self::Anything => None,
            Self::Text => fault_unless(value.is_str(), path, "must be string"),
            Self::TextThat { accepts, must } => match value.as_str() {
                None => Some(format!("{path} must be string")),
                Some(text) => fault_unless(accepts(text), path, must),
            },
            Self::Word(words) => {
                let known = value.as_str().is_some_and(|word| words.contains(&word));
                fault_unless(
                    known,
                    path,
                    &format!("must be one of {}", python_list(words)),
                )
            }
            Self::Flag => fault_unless(value.is_bool(), path, "must be boolean"),
            Self::List { at_least, of } => match value.as_array() {
                None => Some(format!("{path} must be array")),
                Some(items) if items.len() < *at_least => {
                    Some(format!("{path} must contain at least {at_least} items"))
                }
                Some(items) => (items.iter().enumerate())
                    .find_map(|(i, item)| of.first_fault(item, &format!("{path}[{i}]"))),
            },
            Self::Record(record) => match value.as_table() {
                None => Some(format!("{path} must be object")),
                Some(table) => record.first_fault(table, path),
            },
            Self::OneOf(shapes) => match count_matches(shapes, value, path) {
                1 => None,
                count => Some(format!(
                    "{path} must be valid exactly by one definition ({count} matches found)"
                )),
            },
            Self::AnyOf(shapes) => fault_unless(
                count_matches(shapes, value, path) > 0,
                path,
                "cannot be validated by any definition",
            ),
            Self::AllOf(shapes) => shapes
                .iter()
                .find_map(|shape| shape.first_fault(value, path)),
        }
    }
}

impl Record {
    /// The first fault of `table`, which the texts call `path`.
    pub(super) fn first_fault(&self, table: &Table, path: &str) -> Option<String> {
        let missing: Vec<&str> = (self.required.iter().copied())
            .filter(|key| !table.contains_key(*key))
            .collect();
        if !missing.is_empty() {
            let missing = python_list(&missing);
            return Some(format!("{path} must contain {missing} properties"));
        }
        self.fault_in_known(table, path)
            .or_else(|| self.fault_in_others(table, path))
    }

    fn fault_in_known(&self, table: &Table, path: &str) -> Option<String> {
        self.keys.iter().find_map(|(key, shape)| {
            let value = table.get(*key)?;
            shape.first_fault(value, &format!("{path}.{key}"))
        })
    }

    fn fault_in_others(&self, table: &Table, path: &str) -> Option<String> {
        let mut others = (table.iter()).filter(|(key, _)| !self.keys.iter().any(|(k, _)| k == key));
        match &self.others {
            Others::Free => None,
            Others::Refused => {
                let names: Vec<&str> = others.map(|(key, _)| key.as_str()).collect();
                let inner = python_list(&names);
                let inner = inner.trim_start_matches('[').trim_end_matches(']');
                (!names.is_empty())
                    .then(|| format!("{path} must not contain {{{inner}}} properties"))
            }
            Others::Named(accepts, shape) => others
                .filter(|(key, _)| accepts(key))
                .find_map(|(key, value)| shape.first_fault(value, &format!("{path}.{key}"))),
            Others::All(shape) => {
                others.find_map(|(key, value)| shape.first_fault(value, &format!("{path}.{key}")))
            }
        }
    }
}

fn fault_unless(holds: bool, path: &str, must: &str) -> Option<String> {
    (!holds).then(|| format!("{path} {must}"))
}

fn count_matches(shapes: &[&Shape], value: &Value, path: &str) -> usize {
    (shapes.iter())
        .filter(|shape| shape.first_fault(value, path).is_none())
        .count()
}

/// Poetry: lists in texts look as Python prints them.
pub(super) fn python_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| python_text(word)).collect();
    format!("[{}]", quoted.join(", "))
}

/// Poetry: so do texts in them.
pub(super) fn python_text(text: &str) -> String {
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            c if c == quote => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\x{:02x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}
