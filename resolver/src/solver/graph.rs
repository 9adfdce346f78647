//! From a run's decisions to packages with their groups and markers.
//!
//! Each package gets the groups of all root requirements whose paths reach it, and for each group the union, over
//! all paths, of the markers along the path. Markers are carried down from shallow to deep packages; where
//! packages require one another in a circle the walk is repeated until every package has its markers.
//!
//! The order of every step shows in the text of the markers, so it is Poetry's order throughout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::marker::Marker;
use crate::name::GroupName;
use crate::requirement::{Origin, Requirement};

use super::FxIndexMap;
use super::complete::extras_marker;
use super::node::{Node, Release};
use super::overrides::same_source;
use super::package::{Decided, Package};
use super::shared::{Changes, Shared};
use super::world::World;

/// What tells packages of a solution apart: name, release, and the index it is from.
pub(crate) type Identity = (crate::name::PackageName, Release, Option<String>);

/// A package of a solution.
#[derive(Clone, Debug)]
pub(crate) struct Solved {
    pub(crate) package: Arc<Package>,
    pub(crate) requirements: Vec<Shared>,
    pub(crate) optional: bool,
    pub(crate) groups: BTreeSet<GroupName>,
    pub(crate) markers: BTreeMap<GroupName, Marker>,
    /// How far from the root, on the longest way.
    pub(crate) depth: i64,
}

/// All packages of a solution, in the order they were decided in.
pub(crate) type Solution = FxIndexMap<Identity, Solved>;

pub(crate) fn identity(package: &Package) -> Identity {
    let source = package.source.as_ref().map(|source| source.url.clone());
    (package.name.clone(), package.release(), source)
}

/// Works out groups and markers of what a run decided. Decisions that nothing requires are dropped.
pub(crate) fn aggregate(
    root: &[Shared],
    decided: &[Decided],
    world: &World<'_>,
    changes: &Changes,
) -> Solution {
    let mut walk = Walk::new(decided, world, changes);
    walk.visit(None, root, Path::default());
    let infos = walk.infos();
    let infos = carry_markers(infos, &walk.edges);
    merge_features(decided, &infos, changes)
}

/// By which root requirement a walk reached a package.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Path {
    groups: Vec<GroupName>,
    optional: bool,
}

/// A package as reached in one way; `None` is the root.
type Stop = (Option<usize>, Path);

/// child → parent → groups of the edge → its markers, united.
type Edges = FxHashMap<usize, FxIndexMap<Option<usize>, FxIndexMap<Vec<GroupName>, Marker>>>;

struct Walk<'a> {
    decided: &'a [Decided],
    by_node: FxHashMap<&'a Node, Vec<usize>>,
    world: &'a World<'a>,
    changes: &'a Changes,
    /// Stops in the order they were left, so that each stop comes after those it leads to.
    left: Vec<Stop>,
    seen: FxHashMap<Stop, Vec<Stop>>,
    edges: Edges,
}

/// What is known of one decided package.
struct Info {
    place: usize,
    depth: i64,
    groups: BTreeSet<GroupName>,
    optional: bool,
    markers: Option<BTreeMap<GroupName, Marker>>,
}

impl<'a> Walk<'a> {
    fn new(decided: &'a [Decided], world: &'a World<'a>, changes: &'a Changes) -> Self {
        let mut by_node: FxHashMap<&Node, Vec<usize>> = FxHashMap::default();
        for (place, one) in decided.iter().enumerate() {
            by_node.entry(&one.node).or_default().push(place);
        }
        Self {
            decided,
            by_node,
            world,
            changes,
            left: Vec::new(),
            seen: FxHashMap::default(),
            edges: FxHashMap::default(),
        }
    }

    fn visit(&mut self, place: Option<usize>, requirements: &[Shared], path: Path) {
        let stop: Stop = (place, path);
        self.seen.entry(stop.clone()).or_default();
        for requirement in requirements {
            let requirement = self.changes.of(requirement);
            for child in self.children(requirement) {
                let path = if place.is_none() {
                    Path {
                        groups: requirement.groups.clone(),
                        optional: requirement.optional,
                    }
                } else {
                    stop.1.clone()
                };
                self.note_edge(child, place, &path.groups, requirement);
                let next: Stop = (Some(child), path);
                let known = self.seen.contains_key(&next);
                self.seen
                    .entry(next.clone())
                    .or_default()
                    .push(stop.clone());
                if !known {
                    let decided = self.decided;
                    self.visit(Some(child), &decided[child].requirements, next.1);
                }
            }
        }
        self.left.push(stop);
    }

    fn children(&self, requirement: &Requirement) -> Vec<usize> {
        let node = Node::of(requirement);
        let origin = self.world.origin(requirement);
        let satisfying = |place: &usize| {
            let package = &self.decided[*place].package;
            match &requirement.origin {
                Origin::Index { .. } => package.satisfies(requirement, origin),
                _ => match origin {
                    Some(origin) => package.origin == origin,
                    // Taken from the lock without being read anew.
                    None => package.is_direct() && package.name == requirement.name,
                },
            }
        };
        self.by_node
            .get(&node)
            .into_iter()
            .flatten()
            .copied()
            .filter(satisfying)
            .collect()
    }

    fn note_edge(
        &mut self,
        child: usize,
        parent: Option<usize>,
        groups: &[GroupName],
        requirement: &Requirement,
    ) {
        let marker = if parent.is_some() {
            requirement.marker.without_extras()
        } else if requirement.in_extras.is_empty() {
            requirement.marker.clone()
        } else {
            requirement
                .marker
                .intersect(&extras_marker(&requirement.in_extras))
        };
        let edge = self
            .edges
            .entry(child)
            .or_default()
            .entry(parent)
            .or_default()
            .entry(groups.to_vec())
            .or_insert_with(Marker::empty);
        *edge = edge.union(&marker);
    }

