//! Projects as requirements of others.

use std::path::Path;

use toml::{Table, Value};

use super::toml_path::{parse_toml, table_at, text_at};
use super::{Project, ProjectError};

/// Reads the project in `folder` if its pyproject.toml says all that a requirement on it needs, so that nothing has to
/// be built: it has `[tool.poetry]`, or `[project]` with name and version and nothing `dynamic`. The build backend does
/// not matter.
///
/// Poetry: a file that breaks a rule for projects counts as one that does not say it.
///
/// # Errors
/// When there is such a file but it is no TOML, or a requirement in it can't be read.
pub fn read_library(folder: &Path) -> Result<Option<Project>, ProjectError> {
    if !folder.join("pyproject.toml").is_file() {
        return Ok(None);
    }
    match Project::read(folder) {
        Ok(project) if is_static(&project.document) => Ok(Some(project)),
        Ok(_) | Err(ProjectError::Invalid { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Poetry: what a directory must have to count as a Python package.
pub(crate) fn is_python_project(folder: &Path) -> bool {
    ["pyproject.toml", "setup.py", "setup.cfg"]
        .iter()
        .any(|file| folder.join(file).exists())
}

/// Is the version of the project in `folder` written in its pyproject.toml, for whatever backend builds it? If not,
/// the version may come from anywhere: from files, or from the tags of a repository.
#[must_use]
pub fn writes_its_version(folder: &Path) -> bool {
    let text = fs_err::read_to_string(folder.join("pyproject.toml")).unwrap_or_default();
    let Ok(document) = parse_toml(&text) else {
        return false;
    };
    if text_at(&document, &["project", "version"]).is_some() {
        return true;
    }
    // Other backends may put another version in its place.
    let backend = text_at(&document, &["build-system", "build-backend"]);
    text_at(&document, &["tool", "poetry", "version"]).is_some()
        && backend.is_some_and(is_poetry_core)
}

/// Is this backend poetry-core?
pub(crate) fn is_poetry_core(backend: &str) -> bool {
    matches!(backend, "poetry.core.masonry.api" | "poetry.masonry.api")
}

fn is_static(document: &Table) -> bool {
    if table_at(document, &["tool", "poetry"]).is_some() {
        return true;
    }
    let is_given = |key| text_at(document, &["project", key]).is_some_and(|text| !text.is_empty());
    let dynamic = table_at(document, &["project"]).and_then(|project| project.get("dynamic"));
    is_given("name")
        && is_given("version")
        && (dynamic.and_then(Value::as_array)).is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::read_library;

    /// What counts as readable, and the folder that does not.
    #[test]
    fn readable_without_a_build() {
        for (is_readable, text) in [
            (true, "[tool.poetry]\nname = \"x\"\nversion = \"1\"\n"),
            (
                true,
                "[project]\nname = \"x\"\nversion = \"1\"\n[build-system]\nrequires = [\"setuptools\"]\n",
            ),
            (
                true,
                "[project]\nname = \"x\"\nversion = \"1\"\ndynamic = []\n",
            ),
            (
                false,
                "[project]\nname = \"x\"\nversion = \"1\"\ndynamic = [\"description\"]\n",
            ),
            (
                true,
                "[project]\nname = \"x\"\nversion = \"1\"\ndynamic = [\"dependencies\"]\n[tool.poetry]\n",
            ),
            (
                false,
                "[project]\nname = \"x\"\ndynamic = [\"version\"]\n[tool.poetry]\n",
            ),
            (false, "[build-system]\nrequires = [\"setuptools\"]\n"),
            (
                false,
                "[tool.poetry]\nname = \"x\"\nversion = \"1\"\nfoo = 1\n",
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("pyproject.toml"), text).unwrap();
            let library = read_library(folder.path()).unwrap();
            assert_eq!(library.is_some(), is_readable, "{text}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert!(read_library(empty.path()).unwrap().is_none());
    }
}
