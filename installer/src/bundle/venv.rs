//! A bundle installed into a virtual environment.

use fs_err as fs;
use rayon::prelude::*;
use resolver::name::PackageName;
use rustc_hash::FxHashMap;

use super::contents::{BundledWheel, Origin};
use super::files::Files;
use super::{BundleError, Reporter, Waiting};
use crate::environment::{Environment, Installed};
use crate::install::bytecode;
use crate::wheel::{
    self, Linker, Options, Site, StoredWheel, make_room, modules, remove, remove_leftovers,
};

/// Brings the environment to what the bundle holds: what else is there goes, but for pip. Was there anything to do?
///
/// # Errors
/// When another wheel is behind a name, or files can't be written or removed.
pub(super) fn install(
    files: &Files<'_>,
    environment: &Environment,
    compile: bool,
    reporter: &dyn Reporter,
) -> Result<bool, BundleError> {
    let _lock = environment.lock(|| reporter.waiting(Waiting::Bundle(&environment.root)))?;
    let site = Site::new(environment);
    fs::create_dir_all(&site.site_packages)?;
    remove_leftovers(&site.site_packages)?;
    let wheels = &files.parts.contents.wheels;
    let stored: Vec<(&BundledWheel, StoredWheel)> = wheels
        .par_iter()
        .map(|wheel| Ok((wheel, files.stored(wheel)?)))
        .collect::<Result<_, BundleError>>()?;
    let mut installed: FxHashMap<PackageName, Installed> = environment
        .installed()?
        .into_iter()
        .filter(|found| !found.is_system)
        .map(|found| (found.name.clone(), found))
        .collect();
    let mut missing = Vec::new();
    for (wheel, stored) in &stored {
        let found = installed.remove(&wheel.name);
        let is_there = found.as_ref().is_some_and(|found| is_same(wheel, found));
        if is_there {
            continue;
        }
        if let Some(found) = found {
            make_room(&found.dist_info, &site)?;
        }
        missing.push(stored);
    }
    installed.retain(|name, _| name.as_str() != "pip");
    for unwanted in installed.values() {
        remove(&unwanted.dist_info, &site)?;
    }
    let linker = Linker::probe(files.bundler.store().folder(), &site.site_packages)?;
    missing.par_iter().try_for_each(|stored| {
        wheel::install(stored, &site, linker, &Options::default()).map(|_| ())
    })?;
    if compile {
        let compiled: Vec<_> = missing
            .iter()
            .flat_map(|stored| modules(stored, &site))
            .collect();
        bytecode::compile(&site.python, &compiled)?;
    }
    Ok(!missing.is_empty() || !installed.is_empty())
}

/// Is this distribution made from the wheel? What the repository makes may have changed without a new version.
fn is_same(wheel: &BundledWheel, found: &Installed) -> bool {
    found.is_whole
        && found.direct_url.is_none()
        && found.version.to_string() == wheel.version
        && !matches!(wheel.origin, Origin::Project { .. })
}
