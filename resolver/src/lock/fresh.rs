//! Was a lock file made from a project as it is now?

use std::path::Path;

use super::hash::{DependencyGroups, content_hash};
use super::{LockMetadata, Lockfile, SourceKind, Unmet};
use crate::project::{Project, read_library};
use crate::requirement::Requirement;
use crate::version::Version;

/// Poetry: the first one whose content hash knows of `[dependency-groups]`.
const FIRST_WITH_GROUPS: &str = "2.3.0";

pub(super) fn is_fresh(lockfile: &Lockfile, project: &Project) -> bool {
    let Some(locked) = &lockfile.metadata.content_hash else {
        return false;
    };
    *locked == project.content_hash()
        || (is_from_before_groups(&lockfile.metadata)
            && *locked == content_hash(&project.document, DependencyGroups::Ignored))
}

fn is_from_before_groups(metadata: &LockMetadata) -> bool {
    let first: Version = FIRST_WITH_GROUPS.parse().expect("it is a version");
    (metadata.generated_by.as_deref())
        .and_then(|text| text.parse::<Version>().ok())
        .is_some_and(|version| version < first)
}

/// The requirements of libraries in folders that no locked package meets. A library that can't be read, or has to be
/// built to be asked, has none.
pub(super) fn unmet(lockfile: &Lockfile, folder: &Path) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    for package in &lockfile.packages {
        let source = package.source.as_ref();
        let Some(source) = source.filter(|source| source.kind == SourceKind::Directory) else {
            continue;
        };
        let Ok(Some(library)) = read_library(&folder.join(&source.url)) else {
            continue;
        };
        let missing = library
            .main_requirements()
            .filter(|it| !is_met(it, lockfile));
        unmet.extend(missing.map(|requirement| Unmet {
            library: package.name.clone(),
            requirement: requirement.to_pep508(true),
        }));
    }
    unmet
}

/// What is needed only sometimes need not be locked; but what is locked must fit.
fn is_met(requirement: &Requirement, lockfile: &Lockfile) -> bool {
    let mut locked = (lockfile.packages.iter())
        .filter(|package| package.name == requirement.name)
        .peekable();
    if locked.peek().is_none() {
        return requirement.optional || !requirement.marker.is_any();
    }
    requirement.origin.is_direct()
        || locked.any(|package| {
            let is_direct = package.source.as_ref();
            is_direct.is_some_and(|source| source.kind == SourceKind::Directory)
                || requirement.constraint.allows(&package.version)
        })
}
