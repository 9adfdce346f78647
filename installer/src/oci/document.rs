//! The JSON documents of an image: index, manifest, configuration. OCI's are written; Docker's are read, too.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{Digest, OciError, Platform};

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The tag of an image in a layout.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The same in containerd's words, as a whole name.
pub(super) const CONTAINERD_NAME: &str = "io.containerd.image.name";
pub(super) const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
pub(super) const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// The one moment that is the same for everyone.
pub(super) const EPOCH: &str = "1970-01-01T00:00:00Z";

/// No honest document is larger. Registries stop at a quarter of this.
pub(super) const LARGEST: u64 = 16 << 20;

/// A blob as others speak of it.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it runs on, if it is a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Remarks.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(super) fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), INDEX | DOCKER_INDEX)
    }

    pub(super) fn is_manifest(&self) -> bool {
        matches!(self.media_type.as_str(), MANIFEST | DOCKER_MANIFEST)
    }

    pub(super) fn ref_name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }
}

/// Images, one for each platform, or whatever else a layout holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageIndex {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) manifests: Vec<Descriptor>,
}

impl ImageIndex {
    pub(super) fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: INDEX.to_owned(),
            manifests,
        }
    }
}

/// A configuration and layers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    #[serde(deserialize_with = "or_default")]
    pub(super) layers: Vec<Descriptor>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Is it the manifest of a container image, and not of something else that is kept beside images, such as
    /// signatures?
    pub(super) fn is_image(&self) -> bool {
        matches!(self.config.media_type.as_str(), CONFIG | DOCKER_CONFIG)
            && !self
                .layers
                .iter()
                .any(|layer| layer_type(&layer.media_type).is_none())
    }
}

/// OCI's word for a kind of layer; the bytes are the same. `None` if it is no layer that is known here.
pub(super) fn layer_type(media_type: &str) -> Option<&'static str> {
    Some(match media_type {
        LAYER
        | "application/vnd.docker.image.rootfs.diff.tar.gzip"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" => LAYER,
        "application/vnd.oci.image.layer.v1.tar"
        | "application/vnd.docker.image.rootfs.diff.tar"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar" => {
            "application/vnd.oci.image.layer.v1.tar"
        }
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd" => {
            "application/vnd.oci.image.layer.v1.tar+zstd"
        }
        _ => return None,
    })
}

/// What runs, and what the layers unpack to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ImageConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<String>,
    #[serde(flatten)]
    pub(super) platform: Platform,
    /// Docker's container settings; those that are not known here go from the base to the image as they are.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) config: Map<String, Value>,
    pub(super) rootfs: RootFs,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) history: Vec<Map<String, Value>>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// The digests of the layers' tar archives.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct RootFs {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) diff_ids: Vec<Digest>,
}

impl ImageConfig {
    /// That of an image without anything in it.
    pub(super) fn empty(platform: Platform) -> Self {
        Self {
            created: None,
            author: None,
            platform,
            config: Map::new(),
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: Vec::new(),
            },
            history: Vec::new(),
            rest: Map::new(),
        }
    }

    /// Leaves out what tells how and when a base image was built. What its layers are stays.
    pub(super) fn forget_origin(&mut self) {
        self.created = None;
        self.rest
            .retain(|key, _| matches!(key.as_str(), "os.version" | "os.features"));
        let container = [
            "Hostname",
            "Domainname",
            "Image",
            "AttachStdin",
            "AttachStdout",
            "AttachStderr",
        ];
        self.config
            .retain(|key, _| !container.contains(&key.as_str()));
        // Who counts layers by the history must come to the right number.
        let is_layer =
            |entry: &&Map<String, Value>| entry.get("empty_layer") != Some(&Value::Bool(true));
        let told = self.history.iter().filter(is_layer).count();
        for _ in told..self.rootfs.diff_ids.len() {
            self.add_history("a layer of the base image");
        }
    }

    pub(super) fn add_history(&mut self, created_by: &str) {
        let mut entry = Map::new();
        entry.insert("created".to_owned(), EPOCH.into());
        entry.insert("created_by".to_owned(), created_by.into());
        self.history.push(entry);
    }
}

/// An index or a manifest.
pub(super) enum Document {
    Index(ImageIndex),
    Manifest(Manifest),
}

impl Document {
    /// Reads one of which only the content tells what it is.
    ///
    /// # Errors
    /// When it is neither, or could be taken for both.
    pub(super) fn parse(bytes: &[u8], place: &str) -> Result<Self, OciError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            #[serde(default)]
            schema_version: u32,
            manifests: Option<Value>,
            layers: Option<Value>,
            config: Option<Value>,
        }
        let shape: Shape = parse(bytes, place)?;
        if shape.schema_version != 2 {
            let reason = format!(
                "its schema version is {}, but only 2 is known",
                shape.schema_version
            );
            return Err(OciError::document(place, reason));
        }
        match (
            shape.manifests.is_some(),
            shape.layers.is_some() || shape.config.is_some(),
        ) {
            (true, false) => Ok(Self::Index(parse(bytes, place)?)),
            (false, true) => Ok(Self::Manifest(parse(bytes, place)?)),
            _ => Err(OciError::document(
                place,
                "it is neither an index nor a manifest of an image",
            )),
        }
    }
}

/// Reads JSON.
///
/// # Errors
/// When it is not what is expected.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], place: &str) -> Result<T, OciError> {
    serde_json::from_slice(bytes).map_err(|error| OciError::document(place, error.to_string()))
}

/// Go writes `null` for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Document, ImageConfig, parse};

    #[test]
    fn a_document_is_one_thing() {
        let read = |text: &str| {
            Document::parse(text.as_bytes(), "x.json").map_err(|error| error.to_string())
        };
        assert!(matches!(
            read(r#"{"schemaVersion": 2, "manifests": []}"#),
            Ok(Document::Index(_))
        ));
        let both = read(r#"{"schemaVersion": 2, "manifests": [], "layers": []}"#)
            .err()
            .unwrap();
        assert_eq!(
            both,
            "`x.json` can't be read: it is neither an index nor a manifest of an image"
        );
        let old = read(r#"{"schemaVersion": 1, "fsLayers": []}"#)
            .err()
            .unwrap();
        assert_eq!(
            old,
            "`x.json` can't be read: its schema version is 1, but only 2 is known"
        );
        assert!(read("{}").is_err() && read("[]").is_err() && read("").is_err());
    }

    #[test]
    fn what_docker_adds_is_left_out_and_history_counts_layers() {
        let text = r#"{
            "architecture": "arm64", "os": "linux", "variant": "v8", "os.version": "1",
            "created": "2024-01-01T00:00:00Z", "container": "0123", "docker_version": "20.10",
            "config": {"Hostname": "0123", "Env": null, "Healthcheck": {"Test": ["NONE"]}},
            "rootfs": {"type": "layers", "diff_ids": [
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]},
            "history": [{"created_by": "ENV", "empty_layer": true}]
        }"#;
        let mut config: ImageConfig = parse(text.as_bytes(), "x").unwrap();
        config.forget_origin();
        let written: serde_json::Value = serde_json::to_value(&config).unwrap();
        let expected = serde_json::json!({
            "architecture": "arm64", "os": "linux", "variant": "v8", "os.version": "1",
            "config": {"Env": null, "Healthcheck": {"Test": ["NONE"]}},
            "rootfs": {"type": "layers", "diff_ids": [
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]},
            "history": [
                {"created_by": "ENV", "empty_layer": true},
                {"created": "1970-01-01T00:00:00Z", "created_by": "a layer of the base image"},
            ],
        });
        assert_eq!(written, expected);
    }
}
