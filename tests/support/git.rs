//! Git repositories for tests, always with the same commits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository with one branch, `main`, and no commit yet.
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    pub(crate) fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("a folder");
        let repository = Self { folder };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its address, as a manifest has it.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// Runs git in it and returns what that prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).args(arguments);
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "A. Tester")
                .env(format!("GIT_{who}_EMAIL"), "tester@example.invalid")
                .env(format!("GIT_{who}_DATE"), "2024-01-01T00:00:00Z");
        }
        let output = command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {words}");
        let output = String::from_utf8(output.stdout).expect("UTF-8");
        output.trim_end().to_owned()
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Commits all there is and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Goes to a branch, and makes it if there is none.
    pub(crate) fn branch(&self, name: &str) {
        let exists = !self.git(&["branch", "--list", name]).is_empty();
        if exists {
            self.git(&["checkout", "--quiet", name]);
        } else {
            self.git(&["checkout", "--quiet", "-b", name]);
        }
    }

    /// Commits a project with one module, in a folder or at the top (`""`).
    pub(crate) fn project(&self, folder: &str, name: &str, version: &str, more: &str) -> String {
        let folder = match folder {
            "" => String::new(),
            inside => format!("{inside}/"),
        };
        let module = name.replace('-', "_");
        self.write(
            &format!("{folder}pyproject.toml"),
            &format!(
                "[project]\nname = \"{name}\"\nversion = \"{version}\"\nrequires-python = \">=3.9\"\n{more}\n\
                 [build-system]\nrequires = [\"poetry-core>=2.0\"]\nbuild-backend = \"poetry.core.masonry.api\"\n"
            ),
        );
        self.write(
            &format!("{folder}{module}/__init__.py"),
            &format!("VERSION = \"{version}\"\n"),
        );
        self.commit(version)
    }
}
