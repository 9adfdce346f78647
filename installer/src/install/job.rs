//! From a file that is here to an installed distribution.

use std::path::Path;

use resolver::cache::{Bucket, Cache};
use resolver::dist::Hash;
use resolver::git_url::without_credentials;
use resolver::lock::{LockedPackage, SourceKind};
use resolver::name::PackageName;
use serde::{Deserialize, Serialize};

use super::{InstallError, Run, Step, bytecode, lock};
use crate::build::{BuildError, Kind, Known};
use crate::fetch::{Fetched, Ranked, sdist_content, sha256_of, unpack_sdist};
use crate::plan::Operation;
use crate::title::{full_version, pip_command};
use crate::trees::{Content, FOLDERS, Packed, Watched};
use crate::wheel::{self, DirectUrl, Linker, Options, StoredWheel, WheelError, file_url};

/// What was built from an sdist.
#[derive(Serialize, Deserialize)]
struct Built {
    file: String,
    sha256: String,
}

/// The sha256 of the wheel that was built, by the key of the record about it.
pub(crate) fn built_wheel(cache: &Cache, key: &str) -> Option<String> {
    let bytes = cache.read(Bucket::Builds, key)?;
    if key.starts_with(COMMITS) {
        return String::from_utf8(bytes).ok();
    }
    if key.starts_with(FOLDERS) {
        return Some(Packed::find(cache, key)?.wheel);
    }
    let built: Built = rmp_serde::from_slice(&bytes).ok()?;
    Some(built.sha256)
}

/// Records about wheels of commits of git repositories lie here; others are about sdists.
pub(super) const COMMITS: &str = "commits/";

