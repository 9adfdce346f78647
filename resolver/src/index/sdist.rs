//! Metadata of source archives and source trees: from what they say, else by building.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::unpack::{members, unpack};
use super::wheel::file_name;
use super::{Builder, IndexError};
use crate::cache::{Bucket, Cache};
use crate::metadata::Metadata;
use crate::project::read_library;

/// Metadata, and whether an empty list of requirements in it means that there are none.
struct Found {
    metadata: Metadata,
    knows_requirements: bool,
}

/// Metadata of a source archive. Blocks, and may run a build back end.
///
/// # Errors
/// When it can't be unpacked, or can't be built if it must be.
pub(super) fn read(
    archive: &Path,
    cache: &Cache,
    builder: Option<&dyn Builder>,
) -> Result<Metadata, IndexError> {
    let told = pkg_info(archive)?;
    if let Some(found) = &told
        && found.knows_requirements
    {
        return Ok(found.metadata.clone());
    }
    let file = file_name(archive);
    let folder = cache
        .temp_dir(Bucket::Builds)
        .map_err(|error| IndexError::file(format!("`{file}` can't be unpacked"), error))?;
    let root = unpack(archive, folder.path())?;
    let built = directory(&root, &file, builder)?;
    Ok(match told {
        Some(found) => complete(found.metadata, built),
        None => built,
    })
}

/// Metadata of a source tree: its static pyproject.toml, metadata that lies in it, or what its back end says.
/// `what` names it in messages. Blocks.
///
/// # Errors
/// When it has to be built and that fails.
pub(super) fn directory(
    root: &Path,
    what: &str,
    builder: Option<&dyn Builder>,
) -> Result<Metadata, IndexError> {
    if let Some(metadata) = static_project(root) {
        return Ok(metadata);
    }
    let told = lying_in(root);
    if let Some(found) = &told
        && found.knows_requirements
    {
        return Ok(found.metadata.clone());
    }
    let built = match builder {
        Some(builder) => builder.metadata(root),
        None => Err("building is not possible here".to_owned()),
    };
    match (built, told) {
        (Ok(metadata), _) => Ok(metadata),
        // Poetry: metadata without requirements is better than none.
        (Err(_), Some(found)) => Ok(found.metadata),
        (Err(reason), None) => Err(IndexError::Build {
            what: what.to_owned(),
            reason,
        }),
    }
}

/// Poetry: a project that says all in its pyproject.toml is believed, whatever its build back end; one that can't be
/// read counts as none.
fn static_project(root: &Path) -> Option<Metadata> {
    let project = read_library(root).ok()??;
    let requirements = project.published_requirements.iter();
    let lines: BTreeSet<String> = requirements.map(|line| line.to_pep508(true)).collect();
    Some(Metadata {
        name: project.name?,
        version: project.version?,
        summary: project.description,
        requires_python: Some(project.python_versions),
        requires_dist: lines.into_iter().collect(),
        ..Metadata::default()
    })
}

/// The shallowest PKG-INFO of an archive that is one.
fn pkg_info(archive: &Path) -> Result<Option<Found>, IndexError> {
    let mut found = members(archive, |name| name.contains("PKG-INFO"))?;
    found.sort_by_cached_key(|(name, _)| {
        let parts: Vec<String> = name.split('/').map(str::to_owned).collect();
        (parts.len(), parts)
    });
    let content = found
        .into_iter()
        .map(|(_, content)| content)
        .find(|content| says_version(content));
    Ok(content.and_then(|content| parse(&content, None)))
}

fn says_version(content: &[u8]) -> bool {
    let field = b"Metadata-Version";
    content.windows(field.len()).any(|window| window == field)
}

/// Metadata that lies in a source tree: the first `.egg-info` or `.dist-info` that can be read, else PKG-INFO.
fn lying_in(root: &Path) -> Option<Found> {
    let mut folders = Vec::new();
    info_folders(root, 0, &mut folders);
    let read = |folder: &PathBuf| {
        let is_egg = folder
            .extension()
            .is_some_and(|ending| ending == "egg-info");
        let name = if is_egg { "PKG-INFO" } else { "METADATA" };
        let content = fs::read(folder.join(name)).ok()?;
        parse(&content, Some(folder))
    };
    folders.iter().find_map(read).or_else(|| {
        let content = fs::read(root.join("PKG-INFO")).ok()?;
        parse(&content, Some(root))
    })
}

/// All metadata folders below a folder, nearer ones first within each, in the order of their names.
fn info_folders(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    const DEEPEST: usize = 32;
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    let is_info = |path: &&PathBuf| {
        path.extension()
            .is_some_and(|ending| ending == "egg-info" || ending == "dist-info")
    };
    found.extend(folders.iter().filter(is_info).cloned());
    let is_hidden = |path: &Path| file_name(path).starts_with('.');
    for folder in folders.iter().filter(|path| !is_hidden(path)) {
        if depth < DEEPEST {
            info_folders(folder, depth + 1, found);
        }
    }
}

