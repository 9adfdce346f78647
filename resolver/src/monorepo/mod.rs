//! A repository as a whole: its projects, who needs whom, and what a change affects.
//!
//! ```text
//!  manifests, locks ──► Monorepo (projects, edges) ──┬─► graph, cycles, order
//!                                                    │
//!  git: what differs ──► what each project changed ──┴─► affected
//! ```
//!
//! [`project::graph`](crate::project::graph) follows the paths of one project, and stops when one leads nowhere. Here
//! all projects are seen at once, and one that can't be read must not hide the others: it is there without its edges,
//! and a warning says why.
//!
//! An edge is a requirement that leads to another project: by a path of its own; by a name for which the project gives
//! a path in any of its groups; or, where no manifest says it, because a lock file found that name in a folder.

mod affected;
mod difference;
mod patterns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use toml::Table;

pub use affected::{
    Affected, AffectedError, AffectedProjects, Part, Purpose, Question, Reason, affected,
};
pub use difference::{Aspect, PackageChange};

use crate::lock::{self, LockedPackage, Lockfile};
use crate::name::{ExtraName, GroupName, PackageName};
use crate::path;
use crate::project::graph::{declared_paths, own_folder};
use crate::project::toml_path::{parse_toml, text_at};
use crate::project::workspace::{Workspace, name_in};
use crate::project::{Project, is_poetry_core};
use crate::requirement::Requirement;

/// The projects of a repository and who needs whom.
#[derive(Clone, Debug)]
pub struct Monorepo {
    /// The repository's root folder.
    pub root: PathBuf,
    /// By path.
    pub projects: Vec<Member>,
    /// By the paths of both ends; one for each pair.
    pub edges: Vec<Edge>,
    /// Paths below the root that lead to no project.
    pub dangling: Vec<Dangling>,
}

/// A project of a repository.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its folder, relative to the root with `/`; `.` for the root itself.
    pub path: String,
    /// Its name.
    pub name: PackageName,
    /// Its version, if the manifest says it.
    pub version: Option<String>,
    /// Does it have a lock file?
    pub is_locked: bool,
    /// Is it one that no other project of the repository needs, in any of its groups?
    pub is_service: bool,
    /// What its manifest says, or why that can't be told.
    pub project: Result<Project, String>,
}

/// A requirement of one project on another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edge {
    /// Index of the project that needs the other.
    pub from: usize,
    /// Index of the project that is needed.
    pub to: usize,
    /// The groups that need it, `main` first.
    pub groups: Vec<GroupName>,
    /// The extras of `from` that ask for it in `main`.
    pub extras: Vec<ExtraName>,
    /// Does `main` need it only where an extra asks for it?
    pub optional: bool,
}

/// A requirement whose path leads to no project.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dangling {
    /// Index of the project that has it.
    pub from: usize,
    /// What is required.
    pub name: PackageName,
    /// Where it leads, relative to the root.
    pub path: String,
}

/// The texts of a project's two files.
#[derive(Clone, Debug)]
struct Texts {
    path: String,
    manifest: String,
    lock: Option<String>,
}

/// The files that say what a project needs.
const MANIFEST: &str = "pyproject.toml";

