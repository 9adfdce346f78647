//! The solver's view of the outside: blocking answers, gathered ahead of time.
//!
//! The solver is ordinary synchronous code on its own thread. What it needs is fetched and read on the runtime, ahead
//! of it: whenever a requirement becomes known, so does the release that will probably meet it, and from its
//! metadata the next requirements, down to the leaves ([`Sources::follow`]). When the solver needs an answer it waits
//! for that one. What it decides never depends on what was guessed, nor on which answers arrived first.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pubgrub::VersionSet;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::runtime::Handle;

use crate::constraint::Constraint;
use crate::dist::{HashedFile, Priority, Source};
use crate::index::{Index, IndexError, Offer, OnceMap, Release};
use crate::lock::{LockedSource, SourceKind};
use crate::marker::Marker;
use crate::name::{ExtraName, PackageName};
use crate::path::resolve;
use crate::project::{Project, read_library};
use crate::requirement::{Origin, Requirement};
use crate::version::Version;

use super::SolveError;
use super::node::{INDEX, OriginId, Releases};
use super::package::{Package, Requires, read_requires};
use super::shared::Shared;

/// A version that an index offers.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) version: Version,
    /// Index into [`World::sources`].
    pub(crate) source: usize,
    pub(crate) yanked: bool,
    /// Can its metadata be had with one request, without a look into a wheel, or a build?
    pub(crate) is_told: bool,
    /// What its page says.
    requires_python: Option<Arc<str>>,
}

/// All versions of a project on one source, newest first.
#[derive(Debug, Default)]
struct Listing {
    versions: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    release: super::node::Release,
    yanked: bool,
    is_told: bool,
    requires_python: Option<Arc<str>>,
}

