//! `mpoetry self lock`: there is nothing to lock.

use super::NO_PACKAGES;
use crate::context::Context;
use crate::failure::Failure;

/// Tells that there is nothing to lock
#[derive(Debug, clap::Args)]
pub(crate) struct LockArgs {
    /// Accepted for Poetry's sake
    #[arg(long)]
    regenerate: bool,
}

/// # Errors
/// None.
pub(crate) fn run(cx: &Context, _: &LockArgs) -> Result<(), Failure> {
    cx.console.line(format_args!("{NO_PACKAGES} lock."));
    Ok(())
}
