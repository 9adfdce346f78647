//! The files that git ignores, which poetry-core leaves out of archives.
//!
//! What is tracked is not ignored, and mostly all is tracked. So the index is read first, and git is started for the
//! others only. Poetry has git list all that is ignored, which takes as long as the project's virtual environment is
//! large.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rustc_hash::{FxHashMap, FxHashSet};

/// Those of the files `names` that are untracked and ignored; names are relative to `root`, with `/`. None without
/// git, outside of a work tree, and when the project itself is ignored.
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
    let mut unknown: FxHashSet<&str> = names
        // Names of this kind are quoted.
        .filter(|name| !name.contains(['\n', '"']) && !repositories.hold(name))
        .collect();
    if let Ok(index) = fs_err::read(work_tree.join(".git/index")) {
        let folder = root.strip_prefix(work_tree).unwrap_or(root);
        index::each_name(&index, |name| {
            if let Some(own) = below(name, folder) {
                unknown.remove(own);
            }
        });
    }
    if unknown.is_empty() {
        return none;
    }
    let mut asked = format!("{PROJECT}\n");
    for name in unknown {
        asked.push_str(name);
        asked.push('\n');
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

/// The rest of a path below a folder; both are relative to the work tree.
fn below<'n>(name: &'n [u8], folder: &Path) -> Option<&'n str> {
    let mut rest = std::str::from_utf8(name).ok()?;
    for part in folder {
        rest = rest.strip_prefix(part.to_str()?)?.strip_prefix('/')?;
    }
    Some(rest)
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

/// Git's index: the list of what is tracked (`gitformat-index`, versions 2 to 4).
mod index {
    /// Bytes of an entry before its flags, with a SHA-1: times, device, inode, mode, owner, size, hash.
    const BEFORE_FLAGS: usize = 60;
    const IS_EXTENDED: u16 = 0x4000;

    /// Calls for the name of each entry, as far as the file can be understood: of another kind of hash nothing can.
    pub(super) fn each_name(index: &[u8], mut each: impl FnMut(&[u8])) {
        let mut rest = index;
        let mut name = Vec::new();
        let Some((version, count)) = header(&mut rest) else {
            return;
        };
        for _ in 0..count {
            let entry = match version {
                2 | 3 => padded(&mut rest, &mut name),
                4 => shortened(&mut rest, &mut name),
                _ => None,
            };
            if entry.is_none() {
                return;
            }
            each(&name);
        }
    }

    fn header(rest: &mut &[u8]) -> Option<(u32, u32)> {
        let signature = rest.split_off(..4)?;
        let version = u32::from_be_bytes(*rest.split_off(..4)?.first_chunk()?);
        let count = u32::from_be_bytes(*rest.split_off(..4)?.first_chunk()?);
        (signature == b"DIRC").then_some((version, count))
    }

    /// Passes by what is before the name; gives its length.
    fn before_name(rest: &mut &[u8]) -> Option<usize> {
        rest.split_off(..BEFORE_FLAGS)?;
        let flags = u16::from_be_bytes(*rest.split_off(..2)?.first_chunk()?);
        if flags & IS_EXTENDED == 0 {
            return Some(BEFORE_FLAGS + 2);
        }
        rest.split_off(..2)?;
        Some(BEFORE_FLAGS + 4)
    }

    /// An entry with its whole name. One to eight zeros make its length a multiple of eight.
    fn padded(rest: &mut &[u8], name: &mut Vec<u8>) -> Option<()> {
        let before = before_name(rest)?;
        let length = rest.iter().position(|&byte| byte == 0)?;
        name.clear();
        name.extend_from_slice(rest.split_off(..length)?);
        let padding = 8 - (before + length) % 8;
        rest.split_off(..padding).map(|_| ())
    }

    /// An entry with the difference to the name before: how much of its end goes, and what comes instead.
    fn shortened(rest: &mut &[u8], name: &mut Vec<u8>) -> Option<()> {
        before_name(rest)?;
        let gone = number(rest)?;
        name.truncate(name.len().checked_sub(gone)?);
        let length = rest.iter().position(|&byte| byte == 0)?;
        name.extend_from_slice(rest.split_off(..length)?);
        rest.split_off(..1).map(|_| ())
    }

    /// A number of any length, as packs have it: seven bits a byte, and one more for each byte that follows.
    fn number(rest: &mut &[u8]) -> Option<usize> {
        let mut byte = *rest.split_off_first()?;
        let mut number = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = *rest.split_off_first()?;
            number = number.checked_add(1)?.checked_mul(128)? + usize::from(byte & 0x7f);
        }
        Some(number)
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

    /// As git itself writes it, in each of its versions; names of all lengths, for all paddings.
    #[test]
    fn the_index_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        git(root, &["init", "-q"]);
        let mut names: Vec<String> = (1..20)
            .map(|length| format!("a/{}", "n".repeat(length)))
            .chain(["b.py".to_owned(), "a/täglich".to_owned()])
            .collect();
        names.sort();
        for name in &names {
            write(root, name, "");
        }
        git(root, &["add", "."]);
        write(root, "later", "");
        git(root, &["add", "-N", "later"]);
        names.push("later".to_owned());
        for version in ["2", "3", "4"] {
            git(root, &["update-index", "--index-version", version]);
            let index = std::fs::read(root.join(".git/index")).unwrap();
            let mut found = Vec::new();
            super::index::each_name(&index, |name| {
                found.push(String::from_utf8(name.to_vec()).unwrap());
            });
            assert_eq!(found, names, "version {version}");
            // Damage is no more than ignorance.
            for end in 0..index.len() {
                super::index::each_name(&index[..end], |_| ());
            }
        }
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
