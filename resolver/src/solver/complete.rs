//! From what a release requires to what counts in one run.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::constraint::Constraint;
use crate::marker::Marker;
use crate::name::{ExtraName, PackageName};
use crate::requirement::{Origin, Requirement};

use super::answers::Task;
use super::node::Node;
use super::overrides::{Duplicates, Overridden, Overrides, Run, distinct};
use super::package::Package;
use super::shared::{Changes, Shared};
use super::{FxIndexMap, SolveError};

/// How a package was reached when it is decided.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    /// The union of the markers of all ways to it, along the ways.
    pub(crate) transitive: Marker,
    /// The pythons that the first way's last step admits.
    pub(crate) python: Constraint,
    /// The source that the first way names.
    pub(crate) source: Option<String>,
}

impl Reached {
    pub(crate) fn anywhere() -> Self {
        Self {
            transitive: Marker::any(),
            python: Constraint::any(),
            source: None,
        }
    }
}

/// Why completing a package stops the run.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The run has to be split into these.
    Split(Vec<Overrides>),
    Failed(SolveError),
}

impl From<SolveError> for Stop {
    fn from(error: SolveError) -> Self {
        Self::Failed(error)
    }
}

/// A requirement that counts, and the marker along the way through it.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) to: Node,
    pub(crate) requirement: Shared,
    /// The requirement as it was when its package was completed.
    pub(crate) now: Arc<Requirement>,
    along: Option<Marker>,
}

/// Which of a package's requirements are switched on by extras.
struct Asked {
    extras: Vec<ExtraName>,
    names: FxHashSet<PackageName>,
}

/// Completes releases for one run.
pub(crate) struct Completer<'a> {
    pub(crate) task: &'a Task<'a>,
    pub(crate) run: &'a Run,
    pub(crate) changes: &'a RefCell<Changes>,
}

impl Completer<'_> {
    fn now(&self, requirement: &Shared) -> Arc<Requirement> {
        Arc::clone(self.changes.borrow().of(requirement))
    }

    fn edge(&self, requirement: Shared) -> Edge {
        let now = self.now(&requirement);
        Edge {
            to: Node::of(&now),
            requirement,
            now,
            along: None,
        }
    }

    /// The root's requirements that count in this run.
    pub(crate) fn root(&self, name: &str) -> Result<Vec<Edge>, Stop> {
        let extras = self.task.extras;
        let mut kept = Vec::new();
        for requirement in &self.task.requirements {
            if self.applies(&self.now(requirement), extras) {
                kept.push(self.with_root_extras(requirement));
            }
        }
        let overridden = Overridden::Package(Node::Root, root_release(), None);
        let kept = self.finish(name, &overridden, kept, extras)?;
        let edges = kept.into_iter().map(|shared| self.edge(shared));
        Ok(edges.collect())
    }

    /// A package's requirements that count in this run, with those of the extras asked for.
    pub(crate) fn package(
        &self,
        node: &Node,
        package: &Package,
        reached: &Reached,
    ) -> Result<Vec<Edge>, Stop> {
        let extras = node.extras();
        let mut requires = package.requirements.clone();
        let asked = asked(package, extras, &mut requires, &self.changes.borrow());
        let mut kept = Vec::new();
        if !extras.is_empty() {
            kept.push(Shared::new(base_requirement(package, reached)));
        }
        for requirement in requires {
            let now = self.now(&requirement);
            let is_asked_for = (!now.optional || asked.names.contains(&now.name))
                && now.is_asked_for(&asked.extras);
            if is_asked_for && self.applies(&now, None) {
                kept.push(requirement);
            }
        }
        let source = package.source.as_ref().map(|source| source.url.clone());
        let overridden = Overridden::Package(node.clone(), package.release(), source);
        let mut active = asked.extras;
        active.sort();
        let title = format!("{node} ({})", package.version);
        let kept = self.finish(&title, &overridden, kept, Some(&active))?;
        Ok(self.along(reached, kept))
    }

    /// Poetry: neither pythons nor markers outside of this run's concern it.
    fn applies(&self, requirement: &Requirement, extras: Option<&[ExtraName]>) -> bool {
        self.run
            .python
            .allows_any(&self.task.world.python_of(requirement))
            && self.run.admits(&requirement.marker)
            && self
                .task
                .environment
                .is_none_or(|environment| requirement.marker.holds(Some(environment), extras))
    }

    /// Poetry: the root's extras stay visible in markers, so that extras that shut each other out can be told apart.
    fn with_root_extras(&self, requirement: &Shared) -> Shared {
        let now = self.now(requirement);
        if now.in_extras.is_empty() || self.task.environment.is_some() {
            return requirement.clone();
        }
        let mut marked = Requirement::clone(&now);
        let marker = marked.marker.intersect(&extras_marker(&now.in_extras));
        marked.set_marker(marker);
        Shared::new(marked)
    }

    /// Reads direct requirements, applies the run's overrides and sorts out duplicates.
    fn finish(
        &self,
        title: &str,
        package: &Overridden,
        requirements: Vec<Shared>,
        active_extras: Option<&[ExtraName]>,
    ) -> Result<Vec<Shared>, Stop> {
        let requirements = requirements
            .into_iter()
            .map(|r| self.pinned(r))
            .collect::<Result<Vec<_>, _>>()?;
        let requirements = self.run.apply(package, requirements);
        let mut by_name: FxIndexMap<PackageName, Vec<Shared>> = FxIndexMap::default();
        for requirement in requirements {
            by_name
                .entry(requirement.original().name.clone())
                .or_default()
                .push(requirement);
        }
        let mut kept = Vec::new();
        for duplicates in by_name.into_values() {
            if duplicates.len() == 1 {
                kept.extend(duplicates);
                continue;
            }
            let changes = &mut self.changes.borrow_mut();
            match distinct(
                self.run,
                self.task.world,
                changes,
                title,
                &duplicates,
                active_extras,
            )? {
                Duplicates::Keep(requirements) => kept.extend(requirements),
                Duplicates::Split(alternatives) => {
                    return Err(Stop::Split(self.run.split(package, &alternatives)));
                }
            }
        }
        // Twice, as Poetry does when it turns them into incompatibilities.
        Ok(self.run.apply(package, kept))
    }

    /// A direct requirement admits just the version found at its origin.
    fn pinned(&self, requirement: Shared) -> Result<Shared, SolveError> {
        let now = self.now(&requirement);
        if !now.origin.is_direct() || self.task.locked_direct(&now).is_some() {
            return Ok(requirement);
        }
        let package = self.task.world.direct(&now)?;
        let pinned = Constraint::Version(package.version.clone());
        if now.constraint == pinned {
            return Ok(requirement);
        }
        Ok(Shared::new(now.with_constraint(pinned)))
    }

    /// Drops what can't apply along the ways that lead to this package.
    fn along(&self, reached: &Reached, requirements: Vec<Shared>) -> Vec<Edge> {
        let transitive = reached.transitive.without_extras();
        let mut edges = Vec::with_capacity(requirements.len());
        for requirement in requirements {
            let now = self.now(&requirement);
            let mut along = None;
            if !transitive.is_any() {
                let both = transitive.intersect(&now.marker.without_extras());
                if both.is_empty() {
                    continue;
                }
                along = Some(both);
            }
            let elsewhere = !reached.python.is_any()
                && (self.task.world.python_of(&now).intersect(&reached.python)).is_empty();
            if !elsewhere {
                edges.push(Edge {
                    along,
                    ..self.edge(requirement)
                });
            }
        }
        edges
    }
}

