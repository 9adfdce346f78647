//! `mpoetry lock`: resolve the project and write `poetry.lock`.

use resolver::lock::Lockfile;

use crate::console::INFO;
use crate::context::Context;
use crate::failure::Failure;

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
    let lockfile = cx.resolve(project, previous.as_ref())?;
    write(cx, &lockfile)
}

/// Writes the lock file if it says something new, and tells so.
///
/// # Errors
/// When it can't be written.
pub(crate) fn write(cx: &Context, lockfile: &Lockfile) -> Result<(), Failure> {
    if lockfile.write_if_changed(&cx.project()?.root)? {
        cx.console
            .line(format_args!("\n{INFO}Writing lock file{INFO:#}"));
    }
    Ok(())
}
