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

use recorded::{Entry, corpus_entries, listed, recording, text, texts};
use resolver::cache::Cache;
use resolver::constraint::Constraint;
use resolver::index::Index;
use resolver::lock::Lockfile;
use resolver::name::PackageName;
use resolver::project::Project;
use resolver::requirement::Requirement;
use resolver::solver::{Request, SolveError, Wish, newest, resolve};
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
    (
        "lk-add-conflict",
        "Poetry shows the constraint as `add` chose it, not as it was written",
    ),
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
    let index = Index::replay(recording(entries), Cache::new(folder.join("cache")));
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
    let entries: Vec<Entry> = scenario["index"]
        .as_array()
        .unwrap()
        .iter()
        .map(scenario_entry)
        .collect();
    let command = texts(scenario, "command");
    let pyproject = place(&text(scenario, "pyproject").unwrap());
    std::fs::write(folder.join("pyproject.toml"), &pyproject).unwrap();
    if command[0] == "add" {
        let edited = add(&folder, &entries, &command[1], scenario);
        // Poetry: what is there already is skipped, and nothing else is looked at.
        let Some(edited) = edited else {
            return Ok(Played {
                lock: text(scenario, "existing_lock").unwrap(),
                contradictions: Vec::new(),
            });
        };
        std::fs::write(folder.join("pyproject.toml"), place(&edited)).unwrap();
    }
    let previous = text(scenario, "existing_lock")
        .map(|lock| Lockfile::parse(&place(&lock), &folder).unwrap());
    let names = || command[1..].iter().filter(|word| !word.starts_with('-'));
    let request = match (command[0].as_str(), &previous) {
        ("lock", Some(lock)) => Request::refresh(lock),
        ("update", Some(lock)) if names().next().is_none() => Request::update(lock),
        ("lock", None) => Request::default(),
        _ => Request::latest(names().map(|word| PackageName::new(word.split('@').next().unwrap()))),
    };
    let previous = previous.filter(|_| !command.iter().any(|word| word == "--regenerate"));
    solve(&folder, &entries, previous.as_ref(), &request)
        .map(|played| Played {
            lock: played.lock.replace(&*root.0.to_string_lossy(), "<WORKDIR>"),
            ..played
        })
        .map_err(|text| text.replace(&*root.0.to_string_lossy(), "<WORKDIR>"))
}

/// The project after `add` of one word, with the version that the library chooses if the word says none; `None` if it
/// is required already.
fn add(folder: &Path, entries: &[Entry], word: &str, scenario: &Value) -> Option<String> {
    let project = Project::read(folder).unwrap();
    let (name, version) = word.split_once('@').unwrap_or((word, ""));
    let name = PackageName::new(name);
    let mut required = project.requirements();
    if version.is_empty() && required.any(|requirement| requirement.name == name) {
        return None;
    }
    let constraint = match version {
        "" | "latest" => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let cache = Cache::new(folder.join("cache"));
            let index = Index::replay(recording(entries), cache);
            let wish = Wish {
                name: name.as_str(),
                constraint: None,
                prereleases: false,
                source: None,
            };
            let newest = newest(&project, &wish, &index, runtime.handle()).unwrap();
            let told = format!("Using version {} for {}\n", newest.caret(), newest.name);
            let expected = text(scenario, "expected_stdout").unwrap();
            assert!(expected.starts_with(&told), "{told}{expected}");
            newest.caret()
        }
        given => given.to_owned(),
    };
    let constraint = Constraint::parse(&constraint).unwrap();
    let line = Requirement::new(name.as_str(), constraint).to_pep508(true);
    let edited = with_requirement(&text(scenario, "pyproject").unwrap(), &name, &line);
    if let Some(expected) = text(scenario, "expected_pyproject") {
        assert_eq!(edited, expected, "{word}");
    }
    Some(edited)
}

