//! Why an installation failed, in Poetry's words where it has some.

use std::fmt::Write;

use crate::build::BuildError;
use crate::fetch::{Refused, SdistError};
use crate::wheel::WheelError;

/// Why an installation failed. `Display` is Poetry's first line; [`InstallError::advice`] has the rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The index has no file of the release that can be used here.
    #[error("Unable to find installation candidates for {package}")]
    NoCandidates {
        /// Normalised name, and version.
        package: String,
        /// How many files the release has.
        seen: usize,
        /// Wheels for other systems.
        unsupported: Vec<String>,
        /// Files for other Pythons: a line about each.
        other_python: Vec<String>,
        /// Files that settings have ruled out.
        refused: Refused,
        /// The source, if the lock names one.
        source_name: Option<String>,
    },
    /// The index has files, but none with a hash that is in the lock.
    #[error(
        "Downloaded distributions for {package} did not match any known checksums in your lock file."
    )]
    NoKnownHash {
        /// Name and version.
        package: String,
        /// Files of the index with their hashes.
        links: Vec<(String, String)>,
        /// The hashes of the lock.
        known: Vec<String>,
    },
    /// A file is not what the lock says.
    #[error("Hash for {package} from archive {file} not found in known hashes (was: {found})")]
    HashMismatch {
        /// Name and version.
        package: String,
        /// The file's name.
        file: String,
        /// Its hash.
        found: String,
        /// The hashes of the lock.
        known: Box<[String]>,
        /// Its address or path.
        from: Box<str>,
    },
    /// A file that the lock does not list.
    #[error(
        "Downloaded archive {file} for {package} is not listed in the lock file, so its hash cannot be verified (locked files: {locked:?})"
    )]
    NotLocked {
        /// Name and version.
        package: String,
        /// The file's name.
        file: String,
        /// The names that the lock lists.
        locked: Vec<String>,
    },
    /// The lock has no hash that proves anything.
    #[error("No usable hash type(s) for {package} from archive {file} found (known hashes: {})", known.join(", "))]
    WeakHash {
        /// Name and version.
        package: String,
        /// The file's name.
        file: String,
        /// The hashes of the lock.
        known: Vec<String>,
    },
    /// The lock lists no files at all. (Poetry installs such packages unchecked.)
    #[error("the lock file has no hashes for {package}, so that it cannot be verified")]
    Unhashed {
        /// Name and version.
        package: String,
    },
    /// A source that the project does not have.
    #[error("Repository \"{name}\" does not exist.")]
    UnknownSource {
        /// Name and version.
        package: String,
        /// The source's name in the lock.
        name: String,
    },
    /// A wheel is of another project or version than the lock says.
    #[error("`{file}` is {found}, but {package} was expected")]
    OtherPackage {
        /// Name and version wanted.
        package: String,
        /// The wheel.
        file: String,
        /// Its name and version.
        found: String,
    },
    /// A package could not be built from its sources.
    #[error("{}", build_message(.package, .title, .command, .source))]
    Build {
        /// Its name.
        package: String,
        /// Name, version and where it comes from.
        title: String,
        /// What reproduces it without us.
        command: String,
        /// What went wrong; it is part of the message.
        source: Box<BuildError>,
    },
    /// Anything else that went wrong with one package.
    #[error("Cannot install {package}.")]
    Failed {
        /// Its name.
        package: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The environment.
    #[error(transparent)]
    Environment(#[from] crate::environment::EnvironmentError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl InstallError {
    pub(crate) fn failed(
        package: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed {
            package: package.to_owned(),
            source: source.into(),
        }
    }

    /// What Poetry says after the first line: what else is known, and what to try. More of it when `verbose`.
    #[must_use]
    pub fn advice(&self, verbose: bool) -> Option<String> {
        match self {
            Self::NoCandidates {
                package,
                seen,
                unsupported,
                other_python,
                refused,
                source_name,
            } => Some(no_candidates(
                package.split(' ').next().unwrap_or(package),
                *seen,
                *refused,
                [unsupported, other_python],
                source_name.as_deref(),
                verbose,
            )),
            Self::NoKnownHash { links, known, .. } => Some(no_known_hash(links, known, verbose)),
            Self::HashMismatch { known, from, .. } => Some(format!(
                "It came from {from}, and should have {}. {OTHER_FILE}",
                known.join(" or ")
            )),
            Self::NotLocked { .. } => Some(OTHER_FILE.to_owned()),
            Self::OtherPackage { .. } => Some(OTHER_PACKAGE.to_owned()),
            Self::WeakHash { .. } | Self::Unhashed { .. } => Some(REGENERATE.to_owned()),
            Self::UnknownSource { package, name } => Some(format!(
                "{package} is locked to this source. Add [[tool.poetry.source]] with the name \"{name}\" to \
                 pyproject.toml, or take {package} from another source and lock again."
            )),
            Self::Failed { source, .. } if is_unlisted(source.as_ref()) => Some(BY_HAND.to_owned()),
            Self::Failed { source, .. } if is_about_archive(source.as_ref()) => {
                Some(BAD_ARCHIVE.to_owned())
            }
            _ => None,
        }
    }
}

const OTHER_FILE: &str = "It is not the file that was locked. If it was replaced on purpose, regenerate the lock file with \
    the `poetry lock --regenerate` command. Otherwise it should not be trusted.";

const OTHER_PACKAGE: &str = "Lock again if its sources have changed since. Otherwise tell its maintainers, or exclude this \
    version in pyproject.toml.";

const REGENERATE: &str = "Regenerate the lock file with the `poetry lock --regenerate` command.";

const BAD_ARCHIVE: &str = "Nothing of it was installed. The archive itself is at fault: tell its maintainers, or exclude \
    this version in pyproject.toml and lock again.";

const BY_HAND: &str =
    "Remove it and its files by hand, or remove the whole environment and install again.";

/// Could something not be removed because nothing tells what belongs to it?
fn is_unlisted(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(WheelError::Unlisted(_)))
}

