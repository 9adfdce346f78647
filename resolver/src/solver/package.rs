//! A release with everything the solver and the lock need to know of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::constraint::Constraint;
use crate::dist::HashedFile;
use crate::lock::{LockedSource, is_from_index};
use crate::metadata::Metadata;
use crate::name::{ExtraName, PackageName};
use crate::requirement::{Origin, Requirement, RequirementFault};
use crate::version::Version;

use super::answers::Completed;
use super::node::{Node, OriginId, Release};
use super::shared::Shared;

/// A release and its requirements, extras' requirements included.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: PackageName,
    pub(crate) pretty_name: String,
    pub(crate) version: Version,
    pub(crate) origin: OriginId,
    pub(crate) description: String,
    pub(crate) python_versions: String,
    pub(crate) python: Constraint,
    pub(crate) requirements: Vec<Shared>,
    pub(crate) extras: BTreeMap<ExtraName, Vec<Shared>>,
    pub(crate) files: Vec<HashedFile>,
    pub(crate) develop: bool,
    pub(crate) source: Option<LockedSource>,
    pub(crate) yanked: Option<String>,
}

impl Package {
    pub(crate) fn release(&self) -> Release {
        Release::new(self.version.clone(), self.origin)
    }

    pub(crate) fn is_direct(&self) -> bool {
        self.origin != super::node::INDEX
    }

    /// Does this release satisfy a requirement on its name, by version and source?
    pub(crate) fn satisfies(&self, requirement: &Requirement, origin: Option<OriginId>) -> bool {
        let of_version =
            requirement.origin.is_direct() || requirement.constraint.allows(&self.version);
        self.name == requirement.name && of_version && self.comes_from(&requirement.origin, origin)
    }

    /// Does it come from where a requirement wants it from? `id` is the id of that place, if it is known.
    pub(crate) fn comes_from(&self, wanted: &Origin, id: Option<OriginId>) -> bool {
        match wanted {
            Origin::Index { source } => {
                let is_from = |wanted| is_from_index(self.source.as_ref(), wanted);
                source.as_deref().is_none_or(is_from)
            }
            _ => id == Some(self.origin),
        }
    }

    /// These extras and those that they ask of the package itself.
    pub(crate) fn with_own_extras(&self, extras: &[ExtraName]) -> Vec<ExtraName> {
        let mut asked: Vec<ExtraName> = Vec::new();
        let mut stack = extras.to_vec();
        while let Some(extra) = stack.pop() {
            if asked.contains(&extra) {
                continue;
            }
            for requirement in self.extras.get(&extra).into_iter().flatten() {
                let requirement = requirement.original();
                if requirement.name == self.name {
                    stack.extend(requirement.extras.iter().cloned());
                }
            }
            asked.push(extra);
        }
        asked
    }
}

/// Requirements and extras from the `Requires-Dist` lines of a release.
#[derive(Debug, Default)]
pub(crate) struct Requires {
    pub(crate) requirements: Vec<Shared>,
    pub(crate) extras: BTreeMap<ExtraName, Vec<Shared>>,
    /// Lines that could not be read, as Poetry warns of them.
    pub(crate) warnings: Vec<String>,
}

/// Reads `Requires-Dist`.
///
/// Poetry: a line with a bad marker keeps its requirement without the marker, any other bad line is skipped, and
/// of lines that mean the same the first counts.
pub(crate) fn read_requires(metadata: &Metadata) -> Requires {
    let mut read = Requires::default();
    let mut seen = rustc_hash::FxHashSet::default();
    for line in &metadata.requires_dist {
        let requirement = match Requirement::parse(line, None) {
            Ok(requirement) => requirement,
            Err(error) => {
                let bare = line.split(';').next().unwrap_or_default();
                match Requirement::parse(bare, None) {
                    Ok(requirement) if error.fault == RequirementFault::Marker => {
                        read.warnings.push(format!(
                            "Stripping invalid marker ({line}) found in {}-{} dependencies",
                            metadata.name, metadata.version
                        ));
                        requirement
                    }
                    _ => {
                        read.warnings.push(format!(
                            "Invalid requirement ({line}) found in {}-{} dependencies, skipping",
                            metadata.name, metadata.version
                        ));
                        continue;
                    }
                }
            }
        };
        let text = requirement.to_pep508(true);
        let requirement = Shared::new(requirement);
        for extra in &requirement.original().in_extras {
            let switched = read.extras.entry(extra.clone()).or_default();
            switched.push(requirement.clone());
        }
        if seen.insert(text) {
            read.requirements.push(requirement);
        }
    }
    read
}

/// A package as one run of the solver decided it: with the requirements that count in that run.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) node: Node,
    pub(crate) package: Arc<Package>,
    pub(crate) requirements: Vec<Shared>,
}

impl Decided {
    /// `None` for the root, which is no package of a solution.
    pub(crate) fn new(node: Node, completed: &Completed) -> Option<Self> {
        let edges = completed.edges.iter();
        Some(Self {
            node,
            package: Arc::clone(completed.package.as_ref()?),
            requirements: edges.map(|edge| edge.requirement.clone()).collect(),
        })
    }
}
