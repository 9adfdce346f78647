//! `mpoetry install`: bring the environment to what `poetry.lock` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use installer::build::{BuildError, has_build_script};
use installer::editable;
use installer::environment::{Draft, Environment, Installed};
use installer::fetch;
use installer::install::{InstallError, Installer};
use installer::plan::{Plan, PlanOptions, Selection};
use installer::trees::{SeenTrees, Trees, World};
use resolver::lock::{LockError, Lockfile};
use resolver::name::GroupName;
use resolver::project::Project;
use resolver::solver::Part;

use super::every::{EveryArgs, every_at_once};
use super::lock;
use crate::console::{BOLD, Console, INFO, NAME, Output, Verbosity, WARNING};
use crate::context::Context;
use crate::environment::Located;
use crate::failure::{self, Failure};
use crate::progress::{self, Installing};
use crate::remote_cache::RemoteCacheArgs;
use crate::selection::{self, DefaultGroups, ExtraArgs, GroupArgs};
use crate::shortcut;

/// Installs the project's dependencies
///
/// Installs what poetry.lock says into the project's environment, and the project itself as an editable
/// package. Without a lock file the dependencies are resolved first, and the lock file is written. What is
/// installed besides stays; `sync` removes it.
#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Remove what is not wanted (deprecated: use `sync`)
    #[arg(long)]
    sync: bool,
}

/// What to install: the options of `install` and `sync`.
#[derive(Debug, clap::Args)]
pub(crate) struct WhatArgs {
    #[command(flatten)]
    groups: GroupArgs,
    /// Take all dependency groups, the optional ones too
    #[arg(long)]
    all_groups: bool,
    #[command(flatten)]
    extras: ExtraArgs,
    /// Leave out the project itself
    #[arg(long)]
    no_root: bool,
    /// Install the project itself and nothing else
    #[arg(long)]
    only_root: bool,
    /// Leave out path dependencies that are directories (for a Docker layer without their sources)
    #[arg(long)]
    no_directory: bool,
    #[command(flatten)]
    every: EveryArgs,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Compile Python files to byte code
    #[arg(long)]
    compile: bool,
    #[command(flatten)]
    remote_cache: RemoteCacheArgs,
}

/// What to remove from an environment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Removal {
    Nothing,
    Unwanted,
}

/// # Errors
/// When options contradict each other, the lock file is stale, or something can't be installed.
pub(crate) fn run(cx: &Context, args: &InstallArgs) -> Result<(), Failure> {
    if !args.sync {
        return install(cx, &args.what, Removal::Nothing);
    }
    cx.console.warning(
        "The `--sync` option is deprecated and slated for removal, \
         use the `poetry sync` command instead.",
    );
    install(cx, &args.what, Removal::Unwanted)
}

/// Installs what `args` ask for.
///
/// # Errors
/// As [`run`].
pub(crate) fn install(cx: &Context, args: &WhatArgs, removal: Removal) -> Result<(), Failure> {
    cx.use_remote_cache(&args.remote_cache);
    if !args.every.is_given() {
        return cx.console.beside(|| install_one(cx, args, removal));
    }
    let projects = args.every.locked(cx)?;
    let work = |cx: &Context| match shortcut::answer_member(cx) {
        Some(()) => Ok(()),
        None => install_one(cx, args, removal),
    };
    let tally = cx.console.beside(|| every_at_once(cx, &projects, work));
    tally.verdict()
}

fn install_one(cx: &Context, args: &WhatArgs, removal: Removal) -> Result<(), Failure> {
    let project = cx.project()?;
    let located = cx.environments().ok().and_then(|it| it.locate().ok());
    // Poetry: the environment is made before any option is looked at.
    if located != Some(Located::Absent) || args.dry_run {
        cx.environment()?;
        return install_into(cx, args, removal, Start::default());
    }
    cx.environment_in_the_making(
        || fetch_ahead(cx, project, args),
        |draft, lockfile| install_into(cx, args, removal, Start { lockfile, draft }),
    )
}

/// What an installation has when it starts.
#[derive(Default)]
struct Start<'a> {
    /// The lock file, if it has been read.
    lockfile: Option<Lockfile>,
    /// The environment, if it is still in the making.
    draft: Option<&'a Draft>,
}

