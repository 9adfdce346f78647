//! A bundle as a container image: the base image, and a layer of modules for each layer of the bundle.

use std::collections::BTreeMap;
use std::path::Path;

use resolver::tag::Platform as TagPlatform;

use super::contents::{Content, Layer, OutputFile};
use super::files::Files;
use super::unpacked::{COMMANDS, python_path};
use super::{BundleError, BundleRequest, Parts, Target, dockerfile};
use crate::oci::{
    self, Base, ConfigChanges, Form, ImageRequest, ImageWriter, Logins, Output, Platform,
};

/// The folder of the image layout in that of the bundle, and the name of its archive.
pub(super) const FOLDER: &str = "image";
const ARCHIVE: &str = "image.tar";

/// An image of what bundles hold.
#[derive(Clone, Debug)]
pub struct Image {
    /// What is below; the service's Dockerfile says it otherwise.
    pub base: Option<Base>,
    /// One archive instead of a folder.
    pub archived: bool,
    /// The image's name in its layout.
    pub tag: Option<String>,
    /// Who we are to registries.
    pub logins: Logins,
}

impl Image {
    /// The base of an image for a target.
    ///
    /// # Errors
    /// When the Dockerfile names none that is understood.
    pub(super) fn base(&self, target: &Target, parts: &Parts) -> Result<Base, BundleError> {
        if let Some(base) = &self.base {
            return Ok(base.clone());
        }
        let name = parts.dockerfile.from.clone();
        let name = name.unwrap_or_else(|| format!("python:{}-slim", target.minor()));
        Ok(name.parse()?)
    }

    /// What decides the image besides the bundle, if that can be told without asking a registry.
    pub(super) fn key(&self, target: &Target, parts: &Parts) -> Option<String> {
        let base = self.base(target, parts).ok()?;
        let identity = match &base {
            Base::Scratch => String::new(),
            Base::Layout(path, _) => {
                let index = if path.is_dir() {
                    path.join("index.json")
                } else {
                    path.clone()
                };
                crate::fetch::sha256_of(&index).ok()?
            }
            Base::Registry(reference) => reference.digest.as_ref()?.to_string(),
        };
        Some(format!(
            "{base} {identity} {} {:?}",
            self.archived, self.tag
        ))
    }

    /// Writes the image of all targets into a folder, and gives the files that make it up.
    ///
    /// # Errors
    /// When a base can't be had, or files can't be read or written.
    pub(super) fn write(
        &self,
        bundles: &[Files<'_>],
        folder: &Path,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<OutputFile>, BundleError> {
        let mut images = Vec::with_capacity(bundles.len());
        for files in bundles {
            images.push(self.request(files, warnings)?);
        }
        let Some(first) = bundles.first() else {
            return Ok(Vec::new());
        };
        let writer = ImageWriter {
            index: first.bundler.index,
            logins: &self.logins,
            runtime: first.bundler.runtime.clone(),
        };
        let (name, form) = if self.archived {
            (ARCHIVE, Form::Archive)
        } else {
            (FOLDER, Form::Folder)
        };
        let path = folder.join(name);
        let output = Output {
            path: path.clone(),
            form,
            tag: self.tag.clone(),
        };
        writer.write(&images, &output, &())?;
        if self.archived {
            let sha256 = crate::fetch::sha256_of(&path)?;
            return Ok(vec![OutputFile::copy(ARCHIVE, sha256, &path)]);
        }
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(&path).sort_by_file_name() {
            let entry = entry.map_err(std::io::Error::other)?;
            if !entry.file_type().is_file() {
                continue;
            }
            let inside = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            let name = inside.to_string_lossy();
            let name = name.replace(std::path::MAIN_SEPARATOR, "/");
            let sha256 = crate::fetch::sha256_of(entry.path())?;
            files.push(OutputFile::copy(name, sha256, entry.path()));
        }
        Ok(files)
    }

    fn request(
        &self,
        files: &Files<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<ImageRequest, BundleError> {
        let (request, parts) = (files.request, files.parts);
        let tree = files.tree(warnings)?;
        let mut layers: BTreeMap<Layer, Vec<oci::Entry>> = BTreeMap::new();
        for (layer, file) in tree.files {
            layers.entry(layer).or_default().push(entry(file));
        }
        let layers = layers.into_iter().map(|(layer, entries)| oci::Layer {
            created_by: format!("mpoetry bundle: {layer}"),
            entries,
        });
        let root = dockerfile::TREE;
        let (name, version) = &parts.contents.service;
        let labels = [("title", name), ("version", version)];
        Ok(ImageRequest {
            base: self.base(&request.target, parts)?,
            platform: platform(request)?,
            layers: layers.collect(),
            config: ConfigChanges {
                cmd: command(files),
                path: vec![format!("{root}/{COMMANDS}")],
                env: [("PYTHONPATH".to_owned(), python_path(root))].into(),
                labels: labels
                    .into_iter()
                    .filter_map(|(key, value)| {
                        Some((format!("org.opencontainers.image.{key}"), value.clone()?))
                    })
                    .collect(),
                ..ConfigChanges::default()
            },
        })
    }
}

fn entry(file: OutputFile) -> oci::Entry {
    let root = dockerfile::TREE.trim_start_matches('/');
    oci::Entry {
        path: format!("{root}/{}", file.name),
        mode: if file.executable { 0o755 } else { 0o644 },
        content: match file.content {
            Content::Bytes(bytes) => oci::Content::Bytes(bytes),
            Content::File(path) => oci::Content::File(path),
        },
    }
}

/// What the image starts, as the service's Dockerfile does it, else as it is found out; nothing if neither tells.
fn command(files: &Files<'_>) -> Option<Vec<String>> {
    let own = files.parts.dockerfile.words();
    own.or_else(|| Some(files.entry().ok()?.command().into()))
}

/// The target's platform in the words of images.
fn platform(request: &BundleRequest<'_>) -> Result<Platform, BundleError> {
    let target = &request.target;
    let unknown = || BundleError::NoImagePlatform {
        target: target.description.clone(),
    };
    let machine = match &target.platform {
        Some(TagPlatform::Linux { arch, .. }) => arch.as_str(),
        Some(_) => return Err(unknown()),
        None if target.markers.sys_platform == "linux" => &target.markers.platform_machine,
        // Images run Linux, wherever they are made.
        None => return Err(unknown()),
    };
    let (architecture, variant) = match machine {
        "x86_64" => ("amd64", None),
        "aarch64" | "arm64" => ("arm64", None),
        "armv7l" => ("arm", Some("v7")),
        "i686" => ("386", None),
        "ppc64le" | "s390x" | "riscv64" => (machine, None),
        _ => return Err(unknown()),
    };
    Ok(Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.map(str::to_owned),
    })
}
