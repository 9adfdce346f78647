//! Unpacking an image into a folder: its layers one over the other, as a runtime would do it.
//!
//! Links in an image may lead anywhere: in a container its top is the top of everything. So paths are followed here part
//! by part, and no link is ever left to the operating system.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use tar::EntryType;

use super::document::{Document, Manifest};
use super::layer::{Whiteout, whiteout};
use super::store::Store;
use super::verify::check;
use super::walk::{Member, is_file, walk};
use super::{OciError, Platform, base};

/// More links than this lead nowhere.
const MOST_LINKS: usize = 40;

/// Unpacks the image that a layout (a folder or a tar archive) has for a platform into an empty folder. The layout is verified
/// first. Owners, devices and pipes are left out: they would need root. Blocks.
///
/// # Errors
/// When there is no such image, it is damaged, or the folder can't be written to.
pub fn unpack(layout: &Path, platform: &Platform, into: &Path) -> Result<(), OciError> {
    let (store, index) = Store::layout(layout)?;
    check(&store, &index, &BTreeSet::new())?;
    let descriptor = base::find(&store, &index, None, platform)?;
    let place = store.blob_place(&descriptor.digest);
    let manifest: Manifest = match Document::parse(&store.document(&descriptor)?, &place)? {
        Document::Manifest(manifest) => manifest,
        Document::Index(_) => return Err(OciError::document(place, "it is no manifest")),
    };
    fs::create_dir_all(into)?;
    if fs::read_dir(into)?.next().is_some() {
        return Err(OciError::Occupied {
            path: into.to_owned(),
            reason: "it is not empty",
        });
    }
    let mut root = Root {
        top: fs::canonicalize(into)?,
        modes: Vec::new(),
        fresh: BTreeSet::new(),
    };
    for layer in &manifest.layers {
        root.fresh.clear();
        walk(&store, layer, &mut |mut member| {
            let place = || store.blob_place(&layer.digest);
            let path = member.path.display().to_string();
            root.apply(&mut member).map_err(|source| OciError::Layer {
                place: place(),
                source: io::Error::new(source.kind(), format!("its entry `{path}`: {source}")),
            })
        })?;
    }
    root.set_modes()?;
    Ok(())
}

struct Root {
    top: PathBuf,
    /// Those of folders come last: some forbid to write into them.
    modes: Vec<(PathBuf, u32)>,
    /// What the present layer has made: its whiteouts don't concern it.
    fresh: BTreeSet<PathBuf>,
}

impl Root {
    fn apply(&mut self, member: &mut Member<'_>) -> io::Result<()> {
        match whiteout(&member.path) {
            Some(Whiteout::One(path)) => return self.remove_older(&self.existing(&path)?),
            Some(Whiteout::All(folder)) => return self.empty(&self.follow(&folder, false)?),
            None => {}
        }
        let place = self.place(&member.path)?;
        match member.kind {
            EntryType::Directory => {
                // A link to a folder gives way, too: so do runtimes.
                if !is_folder(&place) {
                    remove(&place)?;
                    fs::create_dir(&place)?;
                }
                self.modes.push((place.clone(), member.mode));
            }
            EntryType::Symlink => {
                remove(&place)?;
                symlink(&member.link, &place)?;
            }
            EntryType::Link => {
                let target = self.existing(&member.link)?;
                if target != place {
                    remove(&place)?;
                    fs::hard_link(&target, &place)?;
                }
            }
            kind if is_file(kind) => {
                remove(&place)?;
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&place)?;
                io::copy(&mut member.content, &mut file)?;
                set_mode(&place, member.mode)?;
                let modified =
                    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(member.modified));
                if let Some(modified) = modified {
                    file.file().set_modified(modified)?;
                }
            }
            _ => return Ok(()),
        }
        self.fresh.insert(place);
        Ok(())
    }

    /// Where the thing of this path belongs. Folders above it are made, links among them followed.
    fn place(&self, path: &Path) -> io::Result<PathBuf> {
        let Some(name) = path.file_name() else {
            return Ok(self.top.clone());
        };
        let folder = self.follow(path.parent().unwrap_or(Path::new("")), true)?;
        Ok(folder.join(name))
    }

    /// Where the thing of this path is, or would be.
    fn existing(&self, path: &Path) -> io::Result<PathBuf> {
        let Some(name) = path.file_name() else {
            return Ok(self.top.clone());
        };
        let folder = self.follow(path.parent().unwrap_or(Path::new("")), false)?;
        Ok(folder.join(name))
    }

    /// Follows a path from the top, link by link; none leads above the top.
    fn follow(&self, path: &Path, make: bool) -> io::Result<PathBuf> {
        let mut here = self.top.clone();
        let mut rest: Vec<PathBuf> = reversed(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == Path::new("..") {
                if here != self.top {
                    here.pop();
                }
                continue;
            }
            let next = here.join(&part);
            match next.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(io::Error::other("too many links"));
                    }
                    let target = fs::read_link(&next)?;
                    if target.has_root() {
                        here.clone_from(&self.top);
                    }
                    rest.extend(reversed(&target));
                }
                Ok(metadata) if metadata.is_dir() => here = next,
                Ok(_) if make => {
                    // A file gives way to a folder.
                    fs::remove_file(&next)?;
                    fs::create_dir(&next)?;
                    here = next;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
                    fs::create_dir(&next)?;
                    here = next;
                }
                Ok(_) | Err(_) => here = next,
            }
        }
        Ok(here)
    }

    /// Removes what lower layers have put into this place.
    fn remove_older(&self, path: &Path) -> io::Result<()> {
        let first = self.fresh.range(path.to_owned()..).next();
        match first.is_some_and(|fresh| fresh.starts_with(path)) {
            true => self.empty(path),
            false => remove(path),
        }
    }

    /// Removes what lower layers have put into a folder.
    fn empty(&self, folder: &Path) -> io::Result<()> {
        if !is_folder(folder) {
            return Ok(());
        }
        for entry in fs::read_dir(folder)? {
            self.remove_older(&entry?.path())?;
        }
        Ok(())
    }

    fn set_modes(&self) -> io::Result<()> {
        // The last one counts, and the innermost comes first.
        let mut modes: std::collections::BTreeMap<&Path, u32> = std::collections::BTreeMap::new();
        modes.extend(
            self.modes
                .iter()
                .map(|(path, mode)| (path.as_path(), *mode)),
        );
        for (path, mode) in modes.into_iter().rev() {
            if is_folder(path) {
                set_mode(path, mode)?;
            }
        }
        Ok(())
    }
}

/// The parts of a path, the first one last.
fn reversed(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().rev();
    let parts = parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.map(|part| PathBuf::from(part.as_os_str())).collect()
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir())
}

/// Removes whatever is there.
fn remove(path: &Path) -> io::Result<()> {
    crate::swap::remove(path)
}

/// Without the bits that lend rights: nobody owns these files.
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(
        path,
        std::os::unix::fs::PermissionsExt::from_mode(mode & 0o777),
    )
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    fs_err::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}
