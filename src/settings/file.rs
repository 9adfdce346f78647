//! Changing a file of settings, the way Poetry would: what is not changed stays as it is, comments too.

use std::io;
use std::path::{Path, PathBuf};

use resolver::file::replace_private;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::SettingsError;

/// A file of settings that can be changed. It need not be there.
pub(crate) struct SettingsFile {
    path: PathBuf,
    document: DocumentMut,
}

impl SettingsFile {
    /// Reads it.
    ///
    /// # Errors
    /// When it is no TOML, or can't be read.
    pub(crate) fn read(path: PathBuf) -> Result<Self, SettingsError> {
        // The plain reader has the words for what is wrong.
        super::read(&path)?;
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(SettingsError::Unreadable { path, source }),
        };
        let document = text.parse().unwrap_or_default();
        Ok(Self { path, document })
    }

    /// Makes an empty file if there is none. Poetry: nobody else may read what a file of settings says.
    ///
    /// # Errors
    /// When it can't be made.
    pub(crate) fn ensure(path: &Path) -> Result<(), SettingsError> {
        if path.exists() {
            return Ok(());
        }
        write(path, "").map_err(|source| SettingsError::Unwritable {
            path: path.to_owned(),
            source,
        })
    }

    /// The value at a path.
    pub(crate) fn get(&self, path: &[&str]) -> Option<toml::Value> {
        let text = self.document.to_string();
        let table: toml::Table = text.parse().ok()?;
        let (first, rest) = path.split_first()?;
        let found = table.get(*first)?;
        rest.iter()
            .try_fold(found, |found, name| found.get(*name))
            .cloned()
    }

    /// Sets the value at a path and writes the file.
    ///
    /// # Errors
    /// When something else than a table is in the way, or the file can't be written.
    pub(crate) fn set(&mut self, path: &[&str], value: &toml::Value) -> Result<(), SettingsError> {
        let Some((last, tables)) = path.split_last() else {
            return Ok(());
        };
        let table = self.table(tables)?;
        let mut value = edited(value);
        match table.get_mut(last).and_then(Item::as_value_mut) {
            Some(old) => {
                // What stands behind it stays.
                value.decor_mut().clone_from(old.decor());
                *old = value;
            }
            None => drop(table.insert(last, Item::Value(value))),
        }
        if tables.is_empty() {
            self.part_from_tables();
        }
        self.write()
    }

    /// Sets the values of a whole table and writes the file. Of what was in there before only what `keep` says stays.
    ///
    /// # Errors
    /// As [`SettingsFile::set`].
    pub(crate) fn set_table<'a>(
        &mut self,
        path: &[&str],
        values: impl IntoIterator<Item = (&'a str, toml::Value)>,
        keep: Keep,
    ) -> Result<(), SettingsError> {
        let table = self.table(path)?;
        if keep == Keep::Nothing {
            table.clear();
        }
        for (name, value) in values {
            table.insert(name, Item::Value(edited(&value)));
        }
        self.write()
    }

    /// Takes a value away, with the tables that are empty then, and writes the file.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(crate) fn remove(&mut self, path: &[&str]) -> Result<(), SettingsError> {
        remove(self.document.as_table_mut(), path);
        self.write()
    }

    /// The table at a path, made if it is not there.
    fn table(&mut self, path: &[&str]) -> Result<&mut dyn TableLike, SettingsError> {
        let mut table: &mut dyn TableLike = self.document.as_table_mut();
        for (depth, name) in path.iter().enumerate() {
            let new = || {
                let mut new = Table::new();
                // Its header is written only if it holds more than other tables.
                new.set_implicit(true);
                Item::Table(new)
            };
            let item = table.entry(name).or_insert_with(new);
            table = item
                .as_table_like_mut()
                .ok_or_else(|| SettingsError::NoTable {
                    key: path[..=depth].join("."),
                    path: self.path.clone(),
                })?;
        }
        Ok(table)
    }

    /// Between the values at the top and the first table there is an empty line.
    fn part_from_tables(&mut self) {
        let mut tables = self.document.iter_mut();
        let first = tables.find_map(|(_, item)| first_header(item.as_table_mut()?));
        if let Some(table) = first {
            let decor = table.decor_mut();
            let prefix = decor.prefix().and_then(|prefix| prefix.as_str());
            let prefix = prefix.unwrap_or_default();
            if !prefix.starts_with('\n') {
                decor.set_prefix(format!("\n{prefix}"));
            }
        }
    }

    fn write(&self) -> Result<(), SettingsError> {
        write(&self.path, &self.document.to_string()).map_err(|source| SettingsError::Unwritable {
            path: self.path.clone(),
            source,
        })
    }
}

/// What of a table stays when it is set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keep {
    All,
    Nothing,
}

/// The table itself, or the first in it whose header is written.
fn first_header(table: &mut Table) -> Option<&mut Table> {
    let has_values = table.iter().any(|(_, item)| item.is_value());
    if has_values || !table.is_implicit() {
        return Some(table);
    }
    let mut below = table.iter_mut();
    below.find_map(|(_, item)| first_header(item.as_table_mut()?))
}

/// Poetry: an empty line before a table that goes stays where it is.
fn remove(table: &mut Table, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let is_left_empty = match table.get_mut(first) {
        None => return,
        Some(_) if rest.is_empty() => true,
        Some(Item::Table(below)) => {
            remove(below, rest);
            below.is_empty()
        }
        Some(item) => {
            let below = item.as_table_like_mut();
            below.is_none_or(|below| {
                if let [last] = rest {
                    below.remove(last);
                }
                below.is_empty()
            })
        }
    };
    if is_left_empty {
        table.remove(first);
    }
}

