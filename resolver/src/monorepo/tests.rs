use std::path::Path;

use super::{Monorepo, Texts};

/// Projects: folder, what comes after the head of the manifest, lock file.
fn monorepo(projects: &[(&str, &str, Option<&str>)]) -> Monorepo {
    let texts = projects.iter().map(|(path, more, lock)| {
        let name = path.rsplit('/').next().unwrap();
        Texts {
            path: (*path).to_owned(),
            manifest: format!("[tool.poetry]\nname = \"{name}\"\nversion = \"1\"\n{more}"),
            lock: lock.map(str::to_owned),
        }
    });
    Monorepo::of(Path::new("/nowhere"), texts.collect())
}

fn edges(graph: &Monorepo) -> Vec<String> {
    let shown = |edge: &super::Edge| {
        let [from, to] = [edge.from, edge.to].map(|index| &graph.projects[index].path);
        let (groups, extras) = (&edge.groups, &edge.extras);
        let optional = if edge.optional { " optional" } else { "" };
        format!("{from} -> {to} {groups:?}{extras:?}{optional}")
    };
    graph.edges.iter().map(shown).collect()
}

#[test]
fn one_edge_tells_all_groups() {
    let graph = monorepo(&[
        (
            "stack/api",
            "[tool.poetry.dependencies]\nmq = \"*\"\nfast = {path = \"../../libs/fast\", optional = true}\n\
             far = {path = \"../../../far\"}\nlost = {path = \"../lost\"}\n\
             [tool.poetry.extras]\nspeed = [\"fast\"]\n\
             [tool.poetry.group.dev.dependencies]\nmq = {path = \"../../libs/mq\"}\n",
            None,
        ),
        ("libs/mq", "", None),
        ("libs/fast", "", None),
    ]);
    assert_eq!(
        edges(&graph),
        [
            r#"stack/api -> libs/fast ["main"]["speed"] optional"#,
            r#"stack/api -> libs/mq ["main", "dev"][]"#,
        ]
    );
    let lost: Vec<&str> = graph.dangling.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(lost, ["stack/lost"]);
    let services: Vec<bool> = graph.projects.iter().map(|it| it.is_service).collect();
    assert_eq!(services, [false, false, true]);
}

const LOCK: &str = r#"
[[package]]
name = "mq"
version = "1"
optional = false
python-versions = "*"
groups = ["main"]
files = []
dependencies = {telemetry = "*"}
source = {type = "directory", url = "../../libs/mq"}

[[package]]
name = "telemetry"
version = "1"
optional = false
python-versions = "*"
groups = ["main"]
files = []
source = {type = "directory", url = "../../libs/telemetry"}

[metadata]
lock-version = "2.1"
python-versions = "*"
content-hash = "00"
"#;

/// A library may leave it to those who use it to say where its own libraries are; a manifest may be unreadable.
#[test]
fn locks_tell_what_manifests_do_not() {
    let libraries = [
        (
            "libs/mq",
            "[tool.poetry.dependencies]\ntelemetry = \"*\"\n",
            None,
        ),
        ("libs/telemetry", "", None),
    ];
    let service = |more| [("stack/api", more, Some(LOCK)), libraries[0], libraries[1]];
    let readable = "[tool.poetry.dependencies]\nmq = {path = \"../../libs/mq\"}\ntelemetry = {path = \"../../libs/telemetry\"}\n";
    for more in [readable, "nonsense = 1\n"] {
        let graph = monorepo(&service(more));
        assert_eq!(
            edges(&graph),
            [
                r#"libs/mq -> libs/telemetry ["main"][]"#,
                r#"stack/api -> libs/mq ["main"][]"#,
                r#"stack/api -> libs/telemetry ["main"][]"#,
            ],
            "{more}"
        );
        assert!(graph.projects[2].is_locked);
    }
    assert!(
        monorepo(&service("nonsense = 1\n")).projects[2]
            .project
            .is_err()
    );
}

fn dependencies(names: &[&str]) -> String {
    let lines = names
        .iter()
        .map(|name| format!("{name} = {{path = \"../{name}\"}}\n"));
    "[tool.poetry.dependencies]\n".to_owned() + &lines.collect::<String>()
}

#[test]
fn order_cycles_and_what_is_reached() {
    let (a, b, c) = (
        dependencies(&["b"]),
        dependencies(&["c"]),
        dependencies(&["b", "d"]) + "[tool.poetry.group.dev.dependencies]\ne = {path = \"../e\"}\n",
    );
    let graph = monorepo(&[
        ("p/a", &a, None),
        ("p/b", &b, None),
        ("p/c", &c, None),
        ("p/d", "", None),
        ("p/e", "", None),
        ("p/f", &dependencies(&["f"]), None),
    ]);
    assert_eq!(graph.cycles(), [[1, 2]]);
    let order = graph.in_order();
    let place = |index: usize| order.iter().position(|other| *other == index);
    assert!(place(0) > place(1) && place(2) > place(3) && place(2) > place(4));
    let paths = |graph: &Monorepo| -> Vec<String> {
        graph.projects.iter().map(|it| it.path.clone()).collect()
    };
    assert_eq!(
        paths(&graph.reached_from(&[0])),
        ["p/a", "p/b", "p/c", "p/d"]
    );
    let reached = graph.reached_from(&[2]);
    assert_eq!(paths(&reached), ["p/b", "p/c", "p/d", "p/e"]);
    assert_eq!(reached.cycles(), [[0, 1]]);
}
