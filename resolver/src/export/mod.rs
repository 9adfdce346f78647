//! A lock file in the formats of other programs: requirements.txt, constraints.txt, pylock.toml (PEP 751).
//!
//! ```text
//!  Lockfile ── chosen ─┬─ requirements ──► text for pip
//!      │               └─ pylock ────────► TOML; asks the index where files are
//!      └─ walk (locks before 2.1, which don't say who needs what)
//! ```
//!
//! Poetry has this in a plugin of its own, poetry-plugin-export, whose texts these are, byte by byte.

mod chosen;
mod error;
mod pylock;
mod requirements;
mod walk;

use std::collections::BTreeSet;
use std::path::Path;

pub use error::ExportError;

use crate::index::Index;
use crate::lock::Lockfile;
use crate::name::{ExtraName, GroupName};
use crate::project::Project;

/// What is exported: a part of a lock file.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The project that the lock file belongs to.
    pub project: &'a Project,
    /// Its lock file.
    pub lockfile: &'a Lockfile,
    /// Dependency groups.
    pub groups: &'a BTreeSet<GroupName>,
    /// Extras of the project.
    pub extras: &'a BTreeSet<ExtraName>,
}

/// The two formats that pip reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PipFormat {
    /// requirements.txt
    Requirements,
    /// constraints.txt, which has neither extras nor editable packages.
    Constraints,
}

/// What goes into a file for pip besides names, versions and markers.
#[derive(Clone, Copy)]
pub struct PipOptions<'a> {
    /// Which of the two.
    pub format: PipFormat,
    /// `--hash` of every file?
    pub hashes: bool,
    /// The addresses of indexes other than PyPI?
    pub urls: bool,
    /// User and password of an index, if they shall be in its address.
    pub login: &'a dyn Fn(&str) -> Option<(String, String)>,
}

/// A text for pip.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PipText {
    /// The whole file.
    pub text: String,
    /// Packages that the format has no words for, by name.
    pub left_out: Vec<String>,
}

impl Export<'_> {
    /// As a file for pip.
    ///
    /// # Errors
    /// When a lock before 2.1 does not hold together.
    pub fn for_pip(&self, options: &PipOptions<'_>) -> Result<PipText, ExportError> {
        requirements::text(self, options)
    }

    /// As pylock.toml (PEP 751), to be written into `folder`. Asks `index` for the addresses of all files.
    ///
    /// # Errors
    /// When the lock is one before 2.1, or the index does not have what is locked.
    pub async fn pylock(&self, folder: &Path, index: &Index) -> Result<String, ExportError> {
        pylock::text(self, folder, index).await
    }
}
