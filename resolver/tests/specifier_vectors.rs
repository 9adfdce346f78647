//! PEP 440 specifiers and PEP 508 requirement lines: facts recorded from `packaging`, and where Poetry parts from them.

#![expect(clippy::unwrap_used, reason = "this is a test")]

use itertools::Itertools;
use resolver::constraint::Constraint;
use resolver::name::{ExtraName, normalize};
use resolver::requirement::Requirement;
use resolver::version::Version;
use serde_json::Value;

fn cases(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap();
    document["cases"].as_array().unwrap().clone()
}

/// Poetry: `===` compares texts, which it refuses everywhere, and no text at all is no constraint.
fn is_refused(spec: &str) -> bool {
    spec.is_empty() || spec.contains("===")
}

/// Poetry: leaving one local version out of a range cuts the range, and the upper part begins after the
/// post-releases.
const CUT: (&str, &str) = (">=1,<1.0.1,!=1.0+local", "1.0.post1");

/// Poetry reads these too; PEP 440 does not.
const READ: &[&str] = &[
    "<1.0+local",
    "<=1.0+local",
    ">1.0+local",
    ">=1.0+local",
    "~=0",
    "~=1",
    "~=2",
    "~=1.0+local",
    "==2.0.0rc1.*",
    "==1.0.post1.*",
    "!=2.0.0rc1.*",
    "!=1.0.post1.*",
    "1.0",
    "=1.0",
    "~1.0",
    ">=1.*",
    "<1.0.*",
    "<=1.0+x",
    "~=1.0+x",
    "==1.0.dev1.*",
    "==1.0.0.dev0.*",
    "==1.0 1.1",
    "==1.0||2",
    "^1.0",
    "1.0.*",
    ">=3.6.*",
    "!=1.0.a1.*",
    "==1.0a1.*",
];

/// Poetry: an empty part of a list of specifiers is an error.
const WITH_GAPS: &[&str] = &[">=1,,<2", ",>=1"];

#[test]
fn versions_in_specifiers() {
    for case in cases(include_str!(
        "../../tests/vectors/packaging/specifier_contains.json"
    )) {
        let spec = case["spec"].as_str().unwrap();
        let constraint = Constraint::parse(spec);
        assert_eq!(constraint.is_err(), is_refused(spec), "{spec}");
        let Ok(constraint) = constraint else { continue };
        let text = case["v"].as_str().unwrap();
        let version: Version = text.parse().unwrap();
        // Whether pre-releases are wanted is another question, asked when one is chosen.
        let is_in = case["in_pre"].as_bool().unwrap();
        let expected = is_in != ((spec, text) == CUT);
        assert_eq!(constraint.allows(&version), expected, "{text} in {spec}");
    }
}

#[test]
fn specifiers() {
    for case in cases(include_str!(
        "../../tests/vectors/packaging/specifier_parse.json"
    )) {
        let spec = case["spec"].as_str().unwrap();
        let is_valid = case["ok"].as_bool().unwrap();
        let expected =
            READ.contains(&spec) || (is_valid && !is_refused(spec) && !WITH_GAPS.contains(&spec));
        assert_eq!(Constraint::parse(spec).is_ok(), expected, "{spec}");
    }
}

/// Lines that Poetry reads, and `packaging` does not.
const READ_LINES: &[&str] = &[
    "a~=1",
    "a>1.*",
    "a (>=1.0.*)",
    "a>=1.0.*",
    "a-",
    "a>=1 #c",
    "a\n",
];

/// Lines that Poetry refuses, and `packaging` does not.
///
/// Poetry: what a URL leads to must have the name of a wheel if it ends like one.
const REFUSED_LINES: &[&str] = &[
    "a ()",
    "a>=1,",
    "a===x",
    "a >= 1.0 , ",
    "a @ https://x.org/a.whl",
    "a @ https://x.org/a.whl ; os_name=='nt'",
    "a@https://x.org/a.whl#sha256=abc",
];

#[test]
fn requirement_lines() {
    let mut wrong = Vec::new();
    for case in cases(include_str!(
        "../../tests/vectors/packaging/requirements.json"
    )) {
        let line = case["in"].as_str().unwrap();
        let is_valid = case["ok"].as_bool().unwrap();
        let expected = READ_LINES.contains(&line) || (is_valid && !REFUSED_LINES.contains(&line));
        let read = Requirement::parse(line, None);
        if read.is_ok() != expected {
            wrong.push(format!("{line:?} {expected} {read:?}"));
            continue;
        }
        let Ok(read) = read else { continue };
        if !is_valid {
            continue;
        }
        let extras: Vec<&str> = read.extras.iter().map(ExtraName::as_str).collect();
        let listed = case["extras"].as_array().unwrap().iter();
        let told: Vec<String> = listed
            .map(|extra| normalize(extra.as_str().unwrap()))
            .sorted()
            .collect();
        assert_eq!(read.pretty_name, case["name"], "{line}");
        assert_eq!(extras, told, "{line}");
    }
    assert!(wrong.is_empty(), "{} {}", wrong.len(), wrong.join("\n"));
}
