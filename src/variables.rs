//! The environment variables of the process, read once, so that everything below can be tested without
//! touching the real ones.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Environment variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// All but these.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let mut others = self.0.clone();
        others.retain(|name, _| !names.iter().any(|left_out| name == *left_out));
        Self(others)
    }

    /// The value of `name` as it is.
    pub(crate) fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The value of `name`, even if it is empty. One that is not UTF-8 counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.raw(name)?.to_str()
    }

    /// The value of `name`, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The same as values of their own.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        self.iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// All that are UTF-8, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Variables {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
        )
    }
}
