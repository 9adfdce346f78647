//! Checkouts of git repositories, by way of the `git` program.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use resolver::cache::{Bucket, Cache};

/// What to check out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkout<'a> {
    /// The clone URL.
    pub(crate) url: &'a str,
    /// The commit, or a reference if the lock has none.
    pub(crate) revision: &'a str,
}

/// Why a repository can't be checked out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// `git` failed.
    #[error("failed to {step} `{url}`: {output}")]
    Failed {
        /// What was being done.
        step: &'static str,
        /// The repository, without credentials.
        url: String,
        /// What git said, without credentials.
        output: String,
    },
    /// There is no `git`.
    #[error("failed to start git")]
    NotRunnable(#[source] std::io::Error),
    /// A revision that git would take for an option.
    #[error("`{0}` is no git revision")]
    Revision(String),
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Checks out a commit into `target`, which must not exist. What was fetched stays in the cache, so that a commit
/// that is known costs no network.
pub(crate) fn checkout(wanted: Checkout<'_>, target: &Path, cache: &Cache) -> Result<(), GitError> {
    if wanted.revision.starts_with('-') {
        return Err(GitError::Revision(wanted.revision.to_owned()));
    }
    let key = format!("repositories/{}", Cache::digest(&[wanted.url]));
    let _lock = cache.lock(Bucket::Git, &key)?;
    let repository = cache.path(Bucket::Git, &key);
    let git = Git { url: wanted.url };
    if !repository.join("HEAD").is_file() {
        fs::create_dir_all(&repository)?;
        git.run(
            "prepare a copy of",
            Some(&repository),
            &["init", "--quiet", "--bare"],
        )?;
    }
    let commit = git.commit(&repository, wanted.revision)?;
    let from = repository.to_string_lossy();
    let to = target.to_string_lossy();
    git.run(
        "copy",
        None,
        &["clone", "--quiet", "--no-checkout", "--", &from, &to],
    )?;
    // Relative addresses of submodules count from the real repository.
    git.run(
        "check out",
        Some(target),
        &["remote", "set-url", "--", "origin", wanted.url],
    )?;
    git.run(
        "fetch",
        Some(target),
        &["fetch", "--quiet", "--", &from, &commit],
    )?;
    git.run(
        "check out",
        Some(target),
        &["checkout", "--quiet", "--detach", &commit, "--"],
    )?;
    if target.join(".gitmodules").is_file() {
        git.run(
            "check out the submodules of",
            Some(target),
            &["submodule", "--quiet", "update", "--init", "--recursive"],
        )?;
    }
    Ok(())
}

struct Git<'a> {
    url: &'a str,
}

impl Git<'_> {
    /// The full commit of a revision, fetched if it is not here.
    fn commit(&self, repository: &Path, revision: &str) -> Result<String, GitError> {
        let is_commit =
            revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit && let Ok(commit) = self.parse(repository, revision) {
            return Ok(commit);
        }
        // Most servers give out single commits; the others have to send all.
        let single = is_commit
            && self
                .run(
                    "fetch",
                    Some(repository),
                    &["fetch", "--quiet", "--", self.url, revision],
                )
                .is_ok();
        if !single {
            let all = [
                "+refs/heads/*:refs/heads/*",
                "+refs/tags/*:refs/tags/*",
                "HEAD",
            ];
            let mut arguments = vec!["fetch", "--quiet", "--force", "--", self.url];
            arguments.extend(all);
            self.run("fetch", Some(repository), &arguments)?;
        }
        self.parse(repository, revision)
    }

    fn parse(&self, repository: &Path, revision: &str) -> Result<String, GitError> {
        let commit = format!("{revision}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--quiet",
            "--verify",
            "--end-of-options",
            &commit,
        ];
        let output = self.run("find the revision in", Some(repository), &arguments)?;
        Ok(output.trim().to_owned())
    }

    fn run(
        &self,
        step: &'static str,
        folder: Option<&Path>,
        arguments: &[&str],
    ) -> Result<String, GitError> {
        let mut command = Command::new("git");
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        let output = command
            .args(arguments)
            // No protocol that runs programs, no questions on the terminal, no repository from outside.
            .env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(GitError::NotRunnable)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let shown = without_credentials(self.url);
        let words = String::from_utf8_lossy(&output.stderr).replace(self.url, &shown);
        Err(GitError::Failed {
            step,
            url: shown,
            output: words.trim().to_owned(),
        })
    }
}

/// A URL without user and password.
pub(crate) fn without_credentials(url: &str) -> String {
    let Ok(mut parsed) = url::Url::parse(url) else {
        return url.to_owned();
    };
    if parsed.password().is_none() {
        return url.to_owned();
    }
    let cleaned = parsed.set_password(None).is_ok() && parsed.set_username("").is_ok();
    if cleaned {
        parsed.to_string()
    } else {
        String::new()
    }
}

/// The folder of a project in a checkout.
pub(crate) fn project_folder(checkout: &Path, subdirectory: Option<&str>) -> PathBuf {
    match subdirectory {
        Some(inside) => checkout.join(inside),
        None => checkout.to_owned(),
    }
}
