//! Bundles: the wheels of a service, of its in-repo libraries, and of everything its lock pins.
//!
//! ```text
//! <service>/dist/
//!   deps/*.whl              libraries of the repository and third-party wheels
//!   <service>-<version>-*.whl
//!   requirements.txt        every wheel, with its hash
//! ```
//!
//! The lock says what the service needs; the manifests say what the repository's own projects are. Third-party wheels
//! are taken as they are. Wheels of the repository are built when their sources changed, and their requirements of one
//! another are pinned (`pin`), so that an installer needs no index and can't be led astray by one.
//!
//! Nothing is written if the folder holds just what it should. Otherwise all is staged beside it and exchanged in one
//! step: at any moment the folder is the old bundle or the new one.

mod error;
mod local;
mod output;
mod pin;
mod target;
#[cfg(test)]
mod tests;
mod third_party;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use resolver::dist::{Source, WheelName};
use resolver::index::Index;
use resolver::lock::{LockedPackage, Lockfile, SourceKind};
use resolver::name::{GroupName, PackageName};
use resolver::project::Project;
use resolver::project::graph::Graph;
use resolver::project::workspace::Workspace;
use resolver::requirement::Requirement;

pub use self::error::{BundleError, MissingFile};
use self::local::{Local, Pinned, Unpinned};
use self::output::{Content, Output, OutputFile};
use self::pin::{Pins, requires_dist};
pub use self::target::Target;
use crate::build::BuildFrontend;
use crate::plan::{Selection, resolve};

/// What shall be bundled.
pub struct BundleRequest<'a> {
    /// The service.
    pub project: &'a Project,
    /// Which part of its lock; usually the group `main` alone.
    pub selection: Selection,
    /// What for.
    pub target: Target,
    /// Leave third-party wheels and requirements.txt out.
    pub libraries_only: bool,
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
}
impl Reporter for () {}

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

/// A wheel of a bundle.
#[derive(Clone, Debug)]
pub struct BundledWheel {
    /// Normalised name.
    pub name: PackageName,
    /// Its version, as in the file's name.
    pub version: String,
    /// Where it is, relative to the bundle's folder, with `/`.
    pub file: String,
    /// Its sha256, in hex.
    pub sha256: String,
    /// The folder of its project, if the repository provides it.
    pub project: Option<PathBuf>,
}

/// A project of the repository that goes into the bundle.
struct Member {
    name: PackageName,
    folder: PathBuf,
    /// The version in the lock; the service has none there.
    locked: Option<String>,
}

impl Bundler<'_> {
    /// Makes the bundle of a service in its folder `dist`. Blocks.
    ///
    /// # Errors
    /// When the lock is missing or stale, something can't be built or fetched, or nothing fits the target. What was
    /// there before stays then.
    pub fn bundle(
        &self,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Bundle, BundleError> {
        let project = request.project;
        let root = resolver::path::resolve(&project.root);
        let lockfile = read_lock(project)?;
        check_python(project, &request.target)?;
        let graph = Graph::of(project)?;
        let wanted: Vec<&LockedPackage> = lockfile
            .packages
            .iter()
            .filter(|package| {
                let Selection { groups, extras } = &request.selection;
                package.is_wanted(groups, &request.target.markers, extras)
            })
            .collect();
        let (in_repo, third_party): (Vec<&LockedPackage>, Vec<&LockedPackage>) =
            wanted.iter().partition(|package| is_directory(package));
        let members = members(project, &root, &in_repo, &graph)?;
        let third_party = if request.libraries_only {
            Vec::new()
        } else {
            third_party
        };
        third_party::check(&third_party, &request.target)?;

        let folder = root.join("dist");
        let output = Output::open(folder.clone(), self.index.cache())?;
        let local = self.local_wheels(&members, &lockfile, &graph, &folder, request, reporter)?;
        if request.selection.groups.contains(&GroupName::main()) {
            check_requirements(&local, &wanted, &request.target)?;
        }
        let warnings = version_warnings(&members, &local);

        let mut wheels: Vec<BundledWheel> = local
            .iter()
            .map(|wheel| wheel.bundled(wheel.member.folder == root))
            .collect();
        let expected: Option<Vec<BundledWheel>> = third_party
            .iter()
            .map(|package| {
                let (file, sha256) = third_party::expected(package, &request.target)?;
                Some(from_elsewhere(package, &file, sha256))
            })
            .collect();
        if let Some(expected) = expected {
            let all = sorted([wheels.clone(), expected].concat())?;
            if output.holds(&digests(&all, request)) {
                return Ok(Bundle {
                    folder,
                    written: false,
                    wheels: all,
                    warnings,
                });
            }
        }

        let fetched = self.third_party(&third_party, &request.target, &root, reporter)?;
        let mut paths: BTreeMap<String, PathBuf> = local
            .iter()
            .zip(&wheels)
            .map(|(wheel, bundled)| (bundled.file.clone(), wheel.pinned.path.clone()))
            .collect();
        for wheel in fetched {
            let bundled = from_elsewhere(wheel.package, &wheel.file, wheel.sha256);
            paths.insert(bundled.file.clone(), wheel.path);
            wheels.push(bundled);
        }
        let wheels = sorted(wheels)?;
        let written = !output.holds(&digests(&wheels, request));
        if written {
            output.write(&output_files(&wheels, &paths, request))?;
        }
        Ok(Bundle {
            folder,
            written,
            wheels,
            warnings,
        })
    }

    /// Builds the wheels of the repository's projects, all at once, and pins them to one another.
    fn local_wheels<'m>(
        &self,
        members: &'m [Member],
        lockfile: &Lockfile,
        graph: &Graph,
        output: &Path,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Vec<LocalWheel<'m>>, BundleError> {
        let local = Local {
            cache: self.index.cache(),
            build: self.build,
            reporter,
        };
        // Threads of their own: a build may wait for another one's environment, which workers of a pool must not.
        let built: Vec<Result<Unpinned, BundleError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = members
                .iter()
                .map(|member| scope.spawn(|| local.wheel(&member.name, &member.folder)))
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    let joined = thread.join();
                    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        let mut pins = declared_pins(lockfile, graph);
        let mut unpinned = Vec::with_capacity(built.len());
        for (member, wheel) in members.iter().zip(built) {
            let wheel = wheel?;
            if let Some(file) = wheel.sources.iter().find(|file| file.starts_with(output)) {
                return Err(BundleError::OutputInSource { file: file.clone() });
            }
            check_platform(&wheel, &request.target)?;
            pins.insert(wheel.name.clone(), wheel.version.to_string());
            unpinned.push((member, wheel));
        }
        unpinned
            .into_iter()
            .map(|(member, wheel)| {
                let (file, version) = (wheel.file.clone(), wheel.version.to_string());
                Ok(LocalWheel {
                    member,
                    file,
                    version,
                    pinned: local.pin(wheel, &pins)?,
                })
            })
            .collect()
    }
}

