//! The commands: one file each, all of one shape.

pub(crate) mod about;
pub(crate) mod add;
pub(crate) mod affected;
pub(crate) mod build;
pub(crate) mod bundle;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod debug;
pub(crate) mod env;
pub(crate) mod every;
pub(crate) mod export;
pub(crate) mod graph;
pub(crate) mod help;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod new;
pub(crate) mod publish;
pub(crate) mod python;
pub(crate) mod relock;
pub(crate) mod remove;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod self_;
pub(crate) mod shell;
pub(crate) mod show;
pub(crate) mod source;
pub(crate) mod sync;
pub(crate) mod update;
pub(crate) mod version;

use crate::cli::Command;
use crate::context::Context;
use crate::failure::Failure;

/// Runs a command; the result is the exit code.
///
/// # Errors
/// When the command fails.
pub(crate) fn run(cx: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::About(args) => about::run(cx, args),
        Command::Affected(args) => affected::run(cx, args),
        Command::Add(args) => add::run(cx, args),
        Command::Build(args) => build::run(cx, args),
        Command::Bundle(args) => bundle::run(cx, args),
        Command::Cache(args) => cache::run(cx, args),
        Command::Check(args) => check::run(cx, args),
        Command::Debug(args) => debug::run(cx, args),
        Command::Config(args) => config::run(cx, args),
        Command::Env(args) => env::run(cx, args),
        Command::Export(args) => export::run(cx, args),
        Command::Graph(args) => graph::run(cx, args),
        Command::Help(args) => help::run(cx, args),
        Command::Candidates(args) => completions::candidates(cx, args),
        Command::Completions(args) => completions::run(cx, args),
        Command::Init(args) => init::run(cx, args),
        Command::Install(args) => install::run(cx, args),
        Command::List(args) => list::run(cx, args),
        Command::Lock(args) => lock::run(cx, args),
        Command::Remove(args) => remove::run(cx, args),
        Command::Publish(args) => publish::run(cx, args),
        Command::Run(args) => return run::run(cx, args),
        Command::Search(args) => search::run(cx, args),
        Command::Show(args) => show::run(cx, args),
        Command::Source(args) => source::run(cx, args),
        Command::New(args) => new::run(cx, args),
        Command::Python(args) => python::run(cx, args),
        Command::Self_(args) => self_::run(cx, args),
        Command::Shell(args) => return shell::run(cx, args),
        Command::Sync(args) => sync::run(cx, args),
        Command::Update(args) => update::run(cx, args),
        Command::Version(args) => version::run(cx, args),
    }?;
    Ok(0)
}
