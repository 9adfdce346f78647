//! `show <package>`: what is known of one package.

use indexmap::IndexMap;
use resolver::lock::{LockedPackage, Tree, required_by};
use resolver::name::PackageName;
use serde::Serialize;

use super::trees::print_tree;
use super::{Locked, ShowArgs};
use crate::console::{BOLD, INFO, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::json;
use crate::table::{Edge, compact};

/// # Errors
/// When the package is not locked.
pub(super) fn show(
    cx: &Context,
    args: &ShowArgs,
    locked: &Locked<'_>,
    name: &str,
) -> Result<(), Failure> {
    let packages = &locked.lockfile.packages;
    let package = find(cx, locked, name)?;
    let required_by = required_by(packages, &package.name);
    if args.tree && args.why {
        show_ways(cx, package, packages, required_by.keys().copied(), name);
    } else if args.tree {
        print_tree(cx.console, package, Tree::of(package, packages));
    } else if args.is_json() {
        let line = json::to_line(&Facts::of(package, required_by));
        cx.console.line(line);
    } else {
        show_facts(cx, package, &required_by);
    }
    Ok(())
}

/// Poetry: where a name is locked more than once, the one that is for this system is meant.
fn find<'a>(
    cx: &Context,
    locked: &Locked<'a>,
    written: &str,
) -> Result<&'a LockedPackage, Failure> {
    let name = PackageName::new(written);
    let packages = locked.lockfile.packages.iter();
    let named: Vec<&LockedPackage> = packages.filter(|package| package.name == name).collect();
    match named.as_slice() {
        [] => Err(Failure::new(format!("Package {written} not found"))),
        [package] => Ok(package),
        [first, ..] => {
            let is_required = locked.required(cx, &cx.surroundings()?)?;
            let required = named.iter().find(|package| is_required(package));
            Ok(required.unwrap_or(first))
        }
    }
}

/// Poetry: parents are found by their normalised names, so that one with another spelling is not shown.
fn show_ways<'a>(
    cx: &Context,
    package: &LockedPackage,
    packages: &[LockedPackage],
    parents: impl Iterator<Item = &'a str>,
    name: &str,
) {
    let parents: Vec<&str> = parents.collect();
    if parents.is_empty() {
        cx.console
            .line(format_args!("Package {name} is a direct dependency."));
        let tree = Tree::to(package, packages, &package.name);
        print_tree(cx.console, package, tree);
    }
    for parent in packages {
        if parents.contains(&parent.name.as_str()) {
            let tree = Tree::to(parent, packages, &package.name);
            print_tree(cx.console, parent, tree);
        }
    }
}

fn show_facts(cx: &Context, package: &LockedPackage, required_by: &IndexMap<&str, String>) {
    let (name, version) = (&package.pretty_name, &package.version);
    let row =
        |title: &str, value: String| vec![format!("{INFO}{title}{INFO:#}"), format!(" : {value}")];
    let rows = [
        row("name", format!("{NAME}{name}{NAME:#}")),
        row("version", format!("{BOLD}{version}{BOLD:#}")),
        row("description", package.description.clone()),
    ];
    for line in compact(&rows, Edge::Space) {
        cx.console.line(line);
    }
    if !package.requirements.is_empty() {
        cx.console
            .line(format_args!("\n{INFO}dependencies{INFO:#}"));
    }
    for requirement in &package.requirements {
        let (name, constraint) = (&requirement.pretty_name, requirement.shown_constraint());
        cx.console.line(format_args!(
            " - {NAME}{name}{NAME:#} {BOLD}{constraint}{BOLD:#}"
        ));
    }
    if !required_by.is_empty() {
        cx.console.line(format_args!("\n{INFO}required by{INFO:#}"));
    }
    for (parent, constraint) in required_by {
        cx.console.line(format_args!(
            " - {NAME}{parent}{NAME:#} requires {BOLD}{constraint}{BOLD:#}"
        ));
    }
}

/// What `--format json` tells.
#[derive(Serialize)]
struct Facts<'a> {
    name: &'a str,
    version: String,
    description: &'a str,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    dependencies: IndexMap<&'a str, String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    required_by: IndexMap<&'a str, String>,
}

impl<'a> Facts<'a> {
    fn of(package: &'a LockedPackage, required_by: IndexMap<&'a str, String>) -> Self {
        let requirements = package.requirements.iter();
        Self {
            name: &package.pretty_name,
            version: package.version.to_string(),
            description: &package.description,
            dependencies: requirements
                .map(|requirement| {
                    (
                        requirement.pretty_name.as_str(),
                        requirement.shown_constraint(),
                    )
                })
                .collect(),
            required_by,
        }
    }
}