/// The text of a project whose `dependencies` stand on one line, with this one added or replaced.
fn with_requirement(pyproject: &str, name: &PackageName, line: &str) -> String {
    let start = pyproject.find("dependencies = [").unwrap() + "dependencies = [".len();
    let end = start + pyproject[start..].find("]\n").unwrap();
    let there = pyproject[start..end]
        .split(", ")
        .map(|one| one.trim_matches('"'));
    let others = there.filter(|one| Requirement::parse(one, None).unwrap().name != *name);
    let all: Vec<String> = others
        .chain([line])
        .map(|one| format!("\"{one}\""))
        .collect();
    format!(
        "{}{}{}",
        &pyproject[..start],
        all.join(", "),
        &pyproject[end..]
    )
}

fn offered(name: &str, version: &str, source: &str, yanked: bool) -> Entry {
    Entry {
        source: source.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        requires_dist: Vec::new(),
        requires_python: Some(">=99".to_owned()),
        yanked,
    }
}

/// Over all versions, whatever they require; pre-releases only if asked for, or if there is nothing else.
#[test]
fn the_newest_release_is_chosen() {
    let sources = "[[tool.poetry.source]]\nname = \"pypi\"\npriority = \"primary\"\n\
        [[tool.poetry.source]]\nname = \"b\"\nurl = \"https://b.invalid/\"\npriority = \"primary\"\n\
        [[tool.poetry.source]]\nname = \"e\"\nurl = \"https://e.invalid/\"\npriority = \"explicit\"\n";
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[project]\nname = \"x\"\nversion = \"1\"\n{sources}");
    let project = Project::parse(&text, folder.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entries = [
        offered("some-name", "1.2.3", "pypi", false),
        offered("some-name", "1.10", "pypi", false),
        offered("some-name", "1.11", "pypi", true),
        offered("some-name", "2.0rc1", "pypi", false),
        offered("some-name", "9", "e", false),
        offered("early", "1.0a1", "pypi", false),
        offered("early", "1.0.dev1", "pypi", false),
        offered("torn", "3.0b1", "pypi", false),
        offered("torn", "2.0", "b", false),
        offered("local", "1.0+cu12", "pypi", false),
        offered("gone", "1.0", "pypi", true),
    ];
    let index = Index::replay(recording(&entries), Cache::new(folder.path()));
    let find = |name, constraint: Option<&str>, prereleases, source| {
        let constraint = constraint.map(|text| Constraint::parse(text).unwrap());
        let wish = Wish {
            name,
            constraint: constraint.as_ref(),
            prereleases,
            source,
        };
        match newest(&project, &wish, &index, runtime.handle()) {
            Ok(found) => format!("{} {}", found.name, found.caret()),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(find("Some_Name", None, false, None), "some-name ^1.10");
    assert_eq!(find("some-name", None, true, None), "some-name ^2.0rc1");
    assert_eq!(
        find("some-name", Some("<1.5"), false, None),
        "some-name ^1.2.3"
    );
    assert_eq!(
        find("some-name", Some("1.11"), false, None),
        "some-name ^1.11"
    );
    assert_eq!(find("some-name", None, false, Some("e")), "some-name ^9");
    assert_eq!(find("early", None, false, None), "early ^1.0a1");
    assert_eq!(find("torn", None, false, None), "torn ^2.0");
    assert_eq!(find("torn", None, true, None), "torn ^3.0b1");
    assert_eq!(find("local", None, false, None), "local ^1.0");
    for (name, constraint) in [("Nowhere", None), ("Gone", None), ("torn", Some(">5"))] {
        let expected = format!("Could not find a matching version of package {name}");
        assert_eq!(find(name, constraint, false, None), expected);
    }
}

#[test]
fn scenarios() {
    let only = option_env!("SCENARIO");
    let mut failed = Vec::new();
    for file in listed("scenarios") {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if only.is_some_and(|only| only != name) {
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
    for folder in listed("corpus") {
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
