//! Locks before 2.1: who needs a package, and when, is found by walking from the project's requirements.
//!
//! Poetry walks through the locked packages breadth first. On the way down markers are intersected, and where a package
//! is reached twice, they are united. A package with several locked releases is met by the newest one that fits, unless
//! another of them was chosen for an environment that both requirements share. The world is split into regions of
//! Pythons that the releases of a package tell apart, so that each region can choose on its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::chosen::{Chosen, path_of, python_of, with_python_of};
use super::{Export, ExportError};
use crate::constraint::Constraint;
use crate::lock::{LockedPackage, SourceKind};
use crate::marker::Marker;
use crate::name::{ExtraName, PackageName};
use crate::requirement::{Origin, Requirement};
use crate::version::Version;

/// The packages that the groups and extras need on the Pythons of `project_python`.
pub(super) fn chosen<'a>(
    export: &Export<'a>,
    project_python: &Marker,
) -> Result<Vec<Chosen<'a>>, ExportError> {
    let mut walk = Walk::new(export);
    walk.start(export, project_python);
    while let Some(requirement) = walk.open.pop_front() {
        walk.step(requirement)?;
    }
    Ok(walk.into_chosen())
}

/// A locked package, with what is looked at time and again.
struct Candidate<'a> {
    package: &'a LockedPackage,
    python: Constraint,
    origin: Origin,
    extras: BTreeMap<&'a ExtraName, Vec<Requirement>>,
}

/// Its place among all candidates, and the extras that are wanted of it.
type Key = (usize, Vec<ExtraName>);

struct Walk<'a> {
    root: PackageName,
    /// In the order of the lock.
    candidates: Vec<Candidate<'a>>,
    /// The places of a package's releases, newest first.
    by_name: FxHashMap<&'a PackageName, Vec<usize>>,
    open: VecDeque<Requirement>,
    visited: FxHashMap<String, Vec<Requirement>>,
    decided: IndexMap<Key, Marker>,
}

impl<'a> Walk<'a> {
    fn new(export: &Export<'a>) -> Self {
        let packages = export.lockfile.packages.iter();
        let candidates: Vec<_> = packages
            .map(|package| Candidate::new(export, package))
            .collect();
        let mut by_name: FxHashMap<&PackageName, Vec<usize>> = FxHashMap::default();
        for (place, candidate) in candidates.iter().enumerate() {
            by_name
                .entry(&candidate.package.name)
                .or_default()
                .push(place);
        }
        for places in by_name.values_mut() {
            places.sort_by_key(|place| Reverse(&candidates[*place].package.version));
        }
        Self {
            root: PackageName::new(&export.project.title()),
            candidates,
            by_name,
            open: VecDeque::new(),
            visited: FxHashMap::default(),
            decided: IndexMap::new(),
        }
    }

    /// Opens the project's requirements, but those for extras that are not wanted.
    fn start(&mut self, export: &Export<'a>, project_python: &Marker) {
        let of_extras = self.names_of_extras(export);
        let groups = export.project.groups.iter();
        let groups = groups.filter(|group| export.groups.contains(&group.name));
        for requirement in groups.flat_map(|group| &group.requirements) {
            let is_wanted = self
                .first_match(requirement)
                .is_some_and(|package| !package.optional || of_extras.contains(&package.name));
            if is_wanted {
                let marker = requirement.marker.intersect(project_python);
                self.open.push_back(with_marker(requirement, marker));
            }
        }
    }

    /// The packages that the wanted extras bring, and all that these require.
    fn names_of_extras(&self, export: &Export<'a>) -> FxHashSet<PackageName> {
        let wanted = export.extras.iter();
        let listed = wanted.filter_map(|extra| export.lockfile.extras.get(extra));
        let mut open: Vec<PackageName> = listed
            .flatten()
            .map(|name| PackageName::new(name))
            .collect();
        let mut seen = FxHashSet::default();
        while let Some(name) = open.pop() {
            // Poetry: of several releases the last one of the file counts.
            let last = self
                .by_name
                .get(&name)
                .and_then(|places| places.iter().max());
            if let Some(place) = last
                && seen.insert(name)
            {
                let requirements = &self.candidates[*place].package.requirements;
                open.extend(requirements.iter().map(|required| required.name.clone()));
            }
        }
        seen
    }

