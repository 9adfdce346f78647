//! Why a repository can't be read.

use super::Reference;

/// Why a repository can't be read. No message has credentials in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no `git`.
    #[error("failed to start `git`, which reads repositories")]
    NotRunnable(#[source] std::io::Error),
    /// The repository does not answer, or does not let us in.
    #[error("the repository `{url}` can't be read: {output}")]
    Unreachable {
        /// The repository.
        url: String,
        /// What git said.
        output: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("the repository `{url}` has no {reference}")]
    Missing {
        /// The repository.
        url: String,
        /// What was looked for.
        reference: Reference,
    },
    /// A reference that leads to something else than a commit.
    #[error("`{name}` in the repository `{url}` is no commit")]
    NoCommit {
        /// The repository.
        url: String,
        /// The reference.
        name: String,
    },
    /// Something that git would take for an option.
    #[error("`{0}` is no git revision")]
    Revision(String),
    /// It would have to be fetched, but nothing may be.
    #[error("the repository `{url}` is not in the cache as far as it is needed")]
    Offline {
        /// The repository.
        url: String,
    },
    /// A submodule can't be had.
    #[error("the submodules of the repository `{url}` can't be read: {output}")]
    Submodules {
        /// The repository.
        url: String,
        /// What git said.
        output: String,
    },
    /// `git` failed at something else.
    #[error("failed to {step} `{url}`: {output}")]
    Failed {
        /// What was being done.
        step: &'static str,
        /// The repository.
        url: String,
        /// What git said.
        output: String,
    },
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl GitError {
    /// Could the copy in the cache be to blame?
    pub(super) fn may_be_the_copy(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::NoCommit { .. })
    }

    pub(super) fn of_submodules(self) -> Self {
        match self {
            Self::Failed { url, output, .. } => Self::Submodules { url, output },
            other => other,
        }
    }
}
