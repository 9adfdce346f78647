//! The wheels of the repository's own projects: built if their sources changed, pinned to one another.
//!
//! A wheel is known by the contents that go into it, never by times. For a poetry-core project those are the very
//! members of its wheel, which are cheap to gather; for others they are all files that the back end could see, with
//! the back end's requirements and the interpreter. Back ends run in a copy, so that they leave nothing behind.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fs_err as fs;
use resolver::cache::{Bucket, Cache};
use resolver::dist::WheelName;
use resolver::name::PackageName;
use resolver::project::Project;
use resolver::version::Version;
use sha2::{Digest, Sha256};

use super::pin::{Pins, with_version};
use super::{BundleError, Reporter, Waiting, tree};
use crate::build::archive::{
    Archive, EXECUTABLE, GENERATED, Member, Packing, REGULAR, Timestamp, is_dist_info_file,
    read_members,
};
use crate::build::backend::BuildSystem;
use crate::build::native::wheel::WheelContent;
use crate::build::{
    BuildError, BuildFrontend, Kind, Known, is_native, native_project, write_atomically,
};

/// Part of every key: raise it when the same sources shall give another wheel.
const GENERATION: &str = "1";

/// Builds the repository's own wheels.
pub(super) struct Local<'a> {
    pub(super) cache: &'a Cache,
    pub(super) build: &'a BuildFrontend,
    pub(super) reporter: &'a dyn Reporter,
}

/// A wheel before its requirements are pinned.
pub(super) struct Unpinned {
    pub(super) name: PackageName,
    pub(super) version: Version,
    /// The wheel's file name.
    pub(super) file: String,
    members: Vec<Member>,
    record: String,
    record_mode: u32,
    /// The files it was made from, for a poetry-core project.
    pub(super) sources: Vec<PathBuf>,
    /// A digest of its content, before anything was pinned.
    pub(super) digest: String,
}

impl Unpinned {
    /// The same wheel with another version. Its dist-info folder and its file are named after that.
    ///
    /// # Errors
    /// When the file's name can't have this version.
    pub(super) fn with_version(mut self, version: &str) -> Result<Self, BuildError> {
        let failed = |reason: String| BuildError::InvalidWheel {
            path: self.file.clone().into(),
            reason,
        };
        let mut parts: Vec<&str> = self.file.split('-').collect();
        // Escaped as PEP 427 asks for: a local version has no hyphens when it is normalised.
        let spelled = version.replace('-', "_");
        match parts.get_mut(1) {
            Some(part) => *part = &spelled,
            None => return Err(failed("its name has no version".to_owned())),
        }
        let file = parts.join("-");
        let distribution = parts[0].to_owned();
        let version = Version::from_str(version).map_err(|error| failed(error.to_string()))?;
        let (old, _) = (self.record.split_once('/'))
            .ok_or_else(|| failed("its RECORD is in no folder".to_owned()))?;
        let old_folder = format!("{old}/");
        let new_folder = format!("{distribution}-{spelled}.dist-info/");
        for member in &mut self.members {
            if let Some(inside) = member.name.strip_prefix(&old_folder) {
                member.name = format!("{new_folder}{inside}");
            }
            if is_dist_info_file(&member.name, "METADATA") {
                member.content = with_version(&member.content, version.as_str());
            }
        }
        self.record = format!("{new_folder}RECORD");
        self.file = file;
        self.version = version;
        Ok(self)
    }

    /// The names of the members that are not the same in another wheel.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let by_name = |wheel: &Self| -> BTreeMap<String, (u32, Vec<u8>)> {
            let members = wheel.members.iter();
            members
                .map(|member| (member.name.clone(), (member.mode, member.content.clone())))
                .collect()
        };
        let (own, other) = (by_name(self), by_name(other));
        let names: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
        names
            .into_iter()
            .filter(|name| own.get(*name) != other.get(*name))
            .cloned()
            .collect()
    }
}

/// A wheel as it goes into the bundle, in the cache.
pub(super) struct Pinned {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) metadata: Vec<u8>,
}

