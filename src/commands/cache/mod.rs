//! `mpoetry cache …`: what is kept to be faster next time.

mod clear;
mod list;
mod prune;
mod size;

use resolver::cache::Usage;

use crate::context::Context;
use crate::failure::Failure;

/// Shows and clears what is kept to be faster next time
#[derive(Debug, clap::Subcommand)]
pub(crate) enum CacheCommand {
    Clear(clear::ClearArgs),
    List(list::ListArgs),
    Prune(prune::PruneArgs),
    Size(size::SizeArgs),
}

/// # Errors
/// As the command below.
pub(crate) fn run(cx: &Context, command: &CacheCommand) -> Result<(), Failure> {
    match command {
        CacheCommand::Clear(args) => clear::run(cx, args),
        CacheCommand::List(args) => list::run(cx, args),
        CacheCommand::Prune(args) => prune::run(cx, args),
        CacheCommand::Size(args) => size::run(cx, args),
    }
}

/// `3 files`, `1 file`.
fn files(usage: Usage) -> String {
    let plural = if usage.files == 1 { "" } else { "s" };
    format!("{} file{plural}", usage.files)
}

/// `512 B`, `3.4 MB`: three digits that mean something, as disks are sold.
#[expect(
    clippy::cast_precision_loss,
    reason = "it is rounded to a tenth anyway"
)]
fn size(usage: Usage) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if usage.bytes < 1000 {
        return format!("{} B", usage.bytes);
    }
    let mut number = usage.bytes as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    // 999.95 would be shown as 1000.0.
    while number >= 999.95
        && let Some(next) = units.next()
    {
        number /= 1000.0;
        unit = Some(next);
    }
    format!("{number:.1} {}", unit.unwrap_or(&"kB"))
}

#[cfg(test)]
mod tests {
    use resolver::cache::Usage;

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (1_234_567_890, "1.2 GB"),
            (5_000_000_000_000_000, "5000.0 TB"),
        ] {
            assert_eq!(super::size(Usage { files: 1, bytes }), expected);
        }
    }
}
