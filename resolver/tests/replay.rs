//! Replays recorded resolutions of Poetry 2.5.1, without a network, and compares the lock files.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may fail loudly; clippy only excuses the tests themselves"
)]

#[path = "support/recorded.rs"]
mod recorded;
#[path = "support/walk.rs"]
mod walk;

use std::path::Path;

use recorded::{Entry, corpus_entries, recording, text, texts, vectors};
use resolver::cache::Cache;
use resolver::index::Index;
use resolver::lock::Lockfile;
use resolver::name::PackageName;
use resolver::project::Project;
use resolver::solver::{Request, SolveError, resolve};
use serde_json::Value;

/// Scenarios in which our answer is not Poetry's, and why. All are sound locks.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "mk-extras-overlap",
        "Poetry gives `foo` too narrow a marker: it is needed everywhere",
    ),
    (
        "random-0026",
        "Poetry drops a requirement of p34 because of a marker left over from an earlier run",
    ),
];

/// Poetry: where two groups require a name under different markers, each of them gets it under both.
const WIDER: &str = "mk-markers-same-all-groups";

/// Scenarios without a solution of which we tell in other words than Poetry, and why.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("random-0012", THROUGH),
    ("random-0032", THROUGH),
    ("random-0042", THROUGH),
    (
        "random-0060",
        "Poetry's words differ from run to run, with the order of a Python set",
    ),
    (
        "ver-arbitrary-equality",
        "we say which requirement is invalid",
    ),
];

/// By a slip Poetry never says "a depends on b which depends on c" when it names a first.
const THROUGH: &str = "two lines are told as one";

/// Scenarios of `add` that end before anything is resolved with an edited project.
const UNEDITED: &[&str] = &["lk-add-conflict", "lk-add-existing"];

fn scenario_entry(value: &Value) -> Entry {
    Entry {
        source: text(value, "source").unwrap_or_else(|| "PyPI".to_owned()),
        name: text(value, "name").unwrap(),
        version: text(value, "version").unwrap(),
        requires_dist: texts(value, "requires_dist"),
        requires_python: text(value, "requires_python"),
        yanked: value
            .get("yanked")
            .is_some_and(|y| !matches!(y, Value::Null | Value::Bool(false))),
    }
}

/// A lock that was made.
#[derive(Debug)]
struct Played {
    lock: String,
    /// Where its markers and its requirements tell different things.
    contradictions: Vec<String>,
}

fn solve(
    folder: &Path,
    entries: &[Entry],
    previous: Option<&Lockfile>,
    request: &Request,
) -> Result<Played, String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let project = Project::read(folder).map_err(|e| e.to_string())?;
    let index = Index::replay(recording(entries), Cache::new(folder.join("cache"))).unwrap();
    let lockfile = resolve(&project, previous, request, &index, runtime.handle(), &())
        .map_err(|error: SolveError| error.to_string())?;
    Ok(Played {
        lock: lockfile.to_text(folder),
        contradictions: walk::differences(&project, &lockfile),
    })
}

/// The lock that `args` makes of a scenario, or the error.
fn play(scenario: &Value) -> Result<Played, String> {
    let root = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(root.path())
        .map(|path| (path, root))
        .unwrap();
    let place = |t: &str| t.replace("<WORKDIR>", &root.0.to_string_lossy());
    let folder = root
        .0
        .join(text(scenario, "project_dir").unwrap_or_default());
    std::fs::create_dir_all(&folder).unwrap();
    for (path, content) in scenario
        .get("files")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let path = root.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, place(content.as_str().unwrap())).unwrap();
    }
    let command = texts(scenario, "command");
    let edited = text(scenario, "expected_pyproject").filter(|_| command[0] == "add");
    let pyproject = edited.or_else(|| text(scenario, "pyproject")).unwrap();
    std::fs::write(folder.join("pyproject.toml"), place(&pyproject)).unwrap();
    let previous = text(scenario, "existing_lock")
        .map(|lock| Lockfile::parse(&place(&lock), &folder).unwrap());
    let names = || command[1..].iter().filter(|word| !word.starts_with('-'));
    let mut request = Request::default();
    let locked = |kind: Option<resolver::lock::SourceKind>| {
        let packages = previous.iter().flat_map(|lock| &lock.packages);
        packages
            .filter(|p| kind.is_none() || p.source.as_ref().map(|s| s.kind) == kind)
            .map(|p| p.name.clone())
            .collect::<Vec<_>>()
    };
    match command[0].as_str() {
        "lock" => request.use_latest = locked(Some(resolver::lock::SourceKind::Directory)),
        "update" if names().next().is_none() => request.use_latest = locked(None),
        _ => {
            request.use_latest = names()
                .map(|word| PackageName::new(word.split('@').next().unwrap()))
                .collect();
        }
    }
    let previous = previous.filter(|_| !command.iter().any(|word| word == "--regenerate"));
    let entries: Vec<Entry> = scenario["index"]
        .as_array()
        .unwrap()
        .iter()
        .map(scenario_entry)
        .collect();
    solve(&folder, &entries, previous.as_ref(), &request)
        .map(|played| Played {
            lock: played.lock.replace(&*root.0.to_string_lossy(), "<WORKDIR>"),
            ..played
        })
        .map_err(|text| text.replace(&*root.0.to_string_lossy(), "<WORKDIR>"))
}

