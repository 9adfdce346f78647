//! Requires-Dist and Provides-Extra.

use resolver::project::Project;

/// What a wheel requires.
pub(super) struct Requires {
    /// Provides-Extra, sorted.
    pub(super) extras: Vec<String>,
    /// Requires-Dist, sorted as texts.
    pub(super) requires_dist: Vec<String>,
}

impl Requires {
    /// Takes the main requirements as they are published: `[tool.poetry]` does not enrich what `[project]` says.
    ///
    /// Poetry: an optional requirement that is in no extra is dropped.
    pub(super) fn read(project: &Project) -> Self {
        let mut requires_dist: Vec<String> = project
            .published_requirements
            .iter()
            .filter(|requirement| !requirement.optional || !requirement.in_extras.is_empty())
            .map(|requirement| requirement.to_pep508(true))
            .collect();
        requires_dist.sort();
        Self {
            extras: project.extras.keys().map(ToString::to_string).collect(),
            requires_dist,
        }
    }
}
