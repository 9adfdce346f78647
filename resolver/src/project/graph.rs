//! Which projects of a repository a project needs, found from the manifests.
//!
//! A requirement leads to a folder if it gives a path itself. But many repositories write `libmq = "*"` among the main
//! requirements, for the wheel, and the path once more among those for development. So a name without a path leads
//! where the root project says, in any of its groups, or else where the project says that asks for it. This is also how
//! Poetry resolves it: what comes from a folder satisfies all other requirements of that name.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::{Project, ProjectError, read_library};
use crate::name::{GroupName, PackageName};
use crate::path;
use crate::requirement::{Origin, Requirement};

/// A project and all projects it reaches.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The project itself first, then the others in the order they were met.
    pub nodes: Vec<Node>,
    /// Who needs whom.
    pub edges: Vec<Edge>,
}

/// A project in a graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its folder, resolved.
    pub folder: PathBuf,
    /// The name it is required by; for the root its own.
    pub name: PackageName,
    /// What its pyproject.toml says; `None` if it does not say all (a backend has to be asked).
    pub project: Option<Project>,
    /// The names from the root to this project, the root's first.
    pub chain: Vec<PackageName>,
}

/// A requirement between two projects of a graph.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edge {
    /// Index of the node that needs the other.
    pub from: usize,
    /// Index of the node that is needed.
    pub to: usize,
    /// What for.
    pub kind: EdgeKind,
}

/// What a project needs another for.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum EdgeKind {
    /// Always.
    Main,
    /// For an extra, or optionally.
    Extra,
    /// For a dependency group.
    Group(GroupName),
}

/// Why a graph can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A path leads nowhere.
    #[error("{} -> `{name}`: {} does not exist", names(chain), folder.display())]
    MissingPath {
        /// The names from the root to the project that gives the path.
        chain: Vec<PackageName>,
        /// The requirement.
        name: PackageName,
        /// Where it leads.
        folder: PathBuf,
    },
    /// A project on the way can't be read.
    #[error("{} can't be read", names(chain))]
    Project {
        /// The names from the root to it.
        chain: Vec<PackageName>,
        /// Why.
        source: Box<ProjectError>,
    },
}

impl Graph {
    /// Follows the requirements of `root`: all its groups, and of the others the main requirements.
    ///
    /// # Errors
    /// When a path leads nowhere, or a project can't be read.
    pub fn of(root: &Project) -> Result<Self, GraphError> {
        let name = root
            .package_name()
            .unwrap_or_else(|| PackageName::new("non-package-mode"));
        let mut search = Search {
            root_paths: declared_paths(root),
            indices: IndexMap::new(),
            graph: Self {
                nodes: Vec::new(),
                edges: Vec::new(),
            },
        };
        search.add(
            path::resolve(&root.root),
            name,
            Some(root.clone()),
            Vec::new(),
        );
        let mut next = 0;
        while next < search.graph.nodes.len() {
            search.follow(next)?;
            next += 1;
        }
        Ok(search.graph)
    }

    /// The projects that the root needs for itself, without its groups and extras; each after those it needs.
    #[must_use]
    pub fn through_main(&self) -> Vec<&Node> {
        self.through(|kind| *kind == EdgeKind::Main)
    }

    /// The projects that the root needs for anything; each after those it needs.
    #[must_use]
    pub fn through_all(&self) -> Vec<&Node> {
        self.through(|_| true)
    }

    /// The projects that the root reaches over edges of the kinds that `follow` likes; each after those it needs (as
    /// far as there is no cycle), without the root.
    #[must_use]
    pub fn through(&self, follow: impl Fn(&EdgeKind) -> bool) -> Vec<&Node> {
        let mut visited = vec![false; self.nodes.len()];
        let mut order = Vec::new();
        self.visit(0, &follow, &mut visited, &mut order);
        order.pop();
        order.into_iter().map(|index| &self.nodes[index]).collect()
    }

