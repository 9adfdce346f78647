//! What differs between two states of a manifest or a lock file, in what they mean.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};

use super::{Part, Purpose};
use crate::lock::{LockError, LockedPackage, LockedSource, Lockfile};
use crate::name::{GroupName, PackageName};
use crate::project::is_poetry_core;
use crate::project::toml_path::{parse_toml, text_at};

/// A package that a lock file has otherwise than before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PackageChange {
    /// The package.
    pub name: PackageName,
    /// Its versions before, joined by commas; `None` if there was none.
    pub before: Option<String>,
    /// Its versions now.
    pub after: Option<String>,
    /// What differs.
    pub aspect: Aspect,
}

/// What differs in a locked package, the weightiest first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aspect {
    /// It is there or not, or in another version.
    Version,
    /// Where it comes from.
    Source,
    /// Its files or their hashes.
    Files,
    /// Which groups need it, or when.
    Need,
}

/// What a lock says of the packages of one name, as far as it counts.
type Entries = BTreeSet<Entry>;

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    version: String,
    source: Option<[Option<String>; 5]>,
    is_editable: bool,
    files: BTreeSet<(String, String)>,
    /// Group → marker.
    need: BTreeMap<GroupName, String>,
}

/// The packages of the groups in `part` that two lock files have differently, by name. Both lie in `folder`.
///
/// The order of packages, what is said of them for people, and by whom and of what the file was made mean nothing.
/// Formats before 2.1 do not tell groups, so if one of the files has such a format, all of its packages count.
pub(super) fn of_locks(
    before: &str,
    after: &str,
    folder: &Path,
    part: &Part,
) -> Result<Vec<PackageChange>, LockError> {
    let (before, after) = rayon::join(
        || Lockfile::parse(before, folder),
        || Lockfile::parse(after, folder),
    );
    let (before, after) = (before?, after?);
    let tell_groups =
        [&before, &after].map(|lockfile| lockfile.metadata.has_groups_and_markers()) == [true; 2];
    let part = tell_groups.then_some(part);
    let (before, after) = (entries(&before, part), entries(&after, part));
    let names: BTreeSet<&PackageName> = before.keys().chain(after.keys()).copied().collect();
    let none = Entries::new();
    let changes = names.into_iter().filter_map(|name| {
        let before = before.get(name).unwrap_or(&none);
        let after = after.get(name).unwrap_or(&none);
        (before != after).then(|| PackageChange {
            name: name.clone(),
            before: versions(before),
            after: versions(after),
            aspect: aspect(before, after),
        })
    });
    Ok(changes.collect())
}

fn entries<'a>(lockfile: &'a Lockfile, part: Option<&Part>) -> BTreeMap<&'a PackageName, Entries> {
    let mut by_name: BTreeMap<&PackageName, Entries> = BTreeMap::new();
    for package in &lockfile.packages {
        if let Some(entry) = Entry::of(package, part) {
            by_name.entry(&package.name).or_default().insert(entry);
        }
    }
    by_name
}

impl Entry {
    fn of(package: &LockedPackage, part: Option<&Part>) -> Option<Self> {
        let mut need = BTreeMap::new();
        if let Some(part) = part {
            for group in package.groups.iter().filter(|group| part.takes(group)) {
                let marker = package.markers.get(group).map(ToString::to_string);
                need.insert(group.clone(), marker.unwrap_or_default());
            }
            if need.is_empty() {
                return None;
            }
        }
        let files = package.files.iter();
        Some(Self {
            version: package.version.as_str().to_owned(),
            source: package.source.as_ref().map(source),
            is_editable: package.develop,
            files: files
                .map(|file| (file.file.clone(), file.hash.to_string()))
                .collect(),
            need,
        })
    }
}

fn source(source: &LockedSource) -> [Option<String>; 5] {
    [
        Some(source.kind.as_str().to_owned()),
        Some(source.url.clone()),
        source.reference.clone(),
        source.resolved_reference.clone(),
        source.subdirectory.clone(),
    ]
}

