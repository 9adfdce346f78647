//! `mpoetry show`: what is locked, what of it is installed, who requires it, and what is newer.

mod list;
mod one;
mod trees;

use std::collections::BTreeSet;

use resolver::lock::{LockedPackage, Lockfile};
use resolver::name::GroupName;
use resolver::project::Project;
use resolver::solver::Part;

use crate::context::Context;
use crate::environment::Surroundings;
use crate::failure::Failure;
use crate::selection::{DefaultGroups, GroupArgs};

pub(crate) use trees::print_tree;

/// Shows which packages are locked, or all that is known of one
///
/// Names of packages that are not installed are red, or followed by (!) where there are no colours.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The package to look at
    package: Option<String>,
    #[command(flatten)]
    groups: GroupArgs,
    /// Show what packages require as a tree
    #[arg(short, long)]
    tree: bool,
    /// Show who requires a package; with --tree and a package, on which ways
    #[arg(long)]
    why: bool,
    /// Show the latest version, too
    #[arg(short, long)]
    latest: bool,
    /// Show only packages of which there is a later version, with that version
    #[arg(short, long)]
    outdated: bool,
    /// Show packages that are not for this system, too
    #[arg(short, long)]
    all: bool,
    /// Show only what the project itself requires
    #[arg(short = 'T', long)]
    top_level: bool,
    /// Don't cut lines to the width of the terminal
    #[arg(long)]
    no_truncate: bool,
    /// Print `text` or, except with --tree, `json`
    #[arg(short, long, default_value = TEXT)]
    format: String,
}

const TEXT: &str = "text";
const JSON: &str = "json";

/// A locked project, as far as the wanted groups go.
struct Locked<'a> {
    /// Without the other groups.
    project: Project,
    lockfile: &'a Lockfile,
    groups: BTreeSet<GroupName>,
}

/// # Errors
/// When options contradict each other, there is no lock file, or what is locked does not satisfy the project.
pub(crate) fn run(cx: &Context, args: &ShowArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    args.check()?;
    let Some(lockfile) = Lockfile::read(&project.root)? else {
        return Err(Failure::plain(
            "Error: poetry.lock not found. Run `poetry lock` to create it.",
        ));
    };
    let groups = (args.groups).choose(project, DefaultGroups::NotOptional, cx.console)?;
    let locked = Locked {
        project: project.with_groups(&groups),
        lockfile: &lockfile,
        groups,
    };
    match &args.package {
        Some(name) => one::show(cx, args, &locked, name),
        None if args.tree => {
            trees::show_all(cx, &locked);
            Ok(())
        }
        None => list::show(cx, args, &locked),
    }
}

impl ShowArgs {
    /// Poetry: which options exclude each other.
    fn check(&self) -> Result<(), Failure> {
        let has_package = self.package.is_some();
        let is_json = self.format == JSON;
        let text = if self.top_level && self.tree {
            "Cannot use --tree and --top-level at the same time."
        } else if self.top_level && has_package {
            "Cannot use --top-level when displaying a single package."
        } else if self.why && self.tree && !has_package {
            "--why requires a package when combined with --tree."
        } else if self.why && !self.tree && has_package {
            "--why cannot be used without --tree when displaying a single package."
        } else if !is_json && self.format != TEXT {
            "Invalid output format. Supported formats are: json, text."
        } else if is_json && self.tree {
            "--tree option can only be used with the text output option."
        } else {
            return Ok(());
        };
        Err(Failure::plain(format!("Error: {text}")))
    }

    fn is_json(&self) -> bool {
        self.format == JSON
    }

    /// Is the latest version wanted?
    fn shows_latest(&self) -> bool {
        self.latest || self.outdated
    }
}

impl Locked<'_> {
    /// Tells which packages are required in an environment.
    ///
    /// Poetry: it resolves again, among what is locked; all extras count as wanted.
    fn required(
        &self,
        cx: &Context,
        surroundings: &Surroundings,
    ) -> Result<impl Fn(&LockedPackage) -> bool + use<>, Failure> {
        let part = Part {
            groups: &self.groups,
            extras: None,
            environment: &surroundings.interpreter.markers,
        };
        let found = cx.resolve_among(cx.project()?, self.lockfile, &part)?;
        Ok(move |package: &LockedPackage| {
            let kind = |package: &LockedPackage| package.source.as_ref().map(|source| source.kind);
            found.packages.iter().any(|required| {
                required.name == package.name
                    && required.version == package.version
                    && kind(required) == kind(package)
            })
        })
    }
}
