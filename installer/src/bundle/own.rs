//! The parts of a bundle that are made here: wheels of the repository's own projects, and what is known of the service.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use resolver::dist::WheelName;
use resolver::lock::{self, LockedPackage, Lockfile, SourceKind};
use resolver::name::{GroupName, PackageName};
use resolver::project::graph::Graph;
use resolver::requirement::Requirement;

use super::contents::{BundledWheel, Contents, Layer, Origin};
use super::image::Dockerfile;
use super::local::{self, Local, Pinned, Unpinned};
use super::pin::{Pins, requires_dist};
use super::wanted::{Member, Wanted};
use super::{
    BundleError, BundleRequest, Bundler, Layout, LocalVersion, Parts, Reporter, Target, names_of,
    tree,
};

impl Bundler<'_> {
    /// All that is made here, without what is from elsewhere.
    pub(super) fn own_parts(
        &self,
        wanted: &Wanted<'_>,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Parts, BundleError> {
        let (project, options) = (request.project, &request.options);
        let local = self.local_wheels(wanted, request, reporter)?;
        let is_main = request.selection.groups.contains(&GroupName::main());
        if is_main && !options.allow_stale_libraries {
            check_requirements(&local, &wanted.packages, &request.target)?;
        }
        let mut warnings = version_warnings(&local);
        let sources = if project.package_mode {
            Vec::new()
        } else {
            tree::program(&wanted.root)?
        };
        if !sources.is_empty() && matches!(options.layout, Layout::Wheels | Layout::Layers) {
            warnings.push(
                "the service is no package (package-mode = false), so its own modules are not in the bundle: \
                 copy them into the image, or use `--format tree`"
                    .to_owned(),
            );
        }
        Ok(Parts {
            contents: Contents {
                service: (project.name.clone(), project.version.clone()),
                wheels: local.iter().map(|wheel| wheel.bundled(wanted)).collect(),
                sources,
                lock: crate::fetch::sha256_of(&wanted.root.join(lock::FILE_NAME))?,
            },
            paths: local
                .iter()
                .map(|wheel| (wheel.file.clone(), wheel.pinned.path.clone()))
                .collect(),
            dockerfile: Dockerfile::read(&wanted.root),
            repository: (wanted.repository.as_ref()).unwrap_or(&wanted.root).clone(),
            root: wanted.root.clone(),
            warnings,
        })
    }

    /// Builds the wheels of the repository's projects, all at once, and pins them to one another.
    fn local_wheels<'m>(
        &self,
        wanted: &'m Wanted<'_>,
        request: &BundleRequest<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Vec<LocalWheel<'m>>, BundleError> {
        let members = &wanted.members;
        let (lockfile, options) = (request.lockfile, &request.options);
        let local = Local {
            cache: self.index.cache(),
            build: self.build,
            reporter,
        };
        let built = side_by_side(members, |member| match brought_wheel(member, request)? {
            Some(wheel) => Ok(wheel),
            None => local.wheel(&member.name, &member.folder, wanted.manifest(member)),
        });
        let mut wheels = Vec::with_capacity(built.len());
        let mut errors = Vec::new();
        for (member, wheel) in members.iter().zip(built) {
            let checked = wheel.and_then(|wheel| {
                check_output(&wheel, member, &request.folder)?;
                check_platform(&wheel, member, &request.target)?;
                Ok(wheel)
            });
            match checked {
                Ok(wheel) => wheels.push((member, wheel)),
                Err(error) => errors.push(error.with_log(local.cache)),
            }
        }
        BundleError::all(errors)?;
        let mut versions = declared_versions(lockfile, &wanted.graph);
        let mut unpinned = Vec::with_capacity(wheels.len());
        for (member, mut wheel) in wheels {
            let declared = wheel.version.to_string();
            let label = match &options.local_version {
                LocalVersion::None => None,
                LocalVersion::OfSources => Some(format!("g{}", &wheel.digest[..8])),
                LocalVersion::Label(label) => Some(label.clone()),
            };
            if let Some(label) = label {
                let version = format!("{}+{label}", wheel.version.public());
                let named = wheel.with_version(&version);
                wheel = named.map_err(|source| BundleError::build(&member.name, source))?;
            }
            versions.insert(wheel.name.clone(), wheel.version.to_string());
            unpinned.push((member, declared, wheel));
        }
        let elsewhere = lockfile.packages.iter().filter(|package| {
            package.groups.contains(&GroupName::main()) && !versions.contains_key(&package.name)
        });
        let pins = Pins::new(options.pin, versions.clone(), elsewhere);
        unpinned
            .into_iter()
            .map(|(member, declared, wheel)| {
                let (file, version) = (wheel.file.clone(), wheel.version.to_string());
                Ok(LocalWheel {
                    member,
                    file,
                    version,
                    declared,
                    sources: wheel.digest.clone(),
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
    /// The version without what was added to it here.
    declared: String,
    sources: String,
    pinned: Pinned,
}

impl LocalWheel<'_> {
    fn bundled(&self, wanted: &Wanted<'_>) -> BundledWheel {
        let name = &self.member.name;
        let locked = wanted.packages.iter().find(|package| package.name == *name);
        let is_service = self.member.folder == wanted.root;
        let requires = requires_dist(&self.pinned.metadata);
        let requires = requires
            .iter()
            .filter_map(|text| Requirement::parse(text, None).ok());
        BundledWheel {
            name: name.clone(),
            version: self.version.clone(),
            layer: if is_service {
                Layer::Service
            } else {
                Layer::Libraries
            },
            file: self.file.clone(),
            sha256: self.pinned.sha256.clone(),
            origin: Origin::Project {
                folder: self.member.folder.clone(),
                sources: self.sources.clone(),
            },
            groups: locked.map_or_else(Vec::new, |package| package.groups.clone()),
            requires: names_of(&requires.collect::<Vec<_>>()),
        }
    }
}

/// Versions of what is in the repository but maybe not in the bundle: optional libraries, and wheels that lie in it.
fn declared_versions(lockfile: &Lockfile, graph: &Graph) -> BTreeMap<PackageName, String> {
    let locked = lockfile.packages.iter().filter(|package| {
        let source = package.source.as_ref();
        source.is_some_and(|source| matches!(source.kind, SourceKind::Directory | SourceKind::File))
    });
    let mut versions: BTreeMap<PackageName, String> = locked
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
            versions.insert(node.name.clone(), version.to_string());
        }
    }
    versions
}

