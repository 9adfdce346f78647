//! The content hash: what of a pyproject.toml a lock file was made from.
//!
//! It is the SHA-256 of a JSON text with the relevant tables, in the form of Python's `json.dumps(…, sort_keys=True)`.

use std::collections::BTreeMap;
use std::fmt::Write;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::project::ProjectError;
use crate::project::toml_path::table_at;

/// Does `[dependency-groups]` count?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DependencyGroups {
    /// As since Poetry 2.3.0.
    Included,
    /// Poetry: before 2.3.0 the hash did not know of `[dependency-groups]`.
    Ignored,
}

const PROJECT_KEYS: [&str; 3] = ["requires-python", "dependencies", "optional-dependencies"];
const LEGACY_KEYS: [&str; 4] = ["dependencies", "source", "extras", "dev-dependencies"];

/// The content hash of a pyproject.toml.
pub(crate) fn content_hash(document: &Table, groups: DependencyGroups) -> String {
    let json = canonical_json(document, groups);
    HEXLOWER.encode(&Sha256::digest(json.as_bytes()))
}

/// Poetry: a date in a hashed table can't be turned to JSON, and no command works.
///
/// # Errors
/// When there is one.
pub(crate) fn check(document: &Table) -> Result<(), ProjectError> {
    let date = first_date(&relevant(document, DependencyGroups::Included), "");
    date.map_or(Ok(()), |key| Err(ProjectError::Date { key }))
}

/// The text that is hashed.
pub(crate) fn canonical_json(document: &Table, groups: DependencyGroups) -> String {
    let mut text = String::new();
    write_json(&relevant(document, groups), &mut text);
    text
}

/// A JSON value that borrows from the document.
enum Json<'a> {
    Null,
    Toml(&'a Value),
    Object(BTreeMap<&'a str, Self>),
}

/// Poetry: if `[project]` and `[dependency-groups]` have nothing to say, the tables of `[tool.poetry]` stand at the top
/// and missing ones are `null`, as in the times before PEP 621.
fn relevant(document: &Table, groups: DependencyGroups) -> Json<'_> {
    let project: BTreeMap<&str, Json> = (table_at(document, &["project"]).into_iter())
        .flat_map(|project| PROJECT_KEYS.map(|key| (key, project.get(key))))
        .filter_map(|(key, value)| Some((key, Json::Toml(value?))))
        .collect();
    let dependency_groups = document
        .get("dependency-groups")
        .filter(|_| groups == DependencyGroups::Included)
        .filter(|value| value.as_table().is_none_or(|table| !table.is_empty()));
    let is_legacy = project.is_empty() && dependency_groups.is_none();

    let tool_poetry = table_at(document, &["tool", "poetry"]);
    let mut poetry = BTreeMap::new();
    for key in LEGACY_KEYS.into_iter().chain(["group"]) {
        match tool_poetry.and_then(|table| table.get(key)) {
            Some(value) => poetry.insert(key, Json::Toml(value)),
            None if is_legacy && key != "group" => poetry.insert(key, Json::Null),
            None => None,
        };
    }
    if is_legacy {
        return Json::Object(poetry);
    }
    let mut all = BTreeMap::new();
    if !project.is_empty() {
        all.insert("project", Json::Object(project));
    }
    if let Some(value) = dependency_groups {
        all.insert("dependency-groups", Json::Toml(value));
    }
    all.insert(
        "tool",
        Json::Object(BTreeMap::from([("poetry", Json::Object(poetry))])),
    );
    Json::Object(all)
}

fn write_json(json: &Json, out: &mut String) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Toml(value) => write_value(value, out),
        Json::Object(members) => {
            write_object(members.iter().map(|(k, v)| (*k, v)), out, write_json);
        }
    }
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => write_string(text, out),
        Value::Integer(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&python_float(*number)),
        Value::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        // Not reached from a project: `check` refuses it.
        Value::Datetime(date) => write_string(&date.to_string(), out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Table(table) => {
            let sorted: BTreeMap<&str, &Value> =
                table.iter().map(|(k, v)| (k.as_str(), v)).collect();
            write_object(sorted.into_iter(), out, write_value);
        }
    }
}

fn write_object<'a, V>(
    members: impl Iterator<Item = (&'a str, V)>,
    out: &mut String,
    write: impl Fn(V, &mut String),
) {
    out.push('{');
    for (i, (key, value)) in members.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_string(key, out);
        out.push_str(": ");
        write(value, out);
    }
    out.push('}');
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes all that is written");
                }
            }
        }
    }
    out.push('"');
}

/// The number as Python's `repr` prints it: the shortest digits, with an exponent below 1e-4 and from 1e16.
fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific
        .split_once('e')
        .expect("the form has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = number.to_string();
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

fn first_date(json: &Json, at: &str) -> Option<String> {
    match json {
        Json::Null => None,
        Json::Toml(value) => first_date_in(value, at),
        Json::Object(members) => {
            (members.iter()).find_map(|(key, value)| first_date(value, &join(at, key)))
        }
    }
}

fn first_date_in(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::Datetime(_) => Some(at.to_owned()),
        Value::Array(items) => items.iter().find_map(|item| first_date_in(item, at)),
        Value::Table(table) => {
            (table.iter()).find_map(|(key, value)| first_date_in(value, &join(at, key)))
        }
        _ => None,
    }
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::{DependencyGroups, canonical_json, check, content_hash, python_float};

    use crate::project::toml_path::parse_toml;

    const VECTORS: &str = include_str!("../../../tests/vectors/content_hash.json");

    #[test]
    fn hashes_as_recorded() {
        let vectors: Vec<serde_json::Value> = serde_json::from_str(VECTORS).unwrap();
        assert_eq!(vectors.len(), 48);
        for vector in vectors {
            let name = &vector["input"]["name"];
            let document = parse_toml(vector["input"]["pyproject"].as_str().unwrap()).unwrap();
            let expected = &vector["expected"];
            if !expected["error"].is_null() {
                assert!(check(&document).is_err(), "{name}");
                continue;
            }
            check(&document).unwrap();
            let json = canonical_json(&document, DependencyGroups::Included);
            assert_eq!(json, expected["json"].as_str().unwrap(), "{name}");
            for (groups, key) in [
                (DependencyGroups::Included, "content_hash"),
                (DependencyGroups::Ignored, "content_hash_before_2_3"),
            ] {
                let hash = content_hash(&document, groups);
                assert_eq!(hash, expected[key].as_str().unwrap(), "{name}: {key}");
            }
        }
    }

    #[test]
    fn floats_look_as_in_python() {
        for (number, text) in [
            (1.0, "1.0"),
            (1e22, "1e+22"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(python_float(number), text);
        }
    }
}
