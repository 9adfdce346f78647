//! `mpoetry update`: resolve with the latest versions, and bring the environment to them.

use std::collections::BTreeSet;

use resolver::lock::Lockfile;
use resolver::name::PackageName;
use resolver::project::Project;
use resolver::solver::Request;

use super::install::Removal;
use super::relock::{self, Relock};
use crate::console::{ERROR, NAME};
use crate::context::Context;
use crate::failure::Failure;
use crate::selection::{DefaultGroups, GroupArgs};

/// Updates the project's dependencies to the latest versions that pyproject.toml allows
///
/// Resolves anew, of all packages or of those that are named, writes poetry.lock, and installs what has
/// changed. The project itself is not installed.
#[derive(Debug, clap::Args)]
pub(crate) struct UpdateArgs {
    /// The packages to update, by name; all others stay as they are locked
    packages: Vec<String>,
    #[command(flatten)]
    groups: GroupArgs,
    /// Remove what is not wanted
    #[arg(long)]
    sync: bool,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the lock file and install nothing
    #[arg(long)]
    lock: bool,
}

/// # Errors
/// When a name is not the project's, its requirements can't be satisfied, or something can't be installed.
pub(crate) fn run(cx: &Context, args: &UpdateArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    // Poetry: the environment is made before any option is looked at.
    let environment = (!args.lock).then(|| cx.environment()).transpose()?;
    refuse_versions(&args.packages)?;
    let previous = Lockfile::read(&project.root)?;
    let locked = relock::names(previous.as_ref());
    refuse_strangers(&args.packages, project, &locked)?;
    let groups = (args.groups).choose(project, DefaultGroups::NotOptional, cx.console)?;

    let request = if args.packages.is_empty() {
        previous.as_ref().map(Request::update).unwrap_or_default()
    } else {
        Request::latest(args.packages.iter().map(|name| PackageName::new(name)))
    };
    let relock = Relock {
        previous,
        request,
        groups,
        removal: if args.sync {
            Removal::Unwanted
        } else {
            Removal::Nothing
        },
        dry_run: args.dry_run,
        // Poetry: `update` has no ear for `-v` here.
        verbose: args.dry_run,
    };
    relock.run(cx, environment)
}

/// Poetry: whoever names a version wants `add`.
fn refuse_versions(words: &[String]) -> Result<(), Failure> {
    let with_version = words
        .iter()
        .filter(|word| word.contains(['>', '<', '=', '!', '~']));
    let lines: Vec<String> = with_version.map(|word| format!("\n  - {word}")).collect();
    if lines.is_empty() {
        return Ok(());
    }
    Err(Failure::message(format!(
        "{ERROR}Version specifiers are not allowed in {ERROR:#}{NAME}poetry update{NAME:#}\
         {ERROR}.{ERROR:#}{}\nUse {NAME}poetry add{NAME:#} to change version constraints.",
        lines.concat()
    )))
}

/// Poetry: a name must be one that the project requires, or one that is locked.
fn refuse_strangers(
    words: &[String],
    project: &Project,
    locked: &BTreeSet<PackageName>,
) -> Result<(), Failure> {
    let is_known = |word: &&String| {
        let name = PackageName::new(word);
        let mut required = project.requirements();
        required.any(|requirement| requirement.name == name) || locked.contains(&name)
    };
    let strangers: Vec<&str> = words
        .iter()
        .filter(|word| !is_known(word))
        .map(String::as_str)
        .collect();
    if strangers.is_empty() {
        return Ok(());
    }
    Err(Failure::plain(format!(
        "The following packages are not dependencies of this project: {}",
        strangers.join(", ")
    )))
}
