//! `mpoetry cache prune`: take from the cache what is of no use.

use installer::prune::{Keep, prune};
use resolver::cache::Usage;

use super::{files, size};
use crate::context::Context;
use crate::failure::Failure;

/// Removes what is of no use any more
///
/// That is what runs that were killed have left behind, what earlier versions have kept, what is damaged, and what is known
/// of projects and Pythons that are gone. Waits until no other command uses the cache.
#[derive(Debug, clap::Args)]
pub(crate) struct PruneArgs {
    /// Keep only wheels that were built from sources: what a CI job should store, since an index has all else
    #[arg(long)]
    ci: bool,
}

/// # Errors
/// When something can't be removed.
pub(crate) fn run(cx: &Context, args: &PruneArgs) -> Result<(), Failure> {
    let (cache, alone) = cx.own_cache()?;
    let keep = match args.ci {
        true => Keep::BuiltWheels,
        false => Keep::Useful,
    };
    let taken = prune(&cache, keep, &alone).map_err(Failure::caused)?;
    if taken.is_empty() {
        cx.console.line("There is nothing to remove.");
        return Ok(());
    }
    let mut sum = Usage::default();
    for (_, usage) in &taken {
        sum += *usage;
    }
    cx.console
        .line(format_args!("Removed {} ({}):", files(sum), size(sum)));
    for (reason, usage) in &taken {
        let (files, size) = (files(*usage), size(*usage));
        cx.console
            .line(format_args!("  - {files} ({size}) {reason}"));
    }
    Ok(())
}
