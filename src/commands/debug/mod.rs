//! `mpoetry debug …`: what the program knows.

mod info;
mod resolve;
mod tags;

use crate::context::Context;
use crate::failure::Failure;

/// Shows what there is to know when something goes wrong
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DebugCommand {
    Info(info::InfoArgs),
    Resolve(resolve::ResolveArgs),
    Tags(tags::TagsArgs),
}

/// # Errors
/// As the command below.
pub(crate) fn run(cx: &Context, command: &DebugCommand) -> Result<(), Failure> {
    match command {
        DebugCommand::Info(args) => info::run(cx, args),
        DebugCommand::Resolve(args) => resolve::run(cx, args),
        DebugCommand::Tags(args) => tags::run(cx, args),
    }
}
