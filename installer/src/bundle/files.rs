//! The files of a bundle, in each of its forms.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use resolver::name::PackageName;

use super::contents::{BundledWheel, Layer, OutputFile};
use super::overlap::Owners;
use super::unpacked::Tree;
use super::{
    BundleError, BundleRequest, Bundler, Entry, Layout, Parts, dockerfile, evidence, name_of,
    provenance, zipapp,
};
use crate::wheel::{self, StoredWheel};

/// Makes the files of a bundle.
pub(super) struct Files<'a> {
    pub(super) bundler: &'a Bundler<'a>,
    pub(super) request: &'a BundleRequest<'a>,
    pub(super) parts: &'a Parts,
}

impl Files<'_> {
    pub(super) fn all(&self, warnings: &mut Vec<String>) -> Result<Vec<OutputFile>, BundleError> {
        let options = &self.request.options;
        let mut entry = options.entry.clone();
        let mut files = match options.layout {
            Layout::Wheels => {
                self.check_overlaps(warnings)?;
                self.wheels()
            }
            Layout::Layers => {
                self.check_overlaps(warnings)?;
                self.layers()
            }
            Layout::Tree | Layout::Image => {
                let tree = self.tree(warnings)?;
                tree.files.into_iter().map(|(_, file)| file).collect()
            }
            Layout::Zipapp => {
                let found = self.entry()?;
                let tree = self.tree(warnings)?;
                let python = self.request.target.command();
                let name = format!("{}.pyz", name_of(self.request.project));
                let timestamp = self.bundler.build.timestamp();
                let file = zipapp::file(&name, &tree.files, &found, &python, timestamp)?;
                entry = Some(found);
                vec![file]
            }
        };
        if options.dockerfile {
            let target = &self.request.target;
            let text = dockerfile::text(
                options.layout,
                target,
                &self.parts.dockerfile,
                entry.or_else(|| self.entry().ok()).as_ref(),
                &files,
            );
            files.push(OutputFile::new("Dockerfile", text));
        }
        if !options.libraries_only {
            files.extend(self.evidence(""));
        }
        files.extend(self.provenance("", &files));
        Ok(files)
    }

    /// The statement about files of the bundle, if one is asked for.
    pub(super) fn provenance(&self, folder: &str, about: &[OutputFile]) -> Option<OutputFile> {
        let builder = self.request.options.provenance.as_ref()?;
        let text = provenance::statement(self, builder, about);
        let name = format!("{folder}{}", provenance::FILE);
        Some(OutputFile::new(name, text))
    }

    /// What tells of the bundle, below a folder (with a slash at its end).
    pub(super) fn evidence(&self, folder: &str) -> [OutputFile; 2] {
        let Parts {
            contents,
            repository,
            ..
        } = self.parts;
        let manifest = evidence::manifest(contents, self.request, repository);
        let components = evidence::components(contents, repository);
        [
            OutputFile::new(format!("{folder}bundle.json"), manifest),
            OutputFile::new(format!("{folder}sbom.cdx.json"), components),
        ]
    }

    fn wheel(&self, wheel: &BundledWheel, folder: &str) -> Option<OutputFile> {
        let name = format!("{folder}{}", wheel.file);
        let path = self.parts.paths.get(&wheel.file)?;
        Some(OutputFile::copy(name, &wheel.sha256, path))
    }

    fn wheels(&self) -> Vec<OutputFile> {
        let wheels = &self.parts.contents.wheels;
        let mut files: Vec<OutputFile> = wheels
            .iter()
            .filter_map(|wheel| match wheel.layer {
                Layer::Service => self.wheel(wheel, ""),
                Layer::ThirdParty | Layer::Libraries => self.wheel(wheel, "deps/"),
            })
            .collect();
        if !self.request.options.libraries_only {
            let text = requirements_text(wheels.iter());
            files.push(OutputFile::new("requirements.txt", text));
        }
        files
    }

    fn layers(&self) -> Vec<OutputFile> {
        let wheels = &self.parts.contents.wheels;
        let mut files: Vec<OutputFile> = wheels
            .iter()
            .filter_map(|wheel| self.wheel(wheel, &format!("{}/", wheel.layer)))
            .collect();
        if self.parts.contents.of(Layer::ThirdParty).next().is_some() {
            let text = requirements_text(self.parts.contents.of(Layer::ThirdParty));
            let name = format!("{}/requirements.txt", Layer::ThirdParty);
            files.push(OutputFile::new(name, text));
        }
        files
    }

    pub(super) fn tree(&self, warnings: &mut Vec<String>) -> Result<Tree, BundleError> {
        let python = self.request.target.command();
        let mut tree = Tree::new(Owners::new(self.request.options.allow_overlaps));
        for wheel in &self.parts.contents.wheels {
            tree.add(wheel.layer, &self.stored(wheel)?, &python)?;
        }
        let name = PackageName::new(&name_of(self.request.project));
        tree.add_sources(&name, &self.parts.root, &self.parts.contents.sources)?;
        warnings.extend(tree.owners.warnings());
        Ok(tree)
    }

    /// Looks for files that an installer would have to overwrite, without unpacking anything.
    ///
    /// # Errors
    /// When two wheels bring different files of one name.
    pub(super) fn check_overlaps(&self, warnings: &mut Vec<String>) -> Result<(), BundleError> {
        let wheels = &self.parts.contents.wheels;
        let found: Vec<_> = wheels
            .par_iter()
            .filter_map(|wheel| {
                let path = self.parts.paths.get(&wheel.file)?;
                Some((wheel, wheel::outline(path, &wheel.file)))
            })
            .collect();
        let mut owners = Owners::new(self.request.options.allow_overlaps);
        for (wheel, outline) in found {
            match outline {
                Ok(outline) => {
                    for (place, content) in outline {
                        owners.claim(&place, &wheel.name, &content)?;
                    }
                }
                // Whoever unpacks it says what is wrong with it.
                Err(error) => tracing::debug!("{error}"),
            }
        }
        warnings.extend(owners.warnings());
        Ok(())
    }

    /// How the service starts: as said, else by its only command, else as its Dockerfile does it.
    pub(super) fn entry(&self) -> Result<Entry, BundleError> {
        if let Some(entry) = &self.request.options.entry {
            return Ok(entry.clone());
        }
        let mut commands = Vec::new();
        for wheel in self.parts.contents.of(Layer::Service) {
            commands.extend(self.stored(wheel)?.manifest.entry_points);
        }
        if let [command] = commands.as_slice() {
            return Ok(Entry::Function {
                module: command.module.clone(),
                function: command.attribute.clone(),
            });
        }
        self.parts
            .dockerfile
            .module()
            .map(Entry::Module)
            .ok_or_else(|| BundleError::NoEntry {
                commands: commands.into_iter().map(|command| command.name).collect(),
            })
    }

    /// The unpacked wheel, which must be what its file's name says.
    pub(super) fn stored(&self, wheel: &BundledWheel) -> Result<StoredWheel, BundleError> {
        let path = self.parts.paths.get(&wheel.file);
        let path = path.map_or(Path::new(""), PathBuf::as_path);
        let stored = self
            .bundler
            .store()
            .unpack(path, &wheel.file, &wheel.sha256)?;
        let manifest = &stored.manifest;
        if manifest.name == wheel.name && manifest.version.to_string() == wheel.version {
            return Ok(stored);
        }
        Err(BundleError::OtherPackage {
            file: wheel.file.clone(),
            found: format!("{} {}", manifest.name, manifest.version),
            expected: format!("{} {}", wheel.name, wheel.version),
        })
    }
}

/// The text of requirements.txt: every wheel with its version and hash.
fn requirements_text<'a>(wheels: impl Iterator<Item = &'a BundledWheel>) -> String {
    wheels
        .map(|wheel| {
            format!(
                "{}=={} --hash=sha256:{}\n",
                wheel.name, wheel.version, wheel.sha256
            )
        })
        .collect()
}
