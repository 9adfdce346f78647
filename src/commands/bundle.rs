//! `mpoetry bundle`: the wheels of a service, of its libraries in the repository, and of all they need.

use std::path::PathBuf;

use installer::bundle::{Bundle, BundleError, BundleRequest, Bundler, Target};
use installer::plan::Selection;
use resolver::lock::Lockfile;
use resolver::project::workspace::{SelectError, Workspace};

use crate::console::{BOLD, NAME, VALUE};
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Bundling;
use crate::selection::{DefaultGroups, ExtraArgs, GroupArgs};

/// Bundles a service for an image that needs neither its sources nor an index
///
/// Writes wheels to `dist` in the service's folder: of the service itself, and below `deps` of the libraries
/// in the repository that it needs and of everything else that its lock file pins, with their hashes in
/// requirements.txt. Only the main dependencies are taken unless options say more. What is up to date is not
/// written again.
#[derive(Debug, clap::Args)]
pub(crate) struct BundleArgs {
    /// The service: its name, its folder's name, or its path
    service: String,
    #[command(flatten)]
    groups: GroupArgs,
    #[command(flatten)]
    extras: ExtraArgs,
    /// Leave out third-party wheels and requirements.txt
    #[arg(long)]
    only_libs: bool,
}

/// # Errors
/// When the service can't be found, its lock file is stale, or a wheel can't be had.
pub(crate) fn run(cx: &Context, args: &BundleArgs) -> Result<(), Failure> {
    let cx = &cx.of_project(find_service(cx, &args.service)?);
    let project = cx.project()?;
    let groups = args
        .groups
        .choose(project, DefaultGroups::Main, cx.console)?;
    let lockfile = Lockfile::read(&project.root)?;
    let extras = lockfile
        .as_ref()
        .map_or(&project.extras, |lockfile| &lockfile.extras);
    let extras = args.extras.choose(extras.keys())?;

    let build = cx.build_frontend()?;
    let request = BundleRequest {
        project,
        selection: Selection { groups, extras },
        target: Target::host(build.python()),
        libraries_only: args.only_libs,
    };
    let name = project.name.as_deref().unwrap_or("the project");
    let target = &request.target.description;
    cx.console
        .line(format_args!("Bundling {NAME}{name}{NAME:#} for {target}"));
    let bundler = Bundler {
        index: cx.index()?,
        sources: &project.all_sources(),
        build,
        runtime: cx.runtime()?.handle().clone(),
    };
    let bundle = bundler.bundle(&request, &Bundling::start(cx.console));
    tell(cx, &bundle.map_err(|error| failure(cx, error))?);
    Ok(())
}

fn tell(cx: &Context, bundle: &Bundle) {
    for warning in &bundle.warnings {
        cx.console.warning(format_args!("Warning: {warning}"));
    }
    let count = bundle.wheels.len();
    let plural = if count == 1 { "" } else { "s" };
    let folder = bundle.folder.display();
    if bundle.written {
        cx.console.line(format_args!(
            "\n{BOLD}Bundled{BOLD:#} {VALUE}{count}{VALUE:#} wheel{plural} into {folder}"
        ));
    } else {
        cx.console
            .line(format_args!("\nNothing to do: {folder} is up to date"));
    }
}

/// The folder of the project that is named, from anywhere in its repository.
///
/// # Errors
/// When none or more than one is called so.
pub(super) fn find_service(cx: &Context, word: &str) -> Result<PathBuf, Failure> {
    let current = cx.start();
    let root = Workspace::find_root(current).unwrap_or_else(|| current.to_owned());
    // A path needs no search.
    let unsearched = Workspace {
        root,
        members: Vec::new(),
    };
    if let Ok(folder) = unsearched.select(word, current) {
        return Ok(folder);
    }
    Workspace::discover(&unsearched.root)
        .select(word, current)
        .map_err(|error| {
            let near = match &error {
                SelectError::Unknown { near, .. } if !near.is_empty() => {
                    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
                    Some(format!("Did you mean {}?", names.join(" or ")))
                }
                _ => None,
            };
            Failure::caused(error).hint_if(near)
        })
}

fn failure(cx: &Context, error: BundleError) -> Failure {
    let lock = "Run `mpoetry lock` in that folder, and bundle again.";
    let advice = match &error {
        BundleError::NotLocked { .. }
        | BundleError::StaleLock { .. }
        | BundleError::OldLock { .. }
        | BundleError::StaleLibrary { .. } => Some(lock.to_owned()),
        BundleError::Fetch(error) => error.advice(cx.console.is_verbose()),
        _ => None,
    };
    Failure::caused(error).hint_if(advice)
}
