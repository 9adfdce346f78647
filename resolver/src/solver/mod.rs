//! Resolution: what to lock for a project.
//!
//! # How a lock comes about
//!
//! [`resolve`] solves with pubgrub. pubgrub asks a `provider` three things: what to decide next, which release,
//! and what that release requires. What it requires is worked out by `complete`: extras that nobody asked for,
//! pythons and markers outside of the project's are left out. As soon as requirements get into conflict, `search`
//! takes over, which steps back from it as Poetry does; `answers` has the rules that both share. Where there
//! is no solution, `explain` says why.
//!
//! PubGrub knows no markers. Where one package requires a name twice under different markers, the resolution is
//! *split* into several runs (`overrides`), each with one of the alternatives, and the solutions are
//! merged (`merge`). Within a run, `graph` works out which groups need each package, and under which markers.
//!
//! The solver is synchronous; `world` gathers pages and metadata ahead of it on the runtime.
//!
//! Everything that shows in a lock file follows Poetry's order of steps, because the text of a marker depends on
//! the order in which it was put together.

mod among;
mod answers;
mod candidates;
mod checkouts;
mod complete;
mod explain;
mod foreseen;
mod graph;
mod locked;
mod log;
mod merge;
mod newest;
mod node;
mod offered;
mod overrides;
mod package;
mod provider;
mod search;
mod shared;
mod term;
mod world;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use pubgrub::PubGrubError;

use crate::constraint::Constraint;
use crate::git::Reference;
use crate::index::Index;
use crate::lock::{LockedPackage, Lockfile, SourceKind};
use crate::marker::MarkerEnvironment;
use crate::name::{ExtraName, PackageName};
use crate::project::{Project, ProjectError};
use crate::resolution::Resolution;
use crate::version::Version;

pub use among::{Part, resolve_among};
use answers::{Answers, Halt, Task};
use checkouts::Wanted;
use complete::root_release;
pub(crate) use graph::{Solution, Solved};
use locked::Locked;
pub use newest::{Newest, Wish, count_releases, direct_name, newest};
use node::Node;
pub use offered::{latest, listed, offered};
use overrides::{Overrides, Run};
use package::Decided;
use provider::Provider;
use search::{Ending, Search};
pub(crate) use shared::Changes;
use shared::Shared;
use world::World;

/// A map in the order of insertion, hashed fast.
type FxIndexMap<K, V> = indexmap::IndexMap<K, V, rustc_hash::FxBuildHasher>;

/// What a resolution should do with an old lock.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Packages to take the latest version of, although they are locked.
    pub use_latest: Vec<PackageName>,
    /// Resolve for this environment alone (isolated builds), not for all that the project supports.
    pub environment: Option<MarkerEnvironment>,
    /// With an environment: the extras of the project that are switched on. `None` leaves them open.
    pub extras: Option<Vec<ExtraName>>,
}

impl Request {
    /// What `lock` asks for: all that is locked stays, but for directories, whose files may say something new.
    #[must_use]
    pub fn refresh(lockfile: &Lockfile) -> Self {
        let is_directory = |package: &&LockedPackage| {
            let source = package.source.as_ref();
            source.is_some_and(|source| source.kind == SourceKind::Directory)
        };
        let directories = lockfile.packages.iter().filter(is_directory);
        Self::latest(directories.map(|package| package.name.clone()))
    }

    /// What `update` asks for: the latest of all that is locked.
    #[must_use]
    pub fn update(lockfile: &Lockfile) -> Self {
        Self::latest((lockfile.packages.iter()).map(|package| package.name.clone()))
    }

