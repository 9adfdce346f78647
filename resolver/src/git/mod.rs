//! Git repositories: which commit a reference means, and the files of a commit.
//!
//! # How a repository is kept
//!
//! The user's `git` does the work, so that whatever it knows of keys, helpers and proxies counts here too. Each
//! repository has a bare copy in the cache. It grows by what is asked for: the files of single commits first, without
//! their history, because most projects say all about themselves in their files; the whole history only for those
//! that read their version from tags.
//!
//! A copy is made beside its place and renamed. Whoever fetches into it or reads from it holds its lock. That an object
//! lies in it proves nothing, as a run may have been killed while it fetched, so what was fetched completely gets a
//! reference of our own, and only that is believed:
//!
//! | reference | what is there |
//! |---|---|
//! | `refs/commits/<commit>` | the files of this commit |
//! | `refs/histories/<commit>` | and all that came before it, with the repository's tags |
//!
//! A copy that git can't work with is thrown away and made anew, once.

mod command;
mod error;
mod reference;
mod work_tree;

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::cache::{Bucket, Cache};
use crate::git_url::{with_credentials, without_credentials};
use crate::index;

use command::{Git, Place};
use reference::Listing;

pub use error::GitError;
pub use reference::Reference;
pub use work_tree::{Change, ChangeKind, TrackedFile, WorkTree, WorkTreeError};

/// How much of a repository's past a checkout needs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum History {
    /// None: the files of the commit are enough.
    None,
    /// All of it and the tags: versions may be read from them.
    All,
}

/// All git repositories, as far as they were fetched. Cheap to clone.
#[derive(Clone)]
pub struct Repositories {
    cache: Cache,
    offline: bool,
    places: Vec<index::Place>,
}

/// Marks a copy that has the whole history of something, from which therefore nothing must be cut off any more.
const WHOLE: &str = "whole";

/// A depth that no history has.
const ENDLESS: &str = "--depth=2147483647";

const BRANCHES: &str = "+refs/heads/*:refs/heads/*";
const TAGS: &str = "+refs/tags/*:refs/tags/*";
/// What servers keep besides, such as the commits of pull requests.
const OTHERS: &str = "+refs/*:refs/others/*";

impl Repositories {
    /// Repositories that are kept in `cache`. If `offline`, nothing is fetched.
    #[must_use]
    pub fn new(cache: Cache, offline: bool) -> Self {
        Self {
            cache,
            offline,
            places: Vec::new(),
        }
    }

    /// The same, with logins for repositories whose URLs don't bring their own. Where these don't say anything, the
    /// user's git has to know.
    #[must_use]
    pub fn with_places(mut self, places: &[index::Place]) -> Self {
        places.clone_into(&mut self.places);
        self
    }

    /// The commit that a reference means in the repository at `url` now, in 40 hex digits; it is in the cache
    /// afterwards. A full commit that is there already costs no network.
    ///
    /// # Errors
    /// When there is no git, the repository can't be reached, or it has no such reference.
    pub fn commit(&self, url: &str, reference: &Reference) -> Result<String, GitError> {
        reference.check()?;
        self.with_copy(url, |copy| copy.commit(reference))
    }

    /// Checks a commit out into `target`, which must not exist, with its submodules.
    ///
    /// # Errors
    /// As [`Repositories::commit`], or when the files can't be written.
    pub fn checkout(
        &self,
        url: &str,
        commit: &str,
        history: History,
        target: &Path,
    ) -> Result<(), GitError> {
        Reference::Revision(commit.to_owned()).check()?;
        self.with_copy(url, |copy| {
            if target.symlink_metadata().is_ok() {
                fs::remove_dir_all(target)?;
            }
            copy.need(commit, history)?;
            copy.export(commit, history, target)
        })
    }

