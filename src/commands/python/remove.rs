//! `mpoetry python remove`: remove a Python that `python install` has installed.

use super::{KindArgs, title};
use crate::console::{BOLD, ERROR, NAME, VALUE};
use crate::context::Context;
use crate::failure::Failure;

/// Removes Pythons that `python install` has installed
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The versions, with all three numbers: 3.12.4
    #[arg(value_name = "PYTHON", required = true)]
    python: Vec<String>,
    #[command(flatten)]
    kind: KindArgs,
}

/// # Errors
/// When a version is none or not exact, or can't be removed; the others are removed all the same.
pub(crate) fn run(cx: &Context, args: &RemoveArgs) -> Result<(), Failure> {
    let mut has_failed = false;
    for python in &args.python {
        if let Err(failure) = remove(cx, args, python) {
            failure.print(cx.console);
            has_failed = true;
        }
    }
    if has_failed {
        Err(Failure::silent())
    } else {
        Ok(())
    }
}

fn remove(cx: &Context, args: &RemoveArgs, python: &str) -> Result<(), Failure> {
    let request = args.kind.request(python)?;
    if !request.is_exact() {
        let version = &request.text;
        return Err(Failure::message(format!(
            "{ERROR}Invalid Python version requested {BOLD}{version}{BOLD:#}{ERROR:#}\n\n\
             You need to provide an exact Python version in the format {NAME}X.Y.Z{NAME:#} to be removed.\n\n\
             You can use {NAME}poetry python list -m{NAME:#} to list installed Poetry managed Python versions."
        )));
    }
    let folder = cx.settings()?.pythons.join(request.folder());
    let shown = folder.display();
    if !folder.exists() {
        cx.console
            .line(format_args!("No installation was found at {shown}."));
        return Ok(());
    }
    if cx.console.is_verbose() {
        cx.console.line(format_args!("Installation path: {shown}"));
    }
    cx.console.begin_line(format_args!(
        "Removing installation {} ... ",
        title(&request)
    ));
    if let Err(error) = fs_err::remove_dir_all(&folder) {
        cx.console.line(format_args!("{ERROR}Failed{ERROR:#}"));
        // Poetry goes on as if it were done.
        return Err(Failure::caused(error));
    }
    cx.console.line(format_args!("{VALUE}Done{VALUE:#}"));
    Ok(())
}