impl Listing {
    fn of(offers: Vec<Offer>) -> Self {
        let versions = offers.into_iter().map(|offer| Listed {
            release: super::node::Release::new(offer.version, INDEX),
            yanked: offer.is_yanked,
            is_told: offer.is_told,
            requires_python: offer.requires_python,
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
    /// The pythons that the project supports.
    python: Constraint,
    /// The files of locked releases: while they stay the same, what the cache knows of the release counts.
    locked_files: FxHashMap<(PackageName, Version), Vec<HashedFile>>,
    listings: Mutex<FxHashMap<(usize, PackageName), Arc<Listing>>>,
    packages: OnceMap<(usize, PackageName, Version), Reading>,
    guesses: Mutex<FxHashMap<PackageName, Guess>>,
    /// By Requires-Python, see [`Sources::supports`].
    supported: Mutex<FxHashMap<Arc<str>, bool>>,
}

type Reading = Result<Option<Arc<Read>>, IndexError>;

/// A release as it was read.
struct Read {
    /// `None` if its Requires-Python can't be read.
    package: Option<Arc<Package>>,
    python_versions: String,
    /// What Poetry warns of when it reads the release.
    warnings: Vec<String>,
}

/// How likely something is needed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Need {
    /// The solver asks for it.
    Sure,
    /// Asked for ahead of the solver. It must not cost more than a request: no wheel is fetched and nothing is built.
    Guessed,
}

/// What is guessed about a name before the solver comes to it.
#[derive(Default)]
struct Guess {
    /// Locked releases whose metadata is asked for already.
    locked: Vec<Version>,
    /// What all requirements of the solver so far leave, as long as they leave something.
    wanted: Option<Releases>,
    requirements: FxHashSet<(Need, Option<String>, String, Vec<ExtraName>)>,
    followed: FxHashSet<(Version, Vec<ExtraName>)>,
}

impl Guess {
    /// The releases to expect now that there is one more requirement; `None` if it is no news.
    fn add(
        &mut self,
        requirement: &Requirement,
        source: Option<&str>,
        need: Need,
    ) -> Option<Releases> {
        let constraint = &requirement.constraint;
        if self.locked.iter().any(|version| constraint.allows(version)) {
            return None;
        }
        let key = (
            need,
            source.map(str::to_owned),
            constraint.to_string(),
            requirement.extras.clone(),
        );
        if !self.requirements.insert(key) {
            return None;
        }
        let wanted = Releases::of(constraint);
        // What is guessed must not depend on the order in which answers arrive: a second run would guess something
        // else, and ask for what the first one has not left in the cache.
        if need == Need::Guessed {
            return Some(wanted);
        }
        let both = self
            .wanted
            .take()
            .map(|before| before.intersection(&wanted))
            .filter(|both| *both != Releases::empty());
        let wanted = both.unwrap_or(wanted);
        self.wanted = Some(wanted.clone());
        Some(wanted)
    }
}

impl Sources {
    /// Asks for what a requirement probably leads to: its page, the metadata of its best candidate, and what that one
    /// requires in turn. Does not wait.
    fn follow(self: &Arc<Self>, runtime: &Handle, requirement: &Requirement, need: Need) {
        let Origin::Index { source } = &requirement.origin else {
            return;
        };
        let name = requirement.name.clone();
        let wanted = {
            let mut guesses = lock(&self.guesses);
            let guess = guesses.entry(name.clone()).or_default();
            guess.add(requirement, source.as_deref(), need)
        };
        let Some(wanted) = wanted else { return };
        let shared = Arc::clone(self);
        let (source, extras) = (source.clone(), requirement.extras.clone());
        let prereleases = requirement.allows_prereleases;
        drop(runtime.spawn(async move {
            // Failures show when the solver asks for the same thing.
            let found = shared
                .find(&name, source.as_deref(), &wanted, prereleases)
                .await;
            let Ok(found) = found else { return };
            // The solver looks into those that don't fit too, one by one, before it comes to the first that does.
            let first = shared.first_fit(&found);
            for unfit in found[..first].iter().filter(|unfit| unfit.is_told) {
                shared.fetch(&Handle::current(), &name, &unfit.version, unfit.source);
            }
            let is_cheap = |best: &&Candidate| need == Need::Sure || best.is_told;
            let best = found.get(first).filter(is_cheap);
            let Some(best) = best else { return };
            let read = shared.package(best.source, &name, &best.version).await;
            if let Ok(Some(read)) = read
                && let Some(package) = &read.package
            {
                shared.follow_all(package, &extras);
            }
        }));
    }

    /// Asks for the metadata of a release, without waiting.
    fn fetch(
        self: &Arc<Self>,
        runtime: &Handle,
        name: &PackageName,
        version: &Version,
        source: usize,
    ) {
        let shared = Arc::clone(self);
        let (name, version) = (name.clone(), version.clone());
        drop(runtime.spawn(async move {
            drop(shared.package(source, &name, &version).await);
        }));
    }

    /// The place of the first candidate that is for all pythons of the project, or else of the best one.
    fn first_fit(&self, found: &[Candidate]) -> usize {
        let fits = |candidate: &Candidate| {
            let python = candidate.requires_python.as_ref();
            python.is_none_or(|python| self.supports(python))
        };
        found.iter().position(fits).unwrap_or(0)
    }

    /// Is a release with this Requires-Python for all pythons of the project?
    fn supports(&self, requires_python: &Arc<str>) -> bool {
        let known = lock(&self.supported).get(requires_python).copied();
        known.unwrap_or_else(|| {
            let python = Constraint::parse_marker_version(requires_python);
            let supported = python.is_ok_and(|python| python.allows_all(&self.python));
            lock(&self.supported).insert(Arc::clone(requires_python), supported);
            supported
        })
    }

    /// Follows the requirements of a release that may count.
    fn follow_all(self: &Arc<Self>, package: &Package, extras: &[ExtraName]) {
        let news = {
            let mut guesses = lock(&self.guesses);
            let guess = guesses.entry(package.name.clone()).or_default();
            guess
                .followed
                .insert((package.version.clone(), extras.to_vec()))
        };
        if !news {
            return;
        }
        let runtime = Handle::current();
        let asked = package.with_own_extras(extras);
        for requirement in &package.requirements {
            let requirement = requirement.original();
            let in_extras = &requirement.in_extras;
            let is_asked =
                in_extras.is_empty() || in_extras.iter().any(|extra| asked.contains(extra));
            let marker = &requirement.marker;
            if is_asked && (marker.is_any() || self.python.allows_any(&marker.python_constraint()))
            {
                self.follow(&runtime, requirement, Need::Guessed);
            }
        }
    }

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

    /// A release from one source, read.
    async fn package(&self, source: usize, name: &PackageName, version: &Version) -> Reading {
        let key = (source, name.clone(), version.clone());
        let make = || Box::pin(self.read(source, name, version));
        self.packages.get(key, make).await
    }

    async fn read(&self, source: usize, name: &PackageName, version: &Version) -> Reading {
        let place = &self.sources[source];
        let locked = self.locked_files.get(&(name.clone(), version.clone()));
        let release = match locked {
            Some(files) => {
                self.index
                    .locked_release(place, name, version, files)
                    .await?
            }
            None => self.index.release(place, name, version).await?,
        };
        Ok(release.map(|release| Arc::new(Read::of(&release, place, name, version))))
    }

    fn source(&self, name: &str) -> Option<usize> {
        self.sources
            .iter()
            .position(|source| source.name.eq_ignore_ascii_case(name))
    }
}

impl Read {
    fn of(release: &Release, place: &Source, name: &PackageName, version: &Version) -> Self {
        let metadata = &release.metadata;
        let Requires {
            requirements,
            extras,
            warnings,
        } = read_requires(metadata);
        let python_versions = metadata
            .requires_python
            .clone()
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "*".to_owned());
        let package = |python| Package {
            name: name.clone(),
            pretty_name: name.to_string(),
            version: version.clone(),
            origin: INDEX,
            description: metadata.summary.clone(),
            python,
            python_versions: python_versions.clone(),
            requirements,
            extras,
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
        };
        let python = Constraint::parse_marker_version(&python_versions).ok();
        Self {
            package: python.map(package).map(Arc::new),
            python_versions,
            warnings,
        }
    }
}

/// Poetry: yanked releases count only for an exact pin, pre-releases only if allowed or if nothing else is left.
fn select(
    listing: &Listing,
    source: usize,
    wanted: &Releases,
    prereleases: Option<bool>,
) -> Vec<Candidate> {
    let exact = wanted.is_exact();
    let mut stable = Vec::new();
    let mut unstable = Vec::new();
    for listed in &listing.versions {
        if (listed.yanked && !exact) || !wanted.contains(&listed.release) {
            continue;
        }
        let candidate = Candidate {
            version: listed.release.version.clone(),
            source,
            yanked: listed.yanked,
            is_told: listed.is_told,
            requires_python: listed.requires_python.clone(),
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
    packages: Mutex<FxHashMap<(usize, PackageName, Version), Arc<Package>>>,
    direct: Mutex<Vec<(String, Arc<Package>)>>,
    /// Poetry: the pythons of a requirement and of its marker are derived in two ways, which differ on some markers.
    requirement_pythons: Mutex<FxHashMap<Marker, Constraint>>,
    marker_pythons: Mutex<FxHashMap<Marker, Constraint>>,
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
                python: project.python_constraint.clone(),
                locked_files: locked
                    .packages()
                    .map(|package| {
                        let release = (package.name.clone(), package.version.clone());
                        (release, package.files.clone())
                    })
                    .collect(),
                listings: Mutex::default(),
                packages: OnceMap::default(),
                guesses: Mutex::default(),
                supported: Mutex::default(),
            }),
            runtime,
            reporter,
            packages: Mutex::default(),
            direct: Mutex::default(),
            requirement_pythons: Mutex::default(),
            marker_pythons: Mutex::default(),
            root_direct,
        }
    }

    /// Asks for what a requirement will probably lead to, without waiting.
    pub(crate) fn want(&self, requirement: &Requirement) {
        self.shared.follow(self.runtime, requirement, Need::Sure);
    }

    /// Asks for the metadata of a locked version, without waiting. While that one satisfies what is required of its
    /// name, nothing else is asked for.
    pub(crate) fn want_locked(&self, name: &PackageName, version: &Version, source: usize) {
        {
            let mut guesses = lock(&self.shared.guesses);
            let guess = guesses.entry(name.clone()).or_default();
            guess.locked.push(version.clone());
        }
        self.want_release(name, version, source);
    }

    /// Asks for the metadata of a version that is likely to be chosen, without waiting.
    pub(crate) fn want_release(&self, name: &PackageName, version: &Version, source: usize) {
        self.shared.fetch(self.runtime, name, version, source);
    }

    /// Was a candidate's metadata asked for already, or does the cache have it?
    pub(crate) fn expects(&self, name: &PackageName, candidate: &Candidate) -> bool {
        let Candidate {
            source, version, ..
        } = candidate;
        let shared = &self.shared;
        let key = (*source, name.clone(), version.clone());
        let place = &shared.sources[*source];
        let known = shared.index.knows(place, name, version);
        shared.packages.is_asked_for(&key) || self.runtime.block_on(known)
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
        let read = self
            .runtime
            .block_on(self.shared.package(source, name, version))?;
        let Some(read) = read else { return Ok(None) };
        for warning in &read.warnings {
            self.reporter.warning(warning);
        }
        let Some(package) = &read.package else {
            return Err(bad_python(&read.python_versions, name, version));
        };
        lock(&self.packages).insert(key, Arc::clone(package));
        Ok(Some(Arc::clone(package)))
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
    Constraint::parse_marker_version(text).map_err(|_| bad_python(text, name, version))
}

fn bad_python(text: &str, name: &PackageName, version: &Version) -> SolveError {
    SolveError::BadPython {
        text: text.to_owned(),
        name: name.clone(),
        version: version.clone(),
    }
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