/// Installs into the environment that is there, or at least begun.
fn install_into(
    cx: &Context,
    args: &WhatArgs,
    removal: Removal,
    start: Start<'_>,
) -> Result<(), Failure> {
    let (project, environment) = (cx.project()?, cx.environment()?);
    args.check()?;
    let groups = args.groups(project, cx.console)?;

    let is_locked = project.root.join("poetry.lock").exists();
    let lockfile = if is_locked {
        from_lock(cx, project, start.lockfile)
    } else {
        from_scratch(cx, project, args)
    }?;
    let extras = args.extras.choose(lockfile.extras.keys())?;
    tell_finding(cx);
    let options = PlanOptions {
        synchronize: removal == Removal::Unwanted,
        root: project.package_name(),
        folder: project.root.clone(),
        skip_directories: args.no_directory,
        ..PlanOptions::default()
    };
    let markers = &environment.interpreter.markers;
    let re_resolve = cx.settings()?.re_resolve || !lockfile.metadata.has_groups_and_markers();
    let lockfile = if is_locked && re_resolve {
        let part = Part {
            groups: &groups,
            extras: Some(&extras),
            environment: markers,
        };
        cx.resolve_among(project, &lockfile, &part)?
    } else {
        lockfile
    };
    let how = How {
        draft: start.draft,
        dry_run: args.dry_run,
        verbose: args.dry_run || cx.console.is_verbose(),
        compile: args.compile,
    };
    let selection = Selection { groups, extras };
    let brought = bring(cx, environment, &lockfile, &selection, options, how)?;
    if !is_locked && !args.dry_run {
        lock::write(cx, &lockfile)?;
    }
    install_root(cx, project, environment, &brought.installed, args)?;
    if is_locked && !re_resolve && !args.dry_run {
        shortcut::remember_install(cx, environment, brought)?;
    }
    Ok(())
}

/// Poetry: a line before it decides what to do.
pub(crate) fn tell_finding(cx: &Context) {
    if cx.console.is_verbose() {
        let text = "Finding the necessary packages for the current system";
        cx.console.line(format_args!("\n{INFO}{text}{INFO:#}"));
    }
}

/// Reads the lock and has the index asked for what the cache lacks of it, while an environment is made. What is wrong
/// is told later.
fn fetch_ahead(cx: &Context, project: &Project, args: &WhatArgs) -> Option<Lockfile> {
    let lockfile = Lockfile::read(&project.root).ok().flatten()?;
    let silent = Console::new(Output {
        verbosity: Verbosity::Quiet,
        ..Output::default()
    });
    let groups = args.groups(project, &silent).ok()?;
    // What others bring at the same time may be the same.
    let is_alone = cx.turns().is_none();
    if is_alone && lockfile.is_fresh(project) && lockfile.metadata.has_groups_and_markers() {
        let missing = fetch::missing(&cx.cache().ok()?, &lockfile, &groups);
        if !missing.is_empty() {
            let (index, runtime) = (cx.index().ok()?, cx.runtime().ok()?);
            fetch::fetch_ahead(
                index,
                &project.all_sources(),
                &cx.settings().ok()?.binary_policy,
                cx.remote_cache().ok()?,
                missing,
                runtime,
            );
        }
    }
    Some(lockfile)
}

/// The lock file, if it may be installed from. It may have been read already.
fn from_lock(
    cx: &Context,
    project: &Project,
    read_ahead: Option<Lockfile>,
) -> Result<Lockfile, Failure> {
    cx.console.line(format_args!(
        "{INFO}Installing dependencies from lock file{INFO:#}"
    ));
    let lockfile = match read_ahead {
        Some(lockfile) => lockfile,
        None => Lockfile::read(&project.root)?.ok_or(LockError::Missing)?,
    };
    if !lockfile.is_fresh(project) {
        return Err(Failure::new(
            "pyproject.toml changed significantly since poetry.lock was last generated. \
             Run `poetry lock` to fix the lock file.",
        ));
    }
    let must_resolve = !cx.settings()?.re_resolve && !lockfile.metadata.has_groups_and_markers();
    if must_resolve && cx.console.is_verbose() {
        let text = "Cannot install without re-resolving \
                    because the lock file is not at least version 2.1";
        cx.console.line(format_args!("{INFO}{text}{INFO:#}"));
    }
    Ok(lockfile)
}

