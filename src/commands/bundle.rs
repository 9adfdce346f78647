//! `mpoetry bundle`: services, their libraries in the repository, and all they need, for images.

mod venv;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use installer::bundle::{
    Bundle, BundleError, BundleRequest, Bundler, Entry, Image, Layout, LocalVersion, Options, Pin,
    Target, name_of, read_lock,
};
use installer::oci::{Base, Logins, OciError};
use installer::plan::Selection;
use resolver::lock;
use resolver::monorepo::{Monorepo, Part, Purpose};
use resolver::name::GroupName;
use resolver::project::Project;
use resolver::project::workspace::{SelectError, Workspace};
use resolver::version::Version;

use super::affected;
use crate::console::{BOLD, NAME, VALUE};
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Bundling;
use crate::remote_cache::RemoteCacheArgs;
use crate::selection::{DefaultGroups, ExtraArgs, GroupArgs};
use crate::variables::Variables;

/// Bundles services for images that need neither their sources nor an index
///
/// Writes wheels to `dist` in the service's folder: of the service itself, and below `deps` of the libraries
/// in the repository that it needs and of everything else that its lock file pins, with their hashes in
/// requirements.txt, an account of it all in bundle.json, and a CycloneDX list in sbom.cdx.json. Only the main
/// dependencies are taken unless options say more. What is up to date is not written again.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BundleArgs {
    #[command(subcommand)]
    into: Option<Into>,
    /// The services: their names, their folders' names, or paths
    #[arg(required_unless_present_any = ["all", "affected"])]
    services: Vec<String>,
    /// Bundle every locked project of the repository that no other project in it depends on
    #[arg(long, conflicts_with = "services")]
    all: bool,
    /// Bundle the services of the repository whose bundles a change affects, as `affected --for bundle` tells
    #[arg(long, conflicts_with_all = ["services", "all"], requires = "since")]
    affected: bool,
    /// Where changes count from: a branch, a tag or a commit
    #[arg(long, value_name = "REF", requires = "affected")]
    since: Option<String>,
    #[command(flatten)]
    groups: GroupArgs,
    #[command(flatten)]
    extras: ExtraArgs,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    targets: TargetArgs,
    /// Leave out third-party wheels and all other files, for images that find packages themselves
    #[arg(long)]
    only_libs: bool,
    /// Which requirements of this repository's wheels to pin: local (of one another), none, or all (as locked)
    #[arg(long, value_name = "WHICH", default_value = "local")]
    pin: PinWord,
    /// Add a local label to the versions of this repository's wheels; without one it is made of the sources
    #[arg(long, value_name = "LABEL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    local_version: Option<String>,
    /// Refuse packages that the lock file has no hashes for, such as those from git
    #[arg(long)]
    require_hashes: bool,
    /// Bundle even if a library now requires what the lock file does not provide
    #[arg(long)]
    allow_stale_libs: bool,
    /// Bundle even if wheels bring different files of one name, of which an installer keeps one
    #[arg(long)]
    allow_overlaps: bool,
    /// Write a statement of provenance (in-toto, SLSA), to be signed by others; BUILDER is the address of who bundles
    #[arg(long, value_name = "BUILDER", num_args = 0..=1, require_equals = true, default_missing_value = LOCAL_BUILDER)]
    provenance: Option<String>,
    /// Build this repository's wheels twice and tell which builds differ, instead of bundling
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    remote_cache: RemoteCacheArgs,
}

/// Who bundles, if nobody says it: somebody on a machine of his own.
const LOCAL_BUILDER: &str = "urn:mpoetry:local";

/// Other things than a folder in the service's own that a bundle can be.
#[derive(Debug, clap::Subcommand)]
enum Into {
    Venv(venv::VenvArgs),
}

