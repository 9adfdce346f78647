//! Which packages of a lock are wanted, and when.

use std::path::PathBuf;

use super::{Export, ExportError, walk};
use crate::constraint::Constraint;
use crate::lock::{LockedPackage, SourceKind};
use crate::marker::{Known, Marker};
use crate::name::{ExtraName, GroupName};
use crate::path;
use crate::requirement::{Origin, Requirement};

/// A package that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Chosen<'a> {
    pub(super) package: &'a LockedPackage,
    /// The extras of it that are wanted. Only a walk tells; a lock of today lists what they bring.
    pub(super) features: Vec<ExtraName>,
    /// When it is wanted.
    pub(super) marker: Marker,
}

/// The packages that are wanted on the Pythons of the project, with markers that stand for themselves.
pub(super) fn chosen<'a>(export: &Export<'a>) -> Result<Vec<Chosen<'a>>, ExportError> {
    let python = python_marker(&export.project.python_constraint);
    if !export.lockfile.metadata.has_groups_and_markers() {
        return walk::chosen(export, &python);
    }
    let on_own_python = |chosen: Chosen<'a>| Chosen {
        marker: with_python_of(chosen.package, python.intersect(&chosen.marker)),
        ..chosen
    };
    Ok(told_by_lock(export).map(on_own_python).collect())
}

/// The packages that the lock says are wanted, with the markers it has for them.
pub(super) fn told_by_lock<'a>(export: &Export<'a>) -> impl Iterator<Item = Chosen<'a>> {
    let extras: Vec<ExtraName> = export.extras.iter().cloned().collect();
    let groups = in_order(export);
    export.lockfile.packages.iter().filter_map(move |package| {
        let mut wanted = groups
            .iter()
            .filter(|group| package.groups.contains(group))
            .peekable();
        wanted.peek()?;
        let marker = wanted.fold(Marker::empty(), |marker, group| {
            match package.markers.get(*group) {
                Some(of_group) => marker.union(of_group),
                None => marker.union(&Marker::any()),
            }
        });
        let marker = marker.apply(&Known::default().with_extras(&extras));
        (!marker.is_empty()).then_some(Chosen {
            package,
            features: Vec::new(),
            marker,
        })
    })
}

/// The groups that are exported, `main` first.
pub(super) fn in_order<'a>(export: &Export<'a>) -> Vec<&'a GroupName> {
    let mut groups: Vec<&GroupName> = export.groups.iter().collect();
    groups.sort_by_key(|group| group.as_str() != "main");
    groups
}

/// The marker of a range of Pythons.
pub(super) fn python_marker(python: &Constraint) -> Marker {
    // What is printed here can be read.
    Marker::parse(&Marker::nested("python_version", python)).unwrap_or_else(|_| Marker::any())
}

/// Poetry: a requirement for a locked package is limited to the Pythons that the package supports.
pub(super) fn with_python_of(package: &LockedPackage, marker: Marker) -> Marker {
    let python = python_of(package);
    if python.is_any() {
        return marker;
    }
    marker.intersect(&python_marker(&python))
}

/// The Pythons that a locked package supports.
pub(super) fn python_of(package: &LockedPackage) -> Constraint {
    Constraint::parse_marker_version(&package.python_versions).unwrap_or_else(|_| Constraint::any())
}

/// Where a locked directory or file is.
pub(super) fn path_of(export: &Export<'_>, package: &LockedPackage) -> Option<PathBuf> {
    let source = package.source.as_ref()?;
    let is_local = matches!(source.kind, SourceKind::Directory | SourceKind::File);
    is_local.then(|| path::resolve(&export.project.root.join(&source.url)))
}

/// The requirement that just this package meets: by its version, or by where it comes from. A git repository is
/// taken at its commit.
pub(super) fn requirement_for(export: &Export<'_>, chosen: &Chosen<'_>) -> Requirement {
    let package = chosen.package;
    let constraint = Constraint::Version(package.version.clone());
    let mut requirement = Requirement::new(package.name.as_str(), constraint);
    requirement.extras.clone_from(&chosen.features);
    requirement.set_marker(chosen.marker.clone());
    if let Some(source) = &package.source {
        requirement.origin = source.to_origin(package.develop);
    }
    match &mut requirement.origin {
        Origin::Directory { path, .. } | Origin::File { path, .. } => {
            if let Some(absolute) = path_of(export, package) {
                *path = absolute.to_string_lossy().into_owned();
            }
        }
        Origin::Git {
            rev,
            commit: Some(commit),
            ..
        } => *rev = Some(commit.clone()),
        _ => {}
    }
    requirement
}