/// Replaces the file at once. A new one is for its owner only.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    replace_private(path, text.as_bytes())
}

/// The value with the spelling of tomlkit, which Poetry writes with.
fn edited(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => basic(text),
        toml::Value::Boolean(answer) => Value::from(*answer),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Array(values) => Value::Array(values.iter().map(edited).collect()),
        toml::Value::Table(table) => {
            let members = table.iter().map(|(name, value)| (name, edited(value)));
            Value::InlineTable(members.collect())
        }
        toml::Value::Datetime(date) => basic(&date.to_string()),
    }
}

/// A text in double quotes, whatever is in it.
fn basic(text: &str) -> Value {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            '\u{8}' => quoted += "\\b",
            '\u{c}' => quoted += "\\f",
            _ if letter.is_control() => quoted += &format!("\\u{:04x}", u32::from(letter)),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted.parse().unwrap_or_else(|_| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::{Keep, SettingsFile};

    fn changed(text: &str, change: impl FnOnce(&mut SettingsFile)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        if !text.is_empty() {
            std::fs::write(&path, text).unwrap();
        }
        change(&mut SettingsFile::read(path.clone()).unwrap());
        let entries = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(entries.count(), 1, "nothing else is left there");
        std::fs::read_to_string(path).unwrap()
    }

    fn set(text: &str, key: &str, value: impl Into<toml::Value>) -> String {
        let path: Vec<&str> = key.split('.').collect();
        let value = value.into();
        changed(text, |file| file.set(&path, &value).unwrap())
    }

    /// Recorded from Poetry.
    #[test]
    fn values_are_set_as_poetry_sets_them() {
        let mut text = set("", "virtualenvs.in-project", true);
        assert_eq!(text, "[virtualenvs]\nin-project = true\n");
        text = set(&text, "cache-dir", "/tmp/x");
        text = set(&text, "virtualenvs.options.no-pip", true);
        text = set(
            &text,
            "installer.no-binary",
            vec!["a-c".to_owned(), "b".to_owned()],
        );
        text = changed(&text, |file| {
            let url = "https://x".to_owned().into();
            file.set(&["repositories", "my.repo", "url"], &url).unwrap();
        });
        text = set(&text, "virtualenvs.prompt", "é \"x\" \\");
        assert_eq!(
            text,
            "cache-dir = \"/tmp/x\"\n\n[virtualenvs]\nin-project = true\nprompt = \"é \\\"x\\\" \\\\\"\n\n\
             [virtualenvs.options]\nno-pip = true\n\n[installer]\nno-binary = [\"a-c\", \"b\"]\n\n\
             [repositories.\"my.repo\"]\nurl = \"https://x\"\n"
        );
    }

    #[test]
    fn comments_stay_and_empty_tables_go() {
        let before = "# top\ncache-dir = \"x\" # c\n\n[virtualenvs] # t\ncreate = true # k\n\n[zoo]\na = 1\n";
        let after = set(before, "virtualenvs.create", false);
        assert_eq!(after, before.replace("create = true", "create = false"));
        let removed = changed(before, |file| {
            file.remove(&["virtualenvs", "create"]).unwrap();
        });
        assert_eq!(removed, "# top\ncache-dir = \"x\" # c\n\n[zoo]\na = 1\n");
        let nested = "[a.b]\nc = 1\n";
        assert_eq!(
            changed(nested, |file| file.remove(&["a", "b", "c"]).unwrap()),
            ""
        );
        let same = changed(nested, |file| file.remove(&["a", "x", "c"]).unwrap());
        assert_eq!(same, nested);
    }

    #[test]
    fn a_table_is_set_as_a_whole_or_grows() {
        let text = "[http-basic.foo]\nusername = \"u\"\npassword = \"p\"\n";
        let name = ("username", "v".to_owned().into());
        let path = ["http-basic", "foo"];
        let replaced = changed(text, |file| {
            file.set_table(&path, [name.clone()], Keep::Nothing)
                .unwrap();
        });
        assert_eq!(replaced, "[http-basic.foo]\nusername = \"v\"\n");
        let grown = changed(text, |file| {
            file.set_table(&path, [name], Keep::All).unwrap();
        });
        assert_eq!(
            grown,
            "[http-basic.foo]\nusername = \"v\"\npassword = \"p\"\n"
        );
    }

    #[test]
    fn what_is_no_table_is_in_the_way() {
        let kept = changed("virtualenvs = 1\n", |file| {
            let error = file.set(&["virtualenvs", "create"], &true.into());
            let text = error.unwrap_err().to_string();
            assert!(text.starts_with("`virtualenvs` is no table in "), "{text}");
        });
        assert_eq!(kept, "virtualenvs = 1\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_private_and_an_old_one_stays_what_it_was() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let metadata = std::fs::symlink_metadata(folder.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        let set = |name: &str| {
            let mut file = SettingsFile::read(folder.path().join(name)).unwrap();
            file.set(&["a"], &true.into()).unwrap();
        };
        set("new");
        assert_eq!(mode("new"), 0o600);
        std::fs::write(folder.path().join("old"), "b = 1\n").unwrap();
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.path().join("old"), readable).unwrap();
        std::os::unix::fs::symlink("old", folder.path().join("link")).unwrap();
        set("link");
        assert_eq!(mode("old"), 0o644);
        let text = std::fs::read_to_string(folder.path().join("old")).unwrap();
        assert_eq!(text, "b = 1\na = true\n");
        assert!(folder.path().join("link").is_symlink());
    }
}
