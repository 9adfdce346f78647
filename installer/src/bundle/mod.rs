//! Bundles: the wheels of a service, of its in-repo libraries, and of everything its lock pins, in a form that an image
//! takes as it is.
//!
//! ```text
//! <service>/dist/
//!   deps/*.whl              libraries of the repository and third-party wheels
//!   <service>-<version>-*.whl
//!   requirements.txt        every wheel, with its hash
//!   bundle.json             what is in it, and where it is from
//!   sbom.cdx.json           the same as a CycloneDX list
//! ```
//!
//! The lock says what the service needs; the manifests say what the repository's own projects are. Third-party wheels
//! are taken as they are. Wheels of the repository are built when their sources changed, and their requirements of one
//! another are pinned (`pin`), so that an installer needs no index and can't be led astray by one.
//!
//! What is in a bundle ([`contents`]) does not depend on its form ([`Layout`]). Nothing is written if the folder holds
//! just what it should. Otherwise all is staged beside it and exchanged in one step: at any moment the folder is the old
//! bundle or the new one.

mod contents;
mod dockerfile;
mod error;
mod evidence;
mod files;
mod image;
mod local;
mod log;
mod oci;
mod output;
mod overlap;
mod own;
mod pin;
mod provenance;
mod target;
#[cfg(test)]
mod tests;
mod third_party;
mod tree;
mod unpacked;
mod venv;
mod wanted;
mod zipapp;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use resolver::cache::{Bucket, Cache};
use resolver::dist::Source;
use resolver::index::Index;
use resolver::lock::{LockedPackage, Lockfile};
use resolver::name::PackageName;
use resolver::project::Project;
use resolver::requirement::Requirement;

use self::contents::Contents;
pub use self::contents::{BundledWheel, Layer, Origin};
pub use self::error::{BundleError, MissingFile};
use self::files::Files;
use self::image::Dockerfile;
use self::local::Local;
pub use self::oci::Image;
use self::output::Output;
pub use self::pin::Pin;
pub use self::target::{Target, TargetError};
use self::third_party::LockedWheel;
use self::wanted::Wanted;
pub use self::wanted::read_lock;
pub use self::zipapp::Entry;
use crate::build::BuildFrontend;
use crate::environment::Environment;
use crate::plan::Selection;
use crate::wheel::Store;

/// What shall be bundled.
pub struct BundleRequest<'a> {
    /// The service.
    pub project: &'a Project,
    /// Its lock, as [`read_lock`] gives it.
    pub lockfile: &'a Lockfile,
    /// Which part of the lock; usually the group `main` alone.
    pub selection: Selection,
    /// What for.
    pub target: Target,
    /// The folder to make, e.g. `dist` in the service's.
    pub folder: PathBuf,
    /// How.
    pub options: Options,
}

/// How a bundle is made.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its form.
    pub layout: Layout,
    /// Which requirements are pinned.
    pub pin: Pin,
    /// What is added to the versions of the repository's projects.
    pub local_version: LocalVersion,
    /// Leave third-party wheels and requirements.txt out, so that an installer finds them itself.
    pub libraries_only: bool,
    /// Write a Dockerfile that uses it.
    pub dockerfile: bool,
    /// Bundle although a library requires what the lock does not provide.
    pub allow_stale_libraries: bool,
    /// Bundle although distributions bring different files of one name.
    pub allow_overlaps: bool,
    /// Refuse what the lock has no hash for: repositories and addresses.
    pub require_hashes: bool,
    /// Write a statement of provenance; the address names who makes it.
    pub provenance: Option<String>,
    /// A folder with wheels of libraries that can't be built here, because they are for another platform.
    pub wheels_from: Option<PathBuf>,
    /// How a zipapp starts, if it is not plain.
    pub entry: Option<Entry>,
}

/// The form of a bundle.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Layout {
    /// All wheels that the service needs in `deps`, and its own beside.
    #[default]
    Wheels,
    /// A folder of wheels for each layer of an image.
    Layers,
    /// A folder of modules for each layer, which needs no installation.
    Tree,
    /// One file that Python runs.
    Zipapp,
    /// A container image; see [`Bundler::image`].
    Image,
}

