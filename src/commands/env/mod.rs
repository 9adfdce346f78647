//! `mpoetry env …`: about environments.

pub(crate) mod info;

use crate::context::Context;
use crate::failure::Failure;

/// Shows and manages the project's environments
#[derive(Debug, clap::Subcommand)]
pub(crate) enum EnvCommand {
    Info(info::InfoArgs),
}

/// # Errors
/// As the command below.
pub(crate) fn run(cx: &Context, command: &EnvCommand) -> Result<(), Failure> {
    match command {
        EnvCommand::Info(args) => info::run(cx, args),
    }
}
