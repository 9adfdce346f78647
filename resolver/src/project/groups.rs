//! The groups of a project while they are put together: what `[project]` and `[dependency-groups]` say, what
//! `[tool.poetry]` adds, and what becomes of both.

use indexmap::IndexMap;

use super::declared::Declared;
use super::{Group, ProjectError};
use crate::git_url::without_credentials;
use crate::marker::Marker;
use crate::name::{ExtraName, GroupName};
use crate::requirement::{Origin, Requirement};

/// All groups, in the order they were made.
pub(super) type Drafts = IndexMap<GroupName, Draft>;

/// One group.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// The name as written.
    pub(super) pretty_name: String,
    /// Installed only when asked for.
    pub(super) optional: bool,
    /// `dynamic` of `[project]` names dependencies, so `[tool.poetry]` may add to them.
    pub(super) mixed_dynamic: bool,
    /// PEP 508 requirements.
    pub(super) standard: Vec<Requirement>,
    /// Requirements in Poetry's form.
    pub(super) declared: Vec<Declared>,
    /// The groups it includes.
    pub(super) includes: Vec<GroupName>,
}

/// Whether `[tool.poetry]` may say more about a requirement of `[project]` than that says itself.
#[derive(Clone, Copy)]
enum View {
    /// What a build of the project publishes.
    Published,
    /// What is locked and installed.
    Locked,
}

/// The groups with all they need for locking.
pub(super) fn finish(drafts: &Drafts) -> Result<Vec<Group>, ProjectError> {
    (drafts.iter())
        .map(|(name, draft)| {
            Ok(Group {
                name: name.clone(),
                optional: draft.optional,
                requirements: draft.requirements(name, drafts, View::Locked)?,
            })
        })
        .collect()
}

/// The main requirements as a build publishes them: poetry-core's `Package.requires`.
pub(super) fn published_main(drafts: &Drafts) -> Result<Vec<Requirement>, ProjectError> {
    let main = GroupName::main();
    let draft = drafts.get(&main);
    draft.map_or_else(
        || Ok(Vec::new()),
        |draft| draft.requirements(&main, drafts, View::Published),
    )
}

impl Draft {
    fn requirements(
        &self,
        name: &GroupName,
        drafts: &Drafts,
        view: View,
    ) -> Result<Vec<Requirement>, ProjectError> {
        let mut requirements = match view {
            View::Published => self.published(),
            View::Locked if self.declared.is_empty() => self.standard.clone(),
            View::Locked if self.standard.is_empty() => self.plain_declared(),
            View::Locked => {
                // Poetry: a group with both kinds of entries gets what it includes twice, first enriched by its own
                // entries, then as the included group has it.
                let mut all = self.published();
                all.extend(self.included(name, drafts, View::Published)?);
                self.enrich_all(all)?
            }
        };
        requirements.extend(self.included(name, drafts, view)?);
        Ok(requirements)
    }

    fn plain_declared(&self) -> Vec<Requirement> {
        (self.declared.iter())
            .map(|declared| declared.requirement.clone())
            .collect()
    }

    /// Poetry: the standard requirements alone count if there are any; but if `dynamic` names dependencies, those of
    /// the other kind (optional or not) come from `[tool.poetry]`.
    fn published(&self) -> Vec<Requirement> {
        if self.standard.is_empty() {
            return self.plain_declared();
        }
        let mut requirements = self.standard.clone();
        if self.mixed_dynamic {
            let all_are = |optional: bool| self.standard.iter().all(|r| r.optional == optional);
            let wanted = [true, false]
                .into_iter()
                .find(|optional| all_are(*optional));
            if let Some(present) = wanted {
                let others = self.plain_declared().into_iter();
                requirements.extend(others.filter(|other| other.optional != present));
            }
        }
        requirements
    }

    /// The requirements of the included groups, as members of this one.
    fn included(
        &self,
        name: &GroupName,
        drafts: &Drafts,
        view: View,
    ) -> Result<Vec<Requirement>, ProjectError> {
        let mut requirements = Vec::new();
        for included in &self.includes {
            let Some(draft) = drafts.get(included) else {
                continue;
            };
            for mut requirement in draft.requirements(included, drafts, view)? {
                requirement.groups = vec![name.clone()];
                requirements.push(requirement);
            }
        }
        Ok(requirements)
    }

    fn enrich_all(&self, standard: Vec<Requirement>) -> Result<Vec<Requirement>, ProjectError> {
        let mut enriched = Vec::new();
        for requirement in standard {
            let before = enriched.len();
            let marker = marker_with_extras(&requirement);
            let entries = (self.declared.iter())
                .filter(|declared| declared.requirement.name == requirement.name);
            for declared in entries {
                let mut both = marker.intersect(&declared.requirement.marker);
                if both.is_empty() {
                    continue;
                }
                if both == marker {
                    both = requirement.marker.clone();
                }
                enriched.push(enrich(&requirement, declared, both)?);
            }
            if enriched.len() == before {
                enriched.push(requirement);
            }
        }
        Ok(enriched)
    }
}

fn marker_with_extras(requirement: &Requirement) -> Marker {
    if requirement.in_extras.is_empty() {
        return requirement.marker.clone();
    }
    requirement
        .marker
        .intersect(&any_extra(&requirement.in_extras))
}

/// Holds if one of the extras is asked for.
fn any_extra(extras: &[ExtraName]) -> Marker {
    let conditions: Vec<String> = (extras.iter())
        .map(|extra| format!("extra == '{extra}'"))
        .collect();
    Marker::parse(&conditions.join(" or ")).expect("names of extras need no escapes")
}

/// A standard requirement with what `[tool.poetry]` says about it.
fn enrich(
    standard: &Requirement,
    declared: &Declared,
    marker: Marker,
) -> Result<Requirement, ProjectError> {
    let more = &declared.requirement;
    if standard.origin.is_direct()
        && more.origin.is_direct()
        && !standard.origin.is_same_as(&more.origin)
    {
        return Err(ProjectError::DifferentSources {
            standard: describe(standard),
            declared: describe(more),
        });
    }
    let constraint = standard.constraint.intersect(&more.constraint);
    if constraint.is_empty() {
        return Err(ProjectError::IncompatibleConstraints {
            standard: describe(standard),
            declared: describe(more),
        });
    }

    let mut requirement = if standard.origin.is_direct() {
        let mut requirement = standard.clone();
        if let Origin::Directory { develop, .. } | Origin::Git { develop, .. } =
            &mut requirement.origin
        {
            *develop = declared.develop;
        }
        requirement
    } else {
        Requirement {
            extras: standard.extras.clone(),
            optional: standard.optional,
            in_extras: standard.in_extras.clone(),
            ..more.clone()
        }
    };
    requirement.pretty_constraint = constraint.to_string();
    requirement.constraint = constraint;
    requirement.set_marker(marker);
    Ok(requirement)
}

/// The requirement without its marker, as texts show it.
fn describe(requirement: &Requirement) -> String {
    let bare = Requirement {
        marker: Marker::any(),
        in_extras: Vec::new(),
        ..requirement.clone()
    };
    let text = bare.to_pep508(false);
    let shown = without_credentials(&text);
    match shown.split_once('@') {
        Some((name, address)) if bare.origin.is_direct() => {
            let constraint = &bare.pretty_constraint;
            format!("{} ({constraint}) @ {}", name.trim(), address.trim())
        }
        _ => shown.to_string(),
    }
}
