//! `mpoetry source show`: list the sources of the project.

use resolver::dist::Source;

use crate::console::{BOLD, Console, INFO, NAME};
use crate::context::Context;
use crate::failure::Failure;

/// Shows the project's sources of packages
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The sources to show; all if none is named
    #[arg(value_name = "SOURCE")]
    source: Vec<String>,
}

/// # Errors
/// When sources are named and the project has none of them.
pub(crate) fn run(cx: &Context, args: &ShowArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    let has_implicit_pypi = |sources: &[Source]| !sources.iter().any(is_pypi);
    if project.sources.is_empty() {
        cx.console.line("No sources configured for this project.\n");
        tell_implicit_pypi(cx.console, &project.all_sources());
        return Ok(());
    }
    let wanted: Vec<String> = args.source.iter().map(|name| name.to_lowercase()).collect();
    let is_wanted =
        |source: &&Source| wanted.is_empty() || wanted.contains(&source.name.to_lowercase());
    let shown: Vec<&Source> = project.sources.iter().filter(is_wanted).collect();
    if shown.is_empty() {
        return Err(Failure::plain(format!(
            "No source found with name(s): {}",
            args.source.join(", ")
        )));
    }
    for source in shown {
        print(cx.console, source);
    }
    if wanted.is_empty() && has_implicit_pypi(&project.sources) {
        tell_implicit_pypi(cx.console, &project.all_sources());
    }
    Ok(())
}

fn is_pypi(source: &Source) -> bool {
    source.url.is_none()
}

/// Poetry: a table, whose columns are filled up with blanks.
fn print(console: &Console, source: &Source) {
    let mut rows = vec![("name", source.name.as_str())];
    rows.extend(source.url.as_deref().map(|url| ("url", url)));
    rows.push(("priority", source.priority.as_str()));
    let width = rows.iter().map(|(_, text)| text.chars().count()).max();
    let width = width.unwrap_or_default();
    for (key, text) in rows {
        let style = if key == "name" {
            NAME
        } else {
            anstyle::Style::new()
        };
        console.line(format_args!(
            " {INFO}{key}{INFO:#}{:blank$}  : {style}{text}{style:#}{:rest$} ",
            "",
            "",
            blank = "priority".len() - key.len(),
            rest = width - text.chars().count(),
        ));
    }
    console.line("");
}

/// Poetry: PyPI is asked unless another primary source is named.
fn tell_implicit_pypi(console: &Console, all: &[Source]) {
    if !all.iter().any(is_pypi) {
        return;
    }
    console.line(format_args!(
        "{NAME}{BOLD}PyPI{BOLD:#}{NAME} is implicitly enabled as a {BOLD}primary{BOLD:#}{NAME} source. \
         If you wish to disable it, or alter its priority please refer to \
         {BOLD}https://python-poetry.org/docs/repositories/#package-sources{BOLD:#}{NAME}.{NAME:#}\n"
    ));
}
