//! `mpoetry lock`: resolve the project and write `poetry.lock`.

use resolver::lock::Lockfile;
use resolver::solver::Request;

use crate::console::INFO;
use crate::context::Context;
use crate::failure::Failure;
use crate::shortcut;

/// Locks the project's dependencies without installing them
///
/// Reads pyproject.toml, decides on a version of every package that the project needs, on all platforms
/// and Pythons that it supports, and writes them to poetry.lock. What is locked already keeps its version
/// while it still fits.
#[derive(Debug, clap::Args)]
pub(crate) struct LockArgs {
    /// Ignore the lock file that is there and write a new one from scratch
    #[arg(long)]
    regenerate: bool,
}

/// # Errors
/// When the project can't be read or its requirements can't be satisfied.
pub(crate) fn run(cx: &Context, args: &LockArgs) -> Result<(), Failure> {
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
    Ok(())
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
