//! Unpacked wheels: a folder of modules for each layer, and commands that start them.
//!
//! ```text
//! third-party/  libs/  service/    modules, and the dist-info of what they are from
//! bin/                             commands; they find the modules beside them
//! ```
//!
//! Nothing is installed in an image: the folders are copied, and `PYTHONPATH` names them. What `.data` holds goes where
//! `pip install --target` puts it.

use std::path::Path;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use fs_err as fs;
use resolver::name::PackageName;

use super::BundleError;
use super::contents::{Layer, OutputFile};
use super::overlap::Owners;
use super::tree::TreeFile;
use crate::wheel::{
    EntryPoint, INSTALLER, Scheme, StoredFile, StoredWheel, Written, first_name, installed_text,
    rewrite_shebang,
};

/// The folder of all commands.
pub(super) const COMMANDS: &str = "bin";

/// The order in which Python looks for modules.
const SEARCHED: [Layer; 3] = [Layer::Service, Layer::Libraries, Layer::ThirdParty];

/// The files of a tree, each with the layer that it belongs to.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) files: Vec<(Layer, OutputFile)>,
    /// By path without the layer.
    pub(super) owners: Owners,
}

impl Tree {
    /// Nothing is in it yet.
    pub(super) fn new(owners: Owners) -> Self {
        Self {
            files: Vec::new(),
            owners,
        }
    }

    /// Adds a wheel. `python` is the command that scripts are started with.
    ///
    /// # Errors
    /// When another wheel has a file of the same name with other content, or a script can't be read.
    pub(super) fn add(
        &mut self,
        layer: Layer,
        wheel: &StoredWheel,
        python: &str,
    ) -> Result<(), BundleError> {
        let manifest = &wheel.manifest;
        let mut rows = Vec::new();
        for file in &manifest.files {
            // RECORD is made anew, and so is INSTALLER.
            if is_installer(file, &manifest.dist_info) {
                continue;
            }
            let (path, prefix) = place(file, &manifest.distribution);
            let output = if file.rewrite {
                let script = fs::read(wheel.path(file))?;
                OutputFile::new("", rewrite_shebang(&script, &on_path(python)).into_owned())
            } else {
                OutputFile::copy("", hex(&file.hash), &wheel.path(file))
            };
            let output = output.executable(file.executable || file.rewrite);
            rows.push(row(&path, prefix, &output, file.size));
            self.put(layer, &manifest.name, prefix, &path, output)?;
        }
        for script in &manifest.entry_points {
            let text = launcher(python, script);
            let size = text.len() as u64;
            let output = OutputFile::new("", text).executable(true);
            rows.push(row(&script.name, "../bin/", &output, size));
            self.put(layer, &manifest.name, "../bin/", &script.name, output)?;
        }
        let dist_info = &manifest.dist_info;
        let installer = OutputFile::new("", INSTALLER);
        let path = format!("{dist_info}/INSTALLER");
        rows.push(row(&path, "", &installer, INSTALLER.len() as u64));
        self.put(layer, &manifest.name, "", &path, installer)?;
        let path = format!("{dist_info}/RECORD");
        rows.push(Written {
            path: path.clone(),
            prefix: String::new(),
            content: None,
        });
        let record = OutputFile::new("", installed_text(rows));
        self.put(layer, &manifest.name, "", &path, record)
    }

    /// Adds files of a service that is no package.
    ///
    /// # Errors
    /// When a wheel has a file of the same name with other content.
    pub(super) fn add_sources(
        &mut self,
        name: &PackageName,
        folder: &Path,
        files: &[TreeFile],
    ) -> Result<(), BundleError> {
        for file in files {
            let path = file.name();
            let output = OutputFile::copy("", HEXLOWER.encode(file.sha256()), &folder.join(&path))
                .executable(file.is_executable());
            self.put(Layer::Service, name, "", &path, output)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        layer: Layer,
        owner: &PackageName,
        prefix: &str,
        path: &str,
        mut output: OutputFile,
    ) -> Result<(), BundleError> {
        // Commands of all layers share a folder.
        output.name = match prefix {
            "../bin/" => format!("{COMMANDS}/{path}"),
            prefix => format!("{layer}/{prefix}{path}"),
        };
        let place = match prefix {
            "../bin/" => output.name.clone(),
            prefix => format!("{prefix}{path}"),
        };
        if self.owners.claim(&place, owner, &output.sha256)? {
            self.files.push((layer, output));
            return Ok(());
        }
        let is_there = self.files.iter().any(|(_, file)| file.name == output.name);
        if !is_there {
            self.files.push((layer, output));
        }
        Ok(())
    }
}

/// The value of `PYTHONPATH` for a tree that lies in `folder` (absolute).
pub(super) fn python_path(folder: &str) -> String {
    SEARCHED.map(|layer| format!("{folder}/{layer}")).join(":")
}

/// The folders of modules as Python writes them, in the order in which they are searched.
pub(super) fn searched_layers() -> String {
    SEARCHED.map(|layer| format!("\"{layer}\"")).join(", ")
}

fn is_installer(file: &StoredFile, dist_info: &str) -> bool {
    file.path()
        .strip_prefix(dist_info)
        .is_some_and(|inside| inside == "/INSTALLER")
}

/// Where a file goes: its path, and what stands before it, seen from the folder of modules.
fn place(file: &StoredFile, distribution: &str) -> (String, &'static str) {
    match file.scheme {
        Scheme::Purelib | Scheme::Platlib | Scheme::Data => (file.path().to_owned(), ""),
        Scheme::Scripts => (file.path().to_owned(), "../bin/"),
        Scheme::Headers => (format!("{distribution}/{}", file.path()), "include/"),
    }
}

fn row(path: &str, prefix: &str, output: &OutputFile, size: u64) -> Written {
    let size = match &output.content {
        super::contents::Content::Bytes(bytes) => bytes.len() as u64,
        super::contents::Content::File(_) => size,
    };
    let digest = HEXLOWER
        .decode(output.sha256.as_bytes())
        .unwrap_or_default();
    Written {
        path: path.to_owned(),
        prefix: prefix.to_owned(),
        content: Some((format!("sha256={}", BASE64URL_NOPAD.encode(&digest)), size)),
    }
}

/// `sha256=<base64>` in hex.
fn hex(hash: &str) -> String {
    let digest = hash.trim_start_matches("sha256=").as_bytes();
    HEXLOWER.encode(&BASE64URL_NOPAD.decode(digest).unwrap_or_default())
}

/// An interpreter that is looked for where the image has its commands.
fn on_path(python: &str) -> String {
    format!("/usr/bin/env {python}")
}

/// A command that finds the modules beside its folder, wherever that was copied.
fn launcher(python: &str, script: &EntryPoint) -> String {
    let EntryPoint {
        module, attribute, ..
    } = script;
    let import = first_name(attribute);
    let layers = searched_layers();
    format!(
        r#"#!{}
import os
import site
import sys

top = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
layers = [os.path.join(top, layer) for layer in ({layers})]
sys.path[:1] = layers
for layer in layers:
    site.addsitedir(layer)

from {module} import {import}

if __name__ == "__main__":
    sys.exit({attribute}())
"#,
        on_path(python)
    )
}
