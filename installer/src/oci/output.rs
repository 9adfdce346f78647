//! Writing a layout: staged beside its place, verified, exchanged in one step.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err as fs;
use serde::Serialize;

use super::digest::Hashing;
use super::document::{CONTAINERD_NAME, Descriptor, INDEX, ImageIndex, LAYER, Manifest, REF_NAME};
use super::layer::Plan;
use super::reference::is_tag;
use super::store::{DOCKER_FILE, INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT, Store, blob_name};
use super::{Content, Digest, Entry, Layer, OciError, Reference};
use crate::swap;

/// The begin of the names under which layouts are staged.
const STAGED: &str = ".oci.mpoetry-";

/// Where an image goes.
#[derive(Clone, Debug)]
pub struct Output {
    /// The folder or the archive.
    pub path: PathBuf,
    /// Which of both.
    pub form: Form,
    /// The image's tag in the layout: a tag, or a whole name with one.
    pub tag: Option<String>,
}

/// The form of an image layout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// A folder.
    Folder,
    /// A tar archive of that folder.
    Archive,
}

impl Output {
    /// Can it be written to, and may what is there be replaced?
    ///
    /// # Errors
    /// When it may not, or the tag is none.
    pub(super) fn check(&self) -> Result<(), OciError> {
        if let Some(tag) = &self.tag
            && !is_tag(tag)
            && tagged(tag).is_none()
        {
            return Err(OciError::Reference {
                text: tag.clone(),
                reason: "it is neither a tag nor a name with a tag".to_owned(),
            });
        }
        let occupied = |reason| {
            Err(OciError::Occupied {
                path: self.path.clone(),
                reason,
            })
        };
        let Ok(metadata) = self.path.metadata() else {
            return Ok(());
        };
        match self.form {
            Form::Archive if metadata.is_dir() => occupied("it is a folder"),
            Form::Folder if !metadata.is_dir() => occupied("it is a file"),
            Form::Folder => {
                let is_layout = self.path.join(LAYOUT_FILE).is_file();
                let is_empty = fs::read_dir(&self.path)?.next().is_none();
                match is_layout || is_empty {
                    true => Ok(()),
                    false => {
                        occupied("it is a folder with something else than an image layout in it")
                    }
                }
            }
            Form::Archive => Ok(()),
        }
    }
}

/// A name with a tag, and no digest.
fn tagged(text: &str) -> Option<Reference> {
    let name = text.rsplit('/').next()?;
    let reference: Reference = text.parse().ok()?;
    (name.contains(':') && reference.digest.is_none()).then_some(reference)
}

/// A folder beside the output, removed when dropped.
pub(super) struct Staging<'a> {
    output: &'a Output,
    folder: PathBuf,
    numbers: AtomicU64,
}

impl<'a> Staging<'a> {
    pub(super) fn new(output: &'a Output) -> Result<Self, OciError> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let parent = match output.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent)?;
        swap::sweep(parent, STAGED);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{STAGED}{}.{run}", std::process::id()));
        // A process of this number may have been killed long ago.
        swap::remove(&folder)?;
        let staging = Self {
            output,
            folder,
            numbers: AtomicU64::new(0),
        };
        fs::create_dir_all(staging.layout().join("blobs/sha256"))?;
        Ok(staging)
    }

    fn layout(&self) -> PathBuf {
        self.folder.join("layout")
    }