    /// The first package of the lock that a requirement of the project allows, wherever that comes from.
    fn first_match(&self, requirement: &Requirement) -> Option<&'a LockedPackage> {
        let places = self.by_name.get(&requirement.name)?;
        let mut places: Vec<usize> = places.clone();
        places.sort_unstable();
        let allowed: Vec<&'a LockedPackage> = places
            .into_iter()
            .map(|place| self.candidates[place].package)
            .filter(|package| requirement.constraint.allows(&package.version))
            .collect();
        let is_stable = |package: &&&'a LockedPackage| {
            !package.version.is_prerelease()
                || requirement.allows_prereleases == Some(true)
                || package
                    .source
                    .as_ref()
                    .is_some_and(|source| source.kind != SourceKind::Legacy)
        };
        let stable = allowed.iter().find(is_stable).copied();
        match requirement.allows_prereleases {
            Some(false) => stable,
            _ => stable.or(allowed.first().copied()),
        }
    }

    /// Chooses a package for a requirement and opens what that requires.
    fn step(&mut self, requirement: Requirement) -> Result<(), ExportError> {
        if requirement.name == self.root || !self.visit(&requirement) {
            return Ok(());
        }
        let place = self.choose(&requirement)?;
        let candidate = &self.candidates[place];
        let features = requirement.extras;
        let marker =
            with_python_of(candidate.package, Marker::any()).intersect(&requirement.marker);
        let mut opened = Vec::new();
        for required in &candidate.package.requirements {
            if required.optional && !candidate.brings(required, &features) {
                continue;
            }
            let base = required.marker.intersect(&marker).without_extras();
            if base.is_empty() {
                continue;
            }
            for region in self.regions(&required.name) {
                let marker = region.intersect(&base);
                if !marker.is_empty() {
                    opened.push(with_marker(required, marker));
                }
            }
        }
        self.open.extend(opened);
        self.decided
            .entry((place, features))
            .and_modify(|known| *known = known.union(&marker))
            .or_insert(marker);
        Ok(())
    }

    /// Notes a requirement. Is it a new one?
    fn visit(&mut self, requirement: &Requirement) -> bool {
        let known = self.visited.entry(requirement.complete_name()).or_default();
        let is_same = |known: &Requirement| {
            known.is_same_dependency_as(requirement) && known.marker == requirement.marker
        };
        let is_new = !known.iter().any(is_same);
        if is_new {
            known.push(requirement.clone());
        }
        is_new
    }

    /// The place of the package that meets a requirement.
    fn choose(&self, requirement: &Requirement) -> Result<usize, ExportError> {
        let missing = || ExportError::Missing {
            requirement: requirement.describe(),
        };
        let places = self.by_name.get(&requirement.name).ok_or_else(missing)?;
        let is_decided = |place: &usize| {
            let decided = self.decided.get(&(*place, Vec::new()));
            decided.is_some_and(|marker| !marker.intersect(&requirement.marker).is_empty())
        };
        let decided: Vec<usize> = places.iter().copied().filter(is_decided).collect();
        if decided.len() > 1 {
            return Err(missing());
        }
        let python = requirement.python_constraint();
        let fits = |place: &usize| self.candidates[*place].fits(requirement, &python);
        let mut fitting = places.iter().copied().filter(fits);
        match decided.first() {
            None => fitting.next().ok_or_else(missing),
            Some(decided) if fits(decided) => Ok(*decided),
            Some(decided) => Err(ExportError::Conflict {
                package: requirement.name.to_string(),
                candidates: fitting.map(|place| self.title(place)).collect(),
                decided: self.title(*decided),
                requirement: requirement.describe(),
            }),
        }
    }

    fn title(&self, place: usize) -> String {
        let package = self.candidates[place].package;
        format!("{} ({})", package.pretty_name, package.version)
    }

    /// Markers for the ranges of Pythons that the releases of a package tell apart.
    fn regions(&self, name: &PackageName) -> Vec<Marker> {
        let places = self.by_name.get(name).map(Vec::as_slice);
        let pythons = places
            .unwrap_or_default()
            .iter()
            .flat_map(|place| self.candidates[*place].python.pieces());
        let edges = edges(pythons);
        let bounds = std::iter::once(None).chain(edges.iter().map(Some));
        let next = edges.iter().map(Some).chain(std::iter::once(None));
        bounds
            .zip(next)
            .map(|(low, high)| region(low, high))
            .collect()
    }

    fn into_chosen(self) -> Vec<Chosen<'a>> {
        let candidates = self.candidates;
        let decided = self.decided.into_iter();
        decided
            .map(|((place, features), marker)| Chosen {
                package: candidates[place].package,
                features,
                marker,
            })
            .collect()
    }
}

