//! The settings `installer.*`.

use std::collections::BTreeMap;

use installer::build::ConfigSettings;
use installer::fetch::{BinaryPolicy, PackageFilter};
use resolver::name::PackageName;
use serde_json::Value;

use super::{Layers, SettingsError};

/// Poetry: a variable of this kind is about the package that the rest of its name names.
const CONFIG_SETTINGS_VARIABLE: &str = "INSTALLER_BUILD_CONFIG_SETTINGS_";
const CONFIG_SETTINGS: &str = "installer.build-config-settings";

impl Layers<'_> {
    pub(super) fn binary_policy(&self) -> Result<BinaryPolicy, SettingsError> {
        Ok(BinaryPolicy {
            no_binary: self.package_filter("installer.no-binary")?,
            only_binary: self.package_filter("installer.only-binary")?,
        })
    }

    /// Poetry: names separated by commas, `:all:`, `:none:`, or a boolean for these; in a file also an array.
    fn package_filter(&self, key: &str) -> Result<PackageFilter, SettingsError> {
        let text = match self.file_value(&key.split('.').collect::<Vec<_>>()) {
            Some(toml::Value::Array(words)) if self.variable(key).is_none() => {
                let words = words.iter().map(|word| match word.as_str() {
                    Some(word) => Ok(word),
                    None => Err(wrong(key, word)),
                });
                words.collect::<Result<Vec<_>, _>>()?.join(",")
            }
            Some(table @ toml::Value::Table(_)) if self.variable(key).is_none() => {
                return Err(wrong(key, table));
            }
            _ => self.text(key).unwrap_or_default(),
        };
        let mut filter = PackageFilter::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "" => {}
                ":all:" => filter.all = true,
                ":none:" => filter.none = true,
                "true" | "1" if text == word => filter.all = true,
                "false" | "0" if text == word => filter.none = true,
                _ if is_name(word) => drop(filter.names.insert(PackageName::new(word))),
                _ => return Err(wrong(key, &text)),
            }
        }
        Ok(filter)
    }

    /// What back ends are told, by package.
    pub(super) fn config_settings(
        &self,
    ) -> Result<BTreeMap<PackageName, ConfigSettings>, SettingsError> {
        let mut all = BTreeMap::new();
        let table = self.file_value(&["installer", "build-config-settings"]);
        for (name, value) in table.and_then(toml::Value::as_table).into_iter().flatten() {
            let key = format!("{CONFIG_SETTINGS}.{name}");
            let settings = match value {
                toml::Value::String(text) => from_json(text),
                value => checked(serde_json::to_value(value).ok()),
            };
            let settings = settings.ok_or_else(|| wrong(&key, value))?;
            all.insert(PackageName::new(name), settings);
        }
        for (name, text) in self.variables.settings_below(CONFIG_SETTINGS_VARIABLE) {
            let name = PackageName::new(name);
            let key = format!("{CONFIG_SETTINGS}.{name}");
            let settings = from_json(text).ok_or_else(|| wrong(&key, text))?;
            all.insert(name, settings);
        }
        Ok(all)
    }

    /// Poetry: for `config`, variables of no use are not there.
    pub(super) fn config_settings_of_variables(&self) -> Vec<(PackageName, ConfigSettings)> {
        let variables = self.variables.settings_below(CONFIG_SETTINGS_VARIABLE);
        let settings = variables
            .into_iter()
            .filter_map(|(name, text)| Some((PackageName::new(name), from_json(text)?)));
        settings.collect()
    }
}

/// What a back end is told: an object whose values are texts or lists of texts.
pub(crate) fn from_json(text: &str) -> Option<ConfigSettings> {
    checked(serde_json::from_str(text).ok())
}

/// Poetry: each setting is a text or a list of texts.
fn checked(value: Option<Value>) -> Option<ConfigSettings> {
    let is_text_or_texts = |value: &Value| match value {
        Value::String(_) => true,
        Value::Array(values) => values.iter().all(Value::is_string),
        _ => false,
    };
    match value {
        Some(Value::Object(settings)) if settings.values().all(is_text_or_texts) => Some(settings),
        _ => None,
    }
}

fn is_name(word: &str) -> bool {
    let ends = |edge: Option<char>| edge.is_some_and(|edge| edge.is_ascii_alphanumeric());
    ends(word.chars().next())
        && ends(word.chars().next_back())
        && word
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

fn wrong(key: &str, value: &(impl ToString + ?Sized)) -> SettingsError {
    SettingsError::Value {
        key: key.to_owned(),
        value: value.to_string(),
    }
}
