//! Edits of pyproject.toml as recorded from the reference: the same text, byte by byte.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use resolver::dist::{Priority, Source};
use resolver::project::edit::{Destination, EditError, Entry, Manifest};
use serde_json::Value;

const VECTORS: &str = include_str!("../../tests/vectors/edits.json");

#[test]
fn edits_as_recorded() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut differences = Vec::new();
    for case in vectors["cases"].as_array().unwrap() {
        let (base, line) = (
            case["base"].as_str().unwrap(),
            case["line"].as_str().unwrap(),
        );
        let before = vectors["bases"][base].as_str().unwrap();
        let actual = match edit(before, &case["op"]) {
            Ok(Ok(after)) => after,
            Ok(Err(missing)) => format!("not found: {missing}"),
            Err(error) => format!("error: {error}"),
        };
        let expected = match case["missing"].as_array() {
            Some(missing) => {
                let missing: Vec<&str> =
                    missing.iter().map(|name| name.as_str().unwrap()).collect();
                format!("not found: {}", missing.join(", "))
            }
            None => case["after"].as_str().unwrap_or(before).to_owned(),
        };
        let differs = actual != expected;
        if differs != is_known_to_differ(base, line) {
            differences.push(format!(
                "{base}: {line}\n--- expected\n{expected}\n--- actual\n{actual}"
            ));
        }
    }
    let count = differences.len();
    assert!(
        count == 0,
        "{count} differ or no longer do:\n{}",
        differences.join("\n")
    );
}

/// The text after an edit, or the names that were not found.
fn edit(before: &str, operation: &Value) -> Result<Result<String, String>, EditError> {
    let mut manifest = Manifest::parse(before, Path::new("/nowhere"))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(add) = operation.get("add") {
        let (group, extra) = (text(&add["group"]).unwrap(), text(&add["extra"]));
        let destination = Destination {
            group: &group,
            extra: extra.as_deref(),
        };
        for package in add["packages"].as_array().unwrap() {
            let entry: Entry = serde_json::from_value(package[1].clone()).unwrap();
            manifest.add(destination, package[0].as_str().unwrap(), &entry)?;
        }
    } else if let Some(remove) = operation.get("remove") {
        let names: Vec<String> = serde_json::from_value(remove["names"].clone()).unwrap();
        let found = manifest.remove(&names, remove["group"].as_str())?;
        let names: BTreeSet<String> = names.into_iter().collect();
        let missing: Vec<String> = names.difference(&found).cloned().collect();
        if !missing.is_empty() {
            return Ok(Err(missing.join(", ")));
        }
    } else if let Some(version) = operation.get("version") {
        manifest.set_version(&version.as_str().unwrap().parse().unwrap())?;
    } else if let Some(source) = operation.get("source") {
        let priority = source["priority"].as_str().unwrap();
        let mut priorities = Priority::ALL.into_iter();
        manifest.set_source(&Source {
            name: text(&source["name"]).unwrap(),
            url: text(&source["url"]),
            priority: priorities.find(|one| one.as_str() == priority).unwrap(),
        })?;
    } else {
        manifest.remove_source(operation["remove-source"].as_str().unwrap())?;
    }
    Ok(Ok(manifest.text()))
}

/// Where the reference writes what nobody can want, or what is no TOML. Each with what it does.
fn is_known_to_differ(base: &str, line: &str) -> bool {
    let is = |bases: &[&str]| bases.contains(&base);
    let adds = line.starts_with("add");
    // A sentinel until the differences have been looked at.
    let _ = (is(&[]), adds);
    false
}
