//! `mpoetry cache size`: how much is kept.

use resolver::cache::{Bucket, Usage};

use super::{files, size};
use crate::console::{BOLD, INFO};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::width;

/// Shows how much is kept, and of what
#[derive(Debug, clap::Args)]
pub(crate) struct SizeArgs {}

/// # Errors
/// When the cache can't be read.
pub(crate) fn run(cx: &Context, _: &SizeArgs) -> Result<(), Failure> {
    let cache = cx.cache()?;
    let mut rows = Vec::new();
    let mut sum = Usage::default();
    for bucket in Bucket::ALL {
        let usage = Usage::of(&cache.bucket(bucket)).map_err(Failure::caused)?;
        if usage.files > 0 {
            rows.push((bucket.name(), usage));
            sum += usage;
        }
    }
    rows.push(("all", sum));
    let widest = |text: &dyn Fn(Usage) -> String| {
        let widths = rows.iter().map(|(_, usage)| width(&text(*usage)));
        widths.max().unwrap_or(0)
    };
    let (sizes, counts) = (widest(&size), widest(&files));
    for (name, usage) in &rows {
        let (size, files) = (size(*usage), files(*usage));
        cx.console.line(format_args!(
            "{INFO}{name:<9}{INFO:#}  {BOLD}{size:>sizes$}{BOLD:#}  {files:>counts$}"
        ));
    }
    Ok(())
}
