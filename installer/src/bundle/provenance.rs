//! Who made a bundle of what, as a statement that others may sign: in-toto's form of SLSA's provenance, version 1.
//!
//! It has no times and no names of this machine, so that the same inputs give the same bytes. What it claims is worth as
//! much as the signature that somebody puts below it.

use serde_json::{Value, json};

use super::contents::{BundledWheel, Layer, Origin, OutputFile};
use super::evidence::{self, relative};
use super::files::Files;
use super::{LocalVersion, Options};

/// The name of its file.
pub(super) const FILE: &str = "provenance.intoto.json";
/// Names what `externalParameters` mean; the number grows when they change.
const BUILD_TYPE: &str = "urn:mpoetry:bundle:1";

/// The statement about these files. `builder` names who makes it, as an address.
pub(super) fn statement(bundle: &Files<'_>, builder: &str, files: &[OutputFile]) -> String {
    let (request, parts) = (bundle.request, bundle.parts);
    let (name, version) = &parts.contents.service;
    let selection = &request.selection;
    let subjects = files
        .iter()
        .map(|file| json!({ "name": file.name, "digest": { "sha256": file.sha256 } }));
    let materials = parts.contents.wheels.iter();
    let materials = materials.map(|wheel| material(wheel, &parts.repository));
    let lock = json!({
        "uri": format!("{}/poetry.lock", relative(&parts.root, &parts.repository)),
        "digest": { "sha256": parts.contents.lock },
    });
    let made_of: Vec<Value> = [lock].into_iter().chain(materials).collect();
    let value = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects.collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "service": { "name": name, "version": version, "path": relative(&parts.root, &parts.repository) },
                    "target": evidence::target(&request.target),
                    "groups": selection.groups.iter().map(|group| group.as_str()).collect::<Vec<_>>(),
                    "extras": selection.extras.iter().map(|extra| extra.as_str()).collect::<Vec<_>>(),
                    "options": options(&request.options),
                },
                "resolvedDependencies": made_of,
            },
            "runDetails": {
                "builder": {
                    "id": builder,
                    "version": { "mpoetry": env!("CARGO_PKG_VERSION") },
                },
            },
        },
    });
    evidence::pretty(&value)
}

fn options(options: &Options) -> Value {
    json!({
        "format": options.layout.as_str(),
        "pin": options.pin.as_str(),
        "localVersion": match &options.local_version {
            LocalVersion::None => Value::Null,
            LocalVersion::OfSources => Value::from("of-sources"),
            LocalVersion::Label(label) => Value::from(label.as_str()),
        },
        "onlyLibs": options.libraries_only,
        "requireHashes": options.require_hashes,
        "allowStaleLibs": options.allow_stale_libraries,
        "allowOverlaps": options.allow_overlaps,
    })
}

/// What a wheel is made from, or the wheel itself if it is from elsewhere.
fn material(wheel: &BundledWheel, repository: &std::path::Path) -> Value {
    match &wheel.origin {
        Origin::Project { folder, sources } => json!({
            "name": wheel.name.as_str(),
            "uri": relative(folder, repository),
            // Of names, modes and contents; see `origin` in bundle.json.
            "digest": { "mpoetrySources": sources },
        }),
        Origin::Git { url, commit, .. } => json!({
            "name": wheel.name.as_str(),
            "uri": format!("git+{url}"),
            "digest": { "gitCommit": commit },
        }),
        Origin::Index(_) | Origin::Url(_) | Origin::File(_) => {
            debug_assert_eq!(wheel.layer, Layer::ThirdParty);
            json!({
                "name": wheel.file,
                "uri": evidence::purl(wheel),
                "digest": { "sha256": wheel.sha256 },
            })
        }
    }
}
