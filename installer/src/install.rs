//! Carries out a plan.
//!
//! Downloads run on the runtime, unpacking and linking on threads of their own; a wheel is unpacked and linked as
//! soon as it has arrived. Poetry's order is kept where it shows: removals come first, then everything that is not
//! editable, at once, then what is, one after the other, unless its wheel is a matter of milliseconds.

pub(crate) mod bytecode;
mod error;
mod job;
mod source;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Instant;

use futures_util::StreamExt;
use rayon::ThreadPool;
use resolver::dist::Source;
use resolver::index::Index;
use resolver::lock::{LockedPackage, SourceKind};
use resolver::name::PackageName;
use resolver::runtime::Runtime;
use resolver::sync::{into_inner, lock};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::build::BuildFrontend;
use crate::environment::{Draft, Environment, Installed};
use crate::fetch::{BinaryPolicy, Fetched, Fetcher, Ranked};
use crate::plan::{Operation, Plan, Turn};
use crate::trees::{SeenTrees, clone_folder};
use crate::wheel::{Linker, Site, Store, file_url, remove, remove_leftovers, remove_stray};

pub use error::InstallError;
pub(crate) use job::built_wheel;

/// Called as an installation goes on; `()` is silent.
pub trait Reporter: Send + Sync {
    /// An operation starts (Poetry prints its line now, without a terminal), or its turn to be skipped has come.
    fn started(&self, _operation: &Operation) {}
    /// Archives are going to be fetched, unpacked or built, which takes memory.
    fn fetching(&self) {}
    /// Bytes of an archive have arrived.
    fn downloaded(&self, _operation: &Operation, _bytes: u64, _total: Option<u64>) {}
    /// An operation's wheel is being built from source.
    fn building(&self, _operation: &Operation) {}
    /// An operation is done.
    fn finished(&self, _operation: &Operation) {}
    /// An operation failed.
    fn failed(&self, _operation: &Operation) {}
    /// One line the user should know.
    fn warning(&self, _text: &str) {}
}
impl Reporter for () {}

/// What an installation needs besides the plan.
pub struct Installer<'a> {
    /// Where files come from.
    pub index: &'a Index,
    /// The sources of the project, PyPI included where it counts.
    pub sources: &'a [Source],
    /// Builds sources.
    pub build: &'a BuildFrontend,
    /// Which kinds of files may be installed.
    pub policy: &'a BinaryPolicy,
    /// The environment to change.
    pub environment: &'a Environment,
    /// That environment, if it is still in the making. Somebody else finishes it.
    pub draft: Option<&'a Draft>,
    /// Folder of the lock file.
    pub folder: PathBuf,
    /// The runtime that downloads run on.
    pub runtime: Runtime,
    /// Threads for unpacking and linking; the caller is none of them.
    pub threads: &'a ThreadPool,
    /// Write byte code.
    pub compile: bool,
    /// Shared by installers that run at the same time: while one of them brings into the cache what it lacks, the others
    /// wait, and find it there.
    pub turns: Option<&'a Mutex<()>>,
}

impl Installer<'_> {
    /// Carries out the plan. Blocks. Returns what was seen of folders that were installed from.
    ///
    /// # Errors
    /// The first failure; what runs then is finished, what is queued is dropped.
    pub fn run(&self, plan: &Plan, reporter: &dyn Reporter) -> Result<SeenTrees, InstallError> {
        if !plan.has_work() {
            return Ok(SeenTrees::default());
        }
        let waiting = || {
            reporter
                .warning("Another process is changing this environment; waiting for it to finish");
        };
        let site = Site::new(self.environment);
        // A draft is nobody else's, and nothing old is in it.
        let _lock = match self.draft {
            Some(_) => None,
            None => {
                let lock = self.environment.lock(waiting)?;
                fs_err::create_dir_all(&site.site_packages)?;
                remove_leftovers(&site.site_packages)?;
                remove_stray(&site.site_packages, |name, path| plan.leaves(name, path))?;
                Some(lock)
            }
        };
        let run = Run {
            installer: self,
            fetcher: Fetcher {
                index: self.index,
                sources: self.sources,
                tags: &self.environment.interpreter.tags,
                python: Some(&self.environment.interpreter.version),
                policy: self.policy,
                folder: &self.folder,
                share: self.build.downloads(),
            },
            store: Store::new(self.index.cache()),
            site,
            linker: OnceLock::new(),
            reporter,
            stopped: AtomicBool::new(false),
            failure: Mutex::default(),
            notices: Mutex::default(),
            modules: Mutex::default(),
            early: Mutex::default(),
            seen: Mutex::default(),
        };
        let began = Instant::now();
        run.all(plan);
        let took = began.elapsed().as_secs_f64();
        tracing::info!(
            "{} operations took {took:.3} seconds",
            plan.operations.len()
        );
        run.end()
    }
}

