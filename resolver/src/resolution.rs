//! What a resolution returns: packages with the groups and markers that need them.

use std::path::Path;

use crate::git_url::without_credentials;
use crate::lock::{
    LOCK_VERSION, LockMetadata, LockedPackage, LockedSource, Lockfile, POETRY_VERSION, SourceKind,
};
use crate::project::Project;
use crate::solver::{Changes, Solution, Solved};

/// The answer of the solver.
#[derive(Clone, Debug)]
pub(crate) struct Resolution {
    pub(crate) solution: Solution,
    /// What became of the requirements in it.
    pub(crate) changes: Changes,
}

impl Resolution {
    /// The lock file of a project with this resolution.
    pub(crate) fn into_lockfile(self, project: &Project) -> Lockfile {
        Lockfile {
            packages: self
                .solution
                .into_values()
                .map(|solved| lock_package(solved, &self.changes, &project.root))
                .collect(),
            extras: project.extras.clone(),
            metadata: LockMetadata {
                lock_version: LOCK_VERSION.to_owned(),
                python_versions: project.python_versions.clone(),
                content_hash: Some(project.content_hash()),
                generated_by: Some(POETRY_VERSION.to_owned()),
            },
        }
    }
}

fn lock_package(solved: Solved, changes: &Changes, root: &Path) -> LockedPackage {
    let Solved {
        package,
        requirements,
        optional,
        groups,
        markers,
        depth,
    } = solved;
    LockedPackage {
        name: package.name.clone(),
        pretty_name: package.pretty_name.clone(),
        version: package.version.clone(),
        description: package.description.clone(),
        optional,
        python_versions: package.python_versions.clone(),
        groups: groups.into_iter().collect(),
        markers: markers
            .into_iter()
            .filter(|(_, marker)| !marker.is_any())
            .collect(),
        files: package.files.clone(),
        develop: package.develop,
        requirements: requirements
            .iter()
            .map(|r| changes.of(r).as_ref().clone())
            .collect(),
        extras: package
            .extras
            .iter()
            .map(|(extra, requirements)| {
                let mut texts: Vec<String> = requirements
                    .iter()
                    .map(|r| without_credentials(&changes.of(r).to_pep508(false)).into_owned())
                    .collect();
                texts.sort();
                (extra.clone(), texts)
            })
            .collect(),
        source: package
            .source
            .as_ref()
            .map(|source| relative_source(source, root)),
        depth,
    }
}

/// Poetry: paths in a lock are relative to the lock's folder, with both ends' links resolved.
fn relative_source(source: &LockedSource, root: &Path) -> LockedSource {
    let mut source = source.clone();
    if matches!(source.kind, SourceKind::Directory | SourceKind::File) {
        source.url = crate::path::relative(Path::new(&source.url), root);
    }
    source
}
