//! Which projects a change affects.
//!
//! A project is affected by what it changed itself: its files, the meaning of its manifest, the packages that its lock
//! file pins, its place. And by what its libraries changed: of those that any of its groups needs, and of those that
//! they need in `main`. A library's lock file and its other groups are for its own development; whoever uses it has a
//! lock file of their own, so these do not pass on.
//!
//! With [`Purpose::Bundle`] only that counts which goes into wheels: files that poetry-core would pack, and of a
//! manifest what a build reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use toml::Value;

use super::difference::{self, PackageChange};
use super::patterns::{Patterns, WheelFiles};
use super::{Edge, MANIFEST, Monorepo, Texts};
use crate::git::{Change, ChangeKind, WorkTree, WorkTreeError};
use crate::lock;
use crate::name::{GroupName, PackageName};
use crate::path;
use crate::project::toml_path::{parse_toml, value_at};
use crate::project::workspace::{SKIPPED, name_in};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The repository's root.
    pub root: &'a Path,
    /// Changes count from where this commit and the present one parted.
    pub since: &'a str,
    /// The commit whose state counts; `None` for the files on disk, as far as git does not ignore them.
    pub head: Option<&'a str>,
    /// The groups that count.
    pub part: Part,
    /// What for.
    pub purpose: Purpose,
}

/// Some of the dependency groups.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Part {
    /// All of them.
    #[default]
    All,
    /// These and no others.
    Only(BTreeSet<GroupName>),
    /// All but these.
    Without(BTreeSet<GroupName>),
}

/// What the answer is for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Purpose {
    /// Tests, lints, whatever.
    #[default]
    Anything,
    /// Wheels.
    Bundle,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AffectedError {
    /// Git does not give one.
    #[error(transparent)]
    WorkTree(#[from] WorkTreeError),
    /// `global-inputs` can't be read.
    #[error("`global-inputs` of [tool.mpoetry] in the root's pyproject.toml {0}")]
    GlobalInputs(String),
    /// No project has such a group.
    #[error("no project has a dependency group `{0}`")]
    Group(GroupName),
}

/// The answer.
#[derive(Clone, Debug)]
pub struct AffectedProjects {
    /// The commit that changes count from.
    pub base: String,
    /// By path; those that are gone among them.
    pub projects: Vec<Affected>,
}

/// A project that a change affects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Affected {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// The same, relative to the root with `/`.
    pub path: String,
    /// Its name.
    pub name: PackageName,
    /// Its version, if its manifest says it.
    pub version: Option<String>,
    /// No other project needs it.
    pub is_service: bool,
    /// It is there no more.
    pub is_deleted: bool,
    /// At least one.
    pub reasons: Vec<Reason>,
}

/// Why a project is affected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It is there no more.
    Deleted,
    /// It was not there.
    New,
    /// It was somewhere else; a project of its name is gone from there.
    Moved {
        /// Where, relative to the root.
        from: String,
    },
    /// Files that count for all projects differ. Paths are relative to the root.
    GlobalInputs(Vec<(String, ChangeKind)>),
    /// Its manifest means something else.
    Manifest,
    /// Its files differ. Paths are relative to the project.
    Files(Vec<(String, ChangeKind)>),
    /// Its lock file pins something else.
    Lock(Vec<PackageChange>),
    /// Its lock file is new, is gone, or can't be compared.
    LockFile(ChangeKind),
    /// It needs a project that changed. The way there, without itself; the last one changed.
    Dependency(Vec<String>),
}

impl Part {
    /// Is this group in it?
    #[must_use]
    pub fn takes(&self, group: &GroupName) -> bool {
        match self {
            Self::All => true,
            Self::Only(groups) => groups.contains(group),
            Self::Without(groups) => !groups.contains(group),
        }
    }

    pub(super) fn takes_all(&self) -> bool {
        *self == Self::All
    }

    fn main() -> Self {
        Self::Only(BTreeSet::from([GroupName::main()]))
    }

    fn named(&self) -> impl Iterator<Item = &GroupName> {
        let groups = match self {
            Self::All => None,
            Self::Only(groups) | Self::Without(groups) => Some(groups),
        };
        groups.into_iter().flatten()
    }
}

