//! What a bundle consists of, whatever form it is written in.

use std::fmt;
use std::path::{Path, PathBuf};

use resolver::lock::{LockedPackage, SourceKind};
use resolver::name::{GroupName, PackageName};
use sha2::{Digest, Sha256};

use super::tree::TreeFile;
use crate::fetch::public;

/// Layers of an image, the one that changes least often first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Layer {
    /// What the lock pins from elsewhere.
    ThirdParty,
    /// The repository's own libraries.
    Libraries,
    /// The service itself.
    Service,
}

impl Layer {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::ThirdParty, Self::Libraries, Self::Service];

    /// The name of its folder.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::ThirdParty => "third-party",
            Self::Libraries => "libs",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}

/// A wheel of a bundle.
#[derive(Clone, Debug)]
pub struct BundledWheel {
    /// Normalised name.
    pub name: PackageName,
    /// Its version, as in the file's name.
    pub version: String,
    /// Where it belongs.
    pub layer: Layer,
    /// Its file name.
    pub file: String,
    /// Its sha256, in hex.
    pub sha256: String,
    /// Where it is from.
    pub origin: Origin,
    /// The groups of the lock that want it; none for the service.
    pub groups: Vec<GroupName>,
    /// What it needs of the bundle.
    pub requires: Vec<PackageName>,
}

/// Where a wheel is from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// An index; its address, without credentials.
    Index(String),
    /// An address of its own, without credentials.
    Url(String),
    /// A file, with a path as the lock gives it.
    File(String),
    /// A repository.
    Git {
        /// Its address, without credentials.
        url: String,
        /// The commit.
        commit: String,
        /// The folder in it.
        subdirectory: Option<String>,
    },
    /// The repository itself.
    Project {
        /// The project's folder.
        folder: PathBuf,
        /// A digest of what its wheel was made from.
        sources: String,
    },
}

/// The place, in words that follow "from".
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(place) | Self::Url(place) | Self::File(place) => f.write_str(place),
            Self::Git { url, commit, .. } => write!(f, "{url}@{commit}"),
            Self::Project { folder, .. } => write!(f, "{}", folder.display()),
        }
    }
}

impl Origin {
    /// Where a locked package is from; `pypi` is the address of the index that needs no naming.
    pub(super) fn of(package: &LockedPackage, pypi: &str) -> Self {
        let Some(source) = &package.source else {
            return Self::Index(pypi.to_owned());
        };
        let url = public(&source.url);
        match source.kind {
            SourceKind::Git => Self::Git {
                url,
                commit: source
                    .resolved_reference
                    .as_ref()
                    .or(source.reference.as_ref())
                    .cloned()
                    .unwrap_or_default(),
                subdirectory: source.subdirectory.clone(),
            },
            SourceKind::Url => Self::Url(url),
            SourceKind::File | SourceKind::Directory => Self::File(url),
            SourceKind::Legacy => Self::Index(url),
        }
    }
}

/// A bundle's wheels and what else belongs into it.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    /// The service's name and version, as far as it has them.
    pub(super) service: (Option<String>, Option<String>),
    pub(super) wheels: Vec<BundledWheel>,
    /// Files of a service that is no package: they are its program.
    pub(super) sources: Vec<TreeFile>,
    /// sha256 of poetry.lock, in hex.
    pub(super) lock: String,
}

impl Contents {
    pub(super) fn of(&self, layer: Layer) -> impl Iterator<Item = &BundledWheel> {
        self.wheels.iter().filter(move |wheel| wheel.layer == layer)
    }
}

/// A file that belongs into the folder of a bundle.
#[derive(Clone, Debug)]
pub(super) struct OutputFile {
    /// Relative to the folder, with `/`.
    pub(super) name: String,
    pub(super) sha256: String,
    pub(super) executable: bool,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A file that is copied.
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl OutputFile {
    /// A file made up here.
    pub(super) fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            name: name.into(),
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)),
            executable: false,
            content: Content::Bytes(bytes),
        }
    }

    /// A copy of a file with a known sha256 (hex).
    pub(super) fn copy(name: impl Into<String>, sha256: impl Into<String>, path: &Path) -> Self {
        Self {
            name: name.into(),
            sha256: sha256.into(),
            executable: false,
            content: Content::File(path.to_owned()),
        }
    }

    pub(super) fn executable(self, executable: bool) -> Self {
        Self { executable, ..self }
    }
}
