//! `mpoetry env …`: about environments.

mod activate;
pub(crate) mod info;
mod list;
mod remove;
mod use_;

use crate::context::Context;
use crate::failure::Failure;

/// Shows and manages the project's environments
#[derive(Debug, clap::Subcommand)]
pub(crate) enum EnvCommand {
    Activate(activate::ActivateArgs),
    Info(info::InfoArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
    Use(use_::UseArgs),
}

/// # Errors
/// As the command below.
pub(crate) fn run(cx: &Context, command: &EnvCommand) -> Result<(), Failure> {
    match command {
        EnvCommand::Activate(args) => activate::run(cx, args),
        EnvCommand::Info(args) => info::run(cx, args),
        EnvCommand::List(args) => list::run(cx, args),
        EnvCommand::Remove(args) => remove::run(cx, args),
        EnvCommand::Use(args) => use_::run(cx, args),
    }
}
