//! `mpoetry lock`: resolve the project and write `poetry.lock`.

use resolver::lock::{LockError, Lockfile};
use resolver::solver::Request;

use super::every::{EveryArgs, Tally, every};
use crate::console::{BOLD, INFO};
use crate::context::Context;
use crate::failure::Failure;
use crate::help::OURS;
use crate::shortcut;

/// Locks the project's dependencies without installing them
///
/// Reads pyproject.toml, decides on a version of every package that the project needs, on all platforms
/// and Pythons that it supports, and writes them to poetry.lock. What is locked already keeps its version
/// while it still fits.
///
/// With --all, libraries come before the projects that need them; services that have no lock file yet and
/// are Poetry's get one, libraries without a lock file stay without. Projects share one view of the
/// indexes. One that fails does not stop the others; the exit code is 1 then.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct LockArgs {
    /// Ignore the lock file that is there and write a new one from scratch
    #[arg(long)]
    regenerate: bool,
    /// Write nothing; fail if poetry.lock does not belong to pyproject.toml, or does not hold what a library in a folder
    /// needs now
    #[arg(long, conflicts_with = "regenerate", help_heading = OURS)]
    check: bool,
    #[command(flatten)]
    every: EveryArgs,
}

/// # Errors
/// When the project can't be read or its requirements can't be satisfied.
pub(crate) fn run(cx: &Context, args: &LockArgs) -> Result<(), Failure> {
    if !args.every.is_given() {
        return match args.check {
            true => check(cx),
            false => lock(cx, args).map(drop),
        };
    }
    let projects = args.every.lockable(cx)?;
    if args.check {
        let tally = every(cx, &projects, check);
        let fresh = tally.done.len();
        summarize(cx, &tally, &format!("{fresh} up to date"));
        return tally.verdict();
    }
    let tally = every(cx, &projects, |cx| match shortcut::answer_member(cx) {
        Some(()) => Ok(false),
        None => lock(cx, args),
    });
    let changed = tally.done.iter().filter(|is_changed| **is_changed).count();
    let unchanged = tally.done.len() - changed;
    summarize(
        cx,
        &tally,
        &format!("{changed} locked, {unchanged} unchanged"),
    );
    tally.verdict()
}

/// The last line about many projects.
fn summarize<T>(cx: &Context, tally: &Tally<T>, done: &str) {
    if tally.done.is_empty() && tally.failed.is_empty() {
        return;
    }
    let failed = tally.failed.len();
    cx.console.line(format_args!(
        "\n{BOLD}Lock files:{BOLD:#} {done}, {failed} failed"
    ));
}

/// Locks one project. Has its lock file changed?
fn lock(cx: &Context, args: &LockArgs) -> Result<bool, Failure> {
    let project = cx.project()?;
    let previous = if args.regenerate {
        None
    } else {
        Lockfile::read(&project.root)?
    };
    if previous.is_none() {
        cx.console
            .line(format_args!("{INFO}Updating dependencies{INFO:#}"));
    }
    let request = previous.as_ref().map(Request::refresh);
    let (lockfile, notes) =
        cx.resolve_noting(project, previous.as_ref(), &request.unwrap_or_default())?;
    let is_changed = write(cx, &lockfile)?;
    if previous.is_some() && !is_changed {
        shortcut::remember_lock(cx, notes)?;
    }
    Ok(is_changed)
}

/// Fails unless the lock file is as the project and its libraries want it.
fn check(cx: &Context) -> Result<(), Failure> {
    let project = cx.project()?;
    let lockfile = Lockfile::read(&project.root)?.ok_or(LockError::Missing)?;
    if !lockfile.is_fresh(project) {
        return Err(Failure::new(
            "pyproject.toml changed significantly since poetry.lock was last generated. \
             Run `poetry lock` to fix the lock file.",
        ));
    }
    let unmet = lockfile.unmet_by(project);
    if unmet.is_empty() {
        cx.console.line("poetry.lock is up to date");
        return Ok(());
    }
    let lines = unmet.iter().map(|unmet| {
        let (library, requirement) = (&unmet.library, &unmet.requirement);
        format!("\n  - {library} needs {requirement}")
    });
    let lines: String = lines.collect();
    Err(Failure::new(format!(
        "poetry.lock does not hold what libraries need now:{lines}\n\
         Run `mpoetry lock` to fix the lock file."
    )))
}

/// Writes the lock file if it says something new, and tells so. Did it?
///
/// # Errors
/// When it can't be written.
pub(crate) fn write(cx: &Context, lockfile: &Lockfile) -> Result<bool, Failure> {
    let is_changed = lockfile.write_if_changed(&cx.project()?.root)?;
    if is_changed {
        cx.console
            .line(format_args!("\n{INFO}Writing lock file{INFO:#}"));
    }
    Ok(is_changed)
}
