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

    /// The variable of a setting, without its prefix: `MPOETRY_<name>`, or else Poetry's `POETRY_<name>`. It counts
    /// even if it is empty.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        let own = self.get(&format!("MPOETRY_{name}"));
        // That one is the folder of our own cache, not of what Poetry calls its cache.
        let own = own.filter(|_| name != "CACHE_DIR");
        own.or_else(|| self.get(&format!("POETRY_{name}")))
    }

    /// The same, unless it is empty.
    pub(crate) fn filled_setting(&self, name: &str) -> Option<&str> {
        self.setting(name).filter(|value| !value.is_empty())
    }

    /// The variables of all settings whose name begins so, by the rest of it.
    pub(crate) fn settings_below(&self, beginning: &str) -> BTreeMap<&str, &str> {
        let mut all = BTreeMap::new();
        for prefix in ["POETRY_", "MPOETRY_"] {
            let beginning = format!("{prefix}{beginning}");
            let pairs = self.iter();
            all.extend(
                pairs.filter_map(|(name, value)| Some((name.strip_prefix(&beginning)?, value))),
            );
        }
        all
    }

    /// All that are UTF-8, by name.
    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
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
