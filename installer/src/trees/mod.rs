//! Packages that were installed from folders: is there still in the folder what is installed?
//!
//! A lock file says of a library beside the project only where it lies, and an installed one says no more. Poetry
//! therefore leaves it alone when its files have changed, and installs what the lock calls its version over what the
//! folder calls it, again and again. Here the folder decides:
//!
//! - What is built natively can be compared with the installed `RECORD`, file by file, whoever has installed it.
//! - What another back end builds can't be foreseen. Of its folder a digest is noted when it is installed; until there
//!   is one, nothing is known and Poetry's rules hold.
//!
//! Reading all files each time would be slow. So a note in the environment also says how the file system describes
//! everything that was read, and while all of that is the same, nothing is read again.

mod content;
mod packed;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;
use resolver::lock::{LockedPackage, LockedSource, SourceKind};
use resolver::name::PackageName;
use resolver::unchanged::Stat;
use serde::{Deserialize, Serialize};

pub(crate) use self::content::Content;
pub(crate) use self::packed::{FOLDERS, Packed};
pub(crate) use self::watch::Watched;
use crate::build::{BuildRules, write_atomically};
use crate::environment::{Environment, EnvironmentError, Installed};
use crate::plan::resolve;

/// The file of the notes, at the top of an environment.
const FILE: &str = ".mpoetry-trees";

/// Is what is installed still what its folder holds?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TreeState {
    /// Yes.
    Same,
    /// No.
    Changed,
}

/// What is known of the packages of an environment that were installed from folders.
#[derive(Debug)]
pub struct Trees {
    file: PathBuf,
    notes: BTreeMap<PackageName, Note>,
    /// The installed RECORDs of what was not found to be the same.
    stale: BTreeMap<PackageName, Option<Stat>>,
}

/// What the folders of packages were like just before these were installed. What a back end of its own builds is not
/// among them: it may leave files in the folder.
#[derive(Debug, Default)]
pub struct SeenTrees(BTreeMap<PackageName, Seen>);

#[derive(Debug)]
struct Seen {
    watched: Watched,
    /// The installed RECORD.
    record: Option<Stat>,
}

impl SeenTrees {
    /// Takes note of a package that has been installed; `dist_info` is where.
    pub(crate) fn insert(&mut self, name: PackageName, watched: Watched, dist_info: &Path) {
        let record = Stat::of_any(&dist_info.join("RECORD"));
        self.0.insert(name, Seen { watched, record });
    }
}

/// What is noted of a package that was installed from a folder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Note {
    origin: Origin,
    /// The installed RECORD: another one means that somebody else has installed it.
    record: Option<Stat>,
    watched: Watched,
    /// Of what a back end of its own has built.
    digest: Option<String>,
}

/// Where it was installed from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Origin {
    folder: PathBuf,
    develop: bool,
    /// Of a clone in the environment.
    commit: Option<String>,
}

/// Where packages come from, and what they are compared with.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// Folder of the lock file.
    pub folder: &'a Path,
    /// What is special about some builds.
    pub rules: &'a BuildRules,
}

