//! `mpoetry self sync`: there is nothing to install.

use super::NO_PACKAGES;
use crate::context::Context;
use crate::failure::Failure;

/// Tells that there is nothing to install
#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    /// Accepted for Poetry's sake
    #[arg(long)]
    dry_run: bool,
}

/// # Errors
/// None.
pub(crate) fn run(cx: &Context, _: &SyncArgs) -> Result<(), Failure> {
    cx.console
        .line(format_args!("{NO_PACKAGES} install or to remove."));
    Ok(())
}