    /// The latest of these packages; whatever else is locked stays. What `update` asks for with names, `add` for what
    /// it adds and `remove` for what it removes.
    #[must_use]
    pub fn latest(names: impl IntoIterator<Item = PackageName>) -> Self {
        Self {
            use_latest: names.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Something besides the project and its lock that an answer depends on.
#[derive(Clone, Copy, Debug)]
pub enum LookedAt<'a> {
    /// A file: while its content stays, so does what was read from it.
    File(&'a Path),
    /// Anything else: an index, an address, the files of a project that its own build has to tell about.
    Outside,
}

/// Called as a resolution goes on. `()` is silent.
pub trait Reporter: Send + Sync {
    /// The answer depends on this. Metadata of releases does not count: once known, it stays.
    fn looked_at(&self, _what: LookedAt<'_>) {}
    /// A package was looked into at this version.
    fn decided(&self, _package: &PackageName, _version: &Version) {}
    /// Something the user should know, one line (yanked picks, skipped requirements).
    fn warning(&self, _text: &str) {}
}

impl Reporter for () {}

/// Why there is no resolution.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SolveError {
    /// The explanation, in Poetry's wording, ready to print.
    #[error("{0}")]
    Unsolvable(String),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
    /// A library in the repository can't be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A file can't be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A path requirement leads nowhere.
    #[error("Path {} for {name} does not exist", path.display())]
    MissingPath {
        /// The requirement's name as written.
        name: String,
        /// Where it leads.
        path: PathBuf,
    },
    /// A direct requirement leads to another package than its name says.
    #[error("The dependency name for {wanted} does not match the actual package's name: {found}")]
    WrongName {
        /// The requirement's name.
        wanted: PackageName,
        /// The name found there.
        found: PackageName,
    },
    /// A project or archive without a readable version.
    #[error("Unable to retrieve the package version for {} (found `{version}`)", folder.display())]
    BadVersion {
        /// Its folder or address.
        folder: PathBuf,
        /// What stands there.
        version: String,
    },
    /// Requires-Python that can't be read.
    #[error("Invalid python versions '{text}' on {name} ({version})")]
    BadPython {
        /// The text.
        text: String,
        /// The package.
        name: PackageName,
        /// Its version.
        version: Version,
    },
    /// A locked or announced version that its source no longer has.
    #[error("Package {name} ({version}) not found.")]
    Vanished {
        /// The package.
        name: PackageName,
        /// The version.
        version: Version,
    },
    /// Requirements of one package that apply together and contradict one another.
    #[error("Incompatible constraints in requirements of {package}:\n{}", requirements.join("\n"))]
    Incompatible {
        /// The package with its version.
        package: String,
        /// Its clashing requirements.
        requirements: Vec<String>,
    },
    /// The project supports no Python at all.
    #[error("no Python version is allowed by the project ({0})")]
    NoPython(String),
    /// No release of a package that is to be added fits.
    #[error("Could not find a matching version of package {name}")]
    NoMatch {
        /// The name as written.
        name: String,
    },
    /// A package is to be taken from a source that the project does not have.
    #[error("Repository \"{0}\" does not exist.")]
    UnknownSource(String),
    /// The project requires itself.
    #[error("Package '{0}' is listed as a dependency of itself.")]
    SelfDependency(String),
    /// A directory without a Python project.
    #[error("Directory {} for {name} does not seem to be a Python package", folder.display())]
    NoProject {
        /// The requirement's name as written.
        name: String,
        /// The directory.
        folder: PathBuf,
    },
    /// A git requirement can't be read.
    #[error("the git dependency `{name}` can't be read from `{url}` at {reference}")]
    Git {
        /// The requirement's name as written.
        name: String,
        /// The repository, without credentials.
        url: String,
        /// What of it.
        reference: Reference,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A package from a git repository requires a file or folder that only a checkout has.
    #[error("`{name}` is required from `{path}` by a git dependency, which can't be locked")]
    LocalInGit {
        /// The requirement's name as written.
        name: String,
        /// What it requires, as declared.
        path: String,
    },
}

/// Resolves a project and returns the lock file to write. Blocks; call it outside of the runtime's own
/// threads (or in `spawn_blocking`).
///
/// `previous` is the lock to stay close to: versions locked there are kept while they fit, but for
/// `request.use_latest`.
///
/// # Errors
/// When the requirements can't be satisfied, or metadata can't be had.
pub fn resolve(
    project: &Project,
    previous: Option<&Lockfile>,
    request: &Request,
    index: &Index,
    runtime: &tokio::runtime::Handle,
    reporter: &dyn Reporter,
) -> Result<Lockfile, SolveError> {
    if project.python_constraint.is_empty() {
        return Err(SolveError::NoPython(project.python_versions.clone()));
    }
    let locked = previous
        .map(|lockfile| Locked::new(lockfile, &project.root, &project.all_sources()))
        .unwrap_or_default();
    resolve_from(project, locked, request, index, runtime, reporter)
}

/// As [`resolve`], from locked packages.
fn resolve_from(
    project: &Project,
    mut locked: Locked,
    request: &Request,
    index: &Index,
    runtime: &tokio::runtime::Handle,
    reporter: &dyn Reporter,
) -> Result<Lockfile, SolveError> {
    let requirements: Vec<Shared> = project.requirements().cloned().map(Shared::new).collect();
    if let Some(own) = project.package_name() {
        let mut itself = requirements.iter().map(Shared::original);
        if let Some(itself) = itself.find(|requirement| requirement.name == own) {
            return Err(SolveError::SelfDependency(itself.complete_name()));
        }
    }
    locked.name_sources(&requirements);
    let world = World::new(project, &locked, request, index, runtime, reporter);
    let task = Task {
        title: project.title(),
        version: project.version.clone().unwrap_or_else(|| "0".to_owned()),
        requirements,
        world: &world,
        locked: &locked,
        use_latest: request.use_latest.iter().cloned().collect(),
        environment: request.environment.as_ref(),
        extras: request.extras.as_deref(),
        conflicts: AtomicBool::new(false),
        runs: AtomicUsize::new(0),
        threads: OnceLock::new(),
    };
    if locked.is_all_there_is() {
        world.know(&locked);
    } else {
        ask_ahead(&task);
    }
    let (solution, changes) = solve(
        &task,
        Overrides::default(),
        &project.python_constraint,
        Changes::default(),
    );
    let mut solution = solution?;
    for solved in solution.values_mut() {
        for marker in solved.markers.values_mut() {
            *marker = marker.reduce_by_python_constraint(&project.python_constraint);
        }
        if let Some(reason) = &solved.package.yanked {
            reporter.warning(&yanked_warning(&solved.package, reason));
        }
    }
    Ok(Resolution { solution, changes }.into_lockfile(project))
}

/// Asks for all that is sure to be needed, before the solver starts.
fn ask_ahead(task: &Task<'_>) {
    let (world, locked) = (task.world, task.locked);
    for package in locked.packages() {
        if package.is_direct() || task.use_latest.contains(&package.name) {
            continue;
        }
        if let Some(place) = world.place_of(package.source.as_ref()) {
            world.want_locked(&package.name, &package.version, place);
        }
    }
    let mut checkouts = Vec::new();
    for requirement in task.requirements.iter().map(Shared::original) {
        if locked.is_empty() {
            world.foresee(requirement);
        } else {
            world.want(requirement);
        }
        let is_locked = task.locked_direct(requirement).is_some();
        checkouts.extend(Wanted::of(&requirement.origin).filter(|_| !is_locked));
    }
    world.want_checkouts(checkouts);
}

/// Solves one run, and the runs it has to be split into. `changes` is what became of requirements before, and in
/// the answer by then.
fn solve(
    task: &Task<'_>,
    overrides: Overrides,
    python: &Constraint,
    changes: Changes,
) -> (Result<Solution, SolveError>, Changes) {
    let number = task.runs.fetch_add(1, Ordering::Relaxed) + 1;
    let run = Run::new(number, overrides, python, &changes);
    log::run(&run);
    let (halt, changes) = match decide(task, &run, changes) {
        (Ok(decided), changes) => {
            let solution = graph::aggregate(&task.requirements, &decided, task.world, &changes);
            return (Ok(solution), changes);
        }
        (Err(halt), changes) => (halt, changes),
    };
    let runs = match halt {
        Halt::Split(runs) => runs,
        Halt::Failed(error) => return (Err(error), changes),
        Halt::Conflict => unreachable!("Poetry's search takes conflicts on"),
    };
    let (solved, changes) = solve_all(task, runs, python, changes);
    match solved {
        Ok(solved) => (Ok(merge::merge(solved, python, &changes)), changes),
        Err(error) => (Err(error), changes),
    }
}

/// A run's overrides, and what it came to.
type SolvedRun = (Overrides, Solution);

/// Solves sibling runs, several at once.
///
/// Poetry solves them one after the other, and each may change requirements for the next (see `shared`). That
/// happens while packages are met for the first time and then no more. So each of those that are solved at once
/// begins with the same changes, and if one has made further ones, those behind it are solved again.
fn solve_all(
    task: &Task<'_>,
    runs: Vec<Overrides>,
    python: &Constraint,
    mut changes: Changes,
) -> (Result<Vec<SolvedRun>, SolveError>, Changes) {
    let mut solved = Vec::with_capacity(runs.len());
    let mut runs = runs.into_iter();
    // The first changes most.
    let mut width = 1;
    loop {
        let batch: Vec<Overrides> = runs.by_ref().take(width).collect();
        if batch.is_empty() {
            return (Ok(solved), changes);
        }
        let threads = threads(task);
        width = threads.map_or(1, rayon::ThreadPool::current_num_threads);
        let before = changes.clone();
        let answers = side_by_side(threads, &batch, |overrides| {
            solve(task, overrides.clone(), python, before.clone())
        });
        for (overrides, answer) in batch.into_iter().zip(answers) {
            let (solution, after) = if changes.is_same(&before) {
                answer
            } else {
                solve(task, overrides.clone(), python, changes)
            };
            changes = after;
            match solution {
                Ok(solution) => solved.push((overrides, solution)),
                Err(error) => return (Err(error), changes),
            }
        }
    }
}

/// The threads for runs; `None` if there can't be more than this one.
fn threads<'t>(task: &'t Task<'_>) -> Option<&'t rayon::ThreadPool> {
    let make = || rayon::ThreadPoolBuilder::new().build().ok();
    task.threads.get_or_init(make).as_ref()
}

/// The answers to all questions, in their order, the first one from this thread.
fn side_by_side<Q: Sync, A: Send>(
    threads: Option<&rayon::ThreadPool>,
    questions: &[Q],
    answer: impl Fn(&Q) -> A + Sync,
) -> Vec<A> {
    let (Some(threads), Some((first, others))) = (threads, questions.split_first()) else {
        return questions.iter().map(answer).collect();
    };
    let mut answers: Vec<Option<A>> = Vec::new();
    answers.resize_with(questions.len(), || None);
    let (first_answer, other_answers) = answers
        .split_first_mut()
        .expect("there are as many answers as questions");
    threads.in_place_scope(|scope| {
        for (question, place) in others.iter().zip(other_answers) {
            let answer = &answer;
            scope.spawn(move |_| *place = Some(answer(question)));
        }
        *first_answer = Some(answer(first));
    });
    answers.into_iter().flatten().collect()
}

/// The decisions of one run: pubgrub's, or after a conflict those of Poetry's search.
fn decide(task: &Task<'_>, run: &Run, before: Changes) -> (Result<Vec<Decided>, Halt>, Changes) {
    let began = Instant::now();
    let decided = decide_by_either(task, run, before);
    log::took(run, began);
    decided
}

fn decide_by_either(
    task: &Task<'_>,
    run: &Run,
    before: Changes,
) -> (Result<Vec<Decided>, Halt>, Changes) {
    if task.conflicts.load(Ordering::Relaxed) {
        return search(task, run, before);
    }
    let answers = Answers::new(task, run, before.clone());
    let provider = Provider::new(&answers);
    let decided = match pubgrub::resolve(&provider, Node::Root, root_release()) {
        Ok(_) => Ok(provider.into_decided()),
        Err(PubGrubError::NoSolution(_)) => Err(Halt::Conflict),
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => Err(source),
    };
    if let Err(Halt::Conflict) = decided {
        log::conflicts(run);
        task.conflicts.store(true, Ordering::Relaxed);
        return search(task, run, before);
    }
    debug_assert!(
        decided.is_err() || search_agrees(task, run, before, &decided),
        "without a conflict both searches decide the same"
    );
    (decided, answers.into_changes())
}

/// Poetry's search.
fn search(task: &Task<'_>, run: &Run, before: Changes) -> (Result<Vec<Decided>, Halt>, Changes) {
    let answers = Answers::new(task, run, before);
    let decided = match Search::new(&answers).run() {
        Ok(Ending::Solved(decided)) => Ok(decided),
        Ok(Ending::Unsolvable(failure)) => Err(match explain::marker_split(&failure, run) {
            Some(runs) => Halt::Split(runs),
            None => SolveError::Unsolvable(explain::explain(&failure, task, run)).into(),
        }),
        Err(halt) => Err(halt),
    };
    (decided, answers.into_changes())
}

/// For tests: does Poetry's search come to the same decisions?
fn search_agrees(
    task: &Task<'_>,
    run: &Run,
    before: Changes,
    decided: &Result<Vec<Decided>, Halt>,
) -> bool {
    let names = |decided: &[Decided]| {
        let names = decided.iter();
        let names = names.map(|one| (one.node.clone(), one.package.release()));
        names.collect::<Vec<_>>()
    };
    let silently = tracing::subscriber::NoSubscriber::new();
    let other = tracing::subscriber::with_default(silently, || search(task, run, before));
    match (decided, other) {
        (Ok(decided), (Ok(other), _)) => names(decided) == names(&other),
        _ => false,
    }
}

fn yanked_warning(package: &package::Package, reason: &str) -> String {
    let mut text = format!(
        "The locked version {} for {} is a yanked version.",
        package.version, package.pretty_name
    );
    if !reason.is_empty() {
        text.push_str(&format!(" Reason for being yanked: {reason}"));
    }
    text
}