impl Run<'_> {
    /// Is something made from this file in the cache?
    pub(super) fn is_known(&self, name: &PackageName, file: &Ranked) -> bool {
        let Some(sha256) = file.sha256() else {
            return false;
        };
        if file.is_wheel() {
            self.store.has(sha256)
        } else {
            self.built_from(name, sha256)
                .is_some_and(|wheel| self.store.has(&wheel))
        }
    }

    /// Installs what needs no download.
    pub(super) fn install_local(
        &self,
        step: Step<'_>,
        fetched: Option<Fetched>,
    ) -> Result<(), InstallError> {
        let fetched = match (fetched, step.package.source.as_ref()) {
            (Some(fetched), _) => fetched,
            (None, source) => {
                let path = source.map(|source| source.url.as_str()).unwrap_or_default();
                self.fetcher.local_file(step.package, path)?
            }
        };
        self.install_fetched(step, fetched)
    }

    /// Installs from a wheel or sdist.
    pub(super) fn install_fetched(
        &self,
        step: Step<'_>,
        fetched: Fetched,
    ) -> Result<(), InstallError> {
        let package = step.package;
        let options = Options {
            direct_url: self.archive_url(package, &fetched),
        };
        if let Some(reason) = &fetched.yanked {
            self.notice(package, yanked(package, &fetched.file, reason));
        }
        let stored = self.stored(step, &fetched)?;
        match self.install(step, &stored, &options) {
            // Somebody cleaned up the cache: bring the file again, once.
            Err(WheelError::StoreDamaged(path)) => {
                tracing::debug!("{} is gone from the cache", path.display());
                self.store.discard(&stored.sha256())?;
                let fetched = self.again(package, fetched)?;
                let stored = self.stored(step, &fetched)?;
                self.install(step, &stored, &options)
                    .map_err(|error| InstallError::failed(&package.pretty_name, error))
            }
            other => other.map_err(|error| InstallError::failed(&package.pretty_name, error)),
        }
    }

    /// The file again, in case that only what was made from it was known to be there.
    fn again(&self, package: &LockedPackage, fetched: Fetched) -> Result<Fetched, InstallError> {
        if fetched.path.is_some() {
            return Ok(fetched);
        }
        self.installer
            .runtime
            .handle()?
            .block_on(self.fetcher.fetch(package, &|_, _| {}))
    }

    /// The unpacked wheel of a file, unpacked or built now if it has to be.
    fn stored(&self, step: Step<'_>, fetched: &Fetched) -> Result<StoredWheel, InstallError> {
        let package = step.package;
        let known = if fetched.is_wheel() {
            self.store.find(&fetched.sha256)
        } else {
            self.built(&package.name, &fetched.sha256)
        };
        let stored = match known {
            Some(stored) => stored,
            None => {
                let fetched = self.again(package, fetched.clone())?;
                let path = fetched.path.as_deref().unwrap_or(Path::new(""));
                if fetched.is_wheel() {
                    self.store
                        .unpack(path, &fetched.file, &fetched.sha256)
                        .map_err(|error| InstallError::failed(&package.pretty_name, error))?
                } else {
                    self.build_sdist(step, &fetched, path)?
                }
            }
        };
        check_identity(package, &stored)?;
        Ok(stored)
    }

    /// Poetry: a wheel that was built from an sdist is used again for interpreters with the same tags.
    fn built_key(&self, name: &PackageName, sha256: &str) -> String {
        let tag = self.fetcher.tags.own();
        let rules = self.installer.build.rules().key(name);
        format!("sdists/{sha256}/{}", Cache::digest(&[&tag, &rules]))
    }

    fn built(&self, name: &PackageName, sha256: &str) -> Option<StoredWheel> {
        self.store.find(&self.built_from(name, sha256)?)
    }

    /// The sha256 of the wheel that was built from an sdist.
    fn built_from(&self, name: &PackageName, sha256: &str) -> Option<String> {
        let key = self.built_key(name, sha256);
        built_wheel(self.installer.index.cache(), &key)
    }

    fn build_sdist(
        &self,
        step: Step<'_>,
        fetched: &Fetched,
        archive: &Path,
    ) -> Result<StoredWheel, InstallError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| InstallError::Failed {
            package: step.package.pretty_name.clone(),
            source: error,
        };
        let cache = self.installer.index.cache();
        let folder = cache.temp_dir(Bucket::Builds)?;
        let tree = folder.path().join("source");
        fs_err::create_dir(&tree)?;
        let project =
            unpack_sdist(archive, &fetched.file, &tree).map_err(|error| failed(error.into()))?;
        let inside = step
            .package
            .source
            .as_ref()
            .and_then(|source| source.subdirectory.as_deref());
        let project = match inside {
            Some(inside) => project.join(inside),
            None => project,
        };
        let content = sdist_content(&fetched.sha256, inside);
        let (file, stored) = self.build(step, &project, Kind::Wheel, Some(&content))?;
        check_identity(step.package, &stored)?;
        let built = Built {
            file,
            sha256: stored.sha256(),
        };
        let bytes = rmp_serde::to_vec(&built).map_err(|error| failed(error.into()))?;
        let key = self.built_key(&step.package.name, &fetched.sha256);
        cache.write(Bucket::Builds, &key, &bytes)?;
        Ok(stored)
    }

    /// Builds a project and unpacks the wheel. Returns the wheel's file name, too. If it is known what tells `content`
    /// from all others, another machine may have built it.
    pub(super) fn build(
        &self,
        step: Step<'_>,
        project: &Path,
        kind: Kind,
        content: Option<&str>,
    ) -> Result<(String, StoredWheel), InstallError> {
        let (build, package) = (self.installer.build, step.package);
        let output = self.installer.index.cache().temp_dir(Bucket::Builds)?;
        let building = || self.reporter.building(step.operation);
        let wheel = match content.filter(|_| kind == Kind::Wheel) {
            Some(content) => {
                let known = Known {
                    name: &package.name,
                    version: Some(&package.version),
                    content,
                    building: &building,
                };
                build.wheel_of_known(known, project, output.path())
            }
            None => {
                building();
                build.wheel_of(&package.name, project, kind, output.path())
            }
        };
        let wheel = wheel.map_err(|error| self.build_failure(package, error))?;
        self.unpack_built(package, &wheel)
    }

    /// The unpacked wheel of a folder that needs no back end, and what the folder was like. `None` if it does.
    pub(super) fn build_native(
        &self,
        package: &LockedPackage,
        folder: &Path,
    ) -> Result<Option<(StoredWheel, Watched)>, InstallError> {
        if !package.develop {
            return self.pack(package, folder);
        }
        let cache = self.installer.index.cache();
        let key = Packed::key(self.installer.build.rules(), &package.name, folder);
        if let Some(packed) = Packed::find(cache, &key)
            && let Some(stored) = self.store.find(&packed.wheel)
        {
            return Ok(Some((stored, packed.watched)));
        }
        let done = self.pack(package, folder)?;
        Ok(done.map(|(stored, watched)| {
            let wheel = stored.sha256();
            let packed = Packed { watched, wheel };
            packed.keep(cache, &key);
            (stored, packed.watched)
        }))
    }

    fn pack(
        &self,
        package: &LockedPackage,
        folder: &Path,
    ) -> Result<Option<(StoredWheel, Watched)>, InstallError> {
        let build = self.installer.build;
        let pack = || {
            let content = Content::native(build.rules(), &package.name, folder, package.develop)?;
            let Some((wheel, watched)) = content.and_then(|it| Some((it.wheel?, it.watched)))
            else {
                return Ok(None);
            };
            let bytes = build.pack_to_install(&wheel)?;
            Ok(Some((wheel.name.file(), bytes, watched)))
        };
        let packed = pack().map_err(|error| self.build_failure(package, error))?;
        let Some((file, bytes, watched)) = packed else {
            return Ok(None);
        };
        let stored = match self.store.find(&Hash::of_bytes(&bytes).hex) {
            Some(stored) => stored,
            None => {
                let output = self.installer.index.cache().temp_dir(Bucket::Builds)?;
                let path = output.path().join(file);
                fs_err::write(&path, bytes)?;
                self.unpack_built(package, &path)?.1
            }
        };
        Ok(Some((stored, watched)))
    }

    fn unpack_built(
        &self,
        package: &LockedPackage,
        wheel: &Path,
    ) -> Result<(String, StoredWheel), InstallError> {
        let file = wheel
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let sha256 = sha256_of(wheel)?;
        let stored = self
            .store
            .unpack(wheel, &file, &sha256)
            .map_err(|error| InstallError::failed(&package.pretty_name, error))?;
        Ok((file, stored))
    }

    fn build_failure(&self, package: &LockedPackage, error: BuildError) -> InstallError {
        let folder = &self.installer.folder;
        let settings = &self.installer.build.rules().config_settings;
        let version = full_version(package, folder);
        InstallError::Build {
            package: package.pretty_name.clone(),
            title: format!("{} ({version})", package.pretty_name),
            command: pip_command(package, folder, settings.get(&package.name)),
            source: Box::new(error),
        }
    }

    /// Links a wheel into the environment, after what it replaces was removed.
    pub(super) fn install(
        &self,
        step: Step<'_>,
        stored: &StoredWheel,
        options: &Options,
    ) -> Result<(), WheelError> {
        if let Operation::Update { from, .. } = step.operation {
            wheel::make_room(&from.dist_info, &self.site)?;
        }
        let report = wheel::install(stored, &self.site, self.linker()?, options)?;
        if let Some(first) = report.replaced.iter().min() {
            self.notice(step.package, replaced(first, report.replaced.len() - 1));
        }
        let manifest = &stored.manifest;
        if !manifest.record_issues.is_empty() {
            let issues = manifest.record_issues.join("\n");
            self.notice(
                step.package,
                format!(
                    "Validation of the RECORD file of {} failed. Please report to the maintainers of that package so \
                     they can fix their build process. Details:\n{issues}\n",
                    manifest.file
                ),
            );
        }
        if let Some(first) = manifest.skipped.first() {
            let others = and_more(manifest.skipped.len() - 1);
            self.notice(
                step.package,
                format!(
                    "Skip installing {first}{others} from {}. Installing files in a __pycache__ directory poses a \
                     security risk.",
                    manifest.distribution
                ),
            );
        }
        if self.installer.compile {
            let modules = wheel::modules(stored, &self.site);
            lock(&self.modules).extend(modules);
        }
        Ok(())
    }

    fn linker(&self) -> std::io::Result<Linker> {
        if let Some(linker) = self.linker.get() {
            return Ok(*linker);
        }
        let linker = Linker::probe(self.store.folder(), &self.site.site_packages)?;
        Ok(*self.linker.get_or_init(|| linker))
    }

    fn archive_url(&self, package: &LockedPackage, fetched: &Fetched) -> Option<DirectUrl> {
        let source = package.source.as_ref()?;
        let url = match source.kind {
            SourceKind::Url => without_credentials(&source.url).into_owned(),
            SourceKind::File => file_url(fetched.path.as_deref()?),
            _ => return None,
        };
        let hash = &fetched.checked;
        Some(DirectUrl::Archive {
            url,
            hash: Some((hash.algorithm.clone(), hash.hex.clone())),
        })
    }

    /// Poetry: `--compile` is for what this call has installed, and its byte code is not in RECORD.
    pub(super) fn compile(&self) {
        let modules = std::mem::take(&mut *lock(&self.modules));
        if let Err(error) = bytecode::compile(&self.site.python, &modules) {
            self.reporter
                .warning(&format!("Some modules could not be compiled ({error})"));
        }
    }
}

/// A wheel must be what the lock says, whoever built it.
pub(super) fn check_identity(
    package: &LockedPackage,
    stored: &StoredWheel,
) -> Result<(), InstallError> {
    let manifest = &stored.manifest;
    if manifest.name == package.name && manifest.version == package.version {
        return Ok(());
    }
    Err(InstallError::OtherPackage {
        package: format!("{} ({})", package.pretty_name, package.version),
        file: manifest.file.clone(),
        found: format!("{} ({})", manifest.name, manifest.version),
    })
}

/// Poetry: a line about each file; here one about all of a distribution.
fn replaced(first: &Path, others: usize) -> String {
    let others = and_more(others);
    format!("Installing {} over existing file{others}", first.display())
}

fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" and {count} more"),
    }
}

fn yanked(package: &LockedPackage, file: &str, reason: &str) -> String {
    let mut text = format!(
        "The file chosen for install of {} {} ({file}) is yanked.",
        package.pretty_name, package.version
    );
    if !reason.is_empty() {
        text.push_str(" Reason for being yanked: ");
        text.push_str(reason);
    }
    text
}
