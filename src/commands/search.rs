//! `mpoetry search`: which releases there are.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use resolver::dist::Priority;
use resolver::index::IndexError;
use resolver::requirement::Requirement;
use resolver::solver;

use crate::console::{BOLD, Console, INFO, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Edge, compact};

/// Lists the releases of packages on the project's sources
///
/// PyPI can't be searched by a part of a name any more, so a name must be whole there; a version after it narrows the list
/// down: "requests>=2.30". On other sources a part of a name will do.
#[derive(Debug, clap::Args)]
pub(crate) struct SearchArgs {
    /// The names of packages
    #[arg(required = true)]
    tokens: Vec<String>,
}

const SOURCE: Style = AnsiColor::Yellow.on_default().bold();

/// Poetry: on PyPI a word finds the project of this name alone, and one that is no requirement nothing. Other sources list
/// their projects; whichever has a word in its name is found, with all its releases.
///
/// # Errors
/// When PyPI can't be asked.
pub(crate) fn run(cx: &Context, args: &SearchArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    let sources = project.all_sources();
    let (index, runtime) = (cx.index()?, cx.runtime()?);
    let mut found = BTreeSet::new();
    for source in &sources {
        if source.priority == Priority::Explicit {
            continue;
        }
        if source.url.is_some() {
            match solver::listed(&args.tokens, source, index, runtime) {
                Ok(releases) => {
                    found.extend(
                        releases
                            .into_iter()
                            .map(|(name, version)| (name, version, &source.name)),
                    );
                }
                Err(error) => tell_unlisted(cx.console, &source.name, &error),
            }
            continue;
        }
        for token in &args.tokens {
            let Ok(requirement) = Requirement::parse(token, None) else {
                continue;
            };
            for version in solver::offered(project, &requirement, &source.name, index, runtime)? {
                found.insert((requirement.name.clone(), version, &source.name));
            }
        }
    }
    if found.is_empty() {
        let text = "No matching packages were found.";
        cx.console.line(format_args!("{INFO}{text}{INFO:#}"));
        return Ok(());
    }
    let head = ["Package", "Version", "Source", "Description"];
    let mut rows = vec![head.map(|word| format!("{BOLD}{word}{BOLD:#}")).to_vec()];
    rows.extend(found.iter().map(|(name, version, source)| {
        vec![
            format!("{NAME}{name}{NAME:#}"),
            format!("{BOLD}{version}{BOLD:#}"),
            format!("{SOURCE}{source}{SOURCE:#}"),
            String::new(),
        ]
    }));
    for line in compact(&rows, Edge::Space) {
        cx.console.line(line);
    }
    Ok(())
}

/// Poetry: a source that does not tell what it has is passed over.
fn tell_unlisted(console: &Console, source: &str, error: &IndexError) {
    console.warning(format_args!("Source ({source}): {error}"));
    console.warning(format_args!(
        "Source ({source}): Unable to retrieve package listing from package source {source}"
    ));
}
