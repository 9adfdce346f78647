//! What a lock wants of a service: its projects of the repository and its packages from elsewhere.

use std::path::{Path, PathBuf};

use resolver::lock::{LockedPackage, Lockfile, SourceKind};
use resolver::name::PackageName;
use resolver::project::Project;
use resolver::project::graph::Graph;
use resolver::project::workspace::Workspace;

use super::third_party::{self, LockedWheel};
use super::{BundleError, BundleRequest, Target};
use crate::plan::{Selection, resolve};

/// What a lock wants for a target.
pub(super) struct Wanted<'l> {
    pub(super) root: PathBuf,
    /// Nothing from outside goes into a bundle.
    pub(super) repository: Option<PathBuf>,
    pub(super) graph: Graph,
    pub(super) members: Vec<Member>,
    pub(super) third_party: Vec<&'l LockedPackage>,
    /// The wheel of each of these that will be taken, as far as the lock alone tells.
    pub(super) expected: Vec<Option<LockedWheel>>,
    /// All of them, libraries too.
    pub(super) packages: Vec<&'l LockedPackage>,
}

/// A project of the repository that goes into the bundle.
pub(super) struct Member {
    pub(super) name: PackageName,
    pub(super) folder: PathBuf,
    /// The version in the lock; the service has none there.
    pub(super) locked: Option<String>,
}

impl<'l> Wanted<'l> {
    /// What a member's pyproject.toml says, if that was read and says all.
    pub(super) fn manifest(&self, member: &Member) -> Option<&Project> {
        let mut nodes = self.graph.nodes.iter();
        let node = nodes.find(|node| node.folder == member.folder)?;
        node.project.as_ref()
    }

    /// What a lock wants for the target of a request, checked as far as that needs no building and no network.
    pub(super) fn of(request: &BundleRequest<'l>) -> Result<Self, BundleError> {
        let (project, lockfile) = (request.project, request.lockfile);
        let root = resolver::path::resolve(&project.root);
        check_python(project, &request.target)?;
        let graph = Graph::of(project)?;
        let packages: Vec<&LockedPackage> = lockfile
            .packages
            .iter()
            .filter(|package| {
                let Selection { groups, extras } = &request.selection;
                package.is_wanted(groups, &request.target.markers, extras)
            })
            .collect();
        let (in_repo, third_party): (Vec<&LockedPackage>, Vec<&LockedPackage>) =
            packages.iter().partition(|package| is_directory(package));
        let repository = Workspace::find_root(&root);
        let members = members(project, &root, repository.as_deref(), &in_repo, &graph)?;
        check_folder(&request.folder, &root, &members)?;
        let third_party = if request.options.libraries_only {
            Vec::new()
        } else {
            third_party
        };
        let expected = third_party::expected(&third_party, &request.target)?;
        if request.options.require_hashes {
            third_party::check_hashes(&third_party)?;
        }
        Ok(Self {
            root,
            repository,
            graph,
            members,
            third_party,
            expected,
            packages,
        })
    }
}

/// The lock of a service, if a bundle can be made from it.
///
/// # Errors
/// When it is missing, stale, or written by a Poetry that did not note groups and markers.
pub fn read_lock(project: &Project) -> Result<Lockfile, BundleError> {
    let service = || project.root.clone();
    let lockfile = Lockfile::read(&project.root)?
        .ok_or_else(|| BundleError::NotLocked { service: service() })?;
    if !lockfile.is_fresh(project) {
        return Err(BundleError::StaleLock { service: service() });
    }
    if !lockfile.metadata.has_groups_and_markers() {
        return Err(BundleError::OldLock {
            service: service(),
            format: lockfile.metadata.lock_version.clone(),
        });
    }
    Ok(lockfile)
}

/// What a bundle is made from must not be where it goes.
fn check_folder(folder: &Path, root: &Path, members: &[Member]) -> Result<(), BundleError> {
    let members = members.iter().map(|member| member.folder.as_path());
    for project in members.chain([root]) {
        if project.starts_with(folder) {
            return Err(BundleError::OutputOverProject {
                folder: folder.to_owned(),
                project: project.to_owned(),
            });
        }
    }
    Ok(())
}

fn check_python(project: &Project, target: &Target) -> Result<(), BundleError> {
    if project.python_constraint.allows(&target.python) {
        return Ok(());
    }
    Err(BundleError::Python {
        python: target.python.to_string(),
        supported: project.python_versions.clone(),
    })
}

fn is_directory(package: &LockedPackage) -> bool {
    package
        .source
        .as_ref()
        .is_some_and(|source| source.kind == SourceKind::Directory)
}

/// The libraries that the lock wants, and the service itself, if it is a package.
fn members(
    project: &Project,
    root: &Path,
    repository: Option<&Path>,
    in_repo: &[&LockedPackage],
    graph: &Graph,
) -> Result<Vec<Member>, BundleError> {
    let mut members = Vec::with_capacity(in_repo.len() + 1);
    for package in in_repo {
        let Some(source) = &package.source else {
            continue;
        };
        let folder = resolve(root, &source.url);
        let folder = match &source.subdirectory {
            Some(inside) => folder.join(inside),
            None => folder,
        };
        if repository.is_some_and(|repository| !folder.starts_with(repository)) {
            let node = graph.nodes.iter().find(|node| node.folder == folder);
            return Err(BundleError::OutsideRepository {
                chain: node.map_or_else(|| vec![package.name.clone()], |node| node.chain.clone()),
                folder,
            });
        }
        members.push(Member {
            name: package.name.clone(),
            folder,
            locked: Some(package.version.to_string()),
        });
    }
    if let Some(name) = project.package_name().filter(|_| project.package_mode) {
        members.push(Member {
            name,
            folder: root.to_owned(),
            locked: None,
        });
    }
    Ok(members)
}
