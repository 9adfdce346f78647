//! Images on bases that are made by hand, so that every byte of them can be wrong.

#[path = "../../../resolver/tests/support/server.rs"]
#[expect(dead_code, reason = "a registry answers neither JSON nor ranges")]
mod server;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use resolver::cache::Cache;
use resolver::index::{Index, IndexSettings};
use serde_json::{Value, json};

use super::document::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, LAYER, MANIFEST};
use super::{
    Base, ConfigChanges, Content, Digest, Entry, Form, ImageRequest, ImageWriter, Layer, Logins,
    OciError, Output, Platform, Reporter, Summary, unpack, verify,
};

mod base;
mod layers;
mod pull;
mod unpacking;
mod writing;

const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A folder, and all that images are made with.
struct World {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    index: Index,
    logins: Logins,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        Self {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            index: Index::new(settings(false), cache, None),
            logins: Logins::default(),
            folder,
        }
    }

    /// Closes the network.
    fn go_offline(&mut self) {
        self.index = Index::new(settings(true), self.index.cache().clone(), None);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn try_write(&self, images: &[ImageRequest], output: &Output) -> Result<Summary, OciError> {
        let writer = ImageWriter {
            index: &self.index,
            logins: &self.logins,
            runtime: self.runtime.handle().clone(),
        };
        writer.write(images, output, &())
    }

    /// Writes a layout in a folder.
    fn write(&self, images: &[ImageRequest], name: &str) -> Summary {
        let output = self.output(name, Form::Folder);
        self.try_write(images, &output).unwrap()
    }

    /// Why that fails, without the path of the folder. Nothing is left behind.
    fn failure(&self, images: &[ImageRequest]) -> String {
        let output = self.output("refused", Form::Folder);
        let error = self.try_write(images, &output).unwrap_err();
        assert!(!output.path.exists());
        assert_eq!(self.litter(), Vec::<String>::new());
        self.text(&error)
    }

    /// An error with its causes.
    fn text(&self, error: &OciError) -> String {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        let folder = self.folder.path().display().to_string();
        text.replace(&folder, "[temp]")
    }

    fn output(&self, name: &str, form: Form) -> Output {
        Output {
            path: self.path(name),
            form,
            tag: None,
        }
    }

    fn litter(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    }
}

fn settings(offline: bool) -> IndexSettings {
    IndexSettings {
        pypi_url: "http://127.0.0.1:1/".to_owned(),
        offline,
        no_cache: false,
        timeout: 5,
        retries: 0,
        connections: 4,
        user_agent: "test".to_owned(),
        ..IndexSettings::default()
    }
}

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

fn text(path: &str, text: &str) -> Entry {
    Entry {
        path: path.to_owned(),
        mode: 0o644,
        content: Content::Bytes(text.into()),
    }
}

fn link(path: &str, target: &str) -> Entry {
    Entry {
        content: Content::Link(target.to_owned()),
        ..text(path, "")
    }
}

fn layer(created_by: &str, entries: impl Into<Vec<Entry>>) -> Layer {
    Layer {
        created_by: created_by.to_owned(),
        entries: entries.into(),
    }
}

/// An image for amd64 with one file.
fn image(base: Base) -> ImageRequest {
    ImageRequest {
        base,
        platform: platform("linux/amd64"),
        layers: vec![layer("service", [text("app/main.py", "print(1)\n")])],
        config: ConfigChanges::default(),
    }
}

fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Blobs by digest.
#[derive(Clone, Default)]
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    fn add(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes).to_string();
        let descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        self.0.insert(digest, bytes);
        descriptor
    }

    /// Adds an image of these layers (unpacked tar archives), in Docker's words.
    fn image(&mut self, on: &str, layers: &[Vec<u8>]) -> Value {
        let on = platform(on);
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|layer| Digest::of(layer).to_string())
            .collect();
        let config = json!({
            "architecture": on.architecture, "os": on.os, "variant": on.variant,
            "created": "2024-05-06T07:08:09Z", "docker_version": "20.10.1",
            "config": {
                "Hostname": "0123", "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"], "Cmd": ["python3"],
                "Healthcheck": {"Test": ["NONE"]}, "Labels": {"of": "base"},
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [
                {"created": "2024-05-06T07:08:09Z", "created_by": "ADD rootfs.tar"},
                {"created_by": "ENV LANG", "empty_layer": true},
            ],
        });
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| self.add(DOCKER_LAYER, gzip(layer)))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
            "config": self.add(DOCKER_CONFIG, config.to_string()), "layers": layers,
        });
        let mut descriptor = self.add(DOCKER_MANIFEST, manifest.to_string());
        descriptor["platform"] =
            json!({"os": on.os, "architecture": on.architecture, "variant": on.variant});
        descriptor
    }

    /// Writes a layout whose index has these descriptors.
    fn layout(&self, folder: &Path, manifests: &[Value]) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        for (digest, bytes) in &self.0 {
            std::fs::write(blobs.join(digest.strip_prefix("sha256:").unwrap()), bytes).unwrap();
        }
        std::fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion": "1.0.0"}"#,
        )
        .unwrap();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut unpacked)
        .unwrap();
    unpacked
}

/// A tar archive of members: kind, name, content or link target. Any name goes.
fn tar(members: &[(char, &str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if matches!(kind, 'x' | 'd') {
            0o755
        } else {
            0o644
        });
        header.set_mtime(1_700_000_000);
        // Written by hand: the library would refuse bad names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let content: &[u8] = match kind {
            'f' | 'x' => text.as_bytes(),
            _ => {
                header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
                &[]
            }
        };
        header.set_entry_type(match kind {
            'f' | 'x' => tar::EntryType::Regular,
            's' => tar::EntryType::Symlink,
            'h' => tar::EntryType::Link,
            'd' => tar::EntryType::Directory,
            'c' => tar::EntryType::Char,
            _ => tar::EntryType::new(b'?'),
        });
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A base with a root file system of two layers.
fn rootfs() -> [Vec<u8>; 2] {
    [
        tar(&[
            ('d', "usr/", ""),
            ('d', "usr/lib/", ""),
            ('f', "usr/lib/libc.so", "c"),
            ('s', "lib", "usr/lib"),
            ('f', "etc/passwd", "root"),
        ]),
        tar(&[('x', "usr/bin/python3", "#!")]),
    ]
}

/// A layout `base` with one image for amd64.
fn simple_base(world: &World) -> (Base, Blobs) {
    let mut blobs = Blobs::default();
    let manifest = blobs.image("linux/amd64", &rootfs());
    blobs.layout(&world.path("base"), &[manifest]);
    (Base::Layout(world.path("base"), None), blobs)
}