impl Reason {
    /// Does it concern those who use the project, whatever they use it for?
    fn passes_on(&self) -> bool {
        matches!(
            self,
            Self::New | Self::Moved { .. } | Self::Manifest | Self::Files(_)
        )
    }
}

/// The projects that a change affects.
///
/// # Errors
/// When git does not know what has changed, or the question names what is not there.
pub fn affected(question: &Question<'_>) -> Result<AffectedProjects, AffectedError> {
    let root = &path::resolve(question.root);
    let tree = WorkTree::of(root);
    let base = tree.merge_base(question.since, question.head.unwrap_or("HEAD"))?;
    let (head, changes) = rayon::join(
        || Head::read(root, &tree, question.head),
        || changes(&tree, &base, question.head),
    );
    let (head, changes) = (head?, changes?);
    check_groups(&question.part, &head.monorepo)?;
    let base_texts = base_texts(&tree, &changes)?;
    let comparison = Comparison {
        question,
        gone: gone(&head, &changes, &base_texts),
        head: &head,
        changes: &changes,
        base: base_texts,
    };
    Ok(AffectedProjects {
        base,
        projects: comparison.projects(&global_changes(&head, &changes)?),
    })
}

/// The present state.
struct Head {
    monorepo: Monorepo,
    /// Manifests and locks, if they are not on disk.
    texts: Option<FxHashMap<String, String>>,
}

impl Head {
    fn read(root: &Path, tree: &WorkTree, commit: Option<&str>) -> Result<Self, WorkTreeError> {
        let Some(commit) = commit else {
            return Ok(Self {
                monorepo: Monorepo::read(root),
                texts: None,
            });
        };
        let files = tree.files(commit, &[MANIFEST, lock::FILE_NAME])?;
        let objects: Vec<&str> = files.iter().map(|file| file.object.as_str()).collect();
        let contents = tree.read(&objects)?;
        let texts = files.iter().filter_map(|file| {
            let content = contents.get(&file.object)?;
            Some((file.path.clone(), text(content)))
        });
        let texts: FxHashMap<String, String> = texts.collect();
        let projects = texts.iter().filter_map(|(path, manifest)| {
            let folder = manifest_folder(path)?;
            Some(Texts {
                lock: texts.get(&inside(folder, lock::FILE_NAME)).cloned(),
                path: folder.to_owned(),
                manifest: manifest.clone(),
            })
        });
        let projects = projects.collect();
        Ok(Self {
            monorepo: Monorepo::of(root, projects),
            texts: Some(texts),
        })
    }

    fn text(&self, path: &str) -> Option<String> {
        match &self.texts {
            Some(texts) => texts.get(path).cloned(),
            None => fs_err::read_to_string(self.monorepo.root.join(path)).ok(),
        }
    }
}

/// All files that differ, by path. What is made from the sources is not among them.
fn changes(
    tree: &WorkTree,
    base: &str,
    head: Option<&str>,
) -> Result<BTreeMap<String, Change>, WorkTreeError> {
    let untracked = || match head {
        None => tree.untracked(),
        Some(_) => Ok(Vec::new()),
    };
    let (tracked, untracked) = rayon::join(|| tree.changes(base, head), untracked);
    let tracked = tracked?.into_iter();
    let mut changes: BTreeMap<String, Change> = tracked
        .map(|change| (change.path.clone(), change))
        .collect();
    for path in untracked? {
        // It may be one that git was told to forget.
        let change = changes.entry(path.clone()).or_insert(Change {
            path,
            kind: ChangeKind::Added,
            before: None,
        });
        if change.kind == ChangeKind::Deleted {
            change.kind = ChangeKind::Modified;
        }
    }
    changes.retain(|path, _| !is_made(path));
    Ok(changes)
}

/// Does it lie in a folder that is never a source, wherever that is?
fn is_made(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    folders.any(|folder| SKIPPED.contains(&folder) && folder != "dist")
}

