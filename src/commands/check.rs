//! `mpoetry check`: is all well with `pyproject.toml` and `poetry.lock`?

use installer::build::is_license_expression;
use resolver::lock::Lockfile;

use crate::console::{ERROR, INFO};
use crate::context::Context;
use crate::failure::Failure;

/// Checks pyproject.toml, and whether poetry.lock fits it
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Count it as an error if there is no poetry.lock
    #[arg(long)]
    lock: bool,
    /// Fail on warnings, too
    #[arg(long)]
    strict: bool,
}

/// # Errors
/// When the project or its settings can't be read; when there are errors or, with `--strict`, warnings.
pub(crate) fn run(cx: &Context, args: &CheckArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    cx.settings()?;
    let mut found = project.check(is_license_expression);
    match Lockfile::read(&project.root)? {
        None if args.lock => found.errors.push("poetry.lock was not found.".to_owned()),
        Some(lockfile) if !lockfile.is_fresh(project) => found.errors.push(
            "pyproject.toml changed significantly since poetry.lock was last generated. \
             Run `poetry lock` to fix the lock file."
                .to_owned(),
        ),
        _ => {}
    }
    for error in &found.errors {
        cx.console
            .error_line(format_args!("{ERROR}Error: {error}{ERROR:#}"));
    }
    for warning in &found.warnings {
        cx.console.warning(format_args!("Warning: {warning}"));
    }
    if !found.errors.is_empty() || (args.strict && !found.warnings.is_empty()) {
        return Err(Failure::silent());
    }
    if found.warnings.is_empty() {
        cx.console.line(format_args!("{INFO}All set!{INFO:#}"));
    }
    Ok(())
}
