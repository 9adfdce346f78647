//! The solver's view of the outside: blocking answers, gathered ahead of time.
//!
//! The solver is ordinary synchronous code on its own thread. Whenever a requirement becomes known, its project
//! page and the metadata of its best candidate are asked for on the runtime, because ranking (see
//! [`super::priority`]) needs just these. When the solver needs an answer it waits for that one. What it decides
//! never depends on which answers happened to arrive first.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::runtime::Handle;

use crate::constraint::Constraint;
use crate::dist::{HashedFile, Priority, Source};
use crate::index::{Index, IndexError, Offer};
use crate::lock::{LockedSource, SourceKind};
use crate::marker::Marker;
use crate::name::PackageName;
use crate::path::resolve;
use crate::project::{Project, read_library};
use crate::requirement::{Origin, Requirement};
use crate::version::Version;

use super::SolveError;
use super::node::{INDEX, OriginId, Releases};
use super::package::{Package, read_requires};
use super::shared::Shared;

/// A version that an index offers.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) version: Version,
    /// Index into [`World::sources`].
    pub(crate) source: usize,
    pub(crate) yanked: bool,
}

/// All versions of a project on one source, newest first.
#[derive(Debug, Default)]
struct Listing {
    versions: Vec<(super::node::Release, bool)>,
}

impl Listing {
    fn of(offers: Vec<Offer>) -> Self {
        let versions = offers.into_iter().map(|offer| {
            let release = super::node::Release::new(offer.version, INDEX);
            (release, offer.is_yanked)
        });
        Self {
            versions: versions.collect(),
        }
    }
}

/// What background tasks share with the solver.
struct Sources {
    index: Index,
    sources: Vec<Source>,
    listings: Mutex<FxHashMap<(usize, PackageName), Arc<Listing>>>,
}

impl Sources {
    async fn listing(&self, source: usize, name: &PackageName) -> Result<Arc<Listing>, IndexError> {
        let key = (source, name.clone());
        if let Some(listing) = lock(&self.listings).get(&key) {
            return Ok(Arc::clone(listing));
        }
        let offers = self.index.offers(&self.sources[source], name).await?;
        let listing = Arc::new(Listing::of(offers));
        Ok(Arc::clone(
            lock(&self.listings).entry(key).or_insert(listing),
        ))
    }

    /// Poetry: primaries' candidates are joined; supplementals are asked only while nothing has matched;
    /// explicit sources only by name.
    async fn find(
        &self,
        name: &PackageName,
        source: Option<&str>,
        wanted: &Releases,
        prereleases: Option<bool>,
    ) -> Result<Vec<Candidate>, IndexError> {
        let mut found = Vec::new();
        if let Some(source) = source {
            if let Some(place) = self.source(source) {
                let listing = self.listing(place, name).await?;
                found = select(&listing, place, wanted, prereleases);
            }
        } else {
            for (place, source) in self.sources.iter().enumerate() {
                match source.priority {
                    Priority::Explicit => continue,
                    Priority::Supplemental if !found.is_empty() => break,
                    Priority::Primary | Priority::Supplemental => {}
                }
                let listing = self.listing(place, name).await?;
                found.extend(select(&listing, place, wanted, prereleases));
            }
        }
        // Stable: of equal versions the one on the first source stays first.
        let indifferent = prereleases == Some(true);
        found.sort_by(|a, b| {
            let rank = |c: &Candidate| (!c.yanked, !indifferent && !c.version.is_prerelease());
            rank(b)
                .cmp(&rank(a))
                .then_with(|| b.version.cmp(&a.version))
        });
        Ok(found)
    }

    fn source(&self, name: &str) -> Option<usize> {
        self.sources
            .iter()
            .position(|source| source.name.eq_ignore_ascii_case(name))
    }
}