impl Local<'_> {
    /// The wheel of the project in `folder`, which may be `known` already.
    ///
    /// # Errors
    /// When it can't be built.
    pub(super) fn wheel(
        &self,
        name: &PackageName,
        folder: &Path,
        known: Option<&Project>,
    ) -> Result<Unpinned, BundleError> {
        let failed = |source: BuildError| BundleError::build(name, source);
        let native = match known {
            Some(project) => is_native(project).then_some(Cow::Borrowed(project)),
            None => native_project(folder).map_err(failed)?.map(Cow::Owned),
        };
        match native {
            Some(project) => {
                let content = WheelContent::read(&project, Kind::Wheel).map_err(failed)?;
                let file = content.name.file();
                Ok(Unpinned {
                    name: name.clone(),
                    version: parse(&file).map_err(failed)?.version,
                    record: format!("{}/RECORD", content.name.dist_info()),
                    record_mode: GENERATED,
                    digest: digest_of_content(&content.members),
                    members: content.members,
                    sources: content.sources,
                    file,
                })
            }
            None => self.foreign(name, folder).map_err(|error| match error {
                Failure::Build(error) => failed(error),
                Failure::Changed => BundleError::SourcesChanged {
                    folder: folder.to_owned(),
                },
            }),
        }
    }

    /// Pins the requirements of a wheel and writes it to the cache, if it is not there.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn pin(&self, mut wheel: Unpinned, pins: &Pins) -> Result<Pinned, BundleError> {
        let mut metadata = Vec::new();
        for member in &mut wheel.members {
            if is_dist_info_file(&member.name, "METADATA") {
                member.content = pins.apply(&member.content);
                metadata.clone_from(&member.content);
            }
        }
        let timestamp = self.build.timestamp();
        let key = format!("bundled/{}", key_of(&wheel, timestamp));
        let path = self.cache.path(Bucket::Builds, &key).join(&wheel.file);
        let is_packed = path.is_file();
        let found = if is_packed { "unchanged" } else { "packed now" };
        tracing::debug!("{}: {} is {found}", wheel.name, wheel.file);
        if !is_packed {
            self.reporter.packing(&wheel.name);
            let bytes = Archive::pack(
                &wheel.members,
                &wheel.record,
                wheel.record_mode,
                Packing::Deflated,
                timestamp,
                &path,
            )
            .and_then(|bytes| write_atomically(&path, &bytes, 0o644));
            bytes.map_err(|source| BundleError::build(&wheel.name, source))?;
        }
        Ok(Pinned {
            sha256: crate::fetch::sha256_of(&path)?,
            path,
            metadata,
        })
    }

    /// Builds the wheel of a project twice, with nothing from the cache, and names the members that differ.
    ///
    /// # Errors
    /// When it can't be built.
    pub(super) fn differences(
        &self,
        name: &PackageName,
        folder: &Path,
    ) -> Result<Vec<String>, BundleError> {
        let failed = |source: BuildError| BundleError::build(name, source);
        let build = |turn: &str| match native_project(folder).map_err(failed)? {
            Some(project) => self.wheel(name, folder, Some(&project)),
            None => {
                let files = tree::files(folder)?;
                // Another place each time: a wheel must not depend on where it was built.
                let nonce = format!("{turn} {} {}", folder.display(), std::process::id());
                let key = format!("libraries/verify-{}", Cache::digest(&[&nonce]));
                let kept = self.cache.path(Bucket::Builds, &key);
                let _removed = RemovedAtEnd(&kept);
                let built = self
                    .build_copy(name, folder, &files, &key, Build::Here)
                    .map_err(failed)?;
                let wheel = built.ok_or_else(|| BundleError::SourcesChanged {
                    folder: folder.to_owned(),
                })?;
                foreign_wheel(name, &wheel).map_err(failed)
            }
        };
        Ok(build("first")?.differences(&build("second")?))
    }

    fn foreign(&self, name: &PackageName, folder: &Path) -> Result<Unpinned, Failure> {
        // Somebody may be writing to the files just now: then what was copied is not what was listed.
        for _ in 0..2 {
            let files = tree::files(folder)?;
            let key = self.foreign_key(name, folder, &files)?;
            if let Some(wheel) = self.built(&key) {
                return Ok(foreign_wheel(name, &wheel)?);
            }
            let _lock = self.cache.lock_or_tell(Bucket::Builds, &key, || {
                self.reporter.waiting(Waiting::Build(name));
            })?;
            if let Some(wheel) = self.built(&key) {
                // Another process was faster.
                return Ok(foreign_wheel(name, &wheel)?);
            }
            if let Some(wheel) = self.build_copy(name, folder, &files, &key, Build::OrShared)? {
                return Ok(foreign_wheel(name, &wheel)?);
            }
        }
        Err(Failure::Changed)
    }

    /// Names what is built on this machine. What the requirements of the back end come to by now is no part of it, so
    /// that a new release of setuptools changes no library that was built already, and nobody has to be asked for it.
    fn foreign_key(
        &self,
        name: &PackageName,
        folder: &Path,
        files: &[tree::TreeFile],
    ) -> Result<String, BuildError> {
        let system = BuildSystem::read(folder)?;
        let python = self.build.python();
        let epoch = format!("{:?}", self.build.timestamp());
        let rules = self.build.rules().key(name);
        let digest = Cache::digest(&[
            GENERATION,
            &rules,
            &system.backend,
            &system.requires.join("\n"),
            &system.backend_path.join("\n"),
            python.version.as_str(),
            &python.platform,
            &epoch,
            &tree::digest(files),
        ]);
        Ok(format!("libraries/{digest}"))
    }

    /// The wheel that was built under this key.
    fn built(&self, key: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(self.cache.path(Bucket::Builds, key)).ok()?;
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
    }

    /// Builds in a copy of the tree whose path depends on its content only (compilers note paths). `None` if the
    /// files were changed meanwhile. Some back ends look outside of their folder, at git or at files beside it; if
    /// the build fails in the copy, it is tried in place.
    fn build_copy(
        &self,
        name: &PackageName,
        folder: &Path,
        files: &[tree::TreeFile],
        key: &str,
        from: Build,
    ) -> Result<Option<PathBuf>, BuildError> {
        let copy = self
            .cache
            .path(Bucket::Builds, &key.replace("libraries/", "sources/"));
        let source = copy.join(folder.file_name().unwrap_or_default());
        let _removed = RemovedAtEnd(&copy);
        remove_tree(&copy)?;
        tree::copy(folder, files, &source)?;
        let copied: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
        if tree::digest(&tree::read(&source, copied)?) != tree::digest(files) {
            return Ok(None);
        }
        let output = self.cache.temp_dir(Bucket::Builds)?;
        let content = format!(
            "tree {} {}",
            folder.file_name().unwrap_or_default().display(),
            tree::digest(files)
        );
        let known = Known {
            name,
            version: None,
            content: &content,
            building: &|| self.reporter.building(name),
        };
        let built = match from {
            Build::OrShared => self.build.wheel_of_known(known, &source, output.path()),
            Build::Here => {
                self.reporter.building(name);
                self.build
                    .wheel_of(name, &source, Kind::Wheel, output.path())
            }
        };
        let wheel = match built {
            // What is outside of the folder has no part in its content, so this wheel is not shared.
            Err(BuildError::Backend { .. }) => {
                (self.build).wheel_of(name, folder, Kind::Wheel, output.path())?
            }
            other => other?,
        };
        let target = self.cache.path(Bucket::Builds, key);
        fs::create_dir_all(&target)?;
        let path = target.join(wheel.file_name().unwrap_or_default());
        fs::rename(wheel, &path)?;
        Ok(Some(path))
    }
}

