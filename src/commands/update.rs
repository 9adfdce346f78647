//! `mpoetry update`: resolve with the latest versions, and bring the environment to them.

use std::collections::BTreeSet;

use installer::environment::Environment;
use installer::plan::{PlanOptions, Selection};
use resolver::lock::Lockfile;
use resolver::name::{GroupName, PackageName};
use resolver::project::Project;
use resolver::solver::Request;

use super::install::{self, How};
use super::lock;
use crate::console::{ERROR, INFO, NAME};
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
    let locked = names(previous.as_ref());
    refuse_strangers(&args.packages, project, &locked)?;
    let groups = (args.groups).choose(project, DefaultGroups::NotOptional, cx.console)?;

    cx.console
        .line(format_args!("{INFO}Updating dependencies{INFO:#}"));
    let request = if args.packages.is_empty() {
        previous.as_ref().map(Request::update).unwrap_or_default()
    } else {
        Request::latest(args.packages.iter().map(|name| PackageName::new(name)))
    };
    let (lockfile, _) = cx.resolve_noting(project, previous.as_ref(), &request)?;
    if let Some(environment) = environment {
        bring(cx, environment, &lockfile, locked, groups, args)?;
    }
    if !args.dry_run {
        lock::write(cx, &lockfile)?;
    }
    Ok(())
}

/// Brings the environment to what was resolved.
fn bring(
    cx: &Context,
    environment: &Environment,
    lockfile: &Lockfile,
    locked_before: BTreeSet<PackageName>,
    groups: BTreeSet<GroupName>,
    args: &UpdateArgs,
) -> Result<(), Failure> {
    let project = cx.project()?;
    install::tell_finding(cx);
    let options = PlanOptions {
        synchronize: args.sync,
        locked_before,
        root: project.package_name(),
        folder: project.root.clone(),
        ..PlanOptions::default()
    };
    let selection = Selection {
        groups,
        extras: BTreeSet::new(),
    };
    let how = How {
        dry_run: args.dry_run,
        // Poetry: `update` has no ear for `-v` here.
        verbose: args.dry_run,
        compile: false,
    };
    install::bring(cx, environment, lockfile, &selection, options, how)?;
    Ok(())
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

fn names(lockfile: Option<&Lockfile>) -> BTreeSet<PackageName> {
    let packages = lockfile.iter().flat_map(|lockfile| &lockfile.packages);
    packages.map(|package| package.name.clone()).collect()
}
