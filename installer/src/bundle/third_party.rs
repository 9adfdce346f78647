//! The packages that a lock pins from elsewhere: which file of each fits the target, and the file itself.

use std::error::Error;
use std::path::{Path, PathBuf};

use fs_err as fs;
use futures_util::StreamExt;
use resolver::cache::{Bucket, Cache};
use resolver::git::History;
use resolver::lock::{LockedPackage, SourceKind};
use resolver::name::PackageName;

use super::contents::Origin;
use super::local::{Local, foreign_wheel};
use super::{BundleError, Bundler, MissingFile, Reporter, Target, Waiting};
use crate::build::{BuildError, Kind, Known};
use crate::fetch::{
    BinaryPolicy, Fetched, Fetcher, Ranked, check_out, commit_content, locked_files, sdist_content,
    unpack_sdist,
};
use crate::install::InstallError;

/// A wheel from elsewhere.
pub(super) struct ThirdParty<'p> {
    pub(super) package: &'p LockedPackage,
    pub(super) file: String,
    pub(super) path: PathBuf,
    pub(super) sha256: String,
}

/// A wheel that a lock has.
pub(super) struct LockedWheel {
    pub(super) file: String,
    pub(super) sha256: String,
}

/// Makes sure that there is a file for each package, before anything is downloaded. Gives the wheels that will be taken,
/// as far as the lock alone tells.
///
/// # Errors
/// Names all packages without a file.
pub(super) fn expected(
    packages: &[&LockedPackage],
    target: &Target,
) -> Result<Vec<Option<LockedWheel>>, BundleError> {
    let mut expected = Vec::with_capacity(packages.len());
    let mut missing = Vec::new();
    for package in packages {
        let files = locked_files(package, &target.tags);
        if !is_obtainable(package, &files, target) {
            missing.push(MissingFile {
                package: package.name.clone(),
                version: package.version.to_string(),
                files: package.files.iter().map(|file| file.file.clone()).collect(),
                has_sdist: package
                    .files
                    .iter()
                    .any(|file| !file.file.ends_with(".whl")),
            });
        }
        let best = files.into_iter().next().filter(Ranked::is_wheel);
        expected.push(best.and_then(|best| {
            Some(LockedWheel {
                sha256: best.sha256()?.to_owned(),
                file: best.file,
            })
        }));
    }
    if missing.is_empty() {
        return Ok(expected);
    }
    Err(BundleError::NoFile {
        target: target.description.clone(),
        packages: missing,
    })
}

/// Makes sure that the lock has a hash for each package.
///
/// # Errors
/// Names all packages without one.
pub(super) fn check_hashes(packages: &[&LockedPackage]) -> Result<(), BundleError> {
    let packages: Vec<PackageName> = packages
        .iter()
        .filter(|package| package.files.is_empty())
        .map(|package| package.name.clone())
        .collect();
    if packages.is_empty() {
        return Ok(());
    }
    Err(BundleError::NoHash { packages })
}

fn is_obtainable(package: &LockedPackage, files: &[Ranked], target: &Target) -> bool {
    if is_git(package) {
        return target.is_host;
    }
    files.iter().any(|file| file.is_wheel() || target.is_host)
}

fn is_git(package: &LockedPackage) -> bool {
    package
        .source
        .as_ref()
        .is_some_and(|source| source.kind == SourceKind::Git)
}

