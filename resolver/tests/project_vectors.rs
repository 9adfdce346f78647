//! Projects as recorded from the reference: groups, requirements, extras, sources, warnings and errors.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use resolver::dist::Priority;
use resolver::name::ExtraName;
use resolver::project::{Project, ProjectError};
use resolver::requirement::{Origin, Requirement};
use serde_json::{Map, Value, json};

const VECTORS: &str = include_str!("../../tests/vectors/projects.json");

#[test]
fn projects_as_recorded() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let mut differences = Vec::new();
    for vector in &vectors {
        let name = vector["name"].as_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        let root = top.join("project");
        write(
            &root.join("pyproject.toml"),
            vector["pyproject"].as_str().unwrap(),
        );
        write(
            &top.join("libs/lib/pyproject.toml"),
            "[project]\nname = \"x\"\nversion = \"1\"\n",
        );
        write(&top.join("libs/wheel-1.0-py3-none-any.whl"), "");

        let actual = match Project::read(&root) {
            Ok(project) => printed(&project),
            Err(error) => json!({ "error": error_text(&error) }),
        };
        let actual: Value =
            serde_json::from_str(&actual.to_string().replace(top.to_str().unwrap(), "[top]"))
                .unwrap();
        let expected = known_difference(name).unwrap_or_else(|| vector["expected"].clone());
        if actual != expected {
            differences.push(format!(
                "{name}:\n  expected {expected}\n  actual   {actual}"
            ));
        }
    }
    let count = differences.len();
    assert!(count == 0, "{count} differ:\n{}", differences.join("\n"));
}

/// Errors whose wording is ours: the recorded one is a Python exception or a parser's dump.
fn known_difference(name: &str) -> Option<Value> {
    match name {
        "date" => Some(json!({
            "error": "`group.a b.x` is a date or time, which has no place among dependencies"
        })),
        "invalid-marker" => Some(json!({ "error": "invalid environment marker: `foo == 1`" })),
        _ => None,
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn error_text(error: &ProjectError) -> String {
    error.to_string()
}

fn printed(project: &Project) -> Value {
    let groups: Vec<Value> = (project.groups.iter())
        .map(|group| {
            let requirements: Vec<Value> = group.requirements.iter().map(requirement).collect();
            json!({
                "name": group.name.as_str(),
                "optional": group.optional,
                "requirements": requirements,
            })
        })
        .collect();
    let published: Vec<Value> = (project.published_requirements.iter())
        .map(requirement)
        .collect();
    let sources: Vec<Value> = (project.sources.iter())
        .map(|source| {
            let priority = match source.priority {
                Priority::Primary => "primary",
                Priority::Supplemental => "supplemental",
                Priority::Explicit => "explicit",
            };
            json!([source.name, source.address(), priority])
        })
        .collect();
    let extras: Map<String, Value> = (project.extras.iter())
        .map(|(extra, names)| (extra.to_string(), json!(names)))
        .collect();
    json!({
        "description": project.description,
        "python_versions": project.python_versions,
        "python_constraint": project.python_constraint.to_string(),
        "groups": groups,
        "published": published,
        "extras": extras,
        "sources": sources,
        "warnings": project.warnings,
    })
}

fn requirement(requirement: &Requirement) -> Value {
    let names = |names: &[ExtraName]| {
        let names: Vec<&str> = names.iter().map(ExtraName::as_str).collect();
        json!(names)
    };
    let mut printed = json!({
        "name": requirement.pretty_name,
        "constraint": requirement.constraint.to_string(),
        "pretty": requirement.pretty_constraint,
        "groups": (requirement.groups.iter()).map(|group| group.as_str()).collect::<Vec<_>>(),
        "origin": origin(&requirement.origin),
    });
    if !requirement.marker.is_any() {
        printed["marker"] = json!(requirement.marker.to_string());
    }
    if !requirement.extras.is_empty() {
        printed["extras"] = names(&requirement.extras);
    }
    if !requirement.in_extras.is_empty() {
        printed["in_extras"] = names(&requirement.in_extras);
    }
    if requirement.optional {
        printed["optional"] = json!(true);
    }
    if let Some(allowed) = requirement.allows_prereleases {
        printed["prereleases"] = json!(allowed);
    }
    printed
}

fn origin(origin: &Origin) -> Value {
    let (mut printed, subdirectory) = match origin {
        Origin::Index { source: None } => (json!({ "kind": "index" }), &None),
        Origin::Index { source } => (json!({ "kind": "index", "source": source }), &None),
        Origin::Directory { path, develop, .. } => (
            json!({ "kind": "directory", "path": path, "develop": develop }),
            &None,
        ),
        Origin::File {
            path, subdirectory, ..
        } => (json!({ "kind": "file", "path": path }), subdirectory),
        Origin::Url { url, subdirectory } => (json!({ "kind": "url", "url": url }), subdirectory),
        Origin::Git {
            url,
            branch,
            tag,
            rev,
            subdirectory,
            develop,
            ..
        } => (
            json!({
                "kind": "git", "url": url, "branch": branch, "tag": tag, "rev": rev, "develop": develop
            }),
            subdirectory,
        ),
    };
    if let Some(subdirectory) = subdirectory {
        printed["subdirectory"] = json!(subdirectory);
    }
    printed
}
