//! TOML documents and short ways into them.

use std::borrow::Cow;

use toml::{Table, Value};

use super::toml_quick;

/// Why a text is no TOML. It quotes nothing of the text, which may hold secrets.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason} at line {line} col {column}")]
pub struct TomlFault {
    /// What is wrong.
    pub reason: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Is it a merge of git that nobody has finished?
    pub is_conflict: bool,
}

/// The words for a file that holds both sides of a merge.
const CONFLICT: &str = "git's conflict markers begin";

/// Parses a document. Line ends of Windows count as plain ones, also inside of strings, as in Python's parser.
///
/// # Errors
/// When it is no TOML.
pub fn parse_toml(text: &str) -> Result<Table, TomlFault> {
    let text = if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    };
    if let Some(document) = toml_quick::read(&text) {
        return Ok(document);
    }
    text.parse::<Table>().map_err(|error| {
        if let Some(line) = conflict_marker(&text) {
            return TomlFault {
                reason: CONFLICT.to_owned(),
                line: line + 1,
                column: 1,
                is_conflict: true,
            };
        }
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..at).unwrap_or_default();
        TomlFault {
            reason: error.message().to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            is_conflict: false,
        }
    })
}

/// The line, from 0, at which git has written the first of two sides that it could not merge.
fn conflict_marker(text: &str) -> Option<usize> {
    let begin = text.lines().position(|line| line.starts_with("<<<<<<< "))?;
    let mut rest = text.lines().skip(begin);
    rest.any(|line| line.starts_with(">>>>>>> "))
        .then_some(begin)
}

/// The value at a path of keys.
pub(crate) fn value_at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (last, parents) = path.split_last()?;
    table_at(table, parents)?.get(*last)
}

/// The table at a path of keys; the table itself for the empty path.
pub(crate) fn table_at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Table> {
    path.iter()
        .try_fold(table, |table, key| table.get(*key)?.as_table())
}

/// The string at a path of keys.
pub(crate) fn text_at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a str> {
    value_at(table, path)?.as_str()
}

/// The strings of the array at a path of keys; others in it are passed over.
pub(crate) fn texts_at(table: &Table, path: &[&str]) -> Vec<String> {
    (value_at(table, path)
        .and_then(Value::as_array)
        .into_iter()
        .flatten())
    .filter_map(|item| item.as_str().map(str::to_owned))
    .collect()
}
