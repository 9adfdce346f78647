//! What is in a bundle, told to machines: `bundle.json`, and a CycloneDX list of components (ECMA-424, version 1.6).
//!
//! Both hold no time, no absolute path and no credentials, so that the same inputs give the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER;
use resolver::name::PackageName;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::contents::{BundledWheel, Contents, Layer, Origin};
use super::{BundleRequest, Target};

/// The form of bundle.json; it grows when something is taken away or changes its meaning.
const SCHEMA: u32 = 1;

/// The text of bundle.json. `repository` is the folder that paths are relative to.
pub(super) fn manifest(
    contents: &Contents,
    request: &BundleRequest<'_>,
    repository: &Path,
) -> String {
    let options = &request.options;
    let (name, version) = &contents.service;
    let selection = &request.selection;
    let names = |names: Vec<&str>| Value::from(names);
    let value = json!({
        "schema": SCHEMA,
        "generator": { "name": "mpoetry", "version": env!("CARGO_PKG_VERSION") },
        "service": { "name": name, "version": version },
        "target": target(&request.target),
        "lock": { "sha256": contents.lock },
        "format": options.layout.as_str(),
        "pin": options.pin.as_str(),
        "groups": names(selection.groups.iter().map(|group| group.as_str()).collect()),
        "extras": names(selection.extras.iter().map(|extra| extra.as_str()).collect()),
        "wheels": contents.wheels.iter().map(|one| wheel(one, repository)).collect::<Vec<_>>(),
        "sources": contents.sources.iter().map(|file| json!({
            "path": file.name(),
            "sha256": HEXLOWER.encode(file.sha256()),
        })).collect::<Vec<_>>(),
        "layers": layers(contents),
    });
    pretty(&value)
}

pub(super) fn target(target: &Target) -> Value {
    json!({
        "python": target.python.to_string(),
        "implementation": target.markers.platform_python_implementation,
        "label": target.label,
    })
}

fn wheel(wheel: &BundledWheel, repository: &Path) -> Value {
    let tag = wheel.file.trim_end_matches(".whl").splitn(3, '-').nth(2);
    json!({
        "name": wheel.name.as_str(),
        "version": wheel.version,
        "layer": wheel.layer.folder(),
        "file": wheel.file,
        "tag": tag,
        "sha256": wheel.sha256,
        "groups": wheel.groups.iter().map(|group| group.as_str()).collect::<Vec<_>>(),
        "rewritten": is_local(wheel),
        "origin": origin(&wheel.origin, repository),
    })
}

fn origin(origin: &Origin, repository: &Path) -> Value {
    match origin {
        Origin::Index(url) => json!({ "kind": "index", "url": url }),
        Origin::Url(url) => json!({ "kind": "url", "url": url }),
        Origin::File(path) => json!({ "kind": "file", "path": path }),
        Origin::Git {
            url,
            commit,
            subdirectory,
        } => json!({ "kind": "git", "url": url, "commit": commit, "subdirectory": subdirectory }),
        Origin::Project { folder, sources } => json!({
            "kind": "project",
            "path": relative(folder, repository),
            "sources": sources,
        }),
    }
}

