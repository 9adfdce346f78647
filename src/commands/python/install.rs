//! `mpoetry python install`: fetch a Python that stands alone.

use installer::python::standalone::{self, Builds, StandaloneError};

use super::{KindArgs, failure, title};
use crate::console::{BOLD, ERROR, NAME, VALUE, WARNING};
use crate::context::Context;
use crate::failure::{Failure, with_causes};

/// Installs a Python that stands alone
///
/// It comes from python-build-standalone, or for PyPy from its own project, is checked against the SHA-256 that this
/// program knows, and goes into `python.installation-dir`, where environments find it. PBS_INSTALLER_BASE_URL names
/// another place to fetch it from, by file name; MPOETRY_PYTHON_BUILDS another list of builds.
#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    /// The version, such as 3.13, 3.12.4 or 3.13t
    #[arg(value_name = "PYTHON")]
    python: String,
    /// Remove it again if it does not run
    #[arg(short, long)]
    clean: bool,
    #[command(flatten)]
    kind: KindArgs,
    /// Install it even if it is there
    #[arg(short, long)]
    reinstall: bool,
}

/// # Errors
/// When there is no such build, it is there already, can't be fetched, or does not run.
pub(crate) fn run(cx: &Context, args: &InstallArgs) -> Result<(), Failure> {
    let request = args.kind.request(&args.python)?;
    let settings = cx.settings()?;
    let builds = Builds::read(settings.python_builds.as_deref()).map_err(failure)?;
    let build = builds.find(&request).map_err(failure)?;
    let folder = settings.pythons.join(build.folder());
    let cache = cx.cache()?;
    if !args.reinstall {
        let present = standalone::installed(&folder, &cache);
        if present
            .map_err(|error| broken(&folder, &error.to_string()))?
            .is_some()
        {
            return Err(Failure::message(format!(
                "Python version already installed at {BOLD}{}{BOLD:#}.\n\n\
                 Use {NAME}--reinstall{NAME:#} to install anyway, \
                 or use {NAME}poetry python remove {}{NAME:#} first.",
                folder.display(),
                build.version
            )));
        }
    }

    let title = title(&request);
    cx.console
        .begin_line(format_args!("Downloading and installing {title} ... "));
    let index = cx.plain_index()?;
    let mirror = settings.python_mirror.as_deref();
    let installing = build.install(mirror, &settings.pythons, &index);
    if let Err(error) = cx.runtime()?.block_on(installing) {
        cx.console.line(format_args!("{ERROR}Failed{ERROR:#}"));
        return Err(unavailable(&error, &build.url(mirror)));
    }
    cx.console.line(format_args!("{VALUE}Done{VALUE:#}"));

    cx.console.begin_line(format_args!("Testing {title} ... "));
    if let Err(error) = standalone::installed(&folder, &cache) {
        cx.console.line(format_args!("{ERROR}Failed{ERROR:#}"));
        let failure = broken(&folder, &error.to_string());
        if args.clean {
            fs_err::remove_dir_all(&folder).map_err(Failure::caused)?;
        }
        return Err(failure);
    }
    cx.console.line(format_args!("{VALUE}Done{VALUE:#}"));
    Ok(())
}

fn unavailable(error: &StandaloneError, url: &str) -> Failure {
    let failure = Failure::new(with_causes(error));
    failure.hint(format!(
        "The build is fetched from {url}. Where that can't be reached, PBS_INSTALLER_BASE_URL names a place that has \
         a file of the same name."
    ))
}

fn broken(folder: &std::path::Path, reason: &str) -> Failure {
    let executable = standalone::executable(folder);
    let shown = executable.as_deref().unwrap_or(folder).display();
    Failure::message(format!(
        "\n{ERROR}One or more installed version do not work on your system. This is not a Poetry issue.{ERROR:#}\n\n\
         {BOLD}Failing Executables:{BOLD:#}\n  - {shown}\n    {reason}\n\n\
         {WARNING}This could happen because you are missing platform dependencies required.{WARNING:#}\n\n\
         {WARNING}Please remove the failing Python installation using `poetry python remove <version>` \
         before continuing.{WARNING:#}"
    ))
}
