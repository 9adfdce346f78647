//! `mpoetry`, a Poetry-compatible package manager.
//!
//! The libraries decide and act; this crate understands the command line, resolves settings, and puts
//! into words what happened. Nothing is made before it is needed: no runtime, no TLS, no second thread
//! for a command that has nothing to do.

mod arguments;
mod cli;
mod commands;
mod complete;
mod console;
mod context;
mod environment;
mod failure;
mod help;
mod json;
mod keyring;
mod log;
mod lookup;
mod memory;
mod plugins;
mod progress;
mod python_text;
mod question;
mod remote_cache;
mod selection;
mod settings;
mod shell;
mod shortcut;
mod table;
mod variables;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::arguments::Words;
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;

/// Many threads make and drop many small values here; with the system's allocator a large lock takes a fifth longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if shortcut::answer(&arguments).is_some() {
        return ExitCode::SUCCESS;
    }
    let words = Words::read(arguments);
    let console = Console::new(words.output);
    let done = start(words, &console);
    memory::leave_to_the_system();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(failure.print(&console)),
    }
}

/// Answers what needs no project, then hands over to the command.
fn start(words: Words, console: &Console) -> Result<u8, Failure> {
    if let Some(option) = words.lacks_value {
        return Err(cli::lacks_value(option.long()));
    }
    let start = context::go_to(words.directory.as_deref(), words.project.as_deref())?;
    if words.version {
        cli::print_version(console);
        return Ok(0);
    }
    let Some(cli) = cli::parse(words, console)? else {
        return Ok(0);
    };
    exit_on_interrupt();
    // An installation may find everything in place, and be over before that pays.
    if !matches!(
        cli.command,
        cli::Command::Install(_) | cli::Command::Sync(_)
    ) {
        memory::give_back_at_once();
    }
    let context = Context::new(console, start, &cli.globals);
    commands::run(&context, &cli.command)
}

/// Poetry: Ctrl-C ends with exit code 1. Files are written beside their place and renamed, so nothing is left
/// half-written.
fn exit_on_interrupt() {
    #[cfg(unix)]
    {
        use std::sync::{Arc, atomic::AtomicBool};
        let always = Arc::new(AtomicBool::new(true));
        // Where it can't be had, the system's own way to end stays.
        signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGINT, 1, always)
            .ok();
    }
}
