//! Chooses the file of each planned package and brings it into the cache, checked.
//!
//! A lock names files and hashes, but no addresses. Those are on the index's page of the project, so that each
//! package would cost a page, which may have megabytes. But a page that lies in the cache will do, however old, and
//! PyPI describes a release by itself. What is in the cache already needs no address at all.

mod ahead;
mod choose;
mod git;
mod policy;
mod sdist;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use resolver::cache::{Bucket, Cache};
use resolver::dist::{Hash, Source};
use resolver::git_url::without_credentials;
use resolver::index::{Index, IndexError, IndexFile};
use resolver::lock::{LockedPackage, LockedSource, SourceKind};
use resolver::tag::Tags;
use resolver::version::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::install::InstallError;
use crate::plan::resolve;
use crate::share::Share;

pub use ahead::{fetch_ahead, missing};
pub use choose::Refused;
pub(crate) use choose::{Ranked, locked_files};
pub(crate) use git::check_out;
pub use policy::{BinaryPolicy, PackageFilter};
pub use sdist::SdistError;
pub(crate) use sdist::unpack as unpack_sdist;

/// A file that was brought to this machine, and whose hash is one of the lock.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// Its name.
    pub(crate) file: String,
    /// Its sha256, in hex.
    pub(crate) sha256: String,
    /// The hash of the lock that it was checked against.
    pub(crate) checked: Hash,
    /// Where it lies; `None` if what was made from it is known to be in the cache, so that nobody looked.
    pub(crate) path: Option<PathBuf>,
    /// `Some` if it is yanked, with the reason.
    pub(crate) yanked: Option<String>,
}

impl Fetched {
    pub(crate) fn is_wheel(&self) -> bool {
        self.file.ends_with(".whl")
    }

    /// Bytes; 0 if nobody looked where it lies.
    pub(crate) fn size(&self) -> u64 {
        let found = self.path.as_ref().and_then(|path| path.metadata().ok());
        found.map_or(0, |found| found.len())
    }
}

/// What an index says of a file that neither the file nor the lock says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Remark {
    yanked: Option<String>,
    /// If it is not the Python range that is locked.
    requires_python: Option<String>,
}

/// Brings the files of locked packages here.
pub(crate) struct Fetcher<'a> {
    pub(crate) index: &'a Index,
    pub(crate) sources: &'a [Source],
    pub(crate) tags: &'a Tags,
    pub(crate) python: Option<&'a Version>,
    pub(crate) policy: &'a BinaryPolicy,
    pub(crate) folder: &'a Path,
    /// Asked for files before their index is.
    pub(crate) share: Option<&'a Share>,
}

