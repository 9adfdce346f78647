//! What Poetry checks in a pyproject.toml before it reads it as a project.

use indexmap::IndexMap;
use toml::{Table, Value};

use super::shape::{Others, Record, Shape};
use super::toml_path::{table_at, text_at};
use crate::name::{GroupName, PackageName};
use crate::version::Version;

/// All faults, in Poetry's order and words; empty if the file can be read as a project.
pub(super) fn faults(document: &Table) -> Vec<String> {
    let empty = Table::new();
    let tool_poetry = table_at(document, &["tool", "poetry"]).unwrap_or(&empty);
    let mut faults = Vec::new();
    let mut check = |shape: &Shape, value: Option<&Value>, path: &str| {
        faults.extend(value.and_then(|value| shape.first_fault(value, path)));
    };

    let tool = document.get("tool");
    check(&PROJECT, document.get("project"), "project");
    check(&TOOL, tool, "tool");
    check(
        &DEPENDENCY_GROUPS,
        document.get("dependency-groups"),
        "dependency-groups",
    );
    faults.extend(missing_name_or_version(document, tool_poetry));
    faults.extend(group_faults(document, tool_poetry));
    faults.extend(POETRY_PROGRAM.first_fault(tool_poetry, "tool.poetry"));
    faults.extend(unknown_keys(tool_poetry));
    faults.extend(depends_on_itself(document, tool_poetry));
    faults
}

fn missing_name_or_version(document: &Table, tool_poetry: &Table) -> Vec<String> {
    if tool_poetry.get("package-mode") == Some(&Value::Boolean(false)) {
        return Vec::new();
    }
    let project = table_at(document, &["project"]);
    let is_given = |key: &str| {
        let values = [
            project.and_then(|table| table.get(key)),
            tool_poetry.get(key),
        ];
        // Whether it is a text is another question.
        (values.into_iter().flatten()).any(|value| value.as_str() != Some(""))
    };
    ["name", "version"]
        .into_iter()
        .filter(|key| !is_given(key))
        .map(|key| {
            format!("Either [project.{key}] or [tool.poetry.{key}] is required in package mode.")
        })
        .collect()
}

/// Groups whose names are the same once normalised, and groups that include themselves.
fn group_faults(document: &Table, tool_poetry: &Table) -> Vec<String> {
    let mut spellings: IndexMap<GroupName, Vec<&str>> = IndexMap::new();
    let mut includes: IndexMap<GroupName, Vec<GroupName>> = IndexMap::new();
    let empty = Table::new();

    let standard = table_at(document, &["dependency-groups"]).unwrap_or(&empty);
    for (name, entries) in standard {
        let group = GroupName::new(name);
        spellings.entry(group.clone()).or_default().push(name);
        let included = (entries.as_array().into_iter().flatten())
            .filter_map(|entry| entry.get("include-group")?.as_str())
            .filter(|name| !name.is_empty())
            .map(GroupName::new);
        includes.entry(group).or_default().extend(included);
    }
    for (name, config) in table_at(tool_poetry, &["group"]).unwrap_or(&empty) {
        let group = GroupName::new(name);
        let known = spellings.entry(group.clone()).or_default();
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
        let included = (config.get("include-groups").and_then(Value::as_array))
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(GroupName::new);
        includes.entry(group).or_default().extend(included);
    }

    let mut faults = Vec::new();
    for (group, mut names) in spellings {
        if names.len() > 1 {
            names.sort_unstable();
            let names = names.join(", ");
            faults.push(format!(
                "Duplicate dependency group name after normalization: {group} ({names})"
            ));
        }
    }
    for root in includes.keys() {
        find_cycles(root, &mut vec![root.clone()], &includes, &mut faults);
    }
    faults
}

fn find_cycles(
    root: &GroupName,
    path: &mut Vec<GroupName>,
    includes: &IndexMap<GroupName, Vec<GroupName>>,
    faults: &mut Vec<String>,
) {
    let last = path.last().expect("a path begins with its root");
    for included in includes.get(last).cloned().unwrap_or_default() {
        let is_cycle = path.contains(&included);
        path.push(included);
        if is_cycle {
            let steps: Vec<&str> = path.iter().skip(1).map(GroupName::as_str).collect();
            let steps = steps.join(" -> ");
            faults.push(format!(
                "Cyclic dependency group include in {root}: {steps}"
            ));
        } else {
            find_cycles(root, path, includes, faults);
        }
        path.pop();
    }
}

fn unknown_keys(tool_poetry: &Table) -> Vec<String> {
    (tool_poetry.keys())
        .filter(|key| !is_known_key(key))
        .map(|key| format!("Additional properties are not allowed ('{key}' was unexpected)"))
        .collect()
}