    /// Packages in topological order, each with all the ways it was reached in.
    fn infos(&self) -> Vec<Info> {
        let mut depths: FxHashMap<&Stop, i64> = FxHashMap::default();
        let mut infos: FxIndexMap<usize, Info> = FxIndexMap::default();
        for stop in self.left.iter().rev() {
            let (place, path) = stop;
            let name = |stop: &Stop| stop.0.map(|place| self.decided[place].node.name());
            let parents = &self.seen[stop];
            let deepest = parents
                .iter()
                .map(|parent| {
                    let depth = depths.get(parent).copied().unwrap_or(-1);
                    depth - i64::from(name(parent) == name(stop))
                })
                .max();
            let depth = 1 + deepest.unwrap_or(-2).max(-2);
            depths.insert(stop, depth);
            let Some(place) = place else { continue };
            let info = infos.entry(*place).or_insert_with(|| Info {
                place: *place,
                depth,
                groups: BTreeSet::new(),
                optional: true,
                markers: None,
            });
            info.depth = info.depth.max(depth);
            info.optional &= path.optional;
            info.groups.extend(path.groups.iter().cloned());
        }
        infos.into_values().collect()
    }
}

/// Carries markers from the root down, shallow packages first.
fn carry_markers(mut infos: Vec<Info>, edges: &Edges) -> Vec<Info> {
    let at: FxHashMap<usize, usize> = infos
        .iter()
        .enumerate()
        .map(|(index, info)| (info.place, index))
        .collect();
    let mut order: Vec<usize> = (0..infos.len()).collect();
    order.sort_by_key(|&index| infos[index].depth);
    loop {
        let mut incomplete = false;
        for &index in &order {
            let mut markers: BTreeMap<GroupName, Marker> = infos[index]
                .groups
                .iter()
                .map(|group| (group.clone(), Marker::empty()))
                .collect();
            for (parent, by_groups) in &edges[&infos[index].place] {
                match parent {
                    None => from_root(&mut markers, by_groups),
                    Some(parent) => {
                        let parent = &infos[at[parent]];
                        let Some(parent_markers) = &parent.markers else {
                            // A circle: this parent gets its markers later, so walk once more.
                            incomplete = true;
                            continue;
                        };
                        from_parent(&mut markers, parent_markers, by_groups);
                    }
                }
            }
            infos[index].markers = Some(markers);
        }
        if !incomplete {
            return infos;
        }
    }
}

fn from_root(
    markers: &mut BTreeMap<GroupName, Marker>,
    edges: &FxIndexMap<Vec<GroupName>, Marker>,
) {
    for (groups, edge) in edges {
        for (group, marker) in markers.iter_mut() {
            if groups.contains(group) {
                *marker = marker.union(edge);
            }
        }
    }
}

fn from_parent(
    markers: &mut BTreeMap<GroupName, Marker>,
    parent: &BTreeMap<GroupName, Marker>,
    edges: &FxIndexMap<Vec<GroupName>, Marker>,
) {
    for (group, parent_marker) in parent {
        for edge in edges.values() {
            let Some(marker) = markers.get_mut(group) else {
                continue;
            };
            *marker = marker.union(&parent_marker.intersect(edge));
        }
    }
}

/// Gives the requirements of `foo[a]` to `foo`, and keeps only base packages.
fn merge_features(decided: &[Decided], infos: &[Info], changes: &Changes) -> Solution {
    let info_of: FxHashMap<usize, &Info> = infos.iter().map(|info| (info.place, info)).collect();
    let mut requirements: Vec<Vec<Shared>> =
        decided.iter().map(|one| one.requirements.clone()).collect();
    for feature in decided.iter().filter(|one| !one.node.extras().is_empty()) {
        let base = decided.iter().position(|one| {
            one.node.extras().is_empty()
                && one.package.name == feature.package.name
                && one.package.version == feature.package.version
        });
        let Some(base) = base else { continue };
        for requirement in &feature.requirements {
            let now = changes.of(requirement);
            let known = now.name == feature.package.name
                || requirements[base].iter().any(|other| {
                    let other = changes.of(other);
                    is_same(other, now) && other.marker == now.marker
                });
            if !known {
                requirements[base].push(requirement.clone());
            }
        }
    }
    decided
        .iter()
        .enumerate()
        .zip(requirements)
        .filter(|((_, one), _)| one.node.extras().is_empty())
        .filter_map(|((place, one), requirements)| {
            let info = info_of.get(&place)?;
            let solved = Solved {
                package: Arc::clone(&one.package),
                requirements,
                optional: info.optional,
                groups: info.groups.clone(),
                markers: info.markers.clone().unwrap_or_default(),
                depth: info.depth,
            };
            Some((identity(&one.package), solved))
        })
        .collect()
}

/// Poetry: requirements are equal if name, extras, source and constraint are; markers don't count, nor does the
/// constraint of a direct requirement.
pub(crate) fn is_same(a: &Requirement, b: &Requirement) -> bool {
    let index = |r: &Requirement| matches!(r.origin, Origin::Index { .. });
    a.name == b.name
        && a.extras == b.extras
        && ((index(a) && index(b) && a.constraint == b.constraint)
            || (!index(a) && !index(b) && same_source(a, b)))
}
