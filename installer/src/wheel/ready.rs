//! The files of `.dist-info` that are the same in every environment: made once, when a wheel is unpacked, and linked like
//! all others from then on. Written anew, each would take a block of the disk in every environment.

use std::io::{self, Write};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use fs_err as fs;
use sha2::{Digest, Sha256};

use super::manifest::{Manifest, StoredFile};
use super::record::{Written, installed_text};
use super::store::create_file;

/// Poetry: the text of `INSTALLER`, without a line end. Tools and people compare environments, so it is Poetry's.
pub const INSTALLER: &str = "Poetry 2.5.1";

/// From the files of an unpacked wheel to the folder with those that are made.
pub(super) const FROM_FILES: &str = "../ready";

/// Makes them in the folder of an unpacked wheel.
pub(super) fn write(manifest: &Manifest, wheel: &Path) -> io::Result<()> {
    let folder = wheel.join("ready");
    fs::create_dir(&folder)?;
    create_file(&folder.join("INSTALLER"), false)?.write_all(INSTALLER.as_bytes())?;
    if has_one_record(manifest) {
        let files = manifest.files.iter().map(Written::unchanged);
        let text = installed_text(files.chain(own_rows(manifest)).collect());
        create_file(&folder.join("RECORD"), false)?.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Is a wheel's RECORD the same wherever it is installed? Scripts name the environment's Python, and the way to other
/// folders than site-packages depends on the environment.
pub(super) fn has_one_record(manifest: &Manifest) -> bool {
    let is_plain = |file: &StoredFile| file.scheme == manifest.root && !file.rewrite;
    manifest.entry_points.is_empty() && manifest.files.iter().all(is_plain)
}

/// The rows of RECORD for what is in no wheel.
pub(super) fn own_rows(manifest: &Manifest) -> [Written; 2] {
    let row = |name: &str, content| Written {
        path: format!("{}/{name}", manifest.dist_info),
        prefix: String::new(),
        content,
    };
    let installer = content(INSTALLER.as_bytes());
    [row("INSTALLER", Some(installer)), row("RECORD", None)]
}

/// What RECORD says of a file with these bytes.
pub(super) fn content(bytes: &[u8]) -> (String, u64) {
    let hash = BASE64URL_NOPAD.encode(&Sha256::digest(bytes));
    (format!("sha256={hash}"), bytes.len() as u64)
}
