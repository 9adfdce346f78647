//! `show --tree`: what packages require, and what that requires in turn.

use anstyle::{AnsiColor, Style};
use resolver::lock::{Branch, LockedPackage, Tree};

use super::Locked;
use crate::console::{BOLD, Console, NAME};
use crate::context::Context;

/// Poetry: the colours of names by their depth; the first is that of the package at the top.
const COLOURS: [Style; 5] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Yellow.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Blue.on_default(),
];

/// Shows the trees of all packages that the project itself requires, wherever they are for.
pub(super) fn show_all(cx: &Context, locked: &Locked<'_>) {
    let packages = &locked.lockfile.packages;
    for package in packages {
        let mut requirements = locked.project.requirements();
        if requirements.any(|requirement| requirement.name == package.name) {
            print_tree(cx.console, package, Tree::of(package, packages));
        }
    }
}

/// Prints a package and the tree below it.
pub(crate) fn print_tree(console: &Console, package: &LockedPackage, tree: Tree<'_>) {
    let (name, version) = (&package.pretty_name, &package.version);
    let description = match package.description.as_str() {
        "" => String::new(),
        text => format!(" {text}"),
    };
    console.line(format_args!(
        "{NAME}{name}{NAME:#} {BOLD}{version}{BOLD:#}{description}"
    ));
    for branch in tree {
        console.line(line(&branch));
    }
}

/// Poetry: below the first level, lines have room for a remark at their end.
fn line(branch: &Branch<'_>) -> String {
    let depth = branch.goes_on.len();
    let (is_more, above) = branch.goes_on.split_last().unwrap_or((&false, &[]));
    let bars = above.iter().map(|goes_on| if *goes_on { "│" } else { " " });
    let bars: String = bars.map(|bar| format!("{bar}   ")).collect();
    let corner = if *is_more { "├" } else { "└" };
    let (name, constraint) = (
        &branch.requirement.name,
        branch.requirement.shown_constraint(),
    );
    let remark = match (depth, branch.is_cycle) {
        (1, _) => "",
        (_, true) => " (circular dependency aborted here)",
        (_, false) => " ",
    };
    let colour = COLOURS[depth % COLOURS.len()];
    format!("{bars}{corner}── {colour}{name}{colour:#} {constraint}{remark}")
}
