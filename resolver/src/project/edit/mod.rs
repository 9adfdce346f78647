//! Edits of `pyproject.toml` that keep what they do not change: comments, layout, quotes, line ends.
//!
//! A [`Manifest`] is the file's text. Commands change it in memory, read the outcome as a
//! [`Project`](super::Project), and [save](Manifest::save) it when all else has gone well.

mod add;
mod array;
mod document;
mod remove;
mod sources;

use std::path::{Path, PathBuf};

pub use add::{Destination, Entry};

use super::{DeclarationError, ProjectError};
use crate::file;
use crate::version::Version;
use document::{Below, Document};

/// The section of an older Poetry that stands for the group `dev`.
const DEV_DEPENDENCIES: [&str; 3] = ["tool", "poetry", "dev-dependencies"];

/// The text of a `pyproject.toml` that is being changed.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The folder it lies in.
    root: PathBuf,
    /// The text as it was read.
    original: String,
    document: Document,
    ends: LineEnds,
}

/// How the lines of a file end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LineEnds {
    /// As they are in the text; new ones are plain.
    Kept,
    /// All as on Windows.
    Crlf,
}

/// Why a `pyproject.toml` can't be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// It can't be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// It can't be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is written in a way that this program does not know how to change.
    #[error("pyproject.toml can't be edited: {reason}")]
    Form {
        /// What is in the way.
        reason: String,
    },
    /// What is to be added is no requirement.
    #[error("{source}")]
    Entry {
        /// The name it would stand under.
        name: String,
        /// What is wrong with it.
        source: DeclarationError,
    },
}

impl Manifest {
    /// Reads the file in `root`.
    ///
    /// # Errors
    /// When there is none, or it is no TOML.
    pub fn read(root: &Path) -> Result<Self, EditError> {
        let text = fs_err::read_to_string(root.join("pyproject.toml"))?;
        Self::parse(&text, root)
    }

    /// Takes a text for that of the file in `root`.
    ///
    /// # Errors
    /// When it is no TOML.
    pub fn parse(text: &str, root: &Path) -> Result<Self, EditError> {
        let (lines, windows) = (text.matches('\n').count(), text.matches("\r\n").count());
        let original = text.to_owned();
        let (ends, text) = if lines > 0 && lines == windows {
            (LineEnds::Crlf, text.replace("\r\n", "\n"))
        } else {
            (LineEnds::Kept, text.to_owned())
        };
        Ok(Self {
            root: root.to_owned(),
            original,
            document: Document::parse(text)?,
            ends,
        })
    }

    /// The text as it is now, with the file's own line ends.
    #[must_use]
    pub fn text(&self) -> String {
        match self.ends {
            LineEnds::Kept => self.document.text().to_owned(),
            LineEnds::Crlf => self.document.text().replace('\n', "\r\n"),
        }
    }

    /// Writes the file if it has changed: at once, with the mode it had, and through a link if it is one.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self) -> Result<(), EditError> {
        let text = self.text();
        if text != self.original {
            file::replace(&self.root.join("pyproject.toml"), text.as_bytes())?;
        }
        Ok(())
    }

    /// Sets the project's version wherever it is written.
    ///
    /// # Errors
    /// When its place can't be changed.
    pub fn set_version(&mut self, version: &Version) -> Result<(), EditError> {
        for table in [&["project"][..], &["tool", "poetry"]] {
            if self
                .document
                .item(&[table, &["version"]].concat())
                .is_some()
            {
                let value = format!("\"{version}\"");
                self.document
                    .set(table, "version", &value, Below::Nothing)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
