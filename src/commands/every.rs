//! `--all` and `--affected`: a command for many projects of the repository, in one process.

use std::path::{Path, PathBuf};

use resolver::lock;
use resolver::monorepo::{Monorepo, Part, Purpose};
use resolver::project::workspace::Workspace;

use super::affected;
use crate::console::BOLD;
use crate::context::Context;
use crate::failure::Failure;

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

/// Does `work` for each of the projects. One that fails does not keep the others from their turn.
pub(crate) fn every<T>(
    cx: &Context,
    projects: &Projects,
    work: impl Fn(&Context) -> Result<T, Failure>,
) -> Tally<T> {
    let mut tally = Tally {
        done: Vec::new(),
        failed: Vec::new(),
    };
    for (place, folder) in projects.folders.iter().enumerate() {
        let shown = shown(folder, &projects.root);
        let space = if place == 0 { "" } else { "\n" };
        cx.console
            .line(format_args!("{space}{BOLD}{shown}{BOLD:#}"));
        cx.console.start_anew();
        match work(&cx.of_member(folder.clone())) {
            Ok(done) => tally.done.push(done),
            Err(failure) => {
                failure.print(cx.console);
                tally.failed.push(shown);
            }
        }
    }
    tally
}

impl<T> Tally<T> {
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

fn shown(folder: &Path, root: &Path) -> String {
    match folder.strip_prefix(root) {
        Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
        _ => folder.display().to_string(),
    }
}