    /// Adds a document.
    pub(super) fn document(
        &self,
        media_type: &str,
        document: &impl Serialize,
    ) -> Result<Descriptor, OciError> {
        let bytes = json(document)?;
        let digest = Digest::of(&bytes);
        fs::write(self.layout().join(blob_name(&digest)), &bytes)?;
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: bytes.len() as u64,
            platform: None,
            annotations: std::collections::BTreeMap::new(),
        })
    }

    /// Adds a blob of another store, as it is.
    pub(super) fn copy(&self, store: &Store, descriptor: &Descriptor) -> Result<(), OciError> {
        let target = self.layout().join(blob_name(&descriptor.digest));
        // Images for several platforms may share it.
        if target.exists() {
            return Ok(());
        }
        let unfinished = self.unfinished();
        let mut file = fs::File::create(&unfinished)?;
        store.copy(descriptor, &mut file)?;
        fs::rename(unfinished, target)?;
        Ok(())
    }

    /// Adds a layer, and returns it with the digest of its tar archive.
    pub(super) fn layer(&self, plan: &Plan<'_>) -> Result<(Descriptor, Digest), OciError> {
        let unfinished = self.unfinished();
        let file = BufWriter::with_capacity(1 << 16, fs::File::create(&unfinished)?);
        let (packed, diff_id) = plan.write_packed(Hashing::new(file))?;
        let (mut file, digest, size) = packed.finish();
        file.flush()?;
        fs::rename(unfinished, self.layout().join(blob_name(&digest)))?;
        let descriptor = Descriptor {
            media_type: LAYER.to_owned(),
            digest,
            size,
            platform: None,
            annotations: std::collections::BTreeMap::new(),
        };
        Ok((descriptor, diff_id))
    }

    fn unfinished(&self) -> PathBuf {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("blob-{number}"))
    }

    /// Writes what leads to these images, and the archive, if one is wanted. Returns the layout as it can be read.
    pub(super) fn finish(
        &self,
        images: &[(Descriptor, Manifest)],
    ) -> Result<(Store, ImageIndex), OciError> {
        let mut top = match images {
            [(only, _)] => only.clone(),
            several => {
                let manifests = several.iter().map(|(descriptor, _)| descriptor.clone());
                self.document(INDEX, &ImageIndex::new(manifests.collect()))?
            }
        };
        let name = self.output.tag.as_deref().and_then(tagged);
        let tag = self
            .output
            .tag
            .iter()
            .map(|tag| (REF_NAME.to_owned(), tag.clone()));
        top.annotations.extend(tag);
        top.annotations.extend(
            name.iter()
                .map(|name| (CONTAINERD_NAME.to_owned(), name.to_string())),
        );
        let layout = self.layout();
        fs::write(layout.join(LAYOUT_FILE), LAYOUT_TEXT)?;
        fs::write(layout.join(INDEX_FILE), json(&ImageIndex::new(vec![top]))?)?;
        if self.output.form == Form::Folder {
            return Store::layout(&layout);
        }
        if let [(_, manifest)] = images {
            fs::write(
                layout.join(DOCKER_FILE),
                json(&[DockerImage::new(manifest, name.as_ref())])?,
            )?;
        }
        self.pack()?;
        Store::layout(&self.archive())
    }

    fn archive(&self) -> PathBuf {
        self.folder.join("layout.tar")
    }

    fn pack(&self) -> Result<(), OciError> {
        let mut layer = Layer {
            created_by: "layout".to_owned(),
            entries: Vec::new(),
        };
        let layout = self.layout();
        for file in walkdir::WalkDir::new(&layout) {
            let file = file.map_err(std::io::Error::from)?;
            let path = file.path().strip_prefix(&layout).unwrap_or(file.path());
            if file.file_type().is_file() {
                layer.entries.push(Entry {
                    path: path
                        .to_string_lossy()
                        .replace(std::path::MAIN_SEPARATOR, "/"),
                    mode: 0o644,
                    content: Content::File(file.path().to_owned()),
                });
            }
        }
        let file = BufWriter::with_capacity(1 << 16, fs::File::create(self.archive())?);
        Plan::new(&layer)?.write(file)?.flush()?;
        Ok(())
    }

    /// Puts what has been staged into its place.
    pub(super) fn put(self) -> Result<(), OciError> {
        match self.output.form {
            Form::Archive => fs::rename(self.archive(), &self.output.path)?,
            Form::Folder => {
                let staged = self.layout();
                // Another process may have made the folder after it was looked for.
                swap::exchange(&staged, &self.output.path)
                    .or_else(|_| swap::exchange(&staged, &self.output.path))?;
            }
        }
        Ok(())
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if let Err(error) = swap::remove(&self.folder) {
            tracing::debug!("{error}");
        }
    }
}

fn json(document: &impl Serialize) -> Result<Vec<u8>, OciError> {
    serde_json::to_vec(document).map_err(|error| OciError::Io(error.into()))
}

/// An image in the words of `docker load`, which has known these for longer than image layouts.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl DockerImage {
    fn new(manifest: &Manifest, name: Option<&Reference>) -> Self {
        let layers = manifest.layers.iter();
        Self {
            config: blob_name(&manifest.config.digest),
            repo_tags: name.iter().map(ToString::to_string).collect(),
            layers: layers.map(|layer| blob_name(&layer.digest)).collect(),
        }
    }
}
