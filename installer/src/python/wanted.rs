//! A Python as users name it: `3.12`, `3.12.1`, `3.13t`, `pypy@3.10`.

use super::Interpreter;

/// What is asked of a Python by a version text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Wanted {
    implementation: Option<String>,
    /// Major, minor and patch, as far as they are named.
    release: Vec<u64>,
    is_prerelease: bool,
    is_free_threaded: bool,
}

impl Wanted {
    /// Poetry: what Poetry's finder takes for a version. `None`: it is a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (implementation, version) = match text.split_once('@') {
            Some((implementation, version)) => (Some(implementation.to_lowercase()), version),
            None => (None, text),
        };
        let (version, is_free_threaded) = match version.strip_suffix('t') {
            Some(version) => (version, true),
            None => (version, false),
        };
        let end = version.find(|c: char| c.is_ascii_alphabetic());
        let (numbers, stage) = version.split_at(end.unwrap_or(version.len()));
        let stage = stage.trim_end_matches(|c: char| c.is_ascii_digit());
        if !["", "a", "b", "c", "rc"].contains(&stage) {
            return None;
        }
        Some(Self {
            implementation,
            release: numbers_of(numbers).filter(|release| release.len() <= 3)?,
            is_prerelease: !stage.is_empty(),
            is_free_threaded,
        })
    }

    /// Is this one meant? A pre-release only if one was named, a free-threaded one only if it was asked for.
    pub(super) fn fits(&self, python: &Interpreter) -> bool {
        let implementation = &python.markers.platform_python_implementation;
        let is_named = |wanted: &String| implementation.eq_ignore_ascii_case(wanted);
        self.implementation.as_ref().is_none_or(is_named)
            && numbers_of(python.version.as_str()).is_some_and(|all| all.starts_with(&self.release))
            && python.full_version().has_pre() == self.is_prerelease
            && python.is_free_threaded() == self.is_free_threaded
    }
}

fn numbers_of(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn versions_are_told_from_names() {
        let parse = |text| {
            let wanted = Wanted::parse(text)?;
            let kind = (wanted.is_prerelease, wanted.is_free_threaded);
            Some((wanted.release, kind))
        };
        assert_eq!(parse("3"), Some((vec![3], (false, false))));
        assert_eq!(parse("3.12"), Some((vec![3, 12], (false, false))));
        assert_eq!(parse("3.12.1"), Some((vec![3, 12, 1], (false, false))));
        assert_eq!(parse("3.13t"), Some((vec![3, 13], (false, true))));
        assert_eq!(parse("3.14rc1"), Some((vec![3, 14], (true, false))));
        assert_eq!(parse("pypy@3.10"), Some((vec![3, 10], (false, false))));
        for name in ["python3.12", "python", "3.12.1.2", "3.x", "", ".", "./3.12"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