fn is_known_key(key: &str) -> bool {
    let listed = |shape: &Record| shape.keys.iter().any(|(known, _)| *known == key);
    listed(&POETRY_CORE) || listed(&POETRY_PROGRAM)
}

/// Poetry: looks at the names in `[tool.poetry]` only.
fn depends_on_itself(document: &Table, tool_poetry: &Table) -> Option<String> {
    let name =
        text_at(document, &["project", "name"]).or_else(|| text_at(tool_poetry, &["name"]))?;
    let own = PackageName::new(name);
    let sections = [
        table_at(tool_poetry, &["dependencies"]),
        table_at(tool_poetry, &["dev-dependencies"]),
    ];
    let groups = (table_at(tool_poetry, &["group"]).into_iter().flatten())
        .map(|(_, group)| group.get("dependencies").and_then(Value::as_table));
    (sections.into_iter().chain(groups).flatten())
        .flat_map(Table::keys)
        .any(|dependency| PackageName::new(dependency) == own)
        .then(|| format!("Project name ({name}) is same as one of its dependencies"))
}

const TEXTS: Shape = Shape::List {
    at_least: 0,
    of: &Shape::Text,
};

const fn list(of: &'static Shape) -> Shape {
    Shape::List { at_least: 0, of }
}

const fn table(
    required: &'static [&'static str],
    keys: &'static [(&'static str, &'static Shape)],
    others: Others,
) -> Shape {
    Shape::Record(Record {
        required,
        keys,
        others,
    })
}

/// Letters, digits, `-`, `_` and `.`: the names whose values Poetry checks; others pass unseen.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_project_name(name: &str) -> bool {
    is_plain_name(name)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_project_version(text: &str) -> bool {
    let public = text.split('+').next().unwrap_or_default();
    text.trim() == text
        && !public.contains(|c: char| c.is_ascii_uppercase())
        && text.parse::<Version>().is_ok()
}

fn is_extra_name(name: &str) -> bool {
    !name.contains("--")
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.is_empty()
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn is_one_line(text: &str) -> bool {
    !text.contains('\n')
}

fn is_uri(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split_once(':').is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && scheme.chars().all(is_word)
            && !rest.is_empty()
            && !rest.contains(char::is_whitespace)
    })
}

fn any_name(_: &str) -> bool {
    true
}

const URI: Shape = Shape::TextThat {
    accepts: is_uri,
    must: "must be uri",
};

/// `[project]` (PEP 621).
const PROJECT: Shape = table(
    &["name"],
    &[
        (
            "name",
            &Shape::TextThat {
                accepts: is_project_name,
                must: r"must match pattern ^([a-zA-Z\d]|[a-zA-Z\d][\w.-]*[a-zA-Z\d])$",
            },
        ),
        (
            "version",
            &Shape::TextThat {
                accepts: is_project_version,
                must: PROJECT_VERSION_MUST,
            },
        ),
        ("description", &Shape::Text),
        ("readme", &PROJECT_README),
        ("requires-python", &Shape::Text),
        ("license", &PROJECT_LICENSE),
        ("license-files", &TEXTS),
        ("authors", &list(&PROJECT_AUTHOR)),
        ("maintainers", &list(&PROJECT_AUTHOR)),
        ("keywords", &TEXTS),
        ("classifiers", &TEXTS),
        ("urls", &table(&[], &[], Others::All(&URI))),
        ("scripts", &TEXT_TABLE),
        ("gui-scripts", &TEXT_TABLE),
        ("entry-points", &table(&[], &[], Others::All(&TEXT_TABLE))),
        ("dependencies", &TEXTS),
        (
            "optional-dependencies",
            &table(&[], &[], Others::Named(is_extra_name, &TEXTS)),
        ),
        ("dynamic", &list(&PROJECT_DYNAMIC)),
    ],
    Others::Free,
);
const PROJECT_VERSION_MUST: &str = r"must match pattern ^v?((([0-9]+)!)?([0-9]+(\.[0-9]+)*)([-_\.]?(alpha|a|beta|b|preview|pre|c|rc)[-_\.]?([0-9]+)?)?((-([0-9]+))|([-_\.]?(post|rev|r)[-_\.]?([0-9]+)?))?([-_\.]?(dev)[-_\.]?([0-9]+)?)?)(\+([a-zA-Z0-9]+([-_\.][a-zA-Z0-9]+)*))?$";
const TEXT_TABLE: Shape = table(&[], &[], Others::All(&Shape::Text));
const PROJECT_AUTHOR: Shape = Shape::AllOf(&[
    &table(&[], &[], Others::Free),
    &Shape::AnyOf(&[
        &table(&["name"], &[], Others::Free),
        &table(&["email"], &[], Others::Free),
    ]),
    &table(
        &[],
        &[("name", &Shape::Text), ("email", &Shape::Text)],
        Others::Refused,
    ),
]);
const PROJECT_LICENSE: Shape = Shape::OneOf(&[
    &table(&["file"], &[("file", &Shape::Text)], Others::Refused),
    &table(&["text"], &[("text", &Shape::Text)], Others::Refused),
    &Shape::Text,
]);
const PROJECT_README: Shape = Shape::OneOf(&[
    &Shape::Text,
    &table(
        &["content-type", "file"],
        &[("content-type", &Shape::Text), ("file", &Shape::Text)],
        Others::Refused,
    ),
    &table(
        &["content-type", "text"],
        &[("content-type", &Shape::Text), ("text", &Shape::Text)],
        Others::Refused,
    ),
]);
const PROJECT_DYNAMIC: Shape = Shape::Word(&[
    "version",
    "description",
    "readme",
    "requires-python",
    "license",
    "license-files",
    "authors",
    "maintainers",
    "keywords",
    "classifiers",
    "urls",
    "scripts",
    "gui-scripts",
    "entry-points",
    "dependencies",
    "optional-dependencies",
]);

