//! `mpoetry python …`: Pythons that mpoetry installs, beside those that are there.

mod install;
mod list;
mod remove;

use installer::python::standalone::{Request, StandaloneError};

use crate::console::{BOLD, ERROR, NAME};
use crate::context::Context;
use crate::failure::Failure;

/// Shows and manages Pythons
#[derive(Debug, clap::Subcommand)]
pub(crate) enum PythonCommand {
    Install(install::InstallArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
}

/// # Errors
/// As the command below.
pub(crate) fn run(cx: &Context, command: &PythonCommand) -> Result<(), Failure> {
    match command {
        PythonCommand::Install(args) => install::run(cx, args),
        PythonCommand::List(args) => list::run(cx, args),
        PythonCommand::Remove(args) => remove::run(cx, args),
    }
}

/// Which kind of Python is meant.
#[derive(Debug, clap::Args)]
struct KindArgs {
    /// One without the global lock; the same as a `t` after the version
    #[arg(short = 't', long)]
    free_threaded: bool,
    /// cpython or pypy
    #[arg(short, long, default_value = "cpython")]
    implementation: String,
}

impl KindArgs {
    fn request(&self, python: &str) -> Result<Request, Failure> {
        Request::parse(python, &self.implementation, self.free_threaded).map_err(failure)
    }
}

/// Poetry: the texts of commands about Pythons have no empty line before them.
fn failure(error: StandaloneError) -> Failure {
    match error {
        StandaloneError::Version(version) => invalid(&version),
        StandaloneError::NotFreeThreaded => Failure::message(format!(
            "\n{error}\n\n\
             See https://docs.python.org/3/howto/free-threading-python.html for more information.\n"
        )),
        StandaloneError::NoBuild => Failure::message(error.to_string()),
        StandaloneError::Unchecked {
            ref version,
            ref instead,
        } => {
            let instead = instead.as_ref();
            let other = instead.map_or_else(String::new, |it| format!("{it} can be installed. "));
            Failure::message(error.to_string()).hint(format!(
                "There is one of Python {version}, but no SHA-256 has been published that it could be checked against. \
                 {other}MPOETRY_PYTHON_BUILDS names another list of builds."
            ))
        }
        error => Failure::caused(error),
    }
}

fn invalid(version: &str) -> Failure {
    Failure::message(format!(
        "{ERROR}Invalid Python version requested {BOLD}{version}{BOLD:#}{ERROR:#}"
    ))
}

/// What is asked for, as messages call it.
fn title(request: &Request) -> String {
    let kind = &request.implementation;
    let threaded = if request.is_free_threaded {
        ", free-threaded"
    } else {
        ""
    };
    format!(
        "{NAME}{}{NAME:#} ({BOLD}{kind}{threaded}{BOLD:#})",
        request.text
    )
}