    fn with_login(&self, address: String) -> String {
        let lies_below = |prefix: &str| {
            let rest = address.strip_prefix(prefix.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let logins = self.places.iter().filter_map(|place| {
            let (user, password) = (place.user.as_ref()?, place.password.as_ref()?);
            lies_below(&place.url).then_some((&place.url, user, password))
        });
        match logins.max_by_key(|(url, ..)| url.trim_end_matches('/').len()) {
            Some((_, user, password)) => with_credentials(&address, user, password),
            None => address,
        }
    }

    /// Does something with the copy of a repository, and once more with a new copy if the first one fails.
    fn with_copy<T>(
        &self,
        url: &str,
        act: impl Fn(&Copy<'_>) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let address = self.with_login(address(url));
        let key = format!(
            "repositories/{}",
            Cache::digest(&[&without_credentials(&address)])
        );
        let _lock = self.cache.lock(Bucket::Git, &key)?;
        let copy = Copy {
            git: Git { url: &address },
            folder: self.cache.path(Bucket::Git, &key),
            offline: self.offline,
        };
        let is_new = copy.prepare(&self.cache)?;
        match act(&copy) {
            Err(error) if error.may_be_the_copy() && !self.offline => {
                // Nothing is thrown away that can't be had again.
                copy.list()?;
                if is_new {
                    return Err(error);
                }
                tracing::debug!("the copy of a repository is made anew: {error}");
                copy.remove()?;
                copy.prepare(&self.cache)?;
                act(&copy)
            }
            result => result,
        }
    }
}

/// The bare copy of a repository, locked.
struct Copy<'a> {
    git: Git<'a>,
    folder: PathBuf,
    offline: bool,
}

impl Copy<'_> {
    /// Makes an empty copy if there is none. Says whether it did.
    fn prepare(&self, cache: &Cache) -> Result<bool, GitError> {
        let is_there = ["HEAD", "objects", "refs"]
            .iter()
            .all(|part| self.folder.join(part).exists());
        if is_there {
            return Ok(false);
        }
        self.remove()?;
        let temporary = cache.temp_dir(Bucket::Git)?;
        let bare = temporary.path().join("bare");
        self.git.run(
            "prepare a copy of",
            Place::Anywhere,
            &["init", "--quiet", "--bare", "--", &text(&bare)],
        )?;
        fs::rename(bare, &self.folder)?;
        Ok(true)
    }

    fn remove(&self) -> Result<(), GitError> {
        if self.folder.symlink_metadata().is_ok() {
            fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }

    /// What `reference` means on the server now.
    fn commit(&self, reference: &Reference) -> Result<String, GitError> {
        let full = reference.full_commit();
        if let Some(commit) = full
            && self.has(commit, History::None)
        {
            return Ok(commit.to_owned());
        }
        self.online()?;
        // Mostly it is there under just this name. If not, it pays to find out why.
        let likely = full.map(str::to_owned).or_else(|| reference.full_name());
        if let Some(name) = likely
            && let Ok(commit) = self.fetch(&name, self.depth())
        {
            return Ok(commit);
        }
        let listing = self.list()?;
        if let Some(name) = listing.name_of(reference) {
            let commit = self.fetch(&name, self.depth());
            // Some servers know no depths.
            return commit.or_else(|_| self.fetch(&name, None));
        }
        self.search(reference)
    }

    /// A commit that no reference leads to, or that is abbreviated: it must be somewhere in the history.
    fn search(&self, reference: &Reference) -> Result<String, GitError> {
        let missing = || GitError::Missing {
            url: without_credentials(self.git.url).into_owned(),
            reference: reference.clone(),
        };
        let Some(digits) = reference.commit_digits() else {
            return Err(missing());
        };
        for more in [&[][..], &[OTHERS]] {
            self.fetch_history(more)?;
            if let Some(commit) = self.find(digits) {
                self.mark(&commit, History::All)?;
                return Ok(commit);
            }
        }
        Err(missing())
    }

    /// Sees to it that a commit is here.
    fn need(&self, commit: &str, history: History) -> Result<(), GitError> {
        if self.has(commit, history) {
            return Ok(());
        }
        self.online()?;
        if history == History::None {
            return self
                .commit(&Reference::Revision(commit.to_owned()))
                .map(drop);
        }
        // The commit itself too, in case that no branch leads to it any more.
        if self.fetch_history(&[commit]).is_err() {
            self.fetch_history(&[])?;
        }
        if self.find(commit).is_none() {
            self.search(&Reference::Revision(commit.to_owned()))?;
        }
        self.mark(commit, History::All)
    }

    /// Writes the files of a commit that is here into a new folder.
    fn export(&self, commit: &str, history: History, target: &Path) -> Result<(), GitError> {
        let from = text(&self.folder);
        let to = text(target);
        let inside = Place::Tree(target);
        let kept = kept(commit, history);
        let step = "check out";
        if history == History::All {
            // With its branches and tags, as a developer would have it.
            self.git.run(
                step,
                Place::Anywhere,
                &["clone", "--quiet", "--no-checkout", "--", &from, &to],
            )?;
            self.git.run(
                step,
                inside,
                &["fetch", "--quiet", "--update-shallow", "--", &from, &kept],
            )?;
            self.git.run(
                step,
                inside,
                &["remote", "set-url", "--", "origin", self.git.url],
            )?;
        } else {
            self.git
                .run(step, Place::Anywhere, &["init", "--quiet", "--", &to])?;
            // Relative addresses of submodules count from the real repository.
            self.git.run(
                step,
                inside,
                &["remote", "add", "--", "origin", self.git.url],
            )?;
            self.git.run(
                step,
                inside,
                &[
                    "fetch",
                    "--quiet",
                    "--no-tags",
                    "--depth=1",
                    "--",
                    &from,
                    &kept,
                ],
            )?;
        }
        self.git.run(
            step,
            inside,
            &["checkout", "--quiet", "--detach", commit, "--"],
        )?;
        if target.join(".gitmodules").is_file() {
            let arguments = ["submodule", "--quiet", "update", "--init", "--recursive"];
            let output = self
                .git
                .run("check out the submodules of", inside, &arguments);
            output.map_err(GitError::of_submodules)?;
        }
        Ok(())
    }

    /// The references that the server has now.
    fn list(&self) -> Result<Listing, GitError> {
        let arguments = ["ls-remote", "--quiet", "--", self.git.url];
        let output = (self.git).run("list", Place::Bare(&self.folder), &arguments);
        match output {
            Ok(output) => Ok(Listing::parse(&output)),
            Err(GitError::Failed { url, output, .. }) => Err(GitError::Unreachable { url, output }),
            Err(other) => Err(other),
        }
    }

    /// Fetches one reference or commit, and returns the commit.
    fn fetch(&self, name: &str, depth: Option<&str>) -> Result<String, GitError> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--force"];
        arguments.extend(depth);
        arguments.extend(["--", self.git.url, name]);
        self.git
            .run("fetch", Place::Bare(&self.folder), &arguments)?;
        let commit = self.find("FETCH_HEAD").ok_or_else(|| GitError::NoCommit {
            url: without_credentials(self.git.url).into_owned(),
            name: name.to_owned(),
        })?;
        self.mark(&commit, History::None)?;
        Ok(commit)
    }

    /// Fetches all branches and tags with their whole history, and `more`.
    fn fetch_history(&self, more: &[&str]) -> Result<(), GitError> {
        let mut arguments = vec!["fetch", "--quiet", "--force", "--prune"];
        if self.folder.join("shallow").exists() {
            arguments.push(ENDLESS);
        }
        arguments.extend(["--", self.git.url, BRANCHES, TAGS]);
        arguments.extend(more);
        fs::write(self.folder.join(WHOLE), "")?;
        self.git
            .run("fetch", Place::Bare(&self.folder), &arguments)
            .map(drop)
    }

    /// To fetch with a depth would cut off history that is here.
    fn depth(&self) -> Option<&'static str> {
        (!self.folder.join(WHOLE).exists()).then_some("--depth=1")
    }