/// Did it fail because of what is in the wheel or sdist?
fn is_about_archive(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    match error.downcast_ref::<WheelError>() {
        Some(error) => !matches!(error, WheelError::Io(_) | WheelError::StoreDamaged(_)),
        None => error.is::<SdistError>(),
    }
}

/// Poetry: its words around what went wrong with a build, which come last.
fn build_message(package: &str, title: &str, command: &str, error: &BuildError) -> String {
    let cause = error.cause_text();
    match error {
        // Where an sdist was unpacked to is nobody's business.
        BuildError::Resolve { source, .. } => {
            format!("{source}\n\nCannot resolve build-system.requires for {package}.")
        }
        BuildError::Install { .. } => {
            format!("{cause}\n\nCannot install build-system.requires for {package}.")
        }
        BuildError::ModuleNotFound { .. } => format!(
            "{cause}\n\nName a folder or file of {package} like the project, or set `packages` in its pyproject.toml.\n\n\
             Cannot install {package}."
        ),
        _ => match error.backend_text(title, command) {
            Some(text) => text,
            None => format!("{cause}\n\nCannot install {package}."),
        },
    }
}

/// Poetry: the end of a message that says more with `-v`.
const MORE: &str = "\n\nYou can also run your poetry command with -v to see more information.";

fn no_candidates(
    name: &str,
    seen: usize,
    refused: Refused,
    [unsupported, other_python]: [&[String]; 2],
    source: Option<&str>,
    verbose: bool,
) -> String {
    let mut text = format!(
        "This is likely not a Poetry issue.\n\n  - {seen} candidate(s) were identified for the package"
    );
    for line in other_python {
        let _ = write!(text, "\n  - {line}");
    }
    if refused.wheels > 0 {
        let count = refused.wheels;
        let _ = write!(
            text,
            "\n  - {count} wheel(s) were skipped due to your installer.no-binary policy"
        );
    }
    if refused.sdists > 0 {
        let count = refused.sdists;
        let _ = write!(
            text,
            "\n  - {count} source distribution(s) were skipped due to your installer.only-binary policy"
        );
    }
    if !unsupported.is_empty() {
        let count = unsupported.len();
        let _ = write!(
            text,
            "\n  - {count} wheel(s) were skipped as your project's environment does not support the identified abi tags"
        );
    }
    if verbose && !unsupported.is_empty() {
        let list = unsupported.join("\n  - ");
        let _ = write!(
            text,
            "\n\nThe following wheel(s) were skipped as the current project environment does not support them due to \
             abi compatibility issues.\n\n  - {list}\n\nIf you would like to see the supported tags in your project \
             environment, you can execute the following command:\n\n    poetry debug tags"
        );
    }
    let hint = source
        .map(|source| format!(" ({source})"))
        .unwrap_or_default();
    let _ = write!(
        text,
        "\n\nSolutions:\nMake sure the lockfile is up-to-date. You can try one of the following;\n\n    \
         1. Regenerate lockfile: poetry lock --no-cache --regenerate\n    \
         2. Update package     : poetry update --no-cache {name}\n\n\
         If any of those solutions worked, you will have to clear your caches using (poetry cache clear --all).\n\n\
         If neither works, please first check to verify that the {name} has published wheels available from your \
         configured source{hint} that are compatible with your environment- ie. operating system, architecture \
         (x86_64, arm64 etc.), python interpreter."
    );
    if !verbose && !unsupported.is_empty() {
        text.push_str(MORE);
    }
    text
}

fn no_known_hash(links: &[(String, String)], known: &[String], verbose: bool) -> String {
    let mut text = "Causes:\n  \
         - invalid or corrupt cache either during locking or installation\n  \
         - network interruptions or errors causing corrupted downloads\n\n\
         Solutions:\n  \
         1. Try running your command again using the --no-cache global option enabled.\n  \
         2. Try regenerating your lock file using (poetry lock --no-cache --regenerate).\n\n\
         If any of those solutions worked, you will have to clear your caches using (poetry cache clear --all CACHE_NAME)."
        .to_owned();
    if verbose {
        let links: Vec<String> = links
            .iter()
            .map(|(file, hash)| format!("  - {file}({hash})"))
            .collect();
        let known: Vec<String> = known.iter().map(|hash| format!("  - {hash}")).collect();
        let (links, known) = (links.join("\n"), known.join("\n"));
        let _ = write!(
            text,
            "\n\nPoetry retrieved the following links:\n{links}\n\nThe lockfile contained only the following hashes:\n{known}"
        );
    } else {
        text.push_str(MORE);
    }
    text
}