impl Layout {
    /// Its word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wheels => "wheels",
            Self::Layers => "layers",
            Self::Tree => "tree",
            Self::Zipapp => "zipapp",
            Self::Image => "oci",
        }
    }
}

/// What is added to the versions of the repository's projects (PEP 440, local version labels), so that no stranger's
/// package can be taken for one of them, and every state of the sources has a version of its own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum LocalVersion {
    /// Nothing.
    #[default]
    None,
    /// `g` and the beginning of the digest of what the wheel was made from.
    OfSources,
    /// This label.
    Label(String),
}

/// What bundles are made with.
pub struct Bundler<'a> {
    /// Where files come from.
    pub index: &'a Index,
    /// The sources of the service, PyPI included where it counts.
    pub sources: &'a [Source],
    /// Builds sources.
    pub build: &'a BuildFrontend,
    /// The runtime that downloads run on.
    pub runtime: tokio::runtime::Handle,
}

/// Called as a bundle is made; `()` is silent.
pub trait Reporter: Send + Sync {
    /// A back end is started for a package.
    fn building(&self, _package: &PackageName) {}
    /// A wheel that was built is written to the cache.
    fn packing(&self, _package: &PackageName) {}
    /// A file is fetched.
    fn downloading(&self, _package: &PackageName) {}
    /// Another process is at it, and has been for a moment.
    fn waiting(&self, _for_what: Waiting<'_>) {}
}
impl Reporter for () {}

/// What another process is at, so that this one waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiting<'a> {
    /// It makes the bundle in this folder.
    Bundle(&'a Path),
    /// It builds the wheel of this package.
    Build(&'a PackageName),
}

/// A bundle on disk.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Its folder.
    pub folder: PathBuf,
    /// Was anything written? Otherwise it was there already.
    pub written: bool,
    /// Its wheels, by name.
    pub wheels: Vec<BundledWheel>,
    /// What the user should know, one line each.
    pub warnings: Vec<String>,
}

/// A project whose builds differ from one another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unstable {
    /// The project.
    pub name: PackageName,
    /// The members of its wheel that differ.
    pub members: Vec<String>,
}