fn versions(entries: &Entries) -> Option<String> {
    let versions: BTreeSet<&str> = entries.iter().map(|entry| entry.version.as_str()).collect();
    let versions: Vec<&str> = versions.into_iter().collect();
    (!versions.is_empty()).then(|| versions.join(", "))
}

fn aspect(before: &Entries, after: &Entries) -> Aspect {
    fn all<'a, T: Ord>(entries: &'a Entries, part: impl Fn(&'a Entry) -> T) -> BTreeSet<T> {
        entries.iter().map(part).collect()
    }
    if versions(before) != versions(after) {
        Aspect::Version
    } else if all(before, |it| (&it.source, it.is_editable))
        != all(after, |it| (&it.source, it.is_editable))
    {
        Aspect::Source
    } else if all(before, |it| &it.files) != all(after, |it| &it.files) {
        Aspect::Files
    } else {
        Aspect::Need
    }
}

/// Do two manifests mean the same in what counts? The order of keys, comments and blanks mean nothing. Of two that
/// can't be read nothing is known.
pub(super) fn of_manifests(before: &str, after: &str, part: &Part, purpose: Purpose) -> bool {
    if before == after {
        return false;
    }
    match (parse_toml(before), parse_toml(after)) {
        (Ok(before), Ok(after)) => meaning(before, part, purpose) != meaning(after, part, purpose),
        _ => true,
    }
}

/// Poetry: what `[tool.poetry]` has besides that goes into no wheel.
const NOT_BUILT: [&str; 3] = ["source", "requires-poetry", "requires-plugins"];

