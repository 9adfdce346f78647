//! `mpoetry build`: an sdist and a wheel of the project.

use std::path::{Path, PathBuf};

use clap::Args;
use installer::build::{
    BuildError, ConfigSettings, Distribution, build_natively, generates_setup, is_native,
};
use resolver::project::Project;
use resolver::version::Version;

use crate::console::{BOLD, Console, INFO, NAME, VALUE, WARNING};
use crate::context::Context;
use crate::failure::Failure;

/// Builds a package, as a tarball and a wheel by default
///
/// Projects of poetry-core are built without starting Python, file by file as poetry-core builds them, and the same
/// sources always give the same bytes. All others are built by their own back end, in an environment with its
/// requirements.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// What to build: sdist, wheel, or all, which is what is built without this option
    #[arg(short, long)]
    format: Option<String>,
    /// Remove all that is in the output folder first
    #[arg(long)]
    clean: bool,
    /// Replace the local part of the version (deprecated: use `--config-settings local-version=…`)
    #[arg(short, long, value_name = "LABEL")]
    local_version: Option<String>,
    /// The folder to put archives into, relative to the project
    #[arg(short, long, default_value = "dist")]
    output: PathBuf,
    /// What to tell the back end
    #[arg(short, long, value_name = "KEY=VALUE")]
    config_settings: Vec<String>,
}

/// # Errors
/// When an option is of no use, or the project can't be built.
pub(crate) fn run(cx: &Context, args: &BuildArgs) -> Result<(), Failure> {
    cx.project()?;
    let settings = settings(args, cx.console)?;
    let formats = formats(args.format.as_deref())?;
    build(cx, &formats, &args.output, args.clean, &settings)
}

/// Builds both archives, as without any option.
///
/// # Errors
/// As [`run`].
pub(crate) fn build_all(cx: &Context, output: &Path) -> Result<(), Failure> {
    build(cx, &formats(None)?, output, false, &ConfigSettings::new())
}

fn settings(args: &BuildArgs, console: &Console) -> Result<ConfigSettings, Failure> {
    let mut settings = ConfigSettings::new();
    if let Some(label) = &args.local_version {
        console.warning(format_args!(
            "`{BOLD}--local-version{BOLD:#}{WARNING}` is deprecated. \
             Use `{BOLD}--config-settings local-version={label}{BOLD:#}{WARNING}` instead."
        ));
        settings.insert(LOCAL_VERSION.to_owned(), label.clone().into());
    }
    for setting in &args.config_settings {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(Failure::new(format!(
                "Invalid config setting format: {setting}. \
                 Config settings must be in the format 'key=value'"
            )));
        };
        settings.insert(key.to_owned(), value.into());
    }
    Ok(settings)
}

/// The one setting that poetry-core knows.
const LOCAL_VERSION: &str = "local-version";

fn formats(word: Option<&str>) -> Result<Vec<Distribution>, Failure> {
    match word {
        None | Some("" | "all") => Ok(vec![Distribution::Sdist, Distribution::Wheel]),
        Some("sdist") => Ok(vec![Distribution::Sdist]),
        Some("wheel") => Ok(vec![Distribution::Wheel]),
        Some(word) => Err(Failure::new(format!("Invalid format: {word}"))),
    }
}

fn build(
    cx: &Context,
    formats: &[Distribution],
    output: &Path,
    clean: bool,
    settings: &ConfigSettings,
) -> Result<(), Failure> {
    let (project, console) = (cx.project()?, cx.console);
    if !project.package_mode {
        return Err(Failure::message(BuildError::NonPackageMode.to_string()));
    }
    let (name, version) = (
        project.name.as_deref().unwrap_or_default(),
        version(project),
    );
    console.line(format_args!(
        "Building {NAME}{name}{NAME:#} ({VALUE}{version}{VALUE:#})"
    ));
    let output = project.root.join(output);
    if clean {
        remove(&output).map_err(Failure::caused)?;
    }
    let is_native = is_native(project) || project.build_system.backend.is_none();
    if project.build_system.backend.is_none() {
        tell_missing_back_end(console);
    }
    for &what in formats {
        let word = what.name();
        console.line(format_args!("Building {INFO}{word}{INFO:#}"));
        // Poetry: a back end works in silence.
        if is_native {
            console.line(format_args!("  - Building {INFO}{word}{INFO:#}"));
        }
        let path = match is_native && !needs_poetry_core(project, what) {
            true => natively(cx, what, settings, &output)?,
            false => {
                let frontend = cx.build_frontend()?;
                frontend.distribution(project, what, settings, &output)?
            }
        };
        if is_native {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            console.line(format_args!("  - Built {VALUE}{file}{VALUE:#}"));
        }
    }
    Ok(())
}

fn needs_poetry_core(project: &Project, what: Distribution) -> bool {
    what == Distribution::Sdist && generates_setup(project)
}

fn natively(
    cx: &Context,
    what: Distribution,
    settings: &ConfigSettings,
    output: &Path,
) -> Result<PathBuf, Failure> {
    let label = settings.get(LOCAL_VERSION).and_then(|label| label.as_str());
    let label = label.filter(|label| !label.is_empty());
    let epoch = cx.source_date_epoch()?;
    Ok(build_natively(cx.project()?, what, label, epoch, output)?)
}

/// The version in its normal form, or as written if it has none.
fn version(project: &Project) -> String {
    let written = project.version.as_deref().unwrap_or_default();
    let version = written.parse::<Version>();
    version.map_or_else(|_| written.to_owned(), |version| version.to_string())
}

/// Poetry: without a back end it takes its own.
fn tell_missing_back_end(console: &Console) {
    console.warning(format_args!(
        "{BOLD}WARNING{BOLD:#}{WARNING}: No build backend defined. Please define one in the \
         {NAME}pyproject.toml{NAME:#}{WARNING}.\n\
         Falling back to using the built-in `poetry-core` version.\n\
         In a future release Poetry will fallback to `setuptools` as defined by PEP 517.\n\
         More details can be found at https://python-poetry.org/docs/libraries/#packaging"
    ));
}

/// Removes a folder, or the link to one. One that is not there is no fault.
fn remove(folder: &Path) -> std::io::Result<()> {
    let removed = match folder.is_symlink() {
        true => fs_err::remove_file(folder),
        false => fs_err::remove_dir_all(folder),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
