//! A place of its own for each test: project tree, home, cache, configuration and index.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::index::Index;
use super::python::python;
use super::tree::Tree;

/// A temporary folder with a project tree in `repo/` and everything that mpoetry may write beside it.
pub(crate) struct Fixture {
    _folder: tempfile::TempDir,
    /// The same folder without symbolic links in its path.
    top: PathBuf,
    index: Index,
    settings: Vec<(String, String)>,
}

impl Fixture {
    /// An empty tree.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mpoetry-")
            .tempdir()
            .expect("a folder");
        let top = folder.path().canonicalize().expect("a folder");
        for name in ["repo", "home", "temp"] {
            fs::create_dir(top.join(name)).expect("a new folder");
        }
        Self {
            _folder: folder,
            top,
            index: Index::start(),
            settings: Vec::new(),
        }
    }

    /// A copy of `tests/fixtures/<name>`.
    pub(crate) fn named(name: &str) -> Self {
        Self::copy_of(&fixtures().join(name))
    }

    /// A copy of any folder.
    pub(crate) fn copy_of(folder: &Path) -> Self {
        let fx = Self::empty();
        copy(folder, &fx.root());
        fx
    }

    /// One project with this `pyproject.toml`.
    pub(crate) fn project(manifest: &str) -> Self {
        let fx = Self::empty();
        fx.write("pyproject.toml", manifest);
        fx
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    /// The project tree, `[root]` in outcomes.
    pub(crate) fn root(&self) -> PathBuf {
        self.top.join("repo")
    }

    /// The folder that holds the tree, the home and the cache: `[temp]` in outcomes.
    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    /// Replaces text in a file that must have it.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}:\n{text}");
        self.write(path, text.replace(from, to));
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.path(path);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The names in a folder, sorted; empty if there is no such folder.
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<_> = entries
            .map(|it| it.file_name().display().to_string())
            .collect();
        names.sort();
        names
    }

    /// Sets a variable for all later commands.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Runs mpoetry in the root.
    pub(crate) fn mpoetry<const N: usize>(&self, arguments: [&str; N]) -> Outcome {
        self.mpoetry_in("", arguments)
    }

    /// Runs mpoetry in a folder of the tree.
    pub(crate) fn mpoetry_in<const N: usize>(&self, folder: &str, arguments: [&str; N]) -> Outcome {
        self.mpoetry_with(folder, &arguments)
    }

    /// The same, for arguments that come as a list.
    pub(crate) fn mpoetry_with(&self, folder: &str, arguments: &[&str]) -> Outcome {
        self.run(
            self.command(program())
                .args(arguments)
                .current_dir(self.path(folder)),
        )
    }

    /// A program with nothing of the tester's surroundings in its environment; starts in the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let beside = python().executable.parent().expect("a program in a folder");
        let mut command = Command::new(program);
        command
            .current_dir(self.root())
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", beside.display()),
            )
            .env("HOME", self.top.join("home"))
            .env("TMPDIR", self.top.join("temp"))
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("POETRY_CONFIG_DIR", self.top.join("config"))
            .env("MPOETRY_CACHE_DIR", self.top.join("cache"))
            .env("MPOETRY_PYPI_URL", self.index.url())
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, command: &mut Command) -> Outcome {
        let program = command.get_program().display().to_string();
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        Outcome {
            code: output.status.code(),
            stdout: self.scrub(&output.stdout),
            stderr: self.scrub(&output.stderr),
        }
    }

    /// The temporary path and the index address are the only things that differ from run to run.
    fn scrub(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes)
            .replace(&self.root().display().to_string(), "[root]")
            .replace(&self.top.display().to_string(), "[temp]")
            .replace(&self.index.address(), "[index]")
    }

    pub(crate) fn snapshot_tree(&self) -> Tree {
        Tree::of(&self.root())
    }

    /// Nothing in the tree was added, removed, changed or written again.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, before: &Tree) {
        let differences = before.differences(&self.snapshot_tree());
        let first = &differences[..differences.len().min(20)];
        assert!(differences.is_empty(), "{}", first.join("\n"));
    }
}

/// `mpoetry`, or the program named by `MPOETRY_TEST_PROGRAM`: with a Poetry that takes `MPOETRY_PYPI_URL` for PyPI, the
/// same tests tell whether what they expect is what Poetry does.
pub(crate) fn program() -> PathBuf {
    let other = std::env::var_os("MPOETRY_TEST_PROGRAM");
    other.map_or_else(|| env!("CARGO_BIN_EXE_mpoetry").into(), PathBuf::from)
}

/// `tests/fixtures`.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    let entries = fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries {
        let entry = entry.expect("a readable folder");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// What a command did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// `None`: killed by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Panics with both streams unless the exit code is 0.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "exit: {code}")?,
            None => f.write_str("exit: signal")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "\n----- {name} -----\n{}", text.trim_end_matches('\n'))?;
            }
        }
        Ok(())
    }
}
