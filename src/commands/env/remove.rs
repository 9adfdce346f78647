//! `mpoetry env remove`: remove the project's environments.

use std::path::Path;

use crate::console::VALUE;
use crate::context::Context;
use crate::failure::Failure;

/// Removes environments of the project
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The environments: their names, or their Pythons, as `env use` takes them
    #[arg(value_name = "PYTHON")]
    python: Vec<String>,
    /// Remove all of them, and forget what `env use` chose
    #[arg(long)]
    all: bool,
}

/// # Errors
/// When one is not there, is another project's, or can't be removed.
pub(crate) fn run(cx: &Context, args: &RemoveArgs) -> Result<(), Failure> {
    let environments = cx.environments()?;
    let is_in_project = environments.virtualenvs.in_project == Some(true);
    if args.python.is_empty() && !args.all && !is_in_project {
        cx.console.line("No virtualenv provided.");
    }
    let remove = |root: &Path| {
        environments.remove(root)?;
        let root = root.display();
        cx.console
            .line(format_args!("Deleted virtualenv: {VALUE}{root}{VALUE:#}"));
        Ok::<(), Failure>(())
    };
    for name in &args.python {
        remove(&environments.find(name)?)?;
    }
    // Poetry: with `in-project` set, the project's own `.venv` goes in any case, and `--all` means no other.
    if args.all || is_in_project {
        let is_meant = |root: &Path| !is_in_project || root.starts_with(&environments.root);
        for root in environments.all().iter().filter(|root| is_meant(root)) {
            remove(root)?;
        }
    }
    if args.all {
        environments.forget(None)?;
    }
    Ok(())
}
