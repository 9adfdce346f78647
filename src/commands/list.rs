//! `mpoetry list`: which commands there are.

use crate::cli;
use crate::context::Context;
use crate::failure::Failure;

/// Lists commands
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// List only the commands of this namespace, like `env`
    namespace: Option<String>,
}

/// # Errors
/// When there is no such namespace.
pub(crate) fn run(cx: &Context, args: &ListArgs) -> Result<(), Failure> {
    match &args.namespace {
        Some(namespace) => cli::print_namespace(cx.console, namespace),
        None => {
            cli::print_overview(cx.console);
            Ok(())
        }
    }
}