impl Bundler<'_> {
    /// Makes the bundle of a service. Blocks.
    ///
    /// # Errors
    /// When something can't be built or fetched, or nothing fits the target. What was there before stays then.
    pub fn bundle(
        &self,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Bundle, BundleError> {
        let wanted = Wanted::of(request)?;
        let output = Output::open(request.folder.clone(), self.index.cache(), reporter)?;
        let began = Instant::now();
        let mut parts = self.made_here(&wanted, request, reporter)?;
        tell_time("the wheels of this repository", began);
        let expected = wanted.third_party.iter().zip(&wanted.expected);
        let expected: Option<Vec<BundledWheel>> = expected
            .map(|(package, wheel)| {
                let LockedWheel { file, sha256 } = wheel.as_ref()?;
                Some(from_elsewhere(package, file.clone(), sha256.clone()))
            })
            .collect();
        let own = parts.contents.wheels.clone();
        if let Some(expected) = expected {
            parts.contents.wheels = sorted([own.clone(), expected].concat())?;
            if output.holds(&parts.key(request)) {
                return Ok(parts.into_bundle(request, false));
            }
        }
        parts.contents.wheels = own;
        let began = Instant::now();
        self.add_third_party(&mut parts, &wanted, request, reporter)?;
        tell_time("all other wheels", began);
        let key = parts.key(request);
        let files = Files {
            bundler: self,
            request,
            parts: &parts,
        };
        let mut warnings = Vec::new();
        let files = files.all(&mut warnings)?;
        parts.warnings.append(&mut warnings);
        let began = Instant::now();
        let written = output.write(&key, &files)?;
        tell_time("writing", began);
        Ok(parts.into_bundle(request, written))
    }

    /// Makes one image of the bundles of a service, for one target or for several. Blocks.
    ///
    /// # Errors
    /// As [`Bundler::bundle`], and when the base image can't be had.
    pub fn image(
        &self,
        requests: &[BundleRequest<'_>],
        image: &Image,
        reporter: &dyn Reporter,
    ) -> Result<Bundle, BundleError> {
        let Some(first) = requests.first() else {
            return Err(crate::oci::OciError::Request {
                reason: "no target is given".to_owned(),
            }
            .into());
        };
        let output = Output::open(first.folder.clone(), self.index.cache(), reporter)?;
        let mut all = Vec::with_capacity(requests.len());
        let mut keys = Vec::with_capacity(requests.len());
        for request in requests {
            let wanted = Wanted::of(request)?;
            let mut parts = self.made_here(&wanted, request, reporter)?;
            self.add_third_party(&mut parts, &wanted, request, reporter)?;
            // Without a digest, what a base's name stands for can't be known without asking.
            let base = image.key(&request.target, &parts);
            keys.push(base.map(|base| [parts.key(request), base].concat()));
            all.push(parts);
        }
        let key = keys.into_iter().collect::<Option<Vec<String>>>();
        let key =
            key.map(|keys| Cache::digest(&keys.iter().map(String::as_str).collect::<Vec<_>>()));
        let is_there = key.as_ref().is_some_and(|key| output.holds(key));
        let mut written = false;
        let mut warnings = Vec::new();
        if !is_there {
            let bundles: Vec<Files<'_>> = requests
                .iter()
                .zip(&all)
                .map(|(request, parts)| Files {
                    bundler: self,
                    request,
                    parts,
                })
                .collect();
            let staged = self.index.cache().temp_dir(Bucket::Builds)?;
            let mut files = image.write(&bundles, staged.path(), &mut warnings)?;
            let of_image = files.len();
            for bundle in &bundles {
                let folder = match bundles.len() {
                    1 => String::new(),
                    _ => format!("{}/", bundle.request.target.label),
                };
                files.extend(bundle.evidence(&folder));
                let statement = bundle.provenance(&folder, &files[..of_image]);
                files.extend(statement);
            }
            written = output.write(&key.unwrap_or_default(), &files)?;
        }
        // The wheels of the first target stand for those of the others.
        let mut bundle = Bundle {
            folder: first.folder.clone(),
            written,
            wheels: Vec::new(),
            warnings: Vec::new(),
        };
        for (parts, request) in all.into_iter().zip(requests) {
            let one = parts.into_bundle(request, written);
            if bundle.wheels.is_empty() {
                bundle.wheels = one.wheels;
            }
            bundle.warnings.extend(one.warnings);
        }
        bundle.warnings.append(&mut warnings);
        Ok(bundle)
    }

    /// Installs what the bundle of a service holds into a virtual environment of the target: its libraries and itself
    /// as wheels, not as editables. What is installed there besides stays. Blocks.
    ///
    /// # Errors
    /// As [`Bundler::bundle`], and when files can't be written.
    pub fn install(
        &self,
        request: &BundleRequest<'_>,
        environment: &Environment,
        compile: bool,
        reporter: &dyn Reporter,
    ) -> Result<Bundle, BundleError> {
        let wanted = Wanted::of(request)?;
        let mut parts = self.made_here(&wanted, request, reporter)?;
        self.add_third_party(&mut parts, &wanted, request, reporter)?;
        let files = Files {
            bundler: self,
            request,
            parts: &parts,
        };
        let mut warnings = Vec::new();
        files.check_overlaps(&mut warnings)?;
        let written = venv::install(&files, environment, compile, reporter)?;
        parts.warnings.append(&mut warnings);
        Ok(parts.into_bundle(request, written))
    }

    fn store(&self) -> Store {
        Store::new(self.index.cache())
    }

    /// All that is made here, without what is from elsewhere. If something that this needs is out of reach, what else is
    /// so is told as well.
    fn made_here(
        &self,
        wanted: &Wanted<'_>,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Parts, BundleError> {
        let made = self.own_parts(wanted, request, reporter);
        made.map_err(|error| {
            if !error.is_out_of_reach() {
                return error;
            }
            let packages = &wanted.third_party;
            let fetched = self.third_party(packages, &request.target, &wanted.root, reporter);
            BundleError::first_and(error, fetched.err())
        })
    }

    /// Brings the wheels of packages from elsewhere.
    fn add_third_party(
        &self,
        parts: &mut Parts,
        wanted: &Wanted<'_>,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<(), BundleError> {
        let fetched =
            self.third_party(&wanted.third_party, &request.target, &wanted.root, reporter)?;
        for wheel in fetched {
            parts.paths.insert(wheel.file.clone(), wheel.path);
            let bundled = from_elsewhere(wheel.package, wheel.file, wheel.sha256);
            parts.contents.wheels.push(bundled);
        }
        parts.contents.wheels = sorted(std::mem::take(&mut parts.contents.wheels))?;
        Ok(())
    }

    /// Builds each of the repository's projects that the service needs twice, and tells whose builds differ. Blocks.
    ///
    /// # Errors
    /// When something can't be built.
    pub fn verify(
        &self,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Vec<Unstable>, BundleError> {
        let wanted = Wanted::of(request)?;
        let local = Local {
            cache: self.index.cache(),
            build: self.build,
            reporter,
        };
        let mut unstable = Vec::new();
        for member in &wanted.members {
            let members = local.differences(&member.name, &member.folder)?;
            if !members.is_empty() {
                unstable.push(Unstable {
                    name: member.name.clone(),
                    members,
                });
            }
        }
        Ok(unstable)
    }
}

/// Tells how long a part of the work took, for the log.
fn tell_time(what: &str, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    tracing::info!("{what} took {seconds:.3} seconds");
}

fn from_elsewhere(package: &LockedPackage, file: String, sha256: String) -> BundledWheel {
    // A mirror that stands for PyPI is nobody's business.
    const PYPI: &str = "https://pypi.org/simple/";
    BundledWheel {
        name: package.name.clone(),
        version: package.version.to_string(),
        layer: Layer::ThirdParty,
        file,
        sha256,
        origin: Origin::of(package, PYPI),
        groups: package.groups.clone(),
        requires: names_of(&package.requirements),
    }
}

/// The names that are required, each once, in order.
fn names_of(requirements: &[Requirement]) -> Vec<PackageName> {
    let names: BTreeSet<PackageName> = requirements
        .iter()
        .map(|requirement| requirement.name.clone())
        .collect();
    names.into_iter().collect()
}

/// What a service is called where its name is part of a path: by its name, else by its folder's.
#[must_use]
pub fn name_of(project: &Project) -> String {
    let folder = || project.root.file_name()?.to_str().map(str::to_owned);
    project
        .package_name()
        .map(|name| name.to_string())
        .or_else(folder)
        .unwrap_or_else(|| "service".to_owned())
}

/// What a bundle is made of, and what is known of it.
struct Parts {
    contents: Contents,
    /// Where the wheels are, by file name.
    paths: BTreeMap<String, PathBuf>,
    dockerfile: Dockerfile,
    repository: PathBuf,
    /// The service's folder.
    root: PathBuf,
    warnings: Vec<String>,
}

impl Parts {
    /// A digest of all that decides the bytes of the bundle.
    fn key(&self, request: &BundleRequest<'_>) -> String {
        let options = &request.options;
        let dockerfile = options.dockerfile.then_some(&self.dockerfile);
        Cache::digest(&[
            &evidence::manifest(&self.contents, request, &self.repository),
            &format!(
                "{} {dockerfile:?} {:?} {:?}",
                options.libraries_only, options.entry, options.provenance
            ),
        ])
    }

    fn into_bundle(self, request: &BundleRequest<'_>, written: bool) -> Bundle {
        let wheels = self.contents.wheels;
        let mut warnings = self.warnings;
        warnings.extend(self.dockerfile.warnings(&request.target, &wheels));
        Bundle {
            folder: request.folder.clone(),
            written,
            wheels,
            warnings,
        }
    }
}

/// By name; no two may be one file.
fn sorted(mut wheels: Vec<BundledWheel>) -> Result<Vec<BundledWheel>, BundleError> {
    wheels.sort_by(|one, other| (&one.name, &one.file).cmp(&(&other.name, &other.file)));
    let mut seen: BTreeMap<&str, &BundledWheel> = BTreeMap::new();
    for wheel in &wheels {
        if let Some(first) = seen.insert(&wheel.file, wheel) {
            let place = |wheel: &BundledWheel| format!("`{}` from {}", wheel.name, wheel.origin);
            return Err(BundleError::DuplicateWheel {
                file: wheel.file.clone(),
                first: place(first),
                second: place(wheel),
            });
        }
    }
    Ok(wheels)
}