/// An installation under way.
struct Run<'a> {
    installer: &'a Installer<'a>,
    fetcher: Fetcher<'a>,
    store: Store,
    site: Site,
    linker: OnceLock<Linker>,
    reporter: &'a dyn Reporter,
    /// Something failed: nothing new is started.
    stopped: AtomicBool,
    failure: Mutex<Option<InstallError>>,
    /// What is said at the end, by package.
    notices: Mutex<Vec<(String, String)>>,
    /// Modules to compile.
    modules: Mutex<Vec<PathBuf>>,
    /// What was installed before its turn.
    early: Mutex<FxHashSet<PackageName>>,
    /// The folders that were installed from.
    seen: Mutex<SeenTrees>,
}

/// A package to bring in, and what it replaces.
#[derive(Clone, Copy)]
struct Step<'a> {
    operation: &'a Operation,
    package: &'a LockedPackage,
}

impl<'a> Step<'a> {
    /// `None` if the operation brings nothing in.
    fn of(operation: &'a Operation) -> Option<Self> {
        let package = operation.brings_in()?;
        Some(Self { operation, package })
    }
}

/// Work that needs no download of its own.
enum Work<'a> {
    /// From a file, chosen already if that was possible.
    File(Step<'a>, Option<Fetched>),
    /// From source trees, one after the other.
    Trees(Vec<Step<'a>>),
    /// From a folder, before its turn.
    Early(Step<'a>),
}

/// Steps by what they need.
struct Sorted<'a> {
    /// What can be done here, in order.
    here: Vec<Work<'a>>,
    /// What has to be downloaded first.
    elsewhere: Vec<Step<'a>>,
}

impl Sorted<'_> {
    /// Is there something that has to be brought into the cache, or to be unpacked or built there?
    fn lacks_something(&self) -> bool {
        let is_of_git = |step: &Step<'_>| {
            let source = step.package.source.as_ref();
            source.is_some_and(|source| source.kind == SourceKind::Git)
        };
        !self.elsewhere.is_empty()
            || self.here.iter().any(|work| match work {
                Work::File(_, fetched) => fetched.as_ref().is_some_and(|it| it.path.is_some()),
                Work::Trees(steps) => steps.iter().any(is_of_git),
                Work::Early(_) => false,
            })
    }
}

/// Downloaded files that are to be installed.
type Arrived<'a> = Mutex<Vec<(Effort, Step<'a>, Fetched)>>;

/// What it takes to install a file, in an order that is right for most: it has to be built, so many bytes to be unpacked.
type Effort = (bool, u64);

fn effort(fetched: &Fetched) -> Effort {
    (!fetched.is_wheel(), fetched.size())
}

fn take_longest<'a>(arrived: &Arrived<'a>) -> Option<(Step<'a>, Fetched)> {
    let mut arrived = lock(arrived);
    let all = arrived.iter().enumerate();
    let (longest, _) = all.max_by_key(|(_, (effort, ..))| *effort)?;
    let (_, step, fetched) = arrived.swap_remove(longest);
    Some((step, fetched))
}