impl Bundler<'_> {
    /// Brings the wheels of all packages into the cache; builds them where there is but an sdist.
    pub(super) fn third_party<'p>(
        &self,
        packages: &[&'p LockedPackage],
        target: &Target,
        folder: &Path,
        reporter: &dyn Reporter,
    ) -> Result<Vec<ThirdParty<'p>>, BundleError> {
        let fetcher = Fetcher {
            index: self.index,
            sources: self.sources,
            tags: &target.tags,
            python: Some(&target.python),
            policy: &BinaryPolicy::default(),
            folder,
            share: self.build.downloads(),
        };
        let (repositories, files): (Vec<&LockedPackage>, Vec<&LockedPackage>) = packages
            .iter()
            .copied()
            .partition(|package| is_git(package));
        let limit = self.index.settings().connections.max(1);
        let fetcher = &fetcher;
        let fetched: Vec<_> = self.runtime.block_on(
            futures_util::stream::iter(files)
                .map(|package| async move {
                    let fetched = match (fetcher.local(package, |_| false), local_file(package)) {
                        (Some(fetched), _) => Ok(fetched),
                        (None, Some(path)) => fetcher.local_file(package, path),
                        (None, None) => {
                            reporter.downloading(&package.name);
                            fetcher.fetch(package, &|_, _| {}).await
                        }
                    };
                    (package, fetched)
                })
                .buffer_unordered(limit)
                .collect(),
        );
        let fetched = fetched.into_iter().map(|(package, fetched)| {
            let wheel = fetched.map_err(BundleError::from);
            let wheel =
                wheel.and_then(|fetched| self.wheel_from(package, fetched, target, reporter));
            (package, wheel)
        });
        let cloned = repositories
            .into_iter()
            .map(|package| (package, self.built_repository(package, target, reporter)));
        let mut wheels = Vec::with_capacity(packages.len());
        let mut failures = Vec::new();
        for (package, wheel) in fetched.chain(cloned) {
            match wheel {
                Ok(wheel) => wheels.push(wheel),
                Err(error) => failures.push((package, error.with_log(self.index.cache()))),
            }
        }
        all_told(failures, target)?;
        Ok(wheels)
    }

    /// The file that was fetched if it is a wheel, else the wheel that is built from it.
    fn wheel_from<'p>(
        &self,
        package: &'p LockedPackage,
        fetched: Fetched,
        target: &Target,
        reporter: &dyn Reporter,
    ) -> Result<ThirdParty<'p>, BundleError> {
        let path = fetched.path.clone().unwrap_or_default();
        if fetched.is_wheel() {
            return Ok(ThirdParty {
                package,
                file: fetched.file,
                path,
                sha256: fetched.sha256,
            });
        }
        let content = sdist_content(&fetched.sha256, subdirectory(package));
        self.built(package, target, Some(&content), reporter, |into| {
            let project = unpack_sdist(&path, &fetched.file, into)?;
            Ok(match subdirectory(package) {
                Some(inside) => project.join(inside),
                None => project,
            })
        })
    }

    fn built_repository<'p>(
        &self,
        package: &'p LockedPackage,
        target: &Target,
        reporter: &dyn Reporter,
    ) -> Result<ThirdParty<'p>, BundleError> {
        let source = (package.source.as_ref()).expect("a package from git says from where");
        let content = commit_content(source);
        self.built(package, target, content.as_deref(), reporter, |into| {
            let folder = into.join("checkout");
            Ok(check_out(source, History::None, &folder, self.index)?)
        })
    }

    /// The wheel that is built from what `unpack` puts into a folder, built once for each interpreter if it is known
    /// what tells its content from all others.
    fn built<'p>(
        &self,
        package: &'p LockedPackage,
        target: &Target,
        content: Option<&str>,
        reporter: &dyn Reporter,
        unpack: impl FnOnce(&Path) -> Result<PathBuf, BundleError>,
    ) -> Result<ThirdParty<'p>, BundleError> {
        let cache = self.index.cache();
        let tag = target.tags.own();
        let epoch = format!("{:?}", self.build.timestamp());
        let rules = self.build.rules().key(&package.name);
        // A lock that does not tell the commit is content with any.
        let named = format!("{} {}", package.name, package.version);
        let key = content.unwrap_or(&named);
        let key = Cache::digest(&[key, &tag, &epoch, &rules]);
        let key = format!("third-party/{key}");
        let kept = cache.path(Bucket::Builds, &key);
        let _lock = cache.lock_or_tell(Bucket::Builds, &key, || {
            reporter.waiting(Waiting::Build(&package.name));
        })?;
        let known = fs::read_dir(&kept)
            .ok()
            .and_then(|mut entries| Some(entries.next()?.ok()?.path()));
        let path = match known {
            Some(path) => path,
            None => {
                let failed = |source| BundleError::build(&package.name, source);
                let folder = cache.temp_dir(Bucket::Builds)?;
                let tree = folder.path().join("source");
                fs::create_dir_all(&tree)?;
                let project = unpack(&tree)?;
                let output = folder.path().join("wheel");
                let wheel = self
                    .build_or_take(package, &project, content, &output, reporter)
                    .map_err(failed)?;
                let unpinned = foreign_wheel(&package.name, &wheel).map_err(failed)?;
                let local = Local {
                    cache,
                    build: self.build,
                    reporter,
                };
                let repacked = local.pin(unpinned, &super::pin::Pins::default())?;
                let path = kept.join(wheel.file_name().unwrap_or_default());
                let bytes = fs::read(repacked.path)?;
                crate::build::write_atomically(&path, &bytes, 0o644).map_err(failed)?;
                path
            }
        };
        Ok(ThirdParty {
            package,
            file: path
                .file_name()
                .map(|file| file.to_string_lossy().into_owned())
                .unwrap_or_default(),
            sha256: crate::fetch::sha256_of(&path)?,
            path,
        })
    }

    fn build_or_take(
        &self,
        package: &LockedPackage,
        project: &Path,
        content: Option<&str>,
        output: &Path,
        reporter: &dyn Reporter,
    ) -> Result<PathBuf, BuildError> {
        let building = || reporter.building(&package.name);
        let Some(content) = content else {
            building();
            return (self.build).wheel_of(&package.name, project, Kind::Wheel, output);
        };
        let known = Known {
            name: &package.name,
            version: Some(&package.version),
            content,
            building: &building,
        };
        self.build.wheel_of_known(known, project, output)
    }
}