impl Monorepo {
    /// Reads the projects below `root` from disk, passing over what git ignores.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let workspace = Workspace::discover(root);
        let texts = workspace.members.par_iter().filter_map(|member| {
            let read = |name| fs_err::read_to_string(member.folder.join(name)).ok();
            Some(Texts {
                path: shown(&member.folder, &workspace.root)?,
                manifest: read(MANIFEST)?,
                lock: read(lock::FILE_NAME),
            })
        });
        let texts = texts.collect();
        Self::of(&workspace.root, texts)
    }

    /// The repository that these files make.
    fn of(root: &Path, mut texts: Vec<Texts>) -> Self {
        texts.sort_by(|a, b| a.path.cmp(&b.path));
        let (mut projects, locks): (Vec<Member>, Vec<Vec<LockedPackage>>) = texts
            .par_iter()
            .filter_map(|texts| Some((Member::parse(root, texts)?, folders_in_lock(root, texts))))
            .unzip();
        let mut search = Search::new(root, &projects);
        for (from, member) in projects.iter().enumerate() {
            search.follow(from, member, &locks[from]);
        }
        for (from, packages) in locks.iter().enumerate() {
            search.fill(from, packages);
        }
        let (edges, dangling) = search.finish();
        for edge in &edges {
            projects[edge.to].is_service = false;
        }
        Self {
            root: root.to_owned(),
            projects,
            edges,
            dangling,
        }
    }

    /// The project in a folder that a word means: see [`Workspace::select`].
    #[must_use]
    pub fn index_of(&self, folder: &Path) -> Option<usize> {
        let path = shown(&path::resolve(folder), &self.root)?;
        self.projects.iter().position(|member| member.path == path)
    }

    /// The folder of a project.
    #[must_use]
    pub fn folder(&self, index: usize) -> PathBuf {
        match self.projects[index].path.as_str() {
            "." => self.root.clone(),
            path => self.root.join(path),
        }
    }

    /// The edges that begin at a project.
    pub fn edges_from(&self, from: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.from == from)
    }

    /// What is left of it seen from `starts`: these, what any of their groups needs, and what those need in `main`.
    #[must_use]
    pub fn reached_from(&self, starts: &[usize]) -> Self {
        let main = GroupName::main();
        let mut reached: BTreeSet<usize> = starts.iter().copied().collect();
        let mut queue: VecDeque<usize> = starts.iter().copied().collect();
        let mut kept = Vec::new();
        while let Some(from) = queue.pop_front() {
            for edge in self.edges_from(from) {
                let mut edge = edge.clone();
                if !starts.contains(&from) {
                    edge.groups.retain(|group| *group == main);
                }
                if edge.groups.is_empty() {
                    continue;
                }
                if reached.insert(edge.to) {
                    queue.push_back(edge.to);
                }
                kept.push(edge);
            }
        }
        let new: FxHashMap<usize, usize> = reached.iter().copied().zip(0..).collect();
        let projects = reached.iter().map(|index| self.projects[*index].clone());
        let dangling = self.dangling.iter().filter_map(|dangling| {
            Some(Dangling {
                from: *new.get(&dangling.from)?,
                ..dangling.clone()
            })
        });
        let mut edges: Vec<Edge> = (kept.into_iter())
            .map(|edge| Edge {
                from: new[&edge.from],
                to: new[&edge.to],
                ..edge
            })
            .collect();
        edges.sort_by_key(|edge| (edge.from, edge.to));
        Self {
            root: self.root.clone(),
            projects: projects.collect(),
            edges,
            dangling: dangling.collect(),
        }
    }

    /// All projects, each after those it needs as far as there is no cycle.
    #[must_use]
    pub fn in_order(&self) -> Vec<usize> {
        let mut visited = vec![false; self.projects.len()];
        let mut order = Vec::new();
        for start in 0..self.projects.len() {
            self.visit(start, &mut visited, &mut order);
        }
        order
    }

    fn visit(&self, index: usize, visited: &mut [bool], order: &mut Vec<usize>) {
        if std::mem::replace(&mut visited[index], true) {
            return;
        }
        for edge in self.edges_from(index) {
            self.visit(edge.to, visited, order);
        }
        order.push(index);
    }

    /// Projects that need each other: for each knot of them the shortest way round that the first of them is on, which
    /// it begins with.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        let mut cycles: Vec<Vec<usize>> = Vec::new();
        let mut in_knots = BTreeSet::new();
        for start in 0..self.projects.len() {
            if in_knots.contains(&start) {
                continue;
            }
            let ways = self.ways_from(start, |_| true);
            let back = self.edges.iter().filter(|edge| edge.to == start);
            let back = back.filter_map(|edge| ways.get(&edge.from));
            let Some(shortest) = back.min_by_key(|way| way.len()) else {
                continue;
            };
            cycles.push(shortest.clone());
            // The knot: who is reached from here and reaches it.
            let knot = ways.keys().filter(|index| {
                let ways = self.ways_from(**index, |_| true);
                ways.contains_key(&start)
            });
            in_knots.extend(knot.copied());
        }
        cycles
    }

    /// The shortest ways to `start` itself and to all projects that it reaches over edges that lead on.
    fn ways_from(
        &self,
        start: usize,
        leads_on: impl Fn(&Edge) -> bool,
    ) -> BTreeMap<usize, Vec<usize>> {
        let mut ways = BTreeMap::from([(start, vec![start])]);
        let mut queue = VecDeque::from([start]);
        while let Some(from) = queue.pop_front() {
            for edge in self.edges_from(from).filter(|edge| leads_on(edge)) {
                if !ways.contains_key(&edge.to) {
                    let mut way = ways[&from].clone();
                    way.push(edge.to);
                    ways.insert(edge.to, way);
                    queue.push_back(edge.to);
                }
            }
        }
        ways
    }
}

