//! Container images, written without a container engine.
//!
//! ```text
//!  Base ──┬─ layout (folder, tar) ──┐
//!         └─ registry ── cache ─────┴─ BaseImage ┐
//!  Layers ── plan ── tar ── gzip ────────────────┴─ staging ── verify ── exchange ── Output
//! ```
//!
//! An image is a base image with layers on top, as an OCI image layout: a folder, or a tar archive of it. The same base and
//! the same layers give the same bytes, on every machine: entries are sorted, belong to nobody and date from the epoch,
//! and all that is written down of the base is its digest and its name. Its blobs are copied as they are. Images for
//! several platforms go into one index.
//!
//! Nothing is believed: a blob that arrives from wherever is compared with its digest. Before the output is put into
//! its place, in one step, it is read back whole and verified.

mod base;
mod config;
mod digest;
mod document;
mod error;
mod layer;
mod login;
mod output;
mod platform;
mod reference;
mod registry;
mod store;
#[cfg(test)]
mod tests;
mod unpack;
mod verify;
mod walk;

use std::collections::BTreeSet;

use rayon::prelude::*;
use resolver::index::Index;

pub use self::base::Base;
pub use self::config::ConfigChanges;
pub use self::digest::{Digest, DigestError};
pub use self::document::Descriptor;
pub use self::error::OciError;
pub use self::layer::{Content, Entry, Layer};
pub use self::login::Logins;
pub use self::output::{Form, Output};
pub use self::platform::Platform;
pub use self::reference::Reference;
pub use self::unpack::unpack;
pub use self::verify::{ImageSummary, LayerSummary, Summary, verify};

use self::base::BaseImage;
use self::document::{BASE_DIGEST, BASE_NAME, CONFIG, Descriptor as Blob, MANIFEST, Manifest};
use self::layer::Plan;
use self::output::Staging;
use self::verify::Layers;
use self::walk::Found;

/// More layers than this can't be mounted one over the other by all runtimes.
const MOST_LAYERS: usize = 127;

/// An image for one platform.
#[derive(Clone, Debug)]
pub struct ImageRequest {
    /// What is below.
    pub base: Base,
    /// What it runs on; of a base for several platforms this one is taken.
    pub platform: Platform,
    /// What is put on top, the lowest first: what changes least.
    pub layers: Vec<Layer>,
    /// What is otherwise than in the base.
    pub config: ConfigChanges,
}

/// What images are made with.
pub struct ImageWriter<'a> {
    /// How registries are reached, and where the cache is.
    pub index: &'a Index,
    /// Who we are to registries.
    pub logins: &'a Logins,
    /// The runtime that downloads run on.
    pub runtime: tokio::runtime::Handle,
}

/// Called as an image is made; `()` is silent.
pub trait Reporter: Send + Sync {
    /// So many bytes of a base image have arrived.
    fn pulling(&self, _image: &Reference, _bytes: u64) {}
    /// A layer is packed.
    fn packing(&self, _layer: &Layer) {}
}
impl Reporter for () {}

impl ImageWriter<'_> {
    /// Writes images, one for each platform. Blocks; not to be called from the runtime's own threads.
    ///
    /// # Errors
    /// When a base can't be had, a layer can't be made, or what was written can't be verified. What was there before
    /// stays then.
    pub fn write(
        &self,
        images: &[ImageRequest],
        output: &Output,
        reporter: &dyn Reporter,
    ) -> Result<Summary, OciError> {
        check(images)?;
        output.check()?;
        let plans = images
            .iter()
            .map(|image| image.layers.iter().map(Plan::new).collect());
        let plans: Vec<Vec<Plan<'_>>> = plans.collect::<Result<_, _>>()?;
        let staging = Staging::new(output)?;
        let mut written = Vec::with_capacity(images.len());
        for (image, plans) in images.iter().zip(&plans) {
            let base = self.base(image, reporter)?;
            written.push(add(image, plans, base, &staging, reporter)?);
        }
        let (store, index) = staging.finish(&written)?;
        let folders = plans.iter().flatten().flat_map(Plan::folders).collect();
        let (summary, found) = verify::check(&store, &index, &folders)?;
        for ((image, plans), (_, manifest)) in images.iter().zip(&plans).zip(&written) {
            check_folders(image, plans, &manifest.layers, &found)?;
        }
        staging.put()?;
        Ok(summary)
    }

    fn base(&self, image: &ImageRequest, reporter: &dyn Reporter) -> Result<BaseImage, OciError> {
        match &image.base {
            Base::Scratch => Ok(BaseImage::scratch(&image.platform)),
            Base::Layout(path, name) => {
                BaseImage::in_layout(path, name.as_deref(), &image.platform)
            }
            Base::Registry(reference) => {
                let pulled = registry::pull(
                    self.index,
                    self.logins,
                    reference,
                    &image.platform,
                    reporter,
                );
                self.runtime.block_on(pulled)
            }
        }
    }
}