/// The path of a project in its repository, or from there, with `/`.
pub(super) fn relative(folder: &Path, repository: &Path) -> String {
    let shared = folder
        .components()
        .zip(repository.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = repository
        .components()
        .skip(shared)
        .map(|_| "..".to_owned());
    let down = folder.components().skip(shared);
    let down = down.map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() {
        return ".".to_owned();
    }
    parts.join("/")
}

/// A digest for each layer, which changes when something in it does.
fn layers(contents: &Contents) -> Value {
    let mut digests = Map::new();
    for layer in Layer::ALL {
        let mut hasher = Sha256::new();
        let mut is_empty = true;
        for wheel in contents.of(layer) {
            is_empty = false;
            hasher.update(format!("{} {}\n", wheel.sha256, wheel.file));
        }
        if layer == Layer::Service {
            for file in &contents.sources {
                is_empty = false;
                hasher.update(format!(
                    "{} {}\n",
                    HEXLOWER.encode(file.sha256()),
                    file.name()
                ));
            }
        }
        if !is_empty {
            let digest = HEXLOWER.encode(&hasher.finalize());
            digests.insert(layer.folder().to_owned(), Value::from(digest));
        }
    }
    Value::Object(digests)
}

/// The text of sbom.cdx.json.
pub(super) fn components(contents: &Contents, repository: &Path) -> String {
    let (name, version) = &contents.service;
    let service_name = name.clone().unwrap_or_else(|| "service".to_owned());
    let mut service = json!({
        "type": "application",
        "bom-ref": "service",
        "name": service_name,
    });
    if let Some(version) = version {
        service["version"] = Value::from(version.as_str());
    }
    let references: BTreeMap<&PackageName, String> = contents
        .wheels
        .iter()
        .map(|wheel| (&wheel.name, reference(wheel)))
        .collect();
    // A package may be there in more than one version; all of them count then.
    let needed = |names: &[PackageName]| -> Vec<String> {
        let mut needed: Vec<String> = contents
            .wheels
            .iter()
            .filter(|wheel| names.contains(&wheel.name))
            .map(reference)
            .collect();
        needed.sort();
        needed.dedup();
        needed
    };
    let own: Vec<&BundledWheel> = contents.of(Layer::Service).collect();
    let roots: Vec<String> = if own.is_empty() {
        references.values().cloned().collect()
    } else {
        own.iter().map(|wheel| reference(wheel)).collect()
    };
    let mut dependencies = vec![json!({ "ref": "service", "dependsOn": roots })];
    dependencies.extend(
        contents
            .wheels
            .iter()
            .map(|wheel| json!({ "ref": reference(wheel), "dependsOn": needed(&wheel.requires) })),
    );
    let listed: Vec<Value> = contents
        .wheels
        .iter()
        .map(|wheel| component(wheel, repository))
        .collect();
    let body = json!({
        "metadata": {
            "tools": { "components": [{
                "type": "application",
                "name": "mpoetry",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": service,
        },
        "components": listed,
        "dependencies": dependencies,
    });
    let mut value = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(&body.to_string()),
        "version": 1,
    });
    if let (Value::Object(value), Value::Object(body)) = (&mut value, body) {
        value.extend(body);
    }
    pretty(&value)
}

fn component(wheel: &BundledWheel, repository: &Path) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(wheel),
        "name": wheel.name.as_str(),
        "version": wheel.version,
        "purl": purl(wheel),
        "hashes": [{ "alg": "SHA-256", "content": wheel.sha256 }],
    });
    let mut properties = vec![
        json!({ "name": "mpoetry:file", "value": wheel.file }),
        json!({ "name": "mpoetry:layer", "value": wheel.layer.folder() }),
    ];
    if let Origin::Project { folder, .. } = &wheel.origin {
        let path = relative(folder, repository);
        properties.push(json!({ "name": "mpoetry:in-repo", "value": path }));
    }
    component["properties"] = Value::from(properties);
    let source = match &wheel.origin {
        Origin::Git { url, commit, .. } => Some(("vcs", format!("{url}#{commit}"))),
        Origin::Url(url) => Some(("distribution", url.clone())),
        Origin::Index(_) | Origin::File(_) | Origin::Project { .. } => None,
    };
    if let Some((kind, url)) = source {
        component["externalReferences"] = json!([{ "type": kind, "url": url }]);
    }
    component
}

fn reference(wheel: &BundledWheel) -> String {
    format!("{}@{}", wheel.name, wheel.version)
}

/// What the repository makes is nobody's on PyPI, even if a stranger has the name there.
pub(super) fn purl(wheel: &BundledWheel) -> String {
    let version = wheel.version.replace('+', "%2B").replace('!', "%21");
    let kind = if is_local(wheel) { "generic" } else { "pypi" };
    let own = format!("pkg:{kind}/{}@{version}", wheel.name);
    match &wheel.origin {
        Origin::Git { url, commit, .. } => {
            format!("{own}?vcs_url={}", escaped(&format!("git+{url}@{commit}")))
        }
        Origin::Url(url) => format!("{own}?download_url={}", escaped(url)),
        _ => own,
    }
}

/// A qualifier's value (percent-encoded).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

fn is_local(wheel: &BundledWheel) -> bool {
    matches!(wheel.origin, Origin::Project { .. })
}

/// A UUID (RFC 9562, version 8) made from the content.
fn serial_number(content: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(content)[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
