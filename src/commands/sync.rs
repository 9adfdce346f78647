//! `mpoetry sync`: as `install`, and remove what is not wanted.

use super::install::{self, Removal, WhatArgs};
use crate::context::Context;
use crate::failure::Failure;

/// Makes the environment hold exactly what the lock file asks for
///
/// As `install`, but installed packages that are not wanted are removed.
#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    what: WhatArgs,
}

/// # Errors
/// As [`install::run`].
pub(crate) fn run(cx: &Context, args: &SyncArgs) -> Result<(), Failure> {
    install::install(cx, &args.what, Removal::Unwanted)
}