/// A wheel of the repository, in the cache.
struct LocalWheel<'m> {
    member: &'m Member,
    file: String,
    version: String,
    pinned: Pinned,
}

impl LocalWheel<'_> {
    fn bundled(&self, is_service: bool) -> BundledWheel {
        BundledWheel {
            name: self.member.name.clone(),
            version: self.version.clone(),
            file: if is_service {
                self.file.clone()
            } else {
                format!("deps/{}", self.file)
            },
            sha256: self.pinned.sha256.clone(),
            project: Some(self.member.folder.clone()),
        }
    }
}

fn from_elsewhere(package: &LockedPackage, file: &str, sha256: String) -> BundledWheel {
    BundledWheel {
        name: package.name.clone(),
        version: package.version.to_string(),
        file: format!("deps/{file}"),
        sha256,
        project: None,
    }
}

fn read_lock(project: &Project) -> Result<Lockfile, BundleError> {
    let service = || project.root.clone();
    let lockfile = Lockfile::read(&project.root)?
        .ok_or_else(|| BundleError::NotLocked { service: service() })?;
    if !lockfile.is_fresh(project) {
        return Err(BundleError::StaleLock { service: service() });
    }
    if !lockfile.metadata.has_groups_and_markers() {
        return Err(BundleError::OldLock {
            service: service(),
            format: lockfile.metadata.lock_version.clone(),
        });
    }
    Ok(lockfile)
}

fn check_python(project: &Project, target: &Target) -> Result<(), BundleError> {
    if project.python_constraint.allows(&target.python) {
        return Ok(());
    }
    Err(BundleError::Python {
        python: target.python.to_string(),
        supported: project.python_versions.clone(),
    })
}

fn is_directory(package: &LockedPackage) -> bool {
    package
        .source
        .as_ref()
        .is_some_and(|source| source.kind == SourceKind::Directory)
}

/// The libraries that the lock wants, and the service itself, if it is a package.
fn members(
    project: &Project,
    root: &Path,
    in_repo: &[&LockedPackage],
    graph: &Graph,
) -> Result<Vec<Member>, BundleError> {
    let repository = Workspace::find_root(root);
    let mut members = Vec::with_capacity(in_repo.len() + 1);
    for package in in_repo {
        let Some(source) = &package.source else {
            continue;
        };
        let folder = resolve(root, &source.url);
        let folder = match &source.subdirectory {
            Some(inside) => folder.join(inside),
            None => folder,
        };
        if repository
            .as_ref()
            .is_some_and(|repository| !folder.starts_with(repository))
        {
            let node = graph.nodes.iter().find(|node| node.folder == folder);
            return Err(BundleError::OutsideRepository {
                chain: node.map_or_else(|| vec![package.name.clone()], |node| node.chain.clone()),
                folder,
            });
        }
        members.push(Member {
            name: package.name.clone(),
            folder,
            locked: Some(package.version.to_string()),
        });
    }
    if let Some(name) = project.package_name().filter(|_| project.package_mode) {
        members.push(Member {
            name,
            folder: root.to_owned(),
            locked: None,
        });
    }
    Ok(members)
}

