//! `mpoetry debug resolve`: what a resolution comes to.

use std::cmp::Reverse;

use resolver::constraint::Constraint;
use resolver::lock::{LockedPackage, Tree};
use resolver::name::{ExtraName, GroupName};
use resolver::project::{Group, Project, ProjectError};
use resolver::requirement::Requirement;
use resolver::solver::{self, Part, Request, Wish};

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
    /// Packages to resolve instead of what the project requires: a name, `name@constraint`, or a line of PEP 508
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
    if !args.package.is_empty() {
        let words = args.package.iter();
        let requirements = words.map(|word| requirement(cx, word, &args.extras));
        project.groups = vec![Group {
            name: GroupName::main(),
            optional: false,
            requirements: requirements.collect::<Result<_, _>>()?,
        }];
        project.extra_requirements.clear();
        project.extras.clear();
    }
    Ok(project)
}

/// What a word asks for.
///
/// Poetry: a mere name asks for the newest release, or what is compatible with it.
fn requirement(cx: &Context, word: &str, extras: &[String]) -> Result<Requirement, Failure> {
    let folder = &cx.project()?.root;
    let (name, constraint) = match word.split_once('@') {
        Some((name, constraint)) if Constraint::parse(constraint).is_ok() => (name, constraint),
        _ => (word, ""),
    };
    let mut requirement = Requirement::parse(name, Some(folder)).map_err(Failure::caused)?;
    if !constraint.is_empty() {
        let constraint = Constraint::parse(constraint).map_err(Failure::caused)?;
        requirement = requirement.with_constraint(constraint);
    } else if !requirement.origin.is_direct() && requirement.constraint.is_any() {
        let wish = Wish {
            name: &requirement.pretty_name,
            constraint: None,
            prereleases: false,
            source: None,
        };
        let runtime = cx.runtime()?.handle();
        let newest = solver::newest(cx.project()?, &wish, cx.index()?, runtime)?;
        let caret = newest.caret();
        let constraint = Constraint::parse(&caret).map_err(Failure::caused)?;
        requirement = requirement.with_constraint(constraint);
        requirement.pretty_constraint = caret;
    }
    let extras = extras.iter().flat_map(|value| value.split_whitespace());
    requirement.extras.extend(extras.map(ExtraName::new));
    requirement.extras.sort();
    requirement.extras.dedup();
    Ok(requirement)
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
