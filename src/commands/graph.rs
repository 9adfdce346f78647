//! `mpoetry graph`: the projects of the repository, and who needs whom.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use resolver::monorepo::{Edge, Member, Monorepo};
use resolver::name::{ExtraName, GroupName};
use resolver::project::workspace::Workspace;
use serde_json::{Value, json};

use super::bundle::find_service;
use crate::console::{DARK, NAME, VALUE};
use crate::context::Context;
use crate::failure::Failure;

/// Shows the projects of the repository and how they depend on each other
///
/// What manifests and lock files say: a path in any group, or the name of a project for which there is a path. The
/// tree begins with the services, which no other project needs. What is needed by another group than main, or only
/// for an extra, says so; (*) stands for what was shown above, (cycle) for a project that stands further up the same
/// branch.
///
/// Of services that are named all groups count, of what they need only main.
///
/// The form `json` is {"schema": 1, "root": ".", "projects": [{"name", "path", "version", "kind", "locked"}], "edges":
/// [{"from", "to", "groups", "extras", "optional"}], "cycles": [[path, ...]]}. Paths are relative to the root of the
/// repository and stand for projects; kind is "service" or "library"; extras are those of "from" that ask for "to", and
/// optional tells that main needs it for these alone. New keys may come; those that are there keep their meaning.
#[derive(Debug, clap::Args)]
pub(crate) struct GraphArgs {
    /// Only these projects and what they need: names, names of folders, or paths
    services: Vec<String>,
    /// The form of the answer; dot is for Graphviz
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    format: Format,
}

/// Forms of a graph.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Dot,
    Mermaid,
}

/// # Errors
/// When a service can't be found, or there is no project at all.
pub(crate) fn run(cx: &Context, args: &GraphArgs) -> Result<(), Failure> {
    let start = cx.start();
    let root = Workspace::find_root(start).unwrap_or_else(|| start.to_owned());
    let whole = Monorepo::read(&root);
    if whole.projects.is_empty() {
        let root = root.display();
        return Err(Failure::new(format!("there is no project below {root}")));
    }
    let (graph, starts) = if args.services.is_empty() {
        let starts = starts(&whole);
        (whole, starts)
    } else {
        let mut named = Vec::new();
        for word in &args.services {
            named.push(find_member(cx, &whole, word)?);
        }
        let graph = whole.reached_from(&named);
        let paths = named.iter().map(|index| &whole.projects[*index].path);
        let place = |path: &String| {
            graph
                .projects
                .iter()
                .position(|member| member.path == *path)
        };
        let starts = paths.filter_map(place).collect();
        (graph, starts)
    };
    warn(cx, &graph);
    let text = match args.format {
        Format::Text => Tree::new(&graph).text(&starts),
        Format::Json => serde_json::to_string_pretty(&document(&graph)).map_err(Failure::caused)?,
        Format::Dot => dot(&graph),
        Format::Mermaid => mermaid(&graph),
    };
    cx.console.line(text.trim_end());
    Ok(())
}

fn find_member(cx: &Context, graph: &Monorepo, word: &str) -> Result<usize, Failure> {
    let folder = find_service(cx, word)?;
    graph.index_of(&folder).ok_or_else(|| {
        let folder = folder.display();
        Failure::new(format!("{folder} is no project of this repository"))
    })
}

/// Where trees begin: at services; of projects that only need each other at the first.
fn starts(graph: &Monorepo) -> Vec<usize> {
    let all = 0..graph.projects.len();
    let is_service = |index: &usize| graph.projects[*index].is_service;
    let mut starts: Vec<usize> = all.clone().filter(is_service).collect();
    let mut seen = BTreeSet::new();
    for start in starts.clone().into_iter().chain(all) {
        if !seen.contains(&start) && !starts.contains(&start) {
            starts.push(start);
        }
        let mut next = vec![start];
        while let Some(index) = next.pop() {
            if seen.insert(index) {
                next.extend(graph.edges_from(index).map(|edge| edge.to));
            }
        }
    }
    starts
}

fn warn(cx: &Context, graph: &Monorepo) {
    let path = |index: usize| graph.projects[index].path.as_str();
    for member in &graph.projects {
        if let Err(reason) = &member.project {
            let root = format!("{}/", graph.root.display());
            let (path, reason) = (&member.path, reason.replace(&root, ""));
            cx.console.warning(format_args!(
                "Warning: what {path} needs can't be read: {reason}"
            ));
        }
    }
    for dangling in &graph.dangling {
        let (from, name, to) = (path(dangling.from), &dangling.name, &dangling.path);
        cx.console.warning(format_args!(
            "Warning: {from} needs {name} from {to}, where is no project"
        ));
    }
    for cycle in graph.cycles() {
        let mut paths: Vec<&str> = cycle.iter().map(|index| path(*index)).collect();
        paths.extend(paths.first().copied());
        cx.console.warning(format_args!(
            "Warning: projects need each other: {}",
            paths.join(" -> ")
        ));
    }
}

/// A graph as text.
struct Tree<'a> {
    graph: &'a Monorepo,
    shown: BTreeSet<usize>,
    branch: Vec<usize>,
    text: String,
}

impl<'a> Tree<'a> {
    fn new(graph: &'a Monorepo) -> Self {
        Self {
            graph,
            shown: BTreeSet::new(),
            branch: Vec::new(),
            text: String::new(),
        }
    }