/// Reads metadata. `folder`: where a `requires.txt` of setuptools may lie beside it.
fn parse(content: &[u8], folder: Option<&Path>) -> Option<Found> {
    let mut metadata = Metadata::parse_distribution(content).ok()?;
    let mut knows_requirements =
        !metadata.requires_dist.is_empty() || !metadata.has_dynamic_requirements();
    if !knows_requirements
        && let Some(text) =
            folder.and_then(|folder| fs::read_to_string(folder.join("requires.txt")).ok())
    {
        metadata.requires_dist = parse_requires(&text);
        knows_requirements = true;
    }
    Some(Found {
        metadata,
        knows_requirements,
    })
}

/// The requirements in a `requires.txt`: lines, in sections `[extra:marker]`.
fn parse_requires(text: &str) -> Vec<String> {
    let mut requirements = Vec::new();
    let mut marker: Option<String> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('[') {
            let section = line.trim_start_matches('[').trim_end_matches(']');
            // Poetry: a section that says nothing leaves the one before in force.
            marker = section_marker(section).or(marker);
        } else {
            requirements.push(match &marker {
                Some(marker) => format!("{line} ; {marker}"),
                None => line.to_owned(),
            });
        }
    }
    requirements
}

fn section_marker(section: &str) -> Option<String> {
    let (extra, marker) = section.split_once(':').unwrap_or((section, ""));
    match (extra, marker) {
        ("", "") => None,
        ("", marker) => Some(marker.to_owned()),
        (extra, "") => Some(format!("extra == \"{extra}\"")),
        (extra, marker) => Some(format!("{marker} and extra == \"{extra}\"")),
    }
}

/// What the built metadata says, and what only PKG-INFO says.
fn complete(told: Metadata, built: Metadata) -> Metadata {
    let either = |built: String, told: String| if built.is_empty() { told } else { built };
    Metadata {
        metadata_version: either(built.metadata_version, told.metadata_version),
        name: either(built.name, told.name),
        version: either(built.version, told.version),
        summary: either(built.summary, told.summary),
        requires_python: built.requires_python.or(told.requires_python),
        requires_dist: built.requires_dist,
        provides_extra: built.provides_extra,
        dynamic: built.dynamic,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{directory, parse_requires};
    use crate::index::Builder;
    use crate::metadata::Metadata;

    struct Back(Result<&'static str, &'static str>);

    impl Builder for Back {
        fn metadata(&self, _directory: &Path) -> Result<Metadata, String> {
            let text = self.0.map_err(str::to_owned)?;
            Ok(Metadata::parse(text.as_bytes()).unwrap())
        }
    }

    const BUILT: &str = "Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: built\n";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn sections_become_markers() {
        let text = "a>=1\n\n[x]\nb\n[:python_version < \"3\"]\nc\n[y:os_name == \"nt\"]\nd\n";
        assert_eq!(
            parse_requires(text),
            [
                "a>=1",
                "b ; extra == \"x\"",
                "c ; python_version < \"3\"",
                "d ; os_name == \"nt\" and extra == \"y\"",
            ]
        );
    }

    #[test]
    fn metadata_in_the_tree_is_used_if_it_tells_requirements() {
        let old = "Metadata-Version: 1.1\nName: a\nVersion: 1\n";
        let new = "Metadata-Version: 2.2\nName: a\nVersion: 1\n";
        let builder = Back(Ok(BUILT));
        let requirements = |files: &[(&str, &str)]| {
            let tree = tree(files);
            directory(tree.path(), "a", Some(&builder))
                .unwrap()
                .requires_dist
        };
        assert!(requirements(&[("PKG-INFO", new)]).is_empty());
        assert_eq!(requirements(&[("PKG-INFO", old)]), ["built"]);
        assert_eq!(requirements(&[("src/a.egg-info/PKG-INFO", old)]), ["built"]);
        let with_list = [
            ("src/a.egg-info/PKG-INFO", old),
            ("src/a.egg-info/requires.txt", "b\n"),
        ];
        assert_eq!(requirements(&with_list), ["b"]);
    }

    #[test]
    fn a_failed_build_matters_only_if_nothing_else_is_known() {
        let failing = Back(Err("no compiler"));
        let empty = tree(&[("setup.py", "")]);
        let error = directory(empty.path(), "a-1.tar.gz", Some(&failing)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("a-1.tar.gz") && text.contains("no compiler"),
            "{text}"
        );
        let old = tree(&[("PKG-INFO", "Metadata-Version: 1.1\nName: a\nVersion: 1\n")]);
        let metadata = directory(old.path(), "a-1.tar.gz", Some(&failing)).unwrap();
        assert_eq!(metadata.name, "a");
    }
}