/// What the manifests and locks that differ were before.
fn base_texts(
    tree: &WorkTree,
    changes: &BTreeMap<String, Change>,
) -> Result<BTreeMap<String, String>, WorkTreeError> {
    let wanted = changes.values().filter(|change| {
        let name = change.path.rsplit('/').next();
        name.is_some_and(|name| [MANIFEST, lock::FILE_NAME].contains(&name))
    });
    let wanted: Vec<(&String, &str)> = wanted
        .filter_map(|change| Some((&change.path, change.before.as_deref()?)))
        .collect();
    let objects: Vec<&str> = wanted.iter().map(|(_, object)| *object).collect();
    let contents = tree.read(&objects)?;
    let texts = wanted.into_iter().filter_map(|(path, object)| {
        let content = contents.get(object)?;
        Some((path.clone(), text(content)))
    });
    Ok(texts.collect())
}

/// A project that was there before.
struct Gone {
    path: String,
    name: PackageName,
    version: Option<String>,
    /// Its manifest is still there, but no TOML any more.
    is_broken: bool,
}

/// The projects whose manifests are there no more, or are no project's any more.
fn gone(
    head: &Head,
    changes: &BTreeMap<String, Change>,
    base: &BTreeMap<String, String>,
) -> Vec<Gone> {
    let gone = base.iter().filter_map(|(path, manifest)| {
        let folder = manifest_folder(path)?;
        let mut members = head.monorepo.projects.iter();
        if members.any(|member| member.path == folder) || !changes.contains_key(path) {
            return None;
        }
        let document = parse_toml(manifest).ok()?;
        let now = head.text(path);
        Some(Gone {
            path: folder.to_owned(),
            name: name_in(&document)?,
            version: super::version_in(&document),
            is_broken: now.is_some_and(|manifest| parse_toml(&manifest).is_err()),
        })
    });
    gone.collect()
}

/// The files that differ and count for all projects.
fn global_changes(
    head: &Head,
    changes: &BTreeMap<String, Change>,
) -> Result<Vec<(String, ChangeKind)>, AffectedError> {
    let document = head
        .text(MANIFEST)
        .and_then(|manifest| parse_toml(&manifest).ok())
        .unwrap_or_default();
    let Some(inputs) = value_at(&document, &["tool", "mpoetry", "global-inputs"]) else {
        return Ok(Vec::new());
    };
    let globs = inputs.as_array().and_then(|globs| {
        let globs = globs.iter().map(Value::as_str);
        globs.collect::<Option<Vec<&str>>>()
    });
    let must = "must be a list of globs".to_owned();
    let globs = globs.ok_or(AffectedError::GlobalInputs(must))?;
    let patterns = Patterns::new(globs).map_err(|glob| {
        AffectedError::GlobalInputs(format!("holds `{glob}`, which can't be read"))
    })?;
    let found = changes
        .values()
        .filter(|change| patterns.find(&change.path));
    Ok(found
        .map(|change| (change.path.clone(), change.kind))
        .collect())
}

fn check_groups(part: &Part, monorepo: &Monorepo) -> Result<(), AffectedError> {
    let has = |group: &GroupName| {
        let mut groups = monorepo
            .projects
            .iter()
            .filter_map(|member| member.project.as_ref().ok())
            .flat_map(|project| &project.groups);
        *group == GroupName::main() || groups.any(|known| known.name == *group)
    };
    match part.named().find(|group| !has(group)) {
        Some(group) => Err(AffectedError::Group(group.clone())),
        None => Ok(()),
    }
}

/// Both states.
struct Comparison<'a> {
    question: &'a Question<'a>,
    head: &'a Head,
    changes: &'a BTreeMap<String, Change>,
    /// Manifests and locks that differ, as they were.
    base: BTreeMap<String, String>,
    gone: Vec<Gone>,
}

