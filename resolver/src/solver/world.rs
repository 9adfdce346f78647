//! The solver's view of the outside: blocking answers, gathered ahead of time.
//!
//! The solver is ordinary synchronous code on its own thread. What it needs is fetched and read on the runtime, ahead
//! of it: whenever a requirement becomes known, so does the release that will probably meet it, and from its
//! metadata the next requirements, down to the leaves ([`Sources::follow`]). When the solver needs an answer it waits
//! for that one. What it decides never depends on what was guessed, nor on which answers arrived first.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pubgrub::VersionSet;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::runtime::Handle;

use crate::cache::Bucket;
use crate::constraint::Constraint;
use crate::dist::{HashedFile, Priority, Source};
use crate::git::{History, shown_address};
use crate::git_url::without_credentials;
use crate::index::{Index, IndexError, OnceMap, Release};
use crate::lock::{LockedSource, SourceKind};
use crate::marker::Marker;
use crate::name::{ExtraName, PackageName};
use crate::path::resolve;
use crate::project::{Project, ProjectError, is_python_project, read_library};
use crate::requirement::{Origin, Requirement};
use crate::sync::lock;
use crate::version::Version;

use super::candidates::{Candidate, Candidates, Listed, Listing};
use super::checkouts::{Checkouts, Wanted};
use super::foreseen;
use super::locked::Kept;
use super::node::{INDEX, OriginId, Releases};
use super::package::{Package, Requires, read_requires};
use super::shared::Shared;
use super::{LookedAt, SolveError};

