//! The repository that a project lies in: what has changed in it, and what its files were before.
//!
//! Nothing is checked out and nothing is written. Paths are relative to one folder, with `/`, and only what lies below
//! it counts.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rustc_hash::FxHashMap;

use super::command::{Place, git};
use crate::project::workspace::near;

/// A folder under git.
#[derive(Clone, Debug)]
pub struct WorkTree {
    folder: PathBuf,
}

/// A file that differs.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Change {
    /// The file.
    pub path: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// The object that it was before.
    pub before: Option<String>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "plain words")]
pub enum ChangeKind {
    Added,
    Deleted,
    Modified,
}

/// A file of a commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackedFile {
    /// The file.
    pub path: String,
    /// Its object.
    pub object: String,
}

/// Why git can't tell what has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkTreeError {
    /// There is no `git`.
    #[error("failed to start `git`, which knows what has changed")]
    NotRunnable(#[source] std::io::Error),
    /// The folder is not under git.
    #[error("{} is not in a git repository", folder.display())]
    NoRepository {
        /// The folder.
        folder: PathBuf,
    },
    /// No commit is called so.
    #[error("git knows no commit `{reference}`")]
    Unknown {
        /// The name.
        reference: String,
        /// Branches and tags with names like it, the likeliest first.
        near: Vec<String>,
        /// Is only a part of the history here?
        is_shallow: bool,
    },
    /// Two commits have nothing in common.
    #[error("`{one}` and `{other}` have no commit in common{}",
        if *is_shallow { ": only a part of the history is here (a shallow clone)" } else { "" })]
    NoMergeBase {
        /// The one.
        one: String,
        /// The other.
        other: String,
        /// Is only a part of the history here?
        is_shallow: bool,
    },
    /// `git` failed at something else.
    #[error("`git {command}` failed: {output}")]
    Failed {
        /// Its command.
        command: String,
        /// What it said.
        output: String,
    },
}

/// How many names may be suggested.
const SUGGESTIONS: usize = 3;

impl WorkTree {
    /// The work tree that `folder` lies in.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The newest commit that both have in their history.
    ///
    /// # Errors
    /// When one of them is no commit, or there is none.
    pub fn merge_base(&self, one: &str, other: &str) -> Result<String, WorkTreeError> {
        for name in [one, other] {
            // Git would take it for an option.
            if name.starts_with('-') || name.trim().is_empty() {
                return Err(self.unknown(name));
            }
        }
        let output = self.output(&["merge-base", one, other])?;
        if output.status.success() {
            return Ok(text(&output.stdout).trim().to_owned());
        }
        Err(self.why_no_merge_base(one, other, &output))
    }

    fn why_no_merge_base(&self, one: &str, other: &str, output: &Output) -> WorkTreeError {
        let said = text(&output.stderr);
        if said.contains("not a git repository") {
            return WorkTreeError::NoRepository {
                folder: self.folder.clone(),
            };
        }
        if self.run(&["rev-parse", "--git-dir"]).is_err() {
            return failed("merge-base", &said);
        }
        for name in [one, other] {
            let commit = format!("{name}^{{commit}}");
            let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options"];
            if self.run(&[&arguments[..], &[&commit]].concat()).is_err() {
                return self.unknown(name);
            }
        }
        WorkTreeError::NoMergeBase {
            one: one.to_owned(),
            other: other.to_owned(),
            is_shallow: self.is_shallow(),
        }
    }

    fn unknown(&self, reference: &str) -> WorkTreeError {
        let listed = self.run(&["for-each-ref", "--format=%(refname:short)"]);
        let listed = listed.map(|bytes| text(&bytes)).unwrap_or_default();
        let mut names: Vec<&str> = near(reference, listed.lines());
        // Of `main` the server's, as a build machine often has no other.
        names.sort_by_key(|name| !name.ends_with(&format!("/{reference}")));
        names.truncate(SUGGESTIONS);
        WorkTreeError::Unknown {
            reference: reference.to_owned(),
            near: names.into_iter().map(str::to_owned).collect(),
            is_shallow: self.is_shallow(),
        }
    }

    fn is_shallow(&self) -> bool {
        let output = self.run(&["rev-parse", "--is-shallow-repository"]);
        output.is_ok_and(|output| output.starts_with(b"true"))
    }

