//! Removing a distribution by its RECORD.
//!
//! Poetry: with `installer.builtin-uninstall`, it removes files as it does here, without starting pip. Only files
//! inside the environment are touched, byte code of removed modules goes with them, folders that get empty too, and
//! the `.dist-info` comes last, so that what was interrupted can be done again.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use rustc_hash::FxHashMap;

use super::destination::{Site, remove_folder};
use super::{is_reserved, parse_rows};

/// What became of a distribution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// Nothing was removed: it has no RECORD that could be read, or lies outside the environment.
    Unlisted,
}

/// Removes the distribution whose `.dist-info` is given.
///
/// # Errors
/// When a file can't be removed. Then RECORD is still there, and it can be tried again.
pub fn uninstall(dist_info: &Path, site: &Site) -> io::Result<Removed> {
    let root = fs::canonicalize(&site.root)?;
    let Ok(dist_info) = fs::canonicalize(dist_info) else {
        return Ok(Removed::Unlisted);
    };
    let Some(parent) = dist_info
        .parent()
        .filter(|parent| parent.starts_with(&root))
    else {
        return Ok(Removed::Unlisted);
    };
    let Some(rows) = std::fs::read(dist_info.join("RECORD"))
        .ok()
        .and_then(|bytes| parse_rows(&String::from_utf8_lossy(&bytes)).ok())
    else {
        return Ok(Removed::Unlisted);
    };
    let mut paths = Paths {
        root: &root,
        guarded: guarded(&root, site),
        folders: FxHashMap::default(),
        listings: FxHashMap::default(),
        files: BTreeSet::new(),
    };
    for [path, _, _] in &rows {
        paths.add(&parent.join(path));
    }
    let mut parents = BTreeSet::new();
    for file in paths
        .files
        .iter()
        .filter(|file| !file.starts_with(&dist_info))
    {
        remove_entry(file)?;
        parents.extend(file.parent().map(Path::to_owned));
    }
    remove_empty(&parents, &root, &protected(&root, parent, site));
    remove_folder(&dist_info, parent)?;
    Ok(Removed::Yes)
}

/// Files to remove, and what was already looked up on the way to them.
struct Paths<'a> {
    root: &'a Path,
    guarded: PathBuf,
    folders: FxHashMap<PathBuf, Option<PathBuf>>,
    listings: FxHashMap<PathBuf, Vec<String>>,
    files: BTreeSet<PathBuf>,
}

impl Paths<'_> {
    fn add(&mut self, path: &Path) {
        let Some(path) = self.resolve(path) else {
            return;
        };
        if path.symlink_metadata().is_err()
            || !path.starts_with(self.root)
            || self.is_guarded(&path)
        {
            return;
        }
        if path.extension().is_some_and(|extension| extension == "py") {
            self.add_byte_code(&path);
        }
        self.files.insert(path);
    }

    /// Resolves links in the folder but not in the last part: a link is removed, not what it points to.
    fn resolve(&mut self, path: &Path) -> Option<PathBuf> {
        let (Some(folder), Some(Component::Normal(name))) =
            (path.parent(), path.components().next_back())
        else {
            return None;
        };
        let resolved = self
            .folders
            .entry(folder.to_owned())
            .or_insert_with(|| std::fs::canonicalize(folder).ok());
        resolved.as_ref().map(|folder| folder.join(name))
    }

    /// The environment's interpreter and configuration stay, whatever a RECORD says.
    fn is_guarded(&self, path: &Path) -> bool {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        let folder = path.parent();
        folder == Some(self.guarded.as_path()) && is_reserved(&name)
            || folder == Some(self.root) && name == "pyvenv.cfg"
    }

    /// Byte code is seldom listed, since it is made at the first import, by whatever Python that was.
    fn add_byte_code(&mut self, module: &Path) {
        let (Some(folder), Some(stem)) = (module.parent(), module.file_stem()) else {
            return;
        };
        let cache = folder.join("__pycache__");
        let prefix = format!("{}.", stem.to_string_lossy());
        let names = self
            .listings
            .entry(cache.clone())
            .or_insert_with(|| list(&cache));
        self.files.extend(
            names
                .iter()
                .filter(|name| name.starts_with(&prefix))
                .map(|name| cache.join(name)),
        );
    }
}

fn list(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn remove_entry(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A folder that RECORD lists by mistake goes if it is empty.
        Err(_) if path.is_dir() => {
            drop(std::fs::remove_dir(path));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Removes folders that became empty, and their parents if those did, but never a protected one.
fn remove_empty(folders: &BTreeSet<PathBuf>, root: &Path, protected: &[PathBuf]) {
    // Backwards: a folder sorts before what is in it.
    for folder in folders.iter().rev() {
        let mut folder = folder.as_path();
        while folder.starts_with(root)
            && folder != root
            && !protected.iter().any(|path| path == folder)
        {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
            let Some(parent) = folder.parent() else {
                break;
            };
            folder = parent;
        }
    }
}

fn guarded(root: &Path, site: &Site) -> PathBuf {
    inside(root, site, &site.scripts)
}

fn protected(root: &Path, parent: &Path, site: &Site) -> Vec<PathBuf> {
    let mut folders = vec![parent.to_owned()];
    folders.extend(
        [&site.site_packages, &site.scripts, &site.headers]
            .map(|folder| inside(root, site, folder)),
    );
    folders
}

fn inside(root: &Path, site: &Site, folder: &Path) -> PathBuf {
    match folder.strip_prefix(&site.root) {
        Ok(inside) => root.join(inside),
        Err(_) => folder.to_owned(),
    }
}
