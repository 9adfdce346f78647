//! `mpoetry source …`: about package sources.

mod add;
mod remove;
mod show;

use crate::context::Context;
use crate::failure::Failure;

/// Shows and changes the sources that packages come from
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SourceCommand {
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
    Show(show::ShowArgs),
}

/// # Errors
/// As the command below.
pub(crate) fn run(cx: &Context, command: &SourceCommand) -> Result<(), Failure> {
    match command {
        SourceCommand::Add(args) => add::run(cx, args),
        SourceCommand::Remove(args) => remove::run(cx, args),
        SourceCommand::Show(args) => show::run(cx, args),
    }
}