impl Fetcher<'_> {
    fn cache(&self) -> &Cache {
        self.index.cache()
    }

    /// The best file of a package that may be installed, if the lock alone tells.
    fn best(&self, package: &LockedPackage) -> Option<Ranked> {
        locked_files(package, self.tags)
            .into_iter()
            .find(|ranked| self.policy.allows(&package.name, &ranked.file))
    }

    fn choose(
        &self,
        package: &LockedPackage,
        files: &[IndexFile],
    ) -> Result<IndexFile, InstallError> {
        choose::among(package, files, self.tags, self.python, self.policy)
    }

    /// The best file of a package if that needs no network: `has` tells whether something made from a file with this
    /// sha256 is in the cache.
    pub(crate) fn local(
        &self,
        package: &LockedPackage,
        has: impl Fn(&Ranked) -> bool,
    ) -> Option<Fetched> {
        if !is_of_index(package) {
            return None;
        }
        let best = self.best(package)?;
        let sha256 = best.sha256()?.to_owned();
        // What was made of it is worth more than the file itself.
        let path = match has(&best) {
            true => None,
            false => Some(self.index.cached_archive(&best.file, &best.hashes)?),
        };
        let remark = self.remark(&sha256);
        let requires_python = remark.requires_python.as_deref();
        let requires_python = requires_python.unwrap_or(&package.python_versions);
        if !choose::is_for(Some(requires_python), self.python) {
            return None;
        }
        Some(Fetched {
            checked: Hash::sha256(&sha256),
            yanked: remark.yanked,
            file: best.file,
            sha256,
            path,
        })
    }

    /// Brings the file of a package from an index or a URL. `progress` gets bytes so far and in all.
    pub(crate) async fn fetch(
        &self,
        package: &LockedPackage,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Fetched, InstallError> {
        match package.source.as_ref() {
            Some(source) if source.kind == SourceKind::Url => {
                self.fetch_url(package, &source.url, progress).await
            }
            _ => {
                if let Some(fetched) = self.fetch_shared(package).await {
                    return Ok(fetched);
                }
                let fetched = self.fetch_from_index(package, progress).await?;
                if let (Some(share), Some(path)) = (self.share, &fetched.path) {
                    share.publish_archive(path, &fetched.sha256).await;
                }
                Ok(fetched)
            }
        }
    }

    /// The file that the lock alone tells, if the store that machines share has it. What only an index says of it (that
    /// it was yanked) stays unknown.
    async fn fetch_shared(&self, package: &LockedPackage) -> Option<Fetched> {
        let share = self.share.filter(|_| is_of_index(package))?;
        let best = self.best(package)?;
        share.archive(&best.file, best.sha256()?).await?;
        self.local(package, |_| false)
    }

    async fn fetch_from_index(
        &self,
        package: &LockedPackage,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Fetched, InstallError> {
        refuse_unhashed(package)?;
        let source = self.source(package)?;
        let near = self
            .index
            .release_files(source, &package.name, &package.version)
            .await;
        if let Some(file) = near.and_then(|files| self.choose(package, &files).ok())
            && let Ok(fetched) = self.fetch_file(package, file, progress).await
        {
            return Ok(fetched);
        }
        let page = self
            .index
            .page(source, &package.name)
            .await
            .map_err(|error| failed(package, error))?;
        let files = page.as_deref().map_or(&[][..], |page| &page.files);
        let file = self.choose(package, files)?;
        self.fetch_file(package, file, progress).await
    }

    async fn fetch_file(
        &self,
        package: &LockedPackage,
        file: IndexFile,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Fetched, InstallError> {
        let hashes = choose::known_hashes(package, &file.filename)?;
        let fetched = self
            .download(
                package,
                &file.url,
                &file.filename,
                &hashes,
                file.size,
                progress,
            )
            .await?;
        self.note(package, &fetched.sha256, &file);
        Ok(Fetched {
            yanked: file.yanked,
            ..fetched
        })
    }

    async fn fetch_url(
        &self,
        package: &LockedPackage,
        url: &str,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Fetched, InstallError> {
        refuse_unhashed(package)?;
        let file = file_of_url(url);
        let hashes = choose::known_hashes(package, &file)?;
        self.download(package, url, &file, &hashes, None, progress)
            .await
    }

    /// A wheel or sdist on disk, checked against the lock.
    pub(crate) fn local_file(
        &self,
        package: &LockedPackage,
        path: &str,
    ) -> Result<Fetched, InstallError> {
        refuse_unhashed(package)?;
        let path = resolve(self.folder, path);
        let file = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let hashes = choose::known_hashes(package, &file)?;
        let sha256 = sha256_of(&path).map_err(|error| failed(package, error))?;
        let sha256 = Hash::sha256(sha256);
        if !hashes.contains(&sha256) {
            return Err(InstallError::HashMismatch {
                package: choose::title(package),
                file,
                found: sha256.to_string(),
                known: hashes.iter().map(Hash::to_string).collect(),
                from: path.display().to_string().into(),
            });
        }
        Ok(Fetched {
            file,
            sha256: sha256.hex.clone(),
            checked: sha256,
            path: Some(path),
            yanked: None,
        })
    }

    async fn download(
        &self,
        package: &LockedPackage,
        url: &str,
        file: &str,
        hashes: &[Hash],
        size: Option<u64>,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Fetched, InstallError> {
        let so_far = AtomicU64::new(0);
        let path = self
            .index
            .download(url, file, hashes, &|bytes| {
                let before = so_far.fetch_add(bytes, Ordering::Relaxed);
                progress(before + bytes, size);
            })
            .await
            .map_err(|error| download_failed(package, file, url, error))?;
        let known = hashes.iter().find(|hash| hash.algorithm == "sha256");
        let sha256 = match known {
            Some(hash) if hashes.len() == 1 => hash.hex.clone(),
            // Locked with another algorithm, or more than one: what is it really?
            _ => sha256_of(&path).map_err(|error| failed(package, error))?,
        };
        let checked = hashes
            .iter()
            .find(|hash| hash.hex == sha256)
            .or(hashes.first());
        Ok(Fetched {
            file: file.to_owned(),
            checked: checked.cloned().unwrap_or_else(|| Hash::sha256(&sha256)),
            sha256,
            path: Some(path),
            yanked: None,
        })
    }

    /// The source that a package is bound to. It comes from no other.
    fn source(&self, package: &LockedPackage) -> Result<&Source, InstallError> {
        let found = match &package.source {
            Some(locked) => {
                let name = locked.reference.as_deref().unwrap_or_default();
                self.sources
                    .iter()
                    .find(|source| source.name.eq_ignore_ascii_case(name))
                    .ok_or_else(|| name.to_owned())
            }
            // Poetry: without PyPI, what the lock binds to no source comes from the first one.
            None => {
                let pypi = self.sources.iter().find(|source| source.url.is_none());
                pypi.or(self.sources.first())
                    .ok_or_else(|| "PyPI".to_owned())
            }
        };
        found.map_err(|name| InstallError::UnknownSource {
            package: choose::title(package),
            name,
        })
    }

    /// What was known of a file in the cache when it was fetched.
    fn remark(&self, sha256: &str) -> Remark {
        let bytes = self.cache().read(Bucket::Archives, &remark_key(sha256));
        let remark = bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok());
        remark.unwrap_or_default()
    }

    /// Notes what there is to remark, which mostly is nothing.
    fn note(&self, package: &LockedPackage, sha256: &str, file: &IndexFile) {
        let locked = Some(&package.python_versions);
        let requires_python = file.requires_python.as_ref();
        let remark = Remark {
            yanked: file.yanked.clone(),
            requires_python: requires_python
                .filter(|range| Some(*range) != locked)
                .cloned(),
        };
        if remark.yanked.is_none() && remark.requires_python.is_none() {
            return;
        }
        let written = rmp_serde::to_vec(&remark)
            .map_err(std::io::Error::other)
            .and_then(|bytes| {
                let key = remark_key(sha256);
                self.cache().write(Bucket::Archives, &key, &bytes)
            });
        if let Err(error) = written {
            tracing::debug!("what is to say of {} is not cached: {error}", file.filename);
        }
    }
}

/// What tells an sdist, or a project in it, from all others, on all machines.
pub(crate) fn sdist_content(sha256: &str, subdirectory: Option<&str>) -> String {
    format!("sdist {sha256} {}", subdirectory.unwrap_or_default())
}

/// The same for a project in a git repository; `None` if the lock does not tell the commit.
pub(crate) fn commit_content(source: &LockedSource) -> Option<String> {
    let commit = source.resolved_reference.as_ref()?;
    let folder = source.subdirectory.as_deref().unwrap_or_default();
    let url = without_credentials(&source.url);
    Some(format!("git {url} {commit} {folder}"))
}

/// Where remarks about archives lie, among the archives.
pub(crate) const REMARKS: &str = "remarks";

fn remark_key(sha256: &str) -> String {
    format!("{REMARKS}/{sha256}")
}

/// Does it come from an index, and not from a place of its own?
fn is_of_index(package: &LockedPackage) -> bool {
    let source = package.source.as_ref();
    source.is_none_or(|source| source.kind == SourceKind::Legacy)
}

/// An archive without any hash in the lock could be anything.
fn refuse_unhashed(package: &LockedPackage) -> Result<(), InstallError> {
    if package.files.is_empty() {
        return Err(InstallError::Unhashed {
            package: choose::title(package),
        });
    }
    Ok(())
}

fn download_failed(
    package: &LockedPackage,
    file: &str,
    url: &str,
    error: IndexError,
) -> InstallError {
    match error {
        IndexError::HashMismatch { got, expected, .. } => InstallError::HashMismatch {
            package: choose::title(package),
            file: file.to_owned(),
            found: got.to_string(),
            known: expected.iter().map(Hash::to_string).collect(),
            // What is asked for may be signed.
            from: public(url.split(['?', '#']).next().unwrap_or(url)).into(),
        },
        other => failed(package, other),
    }
}

fn failed(
    package: &LockedPackage,
    error: impl std::error::Error + Send + Sync + 'static,
) -> InstallError {
    InstallError::Failed {
        package: package.pretty_name.clone(),
        source: Box::new(error),
    }
}

/// An address without anything that may be secret: of a web address even a user's name, which may be a token.
pub(crate) fn public(url: &str) -> String {
    let url = without_credentials(url);
    let web = url
        .split_once("://")
        .filter(|(scheme, _)| scheme.starts_with("http"));
    let Some((scheme, rest)) = web else {
        return url.into_owned();
    };
    let host_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..host_ends].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", &rest[host_ends..])
}

/// The file name at the end of a URL.
fn file_of_url(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let name = path.rsplit('/').next().unwrap_or(path);
    percent_encoding::percent_decode_str(name)
        .decode_utf8_lossy()
        .into_owned()
}

/// The sha256 of a file, in hex.
pub(crate) fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = std::io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            return Ok(data_encoding::HEXLOWER.encode(&sha256.finalize()));
        }
        sha256.update(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn file_names_of_urls() {
        for (url, file) in [
            (
                "https://e.org/a/b-1.0-py3-none-any.whl",
                "b-1.0-py3-none-any.whl",
            ),
            (
                "https://e.org/b-1.0%2Bcpu-py3-none-any.whl#sha256=ab",
                "b-1.0+cpu-py3-none-any.whl",
            ),
            ("https://e.org/b-1.0.tar.gz?x=/y", "b-1.0.tar.gz"),
        ] {
            assert_eq!(super::file_of_url(url), file);
        }
    }
}
