//! `mpoetry about`: what this program is.

use crate::cli::POETRY_VERSION;
use crate::console::{INFO, VALUE};
use crate::context::Context;
use crate::failure::Failure;

/// Tells what this program is, and which Poetry it stands for
#[derive(Debug, clap::Args)]
pub(crate) struct AboutArgs {}

/// # Errors
/// None.
pub(crate) fn run(cx: &Context, _: &AboutArgs) -> Result<(), Failure> {
    let (core, own) = (installer::build::POETRY_CORE, env!("CARGO_PKG_VERSION"));
    // Poetry: these two lines are what scripts look for.
    cx.console.line(format_args!(
        "{INFO}mpoetry - Poetry's commands, for repositories with many projects\n\n\
         Version: {POETRY_VERSION}\nPoetry-Core Version: {core}{INFO:#}\n\n\
         {VALUE}mpoetry {own} does what these versions of Poetry do: on the same projects, with the same lock files,\n\
         and in the same environments.{VALUE:#}"
    ));
    Ok(())
}
