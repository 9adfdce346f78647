//! `mpoetry export`: the lock file in the formats of other programs.

use std::collections::BTreeSet;
use std::path::Path;

use resolver::export::{Export, PipFormat, PipOptions};
use resolver::file;
use resolver::index::{Index, Place};
use resolver::lock::{LockError, Lockfile};
use resolver::name::GroupName;
use resolver::project::Project;

use super::lock::{self, LockArgs};
use crate::console::{BOLD, ERROR, VALUE};
use crate::context::Context;
use crate::failure::Failure;
use crate::selection::{self, DefaultGroups, ExtraArgs, GroupArgs};

/// Exports the lock file to alternative formats
///
/// Writes the packages that poetry.lock pins, with their markers and hashes, as requirements.txt or constraints.txt
/// for pip, or as pylock.toml. Only the main dependencies are taken unless options say more.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The format: constraints.txt, requirements.txt or pylock.toml
    #[arg(short, long, default_value = REQUIREMENTS)]
    format: String,
    /// The file to write, instead of printing it
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// Leave out the hashes of files
    #[arg(long)]
    without_hashes: bool,
    /// Leave out the addresses of indexes
    #[arg(long)]
    without_urls: bool,
    /// Deprecated: it has no effect. Use `--with` for other groups
    #[arg(long)]
    dev: bool,
    /// Take all dependency groups, the optional ones too
    #[arg(long)]
    all_groups: bool,
    #[command(flatten)]
    groups: GroupArgs,
    #[command(flatten)]
    extras: ExtraArgs,
    /// Write user and password of an index into its address
    #[arg(long)]
    with_credentials: bool,
}

const REQUIREMENTS: &str = "requirements.txt";
const CONSTRAINTS: &str = "constraints.txt";
const PYLOCK: &str = "pylock.toml";
pub(crate) const FORMATS: [&str; 3] = [REQUIREMENTS, CONSTRAINTS, PYLOCK];

/// # Errors
/// When the settings can't be read, options contradict each other, the lock file is stale, or it does not hold together.
pub(crate) fn run(cx: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    cx.settings()?;
    args.check_format()?;
    if args.dev {
        cx.console.warning(
            "The `--dev` option is deprecated and has no effect: use `--with` to export other groups.",
        );
    }
    let lockfile = locked(cx, project)?;
    args.check_extras()?;
    let extras = args.extras.choose(project.extras.keys())?;
    let groups = args.groups(cx, project)?;
    let export = Export {
        project,
        lockfile: &lockfile,
        groups: &groups,
        extras: &extras,
    };

    let current = std::env::current_dir().map_err(Failure::caused)?;
    let target = args.output.as_ref().map(|file| current.join(file));
    let folder = target.as_deref().and_then(Path::parent).unwrap_or(&current);
    let text = match args.format.as_str() {
        PYLOCK => cx.runtime()?.block_on(export.pylock(folder, cx.index()?))?,
        format => for_pip(cx, args, &export, format)?,
    };
    match &target {
        // The line end is the console's.
        None => cx.console.line(text.strip_suffix('\n').unwrap_or(&text)),
        Some(path) => write(path, &text).map_err(Failure::caused)?,
    }
    Ok(())
}

fn for_pip(
    cx: &Context,
    args: &ExportArgs,
    export: &Export<'_>,
    format: &str,
) -> Result<String, Failure> {
    let index = args.with_credentials.then(|| cx.index()).transpose()?;
    let options = PipOptions {
        format: match format {
            CONSTRAINTS => PipFormat::Constraints,
            _ => PipFormat::Requirements,
        },
        hashes: !args.without_hashes,
        urls: !args.without_urls,
        login: &|url| index.filter(|index| has_login(index, url))?.login(url),
    };
    let exported = export.for_pip(&options)?;
    for name in &exported.left_out {
        cx.console.warning(format_args!(
            "Warning: {name} is locked in develop (editable) mode, \
             which is incompatible with the constraints.txt format."
        ));
    }
    Ok(exported.text)
}

/// Poetry: of several sources at one address the first one says who asks there, even if it says that nobody does.
fn has_login(index: &Index, url: &str) -> bool {
    let places = &index.settings().access.places;
    let is_there = |place: &&Place| place.url.trim_end_matches('/') == url;
    let Some(first) = places.iter().find(is_there) else {
        return true;
    };
    first.user.is_some() || first.url.contains('@')
}

/// The lock file; made if there is none.
fn locked(cx: &Context, project: &Project) -> Result<Lockfile, Failure> {
    let lockfile = match Lockfile::read(&project.root)? {
        Some(lockfile) => lockfile,
        None => {
            cx.console.error_line(format_args!(
                "{VALUE}The lock file does not exist. Locking.{VALUE:#}"
            ));
            lock::run(cx, &LockArgs::default())?;
            Lockfile::read(&project.root)?.ok_or(LockError::Missing)?
        }
    };
    if lockfile.is_fresh(project) {
        return Ok(lockfile);
    }
    Err(Failure::plain(
        "pyproject.toml changed significantly since poetry.lock was last generated. \
         Run `poetry lock` to fix the lock file.",
    ))
}

impl ExportArgs {
    /// Poetry: the name of a pylock.toml says that it is one.
    fn check_format(&self) -> Result<(), Failure> {
        if !FORMATS.contains(&self.format.as_str()) {
            let format = &self.format;
            return Err(Failure::new(format!("Invalid export format: {format}")));
        }
        let Some(file) = self.output.as_ref().filter(|_| self.format == PYLOCK) else {
            return Ok(());
        };
        let name = Path::new(file).file_name().unwrap_or_default();
        if is_pylock_name(&name.to_string_lossy()) {
            return Ok(());
        }
        Err(Failure::plain(
            "The output file for pylock.toml export must be named \"pylock.toml\" \
             or must follow the regex \"^pylock\\.([^.]+)\\.toml$\", e.g. \"pylock.dev.toml\"",
        ))
    }

    fn check_extras(&self) -> Result<(), Failure> {
        if !self.extras.all_extras || self.extras.extras.is_empty() {
            return Ok(());
        }
        Err(Failure::plain(format!(
            "You cannot specify explicit `{BOLD}--extras{BOLD:#}{ERROR}` \
             while exporting using `{BOLD}--all-extras{BOLD:#}{ERROR}`."
        )))
    }

    fn groups(&self, cx: &Context, project: &Project) -> Result<BTreeSet<GroupName>, Failure> {
        if !self.all_groups {
            return self.groups.choose(project, DefaultGroups::Main, cx.console);
        }
        if !self.groups.is_given() {
            return Ok(selection::all_groups(project));
        }
        Err(Failure::plain(format!(
            "You cannot specify explicit `{BOLD}--with{BOLD:#}{ERROR}`, \
             `{BOLD}--without{BOLD:#}{ERROR}`, or `{BOLD}--only{BOLD:#}{ERROR}` \
             while exporting using `{BOLD}--all-groups{BOLD:#}{ERROR}`."
        )))
    }
}

/// `pylock.toml`, or `pylock.<word without dots>.toml`
fn is_pylock_name(name: &str) -> bool {
    if name == PYLOCK {
        return true;
    }
    let word = name
        .strip_prefix("pylock.")
        .and_then(|rest| rest.strip_suffix(".toml"));
    word.is_some_and(|word| !word.is_empty() && !word.contains('.'))
}

/// Writes a file in one step. What is no file (`/dev/stdout`) is just written to.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if path.exists() && !path.is_file() {
        return fs_err::write(path, text);
    }
    file::replace(path, text.as_bytes())
}
