//! Markers against facts recorded from poetry-core 2.5.0 (`markers.json`).
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use resolver::constraint::Constraint;
use resolver::marker::{GenericConstraint, Known, Marker, MarkerError, Values, Variable};
use resolver::name::ExtraName;
use serde_json::{Value, json};

fn read(file: &str) -> Value {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// What differs from the recorded facts.
#[derive(Default)]
struct Differences {
    found: Vec<String>,
    compared: usize,
    /// Poetry failed with an internal error where we have an answer: when it evaluates
    /// `extra in "a b"`, and when it inverts what it can't print so that it can be read again.
    only_we_answer: usize,
}

impl Differences {
    fn compare(&mut self, input: &Value, fact: &str, expected: &Value, actual: impl Into<Value>) {
        let mut actual = actual.into();
        self.compared += 1;
        if Self::forgive_failures(expected, &mut actual) {
            self.only_we_answer += 1;
        }
        if *expected != actual {
            self.found.push(format!(
                "{input}\n    {fact}\n      expected {expected}\n      actual   {actual}"
            ));
        }
    }

    /// Puts Poetry's failures in the place of our answers.
    fn forgive_failures(expected: &Value, actual: &mut Value) -> bool {
        let Some(facts) = expected.as_object() else {
            return false;
        };
        if facts.contains_key("error") {
            *actual = expected.clone();
            return true;
        }
        let mut forgiven = false;
        for (fact, expected) in facts {
            if expected.get("error").is_some() {
                forgiven = true;
                actual[fact] = expected.clone();
            }
        }
        forgiven
    }

    fn report(self, at_least: usize, only_we_answer: usize) {
        assert!(
            self.compared >= at_least,
            "only {} facts were compared",
            self.compared
        );
        assert_eq!(self.only_we_answer, only_we_answer);
        assert!(
            self.found.is_empty(),
            "{} of {} facts differ:\n{}",
            self.found.len(),
            self.compared,
            self.found[..self.found.len().min(40)].join("\n")
        );
    }
}

struct Environment {
    name: String,
    values: Vec<(Variable, String)>,
    extras: Option<Vec<ExtraName>>,
}

impl Environment {
    fn all() -> Vec<Self> {
        let environments = read("environments.json");
        environments
            .as_array()
            .unwrap()
            .iter()
            .map(Self::new)
            .collect()
    }

    fn new(recorded: &Value) -> Self {
        let mut environment = Self {
            name: recorded["input"].as_str().unwrap().to_owned(),
            values: Vec::new(),
            extras: None,
        };
        for (name, value) in recorded["expected"].as_object().unwrap() {
            if let Some(extras) = value.as_array() {
                let extras = extras
                    .iter()
                    .map(|extra| ExtraName::new(extra.as_str().unwrap()));
                environment.extras = Some(extras.collect());
            } else {
                let variable = Variable::named(name).unwrap();
                environment
                    .values
                    .push((variable, value.as_str().unwrap().to_owned()));
            }
        }
        environment
    }

    fn known(&self) -> Known<'_> {
        let known = match &self.extras {
            Some(extras) => Known::default().with_extras(extras),
            None => Known::default(),
        };
        self.values.iter().fold(known, |known, (variable, value)| {
            known.with(*variable, value)
        })
    }
}

fn text(marker: &Marker) -> Value {
    marker.to_string().into()
}

fn check_parse(entry: &Value, environments: &[Environment], differences: &mut Differences) {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let parsed = Marker::parse(input["s"].as_str().unwrap());
    let is_error = expected.get("error").is_some();
    differences.compare(input, "is an error", &is_error.into(), parsed.is_err());
    let Ok(marker) = parsed else { return };
    for (fact, expected) in expected.as_object().unwrap() {
        let actual = match fact.as_str() {
            "str" => text(&marker),
            "tree" => serde_json::from_str(&format!("{marker:?}")).unwrap(),
            "cnf" => text(&marker.conjunctive_normal_form()),
            "dnf" => text(&marker.disjunctive_normal_form()),
            "any" => marker.is_any().into(),
            "empty" => marker.is_empty().into(),
            "complexity" => json!([marker.complexity().0, marker.complexity().1]),
            "invert" => text(&marker.invert()),
            "without_extras" => text(&marker.without_extras()),
            "only_extra" => text(&marker.only(&["extra"])),
            "only_python" => text(&marker.only(&["python_version", "python_full_version"])),
            "only_sys_platform" => text(&marker.only(&["sys_platform"])),
            "exclude_python_version" => text(&marker.exclude("python_version")),
            "exclude_sys_platform" => text(&marker.exclude("sys_platform")),
            "python_constraint" => marker.python_constraint().to_string().into(),
            "convert" => said(&marker),
            "apply_partial" => {
                let partial = environments.iter().find(|e| e.name == "partial").unwrap();
                text(&marker.apply(&partial.known()))
            }
            "reduce" => reduced(&marker, expected),
            "validate" => validated(&marker, environments),
            unknown => panic!("unknown fact {unknown}"),
        };
        differences.compare(input, fact, expected, actual);
    }
}

