//! The monorepo around a project: its root, its projects, and how one is named on a command line.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use toml::{Table, Value};

use super::toml_path::{parse_toml, table_at, text_at};
use crate::name::PackageName;
use crate::path;

/// Folders that never hold projects of the repository, whatever `.gitignore` says.
pub(crate) const SKIPPED: [&str; 5] = [".git", ".venv", "dist", "node_modules", "__pycache__"];

/// The projects of a repository.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The repository's root folder.
    pub root: PathBuf,
    /// Its projects, by folder.
    pub members: Vec<Member>,
}

/// A folder with a `pyproject.toml` that has a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// The folder, below the root.
    pub folder: PathBuf,
    /// The project's name.
    pub name: PackageName,
}

/// Why a word names no project.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// Nothing has this name.
    #[error("no project is called `{word}` below {}", root.display())]
    Unknown {
        /// The word.
        word: String,
        /// Where was looked.
        root: PathBuf,
        /// Names that differ little, best first.
        near: Vec<PackageName>,
    },
    /// More than one project has this name.
    #[error("`{word}` may be {}", list(folders))]
    Ambiguous {
        /// The word.
        word: String,
        /// The projects.
        folders: Vec<PathBuf>,
    },
    /// The folder is there, but is no project.
    #[error("{} has no pyproject.toml", folder.display())]
    NoProject {
        /// The folder.
        folder: PathBuf,
    },
}

impl Workspace {
    /// The root of the repository that `start` is in: the nearest folder upwards whose pyproject.toml says
    /// `[tool.mpoetry] root = true`, else the nearest one under git.
    #[must_use]
    pub fn find_root(start: &Path) -> Option<PathBuf> {
        let start = path::resolve(start);
        let marked = start.ancestors().find(|folder| is_marked_root(folder));
        let under_git = || {
            start
                .ancestors()
                .find(|folder| folder.join(".git").exists())
        };
        marked.or_else(under_git).map(Path::to_owned)
    }

    /// Looks for projects below `root`, passing over what git ignores. A pyproject.toml that can't be read or has no
    /// name is passed over too.
    #[must_use]
    pub fn discover(root: &Path) -> Self {
        let root = path::resolve(root);
        let walk = WalkBuilder::new(&root)
            .hidden(false)
            .require_git(false)
            .git_global(false)
            .filter_entry(|entry| !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped))
            .build();
        let manifests: Vec<PathBuf> = walk
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name() == "pyproject.toml")
            .map(ignore::DirEntry::into_path)
            .collect();
        let mut members: Vec<Member> = manifests
            .par_iter()
            .filter_map(|manifest| Member::read(manifest.parent()?))
            .collect();
        members.sort_by(|a, b| a.folder.cmp(&b.folder));
        Self { root, members }
    }

    /// The project that `word` names: a path from `current` to a project, else the name of a project, else the name
    /// of its folder.
    ///
    /// # Errors
    /// When none or more than one is meant.
    pub fn select(&self, word: &str, current: &Path) -> Result<PathBuf, SelectError> {
        let as_path = current.join(word);
        if as_path.join("pyproject.toml").is_file() {
            return Ok(path::resolve(&as_path));
        }
        let is_path = word == "." || word == ".." || word.contains(['/', '\\']);
        if is_path && as_path.is_dir() {
            return Err(SelectError::NoProject {
                folder: path::resolve(&as_path),
            });
        }

        let name = PackageName::new(word);
        let by_name = self.folders(|member| member.name == name);
        let by_folder =
            || self.folders(|member| member.folder.file_name().is_some_and(|f| f == word));
        let found = if by_name.is_empty() {
            by_folder()
        } else {
            by_name
        };
        match found.as_slice() {
            [folder] => Ok(folder.clone()),
            [] => Err(SelectError::Unknown {
                word: word.to_owned(),
                root: self.root.clone(),
                near: self.near(&name),
            }),
            _ => Err(SelectError::Ambiguous {
                word: word.to_owned(),
                folders: found,
            }),
        }
    }

    fn folders(&self, wanted: impl Fn(&Member) -> bool) -> Vec<PathBuf> {
        (self.members.iter())
            .filter(|member| wanted(member))
            .map(|member| member.folder.clone())
            .collect()
    }

    fn near(&self, name: &PackageName) -> Vec<PackageName> {
        let names = self.members.iter().map(|member| member.name.as_str());
        let near = near(name.as_str(), names);
        near.into_iter().map(PackageName::new).collect()
    }
}

