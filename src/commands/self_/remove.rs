//! `mpoetry self remove`: what is built in stays.

use super::name_of;
use crate::context::Context;
use crate::failure::Failure;
use crate::plugins::Plugin;

/// Tells that no plugin can be removed
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The plugins
    #[arg(required = true, value_name = "PACKAGES")]
    packages: Vec<String>,
    /// Accepted for Poetry's sake
    #[arg(long)]
    dry_run: bool,
}

/// # Errors
/// Always: no plugin is there that could be removed.
pub(crate) fn run(_: &Context, args: &RemoveArgs) -> Result<(), Failure> {
    let names = args.packages.iter().map(|word| name_of(word));
    let (built_in, missing): (Vec<String>, Vec<String>) =
        names.partition(|name| Plugin::built_in().any(|plugin| plugin.name == *name));
    if missing.is_empty() {
        let built_in = built_in.join(", ");
        return Err(Failure::new(format!(
            "What is built in can't be removed: {built_in}"
        )));
    }
    let missing = missing.join(", ");
    Err(Failure::new(format!(
        "The following packages were not found: {missing}"
    )))
}
