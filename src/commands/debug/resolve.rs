//! `mpoetry debug resolve`: what a resolution comes to.

use std::cmp::Reverse;

use resolver::constraint::Constraint;
use resolver::lock::{LockedPackage, Tree};
use resolver::name::{ExtraName, GroupName};
use resolver::project::{Group, Project, ProjectError};
use resolver::requirement::Requirement;
use resolver::solver::{Part, Request};

use crate::commands::show::print_tree;
use crate::console::{BOLD, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::lookup::Lookup;
use crate::selection;
use crate::table::{Edge, compact};

/// Resolves the project, or other requirements, and shows what comes of it
///
/// The lock file is neither read nor written.
#[derive(Debug, clap::Args)]
pub(crate) struct ResolveArgs {
    /// Packages to resolve instead of what the project requires, as `add` takes them
    package: Vec<String>,
    /// Extras of these packages, separated by spaces
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
    if !args.package.is_empty() {
        project.groups = vec![Group {
            name: GroupName::main(),
            optional: false,
            requirements: requirements(cx, args)?,
        }];
        project.extra_requirements.clear();
        project.extras.clear();
    }
    Ok(project)
}

/// What the words ask for.
///
/// Poetry: a mere name asks for the newest release, or what is compatible with it.
fn requirements(cx: &Context, args: &ResolveArgs) -> Result<Vec<Requirement>, Failure> {
    let lookup = Lookup {
        is_told: false,
        ..Lookup::of_run(cx)?
    };
    let found = lookup.find(args.package.iter().map(String::as_str))?;
    let extras = args.extras.iter();
    let extras = extras.flat_map(|value| value.split_whitespace());
    let extras: Vec<ExtraName> = extras.map(ExtraName::new).collect();
    let requirements = found.into_iter().map(|found| {
        let mut requirement = found.requirement(lookup.base)?;
        requirement.extras.extend(extras.iter().cloned());
        requirement.extras.sort();
        requirement.extras.dedup();
        Ok(requirement)
    });
    requirements.collect()
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
