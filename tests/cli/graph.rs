//! `graph`: the projects of a repository and who needs whom.

use super::monorepo::{LIBRARIES, SERVICES};
use crate::support::Fixture;

/// The example monorepo, below a marked root.
fn monorepo() -> Fixture {
    let fx = Fixture::named("monorepo");
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    fx
}

fn project(name: &str, more: &str) -> String {
    format!("[tool.poetry]\nname = \"{name}\"\nversion = \"0.1\"\n{more}")
}

#[test]
fn the_whole_repository_as_a_tree() {
    let fx = monorepo();
    insta::assert_snapshot!(fx.mpoetry_in("libs/libmq", ["graph"]), @"
    exit: 0
    ----- stdout -----
    service-api 3.1.0 (stack/service-api)
    ├── libmodels 2.0.1 (libs/libmodels)
    │   └── libtelemetry 0.3.0 (libs/libtelemetry)
    ├── libmq 1.2.0 (libs/libmq)
    │   └── libtelemetry 0.3.0 (libs/libtelemetry) [main, dev]
    └── libtelemetry 0.3.0 (libs/libtelemetry)
    service-ml 0.7.0 (stack/service-ml)
    ├── libfast 0.9.2 (libs/libfast)
    └── libtelemetry 0.3.0 (libs/libtelemetry)
    service-report 0.2.0 (stack/service-report)
    └── libmodels 2.0.1 (libs/libmodels) (*)
    service-worker 1.0.4 (stack/service-worker)
    ├── libmq 1.2.0 (libs/libmq) [main, dev] (*)
    └── libtelemetry 0.3.0 (libs/libtelemetry) [main, dev]
    ");
}

/// The order of names is the user's, and what the whole repository has besides is not there.
#[test]
fn services_that_are_named() {
    let fx = monorepo();
    insta::assert_snapshot!(fx.mpoetry(["graph", "service-worker", "stack/service-ml"]), @"
    exit: 0
    ----- stdout -----
    service-worker 1.0.4 (stack/service-worker)
    ├── libmq 1.2.0 (libs/libmq) [main, dev]
    │   └── libtelemetry 0.3.0 (libs/libtelemetry)
    └── libtelemetry 0.3.0 (libs/libtelemetry) [main, dev]
    service-ml 0.7.0 (stack/service-ml)
    ├── libfast 0.9.2 (libs/libfast)
    └── libtelemetry 0.3.0 (libs/libtelemetry)
    ");
    insta::assert_snapshot!(fx.mpoetry(["graph", "service-wroker"]), @"
    exit: 2
    ----- stderr -----

    no project is called `service-wroker` below [root]

    Did you mean `service-worker`?
    ");
}

#[test]
fn other_forms() {
    let fx = monorepo();
    insta::assert_snapshot!(fx.mpoetry(["graph", "service-report", "libmq", "--format", "json"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "cycles": [],
      "edges": [
        {
          "extras": [],
          "from": "libs/libmodels",
          "groups": [
            "main"
          ],
          "optional": false,
          "to": "libs/libtelemetry"
        },
        {
          "extras": [],
          "from": "libs/libmq",
          "groups": [
            "main",
            "dev"
          ],
          "optional": false,
          "to": "libs/libtelemetry"
        },
        {
          "extras": [],
          "from": "stack/service-report",
          "groups": [
            "main"
          ],
          "optional": false,
          "to": "libs/libmodels"
        }
      ],
      "projects": [
        {
          "kind": "library",
          "locked": true,
          "name": "libmodels",
          "path": "libs/libmodels",
          "version": "2.0.1"
        },
        {
          "kind": "library",
          "locked": true,
          "name": "libmq",
          "path": "libs/libmq",
          "version": "1.2.0"
        },
        {
          "kind": "library",
          "locked": true,
          "name": "libtelemetry",
          "path": "libs/libtelemetry",
          "version": "0.3.0"
        },
        {
          "kind": "service",
          "locked": true,
          "name": "service-report",
          "path": "stack/service-report",
          "version": "0.2.0"
        }
      ],
      "root": ".",
      "schema": 1
    }
    "#);
    insta::assert_snapshot!(fx.mpoetry(["graph", "service-worker", "--format", "dot"]), @r#"
    exit: 0
    ----- stdout -----
    digraph projects {
        rankdir = LR
        node [shape = box]
        "libs/libmq" [label = "libmq 1.2.0"]
        "libs/libtelemetry" [label = "libtelemetry 0.3.0"]
        "stack/service-worker" [label = "service-worker 1.0.4", style = bold]
        "libs/libmq" -> "libs/libtelemetry"
        "stack/service-worker" -> "libs/libmq" [label = "main, dev"]
        "stack/service-worker" -> "libs/libtelemetry" [label = "main, dev"]
    }
    "#);
    insta::assert_snapshot!(fx.mpoetry(["graph", "service-worker", "--format=mermaid"]), @r#"
    exit: 0
    ----- stdout -----
    graph LR
        p0["libmq 1.2.0"]
        p1["libtelemetry 0.3.0"]
        p2(["service-worker 1.0.4"])
        p0 --> p1
        p2 -- "main, dev" --> p0
        p2 -- "main, dev" --> p1
    "#);
    let whole = fx.mpoetry(["graph", "--format", "json"]).success().stdout;
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let paths: Vec<&str> = (whole["projects"].as_array().unwrap().iter())
        .map(|project| project["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, [LIBRARIES, SERVICES].concat());
}

/// Nothing that is wrong with one project hides the others.
#[test]
fn odd_repositories() {
    let fx = Fixture::empty();
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    fx.write(
        "a/pyproject.toml",
        project(
            "a",
            "[tool.poetry.dependencies]\nb = {path = \"../b\"}\nlost = {path = \"../lost\"}\n",
        ),
    );
    fx.write(
        "b/pyproject.toml",
        project(
            "b",
            "[tool.poetry.group.dev.dependencies]\na = {path = \"../a\"}\n\
             [tool.poetry.dependencies]\nc = {path = \"../c\", optional = true}\n[tool.poetry.extras]\nfast = [\"c\"]\n",
        ),
    );
    fx.write("c/pyproject.toml", project("c", "nonsense = true\n"));
    insta::assert_snapshot!(fx.mpoetry(["graph"]), @"
    exit: 0
    ----- stdout -----
    a 0.1 (a)
    └── b 0.1 (b)
        ├── a 0.1 (a) [dev] (cycle)
        └── c 0.1 (c) [extra fast]
    ----- stderr -----
    Warning: what c needs can't be read: The Poetry configuration is invalid:
      - Additional properties are not allowed ('nonsense' was unexpected)

    Warning: a needs lost from lost, where is no project
    Warning: projects need each other: a -> b -> a
    ");
    let json = fx.mpoetry(["graph", "--format", "json"]).success().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["cycles"], serde_json::json!([["a", "b"]]));
}

#[test]
fn without_projects_there_is_no_graph() {
    let fx = Fixture::empty();
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    insta::assert_snapshot!(fx.mpoetry(["graph"]), @"
    exit: 1
    ----- stderr -----

    there is no project below [root]
    ");
}
