//! Sources of git packages.

use std::path::{Path, PathBuf};

use resolver::git::{GitError, History, Reference};
use resolver::index::Index;
use resolver::lock::LockedSource;
use resolver::project::writes_its_version;

/// Checks out a locked commit into `target`, which must not exist, and returns the folder of the project in it.
///
/// The repository's history comes along if `history` says so, or if the project's version may be made from it.
///
/// # Errors
/// When the repository can't be read, or does not have that commit any more.
pub(crate) fn check_out(
    source: &LockedSource,
    history: History,
    target: &Path,
    index: &Index,
) -> Result<PathBuf, GitError> {
    let repositories = index.repositories();
    let url = &source.url;
    let commit = repositories.commit(url, &locked_reference(source))?;
    let project = match &source.subdirectory {
        Some(inside) => target.join(inside),
        None => target.to_owned(),
    };
    repositories.checkout(url, &commit, history, target)?;
    if history == History::None && !writes_its_version(&project) {
        repositories.checkout(url, &commit, History::All, target)?;
    }
    Ok(project)
}

/// The commit, or the reference if the lock has none.
fn locked_reference(source: &LockedSource) -> Reference {
    let text = source.resolved_reference.as_ref();
    match text.or(source.reference.as_ref()) {
        Some(text) if text != "HEAD" => Reference::Revision(text.clone()),
        _ => Reference::Head,
    }
}