/// A new lock file, which is not written before all is installed.
fn from_scratch(cx: &Context, project: &Project, args: &WhatArgs) -> Result<Lockfile, Failure> {
    args.extras.choose(project.extras.keys())?;
    cx.console
        .line(format_args!("{INFO}Updating dependencies{INFO:#}"));
    cx.resolve(project, None)
}

/// How a plan is carried out.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    /// The environment, if it is still in the making.
    pub(crate) draft: Option<&'a Draft>,
    /// Tell it, and do nothing.
    pub(crate) dry_run: bool,
    /// Tell what is skipped, too.
    pub(crate) verbose: bool,
    /// Write byte code.
    pub(crate) compile: bool,
}

/// What an environment was found to be like before anything was done to it.
pub(crate) struct Brought {
    /// Its distributions.
    pub(crate) installed: Vec<Installed>,
    /// If there was nothing to do: what else that depended on, files and folders of path dependencies.
    pub(crate) settled_by: Option<Vec<PathBuf>>,
}

/// Brings the environment to what is wanted of a lock, with words.
///
/// # Errors
/// When something can't be fetched, built or installed.
pub(crate) fn bring(
    cx: &Context,
    environment: &Environment,
    lockfile: &Lockfile,
    selection: &Selection,
    options: PlanOptions,
    how: How<'_>,
) -> Result<Brought, Failure> {
    let world = World {
        environment,
        folder: &cx.project()?.root,
        rules: &cx.build_rules()?,
    };
    // The environment's own pip may still be on its way. If the lock has none, it does not matter which is seen.
    let wants_pip = || lockfile.packages.iter().any(|it| it.name.as_str() == "pip");
    if let Some(draft) = how.draft.filter(|_| wants_pip()) {
        draft.complete();
    }
    let installed = environment.installed()?;
    let mut trees = Trees::read(environment);
    let options = PlanOptions {
        trees: trees.compare(&lockfile.packages, &installed, world),
        ..options
    };
    let markers = &environment.interpreter.markers;
    let plan = Plan::new(lockfile, selection, markers, &installed, &options);
    if let Some(problem) = plan.missing_source(world.folder) {
        return Err(Failure::new(problem));
    }
    let (seen, failure) = match carry_out(cx, environment, &plan, how) {
        Ok(seen) => (seen, None),
        Err(failure) => (SeenTrees::default(), Some(failure)),
    };
    if how.draft.is_some_and(|draft| !draft.complete()) {
        // Whoever finishes it tells why.
        return Err(Failure::silent());
    }
    if !how.dry_run {
        if plan.has_work() {
            trees.note(&lockfile.packages, world, seen)?;
        }
        trees.write();
    }
    let settled_by = || trees.places().map(Path::to_owned).collect();
    match failure {
        Some(failure) => Err(failure),
        None => Ok(Brought {
            installed,
            settled_by: (!plan.has_work()).then(settled_by),
        }),
    }
}

/// Carries out a plan. Returns what was seen of folders on the way.
fn carry_out(
    cx: &Context,
    environment: &Environment,
    plan: &Plan,
    how: How<'_>,
) -> Result<SeenTrees, Failure> {
    let project = cx.project()?;
    progress::print_summary(cx.console, plan, how.verbose);
    if how.dry_run || !plan.has_work() {
        if how.verbose {
            progress::print_operations(cx.console, plan, &project.root);
        }
        return Ok(SeenTrees::default());
    }
    cx.tell_unheeded_settings();
    let threads = cx.threads()?;
    let installer = Installer {
        index: cx.index()?,
        sources: &project.all_sources(),
        build: cx.build_frontend()?,
        policy: &cx.settings()?.binary_policy,
        environment,
        draft: how.draft,
        folder: project.root.clone(),
        runtime: cx.late_runtime(),
        threads: &threads,
        compile: how.compile,
        turns: cx.turns(),
    };
    let reporter = Installing::start(cx.console, plan, &project.root, how.verbose);
    let done = installer.run(plan, &reporter);
    drop(reporter);
    cx.tell_remote_cache();
    done.map_err(|error| install_failure(cx, error))
}

