//! PEP 440 versions, and the text Poetry prints for them.
//!
//! A version is two things: the normalised text, and a key of bytes whose order is PEP 440's. The first
//! eight bytes of the key lie in the value itself, so most comparisons are one of two machine words.
//! What the text says in detail (`Parts`) is read again when somebody asks, which is seldom.
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod bump;
mod number;
mod parts;
mod step;

pub use bump::{Bump, Phase};
pub use number::Number;
pub(crate) use parts::Parts;

/// A version (PEP 440). Order and equality ignore trailing zeros of the release; the printed text keeps them.
/// Cheap to clone and to compare.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// The first bytes of the key, the missing ones zero.
    prefix: u64,
    inner: Arc<Inner>,
}

struct Inner {
    /// Normalised; leading zeros in the local part kept.
    text: Box<str>,
    /// The key from its ninth byte on.
    rest: Box<[u8]>,
    has_pre: bool,
    has_post: bool,
    has_dev: bool,
    /// The version without its local part, if it has one.
    public: Option<Version>,
    /// The parts, if they can't be read from the text.
    odd: Option<Box<Parts>>,
}

/// A text that is no version.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid PEP 440 version: `{text}`")]
pub struct VersionError {
    /// The text as given.
    pub text: String,
}

impl Version {
    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.inner.text
    }

    /// Is this an alpha, beta, release candidate or development release?
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        self.inner.has_pre || self.inner.has_dev
    }

    /// The same as [`Self::is_prerelease`], by Poetry's name for it.
    #[must_use]
    pub fn is_unstable(&self) -> bool {
        self.is_prerelease()
    }

    /// Is it neither a pre- nor a development release?
    #[must_use]
    pub fn is_stable(&self) -> bool {
        !self.is_prerelease()
    }

    /// Has it an alpha, beta or release candidate part? (What Poetry calls `is_prerelease`.)
    #[must_use]
    pub fn has_pre(&self) -> bool {
        self.inner.has_pre
    }

    /// Has it a post part?
    #[must_use]
    pub fn is_postrelease(&self) -> bool {
        self.inner.has_post
    }

    /// Has it a development part?
    #[must_use]
    pub fn is_devrelease(&self) -> bool {
        self.inner.has_dev
    }

    /// Has it a local part (`+cpu`)?
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.inner.public.is_some()
    }

    /// The version without its local part.
    #[must_use]
    pub fn without_local(&self) -> Self {
        self.public().clone()
    }

    /// The version without its local part, borrowed.
    #[must_use]
    pub fn public(&self) -> &Self {
        self.inner.public.as_ref().unwrap_or(self)
    }

    /// The release numbers, as given (`1.0` → `[1, 0]`).
    #[must_use]
    pub fn release(&self) -> Vec<Number> {
        self.parts().release
    }

    /// How many release numbers are given (`1.0` → 2).
    #[must_use]
    pub fn precision(&self) -> usize {
        self.parts().release.len()
    }

    /// The first release number.
    #[must_use]
    pub fn major(&self) -> Number {
        self.parts().release.swap_remove(0)
    }

    /// The second release number, if given.
    #[must_use]
    pub fn minor(&self) -> Option<Number> {
        self.parts().release.into_iter().nth(1)
    }

    /// The third release number, if given.
    #[must_use]
    pub fn patch(&self) -> Option<Number> {
        self.parts().release.into_iter().nth(2)
    }

    /// The epoch (`1!2.0` → 1).
    #[must_use]
    pub fn epoch(&self) -> Number {
        self.parts().epoch
    }

    /// What the text says.
    pub(crate) fn parts(&self) -> Parts {
        if let Some(parts) = &self.inner.odd {
            return Parts::clone(parts);
        }
        let (parts, _) = Parts::scan(self.as_str()).expect("a version's text is a version");
        parts
    }

    pub(crate) fn from_parts(parts: &Parts) -> Self {
        let public = parts.local.is_some().then(|| {
            Self::from_parts(&Parts {
                local: None,
                ..parts.clone()
            })
        });
        Self::assemble(parts, parts.text(), &parts.key(), public)
    }

    /// A position on the version line that no version has: above `self` and all its local versions.
    pub(crate) fn position_above_local(&self) -> Self {
        let parts = self.public().parts();
        Self::assemble(
            &parts,
            format!("{}+∞", parts.text()),
            &parts.key_above_local(),
            None,
        )
    }

    /// A position on the version line that no version has: above `self` and all its post-releases.
    /// Meant for versions that are neither post- nor development releases.
    pub(crate) fn position_above_post(&self) -> Self {
        let parts = self.public().parts();
        Self::assemble(
            &parts,
            format!("{}.post∞", parts.text()),
            &parts.key_above_post(),
            None,
        )
    }

    fn assemble(parts: &Parts, text: String, key: &[u8], public: Option<Self>) -> Self {
        let mut prefix = [0; 8];
        let (start, rest) = key.split_at(key.len().min(prefix.len()));
        prefix[..start.len()].copy_from_slice(start);
        Self {
            prefix: u64::from_be_bytes(prefix),
            inner: Arc::new(Inner {
                text: text.into(),
                rest: rest.into(),
                has_pre: parts.pre.is_some(),
                has_post: parts.post.is_some(),
                has_dev: parts.dev.is_some(),
                public,
                odd: parts.is_odd().then(|| Box::new(parts.clone())),
            }),
        }
    }
}

/// What Python's `\s` matches.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

impl FromStr for Version {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        if let Some(key) = parts::plain_key(text) {
            let plain = Parts::new(Number::from(0), Vec::new());
            return Ok(Self::assemble(&plain, text.to_owned(), &key, None));
        }
        match Parts::scan(text.trim_matches(is_space)) {
            Some((parts, "")) => Ok(Self::from_parts(&parts)),
            _ => Err(VersionError {
                text: text.to_owned(),
            }),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // Zeros that fill up a short key never decide: no key begins with another one.
        self.prefix.cmp(&other.prefix).then_with(|| {
            if Arc::ptr_eq(&self.inner, &other.inner) {
                Ordering::Equal
            } else {
                self.inner.rest.cmp(&other.inner.rest)
            }
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.prefix.hash(state);
        if !self.inner.rest.is_empty() {
            self.inner.rest.hash(state);
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.inner.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner.text, f)
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.as_str().to_owned()
    }
}