/// Poetry: yanked releases count only for an exact pin, pre-releases only if allowed or if nothing else is left.
fn select(
    listing: &Listing,
    source: usize,
    wanted: &Releases,
    prereleases: Option<bool>,
) -> Vec<Candidate> {
    use pubgrub::VersionSet;
    let exact = wanted.is_exact();
    let mut stable = Vec::new();
    let mut unstable = Vec::new();
    for (release, yanked) in &listing.versions {
        if (*yanked && !exact) || !wanted.contains(release) {
            continue;
        }
        let candidate = Candidate {
            version: release.version.clone(),
            source,
            yanked: *yanked,
        };
        if prereleases != Some(true) && candidate.version.is_prerelease() {
            unstable.push(candidate);
        } else {
            stable.push(candidate);
        }
    }
    if stable.is_empty() && prereleases.is_none() {
        unstable
    } else {
        stable
    }
}

/// Blocking access to indexes and direct origins, shared by all runs of one resolution.
pub(crate) struct World<'a> {
    shared: Arc<Sources>,
    runtime: &'a Handle,
    reporter: &'a dyn super::Reporter,
    wanted: Mutex<FxHashSet<(PackageName, Option<String>, String)>>,
    packages: Mutex<FxHashMap<(usize, PackageName, Version), Arc<Package>>>,
    direct: Mutex<Vec<(String, Arc<Package>)>>,
    /// Poetry: the pythons of a requirement and of its marker are derived in two ways, which differ on some markers.
    requirement_pythons: Mutex<FxHashMap<Marker, Constraint>>,
    marker_pythons: Mutex<FxHashMap<Marker, Constraint>>,
    /// The files of locked releases: while they stay the same, what the cache knows of the release counts.
    locked_files: FxHashMap<(PackageName, Version), Vec<HashedFile>>,
    /// Names that the root brings as direct origins, see [`World::library_requirements`].
    root_direct: FxHashSet<PackageName>,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        project: &Project,
        locked: &super::Locked,
        index: &Index,
        runtime: &'a Handle,
        reporter: &'a dyn super::Reporter,
    ) -> Self {
        let root_direct = project
            .requirements()
            .filter(|requirement| requirement.origin.is_direct())
            .map(|requirement| requirement.name.clone())
            .collect();
        Self {
            shared: Arc::new(Sources {
                index: index.clone(),
                sources: project.all_sources(),
                listings: Mutex::default(),
            }),
            runtime,
            reporter,
            wanted: Mutex::default(),
            packages: Mutex::default(),
            direct: Mutex::default(),
            requirement_pythons: Mutex::default(),
            marker_pythons: Mutex::default(),
            locked_files: locked
                .packages()
                .map(|package| {
                    (
                        (package.name.clone(), package.version.clone()),
                        package.files.clone(),
                    )
                })
                .collect(),
            root_direct,
        }
    }

    /// Asks for a requirement's page and its best candidate's metadata, without waiting.
    pub(crate) fn want(&self, requirement: &Requirement) {
        let Origin::Index { source } = &requirement.origin else {
            return;
        };
        let key = (
            requirement.name.clone(),
            source.clone(),
            requirement.constraint.to_string(),
        );
        if !lock(&self.wanted).insert(key) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let (name, source) = (requirement.name.clone(), source.clone());
        let wanted = Releases::of(&requirement.constraint);
        let prereleases = requirement.allows_prereleases;
        drop(self.runtime.spawn(async move {
            // Failures show when the solver asks for the same thing.
            let found = shared
                .find(&name, source.as_deref(), &wanted, prereleases)
                .await;
            if let Some(best) = found.ok().and_then(|found| found.into_iter().next()) {
                drop(
                    shared
                        .index
                        .release(&shared.sources[best.source], &name, &best.version)
                        .await,
                );
            }
        }));
    }

    /// Asks for the metadata of a version that is likely to be chosen, without waiting.
    pub(crate) fn want_release(&self, name: &PackageName, version: &Version, source: usize) {
        let shared = Arc::clone(&self.shared);
        let (name, version) = (name.clone(), version.clone());
        let files = self
            .locked_files
            .get(&(name.clone(), version.clone()))
            .cloned();
        drop(self.runtime.spawn(async move {
            let place = &shared.sources[source];
            let files = files.unwrap_or_default();
            drop(
                shared
                    .index
                    .locked_release(place, &name, &version, &files)
                    .await,
            );
        }));
    }

    /// The candidates for a requirement's name and source within a set of releases, best first.
    pub(crate) fn candidates(
        &self,
        name: &PackageName,
        source: Option<&str>,
        wanted: &Releases,
        prereleases: Option<bool>,
    ) -> Result<Vec<Candidate>, SolveError> {
        Ok(self
            .runtime
            .block_on(self.shared.find(name, source, wanted, prereleases))?)
    }

    /// Reads a release from one source.
    pub(crate) fn package(
        &self,
        source: usize,
        name: &PackageName,
        version: &Version,
    ) -> Result<Option<Arc<Package>>, SolveError> {
        let key = (source, name.clone(), version.clone());
        if let Some(package) = lock(&self.packages).get(&key) {
            return Ok(Some(Arc::clone(package)));
        }
        let place = &self.shared.sources[source];
        let index = &self.shared.index;
        let locked = self.locked_files.get(&(name.clone(), version.clone()));
        let release = match locked {
            Some(files) => self
                .runtime
                .block_on(index.locked_release(place, name, version, files))?,
            None => self.runtime.block_on(index.release(place, name, version))?,
        };
        let Some(release) = release else {
            return Ok(None);
        };
        let read = read_requires(&release.metadata);
        for warning in &read.warnings {
            self.reporter.warning(warning);
        }
        let python_versions = release.metadata.requires_python.clone();
        let python_versions = python_versions
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "*".to_owned());
        let package = Arc::new(Package {
            name: name.clone(),
            pretty_name: name.to_string(),
            version: version.clone(),
            origin: INDEX,
            description: release.metadata.summary.clone(),
            python: parse_python(&python_versions, name, version)?,
            python_versions,
            requirements: read.requirements,
            extras: read.extras,
            files: release.files.clone(),
            develop: false,
            source: place.url.as_ref().map(|url| LockedSource {
                kind: SourceKind::Legacy,
                url: url.clone(),
                reference: Some(place.name.clone()),
                resolved_reference: None,
                subdirectory: None,
            }),
            yanked: release.yanked.clone(),
        });
        Ok(Some(Arc::clone(
            lock(&self.packages).entry(key).or_insert(package),
        )))
    }

    /// Reads a release from the named source, or from the first source that has it.
    pub(crate) fn package_from(
        &self,
        source: Option<&str>,
        name: &PackageName,
        version: &Version,
    ) -> Result<Option<Arc<Package>>, SolveError> {
        if let Some(source) = source {
            return match self.shared.source(source) {
                Some(place) => self.package(place, name, version),
                None => Ok(None),
            };
        }
        for place in 0..self.shared.sources.len() {
            if self.shared.sources[place].priority == Priority::Explicit {
                continue;
            }
            if let Some(package) = self.package(place, name, version)? {
                return Ok(Some(package));
            }
        }
        Ok(None)
    }

    /// The place of a locked package's source, if the project still has it.
    pub(crate) fn place_of(&self, source: Option<&LockedSource>) -> Option<usize> {
        let name = source
            .and_then(|source| source.reference.as_deref())
            .unwrap_or("PyPI");
        self.shared.source(name)
    }

    /// The package behind a direct requirement (path, file, URL), and its origin's id.
    pub(crate) fn direct(&self, requirement: &Requirement) -> Result<Arc<Package>, SolveError> {
        let key = origin_key(&requirement.origin);
        {
            let direct = lock(&self.direct);
            if let Some((_, package)) = direct.iter().find(|(known, _)| *known == key) {
                return Ok(Arc::clone(package));
            }
        }
        let mut package = self.read_direct(requirement)?;
        if package.name != requirement.name {
            return Err(SolveError::WrongName {
                wanted: requirement.name.clone(),
                found: package.name,
            });
        }
        let mut direct = lock(&self.direct);
        package.origin = OriginId::try_from(direct.len() + 1).unwrap_or(OriginId::MAX);
        let package = Arc::new(package);
        direct.push((key, Arc::clone(&package)));
        Ok(package)
    }

    /// The id of a direct requirement's origin, if its package was read already.
    pub(crate) fn origin(&self, requirement: &Requirement) -> Option<OriginId> {
        if !requirement.origin.is_direct() {
            return Some(INDEX);
        }
        let key = origin_key(&requirement.origin);
        lock(&self.direct)
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, package)| package.origin)
    }

    fn read_direct(&self, requirement: &Requirement) -> Result<Package, SolveError> {
        match &requirement.origin {
            Origin::Directory {
                path,
                base,
                develop,
            } => {
                let folder = resolve(&base.join(path));
                if !folder.is_dir() {
                    return Err(SolveError::MissingPath {
                        name: requirement.pretty_name.clone(),
                        path: folder,
                    });
                }
                let mut package = self.read_directory(&folder)?;
                package.develop = *develop;
                Ok(package)
            }
            Origin::File {
                path,
                base,
                subdirectory,
            } => {
                let file = resolve(&base.join(path));
                if !file.is_file() {
                    return Err(SolveError::MissingPath {
                        name: requirement.pretty_name.clone(),
                        path: file,
                    });
                }
                self.read_archive(
                    &file,
                    SourceKind::File,
                    file.to_string_lossy().into_owned(),
                    subdirectory,
                )
            }
            Origin::Url { url, subdirectory } => {
                let name = url.rsplit('/').next().unwrap_or_default();
                let file =
                    self.runtime
                        .block_on(self.shared.index.download(url, name, &[], &|_| ()))?;
                self.read_archive(&file, SourceKind::Url, url.clone(), subdirectory)
            }
            Origin::Git { url, .. } => Err(SolveError::Git { url: url.clone() }),
            Origin::Index { .. } => unreachable!("an index requirement is not direct"),
        }
    }

    fn read_archive(
        &self,
        file: &Path,
        kind: SourceKind,
        url: String,
        subdirectory: &Option<String>,
    ) -> Result<Package, SolveError> {
        let metadata = self
            .runtime
            .block_on(self.shared.index.archive_metadata(file))?;
        let bytes = fs_err::read(file)?;
        let hashed = HashedFile {
            file: file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            hash: crate::dist::Hash::of_bytes(&bytes),
        };
        let mut package = self.described(&metadata, kind, url)?;
        package.files = vec![hashed];
        if let Some(source) = &mut package.source {
            source.subdirectory.clone_from(subdirectory);
        }
        Ok(package)
    }

    /// Poetry: a directory with a readable project is read as such, whatever its build backend; any other tells
    /// its metadata itself or through its backend.
    fn read_directory(&self, folder: &Path) -> Result<Package, SolveError> {
        let url = folder.to_string_lossy().into_owned();
        let Some(project) = read_library(folder)? else {
            let metadata = self
                .runtime
                .block_on(self.shared.index.directory_metadata(folder))?;
            return self.described(&metadata, SourceKind::Directory, url);
        };
        let text = project.version.clone().unwrap_or_default();
        let version: Version = text.parse().map_err(|_| SolveError::BadVersion {
            folder: folder.to_owned(),
            version: text.clone(),
        })?;
        let requirements: Vec<Shared> = self
            .library_requirements(&project)
            .into_iter()
            .map(Shared::new)
            .collect();
        let extras = project
            .extra_requirements
            .iter()
            .map(|(extra, all)| {
                (
                    extra.clone(),
                    all.iter().cloned().map(Shared::new).collect(),
                )
            })
            .collect();
        let name = project
            .package_name()
            .unwrap_or_else(|| PackageName::new(""));
        Ok(Package {
            pretty_name: name.to_string(),
            name,
            version,
            origin: INDEX,
            description: project.description.clone(),
            // Poetry: a library without any python range supports every python.
            python_versions: project.python_versions.clone(),
            python: project.python_constraint.clone(),
            requirements,
            extras,
            files: Vec::new(),
            develop: false,
            source: Some(LockedSource {
                kind: SourceKind::Directory,
                url,
                reference: None,
                resolved_reference: None,
                subdirectory: None,
            }),
            yanked: None,
        })
    }

    /// The requirements that a library brings.
    ///
    /// Poetry takes a `[project]` library's requirements without what `[tool.poetry.dependencies]` adds to them, so
    /// that a path given there is lost and the lock fails unless the root brings that path itself. We use the
    /// path in the case where Poetry fails, and write what Poetry writes in the other.
    fn library_requirements(&self, project: &Project) -> Vec<Requirement> {
        let enriched: Vec<Requirement> = project.main_requirements().cloned().collect();
        let plain = &project.published_requirements;
        let lost = enriched.iter().any(|requirement| {
            requirement.origin.is_direct()
                && !self.root_direct.contains(&requirement.name)
                && plain
                    .iter()
                    .any(|p| p.name == requirement.name && !p.origin.is_direct())
        });
        if lost { enriched } else { plain.clone() }
    }

    fn described(
        &self,
        metadata: &crate::metadata::Metadata,
        kind: SourceKind,
        url: String,
    ) -> Result<Package, SolveError> {
        let name = PackageName::new(&metadata.name);
        let version: Version = metadata
            .version
            .parse()
            .map_err(|_| SolveError::BadVersion {
                folder: PathBuf::from(&url),
                version: metadata.version.clone(),
            })?;
        let read = read_requires(metadata);
        for warning in &read.warnings {
            self.reporter.warning(warning);
        }
        let python_versions = metadata
            .requires_python
            .clone()
            .unwrap_or_else(|| "*".to_owned());
        Ok(Package {
            pretty_name: metadata.name.clone(),
            python: parse_python(&python_versions, &name, &version)?,
            name,
            version,
            origin: INDEX,
            description: metadata.summary.clone(),
            python_versions,
            requirements: read.requirements,
            extras: read.extras,
            files: Vec::new(),
            develop: false,
            source: Some(LockedSource {
                kind,
                url,
                reference: None,
                resolved_reference: None,
                subdirectory: None,
            }),
            yanked: None,
        })
    }

    /// The direct package with this origin, if it was read.
    pub(crate) fn direct_by_origin(&self, origin: OriginId) -> Option<Arc<Package>> {
        lock(&self.direct)
            .iter()
            .map(|(_, package)| package)
            .find(|p| p.origin == origin)
            .cloned()
    }

    /// The pythons that a requirement is for, by the python parts of its marker.
    pub(crate) fn python_of(&self, requirement: &Requirement) -> Constraint {
        remembered(&self.requirement_pythons, &requirement.marker, || {
            requirement.python_constraint()
        })
    }

    /// The pythons that a marker can hold on.
    pub(crate) fn python_of_marker(&self, marker: &Marker) -> Constraint {
        remembered(&self.marker_pythons, marker, || marker.python_constraint())
    }

    pub(crate) fn reporter(&self) -> &dyn super::Reporter {
        self.reporter
    }
}

