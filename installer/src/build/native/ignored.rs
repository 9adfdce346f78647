//! The files that git ignores, which poetry-core leaves out of archives.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rustc_hash::{FxHashMap, FxHashSet};

/// Those of the files `names` that are untracked and ignored; names are relative to `root`, with `/`. None without
/// git, outside of a work tree, and when the project itself is ignored.
///
/// Git is asked about these files alone. Poetry has it list all that is ignored, which takes as long as the project's
/// virtual environment is large.
///
/// Poetry: git is asked from the current directory while its answer is read relative to the project, so
/// `poetry -P` leaks ignored files. We always ask from the project, as the PEP 517 build does.
///
/// Poetry: names that git quotes (non-ASCII ones) are compared with their quotes on, and so never ignored.
pub(super) fn ignored_among<'n>(
    root: &Path,
    names: impl Iterator<Item = &'n str>,
) -> FxHashSet<String> {
    const PROJECT: &str = ".";
    let none = FxHashSet::default();
    let Some(work_tree) = root.ancestors().find(|folder| folder.join(".git").exists()) else {
        return none;
    };
    let mut repositories = Repositories {
        root,
        known: FxHashMap::default(),
    };
    let mut asked = format!("{PROJECT}\n");
    for name in names {
        // Names of this kind are quoted.
        if !name.contains(['\n', '"']) && !repositories.hold(name) {
            asked.push_str(name);
            asked.push('\n');
        }
    }
    let Some(answer) = check_ignore(work_tree, root, &asked) else {
        return none;
    };
    let ignored: FxHashSet<String> = answer.lines().map(str::to_owned).collect();
    if ignored.contains(PROJECT) {
        return none;
    }
    ignored
}

/// Repositories inside of a project: what its own repository ignores says nothing about their files.
struct Repositories<'r> {
    root: &'r Path,
    /// Is a folder one of them, or in one? By its name.
    known: FxHashMap<String, bool>,
}

impl Repositories<'_> {
    fn hold(&mut self, name: &str) -> bool {
        let Some((folder, _)) = name.rsplit_once('/') else {
            return false;
        };
        if let Some(known) = self.known.get(folder) {
            return *known;
        }
        let found = self.root.join(folder).join(".git").exists() || self.hold(folder);
        self.known.insert(folder.to_owned(), found);
        found
    }
}

/// What `git check-ignore` says about these names, one a line; `None` if it can't say.
fn check_ignore(work_tree: &Path, root: &Path, names: &str) -> Option<String> {
    let mut git = Command::new("git")
        .arg("--git-dir")
        .arg(work_tree.join(".git"))
        .arg("--work-tree")
        .arg(work_tree)
        .args(["check-ignore", "--stdin"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut asking = git.stdin.take()?;
    // It answers while it is still being asked, and neither pipe is endless.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || asking.write_all(names.as_bytes()).ok());
        git.wait_with_output()
    });
    let output = output.ok()?;
    // 1: none of them is ignored.
    let answered = matches!(output.status.code(), Some(0 | 1));
    answered.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::ignored_among;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn git(folder: &Path, arguments: &[&str]) {
        let git = Command::new("git")
            .args(arguments)
            .current_dir(folder)
            .status();
        assert!(git.unwrap().success());
    }

    /// Which of the names are, in their order.
    fn ignored(root: &Path, names: &[&str]) -> Vec<String> {
        let found = ignored_among(root, names.iter().copied());
        let names = names.iter().filter(|name| found.contains(**name));
        names.map(ToString::to_string).collect()
    }

    #[test]
    fn ignored_is_what_is_untracked_in_the_repository_of_the_project() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path();
        let root = repository.join("project");
        git(repository, &["init", "-q"]);
        write(repository, ".gitignore", "*.log\nhidden/\n");
        let names = [
            "code.py",
            "other.log",
            "tracked.log",
            "hidden/a.py",
            "inner/deep/other.log",
            "täglich.log",
        ];
        for name in names {
            write(&root, name, "");
        }
        git(&root, &["add", "-f", "tracked.log"]);
        assert_eq!(
            ignored(&root, &names),
            ["other.log", "hidden/a.py", "inner/deep/other.log"]
        );
        // A repository in the repository.
        git(&root.join("inner"), &["init", "-q"]);
        assert_eq!(ignored(&root, &names), ["other.log", "hidden/a.py"]);
        // What is ignored as a whole is taken as a whole.
        git(&root, &["rm", "-q", "--cached", "tracked.log"]);
        write(repository, ".gitignore", "project/\n");
        assert_eq!(ignored(&root, &names), [""; 0]);
    }

    #[test]
    fn there_may_be_more_names_than_a_pipe_holds() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        write(folder.path(), ".gitignore", "*.log\n");
        let names: Vec<String> = (0..20_000)
            .map(|number| format!("a-folder/file-{number}.log"))
            .collect();
        let found = ignored_among(folder.path(), names.iter().map(String::as_str));
        assert_eq!(found.len(), names.len());
    }
}
