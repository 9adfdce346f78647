//! `mpoetry remove`: remove requirements from `pyproject.toml`, the lock and the environment.

use std::collections::BTreeSet;

use resolver::name::PackageName;
use resolver::project::Project;
use resolver::project::edit::Manifest;

use super::relock::Relock;
use crate::context::Context;
use crate::failure::Failure;

/// Removes dependencies from pyproject.toml, the lock file and the environment
///
/// Without a group they are removed from the project's own dependencies and from all groups. A group that has nothing
/// left is removed, too. Nothing is changed if what is left can't be resolved.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The packages to remove, by name
    #[arg(required = true, value_name = "PACKAGES")]
    packages: Vec<String>,
    /// The dependency group to remove them from
    #[arg(short = 'G', long)]
    group: Option<String>,
    /// Remove them from the group `dev`: short for -G dev
    #[arg(short = 'D', long)]
    dev: bool,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the lock file and uninstall nothing
    #[arg(long)]
    lock: bool,
}

/// # Errors
/// When a package is not there, or what is left can't be resolved or installed.
pub(crate) fn run(cx: &Context, args: &RemoveArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    // Poetry: the environment is made before any option is looked at.
    let environment = (!args.lock).then(|| cx.environment()).transpose()?;
    let group = if args.dev {
        Some("dev")
    } else {
        args.group.as_deref()
    };
    let mut manifest = Manifest::read(&project.root)?;
    let removed = manifest.remove(&args.packages, group)?;
    let wanted: BTreeSet<String> = args.packages.iter().cloned().collect();
    let missing: Vec<&str> = wanted.difference(&removed).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(Failure::new(format!(
            "The following packages were not found: {}",
            missing.join(", ")
        )));
    }

    let edited = cx.of_edited(Project::parse(&manifest.text(), &project.root)?);
    let names = removed.iter().map(|name| PackageName::new(name));
    let relock = Relock::of_edit(edited.project()?, names, args.dry_run, cx.console)?;
    relock.run(&edited, environment)?;
    if !args.dry_run {
        manifest.save()?;
    }
    Ok(())
}
