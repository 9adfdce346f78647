//! The facts in `tests/vectors`, recorded from the reference, against the real code.
//!
//! `constraints.json`, `requirements.json` and `git_urls.json` were recorded from poetry-core 2.5.0;
//! `pep440_*.json` and `names.json` from packaging 26.3. What packaging says about specifiers and requirement lines,
//! from which Poetry differs here and there by design, is in `specifier_vectors.rs`.
#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::path::Path;

use resolver::constraint::Constraint;
use resolver::git_url::GitUrl;
use resolver::name::{PackageName, normalize};
use resolver::requirement::{Origin, Requirement};
use resolver::version::Version;
use serde_json::{Value, json};

/// Runs every entry of a vector file through `check`, which returns what it got and what was expected.
fn run(file: &str, mut check: impl FnMut(&Value) -> (Value, Value)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/vectors")
        .join(file);
    let entries: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(!entries.is_empty());
    let mut mismatches = Vec::new();
    for entry in &entries {
        let (got, expected) = check(entry);
        if got != expected {
            let input = entry.get("input").unwrap_or(entry);
            mismatches.push(format!(
                "input    {input}\nexpected {expected}\ngot      {got}\n"
            ));
        }
    }
    assert!(
        mismatches.is_empty(),
        "{} of {} entries of {file} differ:\n{}",
        mismatches.len(),
        entries.len(),
        mismatches[..mismatches.len().min(10)].join("\n"),
    );
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Of a failure only that it fails matters.
fn failure_or(expected: &Value) -> Value {
    if expected.get("error").is_some() {
        json!("error")
    } else {
        expected.clone()
    }
}

#[test]
fn constraints() {
    run("constraints.json", |entry| {
        let (input, expected) = (&entry["input"], &entry["expected"]);
        (constraint_case(input), failure_or(expected))
    });
}

fn constraint_case(input: &Value) -> Value {
    let plain = |key: &str| Constraint::parse(text(&input[key]));
    let marker = |key: &str| Constraint::parse_marker_version(text(&input[key]));
    match text(&input["op"]) {
        "parse" => plain("s").map_or_else(|_| json!("error"), |parsed| facts(&parsed)),
        "parse_marker_version" => marker("s").map_or_else(|_| json!("error"), |c| printed(&c)),
        "parse_platform_release" => Constraint::parse_platform_release(text(&input["s"]))
            .map_or_else(|_| json!("error"), |parsed| printed(&parsed)),
        "pair" => pair(&plain("a").unwrap(), &plain("b").unwrap()),
        "pair_marker_version" => pair(&marker("a").unwrap(), &marker("b").unwrap()),
        "allows" => allows(&plain("constraint").unwrap(), &input["versions"]),
        "version" => text(&input["s"])
            .parse()
            .map_or_else(|_| json!("error"), |version| version_facts(&version)),
        "sort_versions" => sorted(&input["versions"]),
        "format_python_constraint" => json!(marker("s").unwrap().format_python()),
        other => panic!("unknown operation {other}"),
    }
}

fn facts(constraint: &Constraint) -> Value {
    json!({
        "str": constraint.to_string(),
        "struct": structure(constraint),
        "is_any": constraint.is_any(),
        "is_empty": constraint.is_empty(),
        "is_simple": constraint.is_simple(),
        "has_upper_bound": constraint.has_upper_bound(),
    })
}

fn printed(constraint: &Constraint) -> Value {
    json!({"str": constraint.to_string(), "struct": structure(constraint)})
}

/// The stored bounds, which the printed form hides in part.
fn structure(constraint: &Constraint) -> Value {
    match constraint {
        Constraint::Empty => json!({"empty": true}),
        Constraint::Version(version) => json!({"version": version.as_str()}),
        Constraint::Range(range) => json!({
            "min": range.min().map(Version::as_str),
            "max": range.max().map(Version::as_str),
            "include_min": range.include_min(),
            "include_max": range.include_max(),
        }),
        Constraint::Union(union) => {
            json!({"union": union.pieces().iter().map(structure).collect::<Vec<_>>()})
        }
    }
}

fn pair(a: &Constraint, b: &Constraint) -> Value {
    json!({
        "intersect": a.intersect(b).to_string(),
        "union": a.union(b).to_string(),
        "difference": a.difference(b).to_string(),
        "allows_all": a.allows_all(b),
        "allows_any": a.allows_any(b),
        "eq": a == b,
    })
}

fn allows(constraint: &Constraint, versions: &Value) -> Value {
    let versions = versions.as_array().unwrap().iter();
    versions
        .map(|version| json!(constraint.allows(&text(version).parse().unwrap())))
        .collect()
}

/// The given versions as they print, in order.
fn sorted(given: &Value) -> Value {
    let given = given.as_array().unwrap().iter();
    let mut versions: Vec<Version> = given
        .map(|version| text(version).parse().unwrap())
        .collect();
    versions.sort();
    versions
        .iter()
        .map(|version| json!(version.as_str()))
        .collect()
}

fn version_facts(version: &Version) -> Value {
    json!({
        "text": version.as_str(),
        "stable": version.stable().as_str(),
        "precision": version.precision(),
        "first_devrelease": version.first_devrelease().as_str(),
        "next_major": version.next_major().as_str(),
        "next_minor": version.next_minor().as_str(),
        "next_patch": version.next_patch().as_str(),
        "next_breaking": version.next_breaking().as_str(),
        "next_stable": version.next_stable().as_str(),
        "is_prerelease": version.has_pre(),
        "is_postrelease": version.is_postrelease(),
        "is_devrelease": version.is_devrelease(),
        "is_unstable": version.is_unstable(),
        "is_local": version.is_local(),
    })
}

#[test]
fn pep440_versions() {
    run("pep440_versions.json", |entry| {
        // Poetry takes capitals in `RC`, `Post` and so on for other words (see `constraints.json`).
        let given = text(&entry["in"]).to_lowercase();
        let Ok(version) = given.parse::<Version>() else {
            return (json!(false), entry["ok"].clone());
        };
        let release: Vec<String> = version.release().iter().map(ToString::to_string).collect();
        let same = |text: &Value| {
            text.as_str()
                .map(|text| text.parse().as_ref() == Ok(&version))
        };
        let got = json!({
            "ok": true,
            "public": version.public().as_str(),
            "epoch": version.epoch().to_u64(),
            "release": release,
            "is_pre": version.is_prerelease(),
            "is_post": version.is_postrelease(),
            "is_dev": version.is_devrelease(),
            "has_local": version.is_local(),
            // packaging drops leading zeros of local segments, Poetry prints them.
            "str": same(&entry["str"]),
            "canonical": same(&entry["canonical"]),
        });
        let expected = json!({
            "ok": entry["ok"],
            "public": entry["public"],
            "epoch": entry["epoch"],
            "release": entry["release"],
            "is_pre": entry["is_pre"],
            "is_post": entry["is_post"],
            "is_dev": entry["is_dev"],
            "has_local": !entry["local"].is_null(),
            "str": true,
            "canonical": true,
        });
        (got, expected)
    });
}

#[test]
fn pep440_order() {
    let mut before: Option<Version> = None;
    run("pep440_order.json", |entry| {
        let version: Version = text(entry).parse().unwrap();
        let ascends = before.as_ref().is_none_or(|before| *before < version);
        before = Some(version);
        (json!(ascends), json!(true))
    });
}

#[test]
fn pep440_compare() {
    run("pep440_compare.json", |entry| {
        let a: Version = text(&entry["a"]).parse().unwrap();
        let b: Version = text(&entry["b"]).parse().unwrap();
        assert_eq!(a == b, a.cmp(&b).is_eq());
        (json!(a.cmp(&b) as i8), entry["cmp"].clone())
    });
}

#[test]
fn names() {
    run("names.json", |entry| {
        let name = text(&entry["in"]);
        let got = json!([normalize(name), PackageName::new(name).as_str()]);
        (got, json!([entry["norm"], entry["norm"]]))
    });
}

#[test]
fn requirements() {
    run("requirements.json", |entry| {
        let got = Requirement::parse(text(&entry["input"]), None).map_or_else(
            |_| json!("error"),
            |requirement| requirement_facts(&requirement),
        );
        (got, failure_or(&entry["expected"]))
    });
}

fn requirement_facts(requirement: &Requirement) -> Value {
    let mut facts = json!({
        "activated": !requirement.optional,
        "complete_name": requirement.complete_name(),
        "constraint": requirement.constraint.to_string(),
        "extras": requirement.extras,
        "in_extras": requirement.in_extras,
        "marker": requirement.marker.to_string(),
        "marker_is_any": requirement.marker.is_any(),
        "name": requirement.name,
        "optional": requirement.optional,
        "pep508": requirement.to_pep508(true),
        "pep508_without_extras": requirement.to_pep508(false),
        "pretty_constraint": requirement.shown_constraint(),
        "pretty_name": requirement.pretty_name,
        "python_constraint": requirement.python_constraint().to_string(),
        "python_versions": requirement.python_versions(),
        "str": requirement.describe(),
    });
    if let Some(source) = source(&requirement.origin) {
        facts["source"] = source;
    }
    facts
}

fn source(origin: &Origin) -> Option<Value> {
    let (kind, url, subdirectory) = match origin {
        Origin::Index { .. } => return None,
        Origin::Directory { .. } => ("directory", None, &None),
        Origin::File { subdirectory, .. } => ("file", None, subdirectory),
        Origin::Url { url, subdirectory } => ("url", Some(url.clone()), subdirectory),
        Origin::Git {
            url, subdirectory, ..
        } => ("git", Some(url.clone()), subdirectory),
    };
    let path = || origin.full_path().unwrap().display().to_string();
    let mut source = json!({"type": kind, "url": url.unwrap_or_else(path)});
    if let Some(subdirectory) = subdirectory {
        source["subdirectory"] = json!(subdirectory);
    }
    if kind == "git" {
        source["reference"] = json!(origin.git_reference().unwrap_or("HEAD"));
    }
    Some(source)
}

#[test]
fn git_urls() {
    run("git_urls.json", |entry| {
        let Ok(url) = GitUrl::parse(text(&entry["input"])) else {
            return (json!("error"), failure_or(&entry["expected"]));
        };
        let requirement = Requirement {
            origin: Origin::Git {
                url: url.address(),
                branch: None,
                tag: None,
                rev: None,
                commit: None,
                subdirectory: None,
                develop: false,
            },
            ..Requirement::new("x", Constraint::any())
        };
        let got = json!({
            "protocol": url.protocol,
            "url": url.address(),
            "source_url": url.address(),
            "rev": url.rev,
            "subdirectory": url.subdirectory,
            "pep508": requirement.to_pep508(true),
        });
        let mut expected = entry["expected"].clone();
        // The last part of the path, which nobody asks for.
        expected.as_object_mut().unwrap().remove("name");
        (got, expected)
    });
}
