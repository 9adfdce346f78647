//! Source trees of libraries that a foreign back end builds: what it could see, and a copy of that.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;
use sha2::{Digest, Sha256};

use crate::build::is_executable;

/// Folders that hold what builds leave behind.
const LEFTOVERS: [&str; 7] = [
    ".git",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    ".tox",
];

/// Files that say something about a project and are no part of what it does.
const DESCRIPTIONS: [&str; 7] = [
    ".dockerignore",
    ".gitignore",
    "Dockerfile",
    "Makefile",
    "poetry.lock",
    "poetry.toml",
    "pyproject.toml",
];

/// A file of a source tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TreeFile {
    /// Relative to the tree.
    pub(super) path: PathBuf,
    executable: bool,
    sha256: [u8; 32],
}

impl TreeFile {
    /// Its path with `/`.
    pub(super) fn name(&self) -> String {
        let name = self.path.to_string_lossy().into_owned();
        name.replace(std::path::MAIN_SEPARATOR, "/")
    }

    pub(super) fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    pub(super) fn is_executable(&self) -> bool {
        self.executable
    }
}

/// The program of a service that is no package: what `files` finds, without what describes the project, and without
/// projects inside of it.
pub(super) fn program(root: &Path) -> std::io::Result<Vec<TreeFile>> {
    let mut files = files(root)?;
    let inner: Vec<PathBuf> = files
        .iter()
        .filter(|file| {
            file.path
                .file_name()
                .is_some_and(|name| name == "pyproject.toml")
        })
        .filter_map(|file| Some(file.path.parent()?.to_owned()))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    files.retain(|file| {
        let name = file.path.to_string_lossy();
        !DESCRIPTIONS.contains(&name.as_ref())
            && !inner.iter().any(|folder| file.path.starts_with(folder))
    });
    Ok(files)
}

/// The files that a back end could see, sorted: under git those that are tracked or not ignored, else all but what
/// builds leave behind. `dist` at the top is never part of it.
pub(super) fn files(root: &Path) -> std::io::Result<Vec<TreeFile>> {
    let mut paths = listed_by_git(root).unwrap_or_else(|| walked(root));
    paths.retain(|path| !path.starts_with("dist"));
    read(root, paths)
}

/// Reads these files of a tree, sorted; those that are no files any more are left out.
pub(super) fn read(root: &Path, mut paths: Vec<PathBuf>) -> std::io::Result<Vec<TreeFile>> {
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let full = root.join(&path);
        // Tracked files may be deleted, and links may lead nowhere or to folders.
        let Ok(metadata) = fs::metadata(&full) else {
            continue;
        };
        if metadata.is_file() {
            files.push(TreeFile {
                path,
                executable: is_executable(&metadata.permissions()),
                sha256: Sha256::digest(fs::read(&full)?).into(),
            });
        }
    }
    Ok(files)
}

/// A digest of names, contents and executable bits.
pub(super) fn digest(files: &[TreeFile]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        let path = file.path.as_os_str().as_encoded_bytes();
        hasher.update((path.len() as u64).to_le_bytes());
        hasher.update(path);
        hasher.update([u8::from(file.executable)]);
        hasher.update(file.sha256);
    }
    data_encoding::HEXLOWER.encode(&hasher.finalize())
}

/// Copies the files to an empty folder; contents and executable bits only.
pub(super) fn copy(root: &Path, files: &[TreeFile], target: &Path) -> std::io::Result<()> {
    for file in files {
        let to = target.join(&file.path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(root.join(&file.path), to)?;
    }
    Ok(())
}

fn listed_by_git(root: &Path) -> Option<Vec<PathBuf>> {
    root.ancestors()
        .find(|folder| folder.join(".git").exists())?;
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() || output.stdout.is_empty() {
        return None;
    }
    let names = output.stdout.split(|&byte| byte == 0);
    let names = names.filter(|name| !name.is_empty());
    names
        .map(|name| Some(PathBuf::from(std::str::from_utf8(name).ok()?)))
        .collect()
}

fn walked(root: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(root)
        .into_iter()
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0
                || !(entry.file_type().is_dir()
                    && (LEFTOVERS.contains(&name.as_ref()) || name.ends_with(".egg-info")))
        })
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .filter_map(|entry| Some(entry.path().strip_prefix(root).ok()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{copy, digest, files};

    fn write(folder: &std::path::Path, name: &str, text: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn leftovers_of_builds_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["setup.py", "src/a.py"] {
            write(root, name, "x");
        }
        let before = digest(&files(root).unwrap());
        for name in [
            "dist/a.whl",
            "build/lib/a.py",
            "src/a.egg-info/PKG-INFO",
            "src/__pycache__/a.pyc",
        ] {
            write(root, name, "y");
        }
        assert_eq!(digest(&files(root).unwrap()), before);
        write(root, "src/a.py", "z");
        assert_ne!(digest(&files(root).unwrap()), before);
    }

    #[test]
    fn git_says_what_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (name, text) in [
            (".gitignore", "*.o\n"),
            ("a.c", "c"),
            ("a.o", "o"),
            ("build/kept.py", "k"),
        ] {
            write(root, name, text);
        }
        let git = |arguments: &[&str]| {
            let run = std::process::Command::new("git")
                .args(arguments)
                .current_dir(root)
                .status();
            assert!(run.unwrap().success());
        };
        git(&["init", "-q"]);
        let names = |files: &[super::TreeFile]| -> Vec<String> {
            files
                .iter()
                .map(|file| file.path.display().to_string())
                .collect()
        };
        let found = files(root).unwrap();
        assert_eq!(names(&found), [".gitignore", "a.c", "build/kept.py"]);

        let target = tempfile::tempdir().unwrap();
        copy(root, &found, target.path()).unwrap();
        assert_eq!(digest(&files(target.path()).unwrap_or_default()).len(), 64);
        assert!(target.path().join("build/kept.py").is_file());
        assert!(!target.path().join("a.o").exists());
    }
}
