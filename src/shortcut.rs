//! Answers that need neither clap nor a resolution: what scripts and CI jobs ask most often and mostly in vain.
//!
//! Only spellings that are listed here are taken, and only where the answer is sure; everything else goes the long way,
//! which says the same words.

use std::ffi::OsString;
use std::path::Path;
use std::time::SystemTime;

use resolver::cache::Cache;
use resolver::project::Project;
use resolver::unchanged::{Record, Seen};

use crate::cli;
use crate::console::{Console, Output};
use crate::context::{Context, tell_unheeded};
use crate::failure::Failure;
use crate::progress::{self, Notes};
use crate::settings::{Places, Settings};
use crate::variables::Variables;

/// Spellings of a `lock` that may have nothing to do.
const PLAIN_LOCK: [&[&str]; 5] = [
    &["lock"],
    &["lock", "-n"],
    &["lock", "--no-interaction"],
    &["-n", "lock"],
    &["--no-interaction", "lock"],
];

/// Answers, if it can be done at once. `None`: nothing was said yet.
pub(crate) fn answer(arguments: &[OsString]) -> Option<()> {
    let is = |spelling: &[&str]| arguments.iter().eq(spelling);
    if is(&["--version"]) || is(&["-V"]) {
        cli::print_version(&Console::new(Output::default()));
        return Some(());
    }
    if PLAIN_LOCK.into_iter().any(is) {
        return lock();
    }
    None
}

/// `lock` in a project of which is known that it would change nothing.
fn lock() -> Option<()> {
    let began = SystemTime::now();
    let root = Project::find(&std::env::current_dir().ok()?).ok()?;
    let variables = Variables::of_process();
    let places = Places::of_platform(&variables).ok()?;
    let settings = Settings::resolve(&places, Some(&root), &variables).ok()?;
    let seen = Seen {
        root: &root,
        facts: &facts(&settings)?,
        began,
    };
    let record = Record::find(&Cache::new(&settings.cache), seen)?;
    let console = Console::new(Output::default());
    for notice in &record.notices {
        console.warning(notice);
    }
    tell_unheeded(&console, &settings);
    progress::print_resolving(&console);
    for warning in &record.warnings {
        console.warning(warning);
    }
    Some(())
}

/// Notes that a plain `lock` changed nothing, for the next one.
///
/// # Errors
/// When the settings can't be read.
pub(crate) fn remember(cx: &Context, notes: Notes) -> Result<(), Failure> {
    if notes.looked_outside || cx.no_cache {
        return Ok(());
    }
    let project = cx.project()?;
    if let Some(facts) = facts(cx.settings()?) {
        let seen = Seen {
            root: &project.root,
            facts: &facts,
            began: cx.began,
        };
        let notices = project.warnings.clone();
        Record::keep(&cx.cache()?, seen, &notes.files, notices, notes.warnings);
    }
    Ok(())
}

/// What the answer depends on that is in no file of the project: this very program, and who stands for PyPI. A setting
/// that a resolution heeds belongs here.
fn facts(settings: &Settings) -> Option<[String; 2]> {
    Some([
        program(&std::env::current_exe().ok()?)?,
        settings.pypi_url.clone(),
    ])
}

/// A program by version, size and age: another build may decide otherwise.
fn program(file: &Path) -> Option<String> {
    let metadata = std::fs::metadata(file).ok()?;
    let age = metadata.modified().ok()?;
    let (version, size) = (env!("CARGO_PKG_VERSION"), metadata.len());
    Some(format!("{version} {size} {age:?}"))
}