/// Options for the form of a bundle.
#[derive(Debug, clap::Args)]
struct FormArgs {
    /// What to write: wheels, tree (modules, copied as they are), zipapp (one file that Python runs), oci (a
    /// container image, in a folder), or oci-archive (the same as a tar archive)
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "wheels",
        hide_possible_values = true
    )]
    format: Format,
    /// How wheels are laid out: flat (deps and the service), or layers (a folder for each layer of an image)
    #[arg(long, value_name = "LAYOUT", default_value = "flat")]
    layout: WheelLayout,
    /// Write a Dockerfile that uses the bundle, with the image and the command of the service's own
    #[arg(long)]
    dockerfile: bool,
    /// How a zipapp starts: a module, or module:function
    #[arg(long, value_name = "ENTRY")]
    entry_point: Option<String>,
    /// The image below, for oci: a name as in FROM, oci:PATH, or scratch (that of the service's Dockerfile)
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,
    /// The image's name in what is written, for oci
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// The folder to write, and replace as a whole, instead of the service's dist; each of several gets one in it
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Options for what a bundle is made for.
#[derive(Debug, clap::Args)]
struct TargetArgs {
    /// The image's platform, e.g. linux/arm64 or musllinux_1_2_x86_64 (repeatable; this machine)
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<String>,
    /// The image's Python, e.g. 3.12 (repeatable; that of the service's environment)
    #[arg(long, value_name = "VERSION")]
    python: Vec<String>,
    /// A folder with wheels of this repository's libraries that can't be built here for the platform
    #[arg(long, value_name = "FOLDER")]
    wheel_from: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    Wheels,
    Tree,
    Zipapp,
    Oci,
    OciArchive,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum WheelLayout {
    Flat,
    Layers,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum PinWord {
    Local,
    None,
    All,
}

/// # Errors
/// When a service can't be found, its lock file is stale, or a wheel can't be had.
pub(crate) fn run(cx: &Context, args: &BundleArgs) -> Result<(), Failure> {
    if let Some(Into::Venv(args)) = &args.into {
        return venv::run(cx, args);
    }
    let folders = services(cx, args)?;
    let options = options(args)?;
    let count = folders.len();
    // An environment that is switched on in the shell can't be that of several services.
    let services: Vec<Context> = (folders.iter().cloned())
        .map(|folder| match count {
            1 => cx.of_project(folder),
            _ => cx.of_member(folder),
        })
        .collect();
    if count > 1 && args.form.output.is_some() {
        check_names(&services)?;
    }
    let mut failed = Vec::new();
    for (place, (folder, service)) in folders.iter().zip(&services).enumerate() {
        if place > 0 {
            cx.console.line("");
        }
        let done = bundle(service, args, &options, count > 1);
        match done {
            Ok(()) => {}
            Err(failure) if count == 1 => return Err(failure),
            Err(failure) => {
                failure.print(cx.console);
                let name = folder.file_name().unwrap_or(folder.as_os_str());
                failed.push(name.to_string_lossy().into_owned());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} of {count} services failed: {}",
        failed.len(),
        failed.join(", ")
    )))
}

/// Bundles one service for all targets.
fn bundle(
    cx: &Context,
    args: &BundleArgs,
    options: &Options,
    is_one_of_many: bool,
) -> Result<(), Failure> {
    cx.use_remote_cache(&args.remote_cache);
    let project = cx.project()?;
    // Reading a lock takes about as long as finding out what there is to build with.
    let (lockfile, build) = std::thread::scope(|threads| {
        let lockfile = threads.spawn(|| read_lock(project));
        let build = cx.build_frontend();
        (lockfile.join(), build)
    });
    let lockfile = lockfile.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let lockfile = lockfile.map_err(|error| failure(cx, error))?;
    let groups = &args.groups;
    let selection = Selection {
        groups: groups.choose(project, DefaultGroups::Main, cx.console)?,
        extras: args.extras.choose(lockfile.extras.keys())?,
    };
    let build = build?;
    let bundler = Bundler {
        index: cx.index()?,
        sources: &project.all_sources(),
        build,
        runtime: cx.runtime()?.clone(),
    };
    let name = project.name.as_deref().unwrap_or("the project");
    let targets = targets(&args.targets, |platform, python| {
        Target::named(platform, python, build.python()).map_err(Failure::caused)
    })?;
    let folder = output(args, project, is_one_of_many)?;
    let image = image(cx, &args.form)?;
    // An image may be for several targets; all else is for one.
    let is_shared = image.is_some() || targets.len() == 1;
    let requests: Vec<BundleRequest<'_>> = targets
        .into_iter()
        .map(|target| BundleRequest {
            project,
            lockfile: &lockfile,
            selection: selection.clone(),
            folder: if is_shared {
                folder.clone()
            } else {
                folder.join(&target.label)
            },
            target,
            options: options.clone(),
        })
        .collect();
    if args.verify {
        return verify(cx, &bundler, &requests[0]);
    }
    for request in &requests {
        let target = &request.target.description;
        cx.console
            .line(format_args!("Bundling {NAME}{name}{NAME:#} for {target}"));
        if image.is_none() {
            let bundle = bundler.bundle(request, &Bundling::start(cx.console));
            cx.tell_remote_cache();
            tell(cx, &bundle.map_err(|error| failure(cx, error))?);
        }
    }
    if let Some(image) = image {
        let bundle = bundler.image(&requests, &image, &Bundling::start(cx.console));
        cx.tell_remote_cache();
        tell(cx, &bundle.map_err(|error| failure(cx, error))?);
    }
    Ok(())
}

/// What image is asked for, if one is.
fn image(cx: &Context, form: &FormArgs) -> Result<Option<Image>, Failure> {
    let archived = match form.format {
        Format::Oci => false,
        Format::OciArchive => true,
        Format::Wheels | Format::Tree | Format::Zipapp => {
            if form.base.is_some() || form.tag.is_some() {
                let text = "`--base` and `--tag` are for images (`--format oci`)";
                return Err(Failure::new(text));
            }
            return Ok(None);
        }
    };
    let base = form.base.as_ref().map(|base| base.parse::<Base>());
    let logins = match docker_settings(cx.variables()).filter(|path| path.is_file()) {
        Some(path) => Logins::read(&path).map_err(image_failure)?,
        None => Logins::default(),
    };
    Ok(Some(Image {
        base: base.transpose().map_err(image_failure)?,
        archived,
        tag: form.tag.clone(),
        logins,
    }))
}

/// Where Docker keeps who a user is to registries.
fn docker_settings(variables: &Variables) -> Option<PathBuf> {
    let folder = match variables.filled("DOCKER_CONFIG") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(variables.get("HOME")?).join(".docker"),
    };
    Some(folder.join("config.json"))
}

