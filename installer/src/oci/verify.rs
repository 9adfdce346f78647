//! Reading an image back: is everything there, whole, and what it is said to be?

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use rayon::prelude::*;

use super::document::{self, BASE_DIGEST, Descriptor, Document, ImageConfig, ImageIndex, Manifest};
use super::store::Store;
use super::walk::{Scanned, scan};
use super::{Digest, OciError, Platform};

/// Indexes in indexes in indexes are nobody's images.
const DEEPEST: usize = 4;

/// What a layout holds, all of it checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// What its `index.json` points to, with tags: images, or one index of images for several platforms. These are the
    /// digests under which a registry would have them.
    pub roots: Vec<Descriptor>,
    /// All images in it.
    pub images: Vec<ImageSummary>,
}

/// An image for one platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageSummary {
    /// What it runs on.
    pub platform: Platform,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The digest of its configuration, which Docker calls the image's id.
    pub config: Digest,
    /// The digest of the base image's manifest, if it has been written down.
    pub base: Option<Digest>,
    /// Its layers, the lowest first.
    pub layers: Vec<LayerSummary>,
}

/// A layer of an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LayerSummary {
    /// The digest of the blob.
    pub digest: Digest,
    /// The size of the blob.
    pub size: u64,
    /// The digest of the tar archive in it.
    pub diff_id: Digest,
    /// How many entries it has.
    pub entries: u64,
}

/// Reads an image layout, in a folder or a tar archive, and checks all of it: digests and sizes of all blobs, the digests of
/// the unpacked layers, that documents and layers can be read, and that no entry leads out of the image. Blocks.
///
/// # Errors
/// When something is missing or wrong.
pub fn verify(layout: &Path) -> Result<Summary, OciError> {
    let (store, index) = Store::layout(layout)?;
    let (summary, _) = check(&store, &index, &BTreeSet::new())?;
    Ok(summary)
}

/// What was found in the layers, by the digests of their blobs.
pub(super) type Layers = BTreeMap<Digest, Scanned>;

/// As [`verify`]; looks for some paths on the way.
pub(super) fn check(
    store: &Store,
    index: &ImageIndex,
    wanted: &BTreeSet<String>,
) -> Result<(Summary, Layers), OciError> {
    let mut images = Vec::new();
    collect(store, &index.manifests, DEEPEST, &mut images)?;
    let mut layers: Vec<&Descriptor> = images
        .iter()
        .flat_map(|image| &image.manifest.layers)
        .collect();
    layers.sort_by(|a, b| (&a.digest, a.size).cmp(&(&b.digest, b.size)));
    layers.dedup_by(|a, b| (&a.digest, a.size) == (&b.digest, b.size));
    let scanned: Layers = layers
        .par_iter()
        .map(|layer| Ok((layer.digest.clone(), scan(store, layer, wanted)?)))
        .collect::<Result<_, OciError>>()?;
    let images = images.iter().map(|image| image.summary(store, &scanned));
    let summary = Summary {
        images: images.collect::<Result<_, _>>()?,
        roots: index.manifests.clone(),
    };
    Ok((summary, scanned))
}

struct Image {
    digest: Digest,
    manifest: Manifest,
    config: ImageConfig,
}

impl Image {
    fn summary(&self, store: &Store, scanned: &Layers) -> Result<ImageSummary, OciError> {
        let layers = self
            .manifest
            .layers
            .iter()
            .zip(&self.config.rootfs.diff_ids);
        let layers = layers.map(|(layer, expected)| {
            let Some(found) = scanned.get(&layer.digest) else {
                return Err(OciError::Missing {
                    place: store.place(),
                    digest: layer.digest.clone(),
                });
            };
            if found.diff_id != *expected {
                return Err(OciError::Damaged {
                    place: store.blob_place(&layer.digest),
                    what: "the digest of the unpacked content",
                    expected: expected.to_string(),
                    got: found.diff_id.to_string(),
                });
            }
            Ok(LayerSummary {
                digest: layer.digest.clone(),
                size: layer.size,
                diff_id: expected.clone(),
                entries: found.entries,
            })
        });
        let base = self.manifest.annotations.get(BASE_DIGEST);
        Ok(ImageSummary {
            platform: self.config.platform.clone(),
            digest: self.digest.clone(),
            config: self.manifest.config.digest.clone(),
            base: base.and_then(|digest| digest.parse().ok()),
            layers: layers.collect::<Result<_, _>>()?,
        })
    }
}

fn collect(
    store: &Store,
    descriptors: &[Descriptor],
    depth: usize,
    images: &mut Vec<Image>,
) -> Result<(), OciError> {
    for descriptor in descriptors {
        let place = store.blob_place(&descriptor.digest);
        if !descriptor.is_index() && !descriptor.is_manifest() && !descriptor.media_type.is_empty()
        {
            // Something that is kept beside images.
            store.copy(descriptor, &mut io::sink())?;
            continue;
        }
        let manifest = match Document::parse(&store.document(descriptor)?, &place)? {
            Document::Manifest(manifest) if !descriptor.is_index() => manifest,
            Document::Index(index) if !descriptor.is_manifest() && depth > 0 => {
                collect(store, &index.manifests, depth - 1, images)?;
                continue;
            }
            _ => {
                return Err(OciError::document(
                    place,
                    format!("it is not of the type `{}`", descriptor.media_type),
                ));
            }
        };
        if !manifest.is_image() {
            for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
                store.copy(blob, &mut io::sink())?;
            }
            continue;
        }
        let config = read_config(store, &manifest)?;
        if let Some(platform) = &descriptor.platform
            && (&platform.os, &platform.architecture)
                != (&config.platform.os, &config.platform.architecture)
        {
            let reason = format!(
                "it is for {}, but the index says {platform}",
                config.platform
            );
            return Err(OciError::document(place, reason));
        }
        images.push(Image {
            digest: descriptor.digest.clone(),
            manifest,
            config,
        });
    }
    Ok(())
}

/// The configuration of an image.
///
/// # Errors
/// When it is missing or damaged, or does not speak of these layers.
pub(super) fn read_config(store: &Store, manifest: &Manifest) -> Result<ImageConfig, OciError> {
    let place = store.blob_place(&manifest.config.digest);
    let config: ImageConfig = document::parse(&store.document(&manifest.config)?, &place)?;
    let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != diff_ids {
        let reason = format!("it speaks of {diff_ids} layers, but the manifest of {layers}");
        return Err(OciError::document(place, reason));
    }
    Ok(config)
}
