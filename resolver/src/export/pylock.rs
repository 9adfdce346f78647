//! pylock.toml (PEP 751).

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::try_join_all;
use toml::value::{Datetime, Offset};

use super::chosen::{Chosen, in_order, path_of, python_marker, python_of, told_by_lock};
use super::{Export, ExportError};
use crate::constraint::Constraint;
use crate::dist::{HashedFile, Priority, Source};
use crate::index::{Index, IndexFile};
use crate::lock::toml_text::{
    InlineTable, push_flag_line, push_key, push_string, push_text_line, push_texts,
};
use crate::lock::{LockedPackage, LockedSource, SourceKind};

/// Poetry: the name of its plugin, which readers of the file may look for.
const TOOL: &str = "poetry-plugin-export";
/// Poetry: what it writes down for PyPI.
const PYPI: &str = "https://pypi.org/simple";

pub(super) async fn text(
    export: &Export<'_>,
    folder: &Path,
    index: &Index,
) -> Result<String, ExportError> {
    if !export.lockfile.metadata.has_groups_and_markers() {
        return Err(ExportError::OldLock);
    }
    let chosen: Vec<Chosen<'_>> = told_by_lock(export).collect();
    let asked = chosen
        .iter()
        .map(|chosen| known_files(export, chosen.package, index));
    let known = try_join_all(asked).await?;

    let mut out = String::new();
    push_head(export, &mut out);
    if chosen.is_empty() {
        out.push_str("packages = []\n");
    }
    for (chosen, known) in chosen.iter().zip(known) {
        out.push_str("\n[[packages]]\n");
        push_package(export, chosen, folder, &known, &mut out);
    }
    push_tool(export, &mut out);
    Ok(out)
}

/// What the index knows of a package's files, by their names; nothing of what is not from an index.
async fn known_files(
    export: &Export<'_>,
    package: &LockedPackage,
    index: &Index,
) -> Result<BTreeMap<String, IndexFile>, ExportError> {
    let Some(source) = source_of(export, package) else {
        return Ok(BTreeMap::new());
    };
    let by_name = |files: &[IndexFile]| -> BTreeMap<String, IndexFile> {
        let files = files.iter();
        files
            .map(|file| (file.filename.clone(), file.clone()))
            .collect()
    };
    let missing = |known: &BTreeMap<String, IndexFile>| {
        let mut files = package.files.iter();
        files.find(|file| !known.contains_key(&file.file)).cloned()
    };
    let (name, version) = (&package.name, &package.version);
    if let Some(files) = index.release_files(&source, name, version).await {
        let known = by_name(&files);
        if missing(&known).is_none() {
            return Ok(known);
        }
    }
    let page = index.page(&source, name).await?;
    let known = page.map(|page| by_name(&page.files)).unwrap_or_default();
    match missing(&known) {
        None => Ok(known),
        Some(file) => Err(ExportError::NoFile {
            package: package.pretty_name.clone(),
            version: version.to_string(),
            file: file.file,
            source_name: source.name,
        }),
    }
}

/// The index that a package comes from. One that the project no longer names is asked where the lock says it is.
fn source_of(export: &Export<'_>, package: &LockedPackage) -> Option<Source> {
    let (name, url) = match &package.source {
        None => ("PyPI", None),
        Some(source) if source.kind == SourceKind::Legacy => (
            source.reference.as_deref().unwrap_or_default(),
            Some(source.url.clone()),
        ),
        Some(_) => return None,
    };
    let mut named = export.project.all_sources().into_iter();
    let named = named.find(|source| source.name.eq_ignore_ascii_case(name));
    Some(named.unwrap_or_else(|| Source {
        name: name.to_owned(),
        url,
        priority: Priority::Primary,
    }))
}

fn push_head(export: &Export<'_>, out: &mut String) {
    let project = export.project;
    push_text_line("lock-version", "1.0", out);
    if project.python_versions != "*" {
        out.push_str("environments = ");
        let marker = python_marker(&project.python_constraint).to_string();
        push_texts([marker.as_str()], out);
        out.push('\n');
        push_python(&project.python_constraint, out);
    }
    push_text_line("created-by", TOOL, out);
}

/// Poetry: a range with alternatives is no specifier, so it becomes a comment.
fn push_python(python: &Constraint, out: &mut String) {
    let python = python.to_string();
    if python.contains("||") {
        out.push_str("# ");
    }
    push_text_line("requires-python", &python, out);
}

fn push_package(
    export: &Export<'_>,
    chosen: &Chosen<'_>,
    folder: &Path,
    known: &BTreeMap<String, IndexFile>,
    out: &mut String,
) {
    let package = chosen.package;
    let kind = package.source.as_ref().map(|source| source.kind);
    push_text_line("name", package.name.as_str(), out);
    // The files of a folder may say another version by the time they are installed.
    if kind != Some(SourceKind::Directory) {
        push_text_line("version", package.version.as_str(), out);
    }
    if !chosen.marker.is_any() {
        push_text_line("marker", &chosen.marker.to_string(), out);
    }
    let python = python_of(package);
    if !python.is_any() {
        push_python(&python, out);
    }
    match &package.source {
        Some(source) if source.kind == SourceKind::Git => push_git(source, out),
        Some(source) if source.kind == SourceKind::Directory => {
            out.push_str("\n[packages.directory]\n");
            push_text_line("path", &path_from(export, package, folder), out);
            if package.develop {
                push_flag_line("editable", true, out);
            }
        }
        Some(source) if source.kind == SourceKind::File => {
            let path = path_from(export, package, folder);
            push_archive("path", &path, package, source, out);
        }
        Some(source) if source.kind == SourceKind::Url => {
            push_archive("url", &source.url, package, source, out);
        }
        source => {
            let index = source.as_ref().map_or(PYPI, |source| source.url.as_str());
            push_text_line("index", index, out);
            push_files(package, known, out);
        }
    }
}

