//! From the text of a lock file to the value, for all formats that Poetry reads: 1.0, 1.1, 2.0, 2.1.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use toml::{Table, Value};

use super::{LockError, LockMetadata, LockedPackage, LockedSource, Lockfile, SourceKind};
use crate::dist::{Hash, HashedFile};
use crate::marker::Marker;
use crate::name::{ExtraName, GroupName, PackageName};
use crate::path;
use crate::project::toml_path::{parse_toml, table_at, text_at, texts_at};
use crate::project::{Declared, entries};
use crate::requirement::Requirement;
use crate::version::Version;

/// Threads are worth their start for this many packages.
const MANY: usize = 128;

/// Reads the text of a lock file that lies in `folder`.
pub(super) fn lockfile(text: &str, folder: &Path) -> Result<Lockfile, LockError> {
    some_packages(text, folder, |_| true)
}

/// The same, with no other packages than folders.
pub(super) fn directories(text: &str, folder: &Path) -> Result<Lockfile, LockError> {
    let directory = SourceKind::Directory.as_str();
    some_packages(text, folder, |package| {
        text_at(package, &["source", "type"]) == Some(directory)
    })
}

fn some_packages(
    text: &str,
    folder: &Path,
    is_wanted: impl Fn(&Table) -> bool + Sync,
) -> Result<Lockfile, LockError> {
    let document = parse(text)?;
    let metadata = metadata(text, &document)?;
    let folder = path::resolve(folder);
    let reader = Reader {
        folder: &folder,
        metadata: table_at(&document, &["metadata"]).ok_or(LockError::NoMetadata)?,
    };
    let packages = match document.get("package") {
        None => &[][..],
        Some(packages) => packages.as_array().ok_or(LockError::NoList)?,
    };
    let is_wanted = |package: &&Value| package.as_table().is_none_or(&is_wanted);
    let read = |package| reader.package(package);
    let packages: Result<_, LockError> = match packages.len() {
        // Threads would take longer to begin.
        ..MANY => packages.iter().filter(is_wanted).map(read).collect(),
        _ => packages.par_iter().filter(is_wanted).map(read).collect(),
    };
    Ok(Lockfile {
        packages: packages?,
        extras: (table_at(&document, &["extras"]).into_iter())
            .flat_map(extras)
            .collect(),
        metadata,
    })
}

fn parse(text: &str) -> Result<Table, LockError> {
    parse_toml(text).map_err(|fault| LockError::Unreadable {
        reason: fault.reason,
        line: fault.line,
        is_conflict: fault.is_conflict,
    })
}

fn metadata(text: &str, document: &Table) -> Result<LockMetadata, LockError> {
    let metadata = table_at(document, &["metadata"]).ok_or(LockError::NoMetadata)?;
    let lock_version = text_at(metadata, &["lock-version"]).ok_or(LockError::NoVersion)?;
    let read = LockMetadata {
        lock_version: lock_version.to_owned(),
        python_versions: text_at(metadata, &["python-versions"])
            .unwrap_or("*")
            .to_owned(),
        content_hash: text_at(metadata, &["content-hash"]).map(str::to_owned),
        generated_by: generated_by(text),
    };
    if !read.is_supported() {
        return Err(LockError::UnsupportedVersion {
            version: read.lock_version,
        });
    }
    Ok(read)
}

/// `X` of `Poetry X` in the first line.
fn generated_by(text: &str) -> Option<String> {
    let (_, after) = text.lines().next()?.split_once("Poetry ")?;
    let version = after.split(' ').next()?;
    (!version.is_empty()).then(|| version.to_owned())
}

fn extras(table: &Table) -> BTreeMap<ExtraName, Vec<String>> {
    (table.keys())
        .map(|extra| (ExtraName::new(extra), texts_at(table, &[extra])))
        .collect()
}

struct Reader<'a> {
    folder: &'a Path,
    metadata: &'a Table,
}

