//! Where blobs are read from: a layout in a folder or in a tar archive, or what a registry has sent.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use serde::Deserialize;

use super::digest::Hashing;
use super::document::{self, Descriptor, ImageIndex};
use super::{Digest, OciError};

pub(super) const LAYOUT_FILE: &str = "oci-layout";
pub(super) const LAYOUT_TEXT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
pub(super) const INDEX_FILE: &str = "index.json";
/// The table of contents that `docker load` looks for in a tar archive.
pub(super) const DOCKER_FILE: &str = "manifest.json";

pub(super) enum Store {
    Folder(PathBuf),
    Archive {
        path: PathBuf,
        /// Where the content of each file begins, and its size.
        files: BTreeMap<String, (u64, u64)>,
    },
    /// Files of the cache.
    Pulled(BTreeMap<Digest, PathBuf>),
}

/// The name of a blob in a layout.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

impl Store {
    /// A layout, in a folder or a tar archive, and its index.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn layout(path: &Path) -> Result<(Self, ImageIndex), OciError> {
        let store = match fs::metadata(path)?.is_dir() {
            true => Self::Folder(path.to_owned()),
            false => Self::Archive {
                path: path.to_owned(),
                files: listed(path)?,
            },
        };
        let no_layout = |reason: String| OciError::NoLayout {
            path: path.to_owned(),
            reason,
        };
        let (Some(layout), Some(index)) = (store.small(LAYOUT_FILE)?, store.small(INDEX_FILE)?)
        else {
            let reason = match store.small(DOCKER_FILE)? {
                Some(_) => "it is in the older form of `docker save`".to_owned(),
                None => format!("it has no `{LAYOUT_FILE}` and `{INDEX_FILE}`"),
            };
            return Err(no_layout(reason));
        };
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Layout {
            image_layout_version: String,
        }
        let layout: Layout =
            document::parse(&layout, LAYOUT_FILE).map_err(|error| no_layout(error.to_string()))?;
        if !layout.image_layout_version.starts_with("1.") {
            return Err(no_layout(format!(
                "its version is {}, but only 1 is known",
                layout.image_layout_version
            )));
        }
        let index = document::parse(&index, &store.name(INDEX_FILE))?;
        Ok((store, index))
    }

    /// The store in words.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Folder(path) | Self::Archive { path, .. } => path.display().to_string(),
            Self::Pulled(_) => "the cache".to_owned(),
        }
    }

    /// A blob in words.
    pub(super) fn blob_place(&self, digest: &Digest) -> String {
        match self {
            Self::Pulled(files) => match files.get(digest) {
                Some(path) => path.display().to_string(),
                None => digest.to_string(),
            },
            _ => self.name(&blob_name(digest)),
        }
    }

    fn name(&self, file: &str) -> String {
        match self {
            Self::Folder(path) => path.join(file).display().to_string(),
            _ => format!("{}: {file}", self.place()),
        }
    }

    /// The content of a small file; `None` if there is none.
    fn small(&self, name: &str) -> Result<Option<Vec<u8>>, OciError> {
        let Some(content) = self.open(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        content.take(document::LARGEST).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, OciError> {
        match self {
            Self::Folder(path) => file_if_any(&path.join(name)),
            Self::Archive { path, files } => {
                let Some(&(start, size)) = files.get(name) else {
                    return Ok(None);
                };
                let mut file = fs::File::open(path)?;
                file.seek(SeekFrom::Start(start))?;
                Ok(Some(Box::new(file.take(size))))
            }
            Self::Pulled(_) => Ok(None),
        }
    }

    /// A blob's content, unchecked.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, OciError> {
        let found = match self {
            Self::Pulled(files) => match files.get(digest) {
                Some(path) => file_if_any(path)?,
                None => None,
            },
            _ => self.open(&blob_name(digest))?,
        };
        found.ok_or_else(|| OciError::Missing {
            place: self.place(),
            digest: digest.clone(),
        })
    }

    /// A blob that is a document, checked.
    ///
    /// # Errors
    /// When it is not there, or is not what the descriptor says.
    pub(super) fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, OciError> {
        if descriptor.size > document::LARGEST {
            let reason = format!("{} bytes are too many for a document", descriptor.size);
            return Err(OciError::document(
                self.blob_place(&descriptor.digest),
                reason,
            ));
        }
        let mut bytes = Vec::new();
        self.copy(descriptor, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies a blob, and checks it on the way.
    ///
    /// # Errors
    /// When it is not there, or is not what the descriptor says.
    pub(super) fn copy(
        &self,
        descriptor: &Descriptor,
        to: &mut impl Write,
    ) -> Result<(), OciError> {
        let mut content = Hashing::new(
            self.blob(&descriptor.digest)?
                .take(descriptor.size.saturating_add(1)),
        );
        io::copy(&mut content, to)?;
        let (_, digest, size) = content.finish();
        self.check(descriptor, &digest, size)
    }

    /// Is a blob of this digest and size the right one?
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn check(
        &self,
        descriptor: &Descriptor,
        digest: &Digest,
        size: u64,
    ) -> Result<(), OciError> {
        let damaged = |what, expected: String, got: String| {
            if let Self::Pulled(files) = self
                && let Some(path) = files.get(&descriptor.digest)
                && let Err(error) = fs::remove_file(path)
            {
                tracing::debug!("a damaged file stays in the cache: {error}");
            }
            Err(OciError::Damaged {
                place: self.blob_place(&descriptor.digest),
                what,
                expected,
                got,
            })
        };
        if size != descriptor.size {
            // Reading stops one byte after the expected end.
            let got = match size > descriptor.size {
                true => format!("more than {}", descriptor.size),
                false => size.to_string(),
            };
            return damaged("the size", descriptor.size.to_string(), got);
        }
        if *digest != descriptor.digest {
            return damaged(
                "the digest",
                descriptor.digest.to_string(),
                digest.to_string(),
            );
        }
        Ok(())
    }
}

fn file_if_any(path: &Path) -> Result<Option<Box<dyn Read + Send>>, OciError> {
    match fs::File::open(path) {
        Ok(file) => Ok(Some(Box::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The regular files of a tar archive.
fn listed(path: &Path) -> Result<BTreeMap<String, (u64, u64)>, OciError> {
    let unreadable = |error: io::Error| OciError::NoLayout {
        path: path.to_owned(),
        reason: format!("it is neither a folder nor an uncompressed tar archive ({error})"),
    };
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(fs::File::open(path)?);
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(unreadable)?;
        if let Ok(Some(name)) = inside(&name) {
            let place = (entry.raw_file_position(), entry.size());
            files.insert(name.to_string_lossy().replace('\\', "/"), place);
        }
    }
    Ok(files)
}

/// The path of an entry from the archive's top, without `.` and `/` at its begin. `None` for the top itself.
///
/// # Errors
/// What is wrong with it, in words that follow its name.
pub(super) fn inside(path: &Path) -> Result<Option<PathBuf>, &'static str> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(part) => clean.push(part),
            Component::ParentDir | Component::Prefix(_) => return Err("leads out of the image"),
        }
    }
    Ok(Some(clean).filter(|clean| !clean.as_os_str().is_empty()))
}