    fn text(mut self, starts: &[usize]) -> String {
        for start in starts {
            self.node(*start, "", "", "");
        }
        self.text
    }

    /// `before` stands before the node's own line, `below` before those of its branches.
    fn node(&mut self, index: usize, before: &str, below: &str, label: &str) {
        let edges: Vec<&Edge> = self.graph.edges_from(index).collect();
        let note = if self.branch.contains(&index) {
            " (cycle)"
        } else if self.shown.contains(&index) && !edges.is_empty() {
            " (*)"
        } else {
            ""
        };
        let Member {
            name,
            version,
            path,
            ..
        } = &self.graph.projects[index];
        let version = version.as_ref().map_or(String::new(), |v| format!(" {v}"));
        self.text += &format!(
            "{before}{NAME}{name}{NAME:#}{VALUE}{version}{VALUE:#} ({path}){label}{DARK}{note}{DARK:#}\n"
        );
        if !note.is_empty() {
            return;
        }
        self.shown.insert(index);
        self.branch.push(index);
        for (place, edge) in edges.iter().enumerate() {
            let (corner, line) = match place + 1 == edges.len() {
                true => ("└── ", "    "),
                false => ("├── ", "│   "),
            };
            let (before, deeper) = (format!("{below}{corner}"), format!("{below}{line}"));
            self.node(edge.to, &before, &deeper, &in_brackets(edge));
        }
        self.branch.pop();
    }
}

fn in_brackets(edge: &Edge) -> String {
    let label = label(edge);
    match label.as_str() {
        "" => label,
        _ => format!(" [{label}]"),
    }
}

/// What is special about an edge: other groups than `main`, and that only extras need it.
fn label(edge: &Edge) -> String {
    let main = GroupName::main();
    let mut words = Vec::new();
    for group in &edge.groups {
        if *group != main || !edge.optional {
            words.push(group.to_string());
        } else if edge.extras.is_empty() {
            words.push("optional".to_owned());
        } else {
            words.extend(edge.extras.iter().map(|extra| format!("extra {extra}")));
        }
    }
    match words.join(", ") {
        label if label == main.as_str() => String::new(),
        label => label,
    }
}

fn document(graph: &Monorepo) -> Value {
    let path = |index: usize| graph.projects[index].path.as_str();
    let projects = graph.projects.iter().map(|member| {
        json!({
            "name": member.name.as_str(),
            "path": member.path,
            "version": member.version,
            "kind": kind(member.is_service),
            "locked": member.is_locked,
        })
    });
    let edges = graph.edges.iter().map(|edge| {
        json!({
            "from": path(edge.from),
            "to": path(edge.to),
            "groups": edge.groups.iter().map(GroupName::as_str).collect::<Vec<_>>(),
            "extras": edge.extras.iter().map(ExtraName::as_str).collect::<Vec<_>>(),
            "optional": edge.optional,
        })
    });
    let cycles = graph.cycles().into_iter();
    let cycles = cycles.map(|cycle| cycle.into_iter().map(path).collect::<Vec<_>>());
    json!({
        "schema": 1,
        "root": ".",
        "projects": projects.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
        "cycles": cycles.collect::<Vec<_>>(),
    })
}

/// The word for what a project is to the others.
pub(super) fn kind(is_service: bool) -> &'static str {
    match is_service {
        true => "service",
        false => "library",
    }
}

fn dot(graph: &Monorepo) -> String {
    let mut text = "digraph projects {\n    rankdir = LR\n    node [shape = box]\n".to_owned();
    for member in &graph.projects {
        let style = if member.is_service {
            ", style = bold"
        } else {
            ""
        };
        let (path, label) = (quoted(&member.path), quoted(&title(member)));
        writeln!(text, "    {path} [label = {label}{style}]").ok();
    }
    for edge in &graph.edges {
        let [from, to] = [edge.from, edge.to].map(|index| quoted(&graph.projects[index].path));
        let style = if is_firm(edge) {
            ""
        } else {
            ", style = dashed"
        };
        let label = match label(edge) {
            label if label.is_empty() => label,
            label => format!(" [label = {}{style}]", quoted(&label)),
        };
        writeln!(text, "    {from} -> {to}{label}").ok();
    }
    text + "}\n"
}

/// Is it needed always, whoever uses the project?
fn is_firm(edge: &Edge) -> bool {
    edge.groups.contains(&GroupName::main()) && !edge.optional
}

fn mermaid(graph: &Monorepo) -> String {
    let mut text = "graph LR\n".to_owned();
    for (index, member) in graph.projects.iter().enumerate() {
        let title = title(member).replace('"', "#quot;");
        let (open, close) = match member.is_service {
            true => ("([", "])"),
            false => ("[", "]"),
        };
        writeln!(text, "    p{index}{open}\"{title}\"{close}").ok();
    }
    for edge in &graph.edges {
        let arrow = match label(edge) {
            label if label.is_empty() => "-->".to_owned(),
            label if is_firm(edge) => format!("-- \"{label}\" -->"),
            label => format!("-. \"{label}\" .->"),
        };
        writeln!(text, "    p{} {arrow} p{}", edge.from, edge.to).ok();
    }
    text
}

fn title(member: &Member) -> String {
    let version = member.version.as_deref().unwrap_or_default();
    format!("{} {version}", member.name).trim_end().to_owned()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
