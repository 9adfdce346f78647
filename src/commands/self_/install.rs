//! `mpoetry self install`: there is nothing to install.

use super::NO_PACKAGES;
use crate::context::Context;
use crate::failure::Failure;

/// Tells that there is nothing to install
#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    /// Accepted for Poetry's sake
    #[arg(long)]
    sync: bool,
    /// Accepted for Poetry's sake
    #[arg(long)]
    dry_run: bool,
}

/// # Errors
/// None.
pub(crate) fn run(cx: &Context, _: &InstallArgs) -> Result<(), Failure> {
    cx.console.line(format_args!("{NO_PACKAGES} install."));
    Ok(())
}
