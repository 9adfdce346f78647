//! Why something can't be published. The texts are Poetry's where it has one.

use std::path::PathBuf;

/// Why something can't be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The server did not take a file.
    #[error("HTTP Error {status}: {reason} | {body}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// The words for it.
        reason: String,
        /// Poetry: the answer as Python prints bytes.
        body: String,
    },
    /// The server wants to be asked elsewhere.
    #[error("Redirects are not supported. Is the URL missing a trailing slash?")]
    Redirect,
    /// There is no server, or the connection broke.
    #[error("Error connecting to repository")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing more was sent or received for a while.
    #[error("Error connecting to repository: nothing was sent or received for {seconds} seconds")]
    Stalled {
        /// How long.
        seconds: u64,
    },
    /// An address that can't be used.
    #[error("`{url}` is no address of a repository: {reason}")]
    Address {
        /// As configured.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A certificate file that can't be used.
    #[error("certificate file `{}` can't be used: {reason}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A wheel or an sdist that can't be read.
    #[error("`{}` can't be published: {reason}", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
