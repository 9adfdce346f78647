//! Installing an unpacked wheel into an environment.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use fs_err as fs;
use rayon::prelude::*;

use super::direct_url::DirectUrl;
use super::link::{Folder, Linker, replacing};
use super::manifest::{Manifest, Scheme, StoredFile};
use super::ready::{self, content};
use super::record::{Written, direct_url_row, installed_text};
use super::store::{StoredWheel, create_file, create_folders, new_folder};
use super::{EntryPoint, WheelError, rewrite_shebang, script_text};
use crate::environment::Environment;

/// Prefix of folders in site-packages that are only there while something is being done. A killed process leaves
/// them behind; the next one removes them.
pub(crate) const TEMPORARY: &str = ".mpoetry-";

/// Links are handed to threads in groups of at least this many.
const GROUP: usize = 64;

/// The folders of an environment that wheels write to.
#[derive(Clone, Debug)]
pub struct Site {
    /// The environment itself: scheme `data`.
    pub root: PathBuf,
    /// Schemes `purelib` and `platlib`.
    pub site_packages: PathBuf,
    /// Scheme `scripts`.
    pub scripts: PathBuf,
    /// Scheme `headers`, without the distribution's own folder.
    pub headers: PathBuf,
    /// What scripts are started with.
    pub python: PathBuf,
    /// From site-packages up to the root: `../../..`.
    up: String,
    /// Site-packages, once something is linked into it.
    opened: Arc<OnceLock<Folder>>,
}

/// What an installation adds to the wheel.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where it came from, if from no index.
    pub direct_url: Option<DirectUrl>,
}

/// What an installation did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Files that were there already and were replaced.
    pub replaced: Vec<PathBuf>,
}

impl Site {
    /// The folders of an environment.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        let minor = format!("python{}", environment.interpreter.markers.python_version);
        let site_packages = environment.site_packages();
        let depth = site_packages
            .strip_prefix(&environment.root)
            .map_or(0, |inside| inside.components().count());
        Self {
            root: environment.root.clone(),
            scripts: environment.scripts(),
            headers: environment.root.join("include").join("site").join(minor),
            python: environment.python(),
            up: vec![".."; depth].join("/"),
            site_packages,
            opened: Arc::default(),
        }
    }

    /// Site-packages, for links.
    fn opened(&self) -> &Folder {
        self.opened
            .get_or_init(|| Folder::open(self.site_packages.clone()))
    }

    /// The folder of a scheme.
    fn folder(&self, scheme: Scheme, manifest: &Manifest) -> PathBuf {
        match scheme {
            Scheme::Purelib | Scheme::Platlib => self.site_packages.clone(),
            Scheme::Scripts => self.scripts.clone(),
            Scheme::Headers => self.headers.join(&manifest.distribution),
            Scheme::Data => self.root.clone(),
        }
    }

    /// The way to a scheme's folder from the one that RECORD is in.
    fn prefix(&self, scheme: Scheme, manifest: &Manifest) -> String {
        if scheme == manifest.root {
            return String::new();
        }
        let folder = self.folder(scheme, manifest);
        if folder == self.site_packages {
            return "./".to_owned();
        }
        match folder.strip_prefix(&self.root) {
            Ok(inside) if inside.as_os_str().is_empty() => format!("{}/", self.up),
            Ok(inside) => format!(
                "{}/{}/",
                self.up,
                inside.to_string_lossy().replace('\\', "/")
            ),
            Err(_) => format!("{}/", folder.display()),
        }
    }
}

/// Installs an unpacked wheel. Its `.dist-info` appears last and whole; if anything fails before that, the files that
/// were made are removed again.
///
/// # Errors
/// [`WheelError::StoreDamaged`] when the unpacked wheel is not whole any more, else when files can't be written.
pub fn install(
    wheel: &StoredWheel,
    site: &Site,
    linker: Linker,
    options: &Options,
) -> Result<Report, WheelError> {
    let job = Job {
        wheel,
        site,
        files: Folder::open(wheel.files()),
        site_packages: site.opened(),
        linker,
    };
    let mut placed = Vec::new();
    if let Err(error) = job.run(options, &mut placed) {
        job.undo(&placed);
        return Err(error);
    }
    let replaced = placed.iter().filter(|placed| placed.replaced);
    Ok(Report {
        replaced: replaced.map(|placed| job.target(placed.what)).collect(),
    })
}

struct Job<'a> {
    wheel: &'a StoredWheel,
    site: &'a Site,
    /// The unpacked wheel's files.
    files: Folder,
    /// Where most of it goes.
    site_packages: &'a Folder,
    linker: Linker,
}