    fn visit(
        &self,
        node: usize,
        follow: &impl Fn(&EdgeKind) -> bool,
        visited: &mut [bool],
        order: &mut Vec<usize>,
    ) {
        if std::mem::replace(&mut visited[node], true) {
            return;
        }
        for edge in self
            .edges
            .iter()
            .filter(|edge| edge.from == node && follow(&edge.kind))
        {
            self.visit(edge.to, follow, visited, order);
        }
        order.push(node);
    }
}

struct Search {
    /// Where the root project finds its requirements, whatever the group.
    root_paths: FxHashMap<PackageName, PathBuf>,
    indices: IndexMap<PathBuf, usize>,
    graph: Graph,
}

impl Search {
    fn add(
        &mut self,
        folder: PathBuf,
        name: PackageName,
        project: Option<Project>,
        mut chain: Vec<PackageName>,
    ) -> usize {
        chain.push(name.clone());
        let index = self.graph.nodes.len();
        self.indices.insert(folder.clone(), index);
        self.graph.nodes.push(Node {
            folder,
            name,
            project,
            chain,
        });
        index
    }

    /// Adds the edges that begin at a node, and the nodes they lead to.
    fn follow(&mut self, from: usize) -> Result<(), GraphError> {
        let Some(project) = self.graph.nodes[from].project.clone() else {
            return Ok(());
        };
        let own_paths = declared_paths(&project);
        let main = GroupName::main();
        let groups = (project.groups.iter()).filter(|group| from == 0 || group.name == main);
        for group in groups {
            for requirement in &group.requirements {
                let known = || self.root_paths.get(&requirement.name);
                let folder = own_folder(requirement)
                    .or_else(|| known().cloned())
                    .or_else(|| own_paths.get(&requirement.name).cloned());
                let Some(folder) = folder else {
                    continue;
                };
                let kind = match (&group.name, requirement.optional) {
                    (name, _) if *name != main => EdgeKind::Group(name.clone()),
                    (_, true) => EdgeKind::Extra,
                    (_, false) => EdgeKind::Main,
                };
                let to = self.node_at(folder, requirement, from)?;
                let edge = Edge { from, to, kind };
                if from != to && !self.graph.edges.contains(&edge) {
                    self.graph.edges.push(edge);
                }
            }
        }
        Ok(())
    }

    fn node_at(
        &mut self,
        folder: PathBuf,
        requirement: &Requirement,
        from: usize,
    ) -> Result<usize, GraphError> {
        if let Some(index) = self.indices.get(&folder) {
            return Ok(*index);
        }
        let chain = self.graph.nodes[from].chain.clone();
        if !folder.is_dir() {
            return Err(GraphError::MissingPath {
                chain,
                name: requirement.name.clone(),
                folder,
            });
        }
        let project = match read_library(&folder) {
            Ok(project) => project,
            Err(source) => {
                let mut chain = chain;
                chain.push(requirement.name.clone());
                return Err(GraphError::Project {
                    chain,
                    source: Box::new(source),
                });
            }
        };
        Ok(self.add(folder, requirement.name.clone(), project, chain))
    }
}

/// The folder that the requirement itself gives.
pub(crate) fn own_folder(requirement: &Requirement) -> Option<PathBuf> {
    match &requirement.origin {
        Origin::Directory { path, base, .. } => Some(folder(base, path)),
        _ => None,
    }
}

fn folder(base: &Path, path: &str) -> PathBuf {
    path::resolve(&base.join(path))
}

/// All names for which the project gives a path in any of its groups; the first one counts.
pub(crate) fn declared_paths(project: &Project) -> FxHashMap<PackageName, PathBuf> {
    let mut paths = FxHashMap::default();
    for requirement in project.requirements() {
        if let Some(folder) = own_folder(requirement) {
            paths.entry(requirement.name.clone()).or_insert(folder);
        }
    }
    paths
}

