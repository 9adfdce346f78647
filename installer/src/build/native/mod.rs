//! Builds what poetry-core builds, without Python.

pub(crate) mod entry_points;
mod files;
mod glob;
mod ignored;
pub(crate) mod license;
mod manifest;
pub(crate) mod metadata;
mod python;
mod requires;
pub(crate) mod sdist;
#[cfg(test)]
mod tests;
pub(crate) mod wheel;

use resolver::name::PackageName;
use resolver::project::Project;
use resolver::requirement::Requirement;
use resolver::version::Version;

use super::BuildError;
use super::backend::BuildSystem;

/// The poetry-core release whose rules the native builder follows.
pub const POETRY_CORE: &str = "2.5.0";

/// The back end whose work this is.
pub(super) const BACKEND: &str = "poetry.core.masonry.api";

/// poetry-core itself, in the release that the native builder follows.
pub(super) fn build_system() -> BuildSystem {
    BuildSystem {
        requires: vec![format!("poetry-core=={POETRY_CORE}")],
        backend: BACKEND.to_owned(),
        backend_path: Vec::new(),
    }
}

/// The project with another local part of its version.
///
/// # Errors
/// When the project has no version, or the label can't be part of one.
pub(super) fn with_local_version(project: &Project, label: &str) -> Result<Project, BuildError> {
    let version = metadata::normalized_version(project)?;
    let public = version.split('+').next().unwrap_or_default();
    let version: Version = format!("{public}+{label}").parse().map_err(|_| {
        manifest::invalid(format!("`{label}` can't be the local part of a version"))
    })?;
    Ok(Project {
        version: Some(version.to_string()),
        ..project.clone()
    })
}

/// May this project be built without Python? Its back end must be poetry-core in a range that admits the release
/// we follow, with nothing else required, and there must be no build script.
pub(super) fn is_native(project: &Project) -> bool {
    let build = &project.build_system;
    if build_script(project).is_some()
        || build.backend.as_deref() != Some(BACKEND)
        || !build.backend_path.is_empty()
    {
        return false;
    }
    let [requirement] = build.requires.as_slice() else {
        return false;
    };
    let (Ok(requirement), Ok(version)) = (
        Requirement::parse(requirement, None),
        POETRY_CORE.parse::<Version>(),
    ) else {
        return false;
    };
    requirement.name == PackageName::new("poetry-core")
        && !requirement.origin.is_direct()
        && requirement.constraint.allows(&version)
}

/// The build script of `[tool.poetry]`: `build = "…"` or `[tool.poetry.build] script`.
pub(crate) fn build_script(project: &Project) -> Option<&str> {
    let build = manifest::truthy(manifest::tool_poetry(project), "build")?;
    let script = match build.as_table() {
        Some(table) => manifest::truthy(Some(table), "script")?,
        None => build,
    };
    script.as_str()
}

/// Does `[tool.poetry.build]` ask for a `setup.py`?
pub(super) fn generates_setup(project: &Project) -> bool {
    let build = manifest::truthy(manifest::tool_poetry(project), "build");
    build.is_some_and(|build| manifest::truthy(build.as_table(), "generate-setup-file").is_some())
}
