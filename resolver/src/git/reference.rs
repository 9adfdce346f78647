//! What of a repository is wanted, and how the server calls it.

use std::fmt;

use super::GitError;

/// What of a repository is wanted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Reference {
    /// What the server shows by itself.
    Head,
    /// A branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// A commit, whole or abbreviated, or the name of anything.
    Revision(String),
}

impl Reference {
    /// Refuses what git would take for an option.
    pub(super) fn check(&self) -> Result<(), GitError> {
        match self.text() {
            Some(text) if text.trim_start().starts_with('-') || text.trim().is_empty() => {
                Err(GitError::Revision(text.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The commit, if it is one that is written out.
    pub(super) fn full_commit(&self) -> Option<&str> {
        self.commit_digits().filter(|digits| digits.len() == 40)
    }

    /// The digits of a commit, perhaps abbreviated.
    pub(super) fn commit_digits(&self) -> Option<&str> {
        let Self::Revision(text) = self else {
            return None;
        };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        ((5..=40).contains(&text.len()) && text.bytes().all(is_digit)).then_some(text)
    }

    /// How the server calls it, if there is only one way.
    pub(super) fn full_name(&self) -> Option<String> {
        match self {
            Self::Head => Some("HEAD".to_owned()),
            Self::Tag(name) => Some(format!("refs/tags/{name}")),
            Self::Branch(name) if is_full_name(name) => Some(name.clone()),
            Self::Branch(name) => Some(format!("refs/heads/{name}")),
            Self::Revision(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Head => None,
            Self::Branch(text) | Self::Tag(text) | Self::Revision(text) => Some(text),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("`HEAD`"),
            Self::Branch(name) => write!(f, "branch `{name}`"),
            Self::Tag(name) => write!(f, "tag `{name}`"),
            Self::Revision(name) => write!(f, "revision `{name}`"),
        }
    }
}

fn is_full_name(name: &str) -> bool {
    name.starts_with("refs/") || name == "HEAD"
}

/// The references that a server has.
#[derive(Debug)]
pub(super) struct Listing {
    /// Object and name.
    references: Vec<(String, String)>,
}

impl Listing {
    /// Reads what `git ls-remote` prints.
    pub(super) fn parse(text: &str) -> Self {
        let references = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(object, name)| (object.to_owned(), name.to_owned()))
            .collect();
        Self { references }
    }

    /// How the server calls what is wanted.
    ///
    /// Poetry: a revision may be the name of a tag, then of any reference, then of a branch; a branch that is none may be
    /// a tag; an abbreviated commit is looked for among those that have names.
    pub(super) fn name_of(&self, wanted: &Reference) -> Option<String> {
        let candidates = match wanted {
            Reference::Branch(name) => {
                vec![wanted.full_name()?, format!("refs/tags/{name}")]
            }
            Reference::Revision(name) => vec![
                format!("refs/tags/{name}"),
                name.clone(),
                format!("refs/heads/{name}"),
            ],
            Reference::Head | Reference::Tag(_) => vec![wanted.full_name()?],
        };
        let by_name = candidates.into_iter().find(|name| self.has(name));
        by_name.or_else(|| {
            let digits = wanted.commit_digits()?;
            let (_, name) =
                (self.references.iter()).find(|(object, _)| object.starts_with(digits))?;
            // A tag's own commit is listed behind its name.
            Some(name.trim_end_matches("^{}").to_owned())
        })
    }

    fn has(&self, wanted: &str) -> bool {
        self.references.iter().any(|(_, name)| name == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::{Listing, Reference};

    #[test]
    fn names_on_the_server() {
        let listing = Listing::parse(
            "aaaaaaa1\tHEAD\naaaaaaa1\trefs/heads/main\nbbbbbbb2\trefs/heads/v1\nccccccc3\trefs/pull/1/head\n\
             ddddddd4\trefs/tags/v1\neeeeeee5\trefs/tags/v1^{}\neeeeeee5\trefs/tags/v2\n",
        );
        let branch = |name: &str| Reference::Branch(name.to_owned());
        let revision = |name: &str| Reference::Revision(name.to_owned());
        for (wanted, name) in [
            (Reference::Head, Some("HEAD")),
            (branch("main"), Some("refs/heads/main")),
            (branch("v1"), Some("refs/heads/v1")),
            (branch("v2"), Some("refs/tags/v2")),
            (branch("v3"), None),
            (branch("refs/pull/1/head"), Some("refs/pull/1/head")),
            (Reference::Tag("main".to_owned()), None),
            (revision("v1"), Some("refs/tags/v1")),
            (revision("main"), Some("refs/heads/main")),
            (revision("refs/pull/1/head"), Some("refs/pull/1/head")),
            (revision("bbbbb"), Some("refs/heads/v1")),
            (revision("eeeee"), Some("refs/tags/v1")),
            (revision("bbbb"), None),
            (revision("fffff"), None),
        ] {
            assert_eq!(listing.name_of(&wanted).as_deref(), name, "{wanted}");
        }
    }
}
