//! Installing from source trees: path dependencies and git repositories.

use std::path::{Path, PathBuf};

use resolver::cache::{Bucket, Cache};
use resolver::git::History;
use resolver::git_url::without_credentials;
use resolver::lock::{LockedPackage, LockedSource, SourceKind};
use resolver::metadata::Metadata;
use resolver::name::PackageName;
use resolver::requirement::Requirement;

use super::job::{COMMITS, built_wheel, check_identity};
use super::{InstallError, Run, Step, lock};
use crate::build::Kind;
use crate::fetch::{check_out, commit_content};
use crate::plan::resolve;
use crate::trees::{Watched, clone_folder};
use crate::wheel::{DirectUrl, Options, StoredWheel, file_url};

impl Run<'_> {
    /// Builds and installs a directory or git package.
    pub(super) fn install_from_tree(&self, step: Step<'_>) -> Result<(), InstallError> {
        let package = step.package;
        let Some(source) = &package.source else {
            return Ok(());
        };
        let (stored, direct_url) = match source.kind {
            SourceKind::Directory => return self.install_folder(step, source),
            SourceKind::Git if package.develop => self.clone(step, source)?,
            _ => (self.checkout(step, source)?, git_url(source)),
        };
        check_identity(package, &stored)?;
        self.install_tree(step, &stored, direct_url)
    }

    fn install_folder(&self, step: Step<'_>, source: &LockedSource) -> Result<(), InstallError> {
        let folder = resolve(&self.installer.folder, &source.url);
        match self.build_native(step.package, &folder)? {
            Some((stored, watched)) => self.install_native(step, &folder, &stored, watched),
            None => self.install_built(step, &folder, &self.build_tree(step, &folder, None)?),
        }
    }

    /// Installs an editable folder before its turn if it takes no back end to build its wheel. What is wrong with it is
    /// told in its turn.
    pub(super) fn install_early(&self, step: Step<'_>) {
        let package = step.package;
        let source = package.source.as_ref();
        let Some(source) = source.filter(|source| source.kind == SourceKind::Directory) else {
            return;
        };
        let folder = resolve(&self.installer.folder, &source.url);
        if let Ok(Some((stored, watched))) = self.build_native(package, &folder) {
            self.step(step, || {
                self.install_native(step, &folder, &stored, watched)
            });
            lock(&self.early).insert(package.name.clone());
        }
    }

    fn install_native(
        &self,
        step: Step<'_>,
        folder: &Path,
        stored: &StoredWheel,
        watched: Watched,
    ) -> Result<(), InstallError> {
        self.install_built(step, folder, stored)?;
        let dist_info = self.site.site_packages.join(&stored.manifest.dist_info);
        lock(&self.seen).insert(step.package.name.clone(), watched, &dist_info);
        Ok(())
    }

    fn install_built(
        &self,
        step: Step<'_>,
        folder: &Path,
        stored: &StoredWheel,
    ) -> Result<(), InstallError> {
        self.check_against_lock(step, stored)?;
        self.install_tree(step, stored, directory_url(folder, step.package.develop))
    }

    fn install_tree(
        &self,
        step: Step<'_>,
        stored: &StoredWheel,
        direct_url: DirectUrl,
    ) -> Result<(), InstallError> {
        let options = Options {
            direct_url: Some(direct_url),
        };
        self.install(step, stored, &options)
            .map_err(|error| InstallError::failed(&step.package.pretty_name, error))
    }

    /// What a folder holds may have got another version or more requirements since it was locked. That is worth a
    /// word.
    ///
    /// Poetry: it is installed all the same.
    fn check_against_lock(&self, step: Step<'_>, stored: &StoredWheel) -> Result<(), InstallError> {
        let (package, found) = (step.package, &stored.manifest);
        if found.name != package.name {
            return check_identity(package, stored);
        }
        if found.version != package.version {
            let (name, version) = (&package.pretty_name, &found.version);
            self.notice(
                package,
                format!(
                    "{name} is version {version} by now, but poetry.lock says {}. Run `poetry lock` to fix the lock file.",
                    package.version
                ),
            );
        }
        let unlocked = self.unlocked_requirements(package, stored);
        if !unlocked.is_empty() {
            let (name, unlocked) = (&package.pretty_name, unlocked.join(", "));
            self.notice(
                package,
                format!(
                    "{name} requires {unlocked} by now, but poetry.lock does not say so. \
                     Run `poetry lock` to fix the lock file."
                ),
            );
        }
        Ok(())
    }

    /// What a wheel requires here, and without extras, of which the lock knows nothing.
    fn unlocked_requirements(&self, package: &LockedPackage, stored: &StoredWheel) -> Vec<String> {
        let metadata = stored.member(&format!("{}/METADATA", stored.manifest.dist_info));
        let metadata = metadata.and_then(|path| fs_err::read(path).ok());
        let metadata = metadata.and_then(|bytes| Metadata::parse(&bytes).ok());
        let lines = metadata
            .map(|metadata| metadata.requires_dist)
            .unwrap_or_default();
        let markers = &self.installer.environment.interpreter.markers;
        let required = lines.iter().filter_map(|line| {
            let requirement = Requirement::parse(line, None).ok()?;
            let holds = requirement.marker.holds(Some(markers), Some(&[]));
            holds.then_some(requirement.name)
        });
        let is_locked = |name: &PackageName| {
            let mut locked = package.requirements.iter();
            locked.any(|requirement| requirement.name == *name)
        };
        let unlocked = required.filter(|name| !is_locked(name));
        unlocked.map(|name| name.to_string()).collect()
    }

    fn build_tree(
        &self,
        step: Step<'_>,
        project: &Path,
        content: Option<&str>,
    ) -> Result<StoredWheel, InstallError> {
        Ok(self.build(step, project, kind(step.package), content)?.1)
    }

    /// Poetry: a git package with `develop` is cloned into the environment's `src`, and from then on a directory.
    fn clone(
        &self,
        step: Step<'_>,
        source: &LockedSource,
    ) -> Result<(StoredWheel, DirectUrl), InstallError> {
        let folder = clone_folder(&self.site.root, &step.package.name);
        if folder.symlink_metadata().is_ok() {
            fs_err::remove_dir_all(&folder)?;
        }
        let project = self.check_out(step.package, source, History::All, &folder)?;
        Ok((
            self.build_tree(step, &project, None)?,
            directory_url(&folder, true),
        ))
    }

    /// The wheel of a commit; it is built once.
    fn checkout(&self, step: Step<'_>, source: &LockedSource) -> Result<StoredWheel, InstallError> {
        let cache = self.installer.index.cache();
        let key = source
            .resolved_reference
            .as_deref()
            .map(|commit| self.commit_key(&step.package.name, source, commit));
        let known = key
            .as_ref()
            .and_then(|key| built_wheel(cache, key))
            .and_then(|sha256| self.store.find(&sha256));
        if let Some(stored) = known {
            return Ok(stored);
        }
        let temporary = cache.temp_dir(Bucket::Git)?;
        let folder = temporary.path().join("checkout");
        let project = self.check_out(step.package, source, History::None, &folder)?;
        let content = commit_content(source);
        let stored = self.build_tree(step, &project, content.as_deref())?;
        if let Some(key) = key {
            cache.write(Bucket::Builds, &key, stored.sha256().as_bytes())?;
        }
        Ok(stored)
    }

    fn commit_key(&self, name: &PackageName, source: &LockedSource, commit: &str) -> String {
        let rules = self.installer.build.rules().key(name);
        let tag = self.fetcher.tags.own();
        let folder = source.subdirectory.as_deref().unwrap_or_default();
        format!(
            "{COMMITS}{}",
            Cache::digest(&[&source.url, commit, folder, &tag, &rules])
        )
    }

    fn check_out(
        &self,
        package: &LockedPackage,
        source: &LockedSource,
        history: History,
        folder: &Path,
    ) -> Result<PathBuf, InstallError> {
        let parent: PathBuf = folder.parent().map(Path::to_owned).unwrap_or_default();
        fs_err::create_dir_all(parent)?;
        check_out(source, history, folder, self.installer.index)
            .map_err(|error| InstallError::failed(&package.pretty_name, error))
    }
}

fn kind(package: &LockedPackage) -> Kind {
    if package.develop {
        Kind::Editable
    } else {
        Kind::Wheel
    }
}

fn directory_url(folder: &Path, editable: bool) -> DirectUrl {
    DirectUrl::Directory {
        url: file_url(folder),
        editable,
    }
}

fn git_url(source: &LockedSource) -> DirectUrl {
    DirectUrl::Git {
        url: without_credentials(&source.url).into_owned(),
        requested_revision: source.reference.clone(),
        commit: source.resolved_reference.clone(),
        subdirectory: source.subdirectory.clone(),
    }
}