fn names(chain: &[PackageName]) -> String {
    let names: Vec<String> = chain.iter().map(|name| format!("`{name}`")).collect();
    names.join(" -> ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{EdgeKind, Graph, GraphError, Node};
    use crate::project::Project;

    fn write(root: &Path, folder: &str, text: &str) {
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let head = format!(
            "[tool.poetry]\nname = \"{}\"\nversion = \"1\"\n",
            folder.file_name().unwrap().to_str().unwrap()
        );
        std::fs::write(folder.join("pyproject.toml"), head + text).unwrap();
    }

    fn names(nodes: &[&Node]) -> Vec<String> {
        nodes.iter().map(|node| node.name.to_string()).collect()
    }

    /// Libraries stand twice: `*` (or nothing) for the wheel, a path for development.
    #[test]
    fn a_name_leads_where_any_group_says() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "libs/telemetry", "");
        write(
            root,
            "libs/testing",
            "[tool.poetry.dependencies]\ntelemetry = \"*\"\n",
        );
        write(
            root,
            "libs/mq",
            "[tool.poetry.dependencies]\ntelemetry = \"\"\n[tool.poetry.dev-dependencies]\ntelemetry = {path = \"../telemetry\"}\n",
        );
        write(
            root,
            "services/worker",
            "[tool.poetry.dependencies]\nmq = \"\"\nrequests = \"*\"\n[tool.poetry.group.dev.dependencies]\nmq = {path = \"../../libs/mq\", develop = true}\ntesting = {path = \"../../libs/testing\"}\n",
        );
        let project = Project::read(&root.join("services/worker")).unwrap();
        let warning = "Warning: the constraint \"\" of `mq` is read as \"*\"; write \"*\", Poetry refuses \"\"";
        assert_eq!(project.warnings, [warning]);
        let graph = Graph::of(&project).unwrap();
        assert_eq!(names(&graph.through_main()), ["telemetry", "mq"]);
        let with_dev = names(&graph.through_all());
        assert_eq!(with_dev, ["telemetry", "mq", "testing"]);
        let to_mq: Vec<&EdgeKind> = (graph.edges.iter())
            .filter(|edge| edge.from == 0 && graph.nodes[edge.to].name.as_str() == "mq")
            .map(|edge| &edge.kind)
            .collect();
        assert_eq!(to_mq.len(), 2, "{to_mq:?}");
    }

    /// Poetry can't follow this path from another project, see `Project::main_requirements`.
    #[test]
    fn a_path_beside_a_standard_requirement_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "c", "");
        write(
            root,
            "b",
            "[tool.poetry.dependencies]\nc = {path = \"../c\"}\n[project]\nname = \"b\"\nversion = \"1\"\ndependencies = [\"c>=1\"]\n",
        );
        write(
            root,
            "a",
            "[tool.poetry.dependencies]\nb = {path = \"../b\"}\n",
        );
        let graph = Graph::of(&Project::read(&root.join("a")).unwrap()).unwrap();
        assert_eq!(names(&graph.through_main()), ["c", "b"]);
        let b = graph.nodes[1].project.as_ref().unwrap();
        assert!(
            b.main_requirements()
                .all(|requirement| requirement.origin.is_direct())
        );
        assert_eq!(b.published_requirements[0].to_pep508(true), "c (>=1)");
    }

    #[test]
    fn cycles_end() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(
            root,
            "a",
            "[tool.poetry.dependencies]\nb = {path = \"../b\"}\n",
        );
        write(
            root,
            "b",
            "[tool.poetry.dependencies]\nc = {path = \"../c\"}\n",
        );
        write(
            root,
            "c",
            "[tool.poetry.dependencies]\nb = {path = \"../b\"}\na = {path = \"../a\"}\n",
        );
        let graph = Graph::of(&Project::read(&root.join("a")).unwrap()).unwrap();
        assert_eq!(names(&graph.through_main()), ["c", "b"]);
        assert_eq!(graph.edges.len(), 4);
    }

    #[test]
    fn a_missing_folder_is_named_with_the_way_to_it() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(
            root,
            "a",
            "[tool.poetry.dependencies]\nb = {path = \"../b\"}\n",
        );
        write(
            root,
            "b",
            "[tool.poetry.dependencies]\nc = {path = \"../c\"}\n",
        );
        let error = Graph::of(&Project::read(&root.join("a")).unwrap()).unwrap_err();
        assert!(matches!(error, GraphError::MissingPath { .. }));
        let text = error.to_string();
        assert!(text.starts_with("`a` -> `b` -> `c`: "), "{text}");
    }
}
