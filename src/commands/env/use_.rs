//! `mpoetry env use`: choose the Python of the project's environment.

use crate::console::VALUE;
use crate::context::Context;
use crate::failure::Failure;

/// Chooses the Python that the project uses, and makes an environment for it
///
/// Central environments are kept side by side, one for each minor version; the choice is noted in `envs.toml` beside
/// them. An environment in the project's folder is made again.
#[derive(Debug, clap::Args)]
pub(crate) struct UseArgs {
    /// A Python: its path, a command such as `python3.12`, or a version such as `3.12`; `system` forgets the choice
    #[arg(value_name = "PYTHON")]
    python: String,
}

/// Poetry: this word stands for no Python.
const SYSTEM: &str = "system";

/// # Errors
/// When there is no such Python, the project does not support it, or the environment can't be made.
pub(crate) fn run(cx: &Context, args: &UseArgs) -> Result<(), Failure> {
    let environments = cx.environments()?;
    if args.python == SYSTEM {
        if let Some(root) = environments.forget(None)? {
            let root = root.display();
            cx.console.error_line(format_args!(
                "Deactivating virtualenv: {VALUE}{root}{VALUE:#}"
            ));
        }
        return Ok(());
    }
    let project = cx.project()?;
    let python = environments.named(&args.python)?;
    let root = environments.select(&python, project, cx.console)?;
    let root = root.display();
    cx.console
        .line(format_args!("Using virtualenv: {VALUE}{root}{VALUE:#}"));
    Ok(())
}