/// Where a wheel may come from.
#[derive(Clone, Copy)]
enum Build {
    /// From another machine that has built it.
    OrShared,
    /// From nowhere else.
    Here,
}

/// Why a foreign wheel can't be built.
enum Failure {
    Build(BuildError),
    Changed,
}

impl<E: Into<BuildError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Build(error.into())
    }
}

/// A folder that is removed when this is dropped.
struct RemovedAtEnd<'a>(&'a Path);

impl Drop for RemovedAtEnd<'_> {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(self.0) {
            tracing::debug!("{error}");
        }
    }
}

fn remove_tree(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a wheel and puts its members into an order and modes of our own: back ends differ in both from run to run.
pub(super) fn foreign_wheel(name: &PackageName, path: &Path) -> Result<Unpinned, BuildError> {
    let file = path
        .file_name()
        .map(|file| file.to_string_lossy().into_owned())
        .unwrap_or_default();
    let version = parse(&file)?.version;
    let mut members = read_members(path)?;
    let record = members
        .iter()
        .find(|member| is_dist_info_file(&member.name, "RECORD"))
        .map(|member| member.name.clone())
        .ok_or_else(|| BuildError::InvalidWheel {
            path: path.to_owned(),
            reason: "it has no RECORD".to_owned(),
        })?;
    // RECORD is made anew, and signatures of the old one mean nothing then.
    members.retain(|member| !member.name.starts_with(&record));
    for member in &mut members {
        member.mode = if member.mode & 0o100 == 0 {
            REGULAR
        } else {
            EXECUTABLE
        };
    }
    let dist_info = record.trim_end_matches("RECORD").to_owned();
    members.sort_by_cached_key(|member| (member.name.starts_with(&dist_info), member.name.clone()));
    Ok(Unpinned {
        name: name.clone(),
        version,
        file,
        digest: digest_of_content(&members),
        members,
        record,
        record_mode: REGULAR,
        sources: Vec::new(),
    })
}

fn parse(file: &str) -> Result<WheelName, BuildError> {
    WheelName::from_str(file).map_err(|error| BuildError::InvalidWheel {
        path: file.into(),
        reason: error.reason,
    })
}

/// What the bytes of a wheel depend on.
fn key_of(wheel: &Unpinned, timestamp: Timestamp) -> String {
    Cache::digest(&[
        GENERATION,
        &format!("{timestamp:?} {:o}", wheel.record_mode),
        &wheel.file,
        &digest_of(&wheel.members),
    ])
}

/// A digest of names, modes and contents, in hex.
fn digest_of(members: &[Member]) -> String {
    digest_with(members, |member| Cow::Borrowed(&member.content))
}

/// The same for a wheel as it was built: where the repository lies on this machine, which METADATA may tell, does not
/// count.
fn digest_of_content(members: &[Member]) -> String {
    let nowhere = Pins::default();
    digest_with(members, |member| {
        if is_dist_info_file(&member.name, "METADATA") {
            Cow::Owned(nowhere.apply(&member.content))
        } else {
            Cow::Borrowed(&member.content)
        }
    })
}

fn digest_with<'m>(
    members: &'m [Member],
    content: impl Fn(&'m Member) -> Cow<'m, Vec<u8>>,
) -> String {
    let mut hasher = Sha256::new();
    for member in members {
        hasher.update(format!("{} {:o} ", member.name.len(), member.mode));
        hasher.update(&member.name);
        hasher.update(Sha256::digest(content(member).as_slice()));
    }
    data_encoding::HEXLOWER.encode(&hasher.finalize())
}
