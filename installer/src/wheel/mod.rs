//! Wheels: reading, unpacking into the cache, linking into an environment, removing.
//!
//! A wheel is unpacked once, into a folder of the cache that is named after the wheel's sha256 ([`Store`]). Beside
//! the files lies a [`Manifest`]: everything an installation needs to know, already checked, so that installing it
//! again reads one small file and then only makes links ([`install`]). Checks come before the first link; the
//! `.dist-info` folder comes last, by one rename, so that a half-installed wheel never looks installed.

mod archive;
mod destination;
mod direct_url;
mod headers;
mod inflate;
mod input;
mod legacy;
mod link;
mod manifest;
mod ready;
mod record;
mod scripts;
mod sha256;
mod source;
mod store;
mod uninstall;
mod unpack;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

pub use destination::{Options, Report, Site, install};
pub use direct_url::{DirectUrl, file_url};
pub use link::{LinkMode, Linker};
pub use manifest::{Manifest, Scheme, StoredFile};
pub use ready::INSTALLER;
pub use record::{RecordEntry, RecordError, parse_rows};
pub use scripts::{
    EntryPoint, EntryPointError, is_reserved, parse_entry_points, rewrite_shebang, script_text,
    shebang,
};
pub use store::{Store, StoredWheel};
pub use uninstall::{Removed, uninstall};

pub(crate) use destination::{TEMPORARY, modules, remove_leftovers};
pub(crate) use headers::first as first_header;
pub(crate) use legacy::metadata_file;
pub(crate) use record::{Written, installed_text};
pub(crate) use scripts::{first_name, shell_quoted};
pub(crate) use store::{create_file, new_folder, outline};
pub(crate) use uninstall::{make_room, remove, remove_stray};

/// Reads all files of a ZIP archive that is no wheel, under the same strict rules: name, mode, content.
pub(crate) fn read_zip<E>(
    bytes: &[u8],
    mut sink: impl FnMut(&str, u32, &[u8]) -> Result<(), E>,
) -> Result<Result<(), E>, ZipError> {
    let inflaters = inflate::Inflaters::default();
    let archive = archive::Archive::open(bytes.into(), &inflaters).map_err(ZipError)?;
    for member in archive
        .members
        .iter()
        .filter(|member| !member.is_directory())
    {
        let content = archive.bytes(member).map_err(ZipError)?;
        if let Err(error) = sink(&member.name, member.mode, &content) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// A ZIP archive that can't be read.
#[derive(Debug)]
pub(crate) struct ZipError(archive::ArchiveError);

impl std::fmt::Display for ZipError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0.member {
            Some(member) => write!(f, "member `{member}` {}", self.0.reason),
            None => write!(f, "the archive {}", self.0.reason),
        }
    }
}

impl std::error::Error for ZipError {}

/// Why a wheel can't be used, installed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WheelError {
    /// The ZIP container is damaged or ambiguous.
    #[error("the archive `{file}` {reason}")]
    Archive {
        /// The wheel's file name.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// One member of the archive must not be installed.
    #[error("member `{member}` of `{file}` {reason}")]
    Member {
        /// The wheel's file name.
        file: String,
        /// The member's name.
        member: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The wheel breaks a rule of the format.
    #[error("`{file}` is not a valid wheel: {reason}")]
    Invalid {
        /// The wheel's file name.
        file: String,
        /// Which rule.
        reason: String,
    },
    /// Its RECORD can't be read.
    #[error("`{file}` is not a valid wheel")]
    Record {
        /// The wheel's file name.
        file: String,
        /// The row.
        #[source]
        source: RecordError,
    },
    /// Its entry points can't be read.
    #[error("`{file}` is not a valid wheel")]
    EntryPoints {
        /// The wheel's file name.
        file: String,
        /// The line.
        #[source]
        source: EntryPointError,
    },
    /// A file of the unpacked wheel has gone from the cache.
    #[error("the cached wheel has lost its file `{}`", .0.display())]
    StoreDamaged(PathBuf),
    /// What is installed does not tell which files are its own.
    #[error("`{}` does not tell which files belong to it, so that they can't be removed", .0.display())]
    Unlisted(PathBuf),
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
