//! `mpoetry new`: a folder with a new project.

use std::path::{Path, PathBuf};

use super::init::{self, Details, Place};
use crate::console::{INFO, NAME, WARNING};
use crate::context::Context;
use crate::failure::Failure;

/// Makes a new project in a folder of its own
///
/// The folder gets a pyproject.toml, a readme, a package and a folder for tests. What no option says is taken from git and
/// from the Python at hand, or asked for with -i. A folder that is not empty is left alone; `init` is for such.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The folder to make; its last name is that of the project, unless --name is given
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Ask for what options do not say
    #[arg(short, long)]
    interactive: bool,
    /// Put the package into `src` (deprecated: it is the default)
    #[arg(long)]
    src: bool,
    /// Put the package beside pyproject.toml
    #[arg(long)]
    flat: bool,
    /// The ending of the readme's name, such as md or rst
    #[arg(long, default_value = "md")]
    readme: String,
    #[command(flatten)]
    details: Details,
}

/// # Errors
/// When the folder is not empty, a dependency is not to be found, or something can't be written.
pub(crate) fn run(cx: &Context, args: &NewArgs) -> Result<(), Failure> {
    let current = std::env::current_dir().map_err(Failure::caused)?;
    if cx.start() != current {
        cx.console.error_line(format_args!(
            "{WARNING}--project only makes sense with existing projects, and will be ignored. \
             You should consider the option --path instead.{WARNING:#}"
        ));
    }
    // A path without `.` in it, and without a slash at its end.
    let root: PathBuf = current.join(&args.path).components().collect();
    if is_filled(&root)? {
        let root = root.display();
        return Err(Failure::new(format!(
            "Destination {WARNING}{root}{WARNING:#} exists and is not empty. Did you mean `poetry init`?"
        )));
    }
    if args.src {
        cx.console.error_line(format_args!(
            "The {NAME}--src{NAME:#} option is now the default and will be removed in a future version."
        ));
    }
    let place = Place {
        root: &root,
        in_src: !args.flat,
        readme: format!("README.{}", args.readme.to_lowercase()),
        is_new: true,
        is_interactive: cx.is_interactive && args.interactive,
    };
    let package = init::make(cx, &place, &args.details)?;
    let root = root.canonicalize().map_err(Failure::caused)?;
    let shown = match root.strip_prefix(&current) {
        Ok(path) if path.as_os_str().is_empty() => Path::new("."),
        Ok(path) => path,
        Err(_) => &root,
    };
    let shown = shown.display();
    cx.console.line(format_args!(
        "Created package {INFO}{package}{INFO:#} in {INFO}{shown}{INFO:#}"
    ));
    Ok(())
}

fn is_filled(folder: &Path) -> Result<bool, Failure> {
    match fs_err::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::caused(error)),
    }
}
