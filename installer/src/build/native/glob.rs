//! Glob patterns as Python's `pathlib.Path.glob` reads them, which is what `packages`, `include`, `exclude` and
//! `license-files` are written in.
//!
//! Three habits matter and differ from other globs: `**` stands for *directories* (the folder itself and all
//! below, symlinks not followed), so that `pkg/**` lists no files; `*` also matches hidden names; a pattern that
//! ends in `/` matches directories only.

use std::path::{Path, PathBuf};

use crate::build::BuildError;

/// One component of a pattern.
enum Part<'a> {
    /// `**`
    Recursive,
    /// Has `*`, `?` or `[`.
    Wildcard(Vec<Token>),
    /// A plain name, also `..`.
    Literal(&'a str),
}

/// One element of a wildcard component.
#[derive(Debug)]
enum Token {
    Any,
    One,
    Char(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Everything below `base` that `pattern` matches, sorted component by component.
///
/// # Errors
/// When the pattern is empty, absolute, or has `**` inside a component.
pub(super) fn glob(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, BuildError> {
    let invalid = |reason: &'static str| BuildError::Pattern {
        pattern: pattern.to_owned(),
        reason,
    };
    if pattern.starts_with('/') {
        return Err(invalid("non-relative patterns are unsupported"));
    }
    let mut parts = Vec::new();
    for text in pattern
        .split('/')
        .filter(|text| !text.is_empty() && *text != ".")
    {
        parts.push(if text == "**" {
            Part::Recursive
        } else if text.contains("**") {
            return Err(invalid("`**` can only be an entire path component"));
        } else if text.contains(['*', '?', '[']) {
            Part::Wildcard(tokens(text))
        } else {
            Part::Literal(text)
        });
    }
    if parts.is_empty() {
        return Err(invalid("unacceptable pattern"));
    }
    let mut found = Vec::new();
    if base.is_dir() {
        select(base, &parts, pattern.ends_with('/'), &mut found);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn select(parent: &Path, parts: &[Part<'_>], directories_only: bool, found: &mut Vec<PathBuf>) {
    let Some((part, rest)) = parts.split_first() else {
        found.push(parent.to_owned());
        return;
    };
    let must_be_directory = !rest.is_empty() || directories_only;
    match part {
        Part::Literal(name) => {
            let path = parent.join(name);
            if if must_be_directory {
                path.is_dir()
            } else {
                path.exists()
            } {
                select(&path, rest, directories_only, found);
            }
        }
        Part::Wildcard(pattern) => {
            for entry in entries(parent) {
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let path = entry.path();
                if (!must_be_directory || path.is_dir()) && matches(pattern, name) {
                    select(&path, rest, directories_only, found);
                }
            }
        }
        Part::Recursive => {
            select(parent, rest, directories_only, found);
            for entry in entries(parent) {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    select(&entry.path(), parts, directories_only, found);
                }
            }
        }
    }
}

/// Everything below `directory`, as `glob("**/*")` lists it: symlinked directories are named, not entered.
/// Folders called `__pycache__` are left out, because no one wants what is in them.
pub(super) fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut stack = vec![directory.to_owned()];
    while let Some(parent) = stack.pop() {
        for entry in entries(&parent) {
            if entry.file_name() == "__pycache__" {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                stack.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// The entries of a folder; none if it can't be listed (as in `pathlib`).
fn entries(directory: &Path) -> Vec<std::fs::DirEntry> {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

/// Reads one component as Python's `fnmatch` does: a `[` that is never closed stands for itself.
fn tokens(pattern: &str) -> Vec<Token> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '*' => tokens.push(Token::Any),
            '?' => tokens.push(Token::One),
            '[' => {
                if let Some((class, end)) = class(&chars, at + 1) {
                    tokens.push(class);
                    at = end;
                } else {
                    tokens.push(Token::Char('['));
                }
            }
            c => tokens.push(Token::Char(c)),
        }
        at += 1;
    }
    tokens
}

/// Reads a class whose text starts at `start`; gives the index of its `]` too.
fn class(chars: &[char], start: usize) -> Option<(Token, usize)> {
    let negated = chars.get(start) == Some(&'!');
    let first = start + usize::from(negated);
    // A `]` right at the beginning belongs to the class.
    let end = (first + 1..chars.len()).find(|&at| chars[at] == ']')?;
    let mut ranges = Vec::new();
    let mut at = first;
    while at < end {
        if at + 2 < end && chars[at + 1] == '-' {
            ranges.push((chars[at], chars[at + 2]));
            at += 3;
        } else {
            ranges.push((chars[at], chars[at]));
            at += 1;
        }
    }
    Some((Token::Class { negated, ranges }, end))
}

fn matches(tokens: &[Token], name: &str) -> bool {
    let Some((token, rest)) = tokens.split_first() else {
        return name.is_empty();
    };
    let tail = |name: &str, accept: &dyn Fn(char) -> bool| {
        let mut chars = name.chars();
        chars.next().is_some_and(accept) && matches(rest, chars.as_str())
    };
    match token {
        Token::Any => {
            matches(rest, name)
                || name
                    .char_indices()
                    .any(|(at, c)| matches(rest, &name[at + c.len_utf8()..]))
        }
        Token::One => tail(name, &|_| true),
        Token::Char(wanted) => tail(name, &|c| c == *wanted),
        Token::Class { negated, ranges } => tail(name, &|c| {
            ranges.iter().any(|&(low, high)| low <= c && c <= high) != *negated
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{glob, walk};

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "a/b/c.py",
            "a/b/.hidden",
            "a/x.py",
            "a/x1.txt",
            "a/[y].py",
            "z.py",
            "a/__pycache__/x.pyc",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("b", folder.path().join("a/link")).unwrap();
        folder
    }

    fn found(pattern: &str) -> Vec<String> {
        let folder = tree();
        glob(folder.path(), pattern)
            .unwrap()
            .iter()
            .map(|path| {
                path.strip_prefix(folder.path())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    #[cfg(unix)]
    fn patterns_match_as_in_pathlib() {
        // Recorded from Python 3.11's `Path.glob`.
        let cases: &[(&str, &[&str])] = &[
            ("a", &["a"]),
            ("a/", &["a"]),
            ("z.py/", &[]),
            ("./a//x.py", &["a/x.py"]),
            ("*.py", &["z.py"]),
            (
                "a/*",
                &[
                    "a/[y].py",
                    "a/__pycache__",
                    "a/b",
                    "a/link",
                    "a/x.py",
                    "a/x1.txt",
                ],
            ),
            ("a/*/", &["a/__pycache__", "a/b", "a/link"]),
            ("**", &["", "a", "a/__pycache__", "a/b"]),
            ("a/**/*.py", &["a/[y].py", "a/b/c.py", "a/x.py"]),
            ("a/**/.*", &["a/b/.hidden"]),
            ("*/b/c.py", &["a/b/c.py"]),
            ("*/link/c.py", &["a/link/c.py"]),
            ("a/x?.*", &["a/x1.txt"]),
            ("a/x[0-9].txt", &["a/x1.txt"]),
            ("a/x[!2-9].txt", &["a/x1.txt"]),
            ("a/[[]y].py", &["a/[y].py"]),
            ("missing", &[]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(found(pattern), *expected, "{pattern}");
        }
    }

    #[test]
    fn odd_patterns_are_refused() {
        let folder = tree();
        for pattern in ["", ".", "/a", "a**/b"] {
            assert!(glob(folder.path(), pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_walk_names_links_but_does_not_enter_them() {
        let folder = tree();
        let names: Vec<_> = walk(&folder.path().join("a"))
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            ["[y].py", "b", ".hidden", "c.py", "link", "x.py", "x1.txt"]
        );
    }
}
