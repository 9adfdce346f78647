//! File names of wheels and sdists, and hashes of files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::PackageName;
use crate::tag::TagSet;
use crate::version::Version;

/// A hash as lock files and indexes write it: `sha256:<hex>`.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash {
    /// `sha256`, `sha384`, `sha512`, …
    pub algorithm: String,
    /// Lower-case hex digest.
    pub hex: String,
}

/// A text that is no `algorithm:hex` hash.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid hash `{text}`")]
pub struct HashError {
    /// The text as given.
    pub text: String,
}

impl Hash {
    /// A sha256 from its hex digest.
    #[must_use]
    pub fn sha256(hex: impl Into<String>) -> Self {
        Self {
            algorithm: "sha256".to_owned(),
            hex: hex.into(),
        }
    }
}

impl Hash {
    /// The sha256 of some bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self::sha256(data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(bytes)))
    }
}

impl FromStr for Hash {
    type Err = HashError;
    fn from_str(text: &str) -> Result<Self, HashError> {
        match text.split_once(':') {
            Some((algorithm, hex)) if !algorithm.is_empty() && !hex.is_empty() => Ok(Self {
                algorithm: algorithm.to_owned(),
                hex: hex.to_ascii_lowercase(),
            }),
            _ => Err(HashError {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

impl TryFrom<String> for Hash {
    type Error = HashError;
    fn try_from(text: String) -> Result<Self, HashError> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

/// The parts of a wheel's file name (PEP 427).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WheelName {
    /// The distribution.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Build tag: number and rest.
    pub build: Option<(u64, String)>,
    /// All tags that the compressed tag set stands for.
    pub tags: TagSet,
}

/// A file name that follows no rule for wheels or sdists.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{file}` is not the name of a wheel or an sdist: {reason}")]
pub struct FileNameError {
    /// The name as given.
    pub file: String,
    /// Which rule it breaks.
    pub reason: String,
}

impl FromStr for WheelName {
    type Err = FileNameError;
    fn from_str(file: &str) -> Result<Self, FileNameError> {
        let wrong = |reason: &str| FileNameError::new(file, reason);
        let stem = file
            .strip_suffix(".whl")
            .ok_or_else(|| wrong("it does not end in `.whl`"))?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, [python, abi, platform]) = match parts[..] {
            [name, version, python, abi, platform] => {
                (name, version, None, [python, abi, platform])
            }
            [name, version, build, python, abi, platform] => {
                (name, version, Some(build), [python, abi, platform])
            }
            _ => return Err(wrong("it must have five or six parts between dashes")),
        };
        Ok(Self {
            name: wheel_project(name).ok_or_else(|| wrong("its project name is invalid"))?,
            version: version
                .parse()
                .map_err(|_| wrong("its version is invalid"))?,
            build: build
                .map(|tag| build_tag(tag).ok_or_else(|| wrong("its build tag has no number")))
                .transpose()?,
            tags: TagSet::new(python, abi, platform)
                .ok_or_else(|| wrong("its tags are invalid"))?,
        })
    }
}

impl FileNameError {
    fn new(file: &str, reason: &str) -> Self {
        Self {
            file: file.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// PEP 427 escapes a name to letters, digits, `_` and `.`; a doubled `_` would be ambiguous.
fn wheel_project(name: &str) -> Option<PackageName> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let valid = !name.is_empty() && !name.contains("__") && name.chars().all(allowed);
    valid.then(|| PackageName::new(name))
}

/// Splits `12abc` into number and rest. A number too large to compare is as large as can be.
fn build_tag(tag: &str) -> Option<(u64, String)> {
    let digits = tag.len() - tag.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = tag.split_at(digits);
    (!number.is_empty()).then(|| (number.parse().unwrap_or(u64::MAX), rest.to_owned()))
}

/// The endings of source archives, today's and those of older uploads.
pub const SDIST_ENDINGS: [&str; 7] = [
    ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tar.Z", ".tgz", ".tar",
];

/// The parts of an sdist's file name (PEP 625 and older habits).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SdistName {
    /// The distribution.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
}

impl FromStr for SdistName {
    type Err = FileNameError;
    fn from_str(file: &str) -> Result<Self, FileNameError> {
        let wrong = |reason: &str| FileNameError::new(file, reason);
        let stem = SDIST_ENDINGS
            .iter()
            .find_map(|ending| file.strip_suffix(ending))
            .ok_or_else(|| wrong("it has no ending of a source archive"))?;
        let (name, version) = stem
            .rsplit_once('-')
            .ok_or_else(|| wrong("it has no dash between name and version"))?;
        if name.is_empty() || name.contains(['/', '\\']) {
            return Err(wrong("its project name is invalid"));
        }
        Ok(Self {
            name: PackageName::new(name),
            version: version
                .parse()
                .map_err(|_| wrong("its version is invalid"))?,
        })
    }
}

/// A file and its hash, as a lock lists it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct HashedFile {
    /// The file's name.
    pub file: String,
    /// Its hash.
    pub hash: Hash,
}

/// Poetry's order in which sources are asked.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Priority {
    /// Asked first; candidates of all primaries are joined.
    Primary,
    /// Asked only when no primary has a match.
    Supplemental,
    /// Asked only for requirements that name it.
    Explicit,
}

impl Priority {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Supplemental, Self::Explicit];

    /// As `[[tool.poetry.source]]` writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Supplemental => "supplemental",
            Self::Explicit => "explicit",
        }
    }
}

/// One `[[tool.poetry.source]]`, or PyPI.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Source {
    /// The name as spelled in pyproject.toml; `PyPI` for PyPI.
    pub name: String,
    /// The simple API's address as written; `None` is PyPI.
    pub url: Option<String>,
    /// When it is asked.
    pub priority: Priority,
}

impl Source {
    /// Its address as locks have it and addresses are compared: without trailing `/`. `None` is PyPI.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.url.as_deref().map(|url| url.trim_end_matches('/'))
    }
}