fn push_git(source: &LockedSource, out: &mut String) {
    out.push_str("\n[packages.vcs]\n");
    push_text_line("type", "git", out);
    push_text_line("url", &source.url, out);
    let reference = source.reference.as_deref().unwrap_or_default();
    push_text_line("requested-revision", reference, out);
    let commit = source.resolved_reference.as_deref().unwrap_or_default();
    push_text_line("commit-id", commit, out);
    if let Some(subdirectory) = &source.subdirectory {
        push_text_line("subdirectory", subdirectory, out);
    }
}

/// Where a locked path is: relative to `folder` if it is below it.
fn path_from(export: &Export<'_>, package: &LockedPackage, folder: &Path) -> String {
    let path = path_of(export, package).unwrap_or_default();
    let shown = path.strip_prefix(folder).unwrap_or(&path);
    crate::path::posix(&shown.to_string_lossy())
}

fn push_archive(
    key: &str,
    place: &str,
    package: &LockedPackage,
    source: &LockedSource,
    out: &mut String,
) {
    out.push_str("archive = ");
    let mut table = InlineTable::new(out);
    table.text(key, place);
    if let Some(file) = package.files.first() {
        table.written("hashes", &hash_table(file));
    }
    if let Some(subdirectory) = &source.subdirectory {
        table.text("subdirectory", subdirectory);
    }
    table.end();
    out.push('\n');
}

/// `sdist` and `wheels`, of which there may be none. Of several sdists the last one of the lock is named: the format
/// has a place for one.
fn push_files(package: &LockedPackage, known: &BTreeMap<String, IndexFile>, out: &mut String) {
    let is_wheel = |file: &&HashedFile| file.file.ends_with(".whl");
    let (wheels, sdists): (Vec<&HashedFile>, Vec<&HashedFile>) =
        package.files.iter().partition(is_wheel);
    if let Some(sdist) = sdists.last() {
        out.push_str("sdist = ");
        push_file(sdist, known, out);
        out.push('\n');
    }
    if !wheels.is_empty() {
        out.push_str("wheels = [\n");
        for wheel in wheels {
            out.push_str("    ");
            push_file(wheel, known, out);
            out.push_str(",\n");
        }
        out.push_str("]\n");
    }
}

fn push_file(file: &HashedFile, known: &BTreeMap<String, IndexFile>, out: &mut String) {
    let mut table = InlineTable::new(out);
    table.text("name", &file.file);
    if let Some(known) = known.get(&file.file) {
        table.text("url", &known.url);
        if let Some(time) = known.upload_time.as_deref().and_then(time_text) {
            table.written("upload-time", &time);
        }
        if let Some(size) = known.size.filter(|size| *size > 0) {
            table.written("size", &size.to_string());
        }
    }
    table.written("hashes", &hash_table(file));
    table.end();
}

fn hash_table(file: &HashedFile) -> String {
    let mut text = String::from("{");
    push_key(&file.hash.algorithm, &mut text);
    text.push_str(" = ");
    push_string(&file.hash.hex, &mut text);
    text.push('}');
    text
}

/// A time as Python prints it: with six digits of a second's fraction, or none. `None` if it is no time.
fn time_text(text: &str) -> Option<String> {
    let Datetime { date, time, offset } = text.parse().ok()?;
    let (date, time) = (date?, time?);
    let mut shown = format!(
        "{date}T{:02}:{:02}:{:02}",
        time.hour,
        time.minute,
        time.second.unwrap_or(0)
    );
    let micros = time.nanosecond.unwrap_or(0) / 1000;
    if micros > 0 {
        shown += &format!(".{micros:06}");
    }
    match offset {
        None => {}
        Some(Offset::Z | Offset::Custom { minutes: 0 }) => shown.push('Z'),
        Some(offset) => shown += &offset.to_string(),
    }
    Some(shown)
}

fn push_tool(export: &Export<'_>, out: &mut String) {
    out.push_str(&format!("\n[tool.{TOOL}]\ngroups = "));
    push_texts(in_order(export).iter().map(|group| group.as_str()), out);
    out.push_str("\nextras = ");
    push_texts(export.extras.iter().map(|extra| extra.as_str()), out);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::time_text;

    #[test]
    fn times_are_printed_as_python_does() {
        for (given, printed) in [
            ("2026-10-18T16:21:06.276884Z", "2026-10-18T16:21:06.276884Z"),
            ("2026-10-18T16:21:06.5Z", "2026-10-18T16:21:06.500000Z"),
            ("2026-10-18T16:21:06.000000Z", "2026-10-18T16:21:06Z"),
            ("2026-10-18T16:21:06+00:00", "2026-10-18T16:21:06Z"),
            ("2026-10-18T16:21:06+02:00", "2026-10-18T16:21:06+02:00"),
            ("2026-10-18T16:21:06", "2026-10-18T16:21:06"),
        ] {
            assert_eq!(time_text(given).as_deref(), Some(printed), "{given}");
        }
        assert_eq!(time_text("yesterday"), None);
    }
}