/// All failures as one error. Files whose hosts do not answer are listed together: what is wrong with one is wrong with
/// all of them.
fn all_told(
    mut failures: Vec<(&LockedPackage, BundleError)>,
    target: &Target,
) -> Result<(), BundleError> {
    failures.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    let is_lost = |error: &BundleError| {
        error.is_out_of_reach() && !matches!(error, BundleError::Build { .. })
    };
    let (lost, others): (Vec<_>, Vec<_>) =
        failures.into_iter().partition(|(_, error)| is_lost(error));
    let files = lost.iter().map(|(package, _)| place_of(package, target));
    let files: Vec<String> = files.collect();
    let lost = lost.into_iter().next().map(|(_, error)| {
        let source: Box<dyn Error + Send + Sync> = match error {
            BundleError::Fetch(InstallError::Failed { source, .. }) => source,
            BundleError::Git(error) => Box::new(error),
            other => Box::new(other),
        };
        BundleError::OutOfReach { files, source }
    });
    let others = others.into_iter().map(|(_, error)| error);
    BundleError::all(lost.into_iter().chain(others).collect())
}

/// What is missing if a package can't be had: its file, or where else it comes from.
fn place_of(package: &LockedPackage, target: &Target) -> String {
    let best = locked_files(package, &target.tags).into_iter().next();
    match best {
        Some(best) if !is_git(package) => best.file,
        _ => format!("{} from {}", package.name, Origin::of(package, "PyPI")),
    }
}

/// The path of a file dependency.
fn local_file(package: &LockedPackage) -> Option<&str> {
    let source = package.source.as_ref()?;
    (source.kind == SourceKind::File).then_some(source.url.as_str())
}

fn subdirectory(package: &LockedPackage) -> Option<&str> {
    package.source.as_ref()?.subdirectory.as_deref()
}
