//! The image below ours.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::document::{Descriptor, Document, ImageConfig, ImageIndex, Manifest, layer_type};
use super::store::Store;
use super::verify::read_config;
use super::{Digest, OciError, Platform, Reference};

const SCRATCH: &str = "scratch";
/// Images are there in index.json, or in an index that it names.
const DEEPEST: usize = 4;

/// What an image is based on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An image layout in a folder or a tar archive; the tag or the digest of the image, if there are several.
    Layout(PathBuf, Option<String>),
    /// An image in a registry.
    Registry(Reference),
}

impl FromStr for Base {
    type Err = OciError;

    /// Reads `scratch`, `oci:<path>[:<tag>|@<digest>]` (also `oci-archive:`), or the name of an image in a registry, maybe
    /// after `docker://`.
    fn from_str(text: &str) -> Result<Self, OciError> {
        let layout = text
            .strip_prefix("oci:")
            .or_else(|| text.strip_prefix("oci-archive:"));
        if let Some(rest) = layout {
            let (path, image) = match rest.rsplit_once('@') {
                Some((path, digest)) if digest.parse::<Digest>().is_ok() => (path, Some(digest)),
                _ => match rest.split_once(':') {
                    Some((path, tag)) => (path, Some(tag)),
                    None => (rest, None),
                },
            };
            if path.is_empty() || image == Some("") {
                return Err(OciError::Reference {
                    text: text.to_owned(),
                    reason: "after `oci:` come a path, and maybe `:` and a tag".to_owned(),
                });
            }
            return Ok(Self::Layout(path.into(), image.map(str::to_owned)));
        }
        match text {
            SCRATCH => Ok(Self::Scratch),
            text => Ok(Self::Registry(
                text.strip_prefix("docker://").unwrap_or(text).parse()?,
            )),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scratch => f.write_str(SCRATCH),
            Self::Layout(path, None) => write!(f, "oci:{}", path.display()),
            Self::Layout(path, Some(image)) => {
                let separator = if image.parse::<Digest>().is_ok() {
                    '@'
                } else {
                    ':'
                };
                write!(f, "oci:{}{separator}{image}", path.display())
            }
            Self::Registry(reference) => write!(f, "{reference}"),
        }
    }
}

/// A base image whose blobs can be had.
pub(super) struct BaseImage {
    /// Its name in a registry. Where it lies on this machine is nobody's business.
    pub(super) name: Option<String>,
    /// The digest of its manifest.
    pub(super) digest: Option<Digest>,
    pub(super) store: Store,
    /// Its layers, with OCI's media types.
    pub(super) layers: Vec<Descriptor>,
    pub(super) config: ImageConfig,
}

impl BaseImage {
    pub(super) fn scratch(platform: &Platform) -> Self {
        Self {
            name: None,
            digest: None,
            store: Store::Pulled(std::collections::BTreeMap::new()),
            layers: Vec::new(),
            config: ImageConfig::empty(platform.clone()),
        }
    }

    /// The image of a layout for this platform.
    ///
    /// # Errors
    /// When there is none, there are several, or it is damaged.
    pub(super) fn in_layout(
        path: &Path,
        image: Option<&str>,
        platform: &Platform,
    ) -> Result<Self, OciError> {
        let (store, index) = Store::layout(path)?;
        let descriptor = find(&store, &index, image, platform)?;
        let place = store.blob_place(&descriptor.digest);
        match Document::parse(&store.document(&descriptor)?, &place)? {
            Document::Manifest(manifest) => {
                let image = store.place();
                Self::new(store, manifest, descriptor.digest, &image, platform)
            }
            Document::Index(_) => Err(OciError::document(place, "it is no manifest")),
        }
    }

    /// `image` is its name in errors.
    ///
    /// # Errors
    /// When it is for another platform, or no image that runs in containers.
    pub(super) fn new(
        store: Store,
        manifest: Manifest,
        digest: Digest,
        image: &str,
        platform: &Platform,
    ) -> Result<Self, OciError> {
        if !manifest.is_image() {
            return Err(OciError::document(
                store.blob_place(&digest),
                "it is no image of a container",
            ));
        }
        let mut config = read_config(&store, &manifest)?;
        if platform.best([(&config.platform, ())]).is_none() {
            return Err(OciError::NoPlatform {
                image: image.to_owned(),
                wanted: Box::new(platform.clone()),
                present: vec![config.platform],
            });
        }
        config.forget_origin();
        let layers = manifest.layers.into_iter().map(|layer| Descriptor {
            media_type: layer_type(&layer.media_type).unwrap_or_default().to_owned(),
            ..layer
        });
        Ok(Self {
            name: None,
            digest: Some(digest),
            layers: layers.collect(),
            config,
            store,
        })
    }
}