impl Comparison<'_> {
    fn projects(&self, global: &[(String, ChangeKind)]) -> Vec<Affected> {
        let monorepo = &self.head.monorepo;
        let own: Vec<Vec<Reason>> = self.own_reasons();
        let passes_on = self.pass_on(&own);
        let mut affected: Vec<Affected> = Vec::new();
        for (index, mut reasons) in own.into_iter().enumerate() {
            reasons.extend(self.through_dependencies(index, &passes_on));
            if !global.is_empty() {
                reasons.push(Reason::GlobalInputs(global.to_vec()));
            }
            if !reasons.is_empty() {
                let member = &monorepo.projects[index];
                affected.push(Affected {
                    folder: monorepo.folder(index),
                    path: member.path.clone(),
                    name: member.name.clone(),
                    version: member.version.clone(),
                    is_service: member.is_service,
                    is_deleted: false,
                    reasons,
                });
            }
        }
        let moved: BTreeSet<&str> = (affected.iter())
            .flat_map(|project| &project.reasons)
            .filter_map(|reason| match reason {
                Reason::Moved { from } => Some(from.as_str()),
                _ => None,
            })
            .collect();
        let deleted = self.gone.iter().filter(|gone| !moved.contains(&*gone.path));
        let deleted: Vec<Affected> = deleted.map(|gone| self.deleted(gone)).collect();
        affected.extend(deleted);
        affected.sort_by(|a, b| a.path.cmp(&b.path));
        affected
    }

    fn deleted(&self, gone: &Gone) -> Affected {
        let monorepo = &self.head.monorepo;
        Affected {
            folder: monorepo.root.join(&gone.path),
            path: gone.path.clone(),
            name: gone.name.clone(),
            version: gone.version.clone(),
            is_service: !monorepo.dangling.iter().any(|it| it.path == gone.path),
            is_deleted: !gone.is_broken,
            reasons: vec![match gone.is_broken {
                true => Reason::Manifest,
                false => Reason::Deleted,
            }],
        }
    }

    /// What each project changed itself.
    fn own_reasons(&self) -> Vec<Vec<Reason>> {
        let owned = self.by_owner();
        let projects = self.head.monorepo.projects.iter();
        projects
            .map(|member| {
                let none = Vec::new();
                let changes = owned.get(member.path.as_str()).unwrap_or(&none);
                self.reasons(member, changes)
            })
            .collect()
    }

    /// The changes by the folder of the project they are in: the innermost one, though it may be gone. A repository in
    /// the repository is one change, which concerns all projects in it.
    fn by_owner(&self) -> BTreeMap<&str, Vec<&Change>> {
        let projects = self.head.monorepo.projects.iter();
        let folders: BTreeSet<&str> = projects
            .map(|member| member.path.as_str())
            .chain(self.gone.iter().map(|gone| gone.path.as_str()))
            .collect();
        let mut owned: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for change in self.changes.values() {
            let mut inner = folders
                .range(change.path.as_str()..)
                .take_while(|folder| folder.starts_with(&change.path))
                .filter(|folder| relative(folder, &change.path).is_some())
                .peekable();
            if inner.peek().is_some() {
                for folder in inner {
                    owned.entry(folder).or_default().push(change);
                }
                continue;
            }
            let ancestors = Path::new(&change.path).ancestors().skip(1);
            let owner = ancestors
                .filter_map(Path::to_str)
                .map(|folder| if folder.is_empty() { "." } else { folder })
                .find_map(|folder| folders.get(folder));
            if let Some(owner) = owner {
                owned.entry(owner).or_default().push(change);
            }
        }
        owned
    }

    fn reasons(&self, member: &super::Member, changes: &[&Change]) -> Vec<Reason> {
        let manifest = inside(&member.path, MANIFEST);
        let is_new = (self.changes.get(&manifest)).is_some_and(|change| {
            let before = self.base.get(&change.path);
            let before = before.and_then(|text| parse_toml(text).ok());
            before.and_then(|document| name_in(&document)).is_none()
        });
        if is_new {
            let from = self.gone.iter().find(|gone| gone.name == member.name);
            return vec![from.map_or(Reason::New, |gone| Reason::Moved {
                from: gone.path.clone(),
            })];
        }
        let mut reasons = Vec::new();
        if self.means_something_else(&manifest, &self.question.part) {
            reasons.push(Reason::Manifest);
        }
        let files = self.files(member, changes);
        if !files.is_empty() {
            reasons.push(Reason::Files(files));
        }
        reasons.extend(self.lock(&member.path));
        reasons
    }

    fn means_something_else(&self, manifest: &str, part: &Part) -> bool {
        if !self.changes.contains_key(manifest) {
            return false;
        }
        match (self.base.get(manifest), self.head.text(manifest)) {
            (Some(before), Some(after)) => {
                difference::of_manifests(before, &after, part, self.question.purpose)
            }
            _ => true,
        }
    }

    /// The files that differ, without manifest and lock file.
    fn files(&self, member: &super::Member, changes: &[&Change]) -> Vec<(String, ChangeKind)> {
        let in_wheel = match (&member.project, self.question.purpose) {
            (Ok(project), Purpose::Bundle) => WheelFiles::of(project),
            _ => WheelFiles::Any,
        };
        let files = changes.iter().filter_map(|change| {
            let path = relative(&change.path, &member.path).unwrap_or(".");
            let counts = ![MANIFEST, lock::FILE_NAME].contains(&path)
                && !path.starts_with("dist/")
                && (path == "." || in_wheel.hold(path));
            counts.then(|| (path.to_owned(), change.kind))
        });
        files.collect()
    }

    fn lock(&self, folder: &str) -> Option<Reason> {
        let path = inside(folder, lock::FILE_NAME);
        let change = self.changes.get(&path)?;
        let (before, after) = (self.base.get(&path), self.head.text(&path));
        let (Some(before), Some(after)) = (before, after) else {
            return Some(Reason::LockFile(change.kind));
        };
        let at = self.head.monorepo.root.join(folder);
        match difference::of_locks(before, &after, &at, &self.question.part) {
            Ok(packages) if packages.is_empty() => None,
            Ok(packages) => Some(Reason::Lock(packages)),
            Err(_) => Some(Reason::LockFile(change.kind)),
        }
    }

    /// Which projects concern those who use them: by what they changed, or because a library of theirs is gone.
    fn pass_on(&self, own: &[Vec<Reason>]) -> Vec<bool> {
        let monorepo = &self.head.monorepo;
        let passes = |(index, reasons): (usize, &Vec<Reason>)| {
            let manifest = inside(&monorepo.projects[index].path, MANIFEST);
            reasons.iter().any(|reason| match reason {
                Reason::Manifest => self.means_something_else(&manifest, &Part::main()),
                reason => reason.passes_on(),
            }) || self.lost(index).next().is_some()
        };
        own.iter().enumerate().map(passes).collect()
    }

    /// The libraries of a project that are gone.
    fn lost(&self, index: usize) -> impl Iterator<Item = &str> {
        let dangling = &self.head.monorepo.dangling;
        dangling
            .iter()
            .filter(move |dangling| dangling.from == index)
            .filter(|dangling| self.gone.iter().any(|gone| gone.path == dangling.path))
            .map(|dangling| dangling.path.as_str())
    }

    /// The shortest way to each library that changed and concerns the project.
    fn through_dependencies(&self, index: usize, passes_on: &[bool]) -> Vec<Reason> {
        let monorepo = &self.head.monorepo;
        let main = GroupName::main();
        let leads_on = |edge: &Edge| {
            let mut groups = edge.groups.iter();
            match edge.from == index {
                true => groups.any(|group| self.question.part.takes(group)),
                false => groups.any(|group| *group == main),
            }
        };
        let path = |index: &usize| monorepo.projects[*index].path.clone();
        let ways = monorepo.ways_from(index, leads_on);
        let mut found: Vec<Vec<String>> = ways
            .values()
            .filter(|way| way.len() > 1 && way.last().is_some_and(|last| passes_on[*last]))
            .map(|way| way[1..].iter().map(path).collect())
            .collect();
        found.extend(self.lost(index).map(|path| vec![path.to_owned()]));
        found.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        found.into_iter().map(Reason::Dependency).collect()
    }
}

/// The folder of a manifest, if projects may lie there.
fn manifest_folder(path: &str) -> Option<&str> {
    let folder = match path.strip_suffix(MANIFEST)? {
        "" => ".",
        folder => folder.strip_suffix('/')?,
    };
    let is_skipped = folder.split('/').any(|part| SKIPPED.contains(&part));
    (!is_skipped).then_some(folder)
}

/// A file's path in a folder.
fn inside(folder: &str, name: &str) -> String {
    match folder {
        "." => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// The way from a folder to a path in it, or `.` for itself.
fn relative<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder == "." {
        return Some(path);
    }
    match path.strip_prefix(folder)? {
        "" => Some("."),
        rest => rest.strip_prefix('/'),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
