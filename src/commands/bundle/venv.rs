//! `mpoetry bundle venv`: the command of Poetry's bundle plugin.

use std::path::PathBuf;

use installer::bundle::{BundleRequest, Bundler, Options, Target, read_lock};
use installer::plan::Selection;

use crate::console::{BOLD, INFO, NAME, VALUE};
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Bundling;
use crate::remote_cache::RemoteCacheArgs;
use crate::selection::{DefaultGroups, GroupArgs};

/// Bundles the current project into a virtual environment
///
/// Its libraries and the project itself are installed as wheels, not as editables, so that nothing there needs
/// the sources. Groups that are not optional are taken, as by `install`.
#[derive(Debug, clap::Args)]
pub(super) struct VenvArgs {
    /// The folder of the virtual environment
    path: PathBuf,
    #[command(flatten)]
    groups: GroupArgs,
    /// The Python to make the environment with (that of the project's environment)
    #[arg(short, long, value_name = "PYTHON")]
    python: Option<String>,
    /// Make the environment anew if it is there
    #[arg(long)]
    clear: bool,
    /// Compile Python files to byte code
    #[arg(long)]
    compile: bool,
    /// Take wheels for this platform, e.g. manylinux_2_28_aarch64 (this machine)
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    #[command(flatten)]
    remote_cache: RemoteCacheArgs,
}

/// # Errors
/// When the lock file is stale, or something can't be installed.
pub(super) fn run(cx: &Context, args: &VenvArgs) -> Result<(), Failure> {
    cx.use_remote_cache(&args.remote_cache);
    let project = cx.project()?;
    let groups = args
        .groups
        .choose(project, DefaultGroups::NotOptional, cx.console)?;
    let environments = cx.environments()?;
    let python = match &args.python {
        Some(name) => environments.named(name)?,
        None => environments.interpreter(&project.python_constraint)?,
    };
    let into = Said::new(cx, args)?;
    let made = match &args.python {
        Some(name) => format!("Creating a virtual environment using Python {BOLD}{name}{BOLD:#}"),
        None => "Creating a virtual environment using Poetry-determined Python".to_owned(),
    };
    into.line("");
    into.line(&made);
    let environment = environments.create_at(&args.path, &python, args.clear)?;
    let build = cx.build_frontend_for(environment.interpreter.clone())?;
    let target = Target::named(args.platform.as_deref(), None, &environment.interpreter);
    into.line("Installing dependencies");
    let lockfile = read_lock(project).map_err(|error| super::failure(cx, error))?;
    let request = BundleRequest {
        project,
        lockfile: &lockfile,
        selection: Selection {
            groups,
            ..Selection::default()
        },
        target: target.map_err(Failure::caused)?,
        folder: environment.root.clone(),
        // As the plugin installs them; they are told.
        options: Options {
            allow_overlaps: true,
            ..Options::default()
        },
    };
    let bundler = Bundler {
        index: cx.index()?,
        sources: &project.all_sources(),
        build: &build,
        runtime: cx.runtime()?.clone(),
    };
    let bundle = bundler.install(
        &request,
        &environment,
        args.compile,
        &Bundling::start_silently(cx.console),
    );
    cx.tell_remote_cache();
    let bundle = bundle.map_err(|error| super::failure(cx, error))?;
    let version = project.version.as_deref().unwrap_or_default();
    into.line(&if project.package_mode {
        format!(
            "Installing {NAME}{}{NAME:#} ({BOLD}{version}{BOLD:#})",
            into.name
        )
    } else {
        format!(
            "Skipping installation for non package project {NAME}{}{NAME:#}",
            into.name
        )
    });
    into.done();
    for warning in &bundle.warnings {
        cx.console.warning(format_args!("Warning: {warning}"));
    }
    Ok(())
}

/// The plugin's lines about what it does.
struct Said<'a> {
    cx: &'a Context<'a>,
    name: &'a str,
    what: String,
}

impl<'a> Said<'a> {
    fn new(cx: &'a Context<'a>, args: &VenvArgs) -> Result<Self, Failure> {
        let project = cx.project()?;
        let name = project.name.as_deref().unwrap_or("non-package-mode");
        let version = project.version.as_deref().unwrap_or("0");
        let path = args.path.display();
        Ok(Self {
            cx,
            name,
            what: format!(
                "{NAME}{name}{NAME:#} ({BOLD}{version}{BOLD:#}) into {VALUE}{path}{VALUE:#}"
            ),
        })
    }

    fn line(&self, doing: &str) {
        let mark = INFO.bold();
        let what = &self.what;
        let line = if doing.is_empty() {
            format!("  {mark}•{mark:#} Bundling {what}")
        } else {
            format!("  {mark}•{mark:#} Bundling {what}: {INFO}{doing}{INFO:#}")
        };
        self.cx.console.line(line);
    }

    fn done(&self) {
        let mark = VALUE.bold();
        self.cx.console.line(format_args!(
            "  {mark}•{mark:#} {VALUE}Bundled{VALUE:#} {}",
            self.what
        ));
    }
}
