//! `mpoetry debug tags`: which wheels fit the project's environment.

use anstyle::{AnsiColor, Style};

use crate::console::{BOLD, NAME};
use crate::context::Context;
use crate::failure::Failure;

/// Lists the tags of wheels that fit the project's environment, the best first
#[derive(Debug, clap::Args)]
pub(crate) struct TagsArgs {}

const PLATFORM: Style = AnsiColor::Yellow.on_default().bold();

/// # Errors
/// When no Python fits the project.
pub(crate) fn run(cx: &Context, _: &TagsArgs) -> Result<(), Failure> {
    for tag in cx.surroundings()?.interpreter.tags.iter() {
        let (python, abi, platform) = (&tag.python, &tag.abi, &tag.platform);
        cx.console.line(format_args!(
            "{NAME}{python}{NAME:#}-{BOLD}{abi}{BOLD:#}-{PLATFORM}{platform}{PLATFORM:#}"
        ));
    }
    Ok(())
}