/// The wheel of a library that was built elsewhere for another target than this machine, if there is one.
fn brought_wheel(
    member: &Member,
    request: &BundleRequest<'_>,
) -> Result<Option<Unpinned>, BundleError> {
    let Some(folder) = request
        .options
        .wheels_from
        .as_ref()
        .filter(|_| !request.target.is_host)
    else {
        return Ok(None);
    };
    let mut best: Option<(usize, PathBuf)> = None;
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let file = path
            .file_name()
            .map(|file| file.to_string_lossy().into_owned());
        let Some(name) = file.and_then(|file| WheelName::from_str(&file).ok()) else {
            continue;
        };
        let rank = request.target.tags.best(&name.tags);
        let Some(rank) = rank.filter(|_| name.name == member.name) else {
            continue;
        };
        let better = best
            .as_ref()
            .is_none_or(|known| (rank, &path) < (known.0, &known.1));
        if better {
            best = Some((rank, path));
        }
    }
    best.map(|(_, path)| local::foreign_wheel(&member.name, &path))
        .transpose()
        .map_err(|source| BundleError::build(&member.name, source))
}

/// A bundle must not become a part of a wheel that is in it.
fn check_output(wheel: &Unpinned, member: &Member, folder: &Path) -> Result<(), BundleError> {
    let has_package = |file: &Path| {
        let package = file.parent().filter(|package| *package != member.folder)?;
        let is_package = file.ends_with("__init__.py") && folder.starts_with(package);
        is_package.then(|| package.to_owned())
    };
    for file in &wheel.sources {
        if file.starts_with(folder) {
            return Err(BundleError::OutputInSource { file: file.clone() });
        }
        if let Some(package) = has_package(file) {
            return Err(BundleError::OutputInPackage {
                folder: folder.to_owned(),
                package,
                project: member.name.clone(),
            });
        }
    }
    Ok(())
}

fn check_platform(wheel: &Unpinned, member: &Member, target: &Target) -> Result<(), BundleError> {
    let fits =
        WheelName::from_str(&wheel.file).is_ok_and(|name| target.tags.best(&name.tags).is_some());
    if fits {
        return Ok(());
    }
    Err(BundleError::WrongPlatform {
        library: wheel.name.clone(),
        folder: member.folder.clone(),
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

fn version_warnings(local: &[LocalWheel<'_>]) -> Vec<String> {
    local
        .iter()
        .filter_map(|wheel| {
            let locked = wheel.member.locked.as_ref();
            let locked = locked.filter(|locked| **locked != wheel.declared)?;
            Some(format!(
                "`{}` is locked at {locked}, but its manifest says {}, which is bundled",
                wheel.member.name, wheel.declared
            ))
        })
        .collect()
}

/// The answers to all questions, in their order, from as many threads as there are processors, this one included.
/// Threads of their own: a build may wait for another one's environment, which workers of a pool must not.
fn side_by_side<Q: Sync, A: Send>(questions: &[Q], answer: impl Fn(&Q) -> A + Sync) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut answers = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(question) = questions.get(place) else {
                return answers;
            };
            answers.push((place, answer(question)));
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut answers = std::thread::scope(|scope| {
        let others = 1..processors.min(questions.len());
        let others: Vec<_> = others.map(|_| scope.spawn(work)).collect();
        let mut answers = work();
        for other in others {
            let joined = other.join();
            answers.extend(joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        answers
    });
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