    /// Was it fetched completely?
    fn has(&self, commit: &str, history: History) -> bool {
        self.find(&kept(commit, history)).is_some()
    }

    /// Notes that a commit was fetched completely.
    fn mark(&self, commit: &str, history: History) -> Result<(), GitError> {
        let mut names = vec![kept(commit, History::None)];
        if history == History::All {
            names.push(kept(commit, history));
        }
        for name in names {
            let bare = Place::Bare(&self.folder);
            self.git
                .run("keep", bare, &["update-ref", "--", &name, commit])?;
        }
        Ok(())
    }

    /// The commit that a name or the beginning of its digits means in the copy.
    fn find(&self, name: &str) -> Option<String> {
        let commit = format!("{name}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--quiet",
            "--verify",
            "--end-of-options",
            &commit,
        ];
        let output = (self.git).run("find", Place::Bare(&self.folder), &arguments);
        output.ok().map(|output| output.trim().to_owned())
    }

    fn online(&self) -> Result<(), GitError> {
        if self.offline {
            return Err(GitError::Offline {
                url: without_credentials(self.git.url).into_owned(),
            });
        }
        Ok(())
    }
}

/// The address of a repository as messages may show it.
#[must_use]
pub fn shown_address(url: &str) -> String {
    without_credentials(&address(url)).into_owned()
}

/// The address as git understands it.
///
/// Poetry: what its lock files call `file://None/…` was `file:///…` once.
fn address(url: &str) -> String {
    match url.strip_prefix("file://None/") {
        Some(path) => format!("file:///{path}"),
        None => url.to_owned(),
    }
}

/// The reference that says how much of a commit is here.
fn kept(commit: &str, history: History) -> String {
    match history {
        History::None => format!("refs/commits/{commit}"),
        History::All => format!("refs/histories/{commit}"),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
