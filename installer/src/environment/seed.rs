//! The pip that an environment starts with.
//!
//! Poetry's environments have a pip unless `virtualenvs.options.no-pip` is set, and people call it. This program
//! carries none, but every Python does, for `ensurepip`: that one is installed, as any wheel is. A Python whose
//! makers left it out gives environments without pip.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use fs_err as fs;
use resolver::cache::{Bucket, Cache};
use resolver::dist::Hash;

use super::Environment;
use crate::python::Facts;
use crate::wheel::{Linker, Options, Site, Store, WheelError, install};

/// Where Linux distributions put the wheels that they take out of `ensurepip`.
const SYSTEM_WHEELS: [&str; 2] = ["share/python-wheels", "share/python3-wheels"];

/// Installs the pip that `base` brings, if it brings one.
pub(super) fn pip(
    environment: &Environment,
    base: &Facts,
    cache: &Cache,
) -> Result<(), WheelError> {
    let Some(wheel) = bundled(base) else {
        tracing::debug!("{} brings no pip", base.base_executable.display());
        return Ok(());
    };
    let sha256 = sha256_of(&wheel, cache)?;
    let store = Store::new(cache);
    let stored = match store.find(&sha256) {
        Some(stored) => stored,
        None => {
            let name = wheel.file_name().unwrap_or_default().to_string_lossy();
            store.unpack(&wheel, &name, &sha256)?
        }
    };
    let linker = Linker::probe(store.folder(), &environment.root)?;
    install(
        &stored,
        &Site::new(environment),
        linker,
        &Options::default(),
    )?;
    Ok(())
}

/// The wheel's sha256, in hex: a megabyte or two that need not be hashed for each new environment.
fn sha256_of(wheel: &Path, cache: &Cache) -> io::Result<String> {
    let metadata = fs::metadata(wheel)?;
    let modified = metadata.modified()?;
    let age = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let key = Cache::digest(&[
        "pip",
        &wheel.to_string_lossy(),
        &metadata.len().to_string(),
        &age.as_nanos().to_string(),
    ]);
    let known = cache.read(Bucket::Pythons, &key);
    if let Some(sha256) = known.and_then(|bytes| String::from_utf8(bytes).ok()) {
        return Ok(sha256);
    }
    let sha256 = Hash::of_bytes(&fs::read(wheel)?).hex;
    if let Err(error) = cache.write(Bucket::Pythons, &key, sha256.as_bytes()) {
        tracing::debug!("the hash of {} is not cached: {error}", wheel.display());
    }
    Ok(sha256)
}

/// The newest pip among the wheels that belong to a Python.
fn bundled(base: &Facts) -> Option<PathBuf> {
    let minor = format!("python{}", base.markers().python_version);
    let own = base
        .base_prefix
        .join("lib")
        .join(minor)
        .join("ensurepip/_bundled");
    let shared = SYSTEM_WHEELS.map(|folder| base.base_prefix.join(folder));
    std::iter::once(own)
        .chain(shared)
        .find_map(|folder| newest_pip(&folder))
}

fn newest_pip(folder: &Path) -> Option<PathBuf> {
    let mut wheels: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("pip-") && name.ends_with(".whl")
        })
        .collect();
    wheels.sort();
    wheels.pop()
}