fn parse_python(
    text: &str,
    name: &PackageName,
    version: &Version,
) -> Result<Constraint, SolveError> {
    Constraint::parse_marker_version(text).map_err(|_| SolveError::BadPython {
        text: text.to_owned(),
        name: name.clone(),
        version: version.clone(),
    })
}

/// What makes two direct requirements the same origin.
pub(crate) fn origin_key(origin: &Origin) -> String {
    match origin {
        Origin::Index { .. } => String::new(),
        Origin::Directory { path, base, .. } => {
            format!("directory {}", resolve(&base.join(path)).display())
        }
        Origin::File {
            path,
            base,
            subdirectory,
        } => {
            format!(
                "file {} {subdirectory:?}",
                resolve(&base.join(path)).display()
            )
        }
        Origin::Url { url, subdirectory } => format!("url {url} {subdirectory:?}"),
        Origin::Git {
            url,
            branch,
            tag,
            rev,
            subdirectory,
            ..
        } => {
            format!("git {url} {branch:?} {tag:?} {rev:?} {subdirectory:?}")
        }
    }
}

/// What `find` finds for a marker, found once.
fn remembered(
    known: &Mutex<FxHashMap<Marker, Constraint>>,
    marker: &Marker,
    find: impl FnOnce() -> Constraint,
) -> Constraint {
    if let Some(known) = lock(known).get(marker) {
        return known.clone();
    }
    let found = find();
    lock(known).entry(marker.clone()).or_insert(found).clone()
}

/// A poisoned lock only means that another thread panicked; the maps stay usable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
