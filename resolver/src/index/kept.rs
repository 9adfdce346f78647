//! Which sources the cache has answers of, by the names that projects give them, and forgetting these answers.
//!
//! Answers lie under keys made from addresses (`source`). Beside them lies a list of the names under which the address was
//! asked, so that `PyPI` can be told in any folder.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use super::shelf::Shelf;
use super::source::safe_key;
use crate::cache::{Bucket, Cache, entries};
use crate::name::PackageName;
use crate::version::Version;

/// The list of names, among the pages of a source.
const NAMES: &str = ".names";
/// Where answers of sources lie.
const BUCKETS: [Bucket; 2] = [Bucket::Index, Bucket::Metadata];

/// What is kept of all sources of one name.
#[derive(Clone, Debug)]
pub struct Kept {
    cache: Cache,
    keys: Vec<String>,
}

/// The names of all sources that something is kept of.
///
/// # Errors
/// When the cache can't be read.
pub fn kept_sources(cache: &Cache) -> io::Result<BTreeSet<String>> {
    let keys = keys(cache)?.into_iter();
    Ok(keys.flat_map(|key| names(cache, &key)).collect())
}

impl Kept {
    /// What is kept of a source, in whatever case its name is written; `None` if there is nothing.
    ///
    /// # Errors
    /// When the cache can't be read.
    pub fn of(cache: &Cache, source: &str) -> io::Result<Option<Self>> {
        let mut keys = keys(cache)?;
        keys.retain(|key| {
            let names = names(cache, key);
            names.iter().any(|name| name.eq_ignore_ascii_case(source))
        });
        let cache = cache.clone();
        Ok((!keys.is_empty()).then_some(Self { cache, keys }))
    }

    /// The folders of all that is kept.
    #[must_use]
    pub fn all(&self) -> Vec<PathBuf> {
        self.paths("")
    }

    /// The files about a package.
    #[must_use]
    pub fn package(&self, name: &PackageName) -> Vec<PathBuf> {
        self.paths(&safe_key(name.as_str()))
    }

    /// Is anything known of a release?
    #[must_use]
    pub fn has_release(&self, name: &PackageName, version: &Version) -> bool {
        let mut shelves = self.shelves(name);
        shelves.any(|path| Shelf::read(&path).find(version.as_str()).is_some())
    }

    /// Forgets what is known of a release, and the page that lists it, which is asked for anew then.
    ///
    /// # Errors
    /// When that can't be written.
    pub fn forget_release(&self, name: &PackageName, version: &Version) -> io::Result<()> {
        for path in self.shelves(name) {
            Shelf::read(&path).forget(version.as_str(), &path)?;
        }
        for path in self.package(name) {
            if path.starts_with(self.cache.bucket(Bucket::Index)) {
                self.cache.take_away(&path)?;
            }
        }
        Ok(())
    }

    fn shelves(&self, name: &PackageName) -> impl Iterator<Item = PathBuf> {
        let bucket = self.cache.bucket(Bucket::Metadata);
        let paths = self.package(name).into_iter();
        paths.filter(move |path| path.starts_with(&bucket))
    }

    /// Those that are there.
    fn paths(&self, below: &str) -> Vec<PathBuf> {
        let keys = self.keys.iter();
        keys.flat_map(|key| BUCKETS.map(|bucket| self.cache.bucket(bucket).join(key).join(below)))
            .filter(|path| path.exists())
            .collect()
    }
}

/// Notes under which name a source is asked. A cache that can't be written to lacks more than that.
pub(super) fn note(cache: &Cache, key: &str, name: &str) {
    let mut names = names(cache, key);
    if names.iter().any(|known| known == name) {
        return;
    }
    names.push(name.to_owned());
    let file = format!("{key}/{NAMES}");
    if let Err(error) = cache.write(Bucket::Index, &file, names.join("\n").as_bytes()) {
        tracing::debug!(%error, "the name of a source can't be kept in the cache");
    }
}

fn names(cache: &Cache, key: &str) -> Vec<String> {
    let bytes = cache.read(Bucket::Index, &format!("{key}/{NAMES}"));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn keys(cache: &Cache) -> io::Result<Vec<String>> {
    let folders = entries(&cache.bucket(Bucket::Index))?.into_iter();
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    Ok(folders
        .filter_map(name)
        .filter(|key| !key.starts_with('.'))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{Kept, kept_sources, note};
    use crate::cache::{Bucket, Cache};
    use crate::name::PackageName;

    #[test]
    fn sources_are_found_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        assert!(kept_sources(&cache).unwrap().is_empty());
        for (key, name) in [("a", "PyPI"), ("b", "PyPI"), ("b", "mirror"), ("c", "own")] {
            note(&cache, key, name);
            note(&cache, key, name);
        }
        cache.write(Bucket::Index, "b/six", b"page").unwrap();
        cache.write(Bucket::Metadata, "b/six", b"").unwrap();
        let names = kept_sources(&cache).unwrap();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            ["PyPI", "mirror", "own"]
        );
        let found = |name| Kept::of(&cache, name).unwrap();
        assert_eq!(
            found("pypi").unwrap().all().len(),
            3,
            "two folders of pages, one of releases"
        );
        assert_eq!(
            found("Mirror")
                .unwrap()
                .package(&PackageName::new("Six"))
                .len(),
            2
        );
        assert!(
            found("OWN")
                .unwrap()
                .package(&PackageName::new("six"))
                .is_empty()
        );
        assert!(found("other").is_none());
    }
}
