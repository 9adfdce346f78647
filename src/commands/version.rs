//! `mpoetry version`: show the project's version, or count it up.

use resolver::project::edit::Manifest;
use resolver::version::{Bump, Phase, Version};

use crate::console::{BOLD, INFO, VALUE};
use crate::context::Context;
use crate::failure::Failure;

/// Shows the project's version, or sets it by a rule
///
/// The rules are patch, minor, major, prepatch, preminor, premajor and prerelease; anything else is the new version
/// itself.
#[derive(Debug, clap::Args)]
pub(crate) struct VersionArgs {
    /// The new version, or the rule by which it is made of the present one
    #[arg(value_name = "VERSION")]
    rule: Option<String>,
    /// Show the version alone
    #[arg(short, long)]
    short: bool,
    /// Tell the new version, and do not write it
    #[arg(long)]
    dry_run: bool,
    /// With `prerelease`: go on to the next phase, from alpha to beta, release candidate and release
    #[arg(long)]
    next_phase: bool,
}

/// Poetry: what the version of a project is that has none.
const NO_VERSION: &str = "0";

/// # Errors
/// When the new version is none, or can't be written.
pub(crate) fn run(cx: &Context, args: &VersionArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    let present = project.version.as_deref().unwrap_or(NO_VERSION);
    let present: Version = present.parse().map_err(|_| not_a_version(present))?;
    let Some(rule) = &args.rule else {
        if args.short {
            cx.console.line(present);
        } else {
            let name = project.title();
            cx.console.line(format_args!(
                "{VALUE}{name}{VALUE:#} {INFO}{present}{INFO:#}"
            ));
        }
        return Ok(());
    };
    let bump: Bump = rule.parse().map_err(|_| not_a_version(rule))?;
    let phase = if args.next_phase {
        Phase::Next
    } else {
        Phase::Same
    };
    let new = present.bump(&bump, phase);
    if args.short {
        cx.console.line(&new);
    } else {
        cx.console.line(format_args!(
            "Bumping version from {BOLD}{present}{BOLD:#} to {VALUE}{new}{VALUE:#}"
        ));
    }
    if !args.dry_run {
        let mut manifest = Manifest::read(&project.root)?;
        manifest.set_version(&new)?;
        manifest.save()?;
    }
    Ok(())
}

fn not_a_version(text: &str) -> Failure {
    Failure::new(format!("Invalid PEP 440 version: '{text}'"))
}
