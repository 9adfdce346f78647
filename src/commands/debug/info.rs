//! `mpoetry debug info`: which program runs, and in which environment.

use crate::cli::POETRY_VERSION;
use crate::commands::env;
use crate::console::{BOLD, INFO, VALUE};
use crate::context::Context;
use crate::failure::Failure;

/// Shows which program this is, and which environment the project uses
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {}

/// Poetry: it is a Python program, and tells of its own Python. Here there is none.
///
/// # Errors
/// As `env info`.
pub(crate) fn run(cx: &Context, _: &InfoArgs) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(Failure::caused)?;
    let folder = program.parent().unwrap_or(&program);
    cx.console.line(format_args!("\n{BOLD}Poetry{BOLD:#}"));
    let own = concat!("mpoetry ", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("Version", POETRY_VERSION.to_owned()),
        ("Program", own.to_owned()),
        ("Python", "NA".to_owned()),
        ("Path", folder.display().to_string()),
        ("Executable", program.display().to_string()),
    ] {
        let blank = format_args!("{:1$}", "", 11 - name.len());
        cx.console.line(format_args!(
            "{INFO}{name}{INFO:#}:{blank}{VALUE}{value}{VALUE:#}"
        ));
    }
    env::info::show(cx)
}