/// The manifest of one image in a layout.
pub(super) fn find(
    store: &Store,
    index: &ImageIndex,
    image: Option<&str>,
    platform: &Platform,
) -> Result<Descriptor, OciError> {
    let labels = || {
        let labels = index.manifests.iter();
        let labels = labels.map(|top| {
            top.ref_name()
                .map_or_else(|| top.digest.to_string(), str::to_owned)
        });
        labels.collect::<Vec<_>>()
    };
    let several = || OciError::SeveralImages {
        layout: store.place(),
        present: labels(),
    };
    let is_wanted = |descriptor: &&Descriptor| {
        image.is_none_or(|image| {
            descriptor.ref_name() == Some(image) || descriptor.digest.to_string() == image
        })
    };
    let tops: Vec<Descriptor> = index.manifests.iter().filter(is_wanted).cloned().collect();
    let mut leaves = Vec::new();
    collect(
        store,
        if tops.is_empty() {
            &index.manifests
        } else {
            &tops
        },
        DEEPEST,
        &mut leaves,
    )?;
    if tops.is_empty() {
        // A digest may be that of an image in the index.
        leaves.retain(|(_, leaf)| is_wanted(&leaf));
    }
    if leaves.is_empty() {
        return Err(OciError::NoImage {
            layout: store.place(),
            wanted: image.unwrap_or("for containers").to_owned(),
            present: labels(),
        });
    }
    let names: BTreeSet<Option<&str>> = tops.iter().map(Descriptor::ref_name).collect();
    let digests: BTreeSet<&Digest> = tops.iter().map(|top| &top.digest).collect();
    if names.len() > 1 && digests.len() > 1 {
        return Err(several());
    }
    let offered = leaves.iter().map(|(platform, leaf)| (platform, leaf));
    let chosen = platform.best(offered).ok_or_else(|| OciError::NoPlatform {
        image: store.place(),
        wanted: Box::new(platform.clone()),
        present: leaves
            .iter()
            .map(|(platform, _)| platform.clone())
            .collect(),
    })?;
    let is_other = |(other, leaf): &(Platform, Descriptor)| {
        leaf.digest != chosen.digest
            && leaves
                .iter()
                .any(|(same, it)| it == chosen && same == other)
    };
    match leaves.iter().any(is_other) {
        true => Err(several()),
        false => Ok(chosen.clone()),
    }
}

/// The images that descriptors lead to. Of those whose platform is told nothing is read: they need not be there.
fn collect(
    store: &Store,
    descriptors: &[Descriptor],
    depth: usize,
    leaves: &mut Vec<(Platform, Descriptor)>,
) -> Result<(), OciError> {
    for descriptor in descriptors {
        let is_document =
            descriptor.is_index() || descriptor.is_manifest() || descriptor.media_type.is_empty();
        if !is_document || depth == 0 {
            continue;
        }
        if !descriptor.is_index()
            && let Some(platform) = &descriptor.platform
        {
            if is_real(platform) {
                leaves.push((platform.clone(), descriptor.clone()));
            }
            continue;
        }
        let place = store.blob_place(&descriptor.digest);
        match Document::parse(&store.document(descriptor)?, &place)? {
            Document::Index(index) => collect(store, &index.manifests, depth - 1, leaves)?,
            Document::Manifest(manifest) if manifest.is_image() => {
                let config = read_config(store, &manifest)?;
                leaves.push((config.platform, descriptor.clone()));
            }
            Document::Manifest(_) => {}
        }
    }
    Ok(())
}

/// The one of an index in a registry, where all platforms are told.
///
/// # Errors
/// When there is none for this platform.
pub(super) fn choose(
    index: &ImageIndex,
    image: &Reference,
    platform: &Platform,
) -> Result<Descriptor, OciError> {
    let offered = index
        .manifests
        .iter()
        .filter(|descriptor| !descriptor.is_index());
    let offered =
        offered.filter_map(|descriptor| Some((descriptor.platform.as_ref()?, descriptor)));
    let offered: Vec<_> = offered.filter(|(platform, _)| is_real(platform)).collect();
    let chosen = platform.best(offered.iter().copied());
    chosen.cloned().ok_or_else(|| OciError::NoPlatform {
        image: image.to_string(),
        wanted: Box::new(platform.clone()),
        present: offered
            .iter()
            .map(|(platform, _)| (*platform).clone())
            .collect(),
    })
}

/// Builders keep attestations under a platform that does not exist.
fn is_real(platform: &Platform) -> bool {
    platform.os != "unknown"
}
