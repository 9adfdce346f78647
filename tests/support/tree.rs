//! What lies in a folder, to see afterwards whether anything was touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Everything below a folder, by relative path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tree(BTreeMap<String, Entry>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Entry {
    Folder,
    Link(String),
    File {
        bytes: Vec<u8>,
        modified: SystemTime,
    },
}

impl Tree {
    pub(crate) fn of(folder: &Path) -> Self {
        let mut entries = BTreeMap::new();
        walk(folder, "", &mut entries);
        Self(entries)
    }

    /// The paths of all files and links.
    pub(crate) fn files(&self) -> Vec<&str> {
        let files = self.0.iter().filter(|(_, entry)| **entry != Entry::Folder);
        files.map(|(path, _)| path.as_str()).collect()
    }

    /// What became of it: `added x`, `removed x`, `changed x`, and `rewritten x` for a file with the same content.
    pub(crate) fn differences(&self, later: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, before) in &self.0 {
            let line = match (before, later.0.get(path)) {
                (_, None) => format!("removed {path}"),
                (before, Some(after)) if before == after => continue,
                (Entry::File { bytes, .. }, Some(Entry::File { bytes: after, .. }))
                    if bytes == after =>
                {
                    format!("rewritten {path}")
                }
                _ => format!("changed {path}"),
            };
            lines.push(line);
        }
        let added = later.0.keys().filter(|path| !self.0.contains_key(*path));
        lines.extend(added.map(|path| format!("added {path}")));
        lines
    }
}

fn walk(folder: &Path, prefix: &str, entries: &mut BTreeMap<String, Entry>) {
    let Ok(listing) = fs::read_dir(folder) else {
        return;
    };
    for found in listing {
        let found = found.expect("a readable folder");
        let name = found
            .file_name()
            .into_string()
            .expect("test names are UTF-8");
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        let metadata = found.metadata().expect("an entry that stays");
        let entry = if metadata.is_symlink() {
            let target = fs::read_link(found.path()).expect("a link");
            Entry::Link(target.display().to_string())
        } else if metadata.is_dir() {
            walk(&found.path(), &path, entries);
            Entry::Folder
        } else {
            Entry::File {
                bytes: fs::read(found.path()).expect("a readable file"),
                modified: metadata.modified().expect("a time"),
            }
        };
        entries.insert(path, entry);
    }
}
