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
        if differs && !is_known_to_differ(base, line) {
            differences.push(format!(
                "{base}: {line}\n--- expected\n{expected}\n--- actual\n{actual}"
            ));
        }
    }
    let count = differences.len();
    assert!(count == 0, "{count} differ:\n{}", differences.join("\n"));
}

/// Where Poetry loses no comment, all sources are written as it writes them.
#[test]
fn edits_of_sources_as_recorded() {
    let vectors = include_str!("../../tests/vectors/sources.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 150, "{}", cases.len());
    for case in cases {
        let base = case["base"].as_str().unwrap();
        let mut text = vectors["bases"][base].as_str().unwrap().to_owned();
        for edit in case["edits"].as_array().unwrap() {
            let mut manifest = Manifest::parse(&text, Path::new("/nowhere")).unwrap();
            match edit["remove"].as_str() {
                Some(name) => manifest.remove_source(name).unwrap(),
                None => manifest.set_source(&source(edit)).unwrap(),
            }
            text = manifest.text();
        }
        assert_eq!(
            text,
            case["after"].as_str().unwrap(),
            "{base}: {}",
            case["edits"]
        );
    }
}

fn source(edit: &Value) -> Source {
    let text = |key: &str| edit[key].as_str().map(str::to_owned);
    let word = text("priority").unwrap();
    let mut all = Priority::ALL.into_iter();
    Source {
        name: text("name").unwrap(),
        url: text("url"),
        priority: all.find(|priority| priority.as_str() == word).unwrap(),
    }
}

/// Poetry loses them, and keys that are not its own.
#[test]
fn comments_about_sources_stay() {
    let one = "[[tool.poetry.source]]\nname = \"one\"\nurl = \"https://one\"\n";
    let two = "# the second\n[[tool.poetry.source]]\nname = \"two\"\nurl = \"https://two\"\n";
    let build = "# the build\n[build-system]\n";
    for text in [
        format!("{one}\n{two}\n{build}"),
        format!("{one}color = \"red\"\n\n{build}"),
        "[tool.poetry]\nsource = [\n  # first\n  {name = \"one\", url = \"https://one\"},\n]\n"
            .to_owned(),
    ] {
        let mut manifest = Manifest::parse(&text, Path::new("/nowhere")).unwrap();
        let three = Source {
            name: "three".to_owned(),
            url: Some("https://three".to_owned()),
            priority: Priority::Explicit,
        };
        manifest.set_source(&three).unwrap();
        let after = manifest.text();
        assert!(after.contains("https://three"), "{after}");
        for line in text
            .lines()
            .filter(|line| line.contains(['#', '=']) && *line != "source = [")
        {
            assert!(after.contains(line), "{line}\n{after}");
        }
    }
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
            let pairs: Vec<(String, toml::Value)> =
                serde_json::from_value(package[1].clone()).unwrap();
            let entry = Entry::from_iter(pairs);
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

/// Where we keep more of what was there than the reference does, or tidier.
fn is_known_to_differ(base: &str, line: &str) -> bool {
    let is = |bases: &[&str]| bases.contains(&base);
    let adds_section = line.contains("-G")
        || line.contains("-D")
        || line.contains("--source")
        || line.contains("--optional");
    // A comment above a header stays there; the reference puts new lines between the two, or removes it.
    let parts_comments = base == "header-comment" && !line.starts_with("version")
        || base == "comments" && adds_section && !line.contains("-D") && !line.contains("-G dev");
    // A comma at the end of the other lines of an array is wanted on a new one, too.
    let drops_comma = base == "comments" && matches!(line, "add attrs" | "add attrs zipp@^4");
    // A file without a line end gets an empty line before a new section, as any other.
    let joins_lines = base == "no-deps-no-newline" && line.starts_with(['a', 's']);
    // The reference writes a section in the midst of dotted keys, or forgets the beginning of its path.
    let breaks_dotted_keys = base == "dotted" && line.contains("--optional")
        || base == "dotted-legacy" && line.starts_with("add") && line != "add click@^9";
    // Blanks in braces and brackets, indentation, commas on lines of their own.
    let is_untidy = matches!(
        (base, line),
        (
            "inline",
            "remove tomli" | "add -D ipdb" | "add -G dev attrs --allow-prereleases"
        ) | ("indented", "add attrs --source pypi")
            | ("space-inside", "remove click" | "remove idna")
            | ("comma-first", "remove idna")
    );
    // The reference adds an empty line before a section of the same table, which has none elsewhere either.
    let parts_tables = base == "multiple"
        && line.starts_with("add")
        && !line.contains("-G")
        && !line.contains("-D")
        && line != "add click@^9";
    // All sources are written anew by the reference, without their comments and with ever more empty lines.
    let rewrites_sources =
        is(&["sources", "sources-pypi", "groups", "disorder"]) && line.starts_with("source ");
    // A second group `dev` beside the old section for it would put that section out of effect.
    let is_old_dev = base == "legacy-dev" && (line.contains("-D") || line.contains("-G dev"));
    // New lines of a file whose line ends differ.
    let is_mixed = base == "mixed-ends" && line == "remove click";
    parts_comments
        || drops_comma
        || joins_lines
        || breaks_dotted_keys
        || is_untidy
        || parts_tables
        || rewrites_sources
        || is_mixed
        || is_old_dev
}