impl Member {
    /// `None` if the manifest has no name, or is no TOML.
    fn parse(root: &Path, texts: &Texts) -> Option<Self> {
        let document = parse_toml(&texts.manifest).ok()?;
        let project = Project::parse(&texts.manifest, &root.join(&texts.path));
        Some(Self {
            path: texts.path.clone(),
            name: name_in(&document)?,
            version: version_in(&document),
            is_locked: texts.lock.is_some(),
            is_service: true,
            project: project.map_err(|error| error.to_string()),
        })
    }

    /// Would Poetry lock it: does it have `[tool.poetry]`, or poetry-core for a backend?
    #[must_use]
    pub fn is_of_poetry(&self) -> bool {
        self.project.as_ref().is_ok_and(|project| {
            let tool = project.document.get("tool");
            tool.is_some_and(|tool| tool.get("poetry").is_some()) || builds_with_poetry(project)
        })
    }
}

fn builds_with_poetry(project: &Project) -> bool {
    let backend = project.build_system.backend.as_deref();
    backend.is_some_and(is_poetry_core)
}

fn version_in(document: &Table) -> Option<String> {
    text_at(document, &["project", "version"])
        .or_else(|| text_at(document, &["tool", "poetry", "version"]))
        .map(str::to_owned)
}

/// The packages of a project's lock file that are folders. Without a word if it can't be read: others tell that.
fn folders_in_lock(root: &Path, texts: &Texts) -> Vec<LockedPackage> {
    let Some(text) = texts.lock.as_deref() else {
        return Vec::new();
    };
    if !text.contains("\"directory\"") {
        return Vec::new();
    }
    Lockfile::parse_directories(text, &root.join(&texts.path))
        .map(|lockfile| lockfile.packages)
        .unwrap_or_default()
}

/// The way from the root to a folder below it.
fn shown(folder: &Path, root: &Path) -> Option<String> {
    let parts = folder.strip_prefix(root).ok()?.iter();
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
    Some(match parts.is_empty() {
        true => ".".to_owned(),
        false => parts.join("/"),
    })
}

/// Gathers edges.
struct Search<'a> {
    root: &'a Path,
    projects: &'a [Member],
    indices: FxHashMap<&'a str, usize>,
    edges: BTreeMap<(usize, usize), Draft>,
    dangling: Vec<Dangling>,
}

/// What is known of an edge.
#[derive(Default)]
struct Draft {
    groups: BTreeSet<GroupName>,
    extras: BTreeSet<ExtraName>,
    /// Is there a requirement in `main` that is not optional?
    is_always_needed: bool,
}

impl Draft {
    fn add(&mut self, group: &GroupName, requirement: &Requirement) {
        if *group == GroupName::main() {
            self.is_always_needed |= !requirement.optional;
            self.extras.extend(requirement.in_extras.iter().cloned());
        }
        self.groups.insert(group.clone());
    }
}

/// Where a path leads.
enum Target {
    Project(usize),
    Nowhere(String),
    Outside,
}

