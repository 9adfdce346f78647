//! Why a build fails.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use resolver::project::{ProjectError, TomlFault};

/// Why a build failed. Where Poetry has a text for it, the text is Poetry's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `package-mode = false`.
    #[error("Building a package is not possible in non-package mode.")]
    NonPackageMode,
    /// Neither `packages` nor a module named like the project.
    #[error("No file/folder found for package {package}")]
    ModuleNotFound {
        /// The project's normalised name.
        package: String,
    },
    /// A folder and a file of the module's name.
    #[error("Both {} and {} exist", .directory.display(), .file.display())]
    AmbiguousModule {
        /// The folder.
        directory: PathBuf,
        /// The file.
        file: PathBuf,
    },
    /// An entry of `packages` that matches nothing.
    #[error("{} does not contain any element", .pattern.display())]
    EmptyPackage {
        /// Folder and pattern.
        pattern: PathBuf,
    },
    /// An entry of `packages` without Python code.
    #[error("{name} is not a package.")]
    NotAPackage {
        /// The first match's name.
        name: String,
    },
    /// A file, mostly behind a symlink, that is not below the folder it has to be relative to.
    #[error("`{}` is not in the subpath of `{}`", .path.display(), .folder.display())]
    OutsideProject {
        /// The file, links resolved.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A glob that can't be read.
    #[error("invalid pattern `{pattern}`: {reason}")]
    Pattern {
        /// As written.
        pattern: String,
        /// The broken rule.
        reason: &'static str,
    },
    /// A value in pyproject.toml that builds can't use.
    #[error("{reason}")]
    Manifest {
        /// The field and what is wrong with it, in Poetry's words where it has some.
        reason: String,
    },
    /// The project's manifest.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A program that could not be started or failed.
    #[error("`{program}` failed{}: {output}", .status.map_or_else(String::new, |status| format!(" ({status})")))]
    Program {
        /// Its name.
        program: String,
        /// How it ended.
        status: Option<ExitStatus>,
        /// What it said.
        output: String,
    },
    /// A folder without pyproject.toml, setup.py and setup.cfg.
    #[error("`{}` has no pyproject.toml, setup.py or setup.cfg", .path.display())]
    NoProject {
        /// The folder.
        path: PathBuf,
    },
    /// A pyproject.toml that is no TOML.
    #[error("`{}` is not valid TOML", .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: TomlFault,
    },
    /// A `[build-system]` that breaks a rule of PEP 517 or PEP 518.
    #[error("[build-system] in `{}` is not valid: {reason}", .path.display())]
    BuildSystem {
        /// The file.
        path: PathBuf,
        /// The broken rule.
        reason: String,
    },
    /// A build back end that failed.
    #[error("{}", backend_message(self, .source_tree))]
    Backend {
        /// The source tree.
        source_tree: PathBuf,
        /// The hook that failed.
        hook: String,
        /// How the process ended; `None` if it did not start or left no answer.
        status: Option<ExitStatus>,
        /// All that it printed.
        output: String,
    },
    /// A back end that can't be imported.
    #[error("{}", backend_message(self, .source_tree))]
    Unavailable {
        /// The source tree.
        source_tree: PathBuf,
        /// The back end.
        backend: String,
        /// What Python says of it.
        reason: String,
    },
    /// A back end without a hook that is needed.
    #[error("the build back end `{backend}` of `{}` has no `{hook}`", .source_tree.display())]
    MissingHook {
        /// The source tree.
        source_tree: PathBuf,
        /// The back end.
        backend: String,
        /// The hook.
        hook: String,
    },
    /// A back end that names an archive which it did not make.
    #[error("the build back end `{backend}` of `{}` says that it made `{name}`, but it did not", .source_tree.display())]
    NoArchive {
        /// The source tree.
        source_tree: PathBuf,
        /// The back end.
        backend: String,
        /// What it said.
        name: String,
    },
    /// Build requirements that can't be resolved.
    #[error("the build requirements of `{}` can't be resolved", .source_tree.display())]
    Resolve {
        /// The source tree.
        source_tree: PathBuf,
        /// Why.
        source: Box<resolver::solver::SolveError>,
    },
    /// Build requirements that can't be installed.
    #[error("failed to install the build requirements {}", .requirements.join(", "))]
    Install {
        /// The requirements.
        requirements: Vec<String>,
        /// Why.
        source: Box<crate::install::InstallError>,
    },
    /// Building something requires building it first.
    #[error("building `{}` requires itself: {}", .source_tree.display(), .requirements.join(", "))]
    Cycle {
        /// The source tree.
        source_tree: PathBuf,
        /// The build requirements that are being built already.
        requirements: Vec<String>,
    },
    /// The build environment.
    #[error(transparent)]
    Environment(#[from] crate::environment::EnvironmentError),
    /// Metadata that a back end made.
    #[error(transparent)]
    Metadata(#[from] resolver::metadata::MetadataError),
    /// The front end was not told where build requirements come from.
    #[error("build requirements can't be had: no index is connected")]
    NoIndex,
    /// An archive with more than 4 GiB or 65,535 members.
    #[error("`{}` is too large for a wheel", .path.display())]
    TooLarge {
        /// The archive.
        path: PathBuf,
    },
    /// A wheel that breaks the format's rules.
    #[error("`{}` is not a valid wheel: {reason}", .path.display())]
    InvalidWheel {
        /// The wheel.
        path: PathBuf,
        /// The broken rule.
        reason: String,
    },
}

impl BuildError {
    /// The message and those of its causes, one a line.
    pub(crate) fn cause_text(&self) -> String {
        let causes = std::iter::successors(self.source(), |&cause| cause.source());
        causes.fold(self.to_string(), |text, cause| {
            format!("{text}\n  caused by: {cause}")
        })
    }

    /// All that a back end, or whatever else was run, has printed.
    pub(crate) fn output(&self) -> Option<&str> {
        match self {
            Self::Backend { output, .. } | Self::Program { output, .. } => Some(output),
            _ => None,
        }
    }

    /// Poetry: what it says of a back end that failed to build `what`, and that `command` reproduces it. `None` if no
    /// back end has failed.
    #[must_use]
    pub fn backend_text(&self, what: &str, command: &str) -> Option<String> {
        let problem = match self {
            Self::Backend {
                hook,
                status,
                output,
                ..
            } => backend_problem(hook, *status, output),
            Self::Unavailable {
                backend, reason, ..
            } => format!(
                "Backend '{backend}' is not available.\n\n    | {reason}\n\n\
                 A back end must be in build-system.requires of pyproject.toml, or in a folder of backend-path."
            ),
            Self::MissingHook { backend, hook, .. } => missing_hook(backend, hook),
            _ => return None,
        };
        Some(format!(
            "PEP517 build of a dependency failed\n\n{problem}\n\n\
             Note: This error originates from the build backend, and is likely not a problem with poetry but one of the \
             following issues with {what}\n\n  \
             - not supporting PEP 517 builds\n  \
             - not specifying PEP 517 build requirements correctly\n  \
             - the build requirements are incompatible with your operating system or Python version\n  \
             - the build requirements are missing system dependencies (eg: compilers, libraries, headers).\n\n\
             You can verify this by running {command}."
        ))
    }
}

fn missing_hook(backend: &str, hook: &str) -> String {
    let text = format!("Backend operation failed: HookMissing('{hook}')");
    if hook == "build_editable" {
        return format!(
            "{text}\n\n{backend} can't make editable installs (PEP 660). Set `develop = false` for this dependency."
        );
    }
    text
}

fn backend_problem(hook: &str, status: Option<ExitStatus>, output: &str) -> String {
    let ended = status.map_or_else(
        || "The back end left no result.".to_owned(),
        |status| format!("The back end ended with {status}."),
    );
    let lines: Vec<String> = [ended.as_str(), ""]
        .into_iter()
        .chain(output.trim().lines())
        .map(|line| format!("    | {line}").trim_end().to_owned())
        .collect();
    let lines = lines.join("\n");
    format!("Backend subprocess exited when trying to invoke {hook}\n\n{lines}")
}

/// The message where only the folder is known.
fn backend_message(error: &BuildError, source: &Path) -> String {
    let source = source.display();
    let command = format!("pip wheel --no-cache-dir --use-pep517 \"{source}\"");
    error
        .backend_text(&source.to_string(), &command)
        .unwrap_or_default()
}