/// `[dependency-groups]` (PEP 735).
const DEPENDENCY_GROUPS: Shape = table(
    &[],
    &[],
    Others::All(&list(&Shape::OneOf(&[
        &Shape::Text,
        &table(
            &["include-group"],
            &[("include-group", &Shape::Text)],
            Others::Refused,
        ),
    ]))),
);

/// `[tool]`, of which only `poetry` matters.
const TOOL: Shape = table(
    &[],
    &[("poetry", &Shape::Record(POETRY_CORE))],
    Others::Free,
);

/// The part of `[tool.poetry]` that builds read too.
const POETRY_CORE: Record = Record {
    required: &[],
    keys: &[
        ("package-mode", &Shape::Flag),
        ("name", &Shape::Text),
        ("version", &Shape::Text),
        (
            "description",
            &Shape::TextThat {
                accepts: is_one_line,
                must: r"must match pattern \A[^\n]*\Z",
            },
        ),
        ("keywords", &TEXTS),
        ("homepage", &URI),
        ("repository", &URI),
        ("documentation", &URI),
        ("license", &Shape::Text),
        ("authors", &TEXTS),
        ("maintainers", &TEXTS),
        ("readme", &Shape::AnyOf(&[&Shape::Text, &TEXTS])),
        ("classifiers", &list(&Shape::Anything)),
        ("packages", &list(&PACKAGE)),
        ("include", &list(&Shape::AnyOf(&[&Shape::Text, &INCLUDE]))),
        ("exclude", &list(&Shape::Anything)),
        ("dependencies", &DEPENDENCIES),
        ("dev-dependencies", &DEPENDENCIES),
        (
            "extras",
            &table(&[], &[], Others::Named(is_plain_name, &list(&EXTRA_MEMBER))),
        ),
        (
            "group",
            &table(&[], &[], Others::Named(is_plain_name, &GROUP)),
        ),
        ("build", &Shape::OneOf(&[&Shape::Text, &BUILD])),
        (
            "scripts",
            &table(&[], &[], Others::Named(is_plain_name, &SCRIPT)),
        ),
        (
            "plugins",
            &table(&[], &[], Others::Named(is_plain_name, &PLUGIN)),
        ),
        (
            "urls",
            &table(&[], &[], Others::Named(any_name, &Shape::Text)),
        ),
    ],
    others: Others::Free,
};
const FORMAT: Shape = Shape::Word(&["sdist", "wheel"]);
const FORMATS: Shape = Shape::OneOf(&[&FORMAT, &list(&FORMAT)]);
const PACKAGE: Shape = table(
    &["include"],
    &[
        ("include", &Shape::Text),
        ("from", &Shape::Text),
        ("format", &FORMATS),
        ("to", &Shape::Text),
    ],
    Others::Refused,
);
const INCLUDE: Shape = table(
    &["path"],
    &[("path", &Shape::Text), ("format", &FORMATS)],
    Others::Refused,
);
const EXTRA_MEMBER: Shape = Shape::TextThat {
    accepts: is_plain_name,
    must: "must match pattern ^[a-zA-Z-_.0-9]+$",
};
const BUILD: Shape = table(
    &[],
    &[
        ("generate-setup-file", &Shape::Flag),
        ("script", &Shape::Text),
    ],
    Others::Refused,
);
const SCRIPT: Shape = Shape::OneOf(&[
    &Shape::Text,
    &table(
        &[],
        &[("callable", &Shape::Text), ("extras", &TEXTS)],
        Others::Refused,
    ),
    &table(
        &["reference", "type"],
        &[
            ("reference", &Shape::Text),
            ("type", &Shape::Word(&["file", "console"])),
            ("extras", &TEXTS),
        ],
        Others::Refused,
    ),
]);
const PLUGIN: Shape = table(&[], &[], Others::Named(is_plain_name, &Shape::Text));
const GROUP: Shape = Shape::AllOf(&[
    &table(&[], &[], Others::Free),
    &Shape::AnyOf(&[
        &table(&["dependencies"], &[], Others::Free),
        &table(&["include-groups"], &[], Others::Free),
        &table(&["optional"], &[], Others::Free),
    ]),
    &table(
        &[],
        &[
            ("optional", &Shape::Flag),
            ("include-groups", &TEXTS),
            ("dependencies", &DEPENDENCIES),
        ],
        Others::Refused,
    ),
]);

