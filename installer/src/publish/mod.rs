//! Sending what was built to an index, by PyPI's upload API.
//!
//! A form is posted for every file: its core metadata, three digests, the file itself. Poetry sends the same fields; so
//! whatever index takes uploads from it takes them from here.

mod distributions;
mod error;
mod form;
mod upload;

use std::path::{Path, PathBuf};

pub use distributions::Distributions;
pub use error::PublishError;

use form::Form;
use upload::{Answer, Uploader};

/// Where files are sent to.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// The address of its upload API.
    pub url: String,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Whom to trust.
    pub trust: Trust,
    /// A PEM file with a certificate and its key, to show to the server.
    pub client_certificate: Option<PathBuf>,
    /// `User-Agent`.
    pub user_agent: String,
    /// Seconds without any progress after which an upload counts as failed.
    pub timeout: u64,
}

/// Which certificates of servers are trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Those of the system, and those of these PEM files.
    System(Vec<PathBuf>),
    /// Those of this PEM file and no others.
    Only(PathBuf),
    /// All of them, whoever they are from.
    Anybody,
}

impl Default for Trust {
    fn default() -> Self {
        Self::System(Vec::new())
    }
}

/// How files are sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PublishOptions {
    /// Do all but send.
    pub dry_run: bool,
    /// A file that the index has already is no error.
    pub skip_existing: bool,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Published {
    /// It is there now; in a dry run, it would be.
    Sent,
    /// It was there before.
    Existed,
}

/// Hears how it goes on.
pub trait Reporter: Sync {
    /// A file is about to be sent, in a form of so many bytes.
    fn started(&self, file: &str, bytes: u64);
    /// So many bytes of it have been sent.
    fn sent(&self, file: &str, bytes: u64);
    /// The whole file has been sent, and the server has answered.
    fn answered(&self, file: &str);
    /// What became of it.
    fn published(&self, file: &str, published: Published);
}

/// Sends files, one after the other.
///
/// # Errors
/// When a file can't be read, or the server does not take it.
pub async fn publish(
    files: &[PathBuf],
    repository: &Repository,
    options: PublishOptions,
    reporter: &dyn Reporter,
) -> Result<(), PublishError> {
    let uploader = Uploader::new(repository)?;
    let mut is_registered = false;
    for file in files {
        let form = Form::of(file)?;
        let name = file_name(file);
        loop {
            reporter.started(&name, form.upload().len());
            if options.dry_run {
                reporter.answered(&name);
                reporter.published(&name, Published::Sent);
                break;
            }
            let answer = uploader
                .send(&form.upload(), &|bytes| reporter.sent(&name, bytes))
                .await?;
            reporter.answered(&name);
            if answer.wants_registration() && !is_registered {
                register(&uploader, files).await?;
                is_registered = true;
                continue;
            }
            reporter.published(&name, judge(answer, options)?);
            break;
        }
    }
    Ok(())
}

/// What an answer means.
fn judge(answer: Answer, options: PublishOptions) -> Result<Published, PublishError> {
    match answer.status {
        200..=299 => Ok(Published::Sent),
        300..=399 => Err(PublishError::Redirect),
        _ if options.skip_existing && answer.says_it_exists() => Ok(Published::Existed),
        _ => Err(answer.into()),
    }
}

/// Poetry: some old servers want to hear of a project before its first file, in a form of the first file's metadata.
async fn register(uploader: &Uploader, files: &[PathBuf]) -> Result<(), PublishError> {
    let Some(first) = files.first() else {
        return Ok(());
    };
    let answer = uploader
        .send(&Form::of(first)?.registration(), &|_| {})
        .await?;
    match answer.status {
        400.. => Err(answer.into()),
        _ => Ok(()),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
