//! Exports of the recorded lock files for pip, as the reference's plugin writes them: `tests/vectors/exports.json` has,
//! for every case of `tests/vectors/locks`, the text of all groups and one extra without hashes, and what differs if the
//! same lock does not say who needs what (its version is 2.0).

use std::collections::BTreeSet;
use std::path::Path;

use resolver::export::{Export, PipFormat, PipOptions};
use resolver::lock::Lockfile;
use resolver::name::{ExtraName, GroupName};
use resolver::project::Project;
use serde_json::Value;

fn export(project: &Project, lockfile: &Lockfile, extra: Option<&str>) -> Result<String, String> {
    let groups: BTreeSet<GroupName> = (project.groups.iter())
        .map(|group| group.name.clone())
        .collect();
    let export = Export {
        project,
        lockfile,
        groups: &groups,
        extras: &extra.map(ExtraName::new).into_iter().collect(),
    };
    let options = PipOptions {
        format: PipFormat::Requirements,
        hashes: false,
        urls: true,
        login: &|_| None,
    };
    let exported = export.for_pip(&options);
    exported
        .map(|exported| exported.text)
        .map_err(|error| error.to_string())
}

/// The lock as Poetry before 2.0 would have it.
fn without_groups(lockfile: &Lockfile) -> Lockfile {
    let mut old = lockfile.clone();
    old.metadata.lock_version = "2.0".to_owned();
    for package in &mut old.packages {
        package.groups.clear();
        package.markers.clear();
    }
    old
}

#[test]
fn exports_are_those_of_the_plugin() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let text = std::fs::read_to_string(vectors.join("exports.json")).unwrap();
    let recorded: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(recorded.len(), 55, "some cases are gone, or new ones came");
    for (name, case) in recorded {
        // Paths in a lock are resolved.
        let folder = vectors.join("locks").join(&name).canonicalize().unwrap();
        let project = Project::read(&folder.join("project")).unwrap();
        let lock = std::fs::read_to_string(folder.join("poetry.lock.expected")).unwrap();
        let lockfile = Lockfile::parse(&lock, &project.root).unwrap();
        let shown = |text: String| text.replace(folder.to_str().unwrap(), "[case]");

        let extra = case["extra"].as_str();
        let expected = case["text"].as_str().unwrap();
        let new = export(&project, &lockfile, extra).map(shown);
        assert_eq!(new.as_deref(), Ok(expected), "{name}");

        let old = export(&project, &without_groups(&lockfile), extra).map(shown);
        match case["old-error"].as_str() {
            Some(error) => assert_eq!(old, Err(error.to_owned()), "{name}"),
            None => {
                let expected = case["old"].as_str().unwrap_or(expected);
                assert_eq!(old.as_deref(), Ok(expected), "{name}, old");
            }
        }
    }
}