impl Run<'_> {
    fn all(&self, plan: &Plan) {
        let mut at_once = Vec::new();
        let mut in_turn = Vec::new();
        for operation in &plan.operations {
            match operation {
                Operation::Uninstall(_) => self.remove(operation),
                _ if operation.turn() == Turn::Editable => in_turn.push(operation),
                Operation::Skip { .. } => self.reporter.started(operation),
                Operation::Install(package) | Operation::Update { to: package, .. } => {
                    let step = Step { operation, package };
                    // Poetry: pip goes first and alone.
                    if package.name.as_str() == "pip" {
                        self.at_once(&[step], Vec::new());
                    } else {
                        at_once.push(step);
                    }
                }
            }
        }
        let early = in_turn.iter().filter_map(|operation| Step::of(operation));
        self.at_once(&at_once, early.map(Work::Early).collect());
        // What follows may start the environment's own Python.
        if self.installer.draft.is_some_and(|draft| !draft.complete()) {
            return;
        }
        for operation in in_turn {
            match Step::of(operation) {
                Some(step) if lock(&self.early).contains(&step.package.name) => {}
                Some(step) => self.step(step, || self.install_from_tree(step)),
                None => self.reporter.started(operation),
            }
        }
        if self.installer.compile && !self.is_stopped() {
            self.compile();
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn end(self) -> Result<SeenTrees, InstallError> {
        let mut notices = into_inner(self.notices);
        notices.sort();
        for (_, notice) in notices {
            self.reporter.warning(&notice);
        }
        match into_inner(self.failure) {
            Some(error) => Err(error),
            None => Ok(into_inner(self.seen)),
        }
    }

    /// Does one operation from its start to its end, unless something failed before.
    fn step(&self, step: Step<'_>, work: impl FnOnce() -> Result<(), InstallError>) {
        if self.is_stopped() {
            return;
        }
        self.reporter.started(step.operation);
        let began = Instant::now();
        self.finish(step, began, work());
    }

    fn finish(&self, step: Step<'_>, began: Instant, result: Result<(), InstallError>) {
        match result {
            Ok(()) => {
                let (package, took) = (step.package, began.elapsed().as_millis());
                tracing::debug!("{} {}: in place, {took} ms", package.name, package.version);
                self.reporter.finished(step.operation);
            }
            Err(error) => self.fail(step.operation, error),
        }
    }

    fn fail(&self, operation: &Operation, error: InstallError) {
        self.stopped.store(true, Ordering::Relaxed);
        self.reporter.failed(operation);
        let mut failure = lock(&self.failure);
        failure.get_or_insert(error);
    }

    fn notice(&self, package: &LockedPackage, text: String) {
        let mut notices = lock(&self.notices);
        notices.push((package.name.to_string(), text));
    }

    fn remove(&self, operation: &Operation) {
        let Operation::Uninstall(installed) = operation else {
            return;
        };
        if self.is_stopped() {
            return;
        }
        self.reporter.started(operation);
        let removed = remove(&installed.dist_info, &self.site)
            .and_then(|()| Ok(remove_clone(&self.site.root, installed)?));
        match removed {
            Ok(()) => self.reporter.finished(operation),
            Err(error) => self.fail(
                operation,
                InstallError::failed(&installed.pretty_name, error),
            ),
        }
    }

    /// Everything that depends on nothing but its own file, and `besides` what has time until all of that is done.
    fn at_once<'s>(&self, steps: &[Step<'s>], besides: Vec<Work<'s>>) {
        if steps.is_empty() || self.is_stopped() {
            return;
        }
        let mut sorted = self.sort(steps);
        let turns = self.installer.turns;
        let _turn = turns.filter(|_| sorted.lacks_something()).map(|turns| {
            let turn = lock(turns);
            // Who had it before may have brought the same.
            sorted = self.sort(steps);
            turn
        });
        if sorted.lacks_something() {
            self.reporter.fetching();
        }
        let Sorted { here, elsewhere } = sorted;
        let (sender, receiver) = mpsc::channel();
        let arrived = &Arrived::default();
        std::thread::scope(|threads| {
            if elsewhere.is_empty() {
                drop(sender);
            } else {
                threads.spawn(move || self.download_all(elsewhere, sender));
            }
            self.installer.threads.in_place_scope(|scope| {
                for work in here.into_iter().chain(besides) {
                    scope.spawn(move |_| self.work(work));
                }
                for (step, fetched) in receiver {
                    lock(arrived).push((effort(&fetched), step, fetched));
                    // Not what came just now but what takes longest of all that nobody has begun: at the end it would keep
                    // one thread busy while the others wait.
                    scope.spawn(move |_| {
                        if let Some((step, fetched)) = take_longest(arrived)
                            && !self.is_stopped()
                        {
                            let began = Instant::now();
                            self.finish(step, began, self.install_fetched(step, fetched));
                        }
                    });
                }
            });
        });
    }

    fn sort<'s>(&self, steps: &[Step<'s>]) -> Sorted<'s> {
        let mut here = Vec::new();
        let mut elsewhere = Vec::new();
        // Poetry: packages of one repository go one after the other.
        let mut repositories: FxHashMap<&str, usize> = FxHashMap::default();
        for &step in steps {
            match step.package.source.as_ref() {
                Some(source) if source.kind == SourceKind::Git => {
                    let place = *repositories.entry(&source.url).or_insert(here.len());
                    match here.get_mut(place) {
                        Some(Work::Trees(steps)) => steps.push(step),
                        _ => here.push(Work::Trees(vec![step])),
                    }
                }
                Some(source) if source.kind == SourceKind::Directory => {
                    here.push(Work::Trees(vec![step]));
                }
                Some(source) if source.kind == SourceKind::File => {
                    here.push(Work::File(step, None));
                }
                _ => {
                    let is_known = |file: &Ranked| self.is_known(&step.package.name, file);
                    match self.fetcher.local(step.package, is_known) {
                        Some(fetched) => here.push(Work::File(step, Some(fetched))),
                        None => elsewhere.push(step),
                    }
                }
            }
        }
        Sorted { here, elsewhere }
    }

    fn work(&self, work: Work<'_>) {
        match work {
            Work::File(step, fetched) => self.step(step, || self.install_local(step, fetched)),
            Work::Trees(steps) => {
                for step in steps {
                    self.step(step, || self.install_from_tree(step));
                }
            }
            Work::Early(step) => self.install_early(step),
        }
    }

    fn download_all<'s>(&self, steps: Vec<Step<'s>>, sender: mpsc::Sender<(Step<'s>, Fetched)>) {
        match self.installer.runtime.handle() {
            Ok(runtime) => runtime.block_on(self.download(steps, sender)),
            Err(error) => self.fail(steps[0].operation, error.into()),
        }
    }

    /// Downloads, and hands each file on as it arrives.
    async fn download<'s>(&self, steps: Vec<Step<'s>>, sender: mpsc::Sender<(Step<'s>, Fetched)>) {
        let limit = self.installer.index.settings().connections.max(1);
        let sender = &sender;
        futures_util::stream::iter(steps)
            .for_each_concurrent(limit, |step| async move {
                if self.is_stopped() {
                    return;
                }
                self.reporter.started(step.operation);
                let progress =
                    |bytes, total| self.reporter.downloaded(step.operation, bytes, total);
                match self.fetcher.fetch(step.package, &progress).await {
                    // The receiver lives as long as this.
                    Ok(fetched) => drop(sender.send((step, fetched))),
                    Err(error) => self.fail(step.operation, error),
                }
            })
            .await;
    }
}

/// Poetry: what came from a git repository may have left a clone in the environment's `src`.
fn remove_clone(root: &Path, installed: &Installed) -> io::Result<()> {
    let clone = clone_folder(root, &installed.name);
    let Some(origin) = &installed.direct_url else {
        return Ok(());
    };
    let is_own = origin.get("vcs_info").is_some() || origin["url"] == file_url(&clone);
    if is_own && clone.is_dir() {
        fs_err::remove_dir_all(clone)?;
    }
    Ok(())
}
