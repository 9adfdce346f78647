//! The one place where an error becomes text, advice and an exit code.
//!
//! Libraries say what went wrong in their own typed errors. Advice lives here, because advice names
//! commands and flags, and only the binary knows those.

use std::error::Error;
use std::fmt::Display;

use resolver::dist::Source;
use resolver::index::IndexError;
use resolver::lock::LockError;
use resolver::project::ProjectError;
use resolver::solver::SolveError;

use crate::console::{Console, ERROR};
use crate::settings::{SettingsError, variable_part};

/// What a command returns when it fails.
#[derive(Debug)]
pub(crate) struct Failure {
    words: Words,
    hints: Vec<String>,
    code: u8,
}

#[derive(Debug)]
enum Words {
    /// The exit code says it all.
    None,
    /// Poetry: what the application prints by itself has no empty line before it, and its own colours.
    Message(String),
    /// Poetry: what a command prints by itself has no empty line before it.
    Plain(String),
    /// Poetry: an exception is printed as an empty line and its message, without a prefix.
    Exception(String),
    /// An error of a library, printed like an exception, with its causes.
    Caused(Box<dyn Error + Send + Sync>),
}

/// What to do with both sides of a merge in one file.
const CONFLICT: &str =
    "Keep the lines that are right, and remove those that begin with <<<<<<<, ======= and >>>>>>>.";
/// Poetry: every failure exits with 1.
const EXIT_CODE: u8 = 1;
/// What commands of our own exit with when a word names nothing that there is.
const USAGE: u8 = 2;

impl Failure {
    /// Fails without a word.
    pub(crate) fn silent() -> Self {
        Self::from(Words::None)
    }

    /// A message that brings its own colours.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::from(Words::Message(text.into()))
    }

    /// A message in the form of what Poetry's commands print by themselves.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::from(Words::Plain(text.into()))
    }

    /// A message in the form of Poetry's exceptions.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::from(Words::Exception(text.into()))
    }

    /// An error of a library.
    pub(crate) fn caused(error: impl Error + Send + Sync + 'static) -> Self {
        Self::from(Words::Caused(Box::new(error)))
    }

    /// A resolution failed, or what precedes one. `sources` are those of the project.
    pub(crate) fn of_solving(error: SolveError, sources: &[Source]) -> Self {
        let advice = about_credentials(&error, sources);
        Self::caused(error).hint_if(advice)
    }

    /// Adds advice: whole sentences.
    #[must_use]
    pub(crate) fn hint(mut self, advice: impl Into<String>) -> Self {
        self.hints.push(advice.into());
        self
    }

    /// Adds advice if there is some.
    #[must_use]
    pub(crate) fn hint_if(mut self, advice: Option<String>) -> Self {
        self.hints.extend(advice);
        self
    }

    /// The words of the command line are to blame.
    #[must_use]
    pub(crate) fn of_usage(mut self) -> Self {
        self.code = USAGE;
        self
    }

    /// Prints message, causes and advice, and says how to exit.
    pub(crate) fn print(&self, console: &Console) -> u8 {
        match &self.words {
            Words::None => {}
            Words::Message(text) => console.error_line(text),
            Words::Plain(text) => print_error(console, text),
            Words::Exception(text) => {
                console.error_line("");
                print_error(console, text);
            }
            Words::Caused(error) => {
                console.error_line("");
                print_error(console, with_causes(error.as_ref()));
            }
        }
        for hint in &self.hints {
            console.error_line("");
            console.error_line(hint);
        }
        self.code
    }

    /// The text without causes and advice.
    pub(crate) fn text(&self) -> String {
        match &self.words {
            Words::None => String::new(),
            Words::Message(text) | Words::Plain(text) | Words::Exception(text) => text.clone(),
            Words::Caused(error) => error.to_string(),
        }
    }
}

fn print_error(console: &Console, text: impl Display) {
    console.error_line(format_args!("{ERROR}{text}{ERROR:#}"));
}

/// An error's message and its causes. A cause whose words its consequence has already used is not said again.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut text = said.clone();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            text += &format!("\n  caused by: {cause}");
        }
        said = cause;
    }
    text
}

/// Where credentials of a source that refuses access are looked for.
fn about_credentials(error: &SolveError, sources: &[Source]) -> Option<String> {
    let SolveError::Index(IndexError::Unauthorized { url, .. }) = error else {
        return None;
    };
    let is_of = |source: &&Source| Some(url.strip_prefix(source.address()?)?.starts_with('/'));
    let source = sources.iter().find(|source| is_of(source) == Some(true))?;
    let (name, part) = (&source.name, variable_part(&source.name));
    Some(format!(
        "The credentials of the source `{name}` come from the variables POETRY_HTTP_BASIC_{part}_USERNAME \
         and POETRY_HTTP_BASIC_{part}_PASSWORD, or from `http-basic.{name}` in auth.toml, where \
         `poetry config http-basic.{name} <user>` puts them."
    ))
}

impl From<Words> for Failure {
    fn from(words: Words) -> Self {
        Self {
            words,
            hints: Vec::new(),
            code: EXIT_CODE,
        }
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        let is_conflict = matches!(
            error,
            ProjectError::Toml {
                is_conflict: true,
                ..
            }
        );
        Self::caused(error).hint_if(is_conflict.then(|| CONFLICT.to_owned()))
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let is_conflict =
            matches!(&error, SettingsError::Syntax { fault, .. } if fault.is_conflict);
        Self::caused(error).hint_if(is_conflict.then(|| CONFLICT.to_owned()))
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        if let LockError::Unreadable {
            is_conflict: true, ..
        } = &error
        {
            return Self::caused(error).hint(
                "Settle pyproject.toml first. Then take the lock file of one side, with `git checkout --ours poetry.lock` \
                 or `git checkout --theirs poetry.lock`, and have `poetry lock` add what the other side wants.",
            );
        }
        let is_unreadable = match &error {
            LockError::Unreadable { .. } | LockError::NoList | LockError::Package { .. } => true,
            LockError::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
            _ => false,
        };
        let advice = "Restore it, or regenerate it with the `poetry lock --regenerate` command.";
        Self::caused(error).hint_if(is_unreadable.then(|| advice.to_owned()))
    }
}

macro_rules! caused_by {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::caused(error)
            }
        }
    )*};
}

caused_by!(
    resolver::project::edit::EditError,
    resolver::constraint::ConstraintError,
    resolver::requirement::TypedError,
    resolver::export::ExportError,
    resolver::index::IndexError,
    resolver::solver::SolveError,
    installer::python::PythonError,
    installer::python::standalone::StandaloneError,
    installer::environment::EnvironmentError,
    installer::install::InstallError,
    installer::build::BuildError,
    installer::bundle::BundleError,
);

#[cfg(test)]
mod tests {
    use super::with_causes;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn causes_are_told_once() {
        let root = Told("connection refused", None);
        let repeated = Told("no answer: connection refused", Some(Box::new(root)));
        let error = Told("failed to fetch `a`", Some(Box::new(repeated)));
        let expected = "failed to fetch `a`\n  caused by: no answer: connection refused";
        assert_eq!(with_causes(&error), expected);
    }
}