    /// What differs between the commits `from` and `to`, or the files on disk if there is no `to`. Of files on disk
    /// those count that git knows; for the others see [`WorkTree::untracked`].
    ///
    /// # Errors
    /// When git fails.
    pub fn changes(&self, from: &str, to: Option<&str>) -> Result<Vec<Change>, WorkTreeError> {
        let mut arguments = vec![
            "diff",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--relative",
            from,
        ];
        arguments.extend(to);
        arguments.push("--");
        let output = self.run(&arguments)?;
        let mut changes = Vec::new();
        let mut fields = parts(&output);
        while let (Some(what), Some(path)) = (fields.next(), fields.next()) {
            // `:<mode> <mode> <object> <object> <letter>`
            let words: Vec<&str> = what.split(' ').collect();
            let [_, _, before, _, letter] = words[..] else {
                continue;
            };
            let kind = match letter.as_bytes().first() {
                Some(b'A') => ChangeKind::Added,
                Some(b'D') => ChangeKind::Deleted,
                _ => ChangeKind::Modified,
            };
            changes.push(Change {
                path: path.into_owned(),
                kind,
                before: before
                    .contains(|digit| digit != '0')
                    .then(|| before.to_owned()),
            });
        }
        // A file in a merge that is not settled stands twice.
        changes.sort_by(|one: &Change, other| {
            let key = |change: &Change| (change.path.clone(), change.before.is_none());
            key(one).cmp(&key(other))
        });
        changes.dedup_by(|one, other| one.path == other.path);
        Ok(changes)
    }

    /// The files that git neither knows nor ignores.
    ///
    /// # Errors
    /// When git fails.
    pub fn untracked(&self) -> Result<Vec<String>, WorkTreeError> {
        let output = self.run(&["ls-files", "-z", "--others", "--exclude-standard"])?;
        let paths = parts(&output).map(|path| path.trim_end_matches('/').to_owned());
        Ok(paths.collect())
    }

    /// The files of a commit whose names are among `names`.
    ///
    /// # Errors
    /// When git fails.
    pub fn files(&self, commit: &str, names: &[&str]) -> Result<Vec<TrackedFile>, WorkTreeError> {
        let output = self.run(&["ls-tree", "-r", "-z", commit, "--"])?;
        let wanted = |entry: Cow<'_, str>| {
            // `<mode> <type> <object>\t<path>`
            let (what, path) = entry.split_once('\t')?;
            let name = path.rsplit('/').next()?;
            names.contains(&name).then(|| TrackedFile {
                path: path.to_owned(),
                object: what.rsplit(' ').next().unwrap_or_default().to_owned(),
            })
        };
        Ok(parts(&output).filter_map(wanted).collect())
    }

    /// The content of objects; one that is missing or no file is left out.
    ///
    /// # Errors
    /// When git fails.
    pub fn read(&self, objects: &[&str]) -> Result<FxHashMap<String, Vec<u8>>, WorkTreeError> {
        if objects.is_empty() {
            return Ok(FxHashMap::default());
        }
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(WorkTreeError::NotRunnable)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let contents = std::thread::scope(|scope| {
            // Git answers while it is still asked, so both have to go on at once.
            let asking = scope.spawn(|| {
                let questions: String =
                    objects.iter().map(|object| format!("{object}\n")).collect();
                input.map_or(Ok(()), |mut input| input.write_all(questions.as_bytes()))
            });
            let contents = output.map_or_else(|| Ok(FxHashMap::default()), read_batch);
            let asked = asking.join();
            let asked = asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            asked.and(contents)
        });
        let ended = child.wait();
        contents
            .and_then(|contents| ended.map(|_| contents))
            .map_err(|error| failed("cat-file", &error.to_string()))
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, WorkTreeError> {
        let output = self.output(arguments)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let command = arguments.first().copied().unwrap_or_default();
        Err(failed(command, &text(&output.stderr)))
    }

    fn output(&self, arguments: &[&str]) -> Result<Output, WorkTreeError> {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(WorkTreeError::NotRunnable)
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = git(Place::Tree(&self.folder));
        command
            .args(arguments)
            // Its words are looked at; and who only asks need not wait for who works.
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0");
        command
    }
}

/// Reads the answers of `git cat-file --batch`: `<object> <type> <size>`, the content, a line end.
fn read_batch(output: impl Read) -> std::io::Result<FxHashMap<String, Vec<u8>>> {
    let mut output = BufReader::new(output);
    let mut contents = FxHashMap::default();
    let mut header = String::new();
    while output.read_line(&mut header)? > 0 {
        let words: Vec<&str> = header.trim_end().split(' ').collect();
        if let [object, _, size] = words[..]
            && let Ok(size) = size.parse::<u64>()
        {
            let mut content = Vec::new();
            output.by_ref().take(size + 1).read_to_end(&mut content)?;
            content.pop();
            contents.insert(object.to_owned(), content);
        }
        header.clear();
    }
    Ok(contents)
}

fn failed(command: &str, said: &str) -> WorkTreeError {
    WorkTreeError::Failed {
        command: command.to_owned(),
        output: said.trim().to_owned(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The parts of what git prints with `-z`.
fn parts(output: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    output
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
        .map(String::from_utf8_lossy)
}
