//! Why an installation failed, in Poetry's words where it has some.

use std::fmt::Write;

use crate::build::BuildError;
use crate::fetch::Refused;

/// Why an installation failed. `Display` is Poetry's first line; [`InstallError::advice`] has the rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The index has no file of the release that can be used here.
    #[error("Unable to find installation candidates for {package}")]
    NoCandidates {
        /// Name and version.
        package: String,
        /// Normalised name.
        name: String,
        /// How many files the release has.
        seen: usize,
        /// Wheels for other systems.
        unsupported: Vec<String>,
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
                name,
                seen,
                unsupported,
                refused,
                source_name,
                ..
            } => Some(no_candidates(
                name,
                *seen,
                *refused,
                unsupported,
                source_name.as_deref(),
                verbose,
            )),
            Self::NoKnownHash { links, known, .. } => Some(no_known_hash(links, known, verbose)),
            _ => None,
        }
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
    unsupported: &[String],
    source: Option<&str>,
    verbose: bool,
) -> String {
    let mut text = format!(
        "This is likely not a Poetry issue.\n\n  - {seen} candidate(s) were identified for the package"
    );
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
