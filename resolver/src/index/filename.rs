//! Which files of a project page count, and as which version.
//!
//! Poetry: an index page is read with rules of its own, wider than PEP 427 and 625: what starts with a digit after a
//! dash may be a version, and a wheel's name may hold dashes. The version that such a name spells is a candidate.

use std::str::FromStr;

use super::FileKind;
use crate::name::normalize;
use crate::version::Version;

/// What a file on a page is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spelling<'a> {
    /// The project, as spelled.
    pub(crate) name: &'a str,
    /// The version, as spelled.
    pub(crate) version: &'a str,
    /// Wheel or sdist.
    pub(crate) kind: FileKind,
}

/// Poetry: the endings that make a file count on a page. `.tgz` is not among them.
const SDIST_ENDINGS: [&str; 6] = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tar.Z", ".tar"];

impl<'a> Spelling<'a> {
    /// Takes a file name apart; `None` for eggs, installers, signatures, and names that no rule reads.
    pub(crate) fn of(filename: &'a str) -> Option<Self> {
        if !is_plain(filename) {
            return None;
        }
        if let Some(stem) = filename.strip_suffix(".whl") {
            let (name, version) = wheel_parts(stem).or_else(|| first_digit_parts(stem))?;
            return Some(Self {
                name,
                version,
                kind: FileKind::Wheel,
            });
        }
        let ending = SDIST_ENDINGS.iter().find(|end| filename.ends_with(**end))?;
        Self::of_sdist(filename.strip_suffix(ending)?)
    }

    /// Poetry: PyPI lists `.tgz` among the files of a release, though such a file alone makes no candidate.
    pub(crate) fn of_tgz(filename: &'a str) -> Option<Self> {
        if !is_plain(filename) {
            return None;
        }
        Self::of_sdist(filename.strip_suffix(".tgz")?)
    }

    fn of_sdist(stem: &'a str) -> Option<Self> {
        let bare = stem.strip_suffix(".sdist").unwrap_or(stem);
        let (name, version) = last_dash_parts(bare).or_else(|| first_digit_parts(stem))?;
        Some(Self {
            name,
            version,
            kind: FileKind::Sdist,
        })
    }

    /// Is it a file of the project with this normalised name?
    pub(crate) fn is_of(&self, project: &str) -> bool {
        self.name == project || normalize(self.name) == project
    }

    pub(crate) fn parse_version(&self) -> Option<Version> {
        Version::from_str(self.version).ok()
    }
}

/// A name that can be a file's: no folders, nothing invisible.
fn is_plain(filename: &str) -> bool {
    !filename.contains(['/', '\\']) && !filename.chars().any(char::is_control)
}

/// `name-version(-build)?-python-abi-platform`, version and build starting with a digit, the shortest name that fits.
fn wheel_parts(stem: &str) -> Option<(&str, &str)> {
    let dashes: Vec<usize> = stem.match_indices('-').map(|(at, _)| at).collect();
    // The tags are the last three parts, so the version ends at the third dash from the end, or at the fourth if
    // a build tag stands between.
    let third = *dashes.get(dashes.len().checked_sub(3)?)?;
    let fourth = dashes.len().checked_sub(4).map(|at| dashes[at]);
    let fifth = dashes.len().checked_sub(5).map(|at| dashes[at]);
    let starts_with_digit = |at: usize| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let parts_filled = !stem.ends_with('-') && !stem[third..].contains("--");
    if !parts_filled {
        return None;
    }
    if let (Some(fourth), Some(fifth)) = (fourth, fifth)
        && fifth > 0
        && starts_with_digit(fourth)
        && starts_with_digit(fifth)
    {
        return Some((&stem[..fifth], &stem[fifth + 1..fourth]));
    }
    let fourth = fourth.filter(|&at| at > 0 && starts_with_digit(at))?;
    Some((&stem[..fourth], &stem[fourth + 1..third]))
}

/// `name-version` with no dash in the version.
fn last_dash_parts(stem: &str) -> Option<(&str, &str)> {
    let (name, version) = stem.rsplit_once('-')?;
    let fits = !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit());
    fits.then_some((name, version))
}

/// The last resort: the version starts at the first dash with a digit behind it and ends with its alphabet.
fn first_digit_parts(stem: &str) -> Option<(&str, &str)> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let in_version = |c: char| in_name(c) || matches!(c, '!' | '+');
    for (at, _) in stem.match_indices('-') {
        if !stem[..at].chars().all(in_name) {
            return None;
        }
        let rest = &stem[at + 1..];
        if at > 0 && rest.starts_with(|c: char| c.is_ascii_digit()) {
            let end = rest.find(|c| !in_version(c)).unwrap_or(rest.len());
            return Some((&stem[..at], &rest[..end]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Spelling;

    #[test]
    fn names_and_versions_are_found_as_poetry_finds_them() {
        for (filename, expected) in [
            ("a-1.0-py3-none-any.whl", Some(("a", "1.0"))),
            ("a-1.0-1-py3-none-any.whl", Some(("a", "1.0"))),
            ("a-b-1.0-py3-none-any.whl", Some(("a-b", "1.0"))),
            ("a-2-1.0-py3-none-any.whl", Some(("a", "2"))),
            ("a-1.0-py3-none.whl", Some(("a", "1.0-py3-none"))),
            ("-1.0-py3-none-any.whl", None),
            ("-.whl", None),
            ("a-v1.0-py3-none-any.whl", None),
            ("a-1.0.tar.gz", Some(("a", "1.0"))),
            ("a-b-1.0.zip", Some(("a-b", "1.0"))),
            ("a-2-3.tar.bz2", Some(("a-2", "3"))),
            ("a-1.0.sdist.tar.gz", Some(("a", "1.0"))),
            ("a-1.0-beta1.tar.gz", Some(("a", "1.0-beta1"))),
            ("a-1.0.tgz", None),
            ("a-1.0.egg", None),
            ("a-1.0.exe", None),
            ("a.tar.gz", None),
            ("../a-1.0.tar.gz", None),
            ("a-1.0\u{0}.tar.gz", None),
        ] {
            let found = Spelling::of(filename).map(|found| (found.name, found.version));
            assert_eq!(found, expected, "{filename}");
        }
        assert!(Spelling::of_tgz("a-1.0.tgz").is_some());
    }
}