impl Member {
    fn read(folder: &Path) -> Option<Self> {
        Some(Self {
            folder: folder.to_owned(),
            name: name_in(&parse_toml(&read(folder)?).ok()?)?,
        })
    }
}

/// The name that a pyproject.toml gives its project. Without one it is no project of the repository.
pub(crate) fn name_in(document: &Table) -> Option<PackageName> {
    text_at(document, &["project", "name"])
        .or_else(|| text_at(document, &["tool", "poetry", "name"]))
        .map(PackageName::new)
}

fn is_marked_root(folder: &Path) -> bool {
    let root = |text: String| {
        // Every folder above is asked, and hardly any has this.
        let document = text.contains("mpoetry").then(|| parse_toml(&text).ok())??;
        let mpoetry = table_at(&document, &["tool", "mpoetry"])?;
        mpoetry.get("root").and_then(Value::as_bool)
    };
    read(folder).and_then(root) == Some(true)
}

fn read(folder: &Path) -> Option<String> {
    fs_err::read_to_string(folder.join("pyproject.toml")).ok()
}

fn list(folders: &[PathBuf]) -> String {
    let folders: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    folders.join(" or ")
}

/// Of `words` those with at most three letters changed, fewest first; and those that contain `word`.
pub(crate) fn near<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = words
        .map(|other| (edits(word, other), other))
        .filter(|(edits, other)| *edits <= 3.min(word.len() / 2) || other.contains(word))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().map(|(_, other)| other).collect()
}

/// The least number of letters to change, add or take away to make `b` of `a`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{SelectError, Workspace, edits};

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let project = |folder: &str, text: &str| {
            write(&root.path().join(folder).join("pyproject.toml"), text);
        };
        std::fs::create_dir(root.path().join(".git")).unwrap();
        write(&root.path().join(".gitignore"), "/generated/\n*.tmp\n");
        project("services/api", "[project]\nname = \"Service_API\"\n");
        project(
            "services/worker",
            "[tool.poetry]\nname = \"service-worker\"\n",
        );
        project("old/worker", "[tool.poetry]\nname = \"old-worker\"\n");
        project("services/worker/.venv/x", "[project]\nname = \"in-venv\"\n");
        project("services/api/dist/x", "[project]\nname = \"in-dist\"\n");
        project("generated/x", "[project]\nname = \"ignored\"\n");
        project("x.tmp", "[project]\nname = \"ignored-too\"\n");
        project("nameless", "[tool.ruff]\n");
        project("broken", "[tool\n");
        root
    }

    #[test]
    fn finds_what_git_does_not_ignore() {
        let root = repository();
        let workspace = Workspace::discover(root.path());
        let names: Vec<&str> = workspace
            .members
            .iter()
            .map(|member| member.name.as_str())
            .collect();
        assert_eq!(names, ["old-worker", "service-api", "service-worker"]);
    }

    #[test]
    fn roots() {
        let root = repository();
        let top = root.path().canonicalize().unwrap();
        let inside = top.join("services/api");
        assert_eq!(Workspace::find_root(&inside), Some(top.clone()));
        write(
            &top.join("services/pyproject.toml"),
            "[tool.mpoetry]\nroot = true\n",
        );
        assert_eq!(Workspace::find_root(&inside), Some(top.join("services")));
    }

    #[test]
    fn selects_by_path_then_name_then_folder() {
        let root = repository();
        let top = root.path().canonicalize().unwrap();
        let workspace = Workspace::discover(&top);
        let api = Ok(top.join("services/api"));
        for (word, current) in [
            (".", "services/api"),
            ("services/api", ""),
            ("../api", "services/worker"),
            ("service.api", ""),
            ("api", ""),
        ] {
            assert_eq!(workspace.select(word, &top.join(current)), api, "{word}");
        }
        let ambiguous = workspace.select("worker", &top);
        assert!(
            matches!(&ambiguous, Err(SelectError::Ambiguous { folders, .. }) if folders.len() == 2)
        );
        assert!(matches!(
            workspace.select("./services", &top),
            Err(SelectError::NoProject { .. })
        ));
        let Err(SelectError::Unknown { near, .. }) = workspace.select("service-wroker", &top)
        else {
            panic!("it should not be found");
        };
        assert_eq!(near[0].as_str(), "service-worker");
    }

    #[test]
    fn counts_edits() {
        for (a, b, count) in [
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
        ] {
            assert_eq!(edits(a, b), count);
        }
    }
}
