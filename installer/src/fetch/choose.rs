//! Which file of a release is installed.

use std::cmp::Reverse;
use std::str::FromStr;

use resolver::constraint::Constraint;
use resolver::dist::{Hash, HashedFile, WheelName};
use resolver::index::{FileKind, IndexFile};
use resolver::lock::LockedPackage;
use resolver::tag::Tags;
use resolver::version::Version;

use super::BinaryPolicy;
use crate::install::InstallError;

/// How good a file is; the greatest is the best.
///
/// Poetry: a build tag counts more than how well the platform fits, and an sdist is the last choice.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Rank {
    build: Option<(u64, String)>,
    /// Position among the supported tags; an sdist comes after all of them.
    tag: Reverse<usize>,
}

impl Rank {
    /// `None` if the file can't be used here.
    fn of(file: &str, tags: &Tags) -> Option<Self> {
        if !file.ends_with(".whl") {
            return Some(Self {
                build: None,
                tag: Reverse(tags.last_rank()),
            });
        }
        // Most files of a release are for other platforms. Reading a whole name takes longer than its last part tells.
        let platform = file.trim_end_matches(".whl").rsplit('-').next()?;
        if !tags.know_platform_of(platform) {
            return None;
        }
        let name = WheelName::from_str(file).ok()?;
        let best = tags.best(&name.tags)?;
        Some(Self {
            build: name.build,
            tag: Reverse(best),
        })
    }
}

/// A file of a lock that can be used here.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub(crate) file: String,
    /// Its hashes in the lock.
    pub(crate) hashes: Vec<Hash>,
}

impl Ranked {
    pub(crate) fn sha256(&self) -> Option<&str> {
        self.hashes
            .iter()
            .find(|hash| hash.algorithm == "sha256")
            .map(|hash| hash.hex.as_str())
    }

    pub(crate) fn is_wheel(&self) -> bool {
        self.file.ends_with(".whl")
    }
}

/// The files of a locked package that can be used here, best first.
pub(crate) fn locked_files(package: &LockedPackage, tags: &Tags) -> Vec<Ranked> {
    let mut ranked: Vec<(Rank, Ranked)> = Vec::new();
    for locked in &package.files {
        if let Some((_, known)) = ranked
            .iter_mut()
            .find(|(_, known)| known.file == locked.file)
        {
            known.hashes.push(locked.hash.clone());
        } else if let Some(rank) =
            Rank::of(&locked.file, tags).filter(|_| is_source_or_wheel(&locked.file))
        {
            let file = Ranked {
                file: locked.file.clone(),
                hashes: vec![locked.hash.clone()],
            };
            ranked.push((rank, file));
        }
    }
    ranked.sort_by(|(a, _), (b, _)| b.cmp(a));
    ranked.into_iter().map(|(_, file)| file).collect()
}

fn is_source_or_wheel(file: &str) -> bool {
    [
        ".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar",
    ]
    .iter()
    .any(|end| file.ends_with(end))
}

/// How many files of a release `installer.no-binary` and `installer.only-binary` have ruled out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refused {
    /// Wheels.
    pub wheels: usize,
    /// Source distributions.
    pub sdists: usize,
}

impl Refused {
    fn of(files: &[&IndexFile]) -> Self {
        let wheels = (files.iter())
            .filter(|file| file.kind == FileKind::Wheel)
            .count();
        Self {
            wheels,
            sdists: files.len() - wheels,
        }
    }
}

