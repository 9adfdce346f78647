//! Answers that need neither clap nor a look at the project: what scripts and CI jobs ask most often and mostly in vain.
//!
//! A run that found nothing to do leaves a record of all it looked at. The same command, while all that is as it was,
//! says the same words again. Only spellings that are listed here are taken; everything else goes the long way.

use std::ffi::OsString;
use std::path::Path;

use installer::editable;
use installer::environment::Environment;
use resolver::dist::Hash;
use resolver::unchanged::{LookedAt, Record, Seen};

use crate::cli;
use crate::commands::install::Brought;
use crate::console::{Console, Output};
use crate::context::Context;
use crate::environment::Located;
use crate::failure::Failure;
use crate::progress::Notes;
use crate::settings::Settings;

/// Options that may stand in any place and change no answer for a single project.
const HARMLESS: [&str; 3] = ["-n", "--no-interaction", ALL];
const ALL: &str = "--all";
/// Options of `install` and `sync` that a record may be of. The values of some are words of their own.
const OF_INSTALL: [&str; 12] = [
    "--without",
    "--with",
    "--only",
    "--all-groups",
    "--extras",
    "-E",
    "--all-extras",
    "--no-root",
    "--only-root",
    "--no-directory",
    "--sync",
    "--compile",
];

/// Answers, if it can be done at once. `None`: nothing was said yet.
pub(crate) fn answer(arguments: &[OsString]) -> Option<()> {
    let words: Option<Vec<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    let words = words?;
    let console = Console::new(Output::default());
    if words == ["--version"] || words == ["-V"] {
        cli::print_version(&console);
        return Some(());
    }
    if words.contains(&ALL) {
        return None;
    }
    // First, because most commands end here: a context takes a copy of all variables.
    let command = plain(words)?;
    repeat(&Context::here(&console).ok()?, &command)
}

/// Answers for one of the projects of `--all`.
pub(crate) fn answer_member(cx: &Context) -> Option<()> {
    if cx.no_cache {
        return None;
    }
    let arguments = arguments();
    repeat(cx, &plain(arguments.iter().map(String::as_str).collect())?)
}

/// Says again what the last run of this command on this project has said, if nothing has changed since.
fn repeat(cx: &Context, command: &[&str]) -> Option<()> {
    let facts = facts(cx, command).ok().flatten()?;
    let seen = Seen {
        root: cx.root().ok()?,
        command,
        facts: &facts,
        began: cx.began,
    };
    let record = Record::find(&cx.cache().ok()?, seen)?;
    for said in &record.said {
        cx.console.repeat(said);
    }
    Some(())
}

/// The words after the program's name; none, if some can't be read.
fn arguments() -> Vec<String> {
    let words = std::env::args_os().skip(1);
    let words: Result<_, _> = words.map(OsString::into_string).collect();
    words.unwrap_or_default()
}

/// The words of a command that may have nothing to do, without the harmless ones; `None` for any other.
fn plain(mut words: Vec<&str>) -> Option<Vec<&str>> {
    words.retain(|word| !HARMLESS.contains(word));
    let (&command, rest) = words.split_first()?;
    let is_listed = |word: &&str| {
        let option = word.split('=').next().unwrap_or(word);
        !word.starts_with('-') || OF_INSTALL.contains(&option)
    };
    let is_plain = match command {
        "lock" => rest.is_empty(),
        "install" | "sync" => rest.iter().all(is_listed),
        _ => false,
    };
    is_plain.then_some(words)
}

/// Notes that a `lock` changed nothing, for the next one.
///
/// # Errors
/// When the settings can't be read.
pub(crate) fn remember_lock(cx: &Context, notes: Notes) -> Result<(), Failure> {
    if notes.looked_outside {
        return Ok(());
    }
    let looked_at = LookedAt {
        files: notes.files,
        places: Vec::new(),
    };
    remember(cx, looked_at)
}

/// Notes that an `install` or `sync` changed nothing, if so.
///
/// # Errors
/// When the settings can't be read.
pub(crate) fn remember_install(
    cx: &Context,
    environment: &Environment,
    found: Brought,
) -> Result<(), Failure> {
    let Some(settled_by) = found.settled_by else {
        return Ok(());
    };
    let Some(mut looked_at) = editable::looks_at(cx.project()?, environment) else {
        return Ok(());
    };
    looked_at.places.extend(settled_by);
    let folder = &environment.root;
    looked_at.places.extend([
        folder.join("pyvenv.cfg"),
        environment.python(),
        environment.site_packages(),
    ]);
    for distribution in found.installed {
        let part = |name: &str| distribution.dist_info.join(name);
        looked_at.places.extend([part("METADATA"), part("RECORD")]);
    }
    remember(cx, looked_at)
}

fn remember(cx: &Context, looked_at: LookedAt) -> Result<(), Failure> {
    let arguments = arguments();
    let words = arguments.iter().map(String::as_str).collect();
    let Some(command) = plain(words) else {
        return Ok(());
    };
    if let Some(facts) = facts(cx, &command)? {
        let seen = Seen {
            root: cx.root()?,
            command: &command,
            facts: &facts,
            began: cx.began,
        };
        Record::keep(&cx.cache()?, seen, looked_at, cx.console.said());
    }
    Ok(())
}

/// What the answer depends on that is in no file of the project: this very program, all settings, and for an
/// installation which environment is the project's. Settings may hold passwords, so only a digest of them is kept.
fn facts(cx: &Context, command: &[&str]) -> Result<Option<Vec<String>>, Failure> {
    let program = std::env::current_exe().ok();
    let Some(program) = program.and_then(|path| described(&path)) else {
        return Ok(None);
    };
    // How long to wait and how often to try decides nothing.
    let settings = Settings {
        timeout: 0,
        retries: 0,
        workers: 0,
        ..cx.settings()?.clone()
    };
    let settings = format!("{settings:?}");
    let mut facts = vec![program, Hash::of_bytes(settings.as_bytes()).hex];
    if command != ["lock"] {
        let Located::Environment(root) = cx.environments()?.locate()? else {
            return Ok(None);
        };
        facts.push(root.to_string_lossy().into_owned());
    }
    Ok(Some(facts))
}

/// A program by version, size and age: another build may decide otherwise.
fn described(program: &Path) -> Option<String> {
    let metadata = std::fs::metadata(program).ok()?;
    let age = metadata.modified().ok()?;
    let (version, size) = (env!("CARGO_PKG_VERSION"), metadata.len());
    Some(format!("{version} {size} {age:?}"))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn only_spellings_that_are_known_are_taken() {
        let taken = |line: &str| plain(line.split(' ').collect()).map(|words| words.join(" "));
        for (line, command) in [
            ("lock", Some("lock")),
            ("-n lock", Some("lock")),
            ("lock --no-interaction", Some("lock")),
            ("lock --regenerate", None),
            ("install", Some("install")),
            ("install -n --only main", Some("install --only main")),
            (
                "sync --with=dev,docs -E x",
                Some("sync --with=dev,docs -E x"),
            ),
            ("install -v", None),
            ("install --dry-run", None),
            ("-C x install", None),
            ("install -P x", None),
            ("install --no-cache", None),
            ("update", None),
            ("run lock", None),
            ("-n", None),
        ] {
            assert_eq!(taken(line).as_deref(), command, "{line}");
        }
    }
}
