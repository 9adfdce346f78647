//! Installing from source trees: path dependencies and git repositories.

use std::path::{Path, PathBuf};

use resolver::cache::{Bucket, Cache};
use resolver::git::History;
use resolver::git_url::without_credentials;
use resolver::lock::{LockedPackage, LockedSource, SourceKind};

use super::job::check_identity;
use super::{InstallError, Run, Step};
use crate::build::Kind;
use crate::fetch::check_out;
use crate::plan::resolve;
use crate::wheel::{DirectUrl, Options, StoredWheel, file_url};

impl Run<'_> {
    /// Builds and installs a directory or git package.
    pub(super) fn install_from_tree(&self, step: Step<'_>) -> Result<(), InstallError> {
        let package = step.package;
        let Some(source) = &package.source else {
            return Ok(());
        };
        let (stored, direct_url) = match source.kind {
            SourceKind::Git if package.develop => self.clone(step, source)?,
            SourceKind::Git => (self.checkout(step, source)?, git_url(source)),
            _ => {
                let folder = resolve(&self.installer.folder, &source.url);
                (
                    self.build_tree(step, &folder)?,
                    directory_url(&folder, package.develop),
                )
            }
        };
        check_identity(package, &stored)?;
        let options = Options {
            direct_url: Some(direct_url),
        };
        self.install(step, &stored, &options)
            .map_err(|error| InstallError::failed(&package.pretty_name, error))
    }

    fn build_tree(&self, step: Step<'_>, project: &Path) -> Result<StoredWheel, InstallError> {
        let kind = if step.package.develop {
            Kind::Editable
        } else {
            Kind::Wheel
        };
        Ok(self.build(step, project, kind)?.1)
    }

    /// Poetry: a git package with `develop` is cloned into the environment's `src`, and from then on a directory.
    fn clone(
        &self,
        step: Step<'_>,
        source: &LockedSource,
    ) -> Result<(StoredWheel, DirectUrl), InstallError> {
        let folder = self.site.root.join("src").join(step.package.name.as_str());
        if folder.symlink_metadata().is_ok() {
            fs_err::remove_dir_all(&folder)?;
        }
        let project = self.check_out(step.package, source, History::All, &folder)?;
        Ok((
            self.build_tree(step, &project)?,
            directory_url(&folder, true),
        ))
    }

    /// The wheel of a commit; it is built once.
    fn checkout(&self, step: Step<'_>, source: &LockedSource) -> Result<StoredWheel, InstallError> {
        let cache = self.installer.index.cache();
        let key = source
            .resolved_reference
            .as_deref()
            .map(|commit| self.commit_key(source, commit));
        let known = key
            .as_ref()
            .and_then(|key| cache.read(Bucket::Builds, key))
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|sha256| self.store.find(&sha256));
        if let Some(stored) = known {
            return Ok(stored);
        }
        let temporary = cache.temp_dir(Bucket::Git)?;
        let folder = temporary.path().join("checkout");
        let project = self.check_out(step.package, source, History::None, &folder)?;
        let stored = self.build_tree(step, &project)?;
        if let (Some(key), Some(sha256)) = (key, stored.folder.file_name()) {
            cache.write(Bucket::Builds, &key, sha256.as_encoded_bytes())?;
        }
        Ok(stored)
    }

    fn commit_key(&self, source: &LockedSource, commit: &str) -> String {
        let tag = self
            .fetcher
            .tags
            .ordered()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let folder = source.subdirectory.as_deref().unwrap_or_default();
        format!(
            "commits/{}",
            Cache::digest(&[&source.url, commit, folder, &tag])
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
