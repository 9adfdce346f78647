//! Markers against facts recorded from `packaging` 26.3, as far as Poetry agrees with it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use resolver::marker::{Marker, MarkerEnvironment};
use resolver::name::ExtraName;
use serde_json::Value;

/// Parts of markers that packaging reads and Poetry does not.
const POETRY_REFUSES: [&str; 11] = [
    // Versions are compared as versions, not as text.
    "===",
    // Only `in` and `not in` may have the value on the left.
    "\"3.9\" <= python_version",
    "\"3.11\" == python_version",
    // A variable has to be compared with a value.
    "\"a\" == \"b\"",
    "'3.8' < '3.9'",
    "sys_platform == os_name",
    // Variables that are newer than Poetry's grammar.
    "extras ==",
    "in extras",
    "in dependency_groups",
    // One blank in `not in`.
    "not  in",
    // A backslash escapes a quote in the grammar, but the value is no version.
    "\"a\\\"b\"",
];

/// Parts of markers that Poetry evaluates in another way.
const POETRY_DIFFERS: [&str; 3] = [
    // Compared as text, and with `==` and `in` only.
    "implementation_version >=",
    // The members of the list, one of which must be an active extra. To packaging no extra is the
    // empty text, which is a part of every text.
    "extra in",
    // 3.13.0rc2 counts.
    "python_full_version < \"3.13\"",
];

fn read(file: &str) -> Value {
    let path = format!(
        "{}/../tests/vectors/packaging/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn mentions(parts: &[&str], marker: &str) -> bool {
    parts.iter().any(|part| marker.contains(part))
}

#[test]
fn the_same_texts_are_markers() {
    let recorded = read("marker_parse.json");
    for case in recorded["cases"].as_array().unwrap() {
        let text = case["marker"].as_str().unwrap();
        // Poetry: no text is the marker that always holds.
        let is_marker =
            text.is_empty() || case["ok"].as_bool().unwrap() && !mentions(&POETRY_REFUSES, text);
        assert_eq!(Marker::parse(text).is_ok(), is_marker, "{text}");
    }
}

#[test]
fn markers_hold_in_the_same_environments() {
    let recorded = read("marker_evaluate.json");
    let mut compared = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let text = case["marker"].as_str().unwrap();
        if mentions(&POETRY_REFUSES, text) || mentions(&POETRY_DIFFERS, text) {
            continue;
        }
        let name = case["env"].as_str().unwrap();
        let environment: MarkerEnvironment =
            serde_json::from_value(recorded["envs"][name].clone()).unwrap();
        let extra = case["extra"].as_str().unwrap();
        let extras: Vec<ExtraName> = (!extra.is_empty())
            .then(|| extra.into())
            .into_iter()
            .collect();
        let holds = Marker::parse(text)
            .unwrap()
            .holds(Some(&environment), Some(&extras));
        assert_eq!(holds, case["value"].as_bool().unwrap(), "{case}");
        compared += 1;
    }
    assert!(compared > 350, "only {compared} facts were compared");
}
