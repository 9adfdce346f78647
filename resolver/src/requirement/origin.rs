//! Comparing where packages come from.
use std::path::{Path, PathBuf};

use super::Origin;
use crate::path::resolve;

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
    /// Poetry: the name of an index does not count, and of two git references one may be short for the other.
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
                    url, subdirectory, ..
                },
                Self::Git {
                    url: other_url,
                    subdirectory: other_subdirectory,
                    ..
                },
            ) => {
                let reference = self.git_reference().unwrap_or("HEAD");
                let other_reference = other.git_reference().unwrap_or("HEAD");
                url == other_url
                    && subdirectory == other_subdirectory
                    && (reference.starts_with(other_reference)
                        || other_reference.starts_with(reference))
            }
            _ => false,
        }
    }
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
            ("a @ file:///nowhere/a", "a @ /nowhere/a/", true),
            ("a @ file:///nowhere/a", "a @ file:///nowhere/a.zip", false),
        ] {
            assert_eq!(origin(a).is_same_as(&origin(b)), same, "{a} {b}");
            assert_eq!(origin(b).is_same_as(&origin(a)), same, "{b} {a}");
        }
    }
}
