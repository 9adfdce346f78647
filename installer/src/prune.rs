//! Taking from the cache what is of no use any more.
//!
//! Only while nobody else uses the cache ([`Cache::own`]): installations link files of unpacked wheels without a lock.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use resolver::cache::{Bucket, Cache, Lock, Usage, entries};
use resolver::index;
use resolver::unchanged;
use rustc_hash::FxHashSet;

use crate::build;
use crate::fetch;
use crate::install;
use crate::python::Facts;
use crate::wheel::Store;

/// How much is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keep {
    /// Whatever may be of use.
    Useful,
    /// Wheels that were built from sources. All else can be had from an index again, which mostly costs a CI job less than
    /// storing it.
    BuiltWheels,
}

/// Why something is taken away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// A run that was killed did not finish it.
    Leftover,
    /// It has the format of an earlier version.
    Outdated,
    /// It is damaged, or belongs to something that is not there.
    Broken,
    /// Its project or its Python is gone or has changed.
    Vanished,
    /// It can be had again.
    Replaceable,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leftover => "left behind by runs that were killed",
            Self::Outdated => "of earlier versions of mpoetry",
            Self::Broken => "damaged, or useless by themselves",
            Self::Vanished => "about projects and Pythons that are gone",
            Self::Replaceable => "to be had from an index again",
        })
    }
}

/// Takes away what is not kept, and says how much that was. `_alone` proves that nobody else uses the cache.
///
/// # Errors
/// When something can't be read or removed. What was taken away before is gone.
pub fn prune(cache: &Cache, keep: Keep, _alone: &Lock) -> io::Result<Vec<(Reason, Usage)>> {
    type Find = fn(&Cache) -> io::Result<Vec<PathBuf>>;
    let mut steps: Vec<(Reason, Find)> = vec![
        (Reason::Leftover, leftovers),
        (Reason::Outdated, Cache::outdated),
        // Wheels first: then it shows which records are about none.
        (Reason::Broken, broken_wheels),
        (Reason::Broken, broken_records),
        (Reason::Vanished, unchanged::of_vanished_projects),
        (Reason::Vanished, Facts::of_vanished_interpreters),
    ];
    if keep == Keep::BuiltWheels {
        steps.push((Reason::Replaceable, replaceable));
    }
    let mut taken: Vec<(Reason, Usage)> = Vec::new();
    for (reason, find) in steps {
        let mut usage = Usage::default();
        for path in find(cache)? {
            usage += cache.take_away(&path)?;
        }
        match taken.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += usage,
            None => taken.push((reason, usage)),
        }
    }
    taken.retain(|(_, usage)| *usage != Usage::default());
    Ok(taken)
}

/// Environments of builds count only when they are complete, and copies of sources only during a build.
fn leftovers(cache: &Cache) -> io::Result<Vec<PathBuf>> {
    let mut found = cache.leftovers()?;
    let builds = cache.bucket(Bucket::Builds);
    let environments = entries(&builds.join("environments"))?.into_iter();
    found.extend(environments.filter(|path| path.is_dir() && !build::is_complete(path)));
    found.extend(entries(&builds.join("sources"))?);
    Ok(found)
}

fn broken_wheels(cache: &Cache) -> io::Result<Vec<PathBuf>> {
    let store = Store::new(cache);
    let wheels = entries(store.folder())?.into_iter();
    Ok(wheels
        .filter(|path| store.find(&file_name(path)).is_none())
        .collect())
}

/// Records about wheels and archives that are gone.
fn broken_records(cache: &Cache) -> io::Result<Vec<PathBuf>> {
    let store = Store::new(cache);
    let mut found = Vec::new();
    for (path, wheel) in records(cache)? {
        if wheel.is_none_or(|sha256| store.find(&sha256).is_none()) {
            found.push(path);
        }
    }
    found.extend(index::useless_pointers(cache)?);
    let remarks = entries(&cache.path(Bucket::Archives, fetch::REMARKS))?.into_iter();
    found.extend(remarks.filter(|path| !index::has_archive(cache, &file_name(path))));
    Ok(found)
}

/// The records of builds, with the wheels that they name.
fn records(cache: &Cache) -> io::Result<Vec<(PathBuf, Option<String>)>> {
    let builds = cache.bucket(Bucket::Builds);
    let mut found = Vec::new();
    let mut folders = entries(&builds.join("sdists"))?;
    folders.extend(["commits", "folders"].map(|folder| builds.join(folder)));
    for path in folders
        .iter()
        .map(|folder| entries(folder))
        .collect::<io::Result<Vec<_>>>()?
        .concat()
    {
        let key = path
            .strip_prefix(&builds)
            .unwrap_or(&path)
            .to_string_lossy();
        let wheel = install::built_wheel(cache, &key);
        found.push((path, wheel));
    }
    Ok(found)
}

/// All but wheels that were built.
fn replaceable(cache: &Cache) -> io::Result<Vec<PathBuf>> {
    let built: FxHashSet<String> = records(cache)?
        .into_iter()
        .filter_map(|(_, wheel)| wheel)
        .collect();
    let mut found = Vec::new();
    for bucket in Bucket::ALL {
        match bucket {
            Bucket::Wheels => found.extend(
                entries(&cache.bucket(bucket))?
                    .into_iter()
                    .filter(|path| !built.contains(&file_name(path))),
            ),
            Bucket::Builds => found.push(cache.bucket(bucket).join("environments")),
            _ => found.push(cache.bucket(bucket)),
        }
    }
    Ok(found)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
