//! `mpoetry cache list`: which caches there are.

use resolver::cache::{Bucket, Cache, entries};
use resolver::index::kept_sources;

use crate::console::INFO;
use crate::context::Context;
use crate::failure::Failure;

/// Lists the names of caches, as `cache clear` takes them
///
/// First come the sources, like PyPI, of which answers are kept, then everything else that is kept.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {}

/// # Errors
/// When the cache can't be read.
pub(crate) fn run(cx: &Context, _: &ListArgs) -> Result<(), Failure> {
    let cache = cx.cache()?;
    let sources = kept_sources(&cache).map_err(Failure::caused)?;
    let others = others(&cache).map(|bucket| bucket.name().to_owned());
    let names: Vec<String> = sources.into_iter().chain(others).collect();
    for name in &names {
        cx.console.line(format_args!("{INFO}{name}{INFO:#}"));
    }
    if names.is_empty() {
        cx.console.warning("No caches found");
    }
    Ok(())
}

/// The buckets that hold something other than answers of sources.
pub(super) fn others(cache: &Cache) -> impl Iterator<Item = Bucket> {
    let of_sources = [Bucket::Index, Bucket::Metadata];
    let others = Bucket::ALL.into_iter();
    let holds_something = |bucket: Bucket| {
        let entries = entries(&cache.bucket(bucket));
        entries.is_ok_and(|entries| !entries.is_empty())
    };
    others.filter(move |bucket| !of_sources.contains(bucket) && holds_something(*bucket))
}