impl<'a> Candidate<'a> {
    fn new(export: &Export<'a>, package: &'a LockedPackage) -> Self {
        let origin = package.source.as_ref().map(|source| {
            let mut source = source.clone();
            if let Some(path) = path_of(export, package) {
                source.url = path.to_string_lossy().into_owned();
            }
            source.to_origin(package.develop)
        });
        let parse = |text: &String| Requirement::parse(text, None).ok();
        let extras = package.extras.iter();
        Self {
            package,
            python: python_of(package),
            origin: origin.unwrap_or_else(Origin::index),
            extras: extras
                .map(|(extra, texts)| (extra, texts.iter().filter_map(parse).collect()))
                .collect(),
        }
    }

    /// Does one of the extras bring this requirement of the package?
    fn brings(&self, required: &Requirement, extras: &[ExtraName]) -> bool {
        let brought = extras.iter().filter_map(|extra| self.extras.get(extra));
        brought
            .flatten()
            .any(|brought| brought.is_same_dependency_as(required))
    }

    /// Does it meet a requirement, on all of these Pythons?
    fn fits(&self, requirement: &Requirement, python: &Constraint) -> bool {
        self.python.allows_all(python)
            && requirement.constraint.allows(&self.package.version)
            && (!requirement.origin.is_direct() || requirement.origin.is_same_as(&self.origin))
    }
}

/// Where one region ends and the next begins: a version, and whether the lower region has it.
type Edge<'a> = (&'a Version, bool);

fn edges<'c>(pieces: impl Iterator<Item = &'c Constraint>) -> Vec<Edge<'c>> {
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    for piece in pieces {
        lower.extend(piece.min().map(|min| (min, !piece.include_min())));
        upper.extend(piece.max().map(|max| (max, piece.include_max())));
    }
    let mut edges = lower;
    edges.append(&mut upper);
    // Stable, so that of equal ones the first stays.
    edges.sort();
    edges.dedup();
    edges
}

fn region(low: Option<&Edge<'_>>, high: Option<&Edge<'_>>) -> Marker {
    let mut marker = Marker::any();
    if let Some((version, below)) = low {
        let operator = if *below { ">" } else { ">=" };
        marker = marker.intersect(&compared(operator, version));
    }
    if let Some((version, below)) = high {
        let operator = if *below { "<=" } else { "<" };
        marker = marker.intersect(&compared(operator, version));
    }
    marker
}

/// Poetry: a version with more than two numbers is one of `python_full_version`.
fn compared(operator: &str, version: &Version) -> Marker {
    let variable = match version.precision() > 2 {
        true => "python_full_version",
        false => "python_version",
    };
    // Versions can be compared.
    Marker::parse(&format!("{variable} {operator} \"{version}\"")).unwrap_or_else(|_| Marker::any())
}

fn with_marker(requirement: &Requirement, marker: Marker) -> Requirement {
    let mut requirement = requirement.clone();
    requirement.set_marker(marker);
    requirement
}