#[test]
fn scenarios() {
    let only = option_env!("SCENARIO");
    let mut failed = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(vectors().join("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if only.is_some_and(|only| only != name) || UNEDITED.contains(&name.as_str()) {
            continue;
        }
        let scenario: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let failing = scenario["expected_exit"] != 0;
        let got = play(&scenario);
        let same = match &got {
            Ok(played) => {
                let is_known = name == WIDER;
                assert_eq!(
                    !played.contradictions.is_empty(),
                    is_known,
                    "{name}: {played:#?}"
                );
                !failing && Some(played.lock.as_str()) == scenario["expected_lock"].as_str()
            }
            Err(error) => {
                failing && scenario["expected_error"].as_str().map(str::trim) == Some(error.trim())
            }
        };
        assert_eq!(got.is_err(), failing, "{name}: {got:?}");
        let known = DIFFERENT.iter().chain(OTHER_WORDS);
        let known = known.clone().any(|(known, _)| *known == name);
        if same == known {
            let expected = if failing {
                &scenario["expected_error"]
            } else {
                &scenario["expected_lock"]
            };
            let expected = expected.as_str().unwrap_or_default();
            let got = got.map_or_else(|error| format!("error: {error}"), |played| played.lock);
            failed.push(format!(
                "== {name}: {}\n{}",
                scenario["why"],
                difference(expected, &got)
            ));
        }
    }
    assert!(
        failed.is_empty(),
        "{} scenarios differ\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// The lines that one text has and the other has not.
fn difference(expected: &str, got: &str) -> String {
    let lines = |from: &str, other: &str, sign: &str| -> String {
        let other: Vec<&str> = other.lines().collect();
        let missing = from.lines().filter(|line| !other.contains(line)).take(20);
        missing.map(|line| format!("{sign} {line}\n")).collect()
    };
    lines(expected, got, "-") + &lines(got, expected, "+")
}

/// A lock without what the recording does not hold: descriptions and files. The expected locks are without them too.
fn without_files(lock: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in lock.lines() {
        inside |= line.starts_with("files = [");
        if !inside && !line.starts_with("description = ") {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !line.ends_with(']');
    }
    kept
}

#[test]
fn corpus() {
    let mut failed = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(vectors().join("corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if option_env!("SCENARIO").is_some_and(|only| only != name) {
            continue;
        }
        let work = tempfile::tempdir().unwrap();
        std::fs::copy(
            folder.join("pyproject.toml"),
            work.path().join("pyproject.toml"),
        )
        .unwrap();
        let got = solve(
            work.path(),
            &corpus_entries(&folder),
            None,
            &Request::default(),
        );
        let got = got.map_or_else(
            |error| format!("error: {error}"),
            |played| {
                assert_eq!(played.contradictions, Vec::<String>::new(), "{name}");
                played.lock
            },
        );
        let expected = std::fs::read_to_string(folder.join("poetry.lock")).unwrap();
        if expected != without_files(&got) {
            let difference = difference(&expected, &without_files(&got));
            failed.push(format!("== {name}\n{difference}"));
        }
    }
    assert!(
        failed.is_empty(),
        "{} sets differ\n{}",
        failed.len(),
        failed.join("\n")
    );
}
