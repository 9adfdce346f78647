//! `mpoetry self …`: about the program itself. Poetry's are about the packages of its own environment and its plugins;
//! there are neither here.

mod add;
mod install;
mod lock;
mod remove;
mod show;
mod sync;
mod update;

use crate::context::Context;
use crate::failure::Failure;

/// Tells about this program
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SelfCommand {
    Add(add::AddArgs),
    Install(install::InstallArgs),
    Lock(lock::LockArgs),
    Remove(remove::RemoveArgs),
    Show(show::ShowArgs),
    Sync(sync::SyncArgs),
    Update(update::UpdateArgs),
}

/// # Errors
/// As the command below.
pub(crate) fn run(cx: &Context, command: &SelfCommand) -> Result<(), Failure> {
    match command {
        SelfCommand::Add(args) => add::run(cx, args),
        SelfCommand::Install(args) => install::run(cx, args),
        SelfCommand::Lock(args) => lock::run(cx, args),
        SelfCommand::Remove(args) => remove::run(cx, args),
        SelfCommand::Show(args) => show::run(cx, args),
        SelfCommand::Sync(args) => sync::run(cx, args),
        SelfCommand::Update(args) => update::run(cx, args),
    }
}

/// Why there is nothing to lock or to install.
const NO_PACKAGES: &str = "mpoetry is one program without packages of its own: there is nothing to";

/// The normalised name in a word such as `poetry-plugin-export>=1.8`.
fn name_of(word: &str) -> String {
    let is_in_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = word.find(|c| !is_in_name(c)).unwrap_or(word.len());
    resolver::name::normalize(&word[..end])
}
