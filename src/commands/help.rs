//! `mpoetry help`: how a command is used.

use clap::CommandFactory;

use crate::cli::{self, Cli};
use crate::context::Context;
use crate::failure::Failure;
use crate::help;

/// Shows the help of a command
///
/// `help show` is the same as `show --help`. Of commands in a namespace both words are given: `help cache clear`.
#[derive(Debug, clap::Args)]
pub(crate) struct HelpArgs {
    /// The command
    #[arg(value_name = "COMMAND_NAME", default_value = "help")]
    command: Vec<String>,
}

/// Poetry: it finds no command in a namespace here, and says that there is no command `help`.
///
/// # Errors
/// When there is no such command.
pub(crate) fn run(cx: &Context, args: &HelpArgs) -> Result<(), Failure> {
    let name = cli::known_command(&Cli::command(), &args.command)?;
    help::print(cx.console, &name);
    Ok(())
}