/// What background tasks share with the solver.
pub(super) struct Sources {
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
    /// Asked for ahead of the solver. It must not cost more than some requests: no wheel is fetched and nothing is built.
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
    pub(super) fn new(project: &Project, index: &Index) -> Self {
        Self {
            index: index.clone(),
            sources: project.all_sources(),
            python: project.python_constraint.clone(),
            locked_files: FxHashMap::default(),
            listings: Mutex::default(),
            packages: OnceMap::default(),
            guesses: Mutex::default(),
            supported: Mutex::default(),
        }
    }

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
            shared.foresee(&name, source.as_deref(), &extras);
            // Failures show when the solver asks for the same thing.
            let found = shared
                .find(&name, source.as_deref(), &wanted, prereleases)
                .await;
            let Ok(found) = found else { return };
            // The solver looks into those that don't fit too, one by one, before it comes to the first that does.
            let first = shared.first_fit(&found);
            for unfit in found
                .iter()
                .take(first)
                .filter(|unfit| unfit.listed.is_told)
            {
                shared.fetch(&Handle::current(), &name, unfit.version(), unfit.source);
            }
            let Some(best) = found.get(first) else { return };
            if need == Need::Guessed && !shared.is_cheap(&name, best).await {
                return;
            }
            let read = shared.package(best.source, &name, best.version()).await;
            if let Ok(Some(read)) = read
                && let Some(package) = &read.package
            {
                shared.follow_all(package, &extras);
            }
        }));
    }

    /// Asks for what a package of PyPI is known to require, unless it lies in the cache: then what it requires in truth
    /// will soon be known.
    fn foresee(self: &Arc<Self>, name: &PackageName, source: Option<&str>, extras: &[ExtraName]) {
        let of_pypi = |place: &&Source| {
            place.url.is_none()
                && source.is_none_or(|source| place.name.eq_ignore_ascii_case(source))
        };
        let Some(pypi) = self.sources.iter().find(of_pypi) else {
            return;
        };
        if !self.index.is_news(pypi, name) {
            return;
        }
        for (name, extras) in foreseen::requirements(name, extras) {
            let mut requirement = Requirement::new(name.as_str(), Constraint::any());
            requirement.extras = extras;
            self.follow(&Handle::current(), &requirement, Need::Guessed);
        }
    }

    /// Can the metadata of a release be had without a whole wheel, or a build?
    async fn is_cheap(&self, name: &PackageName, candidate: Candidate<'_>) -> bool {
        let (source, version) = (&self.sources[candidate.source], candidate.version());
        candidate.listed.is_told || self.index.is_read_by_parts(source, name, version).await
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
    fn first_fit(&self, found: &Candidates) -> usize {
        let fits = |candidate: Candidate<'_>| {
            let python = candidate.listed.requires_python.as_ref();
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
            let marker = &requirement.marker;
            if requirement.is_asked_for(&asked)
                && (marker.is_any() || self.python.allows_any(&marker.python_constraint()))
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
    pub(super) async fn find(
        &self,
        name: &PackageName,
        source: Option<&str>,
        wanted: &Releases,
        prereleases: Option<bool>,
    ) -> Result<Candidates, IndexError> {
        let mut found = Candidates::default();
        if let Some(source) = source {
            if let Some(place) = self.source(source) {
                let listing = self.listing(place, name).await?;
                found.add(place, listing, wanted, prereleases);
            }
        } else {
            for (place, source) in self.sources.iter().enumerate() {
                match source.priority {
                    Priority::Explicit => continue,
                    Priority::Supplemental if !found.is_empty() => break,
                    Priority::Primary | Priority::Supplemental => {}
                }
                let listing = self.listing(place, name).await?;
                found.add(place, listing, wanted, prereleases);
            }
        }
        found.sort(prereleases);
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

    pub(super) fn source(&self, name: &str) -> Option<usize> {
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
            mut warnings,
        } = read_requires(metadata);
        if let Some(other) = other_identity(metadata, name, version) {
            let warning = format!("The metadata of {name} ({version}) are those of {other}");
            warnings.insert(0, warning);
        }
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
            source: place.address().map(|url| LockedSource {
                kind: SourceKind::Legacy,
                url: url.to_owned(),
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

/// Blocking access to indexes and direct origins, shared by all runs of one resolution.
pub(crate) struct World<'a> {
    shared: Arc<Sources>,
    runtime: &'a Handle,
    reporter: &'a dyn super::Reporter,
    packages: Mutex<FxHashMap<(usize, PackageName, Version), Arc<Package>>>,
    direct: Mutex<Vec<(String, Arc<Package>)>>,
    checkouts: Checkouts,
    /// Packages from git that are locked and may stay as they are.
    locked_commits: Vec<Arc<Package>>,
    kept: Kept,
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
        request: &super::Request,
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
                locked_files: locked
                    .packages()
                    .map(|package| {
                        let release = (package.name.clone(), package.version.clone());
                        (release, package.files.clone())
                    })
                    .collect(),
                ..Sources::new(project, index)
            }),
            runtime,
            reporter,
            packages: Mutex::default(),
            direct: Mutex::default(),
            kept: locked.kept(),
            checkouts: Checkouts::new(index),
            locked_commits: locked
                .packages()
                .filter(|package| !request.use_latest.contains(&package.name))
                .filter(|package| commit_of(package).is_some())
                .cloned()
                .collect(),
            requirement_pythons: Mutex::default(),
            marker_pythons: Mutex::default(),
            root_direct,
        }
    }

    /// Takes what is locked for all that sources have.
    pub(crate) fn know(&self, locked: &super::Locked) {
        let mut packages = lock(&self.packages);
        let mut listings: FxHashMap<(usize, PackageName), Vec<Listed>> = FxHashMap::default();
        for package in locked.packages().filter(|package| !package.is_direct()) {
            let Some(place) = self.place_of(package.source.as_ref()) else {
                continue;
            };
            let listing = listings.entry((place, package.name.clone())).or_default();
            listing.push(Listed {
                release: package.release(),
                yanked: false,
                is_told: true,
                requires_python: None,
            });
            let key = (place, package.name.clone(), package.version.clone());
            packages.insert(key, Arc::clone(package));
        }
        let listings = listings.into_iter();
        let listings = listings.map(|(key, versions)| (key, Arc::new(Listing::new(versions))));
        lock(&self.shared.listings).extend(listings);
    }

    /// Asks for what a requirement will probably lead to, without waiting.
    pub(crate) fn want(&self, requirement: &Requirement) {
        self.shared.follow(self.runtime, requirement, Need::Sure);
    }

    /// As [`World::want`]; for a library in the repository, also what it requires in turn. The solver reads libraries one
    /// by one, and waits for other packages in between.
    pub(crate) fn foresee(&self, requirement: &Requirement) {
        self.want(requirement);
        let Origin::Directory { path, base, .. } = &requirement.origin else {
            return;
        };
        // One that has to be built before it tells anything can wait.
        let tells = || matches!(read_library(&resolve(&base.join(path))), Ok(Some(_)));
        if self.origin(requirement).is_some() || !tells() {
            return;
        }
        // Failures show when the solver asks for the same thing.
        let Ok(library) = self.direct(requirement) else {
            return;
        };
        for required in library.requirements.iter().map(Shared::original) {
            if required.is_asked_for(&requirement.extras) {
                self.foresee(required);
            }
        }
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

    /// Does a candidate's metadata cost no more than some requests, as far as is known by now?
    pub(crate) fn is_cheap(&self, name: &PackageName, candidate: Candidate<'_>) -> bool {
        self.runtime.block_on(self.shared.is_cheap(name, candidate))
    }

    /// Was a candidate's metadata asked for already, or does the cache have it?
    pub(crate) fn expects(&self, name: &PackageName, candidate: Candidate<'_>) -> bool {
        let (source, version) = (candidate.source, candidate.version());
        let shared = &self.shared;
        let key = (source, name.clone(), version.clone());
        let place = &shared.sources[source];
        let known = shared.index.knows(place, name, version);
        shared.packages.is_asked_for(&key) || self.runtime.block_on(known)
    }

    /// Fetches repositories, without waiting.
    pub(crate) fn want_checkouts(&self, wanted: Vec<Wanted>) {
        self.checkouts.prepare(wanted);
    }

    /// The candidates for a requirement's name and source within a set of releases, best first.
    pub(crate) fn candidates(
        &self,
        name: &PackageName,
        source: Option<&str>,
        wanted: &Releases,
        prereleases: Option<bool>,
    ) -> Result<Candidates, SolveError> {
        self.reporter.looked_at(LookedAt::Outside);
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

    /// The package behind a direct requirement (path, file, URL, git), with its origin's id.
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
        // Another run may have been faster; one place is one origin.
        if let Some((_, package)) = direct.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(package));
        }
        // One commit is one origin, however it was named, and whether it was read now or when it was locked.
        let is_same =
            |known: &&Arc<Package>| known.name == package.name && is_same_commit(known, &package);
        let read = direct.iter().map(|(_, package)| package).find(is_same);
        let locked = self.locked_commits.iter().find(is_same);
        let same_words = |locked: &&Arc<Package>| locked.source == package.source;
        if let Some(same) = read.or(locked.filter(same_words)).cloned() {
            direct.push((key, Arc::clone(&same)));
            return Ok(same);
        }
        let new_id = OriginId::try_from(direct.len() + 1).unwrap_or(OriginId::MAX);
        package.origin = locked.map_or(new_id, |locked| locked.origin);
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

    /// Reads the package behind a direct requirement, whatever its name.
    pub(crate) fn read_direct(&self, requirement: &Requirement) -> Result<Package, SolveError> {
        match &requirement.origin {
            Origin::Directory {
                path,
                base,
                develop,
            } => {
                let manifest = base.join(path).join("pyproject.toml");
                self.reporter.looked_at(LookedAt::File(&manifest));
                let folder = resolve(&base.join(path));
                self.refuse_checkout(requirement, &folder, path)?;
                let name = requirement.pretty_name.clone();
                if !folder.is_dir() {
                    let path = folder;
                    return Err(SolveError::MissingPath { name, path });
                }
                if !is_python_project(&folder) {
                    return Err(SolveError::NoProject { name, folder });
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
                self.reporter.looked_at(LookedAt::File(&base.join(path)));
                let file = resolve(&base.join(path));
                self.refuse_checkout(requirement, &file, path)?;
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
                self.reporter.looked_at(LookedAt::Outside);
                let name = url.rsplit('/').next().unwrap_or_default();
                let file =
                    self.runtime
                        .block_on(self.shared.index.download(url, name, &[], &|_| ()))?;
                self.read_archive(&file, SourceKind::Url, url.clone(), subdirectory)
            }
            Origin::Git {
                url,
                subdirectory,
                develop,
                ..
            } => {
                self.reporter.looked_at(LookedAt::Outside);
                let wanted = Wanted::of(&requirement.origin).expect("this is a git requirement");
                let inside = subdirectory.as_deref().unwrap_or_default();
                let (mut package, commit) =
                    self.read_git(&wanted, inside)
                        .map_err(|source| SolveError::Git {
                            name: requirement.pretty_name.clone(),
                            url: shown_address(url),
                            reference: wanted.reference.clone(),
                            source,
                        })?;
                package.develop = *develop;
                package.source = Some(LockedSource {
                    kind: SourceKind::Git,
                    url: without_credentials(url).into_owned(),
                    reference: Some(
                        requirement
                            .origin
                            .git_reference()
                            .unwrap_or("HEAD")
                            .to_owned(),
                    ),
                    resolved_reference: Some(commit),
                    subdirectory: subdirectory.clone(),
                });
                Ok(package)
            }
            Origin::Index { .. } => unreachable!("an index requirement is not direct"),
        }
    }

    /// A checkout is gone when the resolution ends, so that nothing in it can be locked by its path.
    fn refuse_checkout(
        &self,
        requirement: &Requirement,
        path: &Path,
        declared: &str,
    ) -> Result<(), SolveError> {
        let checkouts = resolve(&self.shared.index.cache().bucket(Bucket::Git));
        if path.starts_with(checkouts) {
            return Err(SolveError::LocalInGit {
                name: requirement.pretty_name.clone(),
                path: declared.to_owned(),
            });
        }
        Ok(())
    }

    /// The package in a folder of a repository, and the commit. As in [`World::read_directory`], a readable project
    /// tells all; any other may need the repository's history to know its version.
    fn read_git(
        &self,
        wanted: &Wanted,
        subdirectory: &str,
    ) -> Result<(Package, String), Box<dyn Error + Send + Sync>> {
        let checkout = self.checkouts.get(wanted, History::None)?;
        let commit = checkout.commit.clone();
        let root = checkout.folder();
        let folder = resolve(&root.join(subdirectory));
        if !folder.is_dir() || !folder.starts_with(&root) {
            return Err(format!("it has no folder `{subdirectory}`").into());
        }
        if let Some(project) = read_library(&folder).map_err(|error| below(&root, error))? {
            let in_git = |requirement| in_repository(requirement, &root, &wanted.url, &commit);
            return Ok((self.read_project(&project, &folder, in_git)?, commit));
        }
        if !is_python_project(&folder) {
            let place = match subdirectory {
                "" => "it".to_owned(),
                inside => format!("its folder `{inside}`"),
            };
            return Err(format!("{place} has no Python project").into());
        }
        let whole = self.checkouts.get(wanted, History::All)?;
        let folder = whole.folder().join(subdirectory);
        let metadata = self
            .runtime
            .block_on(self.shared.index.directory_metadata(&folder))
            .map_err(|error| match error {
                IndexError::Build { reason, .. } => reason.into(),
                other => Box::<dyn Error + Send + Sync>::from(other),
            })?;
        let package = self.described(&metadata, SourceKind::Git, wanted.url.clone())?;
        Ok((package, commit))
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
            self.reporter.looked_at(LookedAt::Outside);
            let metadata = self
                .runtime
                .block_on(self.shared.index.directory_metadata(folder))?;
            return self.described(&metadata, SourceKind::Directory, url);
        };
        self.read_project(&project, folder, |requirement| requirement)
    }

    /// The package that a project in a folder is. `place` tells where its requirements lead from there.
    fn read_project(
        &self,
        project: &Project,
        folder: &Path,
        place: impl Fn(Requirement) -> Requirement,
    ) -> Result<Package, SolveError> {
        let text = project.version.clone().unwrap_or_default();
        let version: Version = text.parse().map_err(|_| SolveError::BadVersion {
            folder: folder.to_owned(),
            version: text.clone(),
        })?;
        let requirements: Vec<Shared> = self
            .library_requirements(project)
            .into_iter()
            .map(|requirement| Shared::new(place(requirement)))
            .collect();
        let extras = project
            .extra_requirements
            .iter()
            .map(|(extra, all)| {
                (
                    extra.clone(),
                    (all.iter().cloned())
                        .map(|requirement| Shared::new(place(requirement)))
                        .collect(),
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
                url: folder.to_string_lossy().into_owned(),
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

    /// The direct package with this origin, if it was read. If it is locked under another reference that is still in
    /// use, that one counts.
    pub(crate) fn direct_by_origin(&self, origin: OriginId) -> Option<Arc<Package>> {
        let locked = self.locked_commits.iter().find(|p| p.origin == origin);
        if let Some(locked) = locked.filter(|_| lock(&self.kept).contains(&origin)) {
            return Some(Arc::clone(locked));
        }
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

/// What metadata say that they are of, if that is not the release they were found with.
///
/// Poetry: such a release is used all the same.
fn other_identity(
    metadata: &crate::metadata::Metadata,
    name: &PackageName,
    version: &Version,
) -> Option<String> {
    let is_name = metadata.name.is_empty() || PackageName::new(&metadata.name) == *name;
    let told: Option<Version> = metadata.version.parse().ok();
    let is_version = metadata.version.is_empty() || told.as_ref() == Some(version);
    (!is_name || !is_version).then(|| format!("{} ({})", metadata.name, metadata.version))
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
            url, subdirectory, ..
        } => {
            let url = without_credentials(url);
            let reference = origin.git_reference().unwrap_or("HEAD");
            format!("git {url} {reference} {subdirectory:?}")
        }
    }
}

/// The repository, folder and commit of a package from git.
fn commit_of(package: &Package) -> Option<(&str, Option<&str>, &str)> {
    let source = package.source.as_ref()?;
    let commit = source.resolved_reference.as_deref()?;
    (source.kind == SourceKind::Git).then_some((
        &source.url,
        source.subdirectory.as_deref(),
        commit,
    ))
}

fn is_same_commit(one: &Package, other: &Package) -> bool {
    commit_of(one).is_some_and(|commit| commit_of(other) == Some(commit))
}

/// What a path in a repository means to others: a folder of that repository, at the same commit.
///
/// Poetry locks its own checkout's path, which no other machine has.
fn in_repository(
    mut requirement: Requirement,
    root: &Path,
    url: &str,
    commit: &str,
) -> Requirement {
    let Origin::Directory {
        path,
        base,
        develop,
    } = &requirement.origin
    else {
        return requirement;
    };
    let folder = resolve(&base.join(path));
    if let Ok(inside) = folder.strip_prefix(root) {
        requirement.origin =
            Origin::folder_of_repository(url, commit, &inside.to_string_lossy(), *develop);
    }
    requirement
}

/// An error about a project in a checkout, without the path that the checkout has for now.
fn below(root: &Path, mut error: ProjectError) -> ProjectError {
    if let ProjectError::Toml { path, .. } | ProjectError::Invalid { path, .. } = &mut error
        && let Ok(inside) = path.strip_prefix(root)
    {
        *path = inside.to_owned();
    }
    error
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