impl Edge {
    /// The marker along the way through it.
    ///
    /// Poetry: as long as all ways to the package are unconditional, it is the requirement's own.
    pub(crate) fn transitive(&self) -> Marker {
        self.along
            .clone()
            .unwrap_or_else(|| self.now.marker.clone())
    }
}

/// `foo[a]` requires `foo` at its own version, from its own source.
///
/// Poetry gives this requirement the marker of the first of all requirements on `foo[a]`, so that `foo` is missing
/// where only another one applies. Here it has no marker: `foo` is needed wherever `foo[a]` is.
fn base_requirement(package: &Package, reached: &Reached) -> Requirement {
    let mut base = package_requirement(package, &[]);
    if let Origin::Index { source } = &mut base.origin {
        source.clone_from(&reached.source);
    }
    base
}

/// A requirement that just this package satisfies.
pub(crate) fn package_requirement(package: &Package, extras: &[ExtraName]) -> Requirement {
    let mut requirement = Requirement::new(
        &package.pretty_name,
        Constraint::Version(package.version.clone()),
    );
    requirement.extras = extras.to_vec();
    if let Some(source) = package.source.as_ref().filter(|_| package.is_direct()) {
        requirement.origin = source.to_origin(package.develop);
    }
    requirement
}

/// Which extras are asked for, following a package's extras that name the package itself.
fn asked(
    package: &Package,
    extras: &[ExtraName],
    requires: &mut Vec<Shared>,
    changes: &Changes,
) -> Asked {
    let mut asked = Asked {
        extras: package.with_own_extras(extras),
        names: FxHashSet::default(),
    };
    let listed: FxHashSet<ExtraName> = requires
        .iter()
        .flat_map(|requirement| changes.of(requirement).in_extras.clone())
        .collect();
    for extra in &asked.extras {
        for requirement in package.extras.get(extra).into_iter().flatten() {
            let name = &requirement.original().name;
            if *name == package.name {
                continue;
            }
            asked.names.insert(name.clone());
            // Poetry: a direct package read from the lock lists only the extras used then.
            if package.is_direct() && !listed.contains(extra) {
                requires.push(requirement.clone());
            }
        }
    }
    asked
}

/// `extra == "a" or extra == "b"`.
pub(crate) fn extras_marker(extras: &[ExtraName]) -> Marker {
    let text: Vec<String> = extras
        .iter()
        .map(|extra| format!("extra == \"{extra}\""))
        .collect();
    Marker::parse(&text.join(" or ")).unwrap_or_else(|_| Marker::any())
}

/// The root's only release.
pub(crate) fn root_release() -> super::node::Release {
    let version = "0".parse().expect("0 is a version");
    super::node::Release::new(version, super::node::INDEX)
}
