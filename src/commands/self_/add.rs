//! `mpoetry self add`: plugins are built in, or can't be had.

use super::name_of;
use crate::console::{NAME, VALUE};
use crate::context::Context;
use crate::failure::Failure;
use crate::plugins::Plugin;

/// Tells what does the work of a plugin
///
/// Nothing is installed. Scripts that add a plugin whose work mpoetry does by itself can go on.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// The plugins
    #[arg(required = true, value_name = "NAME")]
    name: Vec<String>,
    #[command(flatten)]
    _accepted: AcceptedArgs,
}

/// Options of Poetry that say how a plugin would be installed.
#[derive(Debug, clap::Args)]
struct AcceptedArgs {
    /// Accepted for Poetry's sake, as all options here: nothing is installed
    #[arg(short, long)]
    editable: bool,
    /// Accepted for Poetry's sake
    #[arg(short = 'E', long)]
    extras: Vec<String>,
    /// Accepted for Poetry's sake
    #[arg(long)]
    source: Option<String>,
    /// Accepted for Poetry's sake
    #[arg(long)]
    allow_prereleases: bool,
    /// Accepted for Poetry's sake
    #[arg(long)]
    dry_run: bool,
}

/// # Errors
/// When there is nothing that does the work of a plugin.
pub(crate) fn run(cx: &Context, args: &AddArgs) -> Result<(), Failure> {
    let names: Vec<String> = args.name.iter().map(|word| name_of(word)).collect();
    let unknown = names.iter().filter(|name| Plugin::known(name).is_none());
    let unknown: Vec<String> = unknown.map(|name| format!("`{name}`")).collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        return Err(Failure::new(format!(
            "Plugins can't be added to mpoetry, and it has nothing built in for {unknown}."
        ))
        .hint("For what this plugin does, use Poetry: both work on the same project, lock file and environment."));
    }
    cx.console
        .line("Nothing to add: mpoetry needs no plugin for this.\n");
    for plugin in names.iter().filter_map(|name| Plugin::known(name)) {
        let stand_in = plugin.stand_in().unwrap_or_default();
        let name = plugin.name;
        cx.console.line(format_args!(
            "  - {NAME}{name}{NAME:#}: {VALUE}{stand_in}{VALUE:#}"
        ));
    }
    Ok(())
}
