//! `mpoetry source remove`: remove a source from `pyproject.toml`.

use resolver::project::edit::Manifest;

use crate::console::{ERROR, NAME};
use crate::context::Context;
use crate::failure::Failure;

/// Removes a source of packages from the project
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// What the source is called
    #[arg(value_name = "NAME")]
    name: String,
}

/// # Errors
/// When there is no such source, or the file can't be written.
pub(crate) fn run(cx: &Context, args: &RemoveArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    let name = &args.name;
    let lower = name.to_lowercase();
    let mut sources = project.sources.iter();
    let Some(source) = sources.find(|source| source.name.to_lowercase() == lower) else {
        return Err(Failure::message(format!(
            "{ERROR}Source with name {ERROR:#}{NAME}{name}{NAME:#}{ERROR} was not found.{ERROR:#}"
        )));
    };
    let name = &source.name;
    cx.console.line(format_args!(
        "Removing source with name {NAME}{name}{NAME:#}."
    ));
    let mut manifest = Manifest::read(&project.root)?;
    manifest.remove_source(name)?;
    manifest.save()?;
    Ok(())
}