fn check(images: &[ImageRequest]) -> Result<(), OciError> {
    let refuse = |reason: String| Err(OciError::Request { reason });
    let mut platforms = BTreeSet::new();
    for image in images {
        if !platforms.insert(&image.platform) {
            return refuse(format!("there are two for {}", image.platform));
        }
    }
    match images {
        [] => refuse("none is asked for".to_owned()),
        _ => Ok(()),
    }
}

/// Adds an image to what is staged.
fn add(
    image: &ImageRequest,
    plans: &[Plan<'_>],
    base: BaseImage,
    staging: &Staging<'_>,
    reporter: &dyn Reporter,
) -> Result<(Blob, Manifest), OciError> {
    let BaseImage {
        name,
        digest,
        store,
        mut layers,
        mut config,
    } = base;
    if layers.len() + plans.len() > MOST_LAYERS {
        let reason = format!(
            "with {} layers in the base and {} on top it would have more than {MOST_LAYERS}",
            layers.len(),
            plans.len()
        );
        return Err(OciError::Request { reason });
    }
    image.config.apply(&mut config.config)?;
    layers
        .par_iter()
        .try_for_each(|layer| staging.copy(&store, layer))?;
    let pack = |(layer, plan): (&Layer, &Plan<'_>)| {
        reporter.packing(layer);
        staging.layer(plan)
    };
    let packed = image.layers.par_iter().zip(plans).map(pack);
    let packed: Vec<(Blob, Digest)> = packed.collect::<Result<_, _>>()?;
    for (layer, (blob, diff_id)) in image.layers.iter().zip(packed) {
        layers.push(blob);
        config.rootfs.diff_ids.push(diff_id);
        config.add_history(&layer.created_by);
    }
    config.created = Some(document::EPOCH.to_owned());
    let annotations = [
        (BASE_DIGEST, digest.map(|digest| digest.to_string())),
        (BASE_NAME, name),
    ];
    let annotations = annotations
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        config: staging.document(CONFIG, &config)?,
        layers,
        annotations: annotations.collect(),
    };
    let descriptor = Blob {
        platform: Some(config.platform),
        ..staging.document(MANIFEST, &manifest)?
    };
    Ok((descriptor, manifest))
}

/// A folder that comes over a link makes runtimes remove the link. Where the base has `/lib` as a link to `usr/lib`, a
/// file `lib/x` would leave an image without libraries.
fn check_folders(
    image: &ImageRequest,
    plans: &[Plan<'_>],
    layers: &[Blob],
    found: &Layers,
) -> Result<(), OciError> {
    let ours = layers.len() - plans.len();
    for (number, plan) in plans.iter().enumerate() {
        for folder in plan.folders() {
            let below = layers[..ours + number].iter().rev();
            let last = below
                .filter_map(|layer| found.get(&layer.digest)?.found.get(&folder))
                .next();
            if let Some(Found::Other(what)) = last {
                return Err(OciError::OverBase {
                    layer: image.layers[number].created_by.clone(),
                    path: folder,
                    found: what,
                });
            }
        }
    }
    Ok(())
}
