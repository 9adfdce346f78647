//! What settings say about sources and their hosts: addresses, logins, certificates, ages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use resolver::index::{MinReleaseAge, Netrc, Place, Trust};
use resolver::name::PackageName;

use super::{Layers, Settings, SettingsError, expand_home, variable_part};

/// The one part of what is kept of a token.
const TOKEN: &str = "token";

/// Texts about sources: those of the files by name, those of variables by how the name is written there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    files: BTreeMap<(String, &'static str), String>,
    variables: BTreeMap<(String, &'static str), String>,
}

impl Named {
    /// Poetry: an empty text says nothing, but a variable hides what the files say even so.
    fn get(&self, name: &str, part: &'static str) -> Option<&str> {
        let of_variable = self.variables.get(&(variable_part(name), part));
        let text = of_variable.or_else(|| self.files.get(&(name.to_owned(), part)))?;
        Some(text.as_str()).filter(|text| !text.is_empty())
    }
}

impl Settings {
    /// All that is known of the place of a source.
    pub(crate) fn place(&self, name: &str, url: &str) -> Place {
        let text = |part| self.http_basic.get(name, part).map(str::to_owned);
        let password = text("password");
        // Poetry: tokens may be passwords of users without a name.
        let user = text("username").or_else(|| password.as_ref().map(|_| String::new()));
        Place {
            name: Some(name.to_owned()),
            url: url.to_owned(),
            user,
            password,
            trust: self.trust(name),
        }
    }

    /// Poetry: who looks for one repository finds it in variables and files.
    pub(crate) fn upload_url(&self, name: &str) -> Option<&str> {
        self.upload_urls.get(name, "url")
    }

    /// The token that a repository takes instead of a user and a password.
    pub(crate) fn token(&self, name: &str) -> Option<&str> {
        self.tokens.get(name, TOKEN)
    }

    fn trust(&self, name: &str) -> Trust {
        let text = |part| self.certificates.get(name, part);
        let path = |text: &str| expand_home(text, &self.home);
        // Poetry: the older word wins.
        let roots = text("verify").or_else(|| text("cert"));
        Trust {
            roots: roots
                .filter(|text| !["true", "false"].contains(text))
                .map(path),
            is_blind: roots == Some("false"),
            client: text("client-cert").map(path),
        }
    }

    /// The logins in `.netrc`. Poetry: a file that can't be read counts as not there.
    pub(crate) fn read_netrc(&self) -> Netrc {
        let mut files = self.netrc.iter();
        let text = files.find_map(|path| fs_err::read_to_string(path).ok());
        text.and_then(|text| Netrc::parse(&text))
            .unwrap_or_default()
    }
}

impl Layers<'_> {
    pub(super) fn named(&self, table: &str, parts: &[&'static str]) -> Named {
        let mut named = Named::default();
        for (name, entry) in self.tables_below(table) {
            for part in parts {
                let text = match entry.get(*part) {
                    Some(toml::Value::String(text)) => self.fill_in(text, 0),
                    Some(toml::Value::Boolean(answer)) => answer.to_string(),
                    _ => continue,
                };
                named.files.insert((name.clone(), part), text);
            }
        }
        let beginning = format!("{}_", variable_part(table));
        for (rest, text) in self.variables.settings_below(&beginning) {
            // Of two endings that fit, the longer one is meant.
            let endings = parts.iter().filter_map(|part| {
                let name = rest.strip_suffix(&format!("_{}", variable_part(part)))?;
                Some((name, *part))
            });
            if let Some((name, part)) = endings.min_by_key(|(name, _)| name.len()) {
                named
                    .variables
                    .insert((name.to_owned(), part), self.fill_in(text, 0));
            }
        }
        named
    }

    /// Tokens are texts, not tables of them.
    pub(super) fn tokens(&self) -> Named {
        let table = self.files.get("pypi-token").and_then(toml::Value::as_table);
        let entries = table.into_iter().flatten();
        let files = entries.filter_map(|(name, token)| {
            let token = self.fill_in(token.as_str()?, 0);
            Some(((name.clone(), TOKEN), token))
        });
        let variables = self.variables.settings_below("PYPI_TOKEN_").into_iter();
        let variables =
            variables.map(|(name, token)| ((name.to_owned(), TOKEN), self.fill_in(token, 0)));
        Named {
            files: files.collect(),
            variables: variables.collect(),
        }
    }

    fn tables_below(&self, key: &str) -> impl Iterator<Item = (&String, &toml::Table)> {
        let table = self.files.get(key).and_then(toml::Value::as_table);
        let entries = table.into_iter().flatten();
        entries.filter_map(|(name, entry)| Some((name, entry.as_table()?)))
    }

    pub(super) fn repositories(&self) -> Vec<(String, String)> {
        let of_variables = self.repositories_of_variables();
        if !of_variables.is_empty() {
            return of_variables;
        }
        let urls = self
            .tables_below("repositories")
            .filter_map(|(name, entry)| {
                let url = self.fill_in(entry.get("url")?.as_str()?, 0);
                Some((name.clone(), url))
            });
        urls.collect()
    }

    /// Poetry: one variable of this kind makes it forget all repositories of the files.
    pub(super) fn repositories_of_variables(&self) -> Vec<(String, String)> {
        let variables = self.variables.settings_below("REPOSITORIES_");
        let urls = variables.into_iter().filter_map(|(rest, url)| {
            let name = rest.strip_suffix("_URL")?;
            Some((name.to_lowercase().replace('_', "-"), url.to_owned()))
        });
        urls.collect()
    }

    pub(super) fn min_release_age(&self) -> Result<MinReleaseAge, SettingsError> {
        let days = self.number("solver.min-release-age")?.unwrap_or(0);
        let packages = self.words("solver.min-release-age-exclude").into_iter();
        Ok(MinReleaseAge {
            days: days as u64,
            // Poetry: `:all:` is accepted, but the name of no package.
            packages: packages.map(|name| PackageName::new(&name)).collect(),
            sources: self.words("solver.min-release-age-exclude-source"),
        })
    }

    /// An array of a file, or words between commas.
    fn words(&self, key: &str) -> Vec<String> {
        if self.variable(key).is_none()
            && let Some(toml::Value::Array(words)) =
                self.file_value(&key.split('.').collect::<Vec<_>>())
        {
            let words = words.iter().filter_map(toml::Value::as_str);
            return words.map(str::to_owned).collect();
        }
        let text = self.text(key).unwrap_or_default();
        let words = text.split(',').map(str::trim);
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Poetry: the variables of Python's `requests`.
    pub(super) fn roots(&self) -> Option<PathBuf> {
        let mut names = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"].into_iter();
        names
            .find_map(|name| self.variables.filled(name))
            .map(PathBuf::from)
    }

    /// Poetry: the file that `NETRC` names, or one of two in the home directory.
    pub(super) fn netrc(&self) -> Vec<PathBuf> {
        let home = &self.places.home;
        match self.variables.filled("NETRC") {
            Some(path) => vec![expand_home(path, home)],
            None => vec![home.join(".netrc"), home.join("_netrc")],
        }
    }
}