impl<'a> Search<'a> {
    fn new(root: &'a Path, projects: &'a [Member]) -> Self {
        let paths = projects.iter().map(|member| member.path.as_str());
        Self {
            root,
            projects,
            indices: paths.zip(0..).collect(),
            edges: BTreeMap::new(),
            dangling: Vec::new(),
        }
    }

    /// Where a folder is in the repository. Links on the way count only if it is nowhere without them: of an older
    /// commit nothing is on disk.
    fn target(&self, folder: &Path) -> Target {
        let plain = shown(&path::normalize(folder), self.root);
        let resolved = || shown(&path::resolve(folder), self.root);
        let find = |path: &Option<String>| self.indices.get(path.as_deref()?).copied();
        match find(&plain).or_else(|| find(&resolved())) {
            Some(index) => Target::Project(index),
            None => plain.map_or(Target::Outside, Target::Nowhere),
        }
    }

    fn targets(&self, from: usize, packages: &[LockedPackage]) -> BTreeMap<PackageName, usize> {
        let folder = self.root.join(&self.projects[from].path);
        let targets = packages.iter().filter_map(|package| {
            let source = package.source.as_ref()?;
            match self.target(&folder.join(&source.url)) {
                Target::Project(index) => Some((package.name.clone(), index)),
                _ => None,
            }
        });
        targets.collect()
    }

    /// Adds the edges that begin at a project, as its manifest has them, or else its lock file.
    fn follow(&mut self, from: usize, member: &Member, packages: &[LockedPackage]) {
        let locked = self.targets(from, packages);
        let Ok(project) = &member.project else {
            for package in packages {
                if let Some(to) = locked.get(&package.name).filter(|to| **to != from) {
                    let draft = self.edges.entry((from, *to)).or_default();
                    draft.is_always_needed |= !package.optional;
                    draft.groups.extend(package.groups.iter().cloned());
                }
            }
            return;
        };
        let paths = declared_paths(project);
        for group in &project.groups {
            for requirement in &group.requirements {
                let name = &requirement.name;
                let folder = own_folder(requirement).or_else(|| paths.get(name).cloned());
                let target = match folder {
                    Some(folder) => self.target(&folder),
                    None => (locked.get(name)).map_or(Target::Outside, |to| Target::Project(*to)),
                };
                match target {
                    Target::Project(to) if to != from => {
                        let draft = self.edges.entry((from, to)).or_default();
                        draft.add(&group.name, requirement);
                    }
                    Target::Nowhere(path) => {
                        let name = name.clone();
                        let dangling = Dangling { from, name, path };
                        if !self.dangling.contains(&dangling) {
                            self.dangling.push(dangling);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Adds edges between the libraries of a project that only its lock file knows: one of them gives the name of
    /// another, and leaves it to the project to say where that is.
    fn fill(&mut self, of: usize, packages: &[LockedPackage]) {
        let locked = self.targets(of, packages);
        for package in packages {
            let Some(from) = locked.get(&package.name) else {
                continue;
            };
            for requirement in &package.requirements {
                match locked.get(&requirement.name) {
                    Some(to) if to != from && !self.edges.contains_key(&(*from, *to)) => {
                        let mut draft = Draft::default();
                        draft.add(&GroupName::main(), requirement);
                        self.edges.insert((*from, *to), draft);
                    }
                    _ => {}
                }
            }
        }
    }

    fn finish(self) -> (Vec<Edge>, Vec<Dangling>) {
        let main = GroupName::main();
        let edges = self.edges.into_iter().map(|((from, to), draft)| {
            let mut groups: Vec<GroupName> = draft.groups.into_iter().collect();
            groups.sort_by_key(|group| *group != main);
            Edge {
                from,
                to,
                optional: groups.contains(&main) && !draft.is_always_needed,
                extras: draft.extras.into_iter().collect(),
                groups,
            }
        });
        (edges.collect(), self.dangling)
    }
}

#[cfg(test)]
mod tests;
