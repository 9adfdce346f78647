//! Was a lock file made from a project as it is now?

use super::hash::{DependencyGroups, content_hash};
use super::{LockMetadata, Lockfile};
use crate::project::Project;
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
