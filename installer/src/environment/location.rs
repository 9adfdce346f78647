//! Where a project's environment is, by Poetry's names.

use std::path::{Path, PathBuf};

use data_encoding::BASE64URL;
use fs_err as fs;
use sha2::{Digest, Sha256};

/// Poetry: the name that central environments of a project begin with: its name, cleaned and cut, and a part of a
/// hash of its folder, symlinks resolved. A project that moves loses its environment.
#[must_use]
pub fn base_name(project: &str, folder: &Path) -> String {
    const LONGEST: usize = 42;
    let clean: String = project
        .to_lowercase()
        .chars()
        .map(|c| {
            if " $`!*@\"\\\r\n\t".contains(c) {
                '_'
            } else {
                c
            }
        })
        .take(LONGEST)
        .collect();
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let hash = BASE64URL.encode(&Sha256::digest(folder.as_os_str().as_encoded_bytes()));
    format!("{clean}-{}", &hash[..8])
}

/// The folder of a central environment for a Python with this `X.Y`.
#[must_use]
pub fn central(virtualenvs: &Path, base_name: &str, minor: &str) -> PathBuf {
    virtualenvs.join(format!("{base_name}-py{minor}"))
}

/// A project's central environments, by name.
#[must_use]
pub fn all_central(virtualenvs: &Path, base_name: &str) -> Vec<PathBuf> {
    let prefix = format!("{base_name}-py");
    let entries = std::fs::read_dir(virtualenvs).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// The folder of an environment inside its project.
#[must_use]
pub fn in_project(project: &Path) -> PathBuf {
    project.join(".venv")
}

/// Poetry: is the environment inside the project? The setting `virtualenvs.in-project` decides; without it a `.venv`
/// that is there is used.
#[must_use]
pub fn is_in_project(setting: Option<bool>, project: &Path) -> bool {
    setting.unwrap_or_else(|| in_project(project).is_dir())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{base_name, central, in_project, is_in_project};

    #[test]
    fn names_are_those_of_poetry() {
        // Recorded from Poetry's own function, for folders that exist nowhere.
        for (project, folder, name) in [
            ("svc-api", "/repo/services/api", "svc-api-mvmhL18H"),
            ("My.Env_T", "/home/me/My Project", "my.env_t-QidradJ6"),
            ("a b$c`d!e*f@g\"h\\i", "/x", "a_b_c_d_e_f_g_h_i-s9HbMYZx"),
            (
                "n23456789012345678901234567890123456789012345",
                "/x",
                "n23456789012345678901234567890123456789012-s9HbMYZx",
            ),
        ] {
            assert_eq!(base_name(project, Path::new(folder)), name);
        }
        assert_eq!(
            central(Path::new("/envs"), "a-12345678", "3.11"),
            Path::new("/envs/a-12345678-py3.11")
        );
    }

    #[test]
    fn a_venv_that_is_there_counts_unless_the_setting_says_no() {
        let project = tempfile::tempdir().unwrap();
        let decide = |setting| is_in_project(setting, project.path());
        assert_eq!(
            [decide(None), decide(Some(true)), decide(Some(false))],
            [false, true, false]
        );
        std::fs::create_dir(in_project(project.path())).unwrap();
        assert_eq!(
            [decide(None), decide(Some(true)), decide(Some(false))],
            [true, true, false]
        );
    }
}
