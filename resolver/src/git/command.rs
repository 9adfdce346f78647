//! Running `git`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::git_url::without_credentials;

use super::GitError;

/// Where git works.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// It is told by its arguments.
    Anywhere,
    /// In a bare repository.
    Bare(&'a Path),
    /// In a checkout.
    Tree(&'a Path),
}

/// Git, on behalf of one repository.
pub(super) struct Git<'a> {
    pub(super) url: &'a str,
}

/// What a git above us (a hook, say) tells its children about its own repository.
const OF_OTHERS: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// Git at a place, without its arguments yet.
pub(super) fn git(place: Place<'_>) -> Command {
    let mut command = Command::new("git");
    // What is kept is referred to, and nothing should work on in the background after we have ended.
    command.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
    match place {
        Place::Anywhere => {}
        Place::Bare(folder) => {
            command.arg("--git-dir").arg(folder);
        }
        Place::Tree(folder) => {
            command.current_dir(folder);
        }
    }
    for variable in OF_OTHERS {
        command.env_remove(variable);
    }
    command
}

impl Git<'_> {
    /// Runs git and returns what it prints. `step` is a verb for messages, before the repository.
    pub(super) fn run(
        &self,
        step: &'static str,
        place: Place<'_>,
        arguments: &[&str],
    ) -> Result<String, GitError> {
        let began = Instant::now();
        let output = git(place)
            .args(arguments)
            // No protocol that runs programs, no questions on the terminal.
            .env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .output()
            .map_err(GitError::NotRunnable)?;
        let (url, took) = (without_credentials(self.url), began.elapsed().as_millis());
        tracing::debug!("git ({step} {url}): {} in {took} ms", output.status);
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(GitError::Failed {
            step,
            url: without_credentials(self.url).into_owned(),
            output: self.without_secrets(&String::from_utf8_lossy(&output.stderr)),
        })
    }

    /// What git said, without user and password of the repository.
    fn without_secrets(&self, words: &str) -> String {
        let mut words = words.replace(self.url, &without_credentials(self.url));
        let secrets = (self.url.split_once("://"))
            .and_then(|(_, rest)| rest.split('/').next())
            .and_then(|host| host.rsplit_once('@'))
            .and_then(|(user, _)| Some((user, user.split_once(':')?)));
        if let Some((user, (name, password))) = secrets {
            words = words.replace(&format!("{user}@"), "");
            words = words.replace(&format!("{name}@"), "");
            if !password.is_empty() {
                words = words.replace(password, "***");
            }
        }
        words.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Git;

    #[test]
    fn words_of_git_are_told_without_secrets() {
        let url = "https://me:s3cret@e.org/a.git";
        let words = format!(
            "fatal: unable to access '{url}/': x\nfatal: could not read from https://me@e.org: s3cret"
        );
        assert_eq!(
            Git { url }.without_secrets(&words),
            "fatal: unable to access 'https://e.org/a.git/': x\n\
             fatal: could not read from https://e.org: ***"
        );
    }
}