impl Trees {
    /// Reads an environment's notes. Notes that can't be read are none.
    #[must_use]
    pub fn read(environment: &Environment) -> Self {
        let file = environment.root.join(FILE);
        let notes = std::fs::read(&file).ok();
        let notes = notes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok());
        Self {
            file,
            notes: notes.unwrap_or_default(),
            stale: BTreeMap::new(),
        }
    }

    /// Compares what is installed with the folders that a lock names, and notes what was found to be the same. A
    /// package of which nothing is known is missing from the answer.
    #[must_use]
    pub fn compare(
        &mut self,
        packages: &[LockedPackage],
        installed: &[Installed],
        world: World<'_>,
    ) -> BTreeMap<PackageName, TreeState> {
        let mut states = BTreeMap::new();
        for package in packages {
            let Some(origin) = origin(package, world) else {
                continue;
            };
            let found = installed.iter().find(|found| found.name == package.name);
            let Some(found) = found.filter(|found| is_from(found, &origin)) else {
                continue;
            };
            let state = self.state(package, &origin, found, world);
            if state != Some(TreeState::Same) {
                let record = Stat::of_any(&record_of(found));
                self.stale.insert(package.name.clone(), record);
            }
            states.extend(state.map(|state| (package.name.clone(), state)));
        }
        states
    }

    /// Notes what has just been installed from folders: of packages of a lock that are in the environment. What was `seen`
    /// on the way need not be read again; if it has changed meanwhile, that shows the next time.
    ///
    /// # Errors
    /// When the environment can't be listed.
    pub fn note(
        &mut self,
        packages: &[LockedPackage],
        world: World<'_>,
        mut seen: SeenTrees,
    ) -> Result<(), EnvironmentError> {
        let mut trees = Vec::new();
        for package in packages {
            let Some(origin) = origin(package, world) else {
                continue;
            };
            match seen.0.remove(&package.name) {
                Some(Seen { watched, record }) => {
                    let digest = None;
                    let note = Note {
                        origin,
                        record,
                        watched,
                        digest,
                    };
                    self.notes.insert(package.name.clone(), note);
                }
                None => trees.push((package, origin)),
            }
        }
        if trees.is_empty() {
            return Ok(());
        }
        let names = trees.iter().map(|(package, _)| &package.name).collect();
        let installed = world.environment.installed_of(&names)?;
        let notes = trees.into_par_iter().filter_map(|(package, origin)| {
            let found = installed.iter().find(|found| found.name == package.name)?;
            // An installation that failed may have left it as it was.
            let is_stale = self.stale.get(&package.name) == Some(&Stat::of_any(&record_of(found)));
            if is_stale || !is_from(found, &origin) || self.is_noted(package, &origin, found) {
                return None;
            }
            let note = take_note(package, origin, found, world);
            Some((package.name.clone(), note))
        });
        let notes: Vec<(PackageName, Note)> = notes.collect();
        self.notes.extend(notes);
        Ok(())
    }

    /// All files and folders that the answers depend on. Whoever keeps the answer that there is nothing to do has to look
    /// at them, too, before giving it again.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        let notes = self.notes.values();
        notes.flat_map(|note| {
            std::iter::once(note.origin.folder.as_path()).chain(note.watched.paths())
        })
    }

    /// Writes the notes. An environment that can't be written to only costs time.
    pub fn write(&self) {
        if let Ok(bytes) = rmp_serde::to_vec(&self.notes)
            && std::fs::read(&self.file).ok().as_ref() != Some(&bytes)
            && (!self.notes.is_empty() || self.file.exists())
        {
            write_atomically(&self.file, &bytes, 0o644).ok();
        }
    }

    /// Does a note tell of this very installation, and has nothing moved since?
    fn is_noted(&self, package: &LockedPackage, origin: &Origin, found: &Installed) -> bool {
        self.valid(package, origin, found)
            .is_some_and(|note| note.watched.is_unmoved())
    }

    fn valid(&self, package: &LockedPackage, origin: &Origin, found: &Installed) -> Option<&Note> {
        let note = self.notes.get(&package.name)?;
        let is_valid = note.origin == *origin
            && note.record.is_some()
            && note.record == Stat::of_any(&record_of(found));
        is_valid.then_some(note)
    }

    fn state(
        &mut self,
        package: &LockedPackage,
        origin: &Origin,
        found: &Installed,
        world: World<'_>,
    ) -> Option<TreeState> {
        let note = self.valid(package, origin, found);
        if origin.commit.is_some() {
            // A clone belongs to its user; only another commit is a reason to make it anew.
            let is_there = note.is_some() && origin.folder.is_dir();
            return is_there.then_some(TreeState::Same);
        }
        if note.is_some_and(|note| note.watched.is_unmoved()) {
            return Some(TreeState::Same);
        }
        let content =
            match Content::read(&package.name, &origin.folder, origin.develop, world.rules) {
                Ok(content) => content?,
                // Whoever builds it will say what is wrong.
                Err(_) => return Some(TreeState::Changed),
            };
        let known = note.and_then(|note| note.digest.clone());
        let is_same = content.is_installed(&found.dist_info, known.as_deref(), world.environment);
        match is_same {
            Some(false) => return Some(TreeState::Changed),
            Some(true) => {}
            // From now on it is known.
            None if found.version == package.version => {}
            None => return None,
        }
        let note = Note {
            origin: origin.clone(),
            record: Stat::of_any(&record_of(found)),
            watched: content.watched,
            digest: content.digest,
        };
        self.notes.insert(package.name.clone(), note);
        is_same.map(|_| TreeState::Same)
    }
}

fn take_note(package: &LockedPackage, origin: Origin, found: &Installed, world: World<'_>) -> Note {
    let content = match origin.commit {
        Some(_) => None,
        None => Content::read(&package.name, &origin.folder, origin.develop, world.rules)
            .ok()
            .flatten(),
    };
    let (watched, digest) = content
        .map(|content| (content.watched, content.digest))
        .unwrap_or_default();
    Note {
        origin,
        record: Stat::of_any(&record_of(found)),
        watched,
        digest,
    }
}

fn record_of(found: &Installed) -> PathBuf {
    found.dist_info.join("RECORD")
}

/// `None` if the package does not come from a folder that stays.
fn origin(package: &LockedPackage, world: World<'_>) -> Option<Origin> {
    let source = package.source.as_ref()?;
    match source.kind {
        SourceKind::Directory => Some(Origin {
            folder: resolve(world.folder, &source.url),
            develop: package.develop,
            commit: None,
        }),
        SourceKind::Git if package.develop => Some(Origin {
            folder: clone_folder(&world.environment.root, &package.name),
            develop: true,
            commit: Some(commit_of(source)),
        }),
        _ => None,
    }
}

/// All that tells one checkout of a repository from another.
fn commit_of(source: &LockedSource) -> String {
    let commit = source.resolved_reference.as_deref().unwrap_or_default();
    let inside = source.subdirectory.as_deref().unwrap_or_default();
    format!("{} {commit} {inside}", source.url)
}

/// Where the clone of a git package with `develop` lies. (Poetry gives it the repository's name, so that packages of one
/// repository overwrite each other's.)
pub(crate) fn clone_folder(root: &Path, name: &PackageName) -> PathBuf {
    root.join("src").join(name.as_str())
}

/// Does what is installed say that it comes from there?
fn is_from(found: &Installed, origin: &Origin) -> bool {
    let Some(direct) = &found.direct_url else {
        return false;
    };
    let develop = direct["dir_info"]["editable"].as_bool().unwrap_or_default();
    direct.get("dir_info").is_some()
        && develop == origin.develop
        && direct["url"] == crate::wheel::file_url(&origin.folder)
}

/// Is a stat old enough to be relied on?
fn reliable(path: &Path, began: SystemTime) -> Option<Stat> {
    Stat::of_any(path).filter(|stat| stat.is_older_than(began))
}
