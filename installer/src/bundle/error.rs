//! Why a bundle can't be made.

use std::fmt::Write;
use std::path::PathBuf;

use resolver::git::GitError;
use resolver::lock::LockError;
use resolver::name::PackageName;
use resolver::project::graph::GraphError;

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
    #[error("`{first}` and `{second}` both make `{file}`")]
    DuplicateWheel {
        /// The file.
        file: String,
        /// A package.
        first: PackageName,
        /// Another one.
        second: PackageName,
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
    /// Several files can't be had.
    #[error("{first}\n\nNor could be fetched: {}", list(.others))]
    SeveralMissing {
        /// Why the first one can't.
        first: Box<InstallError>,
        /// The packages of the others.
        others: Vec<PackageName>,
    },
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
