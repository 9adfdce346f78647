//! What can go wrong with an index. No message holds a user name, a password or the query of a URL.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::dist::Hash;
use crate::metadata::MetadataError;

/// A cause that several askers of one answer share.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Everything that can go wrong with an index. Cheap to clone: whoever waits for an answer gets the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The host did not answer, or broke off, each time.
    #[error("All attempts to connect to {host} failed.")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What was asked for.
        url: String,
        /// The last failure.
        #[source]
        source: Cause,
    },
    /// The host answers so slowly that the request was given up.
    #[error("`{url}` did not arrive in {seconds} seconds")]
    Slow {
        /// What was asked for.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// No secure connection.
    #[error("no secure connection to `{host}`: {reason}")]
    Tls {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// The system has no store of root certificates.
    #[error("no root certificates were found on this system, so no index can be trusted: {reason}")]
    NoRootCertificates {
        /// What was tried.
        reason: String,
    },
    /// A configured certificate file can't be used.
    #[error("certificate file `{}` can't be used: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// 401 or 403.
    #[error("`{url}` refuses access (status {code}): credentials are missing or wrong")]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        code: u16,
    },
    /// Any other status that is no answer.
    #[error("`{url}` answers with status {code}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        code: u16,
    },
    /// The host is busy, and asks for a wait that is too long.
    #[error("`{url}` answers with status {code} and wants to be asked again in {seconds} seconds")]
    Busy {
        /// What was asked for.
        url: String,
        /// The status.
        code: u16,
        /// How long it wants us to wait.
        seconds: u64,
    },
    /// A redirect that leads nowhere.
    #[error("`{url}` redirects {reason}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// `in a loop`, `without saying where`, …
        reason: String,
    },
    /// An address that can't be used.
    #[error("invalid address `{url}`: {reason}")]
    Address {
        /// As given, without credentials.
        url: String,
        /// Why.
        reason: String,
    },
    /// A body larger than any honest one.
    #[error("`{url}` sends more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// An answer that can't be read.
    #[error("the answer of `{url}` can't be read: {reason}")]
    Unreadable {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// The index speaks a newer protocol (PEP 629).
    #[error("`{url}` speaks version {version} of the simple API, but only version 1 is known")]
    ApiVersion {
        /// The page.
        url: String,
        /// The version it announces.
        version: String,
    },
    /// A request would be needed, but none may be made.
    #[error("`{what}` is not in the cache, and the network is switched off")]
    Offline {
        /// What is missing.
        what: String,
    },
    /// A file is not what it should be.
    #[error("`{file}` has hash {got}, but {} was expected", list(expected))]
    HashMismatch {
        /// The file's name.
        file: String,
        /// The hashes of which one must match.
        expected: Vec<Hash>,
        /// What it has.
        got: Hash,
    },
    /// No hash of a kind that proves anything.
    #[error("`{file}` can't be checked: {} is no SHA-2 hash", list(hashes))]
    WeakHash {
        /// The file's name.
        file: String,
        /// The hashes given.
        hashes: Vec<Hash>,
    },
    /// No file of the release can be locked.
    #[error("{package} ({version}) has no files with a usable hash")]
    NoFiles {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// The release has neither a wheel nor an sdist to read.
    #[error("no file of {package} ({version}) can tell its metadata")]
    NoMetadata {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// Metadata that can't be read.
    #[error("the metadata in `{file}` can't be read")]
    Metadata {
        /// The archive.
        file: String,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// Wheels for Python 2 and 3 whose requirements can't be joined.
    #[error("the requirements of {package} ({version}) can't be read: {reason}")]
    Requirements {
        /// The package.
        package: String,
        /// The version.
        version: String,
        /// Why.
        reason: String,
    },
    /// An archive that can't be read, or must not be.
    #[error("`{file}` can't be unpacked: {reason}")]
    Archive {
        /// The archive.
        file: String,
        /// Why.
        reason: String,
    },
    /// An sdist has to be built to know its metadata, and that failed.
    #[error("the metadata of `{what}` can't be built: {reason}")]
    Build {
        /// The archive or folder.
        what: String,
        /// What the back end said.
        reason: String,
    },
    /// A file of the system can't be read or written.
    #[error("{what}")]
    File {
        /// What was done with which file.
        what: String,
        /// Why it failed.
        #[source]
        source: Arc<std::io::Error>,
    },
}

impl IndexError {
    pub(crate) fn file(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::File {
            what: what.into(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn archive(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Archive {
            file: file.into(),
            reason: reason.into(),
        }
    }
}

/// A URL as messages may show it: without credentials, query (it may be signed) and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that can't have credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Host and port, as in Poetry's messages.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn list(hashes: &[Hash]) -> String {
    let texts: Vec<String> = hashes.iter().map(Hash::to_string).collect();
    texts.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::{host, shown};

    #[test]
    fn secrets_are_not_shown() {
        let url = "https://user:pass@host:8443/a?token=x#sha256=1"
            .parse()
            .unwrap();
        assert_eq!(shown(&url), "https://host:8443/a");
        assert_eq!(host(&url), "host:8443");
    }
}