/// The part of `[tool.poetry]` that only Poetry itself reads.
const POETRY_PROGRAM: Record = Record {
    required: &[],
    keys: &[
        ("requires-poetry", &Shape::Text),
        ("requires-plugins", &DEPENDENCIES),
        ("source", &list(&SOURCE)),
        (
            "build-constraints",
            &table(&[], &[], Others::Named(is_plain_name, &DEPENDENCIES)),
        ),
    ],
    others: Others::Free,
};
const SOURCE: Shape = table(
    &["name"],
    &[
        ("name", &Shape::Text),
        ("url", &URI),
        (
            "priority",
            &Shape::Word(&["primary", "supplemental", "explicit"]),
        ),
        ("links", &Shape::Flag),
        ("indexed", &Shape::Flag),
    ],
    Others::Refused,
);

const DEPENDENCIES: Shape = table(&[], &[], Others::Named(is_plain_name, &DEPENDENCY));
const DEPENDENCY: Shape = Shape::OneOf(&[
    &Shape::Text,
    &VERSION_TABLE,
    &GIT_TABLE,
    &FILE_TABLE,
    &PATH_TABLE,
    &URL_TABLE,
    &Shape::List {
        at_least: 1,
        of: &DEPENDENCY_LINE,
    },
    &OPTIONS_TABLE,
]);
const DEPENDENCY_LINE: Shape = Shape::OneOf(&[
    &Shape::Text,
    &VERSION_TABLE,
    &GIT_TABLE,
    &FILE_TABLE,
    &PATH_TABLE,
    &URL_TABLE,
    &OPTIONS_TABLE,
]);
const VERSION_TABLE: Shape = table(
    &["version"],
    &[
        ("version", &Shape::Text),
        ("python", &Shape::Text),
        ("platform", &Shape::Text),
        ("markers", &Shape::Text),
        ("allow-prereleases", &Shape::Flag),
        ("allows-prereleases", &Shape::Flag),
        ("optional", &Shape::Flag),
        ("extras", &TEXTS),
        ("source", &Shape::Text),
    ],
    Others::Refused,
);
const GIT_TABLE: Shape = table(
    &["git"],
    &[
        ("git", &Shape::Text),
        ("branch", &Shape::Text),
        ("tag", &Shape::Text),
        ("rev", &Shape::Text),
        ("subdirectory", &Shape::Text),
        ("python", &Shape::Text),
        ("platform", &Shape::Text),
        ("markers", &Shape::Text),
        ("allow-prereleases", &Shape::Flag),
        ("allows-prereleases", &Shape::Flag),
        ("optional", &Shape::Flag),
        ("extras", &TEXTS),
        ("develop", &Shape::Flag),
    ],
    Others::Refused,
);
const FILE_TABLE: Shape = table(
    &["file"],
    &[
        ("file", &Shape::Text),
        ("subdirectory", &Shape::Text),
        ("python", &Shape::Text),
        ("platform", &Shape::Text),
        ("markers", &Shape::Text),
        ("optional", &Shape::Flag),
        ("extras", &TEXTS),
    ],
    Others::Refused,
);
const PATH_TABLE: Shape = table(
    &["path"],
    &[
        ("path", &Shape::Text),
        ("subdirectory", &Shape::Text),
        ("python", &Shape::Text),
        ("platform", &Shape::Text),
        ("markers", &Shape::Text),
        ("optional", &Shape::Flag),
        ("extras", &TEXTS),
        ("develop", &Shape::Flag),
    ],
    Others::Refused,
);
const URL_TABLE: Shape = table(
    &["url"],
    &[
        ("url", &Shape::Text),
        ("subdirectory", &Shape::Text),
        ("python", &Shape::Text),
        ("platform", &Shape::Text),
        ("markers", &Shape::Text),
        ("optional", &Shape::Flag),
        ("extras", &TEXTS),
    ],
    Others::Refused,
);
const OPTIONS_TABLE: Shape = table(
    &[],
    &[
        ("python", &Shape::Text),
        ("platform", &Shape::Text),
        ("markers", &Shape::Text),
        ("allow-prereleases", &Shape::Flag),
        ("source", &Shape::Text),
        ("develop", &Shape::Flag),
    ],
    Others::Refused,
);
