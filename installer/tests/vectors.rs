//! What the reference libraries say about entry points, scripts and RECORD, recorded.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may fail loudly; clippy only excuses the tests themselves"
)]

use installer::wheel::{RecordEntry, parse_entry_points, parse_rows, script_text, shebang};
use serde_json::Value;

fn cases(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn entry_points() {
    for case in cases(include_str!(
        "../../tests/vectors/packaging/entry_points.json"
    )) {
        let text = case["in"].as_str().unwrap();
        let found = parse_entry_points(text);
        assert_eq!(
            found.is_ok(),
            case["ok"].as_bool().unwrap(),
            "{text:?}: {found:?}"
        );
        let Ok(found) = found else {
            continue;
        };
        let found: Vec<Value> = found
            .into_iter()
            .map(|script| {
                let kind = if script.gui { "gui" } else { "console" };
                serde_json::json!([script.name, script.module, script.attribute, kind])
            })
            .collect();
        assert_eq!(Value::from(found), case["scripts"], "{text:?}");
    }
}

#[test]
fn record_lines() {
    for case in cases(include_str!(
        "../../tests/vectors/packaging/record_lines.json"
    )) {
        let line = case["in"].as_str().unwrap();
        let wanted = &case["entry"];
        let found = parse_rows(line)
            .map_err(|error| error.to_string())
            .and_then(|rows| match &rows[..] {
                [[path, hash, size]] => RecordEntry::from_fields(path, hash, size),
                other => Err(format!("{} rows", other.len())),
            });
        assert_eq!(
            found.is_ok(),
            case["ok"].as_bool().unwrap(),
            "{line:?}: {found:?}"
        );
        if let Ok(entry) = found {
            assert_eq!(entry.path, wanted["path"], "{line:?}");
            assert_eq!(serde_json::json!(entry.hash), wanted["hash"], "{line:?}");
            assert_eq!(serde_json::json!(entry.size), wanted["size"], "{line:?}");
        }
    }
}

#[test]
fn scripts() {
    for case in cases(include_str!(
        "../../tests/vectors/packaging/scripts_posix.json"
    )) {
        let text = |key: &str| case[key].as_str().unwrap();
        assert_eq!(
            script_text("/venv/bin/python", text("module"), text("attr")),
            text("text")
        );
    }
}

#[test]
fn shebangs() {
    for case in cases(include_str!("../../tests/vectors/packaging/shebangs.json")) {
        let (python, text) = (
            case["exe"].as_str().unwrap(),
            case["text"].as_str().unwrap(),
        );
        assert_eq!(script_text(python, "p", "f"), text, "{python}");
        assert!(text.starts_with(&shebang(python)), "{python}");
    }
}
