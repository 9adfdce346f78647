//! What an unpacked wheel consists of.

use resolver::name::PackageName;
use resolver::version::Version;
use serde::{Deserialize, Serialize};

use super::EntryPoint;

/// Where files of a wheel go (PEP 427).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are the words of the format")]
pub enum Scheme {
    Purelib,
    Platlib,
    Headers,
    Scripts,
    Data,
}

impl Scheme {
    /// From the name of a folder in `.data`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "purelib" => Self::Purelib,
            "platlib" => Self::Platlib,
            "headers" => Self::Headers,
            "scripts" => Self::Scripts,
            "data" => Self::Data,
            _ => return None,
        })
    }
}

/// A file of an unpacked wheel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its number among the files of the wheel, from 0, which says where it lies in the store.
    pub(super) number: usize,
    /// Its path in the archive.
    pub member: String,
    /// Where it goes.
    pub scheme: Scheme,
    /// Its path inside the scheme, if that is not the one in the archive. Most are, and there are thousands of them.
    pub(super) other_path: Option<String>,
    /// Bytes.
    pub size: u64,
    /// `sha256=<URL-safe base64 without padding>`, computed while unpacking.
    pub hash: String,
    /// Will it be executable?
    pub executable: bool,
    /// Does it start with `#!python`, and lie in `scripts`, so that its first line must be replaced?
    pub rewrite: bool,
}

/// So many files of a wheel lie in one folder of the store.
const FOLDER: usize = 64;

/// The folders of the store that this many files need.
pub(super) fn store_folders(files: usize) -> impl Iterator<Item = String> {
    (0..files.div_ceil(FOLDER)).map(|folder| folder.to_string())
}

/// Where the file with this number lies in the store. The folders of the archive are not made there: a large wheel has one
/// for every seven files, and each takes as long as three links, and a block of the disk.
pub(super) fn store_path(number: usize) -> String {
    format!("{}/{number}", number / FOLDER)
}

impl StoredFile {
    /// Its path in the store, below the wheel's `files`.
    pub(super) fn in_store(&self) -> String {
        store_path(self.number)
    }

    /// Its path inside the scheme.
    #[must_use]
    pub fn path(&self) -> &str {
        self.other_path.as_deref().unwrap_or(&self.member)
    }
}

/// A checked wheel, without its files' contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The wheel's file name.
    pub file: String,
    /// The distribution as the file name spells it; headers go to a folder of this name.
    pub distribution: String,
    /// Normalised name.
    pub name: PackageName,
    /// Version, from METADATA.
    pub version: Version,
    /// The name of its `.dist-info` folder.
    pub dist_info: String,
    /// `purelib` or `platlib`: where everything goes that is not in `.data`.
    pub root: Scheme,
    /// Its files in the archive's order, without RECORD and without what is never installed.
    pub files: Vec<StoredFile>,
    /// Its scripts.
    pub entry_points: Vec<EntryPoint>,
    /// What is odd about its RECORD, a sentence each.
    pub record_issues: Vec<String>,
    /// Members under `__pycache__`, which are not installed: byte code that nobody can check.
    pub skipped: Vec<String>,
}
