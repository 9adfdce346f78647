//! `--all` and `--affected`: a command for many projects of the repository, in one process.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};

use resolver::lock;
use resolver::monorepo::{Monorepo, Part, Purpose};
use resolver::project::workspace::Workspace;
use resolver::sync::lock;

use super::affected;
use crate::console::{BOLD, Console};
use crate::context::Context;
use crate::environment::Located;
use crate::failure::Failure;

/// Each of them has threads of its own.
const MOST_AT_ONCE: usize = 4;

/// Options that make a command one for many projects.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = crate::help::OURS)]
pub(crate) struct EveryArgs {
    /// Do it for every project of the repository that has a lock file
    #[arg(long)]
    all: bool,
    /// Of these take only the ones that a change affects, as `affected` tells it; needs --since
    #[arg(long, requires = "since")]
    affected: bool,
    /// With --affected: the branch, tag or commit to compare with, such as origin/main
    #[arg(long, value_name = "REF", requires = "affected")]
    since: Option<String>,
}

/// Projects to do something with, in this order.
pub(crate) struct Projects {
    root: PathBuf,
    folders: Vec<PathBuf>,
}

/// What became of each.
pub(crate) struct Tally<T> {
    /// Of those that did not fail.
    pub(crate) done: Vec<T>,
    /// Those that failed, as shown.
    pub(crate) failed: Vec<String>,
}

impl EveryArgs {
    /// Is it a command for many projects?
    pub(crate) fn is_given(&self) -> bool {
        self.all || self.affected
    }

    /// The projects that have a lock file, by folder.
    ///
    /// # Errors
    /// When there is none, or git can't tell which are affected.
    pub(crate) fn locked(&self, cx: &Context) -> Result<Projects, Failure> {
        let root = root(cx);
        let members = Workspace::discover(&root).members.into_iter();
        let folders = members
            .map(|member| member.folder)
            .filter(|it| is_locked(it));
        self.choose(cx, root, folders.collect())
    }

    /// The projects to lock, libraries before those that need them: those that have a lock file, and services without
    /// one that are Poetry's. A library without a lock file is meant to have none.
    ///
    /// # Errors
    /// As [`EveryArgs::locked`].
    pub(crate) fn lockable(&self, cx: &Context) -> Result<Projects, Failure> {
        let root = root(cx);
        let graph = Monorepo::read(&root);
        let is_lockable = |index: &usize| {
            let member = &graph.projects[*index];
            member.is_locked || (member.is_service && member.is_of_poetry())
        };
        let order = graph.in_order().into_iter();
        let folders = order.filter(is_lockable).map(|index| graph.folder(index));
        self.choose(cx, root, folders.collect())
    }

    fn choose(
        &self,
        cx: &Context,
        root: PathBuf,
        mut folders: Vec<PathBuf>,
    ) -> Result<Projects, Failure> {
        if folders.is_empty() {
            let root = root.display();
            let text = format!("no project below {root} has a lock file");
            return Err(
                Failure::new(text).hint("Run `mpoetry lock` in the projects that need one.")
            );
        }
        if let Some(since) = &self.since {
            let answer = affected::find(cx, since, None, Part::All, Purpose::Anything)?;
            let is_affected =
                |folder: &PathBuf| answer.projects.iter().any(|it| it.folder == *folder);
            folders.retain(is_affected);
            if folders.is_empty() {
                cx.console.line(format_args!(
                    "No project is affected by what changed since {since}"
                ));
            }
        }
        Ok(Projects { root, folders })
    }
}

/// Does `work` for each of the projects, one after the other. One that fails does not keep the others from their turn.
pub(crate) fn every<T>(
    cx: &Context,
    projects: &Projects,
    work: impl Fn(&Context) -> Result<T, Failure>,
) -> Tally<T> {
    let mut tally = Tally::default();
    for folder in &projects.folders {
        projects.print_heading(cx.console, folder);
        cx.console.start_anew();
        let result = work(&cx.of_member(folder.clone()));
        tally.add(result, cx.console, projects.shown(folder));
    }
    tally
}

/// As [`every`], for several projects at the same time. What is said is said in order all the same.
pub(crate) fn every_at_once<T: Send>(
    cx: &Context,
    projects: &Projects,
    work: impl Fn(&Context) -> Result<T, Failure> + Sync,
) -> Tally<T> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let turns = Arc::default();
    let consoles: Vec<Console> = (projects.folders.iter())
        .map(|_| cx.console.kept_back())
        .collect();
    let (mut members, mut results) = (Vec::new(), Vec::new());
    for (folder, console) in projects.folders.iter().zip(&consoles) {
        let member = cx.of_member_beside(folder.clone(), console, &turns);
        let (sender, receiver) = mpsc::channel();
        members.push((member, sender));
        results.push(receiver);
    }
    // What shares an environment can only be done in turn.
    let has_its_own = |(member, _): &(Context<'_>, _)| {
        let located = member.environments().and_then(|it| it.locate());
        located.is_ok_and(|located| located != Located::System)
    };
    let at_once = match members.iter().all(has_its_own) {
        true => processors.min(MOST_AT_ONCE),
        false => 1,
    };
    // Gone with the threads, so that nobody waits for results if all of these have panicked.
    let queue = Arc::new(Mutex::new(members.into_iter()));
    let (work, mut tally) = (&work, Tally::default());
    std::thread::scope(|threads| {
        for _ in 0..at_once {
            let queue = Arc::clone(&queue);
            threads.spawn(move || {
                let next = || lock(&queue).next();
                while let Some((member, result)) = next() {
                    // The receiver is waited for below.
                    result.send(work(&member)).ok();
                }
            });
        }
        drop(queue);
        for ((folder, console), result) in projects.folders.iter().zip(&consoles).zip(results) {
            projects.print_heading(cx.console, folder);
            console.speak_up();
            // Without a result the thread has panicked, and the scope does, too.
            if let Ok(result) = result.recv() {
                tally.add(result, console, projects.shown(folder));
            }
        }
    });
    tally
}

impl Projects {
    fn shown(&self, folder: &Path) -> String {
        match folder.strip_prefix(&self.root) {
            Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
            _ => folder.display().to_string(),
        }
    }

    fn print_heading(&self, console: &Console, folder: &Path) {
        let is_first = self.folders.first().is_some_and(|first| first == folder);
        let space = if is_first { "" } else { "\n" };
        let shown = self.shown(folder);
        console.line(format_args!("{space}{BOLD}{shown}{BOLD:#}"));
    }
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self {
            done: Vec::new(),
            failed: Vec::new(),
        }
    }
}

impl<T> Tally<T> {
    /// Takes up what has become of a project, and tells it if that is a failure.
    fn add(&mut self, result: Result<T, Failure>, console: &Console, shown: String) {
        match result {
            Ok(done) => self.done.push(done),
            Err(failure) => {
                failure.print(console);
                self.failed.push(shown);
            }
        }
    }

    /// Fails if one failed.
    ///
    /// # Errors
    /// With their names.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let count = self.failed.len() + self.done.len();
        Err(Failure::new(format!(
            "{} of {count} projects failed: {}",
            self.failed.len(),
            self.failed.join(", ")
        )))
    }
}

fn root(cx: &Context) -> PathBuf {
    let start = cx.start();
    let root = Workspace::find_root(start);
    // As the folders below it are shown.
    resolver::path::resolve(root.as_deref().unwrap_or(start))
}

fn is_locked(folder: &Path) -> bool {
    folder.join(lock::FILE_NAME).is_file()
}
