//! `mpoetry env list`: which environments the project has.

use crate::console::INFO;
use crate::context::Context;
use crate::environment::Located;
use crate::failure::Failure;

/// Lists the project's environments and marks the one that is used
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Show whole paths instead of names
    #[arg(long)]
    full_path: bool,
}

/// # Errors
/// When the settings or `envs.toml` can't be read.
pub(crate) fn run(cx: &Context, args: &ListArgs) -> Result<(), Failure> {
    let environments = cx.environments()?;
    let all = environments.all();
    // No question to any Python where there is nothing to mark.
    let used = if all.is_empty() {
        Located::Absent
    } else {
        environments.locate()?
    };
    for root in all {
        let shown = if args.full_path {
            root.display().to_string()
        } else {
            root.file_name().unwrap_or_default().display().to_string()
        };
        if used == Located::Environment(root) {
            cx.console
                .line(format_args!("{INFO}{shown} (Activated){INFO:#}"));
        } else {
            cx.console.line(shown);
        }
    }
    Ok(())
}
