//! `mpoetry debug resolve`: what a resolution comes to.

use std::cmp::Reverse;

use resolver::constraint::Constraint;
use resolver::lock::{LockedPackage, Tree};
use resolver::project::{Project, ProjectError};
use resolver::solver::{Part, Request};

use crate::commands::show::print_tree;
use crate::console::{BOLD, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::selection;
use crate::table::{Edge, compact};

/// Resolves the project, or other requirements, and shows what comes of it
///
/// The lock file is neither read nor written.
#[derive(Debug, clap::Args)]
pub(crate) struct ResolveArgs {
    /// Requirements to resolve instead of the project's own, in the form that `add` takes
    package: Vec<String>,
    /// Extras of these packages (repeat it, or separate names by spaces)
    #[arg(short = 'E', long)]
    extras: Vec<String>,
    /// The Pythons to resolve for
    #[arg(long)]
    python: Option<String>,
    /// Show what packages require as a tree
    #[arg(long)]
    tree: bool,
    /// Show what would be installed here, and nothing else
    #[arg(long)]
    install: bool,
}

/// # Errors
/// When a word is no requirement, or they can't be satisfied.
pub(crate) fn run(cx: &Context, args: &ResolveArgs) -> Result<(), Failure> {
    let project = subject(cx, args)?;
    let (lockfile, _) = cx.resolve_noting(&project, None, &Request::default())?;
    cx.console.line("\nResolution results:\n");
    if args.tree {
        show_trees(cx, &project, &in_order(lockfile.packages));
        return Ok(());
    }
    let lockfile = if args.install {
        let part = Part {
            groups: &selection::all_groups(&project),
            extras: None,
            environment: &cx.surroundings()?.interpreter.markers,
        };
        cx.resolve_among(&project, &lockfile, &part)?
    } else {
        lockfile
    };
    let rows: Vec<Vec<String>> = in_order(lockfile.packages)
        .iter()
        .map(|package| {
            let (name, version) = (&package.name, &package.version);
            vec![
                format!("{NAME}{name}{NAME:#}"),
                format!("{BOLD}{version}{BOLD:#}"),
            ]
        })
        .collect();
    for line in compact(&rows, Edge::Nothing) {
        cx.console.line(line);
    }
    Ok(())
}

/// The project that is resolved.
fn subject(cx: &Context, args: &ResolveArgs) -> Result<Project, Failure> {
    let mut project = cx.project()?.clone();
    if let Some(python) = &args.python {
        project.python_constraint =
            Constraint::parse_marker_version(python).map_err(ProjectError::Python)?;
        project.python_versions.clone_from(python);
    }
    Ok(project)
}

/// Poetry: what others need comes before them.
fn in_order(mut packages: Vec<LockedPackage>) -> Vec<LockedPackage> {
    packages.sort_by(|a, b| {
        let key = |package: &LockedPackage| (Reverse(package.depth), package.name.clone());
        key(a).cmp(&key(b)).then_with(|| a.version.cmp(&b.version))
    });
    packages
}

fn show_trees(cx: &Context, project: &Project, packages: &[LockedPackage]) {
    for package in packages {
        let mut requirements = project.requirements();
        if requirements.any(|requirement| requirement.name == package.name) {
            print_tree(cx.console, package, Tree::of(package, packages));
        }
    }
}