fn said(marker: &Marker) -> Value {
    let said = marker.said();
    let said = said
        .into_iter()
        .map(|(variable, groups)| (variable.to_string(), json!(groups)));
    Value::Object(said.collect())
}

fn reduced(marker: &Marker, expected: &Value) -> Value {
    let reduced = expected.as_object().unwrap().keys().map(|python| {
        let constraint = Constraint::parse_marker_version(python).unwrap();
        let reduced = marker.reduce_by_python_constraint(&constraint);
        (python.clone(), text(&reduced))
    });
    Value::Object(reduced.collect())
}

fn validated(marker: &Marker, environments: &[Environment]) -> Value {
    let holds = environments.iter().map(|environment| {
        let holds = marker.holds_where(&environment.known());
        (environment.name.clone(), holds.into())
    });
    Value::Object(holds.collect())
}

fn parse(text: &Value) -> Marker {
    Marker::parse(text.as_str().unwrap()).unwrap()
}

fn check_pair(entry: &Value, differences: &mut Differences) {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let (a, b) = (parse(&input["a"]), parse(&input["b"]));
    differences.compare(
        input,
        "intersect",
        &expected["intersect"],
        text(&a.intersect(&b)),
    );
    differences.compare(input, "union", &expected["union"], text(&a.union(&b)));
}

fn check_list(
    entry: &Value,
    at_once: fn(&[Marker]) -> Marker,
    step: fn(&Marker, &Marker) -> Marker,
    differences: &mut Differences,
) {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let markers: Vec<Marker> = input["markers"]
        .as_array()
        .unwrap()
        .iter()
        .map(parse)
        .collect();
    differences.compare(
        input,
        "at once",
        &expected["at_once"],
        text(&at_once(&markers)),
    );
    let mut all = markers[0].clone();
    let mut steps = vec![text(&all)];
    for marker in &markers[1..] {
        all = step(&all, marker);
        steps.push(text(&all));
    }
    differences.compare(input, "steps", &expected["steps"], steps);
}

fn check_nested(entry: &Value, differences: &mut Differences) {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let name = input["name"].as_str().unwrap();
    let constraint = input["constraint"].as_str().unwrap();
    let raw = match input["parser"].as_str().unwrap() {
        "version" => Marker::nested(name, &Constraint::parse(constraint).unwrap()),
        "marker_version" => {
            Marker::nested(name, &Constraint::parse_marker_version(constraint).unwrap())
        }
        "generic" => {
            let values = if name == "extra" {
                Values::Several
            } else {
                Values::One
            };
            let constraint = GenericConstraint::parse_for(values, constraint).unwrap();
            Marker::nested_generic(name, &constraint)
        }
        unknown => panic!("unknown parser {unknown}"),
    };
    differences.compare(input, "raw", &expected["raw"], raw.as_str());
    let parsed: Result<Marker, MarkerError> = Marker::parse(&raw);
    match parsed {
        Ok(marker) => {
            differences.compare(input, "parsed", &expected["parsed"], text(&marker));
        }
        Err(_) => {
            let is_error = expected["parsed"].get("error").is_some();
            differences.compare(input, "fails to parse", &true.into(), is_error);
        }
    }
}

fn check(entries: Vec<&Value>) {
    let environments = Environment::all();
    let mut differences = Differences::default();
    for entry in entries {
        match entry["input"]["op"].as_str().unwrap() {
            "legend" => {}
            "parse" => check_parse(entry, &environments, &mut differences),
            "pair" => check_pair(entry, &mut differences),
            "intersect_all" => {
                check_list(
                    entry,
                    Marker::intersect_all,
                    Marker::intersect,
                    &mut differences,
                );
            }
            "union_all" => check_list(entry, Marker::union_all, Marker::union, &mut differences),
            "create_nested_marker" => check_nested(entry, &mut differences),
            unknown => panic!("unknown operation {unknown}"),
        }
    }
    differences.report(15_000, 7);
}

#[test]
fn markers_are_as_poetry_has_them() {
    check(read("markers.json").as_array().unwrap().iter().collect());
}

/// What was asked before makes no difference, though answers are remembered.
#[test]
fn markers_do_not_depend_on_history() {
    check(
        read("markers.json")
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .collect(),
    );
}