fn image_failure(error: OciError) -> Failure {
    let advice = error.advice();
    Failure::caused(error).hint_if(advice)
}

fn verify(cx: &Context, bundler: &Bundler<'_>, request: &BundleRequest<'_>) -> Result<(), Failure> {
    let unstable = bundler.verify(request, &Bundling::start(cx.console));
    let unstable = unstable.map_err(|error| failure(cx, error))?;
    if unstable.is_empty() {
        cx.console
            .line("\nEvery wheel of this repository is the same whenever it is built");
        return Ok(());
    }
    let mut text = "not the same whenever they are built:".to_owned();
    for project in unstable {
        text += &format!("\n  - {}: {}", project.name, project.members.join(", "));
    }
    Err(Failure::new(text))
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

fn options(args: &BundleArgs) -> Result<Options, Failure> {
    let form = &args.form;
    let layout = match (form.format, form.layout) {
        (Format::Wheels, WheelLayout::Flat) => Layout::Wheels,
        (Format::Wheels, WheelLayout::Layers) => Layout::Layers,
        (Format::Tree, WheelLayout::Flat) => Layout::Tree,
        (Format::Zipapp, WheelLayout::Flat) => Layout::Zipapp,
        (Format::Oci | Format::OciArchive, WheelLayout::Flat) => Layout::Image,
        (_, WheelLayout::Layers) => {
            let text = "`--layout layers` is for wheels; other formats have one layout";
            return Err(Failure::new(text));
        }
    };
    if args.only_libs && form.format != Format::Wheels {
        let text = "`--only-libs` is for wheels: nothing would find the other packages";
        return Err(Failure::new(text));
    }
    let entry = match &form.entry_point {
        None => None,
        Some(text) => Some(Entry::parse(text).ok_or_else(|| {
            Failure::new(format!("`{text}` is neither a module nor module:function"))
        })?),
    };
    Ok(Options {
        layout,
        pin: match args.pin {
            PinWord::Local => Pin::Local,
            PinWord::None => Pin::None,
            PinWord::All => Pin::All,
        },
        local_version: match args.local_version.as_deref() {
            None => LocalVersion::None,
            Some("") => LocalVersion::OfSources,
            Some(label) => LocalVersion::Label(local_label(label)?),
        },
        libraries_only: args.only_libs,
        dockerfile: form.dockerfile,
        allow_stale_libraries: args.allow_stale_libs,
        allow_overlaps: args.allow_overlaps,
        require_hashes: args.require_hashes,
        provenance: args.provenance.clone(),
        wheels_from: args.targets.wheel_from.clone(),
        entry,
    })
}

/// A local version label in the form that versions have (PEP 440).
fn local_label(label: &str) -> Result<String, Failure> {
    let version = format!("0+{label}").parse::<Version>();
    let label = version.ok().and_then(|version| {
        let (_, label) = version.as_str().split_once('+')?;
        Some(label.to_owned())
    });
    label.ok_or_else(|| {
        Failure::new("a local version label consists of letters and digits, separated by dots")
    })
}

/// Every platform with every Python.
fn targets(
    args: &TargetArgs,
    named: impl Fn(Option<&str>, Option<&str>) -> Result<Target, Failure>,
) -> Result<Vec<Target>, Failure> {
    let words = |words: &[String]| -> Vec<Option<String>> {
        match words {
            [] => vec![None],
            words => words.iter().cloned().map(Some).collect(),
        }
    };
    let mut targets: Vec<Target> = Vec::new();
    for platform in words(&args.platform) {
        for python in words(&args.python) {
            let target = named(platform.as_deref(), python.as_deref())?;
            if targets.iter().all(|known| known.label != target.label) {
                targets.push(target);
            }
        }
    }
    Ok(targets)
}

fn output(args: &BundleArgs, project: &Project, is_one_of_many: bool) -> Result<PathBuf, Failure> {
    let Some(output) = &args.form.output else {
        return Ok(resolver::path::resolve(&project.root).join("dist"));
    };
    let output = std::path::absolute(output).map_err(Failure::caused)?;
    let output = resolver::path::resolve(&output);
    Ok(if is_one_of_many {
        output.join(name_of(project))
    } else {
        output
    })
}

/// Several bundles lie beside one another by the names of their services.
fn check_names(services: &[Context]) -> Result<(), Failure> {
    let mut known: BTreeMap<String, &Path> = BTreeMap::new();
    for service in services {
        let name = name_of(service.project()?);
        let folder = service.start();
        if let Some(other) = known.get(&name) {
            let (one, other) = (folder.display(), other.display());
            let text = format!("both {other} and {one} are called `{name}`");
            let advice = "Bundle them one after the other, into different folders.";
            return Err(Failure::new(text).hint(advice));
        }
        known.insert(name, folder);
    }
    Ok(())
}

/// The folders of all services that are asked for.
fn services(cx: &Context, args: &BundleArgs) -> Result<Vec<PathBuf>, Failure> {
    if let Some(since) = &args.since {
        return affected_services(cx, since);
    }
    if args.all {
        return all_services(cx);
    }
    let mut folders = Vec::with_capacity(args.services.len());
    for word in &args.services {
        let folder = find_service(cx, word)?;
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// The services whose bundles would not be what they were.
fn affected_services(cx: &Context, since: &str) -> Result<Vec<PathBuf>, Failure> {
    let part = Part::Only([GroupName::main()].into());
    let answer = affected::find(cx, since, None, part, Purpose::Bundle)?;
    let services = answer.projects.into_iter().filter(|project| {
        let is_locked = || project.folder.join(lock::FILE_NAME).is_file();
        project.is_service && !project.is_deleted && is_locked()
    });
    let folders: Vec<PathBuf> = services.map(|project| project.folder).collect();
    if folders.is_empty() {
        let text = format!("Nothing to do: no service is affected since {since}");
        cx.console.line(text);
    }
    Ok(folders)
}

/// Every locked project that no other one depends on.
fn all_services(cx: &Context) -> Result<Vec<PathBuf>, Failure> {
    let start = cx.start();
    let root = Workspace::find_root(start).unwrap_or_else(|| start.to_owned());
    let repository = Monorepo::read(&root);
    let services: Vec<PathBuf> = repository
        .projects
        .iter()
        .enumerate()
        .filter(|(_, project)| project.is_service && project.is_locked)
        .map(|(index, _)| repository.folder(index))
        .collect();
    if services.is_empty() {
        let root = root.display();
        return Err(
            Failure::new(format!("no service below {root} has a lock file")).hint(
                "A service is a project that no other project of the repository depends on. \
                 Run `mpoetry lock` in its folder.",
            ),
        );
    }
    Ok(services)
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
                SelectError::Ambiguous { .. } => {
                    Some("Give the path of the one that is meant.".to_owned())
                }
                _ => None,
            };
            Failure::caused(error).hint_if(near).of_usage()
        })
}

