//! Why a lock file can't be exported.

use crate::index::IndexError;

/// Why a lock file can't be exported. Where Poetry's plugin has a text for it, the text is that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// pylock.toml needs to know who needs a package, and when.
    #[error("Cannot export pylock.toml because the lock file is not at least version 2.1")]
    OldLock,
    /// A lock before 2.1 lacks a package that is required.
    #[error("Dependency walk failed at {requirement}")]
    Missing {
        /// What is required.
        requirement: String,
    },
    /// A lock before 2.1 has several releases of a package that requirements can't tell apart.
    #[error(
        "The `{package}` package has the following compatible candidates `[{}]`; but, the exporter dependency walker \
         previously elected `{decided}` which is not compatible with the dependency `{requirement}`. \
         Please relock with Poetry 2.0 or later to solve this issue.",
        candidates.join(", ")
    )]
    Conflict {
        /// The package.
        package: String,
        /// The releases that the requirement allows.
        candidates: Vec<String>,
        /// The release that was chosen before.
        decided: String,
        /// The requirement that it does not meet.
        requirement: String,
    },
    /// The index does not have a file that is locked.
    #[error("`{file}` of {package} ({version}) is locked, but `{source_name}` does not have it")]
    NoFile {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// The file.
        file: String,
        /// The source that was asked.
        source_name: String,
    },
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}
