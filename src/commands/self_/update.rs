//! `mpoetry self update`: how this program is updated.

use crate::cli::POETRY_VERSION;
use crate::context::Context;
use crate::failure::Failure;

/// Tells how this program is updated
#[derive(Debug, clap::Args)]
pub(crate) struct UpdateArgs {
    /// The version of Poetry that is wanted
    // The global option has the plain name.
    #[arg(
        id = "poetry-version",
        value_name = "VERSION",
        default_value = "latest",
        hide_default_value = true
    )]
    version: String,
    /// Accepted for Poetry's sake
    #[arg(long)]
    preview: bool,
    /// Accepted for Poetry's sake: nothing is done anyway
    #[arg(long)]
    dry_run: bool,
}

/// # Errors
/// Unless the version that is wanted is the one that this program stands for.
pub(crate) fn run(cx: &Context, args: &UpdateArgs) -> Result<(), Failure> {
    if args.version == POETRY_VERSION {
        cx.console.line(format_args!(
            "Nothing to update: this program stands for Poetry {POETRY_VERSION}."
        ));
        return Ok(());
    }
    let own = env!("CARGO_PKG_VERSION");
    let program = std::env::current_exe().map_err(Failure::caused)?;
    let program = program.display();
    Err(Failure::new(format!(
        "mpoetry does not update itself: this is version {own}, and it stands for Poetry {POETRY_VERSION}."
    ))
    .hint(format!(
        "It is the one file `{program}`. Get the new version the way this one came (a package manager, an image, \
         `cargo build --release` in its sources), and put it in that place."
    )))
}