fn failure(cx: &Context, error: BundleError) -> Failure {
    if let BundleError::Several(errors) = error {
        let text = format!(
            "nothing was bundled because of these {} errors",
            errors.len()
        );
        for error in errors {
            failure(cx, error).print(cx.console);
        }
        return Failure::new(text);
    }
    let lock = "Run `mpoetry lock` in that folder, and bundle again.";
    let advice = match &error {
        BundleError::NotLocked { .. } | BundleError::StaleLock { .. } | BundleError::OldLock { .. } => {
            Some(lock.to_owned())
        }
        BundleError::StaleLibrary { .. } => Some(
            "Run `mpoetry lock` in the service's folder, and bundle again; \
             or take the lock as it is, with `--allow-stale-libs`."
                .to_owned(),
        ),
        BundleError::WrongPlatform { folder, .. } => Some(format!(
            "It has to be built on that platform: run `mpoetry build --format wheel` there in {}, \
             and name the folder of the wheel by `--wheel-from`.",
            folder.display()
        )),
        BundleError::NoEntry { .. } => {
            Some("Say how it starts: `--entry-point module` or `--entry-point module:function`.".to_owned())
        }
        BundleError::Overlap { .. } => Some(
            "One of them would overwrite the other's file. If it does not matter which of the two is kept, add \
             `--allow-overlaps`."
                .to_owned(),
        ),
        BundleError::Build { log: Some(log), .. } => {
            Some(format!("What its back end has printed is kept in {}.", log.display()))
        }
        BundleError::OutOfReach { .. } => Some(
            "Run it again when they can be reached. What was fetched so far stays in the cache.".to_owned(),
        ),
        BundleError::OutputInSource { .. }
        | BundleError::OutputInPackage { .. }
        | BundleError::OutputOverProject { .. } => Some(
            "Choose another folder with `--output`; without it, it is `dist` beside the service's pyproject.toml."
                .to_owned(),
        ),
        BundleError::Occupied { .. } => {
            Some("Remove it if nobody needs them, or choose another folder with `--output`.".to_owned())
        }
        BundleError::Image(error) => error.advice(),
        BundleError::Fetch(error) => error.advice(cx.console.is_verbose()),
        _ => None,
    };
    Failure::caused(error).hint_if(advice)
}