/// A file that was put into its place.
struct Placed<'a> {
    what: What<'a>,
    /// Was there one before?
    replaced: bool,
    /// `sha256=…` and the size, unless the manifest has them.
    content: Option<(String, u64)>,
}

/// What a file is of.
#[derive(Clone, Copy)]
enum What<'a> {
    Member(&'a StoredFile),
    Script(&'a EntryPoint),
}

impl<'a> Job<'a> {
    /// Does it, and lists what it has put outside of the `.dist-info` folder, also if it fails.
    fn run(&self, options: &Options, placed: &mut Vec<Placed<'a>>) -> Result<(), WheelError> {
        let manifest = &self.wheel.manifest;
        let (information, others): (Vec<_>, Vec<_>) = manifest
            .files
            .iter()
            .partition(|file| self.in_dist_info(file).is_some());
        if !manifest.entry_points.is_empty() {
            fs::create_dir_all(&self.site.scripts)?;
        }
        for script in &manifest.entry_points {
            placed.push(self.write_script(script)?);
        }
        self.make_folders(&others)?;
        let done: Vec<Result<Placed<'_>, WheelError>> = others
            .par_iter()
            .with_min_len(GROUP)
            .map(|file| self.put(file))
            .collect();
        let mut failure = None;
        for result in done {
            match result {
                Ok(file) => placed.push(file),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => self.write_dist_info(&information, placed, options),
        }
    }

    /// The path inside `.dist-info`, if the file belongs there.
    fn in_dist_info<'f>(&self, file: &'f StoredFile) -> Option<&'f str> {
        let manifest = &self.wheel.manifest;
        if file.scheme != manifest.root {
            return None;
        }
        file.path()
            .strip_prefix(manifest.dist_info.as_str())?
            .strip_prefix('/')
    }

    /// Where a file goes.
    fn target(&self, what: What<'_>) -> PathBuf {
        match what {
            What::Member(file) => {
                let folder = self.site.folder(file.scheme, &self.wheel.manifest);
                folder.join(file.path())
            }
            What::Script(script) => self.site.scripts.join(&script.name),
        }
    }

    /// The row of RECORD.
    fn row(&self, placed: &Placed<'_>) -> Written {
        let manifest = &self.wheel.manifest;
        let (path, scheme, known) = match placed.what {
            What::Member(file) => {
                let known = (file.hash.clone(), file.size);
                (file.path(), file.scheme, Some(known))
            }
            What::Script(script) => (script.name.as_str(), Scheme::Scripts, None),
        };
        Written {
            path: path.to_owned(),
            prefix: self.site.prefix(scheme, manifest),
            content: placed.content.clone().or(known),
        }
    }

    fn write_script(&self, script: &'a EntryPoint) -> io::Result<Placed<'a>> {
        let python = self.site.python.to_string_lossy();
        let text = script_text(&python, &script.module, &script.attribute);
        self.write_new(What::Script(script), text.as_bytes())
    }

    fn make_folders(&self, files: &[&StoredFile]) -> io::Result<()> {
        for scheme in [
            Scheme::Purelib,
            Scheme::Platlib,
            Scheme::Headers,
            Scheme::Scripts,
            Scheme::Data,
        ] {
            let mut paths = files
                .iter()
                .filter(|file| file.scheme == scheme)
                .map(|file| file.path())
                .peekable();
            if paths.peek().is_some() {
                create_folders(&self.site.folder(scheme, &self.wheel.manifest), paths)?;
            }
        }
        Ok(())
    }

    fn put(&self, file: &'a StoredFile) -> Result<Placed<'a>, WheelError> {
        let what = What::Member(file);
        if file.rewrite {
            let script =
                fs::read(self.wheel.path(file)).map_err(|error| self.lost(file, &error))?;
            let script = rewrite_shebang(&script, &self.site.python.to_string_lossy());
            return Ok(self.write_new(what, &script)?);
        }
        let linked = match file.scheme {
            Scheme::Purelib | Scheme::Platlib => {
                let (source, target) = (file.in_store(), file.path());
                self.linker
                    .link_below((&self.files, &source), (self.site_packages, target))
            }
            _ => self.linker.link(&self.wheel.path(file), &self.target(what)),
        };
        let replaced = linked.map_err(|error| self.lost(file, &error))?;
        Ok(Placed {
            what,
            replaced,
            content: None,
        })
    }

    /// Tells a file that is gone from the cache from other troubles.
    fn lost(&self, file: &StoredFile, error: &io::Error) -> WheelError {
        let source = self.wheel.path(file);
        if error.kind() == io::ErrorKind::NotFound && !source.exists() {
            return WheelError::StoreDamaged(source);
        }
        let target = self.target(What::Member(file));
        WheelError::Io(io::Error::new(
            error.kind(),
            format!("failed to write `{}`: {error}", target.display()),
        ))
    }

    /// Writes a program of its own, never into a file that is there: that may be a link into the cache.
    fn write_new(&self, what: What<'a>, bytes: &[u8]) -> io::Result<Placed<'a>> {
        let path = self.target(what);
        let replaced = replacing(&path, || {
            let written = create_file(&path, true)?.write_all(bytes);
            if written.is_err() {
                // Half of it is nothing.
                std::fs::remove_file(&path).ok();
            }
            written
        })?;
        Ok(Placed {
            what,
            replaced,
            content: Some(content(bytes)),
        })
    }

    /// Makes the `.dist-info` folder under another name and renames it when it is whole.
    fn write_dist_info(
        &self,
        files: &[&StoredFile],
        placed: &[Placed<'_>],
        options: &Options,
    ) -> Result<(), WheelError> {
        let manifest = &self.wheel.manifest;
        let folder = new_folder(&self.site.site_packages, TEMPORARY)?;
        let inside = |file: &StoredFile| self.in_dist_info(file).unwrap_or(file.path()).to_owned();
        let paths: Vec<String> = files.iter().map(|file| inside(file)).collect();
        create_folders(folder.path(), paths.iter().map(String::as_str))?;
        let inner = Folder::open(folder.path().to_owned());
        for (file, path) in files.iter().zip(paths) {
            // Poetry: a wheel's own INSTALLER is overwritten, but its row stays in RECORD.
            if path != "INSTALLER" {
                self.linker
                    .link_below((&self.files, &file.in_store()), (&inner, &path))
                    .map_err(|error| self.lost(file, &error))?;
            }
        }
        // What was unpacked by an older version has none of them ready.
        let is_linked = |name: &str| {
            let source = format!("{}/{name}", ready::FROM_FILES);
            self.linker
                .link_below((&self.files, &source), (&inner, name))
                .is_ok()
        };
        let write = |name: &str, text: &str| {
            create_file(&folder.path().join(name), false)?.write_all(text.as_bytes())
        };
        if !is_linked("INSTALLER") {
            write("INSTALLER", ready::INSTALLER)?;
        }
        let origin = options.direct_url.as_ref();
        if let Some(url) = origin {
            write("direct_url.json", &url.to_text())?;
        }
        if origin.is_some() || !ready::has_one_record(manifest) || !is_linked("RECORD") {
            let elsewhere = placed.iter().map(|placed| self.row(placed));
            let inside = files.iter().map(|file| Written::unchanged(file));
            let rows = elsewhere.chain(inside).chain(ready::own_rows(manifest));
            let mut record = installed_text(rows.collect());
            if origin.is_some() {
                record.push_str(&direct_url_row(&manifest.dist_info));
            }
            write("RECORD", &record)?;
        }
        self.publish(folder)
    }

    fn publish(&self, folder: tempfile::TempDir) -> Result<(), WheelError> {
        let target = self.site.site_packages.join(&self.wheel.manifest.dist_info);
        if let Err(error) = fs::rename(folder.path(), &target) {
            if target.symlink_metadata().is_err() {
                return Err(error.into());
            }
            remove_folder(&target, &self.site.site_packages)?;
            fs::rename(folder.path(), &target)?;
        }
        let _moved = folder.keep();
        Ok(())
    }

    /// Removes what was made. Files that were replaced stay: what they were is gone, and a namespace package may need
    /// them.
    fn undo(&self, placed: &[Placed<'_>]) {
        for placed in placed.iter().filter(|placed| !placed.replaced) {
            let path = self.target(placed.what);
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::debug!("could not remove {}: {error}", path.display());
            }
        }
    }
}

/// Removes a folder so that it is either there whole or not at all: first it gets another name.
pub(super) fn remove_folder(folder: &Path, parent: &Path) -> io::Result<()> {
    let trash = new_folder(parent, TEMPORARY)?;
    fs::rename(folder, trash.path().join("removed"))?;
    trash.close()
}

/// Removes what killed processes left in site-packages. Call it only while holding the environment's lock.
pub(crate) fn remove_leftovers(site_packages: &Path) -> io::Result<()> {
    for entry in fs::read_dir(site_packages)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The modules of a wheel, where they were installed.
pub(crate) fn modules(wheel: &StoredWheel, site: &Site) -> Vec<PathBuf> {
    let is_module = |file: &&StoredFile| {
        matches!(file.scheme, Scheme::Purelib | Scheme::Platlib) && file.path().ends_with(".py")
    };
    wheel
        .manifest
        .files
        .iter()
        .filter(is_module)
        .map(|file| site.site_packages.join(file.path()))
        .collect()
}