/// Versions of what is in the repository but maybe not in the bundle: optional libraries, and wheels that lie in it.
fn declared_pins(lockfile: &Lockfile, graph: &Graph) -> Pins {
    let locked = lockfile.packages.iter().filter(|package| {
        let source = package.source.as_ref();
        source.is_some_and(|source| matches!(source.kind, SourceKind::Directory | SourceKind::File))
    });
    let mut pins: Pins = locked
        .map(|package| (package.name.clone(), package.version.to_string()))
        .collect();
    for node in &graph.nodes {
        let version = node
            .project
            .as_ref()
            .and_then(|project| project.version.as_deref());
        if let Some(version) =
            version.and_then(|version| version.parse::<resolver::version::Version>().ok())
        {
            pins.insert(node.name.clone(), version.to_string());
        }
    }
    pins
}

fn check_platform(wheel: &Unpinned, target: &Target) -> Result<(), BundleError> {
    let fits =
        WheelName::from_str(&wheel.file).is_ok_and(|name| target.tags.best(&name.tags).is_some());
    if fits {
        return Ok(());
    }
    Err(BundleError::WrongPlatform {
        library: wheel.name.clone(),
        file: wheel.file.clone(),
        target: target.description.clone(),
    })
}

/// Poetry: a lock counts as fresh although a path dependency's own manifest changed. Here each requirement of the
/// repository's wheels must be met by what is locked.
fn check_requirements(
    local: &[LocalWheel<'_>],
    wanted: &[&LockedPackage],
    target: &Target,
) -> Result<(), BundleError> {
    for wheel in local {
        for text in requires_dist(&wheel.pinned.metadata) {
            let Ok(requirement) = Requirement::parse(&text, None) else {
                continue;
            };
            if !requirement.marker.holds(Some(&target.markers), Some(&[])) {
                continue;
            }
            // Versions of the repository's own projects are what they are; `version_warnings` speaks of them.
            let is_met = local
                .iter()
                .any(|other| other.member.name == requirement.name)
                || wanted.iter().any(|package| {
                    package.name == requirement.name
                        && (requirement.origin.is_direct()
                            || requirement.constraint.allows(&package.version))
                });
            if !is_met {
                return Err(BundleError::StaleLibrary {
                    library: wheel.member.name.clone(),
                    requirement: text,
                });
            }
        }
    }
    Ok(())
}

fn version_warnings(members: &[Member], local: &[LocalWheel<'_>]) -> Vec<String> {
    members
        .iter()
        .zip(local)
        .filter_map(|(member, wheel)| {
            let locked = member
                .locked
                .as_ref()
                .filter(|locked| **locked != wheel.version)?;
            Some(format!(
                "`{}` is locked at {locked}, but its manifest says {}, which is bundled",
                member.name, wheel.version
            ))
        })
        .collect()
}

/// By name; no two may be one file.
fn sorted(mut wheels: Vec<BundledWheel>) -> Result<Vec<BundledWheel>, BundleError> {
    wheels.sort_by(|one, other| (&one.name, &one.file).cmp(&(&other.name, &other.file)));
    let mut seen: BTreeMap<&str, &PackageName> = BTreeMap::new();
    for wheel in &wheels {
        let file = wheel.file.rsplit('/').next().unwrap_or(&wheel.file);
        if let Some(first) = seen.insert(file, &wheel.name) {
            return Err(BundleError::DuplicateWheel {
                file: file.to_owned(),
                first: first.clone(),
                second: wheel.name.clone(),
            });
        }
    }
    Ok(wheels)
}

/// The text of requirements.txt: every wheel with its version and hash.
fn requirements_text(wheels: &[BundledWheel]) -> String {
    wheels
        .iter()
        .map(|wheel| {
            format!(
                "{}=={} --hash=sha256:{}\n",
                wheel.name, wheel.version, wheel.sha256
            )
        })
        .collect()
}

fn output_files(
    wheels: &[BundledWheel],
    paths: &BTreeMap<String, PathBuf>,
    request: &BundleRequest<'_>,
) -> Vec<OutputFile> {
    let mut files: Vec<OutputFile> = wheels
        .iter()
        .filter_map(|wheel| {
            Some(OutputFile {
                name: wheel.file.clone(),
                sha256: wheel.sha256.clone(),
                content: Content::Cached(paths.get(&wheel.file)?.clone()),
            })
        })
        .collect();
    if !request.libraries_only {
        files.push(OutputFile::text(
            "requirements.txt",
            requirements_text(wheels),
        ));
    }
    files
}

/// What the folder should hold: names and digests.
fn digests(wheels: &[BundledWheel], request: &BundleRequest<'_>) -> BTreeMap<String, String> {
    let paths = wheels
        .iter()
        .map(|wheel| (wheel.file.clone(), PathBuf::new()))
        .collect();
    output_files(wheels, &paths, request)
        .into_iter()
        .map(|file| (file.name, file.sha256))
        .collect()
}
