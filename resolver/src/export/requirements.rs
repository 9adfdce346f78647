//! requirements.txt and constraints.txt.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::chosen::{Chosen, chosen, requirement_for};
use super::{Export, ExportError, PipFormat, PipOptions, PipText};
use crate::dist::{Priority, Source};
use crate::lock::{LockedPackage, SourceKind};
use crate::requirement::Origin;

/// Poetry: only these hashes are exported.
const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];

pub(super) fn text(export: &Export<'_>, options: &PipOptions<'_>) -> Result<PipText, ExportError> {
    let mut lines = BTreeSet::new();
    let mut left_out = Vec::new();
    let mut indexes = BTreeSet::new();
    for chosen in chosen(export)? {
        let package = chosen.package;
        if package.develop && options.format == PipFormat::Constraints {
            left_out.push(package.pretty_name.clone());
            continue;
        }
        indexes.extend(index_of(package));
        let mut line = line(export, &chosen, options.format);
        if options.hashes {
            line += &hashes(package);
        }
        lines.insert(line);
    }
    let mut text = String::new();
    if options.urls && !indexes.is_empty() {
        text = header(&export.project.all_sources(), &indexes, options);
        text.push('\n');
    }
    text += &lines.into_iter().collect::<Vec<_>>().join("\n");
    text.push('\n');
    Ok(PipText { text, left_out })
}

/// The requirement and its marker.
///
/// Poetry: extras of a package from git or a URL stay even in constraints.
fn line(export: &Export<'_>, chosen: &Chosen<'_>, format: PipFormat) -> String {
    let requirement = requirement_for(export, chosen);
    let whole = requirement.to_pep508(false);
    let marker = whole.split_once(';').map(|(_, marker)| marker.trim());
    let name = match format {
        PipFormat::Requirements => requirement.complete_name(),
        PipFormat::Constraints => requirement.name.to_string(),
    };
    let line = match &requirement.origin {
        Origin::Git { .. } | Origin::Url { .. } => return whole,
        Origin::Directory { .. } | Origin::File { .. } => {
            let url = requirement.path_url();
            match chosen.package.develop {
                true => format!("-e {url}"),
                false => format!("{name} @ {url}"),
            }
        }
        Origin::Index { .. } => format!("{name}=={}", chosen.package.version),
    };
    match marker {
        Some(marker) if !marker.is_empty() => format!("{line} ; {marker}"),
        _ => line,
    }
}

fn hashes(package: &LockedPackage) -> String {
    let known = package
        .files
        .iter()
        .map(|file| &file.hash)
        .filter(|hash| ALGORITHMS.contains(&hash.algorithm.as_str()));
    let mut hashes: Vec<String> = known.map(ToString::to_string).collect();
    hashes.sort();
    hashes
        .iter()
        .map(|hash| format!(" \\\n    --hash={hash}"))
        .collect()
}

/// The address of the named index that a package comes from.
fn index_of(package: &LockedPackage) -> Option<&str> {
    let source = package.source.as_ref()?;
    (source.kind == SourceKind::Legacy).then(|| source.url.trim_end_matches('/'))
}

/// The lines that tell pip of indexes, in the order in which they are asked.
///
/// Poetry: an index that the project no longer names gets no line.
fn header(sources: &[Source], indexes: &BTreeSet<&str>, options: &PipOptions<'_>) -> String {
    let has_pypi = sources
        .iter()
        .any(|source| source.name.eq_ignore_ascii_case("pypi"));
    let mut text = String::new();
    for (place, source) in sources.iter().enumerate() {
        let Some(url) = source.address().filter(|url| indexes.contains(url)) else {
            continue;
        };
        let shown = match (options.login)(url) {
            Some((user, password)) => with_login(url, &user, &password),
            None => url.to_owned(),
        };
        if let Some(host) = shown.strip_prefix("http://") {
            // Poetry: the host as it is in the address, a login included.
            let host = host.split(['/', '?', '#']).next().unwrap_or_default();
            text += &format!("--trusted-host {host}\n");
        }
        let is_first = place == 0 && source.priority != Priority::Explicit;
        let option = match is_first && !has_pypi {
            true => "--index-url",
            false => "--extra-index-url",
        };
        text += &format!("{option} {shown}\n");
    }
    text
}

/// The address with user and password, and without a query.
fn with_login(url: &str, user: &str, password: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'_')
        .remove(b'.')
        .remove(b'-')
        .remove(b'~');
    let Ok(parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    let (user, password) = (
        utf8_percent_encode(user, PLAIN),
        utf8_percent_encode(password, PLAIN),
    );
    let (scheme, path) = (parsed.scheme(), parsed.path());
    format!("{scheme}://{user}:{password}@{host}{port}{path}")
}
