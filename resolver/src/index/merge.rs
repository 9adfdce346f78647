//! One metadata from a wheel for Python 2 and one for Python 3.

use std::collections::BTreeSet;

use crate::constraint::Constraint;
use crate::marker::Marker;
use crate::metadata::Metadata;
use crate::requirement::Requirement;

/// Poetry: what only one of them requires is required on its Python alone; the Python ranges are united. The rest is
/// the older wheel's.
///
/// # Errors
/// When a requirement or a range can't be read; the reason.
pub(super) fn merge(two: Metadata, three: &Metadata) -> Result<Metadata, String> {
    let requires_python = match (&two.requires_python, &three.requires_python) {
        (None, None) => None,
        (older, newer) => Some(united(
            older.as_deref().unwrap_or("^2.7"),
            newer.as_deref().unwrap_or("^3"),
        )?),
    };
    let requires_dist = match (&two.requires_dist[..], &three.requires_dist[..]) {
        (older, []) => older.to_vec(),
        ([], newer) => newer.to_vec(),
        (older, newer) => joined(older, newer)?,
    };
    Ok(Metadata {
        requires_python,
        requires_dist,
        ..two
    })
}

fn united(older: &str, newer: &str) -> Result<String, String> {
    let parse = |text| Constraint::parse_marker_version(text).map_err(|error| error.to_string());
    Ok(parse(older)?.union(&parse(newer)?).to_string())
}

fn joined(older: &[String], newer: &[String]) -> Result<Vec<String>, String> {
    let (older, newer) = (normalised(older)?, normalised(newer)?);
    let mut lines: BTreeSet<String> = older.intersection(&newer).cloned().collect();
    for line in older.difference(&newer) {
        lines.insert(restricted(line, "python_version == '2.7'")?);
    }
    for line in newer.difference(&older) {
        lines.insert(restricted(line, "python_version >= '3'")?);
    }
    Ok(lines.into_iter().collect())
}

fn normalised(lines: &[String]) -> Result<BTreeSet<String>, String> {
    let parsed = lines.iter().map(|line| Ok(parse(line)?.to_pep508(true)));
    parsed.collect()
}

fn restricted(line: &str, marker: &str) -> Result<String, String> {
    let mut requirement = parse(line)?;
    let marker = Marker::parse(marker).map_err(|error| error.to_string())?;
    requirement.set_marker(requirement.marker.intersect(&marker));
    Ok(requirement.to_pep508(true))
}

fn parse(line: &str) -> Result<Requirement, String> {
    Requirement::parse(line, None).map_err(|error| error.to_string())
}
