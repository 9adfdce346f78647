//! `mpoetry search`: which releases there are.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use resolver::dist::Priority;
use resolver::requirement::Requirement;
use resolver::solver;

use crate::console::{BOLD, INFO, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Edge, compact};

/// Lists the releases of packages on PyPI
///
/// PyPI can't be searched by a part of a name any more, so a name must be whole. A version after it narrows the list down:
/// "requests>=2.30".
#[derive(Debug, clap::Args)]
pub(crate) struct SearchArgs {
    /// The names of packages
    #[arg(required = true)]
    tokens: Vec<String>,
}

const SOURCE: Style = AnsiColor::Yellow.on_default().bold();

/// Poetry: other sources are not asked, and words that are no requirements find nothing.
///
/// # Errors
/// When PyPI can't be asked.
pub(crate) fn run(cx: &Context, args: &SearchArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    let sources = project.all_sources();
    let pypi = sources
        .iter()
        .find(|source| source.url.is_none() && source.priority != Priority::Explicit);
    let mut found = BTreeSet::new();
    for token in &args.tokens {
        let (Some(pypi), Ok(requirement)) = (pypi, Requirement::parse(token, None)) else {
            continue;
        };
        let (index, runtime) = (cx.index()?, cx.runtime()?.handle());
        for version in solver::offered(project, &requirement, &pypi.name, index, runtime)? {
            found.insert((requirement.name.clone(), version));
        }
    }
    if found.is_empty() {
        let text = "No matching packages were found.";
        cx.console.line(format_args!("{INFO}{text}{INFO:#}"));
        return Ok(());
    }
    let head = ["Package", "Version", "Source", "Description"];
    let mut rows = vec![head.map(|word| format!("{BOLD}{word}{BOLD:#}")).to_vec()];
    rows.extend(found.iter().map(|(name, version)| {
        vec![
            format!("{NAME}{name}{NAME:#}"),
            format!("{BOLD}{version}{BOLD:#}"),
            format!("{SOURCE}PyPI{SOURCE:#}"),
            String::new(),
        ]
    }));
    for line in compact(&rows, Edge::Space) {
        cx.console.line(line);
    }
    Ok(())
}