/// Of the files of an index the one that Poetry would take: of those whose hash is in the lock, the best that is not
/// yanked, or the best that is. What the index says is for other Pythons is left out, whichever index it is from.
/// (Poetry looks at that only while it locks, and only on PyPI.)
pub(super) fn among(
    package: &LockedPackage,
    files: &[IndexFile],
    tags: &Tags,
    python: Option<&Version>,
    policy: &BinaryPolicy,
) -> Result<IndexFile, InstallError> {
    let release: Vec<&IndexFile> = files
        .iter()
        .filter(|file| file.version == package.version)
        .collect();
    let (allowed, refused): (Vec<&IndexFile>, Vec<&IndexFile>) = release
        .iter()
        .partition(|file| policy.allows(&package.name, &file.filename));
    let mut unsupported = Vec::new();
    let mut other_python = Vec::new();
    let mut candidates = Vec::new();
    for file in &allowed {
        let requires_python = file.requires_python.as_deref();
        match Rank::of(&file.filename, tags) {
            Some(_) if !is_for(requires_python, python) => {
                other_python.push(format!(
                    "{} was skipped as it requires Python {}, and this is {}",
                    file.filename,
                    requires_python.unwrap_or_default(),
                    python.map(ToString::to_string).unwrap_or_default()
                ));
            }
            Some(rank) => {
                candidates.push((is_locked(package, file), file.yanked.is_none(), rank, *file));
            }
            None if file.kind == FileKind::Wheel => unsupported.push(file.filename.clone()),
            None => {}
        }
    }
    if candidates.is_empty() {
        unsupported.sort();
        unsupported.dedup();
        return Err(InstallError::NoCandidates {
            package: title(package),
            seen: release.len(),
            refused: Refused::of(&refused),
            unsupported,
            other_python,
            source_name: package
                .source
                .as_ref()
                .and_then(|source| source.reference.clone()),
        });
    }
    candidates.sort_by(|a, b| (b.0, b.1, &b.2).cmp(&(a.0, a.1, &a.2)));
    let chosen = candidates
        .iter()
        .find(|(locked, ..)| *locked)
        .map(|(.., file)| *file);
    chosen.cloned().ok_or_else(|| InstallError::NoKnownHash {
        package: format!("{} ({})", package.pretty_name, package.version),
        links: candidates
            .iter()
            .map(|(.., file)| {
                let hashes: Vec<String> = file.hashes.iter().map(ToString::to_string).collect();
                (file.filename.clone(), hashes.join(", "))
            })
            .collect(),
        known: package
            .files
            .iter()
            .map(|file| file.hash.to_string())
            .collect(),
    })
}

/// Is a file with this Requires-Python for this Python? That of a release candidate is the one of its release, and what
/// can't be read forbids nothing. As long as the Python is not known, every file is for it.
pub(super) fn is_for(requires_python: Option<&str>, python: Option<&Version>) -> bool {
    let (Some(text), Some(python)) = (requires_python, python) else {
        return true;
    };
    let constraint = Constraint::parse_marker_version(text);
    constraint.map_or(true, |constraint| constraint.allows(&python.stable()))
}

/// Is one of the announced hashes in the lock? A file without announced hashes is judged when it is here; only one
/// that the lock names can pass then.
fn is_locked(package: &LockedPackage, file: &IndexFile) -> bool {
    if file.hashes.is_empty() {
        return package
            .files
            .iter()
            .any(|locked| is_of(locked, &file.filename));
    }
    package
        .files
        .iter()
        .any(|locked| file.hashes.contains(&locked.hash))
}

/// Is this what a lock says of the file with this name? A lock of format 1.0 says only hashes, which then stand for the
/// names, too.
fn is_of(locked: &HashedFile, file: &str) -> bool {
    locked.file == file || locked.file == locked.hash.hex
}

/// The hashes that the lock has for a file of this name, without those that prove nothing.
pub(super) fn known_hashes(package: &LockedPackage, file: &str) -> Result<Vec<Hash>, InstallError> {
    let hashes: Vec<&Hash> = package
        .files
        .iter()
        .filter(|locked| is_of(locked, file))
        .map(|locked| &locked.hash)
        .collect();
    if hashes.is_empty() {
        let mut locked: Vec<String> = package
            .files
            .iter()
            .map(|locked| locked.file.clone())
            .collect();
        locked.sort();
        return Err(InstallError::NotLocked {
            package: title(package),
            file: file.to_owned(),
            locked,
        });
    }
    let strong: Vec<Hash> = hashes
        .iter()
        .filter(|hash| !matches!(hash.algorithm.as_str(), "md5" | "sha1"))
        .copied()
        .cloned()
        .collect();
    if strong.is_empty() {
        return Err(InstallError::WeakHash {
            package: title(package),
            file: file.to_owned(),
            known: hashes.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(strong)
}

/// `name (version)`.
pub(super) fn title(package: &LockedPackage) -> String {
    format!("{} ({})", package.name, package.version)
}