/// What is left of a manifest without the groups that are not wanted and, for wheels of poetry-core, without what other
/// tools are told.
fn meaning(mut document: Table, part: &Part, purpose: Purpose) -> Table {
    let wanted = |name: &str, _: &mut Value| part.takes(&GroupName::new(name));
    if let Some(Value::Table(groups)) = document.get_mut("dependency-groups") {
        // What a group includes may be in another one.
        if !part.takes_all() && !groups.keys().any(|name| part.takes(&GroupName::new(name))) {
            document.remove("dependency-groups");
        }
    }
    let backend = text_at(&document, &["build-system", "build-backend"]);
    let is_poetry = backend.is_some_and(is_poetry_core);
    let Some(Value::Table(tool)) = document.get_mut("tool") else {
        return document;
    };
    // Ours is for the repository as a whole.
    tool.remove("mpoetry");
    if purpose == Purpose::Bundle && is_poetry {
        tool.retain(|name, _| name == "poetry");
    }
    if let Some(Value::Table(poetry)) = tool.get_mut("poetry") {
        if let Some(Value::Table(groups)) = poetry.get_mut("group") {
            groups.retain(wanted);
        }
        let is_empty = |table: &Value| table.as_table().is_some_and(Table::is_empty);
        if poetry.get("group").is_some_and(is_empty) {
            poetry.remove("group");
        }
        if !part.takes(&GroupName::new("dev")) {
            poetry.remove("dev-dependencies");
        }
        if purpose == Purpose::Bundle {
            poetry.retain(|key, _| !NOT_BUILT.contains(&key));
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{Aspect, of_locks, of_manifests};
    use crate::monorepo::{Part, Purpose};
    use crate::name::GroupName;

    fn main() -> Part {
        Part::Only(BTreeSet::from([GroupName::main()]))
    }

    const LOCK: &str = r#"# made by Poetry 2.5.1
[[package]]
name = "a"
version = "1.0"
description = "x"
optional = false
python-versions = "*"
groups = ["main", "dev"]
markers = {main = "python_version < \"3.12\""}
files = [{file = "a-1.0.tar.gz", hash = "sha256:aa"}, {file = "a-1.0-py3-none-any.whl", hash = "sha256:ab"}]

[[package]]
name = "t"
version = "2.0"
description = ""
optional = false
python-versions = "*"
groups = ["dev"]
files = [{file = "t-2.0.tar.gz", hash = "sha256:ba"}]

[metadata]
lock-version = "2.1"
python-versions = "*"
content-hash = "00"
"#;

    /// What differs with all groups, and what with `main` alone.
    fn differences(changes: &[(&str, &str)]) -> [Vec<(String, Aspect)>; 2] {
        let mut after = LOCK.to_owned();
        for (from, to) in changes {
            assert!(after.contains(from), "{from}");
            after = after.replace(from, to);
        }
        [Part::All, main()].map(|part| {
            let found = of_locks(LOCK, &after, Path::new("/nowhere"), &part).unwrap();
            let found = found.into_iter();
            found.map(|it| (it.name.to_string(), it.aspect)).collect()
        })
    }

    #[test]
    fn locks_differ_in_what_they_mean() {
        let nothing: [Vec<(String, Aspect)>; 2] = Default::default();
        let said = [
            ("# made by Poetry 2.5.1\n", ""),
            ("description = \"x\"\n", "description = \"y\"  # new\n"),
            ("content-hash = \"00\"", "content-hash = \"01\""),
            ("[\"main\", \"dev\"]", "[\"dev\", \"main\"]"),
        ];
        assert_eq!(differences(&said), nothing);
        let a = |aspect| vec![("a".to_owned(), aspect)];
        let t = |aspect| vec![("t".to_owned(), aspect)];
        for (from, to, expected) in [
            ("\"2.0\"", "\"2.1\"", [t(Aspect::Version), vec![]]),
            (
                "groups = [\"dev\"]",
                "groups = [\"docs\"]",
                [t(Aspect::Need), vec![]],
            ),
            (
                "\"1.0\"",
                "\"1.1\"",
                [a(Aspect::Version), a(Aspect::Version)],
            ),
            (
                "sha256:ab",
                "sha256:ac",
                [a(Aspect::Files), a(Aspect::Files)],
            ),
            ("3.12", "3.13", [a(Aspect::Need), a(Aspect::Need)]),
            (
                "groups = [\"dev\"]",
                "groups = [\"main\"]",
                [t(Aspect::Need), t(Aspect::Version)],
            ),
            (
                "[metadata]",
                "[package.source]\ntype = \"legacy\"\nurl = \"https://e.org\"\nreference = \"e\"\n[metadata]",
                [t(Aspect::Source), vec![]],
            ),
        ] {
            assert_eq!(differences(&[(from, to)]), expected, "{from} {to}");
        }
    }

    /// A file that is upgraded to the format with groups has the same packages.
    #[test]
    fn an_older_format_does_not_count() {
        let old = LOCK
            .replace("\"2.1\"", "\"2.0\"")
            .replace("groups = [\"main\", \"dev\"]\n", "")
            .replace("groups = [\"dev\"]\n", "");
        let found = of_locks(&old, LOCK, Path::new("/nowhere"), &Part::All).unwrap();
        assert_eq!(found, []);
    }

    #[test]
    fn manifests_differ_in_what_they_mean() {
        let before = "[tool.poetry]\nname = \"a\"\nversion = \"1\"\n[tool.poetry.group.dev.dependencies]\nx = \"1\"\n\
             [tool.ruff]\nline-length = 80\n[build-system]\nrequires = []\nbuild-backend = \"poetry.core.masonry.api\"\n";
        let differ = |from: &str, to: &str| {
            assert!(before.contains(from));
            let after = before.replace(from, to);
            [
                of_manifests(before, &after, &Part::All, Purpose::Anything),
                of_manifests(before, &after, &main(), Purpose::Anything),
                of_manifests(before, &after, &main(), Purpose::Bundle),
            ]
        };
        let moved = "[tool.poetry]\nversion = \"1\" # now\nname = \"a\"\n";
        let same = "[tool.poetry]\nname = \"a\"\nversion = \"1\"\n";
        assert_eq!(differ(same, moved), [false; 3]);
        assert_eq!(differ("version = \"1\"", "version = \"2\""), [true; 3]);
        assert_eq!(differ("x = \"1\"", "x = \"2\""), [true, false, false]);
        assert_eq!(differ("80", "100"), [true, true, false]);
        let global = "[tool.mpoetry]\nroot = true\n[tool.ruff]";
        assert_eq!(differ("[tool.ruff]", global), [false; 3]);
        assert_eq!(differ("[build-system]", "[build-system"), [true; 3]);
    }
}
