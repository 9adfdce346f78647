//! The commands: one file each, all of one shape.

pub(crate) mod affected;
pub(crate) mod bundle;
pub(crate) mod config;
pub(crate) mod env;
pub(crate) mod every;
pub(crate) mod graph;
pub(crate) mod install;
pub(crate) mod lock;
pub(crate) mod run;
pub(crate) mod sync;
pub(crate) mod update;

use crate::cli::{self, Command};
use crate::context::Context;
use crate::failure::Failure;

/// Runs a command; the result is the exit code.
///
/// # Errors
/// When the command fails.
pub(crate) fn run(cx: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::Affected(args) => affected::run(cx, args),
        Command::Bundle(args) => bundle::run(cx, args),
        Command::Config(args) => config::run(cx, args),
        Command::Env(args) => env::run(cx, args),
        Command::Graph(args) => graph::run(cx, args),
        Command::Install(args) => install::run(cx, args),
        Command::List => {
            cli::print_overview(cx.console);
            Ok(())
        }
        Command::Lock(args) => lock::run(cx, args),
        Command::Run(args) => return run::run(cx, args),
        Command::Sync(args) => sync::run(cx, args),
        Command::Update(args) => update::run(cx, args),
    }?;
    Ok(0)
}
