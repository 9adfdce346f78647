//! Comparing where packages come from.
use std::path::{Path, PathBuf};

use super::Origin;
use crate::git_url::without_credentials;
use crate::path::{posix, resolve};

impl Origin {
    /// Any index.
    #[must_use]
    pub fn index() -> Self {
        Self::Index { source: None }
    }

    /// Is it a directory, file, URL or git repository?
    #[must_use]
    pub fn is_direct(&self) -> bool {
        !matches!(self, Self::Index { .. })
    }

    /// A folder of a git repository at a commit. `folder` is relative to the repository, and empty for its top.
    #[must_use]
    pub(crate) fn folder_of_repository(
        url: &str,
        commit: &str,
        folder: &str,
        develop: bool,
    ) -> Self {
        Self::Git {
            url: url.to_owned(),
            branch: None,
            tag: None,
            rev: Some(commit.to_owned()),
            commit: Some(commit.to_owned()),
            subdirectory: (!folder.is_empty()).then(|| posix(folder)),
            develop,
        }
    }

    /// What a git requirement wants checked out: branch, else tag, else revision.
    #[must_use]
    pub fn git_reference(&self) -> Option<&str> {
        match self {
            Self::Git {
                branch, tag, rev, ..
            } => branch.as_deref().or(tag.as_deref()).or(rev.as_deref()),
            _ => None,
        }
    }

    /// The path of a directory or file: links are followed if it was declared relative to `base`. Without
    /// a base it starts where the program does.
    #[must_use]
    pub fn full_path(&self) -> Option<PathBuf> {
        match self {
            Self::Directory { path, base, .. } | Self::File { path, base, .. } => {
                Some(if Path::new(path).is_absolute() {
                    PathBuf::from(path)
                } else {
                    let path = base.join(path);
                    resolve(&std::path::absolute(&path).unwrap_or(path))
                })
            }
            _ => None,
        }
    }

    /// Is it the same place (poetry-core's `is_same_source_as`)?
    ///
    /// Poetry: the name of an index does not count. Commits of a repository are compared if both are known; if not,
    /// of two references one may be short for the other, even if they are names (`feature` and `feature-2`).
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Index { .. }, Self::Index { .. }) => true,
            (Self::Directory { .. }, Self::Directory { .. }) => {
                self.full_path() == other.full_path()
            }
            (
                Self::File { subdirectory, .. },
                Self::File {
                    subdirectory: other_subdirectory,
                    ..
                },
            ) => subdirectory == other_subdirectory && self.full_path() == other.full_path(),
            (Self::Url { .. }, Self::Url { .. }) => self == other,
            (
                Self::Git {
                    url,
                    subdirectory,
                    commit,
                    ..
                },
                Self::Git {
                    url: other_url,
                    subdirectory: other_subdirectory,
                    commit: other_commit,
                    ..
                },
            ) => {
                without_credentials(url) == without_credentials(other_url)
                    && subdirectory == other_subdirectory
                    && match (commit, other_commit) {
                        (Some(commit), Some(other_commit)) => commit == other_commit,
                        _ => are_alike(self.git_reference(), other.git_reference()),
                    }
            }
            _ => false,
        }
    }
}

/// Is one of two git references the beginning of the other?
fn are_alike(one: Option<&str>, other: Option<&str>) -> bool {
    let (one, other) = (one.unwrap_or("HEAD"), other.unwrap_or("HEAD"));
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use crate::requirement::{Origin, Requirement};

    fn origin(line: &str) -> Origin {
        Requirement::parse(line, None).unwrap().origin
    }

    #[test]
    fn same_places() {
        for (a, b, same) in [
            ("a>=1", "a<2", true),
            ("a", "a @ https://example.com/a.zip", false),
            (
                "a @ https://example.com/a.zip",
                "a @ https://example.com/a.zip",
                true,
            ),
            (
                "a @ https://example.com/a.zip#subdirectory=x",
                "a @ https://example.com/a.zip",
                false,
            ),
            (
                "a @ git+https://example.com/a.git@0123456",
                "a @ git+https://example.com/a.git@0123",
                true,
            ),
            (
                "a @ git+https://example.com/a.git@0123456",
                "a @ git+https://example.com/a.git",
                false,
            ),
            (
                "a @ git+https://example.com/a.git@main",
                "a @ git+https://example.com/b.git@main",
                false,
            ),
            (
                "a @ git+https://user:secret@example.com/a.git@main",
                "a @ git+https://example.com/a.git@main",
                true,
            ),
            ("a @ file:///nowhere/a", "a @ /nowhere/a/", true),
            ("a @ file:///nowhere/a", "a @ file:///nowhere/a.zip", false),
        ] {
            assert_eq!(origin(a).is_same_as(&origin(b)), same, "{a} {b}");
            assert_eq!(origin(b).is_same_as(&origin(a)), same, "{b} {a}");
        }
    }

    #[test]
    fn known_commits_count_more_than_references() {
        let at = |reference: &str, found: &str| {
            let mut origin = origin(&format!("a @ git+https://example.com/a.git@{reference}"));
            if let Origin::Git { commit, .. } = &mut origin {
                *commit = Some(found.to_owned());
            }
            origin
        };
        assert!(at("main", "01").is_same_as(&at("v1", "01")));
        assert!(!at("main", "01").is_same_as(&at("main", "02")));
    }
}
