//! Stand-ins for the real packages of the example monorepo, from `tests/fixtures/mirror`.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::fixture::fixtures;
use super::index::{Archive as _, Index, normalise};
use super::wheel::Wheel;

#[derive(Deserialize)]
struct Packages {
    package: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Package {
    name: String,
    versions: Vec<String>,
    requires_python: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    extras: Vec<String>,
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default)]
    scripts: std::collections::BTreeMap<String, String>,
}

/// Publishes all stand-ins in all their versions.
pub(crate) fn publish_stand_ins(index: &Index) {
    for (number, wheel) in stand_ins().iter().enumerate() {
        let (hour, minute) = (number / 60, number % 60);
        index
            .publish(wheel)
            .uploaded(&format!("2025-01-01T{hour:02}:{minute:02}:00.000000Z"));
    }
}

/// Every stand-in, a wheel for each version.
pub(crate) fn stand_ins() -> Vec<Wheel> {
    let text = fs::read_to_string(fixtures().join("mirror/packages.toml")).expect("the list");
    let packages: Packages = toml::from_str(&text).expect("a list of packages");
    let wheels = packages.package.iter();
    wheels
        .flat_map(|it| it.versions.iter().map(|version| it.wheel(version)))
        .collect()
}

impl Package {
    fn wheel(&self, version: &str) -> Wheel {
        let mut wheel = Wheel::new(&self.name, version);
        if let Some(specifier) = &self.requires_python {
            wheel = wheel.requires_python(specifier);
        }
        if let Some(tag) = &self.tag {
            wheel = wheel.tag(tag);
        }
        for requirement in &self.requires {
            wheel = wheel.requires(requirement);
        }
        for extra in &self.extras {
            wheel = wheel.extra(extra);
        }
        for (name, target) in &self.scripts {
            wheel = wheel.entry_point("console_scripts", name, target);
        }
        for module in &self.modules {
            wheel = add(wheel, &fixtures().join("mirror"), module);
        }
        wheel
    }
}

/// Adds a module, or a package with all its files.
fn add(mut wheel: Wheel, folder: &Path, path: &str) -> Wheel {
    let here = folder.join(path);
    if !here.is_dir() {
        return wheel.file(path, fs::read(&here).expect("a module"));
    }
    let entries = fs::read_dir(&here).expect("a package");
    let mut names: Vec<_> = entries
        .flatten()
        .map(|it| it.file_name().display().to_string())
        .collect();
    names.sort();
    for name in names.iter().filter(|name| !name.starts_with("__pycache__")) {
        wheel = add(wheel, folder, &format!("{path}/{name}"));
    }
    wheel
}

/// The newest wheel of each of these names that `choose` allows.
pub(crate) fn newest(choose: impl Fn(&str, &Wheel) -> bool) -> Vec<Wheel> {
    let mut chosen: Vec<Wheel> = Vec::new();
    for wheel in stand_ins() {
        if choose(&normalise(wheel.project()), &wheel) {
            chosen.retain(|other| other.project() != wheel.project());
            chosen.push(wheel);
        }
    }
    chosen
}
