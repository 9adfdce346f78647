//! Removing a distribution by its RECORD, or by what it has in place of one ([`legacy`]).
//!
//! Poetry: with `installer.builtin-uninstall`, it removes files as it does here, without starting pip. Only files
//! inside the environment are touched, byte code of removed modules goes with them, folders that get empty too, and
//! the `.dist-info` comes last, so that what was interrupted can be done again.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use resolver::name::PackageName;
use rustc_hash::FxHashMap;

use super::destination::{Site, remove_folder};
use super::{WheelError, is_reserved, legacy, parse_rows};

/// What became of a distribution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// Nothing was removed: it lies outside the environment, or is not there at all.
    Elsewhere,
    /// Nothing was removed: it has no list of its files that could be read.
    Unlisted,
}

/// Removes a distribution for good.
///
/// # Errors
/// As [`uninstall`], and when it is not known which files are its own.
pub(crate) fn remove(dist_info: &Path, site: &Site) -> Result<(), WheelError> {
    match uninstall(dist_info, site)? {
        Removed::Yes | Removed::Elsewhere => Ok(()),
        Removed::Unlisted => Err(WheelError::Unlisted(dist_info.to_owned())),
    }
}

/// Removes a distribution that another version takes the place of. A `.dist-info` without RECORD is what a killed
/// installer left: it goes, and the files that it does not tell of will be written over.
///
/// # Errors
/// As [`remove`].
pub(crate) fn make_room(dist_info: &Path, site: &Site) -> Result<(), WheelError> {
    match remove(dist_info, site) {
        Err(WheelError::Unlisted(path)) if path.extension() == Some("dist-info".as_ref()) => {
            Ok(remove_folder(&path, &site.site_packages)?)
        }
        result => result,
    }
}

/// Removes the `.dist-info` folders, whose name and path are given to `is_stray`, that belong to nothing: what killed
/// installers left, and second ones of a distribution. They would stay for ever, beside what is installed now. Call it
/// only while holding the environment's lock.
pub(crate) fn remove_stray(
    site_packages: &Path,
    is_stray: impl Fn(&PackageName, &Path) -> bool,
) -> io::Result<()> {
    for entry in fs::read_dir(site_packages)? {
        let path = entry?.path();
        let name = dist_info_name(&path);
        if name.is_some_and(|name| is_stray(&name, &path)) && path.is_dir() {
            remove_folder(&path, site_packages)?;
        }
    }
    Ok(())
}

fn dist_info_name(path: &Path) -> Option<PackageName> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".dist-info")?;
    Some(PackageName::new(stem.split_once('-')?.0))
}

/// Removes the distribution whose `.dist-info`, `.egg-info` or `.egg-link` is given.
///
/// # Errors
/// When a file can't be removed. Then RECORD is still there, and it can be tried again.
pub fn uninstall(dist_info: &Path, site: &Site) -> io::Result<Removed> {
    let root = fs::canonicalize(&site.root)?;
    let Ok(dist_info) = fs::canonicalize(dist_info) else {
        return Ok(Removed::Elsewhere);
    };
    let Some(parent) = dist_info
        .parent()
        .filter(|parent| parent.starts_with(&root))
    else {
        return Ok(Removed::Elsewhere);
    };
    if dist_info.extension() == Some("egg-link".as_ref()) {
        return legacy::unlink(&dist_info).map(|()| Removed::Yes);
    }
    let Some(listed) = listed(&dist_info, parent) else {
        return Ok(Removed::Unlisted);
    };
    let mut paths = Paths {
        root: &root,
        guarded: guarded(&root, site),
        folders: FxHashMap::default(),
        listings: FxHashMap::default(),
        files: BTreeSet::new(),
    };
    for path in &listed {
        paths.add(path);
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

/// The files that a distribution says are its own.
fn listed(dist_info: &Path, parent: &Path) -> Option<Vec<PathBuf>> {
    if dist_info.extension() == Some("egg-info".as_ref()) {
        return legacy::files(dist_info);
    }
    let bytes = std::fs::read(dist_info.join("RECORD")).ok()?;
    let rows = parse_rows(&String::from_utf8_lossy(&bytes)).ok()?;
    Some(rows.iter().map(|[path, _, _]| parent.join(path)).collect())
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
