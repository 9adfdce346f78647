//! Settings as `config` shows them: each value as it was written, and as it is meant.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::keys::{KEYS, Key};
use super::{Layers, Places, SettingsError, merge, read_all, variable_part};
use crate::variables::Variables;

/// All files, the variables above them and the defaults below.
pub(crate) struct Configuration<'a>(Layers<'a>);

/// A value.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    /// As it was written.
    pub(crate) raw: Option<Value>,
    /// As it is meant.
    pub(crate) value: Option<Value>,
}

/// Poetry: tables with secrets, which are never shown.
pub(crate) const SECRET: [&str; 2] = ["http-basic", "pypi-token"];
const REPOSITORIES: &str = "repositories";
const CONFIG_SETTINGS: [&str; 2] = ["installer", "build-config-settings"];

impl<'a> Configuration<'a> {
    /// Reads the files. `project` is the folder of `pyproject.toml`, `sources` are the names and URLs in there.
    ///
    /// # Errors
    /// When a file is broken.
    pub(crate) fn read(
        places: &'a Places,
        project: Option<&Path>,
        sources: &[(String, String)],
        variables: &'a Variables,
    ) -> Result<Self, SettingsError> {
        let mut files = Table::new();
        for key in &KEYS {
            if let Some(value) = key.fallback(places) {
                put(&mut files, &key.name.split('.').collect::<Vec<_>>(), value);
            }
        }
        merge(&mut files, read_all(places, project)?);
        let mut layers = Layers {
            files,
            variables,
            places,
        };
        for (name, settings) in layers.config_settings_of_variables() {
            let value = Value::try_from(settings).unwrap_or(Value::Table(Table::new()));
            let [section, key] = CONFIG_SETTINGS;
            put(&mut layers.files, &[section, key, name.as_str()], value);
        }
        for (name, url) in sources {
            // Poetry: what the settings say of a name comes first.
            if layers.file_value(&[REPOSITORIES, name]).is_none() {
                let url = Value::String(url.clone());
                put(&mut layers.files, &[REPOSITORIES, name, "url"], url);
            }
        }
        Ok(Self(layers))
    }

    /// The value at a path, as it is meant; `None` where there is none, and for a key without a value.
    ///
    /// # Errors
    /// When a variable can't be a value for its key.
    pub(crate) fn get(&self, path: &[&str]) -> Result<Option<Value>, SettingsError> {
        let layers = &self.0;
        if path == [REPOSITORIES] {
            let repositories = layers.repositories_of_variables();
            if !repositories.is_empty() {
                let mut table = Table::new();
                for (name, url) in repositories {
                    put(&mut table, &[&name, "url"], Value::String(url));
                }
                return Ok(Some(Value::Table(table)));
            }
        }
        let name = path.join(".");
        if !path.starts_with(&CONFIG_SETTINGS)
            && let Some(text) = layers.variables.setting(&variable_part(&name))
        {
            let value = match Key::find(&name) {
                Some(key) => key.parse_variable(text)?,
                None => Value::String(text.to_owned()),
            };
            return Ok(Some(self.filled_in(value)));
        }
        Ok(match layers.file_value(path) {
            Some(Value::Table(table)) => {
                let mut filled = Table::new();
                for key in table.keys() {
                    if let Some(value) = self.get(&[path, &[key]].concat())? {
                        filled.insert(key.clone(), value);
                    }
                }
                Some(Value::Table(filled))
            }
            value => value.map(|value| self.filled_in(value.clone())),
        })
    }

    fn filled_in(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.0.fill_in(&text, 0)),
            value => value,
        }
    }

    /// All values that may be shown, by key.
    ///
    /// # Errors
    /// When a variable can't be a value for its key.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, SettingsError> {
        let mut paths: Vec<Vec<&str>> = Vec::new();
        leaves(&self.0.files, &[], &mut paths);
        paths.retain(|path| !SECRET.contains(&path[0]));
        let of_keys = KEYS.iter().map(|key| key.name.split('.').collect());
        paths.extend(of_keys);
        paths.sort_unstable();
        paths.dedup();
        let listed = paths.iter().map(|path| self.listed(path));
        listed.collect()
    }

    fn listed(&self, path: &[&str]) -> Result<Listed, SettingsError> {
        // Poetry: a name with a dot is not found again.
        let is_found = !path.iter().any(|name| name.contains('.'));
        Ok(Listed {
            key: path.join("."),
            raw: self.0.file_value(path).cloned(),
            value: if is_found { self.get(path)? } else { None },
        })
    }

    /// What back ends are told of packages, by package.
    ///
    /// # Errors
    /// As [`Configuration::get`].
    pub(crate) fn list_config_settings(&self) -> Result<Vec<Listed>, SettingsError> {
        let value = self.get(&CONFIG_SETTINGS)?;
        let mut listed = BTreeMap::new();
        for (package, settings) in value.iter().filter_map(Value::as_table).flatten() {
            for (name, value) in settings.as_table().into_iter().flatten() {
                listed.insert((package.clone(), name.clone()), value.clone());
            }
        }
        let listed = listed.into_iter().map(|((package, name), value)| Listed {
            key: format!("{package}.{name}"),
            raw: None,
            value: Some(value),
        });
        Ok(listed.collect())
    }
}

/// The paths to all values that are no tables. Poetry: a table whose name has a dot counts as a value.
fn leaves<'t>(table: &'t Table, above: &[&'t str], paths: &mut Vec<Vec<&'t str>>) {
    for (name, value) in table {
        let path = [above, &[name.as_str()]].concat();
        match value {
            Value::Table(below) if !name.contains('.') => leaves(below, &path, paths),
            _ => paths.push(path),
        }
    }
}

/// Puts a value at a path. What stands in the way goes.
fn put(table: &mut Table, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => drop(table.insert((*last).to_owned(), value)),
        [first, rest @ ..] => {
            let below = table
                .entry((*first).to_owned())
                .or_insert_with(|| Value::Table(Table::new()));
            if !below.is_table() {
                *below = Value::Table(Table::new());
            }
            if let Some(below) = below.as_table_mut() {
                put(below, rest, value);
            }
        }
    }
}
