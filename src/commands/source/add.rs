//! `mpoetry source add`: add a source to `pyproject.toml`, or change one.

use resolver::dist::{Priority, Source};
use resolver::project::Project;
use resolver::project::edit::Manifest;

use crate::console::{BOLD, NAME, WARNING};
use crate::context::Context;
use crate::failure::Failure;

/// Adds a source of packages to the project, or changes the one of this name
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// What the source is called
    #[arg(value_name = "NAME")]
    name: String,
    /// The address of its simple API; every source needs one, but for PyPI, which can't have another
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// When it is asked: primary, supplemental or explicit (primary if nothing is said)
    #[arg(short, long)]
    priority: Option<String>,
}

const PYPI: &str = "PyPI";

/// # Errors
/// When such a source can't be.
pub(crate) fn run(cx: &Context, args: &AddArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    let source = args.source(cx)?;
    let name = &source.name;
    let lower = name.to_lowercase();
    if (project.sources.iter()).any(|source| source.name.to_lowercase() == lower) {
        cx.console.line(format_args!(
            "Source with name {NAME}{name}{NAME:#} already exists. Updating."
        ));
    } else {
        cx.console.line(format_args!(
            "Adding source with name {NAME}{name}{NAME:#}."
        ));
    }
    let mut manifest = Manifest::read(&project.root)?;
    manifest.set_source(&source)?;
    // What could not be read again is not written.
    Project::parse(&manifest.text(), &project.root)?;
    manifest.save()?;
    Ok(())
}

impl AddArgs {
    fn source(&self, cx: &Context) -> Result<Source, Failure> {
        let is_pypi = self.name.eq_ignore_ascii_case(PYPI);
        let url = self.url.as_ref().filter(|url| !url.is_empty());
        if is_pypi && url.is_some() {
            return Err(Failure::plain(
                "The URL of PyPI is fixed and cannot be set.",
            ));
        }
        if !is_pypi && url.is_none() {
            return Err(Failure::plain(
                "A custom source cannot be added without a URL.",
            ));
        }
        Ok(Source {
            name: if is_pypi { PYPI } else { &self.name }.to_owned(),
            url: url.cloned(),
            priority: self.priority(cx)?,
        })
    }

    fn priority(&self, cx: &Context) -> Result<Priority, Failure> {
        let Some(word) = &self.priority else {
            let next = Priority::Supplemental.as_str();
            cx.console.error_line(format_args!(
                "{WARNING}The default priority will change to {WARNING:#}{BOLD}{next}{BOLD:#}\
                 {WARNING} in a future release.{WARNING:#}"
            ));
            return Ok(Priority::Primary);
        };
        let named = Priority::ALL.into_iter();
        let mut named = named.filter(|priority| priority.as_str().eq_ignore_ascii_case(word));
        named.next().ok_or_else(|| {
            let known = Priority::ALL.map(Priority::as_str).join(", ");
            Failure::new(format!(
                "\"{word}\" is no priority of a source (valid are: {known})"
            ))
        })
    }
}
