//! Why a bundle can't be made.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use resolver::git::GitError;
use resolver::index::IndexError;
use resolver::lock::LockError;
use resolver::name::PackageName;
use resolver::project::graph::GraphError;
use resolver::solver::SolveError;

use crate::build::BuildError;
use crate::environment::EnvironmentError;
use crate::fetch::SdistError;
use crate::install::InstallError;
use crate::oci::OciError;
use crate::wheel::WheelError;

/// Why a bundle can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The service was never locked.
    #[error("`{}` has no poetry.lock", .service.display())]
    NotLocked {
        /// The service's folder.
        service: PathBuf,
    },
    /// pyproject.toml changed after the lock was written.
    #[error("pyproject.toml of `{}` changed significantly since poetry.lock was last generated", .service.display())]
    StaleLock {
        /// The service's folder.
        service: PathBuf,
    },
    /// The lock's format does not tell which groups need a package.
    #[error("poetry.lock of `{}` has format {format}, which does not tell what each group needs", .service.display())]
    OldLock {
        /// The service's folder.
        service: PathBuf,
        /// The lock's version.
        format: String,
    },
    /// The lock can't be read.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A path dependency leads nowhere, or its manifest can't be read.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A path dependency that is not part of the repository.
    #[error("{} is outside of the repository: `{}`", arrows(.chain), .folder.display())]
    OutsideRepository {
        /// The names from the service to it.
        chain: Vec<PackageName>,
        /// Where it is.
        folder: PathBuf,
    },
    /// The target's Python is not one that the project supports.
    #[error("Python {python} is not in the range that the project supports ({supported})")]
    Python {
        /// The target's version.
        python: String,
        /// The project's range.
        supported: String,
    },
    /// Packages without a file for the target.
    #[error("no file fits {target}:{}", missing(.packages))]
    NoFile {
        /// The target.
        target: String,
        /// The packages.
        packages: Vec<MissingFile>,
    },
    /// A library of the repository whose wheel does not fit the target.
    #[error("the wheel of `{library}` is for another platform than {target}: {file}")]
    WrongPlatform {
        /// The library.
        library: PackageName,
        /// Its folder.
        folder: PathBuf,
        /// Its wheel.
        file: String,
        /// The target.
        target: String,
    },
    /// A library needs what the lock does not have: its manifest changed after the service was locked.
    #[error(
        "`{library}` requires `{requirement}`, which poetry.lock of the service does not provide"
    )]
    StaleLibrary {
        /// The library.
        library: PackageName,
        /// What it requires.
        requirement: String,
    },
    /// Two wheels of the bundle have one name.
    #[error("the bundle would have two files `{file}`: of {first}, and of {second}")]
    DuplicateWheel {
        /// The file.
        file: String,
        /// A package, and where it is from.
        first: String,
        /// Another one.
        second: String,
    },
    /// Two distributions have a file of one name, with different content.
    #[error("`{first}` and `{second}` both bring `{path}`, and not the same")]
    Overlap {
        /// The file.
        path: String,
        /// A distribution.
        first: PackageName,
        /// Another one.
        second: PackageName,
    },
    /// Packages that the lock has no hash for.
    #[error("poetry.lock has no hash for {}", list(.packages))]
    NoHash {
        /// The packages.
        packages: Vec<PackageName>,
    },
    /// Nothing tells how the service starts.
    #[error("{}", no_entry(.commands))]
    NoEntry {
        /// Its commands.
        commands: Vec<String>,
    },
    /// Files that are not in the cache, and whose hosts do not answer.
    #[error("{}", out_of_reach(.files))]
    OutOfReach {
        /// The files, or where else packages are from.
        files: Vec<String>,
        /// What is known of the first one.
        source: Box<dyn Error + Send + Sync>,
    },
    /// More than one thing went wrong.
    #[error("{} errors", .0.len())]
    Several(Vec<Self>),
    /// Another distribution is in a wheel than its file's name says.
    #[error("`{file}` holds {found}, not {expected}")]
    OtherPackage {
        /// The wheel.
        file: String,
        /// What is in it.
        found: String,
        /// What should be in it.
        expected: String,
    },
    /// Images of this kind do not exist.
    #[error(
        "there are no images for {target}: they run Linux on amd64, arm64, arm/v7, 386, ppc64le, s390x or riscv64"
    )]
    NoImagePlatform {
        /// The target.
        target: String,
    },
    /// An image can't be made.
    #[error(transparent)]
    Image(#[from] Box<OciError>),
    /// An environment can't be used.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A wheel breaks a rule.
    #[error(transparent)]
    Wheel(#[from] WheelError),
    /// A bundle would end up in the service's own wheel.
    #[error("`{}` is a file of the service's wheel and lies in the folder of its bundle", .file.display())]
    OutputInSource {
        /// The file.
        file: PathBuf,
    },
    /// A bundle would end up in a wheel that is part of it.
    #[error("`{}` is in the package `{}`, so the bundle would become a part of the wheel of `{project}`", .folder.display(), .package.display())]
    OutputInPackage {
        /// The folder of the bundle.
        folder: PathBuf,
        /// The folder of the package.
        package: PathBuf,
        /// The project.
        project: PackageName,
    },
    /// A bundle would replace what it is made from.
    #[error("a bundle in `{}` would replace the project in `{}`", .folder.display(), .project.display())]
    OutputOverProject {
        /// The folder of the bundle.
        folder: PathBuf,
        /// The folder of the project.
        project: PathBuf,
    },
    /// A bundle would replace what is none.
    #[error("`{}` has files in it that are not those of a bundle, and a bundle would replace them", .folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// A library changed while it was built, twice.
    #[error("files of `{}` changed while it was built", .folder.display())]
    SourcesChanged {
        /// The library's folder.
        folder: PathBuf,
    },
    /// A library or the service can't be built.
    #[error("failed to build `{name}`")]
    Build {
        /// What was built.
        name: PackageName,
        /// Why.
        source: Box<BuildError>,
        /// The file that has all that its back end printed.
        log: Option<PathBuf>,
    },
    /// A file can't be had.
    #[error(transparent)]
    Fetch(#[from] InstallError),
    /// An sdist can't be unpacked.
    #[error(transparent)]
    Sdist(#[from] SdistError),
    /// A repository can't be checked out.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl BundleError {
    pub(super) fn build(name: &PackageName, source: BuildError) -> Self {
        Self::Build {
            name: name.clone(),
            source: Box::new(source),
            log: None,
        }
    }

    /// All that went wrong, as one error.
    ///
    /// # Errors
    /// When anything did.
    pub(super) fn all(errors: Vec<Self>) -> Result<(), Self> {
        let mut errors = errors.into_iter();
        match (errors.next(), errors.next()) {
            (None, _) => Ok(()),
            (Some(only), None) => Err(only),
            (Some(first), Some(second)) => {
                let rest = [first, second].into_iter().chain(errors);
                Err(Self::Several(rest.flat_map(Self::into_parts).collect()))
            }
        }
    }

    /// An error, and maybe another one.
    pub(super) fn first_and(first: Self, second: Option<Self>) -> Self {
        match second {
            None => first,
            Some(second) => {
                let parts = first.into_parts().into_iter().chain(second.into_parts());
                Self::Several(parts.collect())
            }
        }
    }

    fn into_parts(self) -> Vec<Self> {
        match self {
            Self::Several(errors) => errors,
            other => vec![other],
        }
    }

    /// Is it because a host does not answer?
    pub(super) fn is_out_of_reach(&self) -> bool {
        match self {
            Self::OutOfReach { .. } => true,
            Self::Several(errors) => errors.iter().any(Self::is_out_of_reach),
            Self::Git(GitError::Unreachable { .. } | GitError::Offline { .. }) => true,
            other => std::iter::successors(other.source(), |&cause| cause.source()).any(|cause| {
                // What is in a box is found as the box.
                let of_solver = cause.downcast_ref::<SolveError>();
                let of_solver =
                    of_solver.or_else(|| Some(cause.downcast_ref::<Box<SolveError>>()?));
                let error = match of_solver {
                    Some(SolveError::Index(error)) => Some(error),
                    _ => cause.downcast_ref(),
                };
                matches!(
                    error,
                    Some(
                        IndexError::Unreachable { .. }
                            | IndexError::Offline { .. }
                            | IndexError::Slow { .. }
                    )
                )
            }),
        }
    }
}

fn out_of_reach(files: &[String]) -> String {
    let count = match files.len() {
        1 => "a file is".to_owned(),
        count => format!("{count} files are"),
    };
    format!(
        "{count} neither in the cache nor within reach:\n  - {}",
        files.join("\n  - ")
    )
}

/// A package without a file for the target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MissingFile {
    /// Its name.
    pub package: PackageName,
    /// Its version.
    pub version: String,
    /// The files that the lock lists.
    pub files: Vec<String>,
    /// Is there an sdist, which can only be built on the target itself?
    pub has_sdist: bool,
}

fn missing(packages: &[MissingFile]) -> String {
    let mut text = String::new();
    for package in packages {
        let _ = write!(text, "\n  - {} ({})", package.package, package.version);
        let reason = if package.has_sdist {
            " has an sdist, which can't be built for another platform than this one"
        } else if package.files.is_empty() {
            " has no files in the lock"
        } else {
            ""
        };
        text.push_str(reason);
        if !package.files.is_empty() {
            let _ = write!(text, "; there is {}", package.files.join(", "));
        }
    }
    text
}

fn list(names: &[PackageName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn no_entry(commands: &[String]) -> String {
    if commands.is_empty() {
        return "nothing tells how the service starts: it has no command, and its Dockerfile no `CMD [\"python\", \"-m\", …]`"
            .to_owned();
    }
    format!(
        "the service has more than one command: {}",
        commands.join(", ")
    )
}

fn arrows(names: &[PackageName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" -> ")
}

impl From<OciError> for BundleError {
    fn from(error: OciError) -> Self {
        Self::Image(Box::new(error))
    }
}