impl Reader<'_> {
    fn package(&self, value: &Value) -> Result<LockedPackage, LockError> {
        let table = value.as_table().ok_or(LockError::Package {
            package: String::new(),
            reason: "it is no table".to_owned(),
        })?;
        let pretty_name = required_text(table, "name", "")?;
        let bad = |reason: String| LockError::Package {
            package: pretty_name.to_owned(),
            reason,
        };
        let version = required_text(table, "version", pretty_name)?;
        let version: Version = version.parse().map_err(|e| bad(format!("{e}")))?;
        let groups: Vec<GroupName> = texts_at(table, &["groups"])
            .iter()
            .map(|group| GroupName::new(group))
            .collect();
        let source = source(table).map_err(bad)?;
        Ok(LockedPackage {
            name: PackageName::new(pretty_name),
            pretty_name: pretty_name.to_owned(),
            version,
            description: text_at(table, &["description"])
                .unwrap_or_default()
                .to_owned(),
            optional: flag(table, "optional"),
            python_versions: required_text(table, "python-versions", pretty_name)?.to_owned(),
            markers: markers(table, &groups).map_err(bad)?,
            groups,
            files: self
                .files(table, pretty_name, source.as_ref())
                .map_err(bad)?,
            develop: flag(table, "develop"),
            requirements: self.requirements(table, source.as_ref()).map_err(bad)?,
            extras: (table_at(table, &["extras"]).into_iter())
                .flat_map(extras)
                .collect(),
            source,
            depth: 0,
        })
    }

    /// Poetry: files have been kept in three places over time: beside the package; by package name in
    /// `metadata.files`; and, without file names, in `metadata.hashes`.
    fn files(
        &self,
        table: &Table,
        name: &str,
        source: Option<&LockedSource>,
    ) -> Result<Vec<HashedFile>, String> {
        if let Some(files) = table.get("files") {
            return hashed_files(files);
        }
        if let Some(hashes) = table_at(self.metadata, &["hashes"]) {
            let bare = |hex: String| HashedFile {
                hash: hex.parse().unwrap_or_else(|_| Hash::sha256(hex.as_str())),
                file: hex,
            };
            return Ok(texts_at(hashes, &[name]).into_iter().map(bare).collect());
        }
        let kind = source.map(|source| source.kind);
        if matches!(
            kind,
            Some(SourceKind::Git | SourceKind::Directory | SourceKind::Url)
        ) {
            return Ok(Vec::new());
        }
        let by_name = table_at(self.metadata, &["files"]);
        let Some(files) = by_name.and_then(|files| files.get(name)) else {
            return Ok(Vec::new());
        };
        let mut files = hashed_files(files)?;
        if let Some(source) = source.filter(|source| source.kind == SourceKind::File) {
            let file_name = source.url.rsplit('/').next();
            files.retain(|file| Some(file.file.as_str()) == file_name);
        }
        Ok(files)
    }

    /// Relative paths among them start at the lock's folder, or at the package's own if it is a directory.
    fn requirements(
        &self,
        table: &Table,
        source: Option<&LockedSource>,
    ) -> Result<Vec<Requirement>, String> {
        let base = match source {
            Some(source) if source.kind == SourceKind::Directory => {
                path::resolve(&self.folder.join(&source.url))
            }
            _ => self.folder.to_owned(),
        };
        let main = GroupName::main();
        let mut requirements = Vec::new();
        for (name, value) in table_at(table, &["dependencies"]).into_iter().flatten() {
            for entry in entries(value) {
                let declared = Declared::read(name, entry, &main, &base)
                    .map_err(|error| format!("its requirement `{name}`: {error}"))?;
                requirements.push(declared.requirement);
            }
        }
        Ok(requirements)
    }
}

fn required_text<'a>(table: &'a Table, key: &str, package: &str) -> Result<&'a str, LockError> {
    text_at(table, &[key]).ok_or_else(|| LockError::Package {
        package: package.to_owned(),
        reason: format!("`{key}` is missing"),
    })
}

fn flag(table: &Table, key: &str) -> bool {
    table.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A text is the marker of all groups; a table has those that differ.
fn markers(table: &Table, groups: &[GroupName]) -> Result<BTreeMap<GroupName, Marker>, String> {
    let parse = |text: &str| Marker::parse(text).map_err(|error| error.to_string());
    match table.get("markers") {
        Some(Value::String(text)) => {
            let marker = parse(text)?;
            Ok((groups.iter())
                .map(|group| (group.clone(), marker.clone()))
                .collect())
        }
        Some(Value::Table(by_group)) => (by_group.iter())
            .map(|(group, text)| {
                Ok((
                    GroupName::new(group),
                    parse(text.as_str().unwrap_or_default())?,
                ))
            })
            .collect(),
        _ => Ok(BTreeMap::new()),
    }
}

fn hashed_files(files: &Value) -> Result<Vec<HashedFile>, String> {
    (files.as_array().into_iter().flatten())
        .map(|entry| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str);
            let (Some(file), Some(hash)) = (text("file"), text("hash")) else {
                return Err("an entry of `files` has no `file` or no `hash`".to_owned());
            };
            Ok(HashedFile {
                file: file.to_owned(),
                hash: hash.parse().map_err(|error| format!("{error}"))?,
            })
        })
        .collect()
}

fn source(table: &Table) -> Result<Option<LockedSource>, String> {
    let Some(source) = table_at(table, &["source"]) else {
        return Ok(None);
    };
    let owned = |key: &str| text_at(source, &[key]).map(str::to_owned);
    let kind = text_at(source, &["type"]).unwrap_or("legacy");
    Ok(Some(LockedSource {
        kind: SourceKind::named(kind).ok_or_else(|| format!("`{kind}` is no type of source"))?,
        url: owned("url").ok_or("its source has no `url`")?,
        reference: owned("reference"),
        resolved_reference: owned("resolved_reference"),
        subdirectory: owned("subdirectory"),
    }))
}