/// Poetry: what fails with one package is told among the operations, on stdout; what is no build back end's fault is
/// set in.
fn install_failure(cx: &Context, error: InstallError) -> Failure {
    let advice = error.advice(cx.console.is_verbose());
    let text = match &error {
        InstallError::Environment(_) | InstallError::Io(_) => return error.into(),
        InstallError::Build { .. } => {
            cx.console
                .line(format_args!("\n{WARNING}{error}{WARNING:#}\n"));
            return Failure::silent();
        }
        InstallError::Failed { source, .. } => {
            // The line about the package comes last, as a summary.
            let mut text = failure::with_causes(source.as_ref());
            text += &format!("\n\n{error}");
            text
        }
        _ => failure::with_causes(&error),
    };
    let text = advice.map_or(text.clone(), |advice| format!("{text}\n\n{advice}"));
    let lines: Vec<String> = text.lines().map(|line| format!("    | {line}\n")).collect();
    cx.console
        .line(format_args!("\n{WARNING}{}{WARNING:#}", lines.concat()));
    Failure::silent()
}

/// Poetry: the project itself is installed last, and always anew.
fn install_root(
    cx: &Context,
    project: &Project,
    environment: &Environment,
    installed: &[Installed],
    args: &WhatArgs,
) -> Result<(), Failure> {
    if args.no_root || !project.package_mode {
        return Ok(());
    }
    let name = project.name.as_deref().unwrap_or_default();
    let version = project.version.as_deref().unwrap_or_default();
    cx.console.line(format_args!(
        "\n{BOLD}Installing{BOLD:#} the current project: {NAME}{name}{NAME:#} ({BOLD}{version}{BOLD:#})"
    ));
    if args.dry_run {
        // Poetry: with colours the line above is one that would be written over.
        if !cx.console.is_coloured() {
            cx.console.line("");
        }
        return Ok(());
    }
    if has_build_script(project) {
        let requires = project.build_system.requires.join(", ");
        cx.console.error_line(format_args!(
            "{BOLD}Preparing{BOLD:#} build environment with build-system requirements {NAME}{requires}{NAME:#}"
        ));
        cx.build_frontend()?.run_build_script(project)?;
    }
    editable::remove_former(project, environment, installed)?;
    let warnings = editable::install_root(project, environment)
        .map_err(|error| root_failure(cx.console, error))?;
    for warning in warnings {
        cx.console.warning(format_args!("Warning: {warning}"));
    }
    Ok(())
}

/// Poetry: a project without its package is mostly an application, so there is a lot of advice.
fn root_failure(console: &Console, error: BuildError) -> Failure {
    if !matches!(error, BuildError::ModuleNotFound { .. }) {
        return error.into();
    }
    console.line("");
    Failure::plain(format!(
        "Error: The current project could not be installed: {error}\n\
         If you do not want to install the current project use --no-root.\n\
         If you want to use Poetry only for dependency management but not for packaging, \
         you can disable package mode by setting package-mode = false in your pyproject.toml file.\n\
         If you did intend to install the current project, \
         you may need to set `packages` in your pyproject.toml file.\n"
    ))
}

impl WhatArgs {
    /// Poetry: which options exclude each other.
    fn check(&self) -> Result<(), Failure> {
        let text = if !self.extras.extras.is_empty() && self.extras.all_extras {
            "You cannot specify explicit `--extras` while installing using `--all-extras`."
        } else if self.only_root && (self.groups.is_given() || self.all_groups) {
            "The `--with`, `--without`, `--only` and `--all-groups` options \
             cannot be used with the `--only-root` option."
        } else if self.only_root && self.no_root {
            "You cannot specify `--no-root` when using `--only-root`."
        } else if self.groups.is_given() && self.all_groups {
            "You cannot specify `--with`, `--without`, or `--only` when using `--all-groups`."
        } else {
            return Ok(());
        };
        Err(Failure::plain(text))
    }

    fn groups(&self, project: &Project, console: &Console) -> Result<BTreeSet<GroupName>, Failure> {
        if self.only_root {
            Ok(BTreeSet::new())
        } else if self.all_groups {
            Ok(selection::all_groups(project))
        } else {
            self.groups
                .choose(project, DefaultGroups::NotOptional, console)
        }
    }
}
