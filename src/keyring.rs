//! Passwords in the system's keyring, by way of the program `keyring`.
//!
//! Poetry uses the Python library of that name; what is stored by one is found by the other, whatever back end the
//! library is set up with (the ones of cloud providers, for their package indexes, exist for it alone). So the
//! library's own program is asked, as pip and uv do, and not a crate that knows only some of these back ends.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use resolver::index::Vault;
use url::Url;

use crate::variables::Variables;

/// The program `keyring`.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    program: PathBuf,
    /// The only back end, if a variable says so.
    backend: Option<String>,
}

/// Poetry: entries for a source are called so, followed by its name.
const SERVICE: &str = "poetry-repository-";
/// Poetry: stands for a user without a name, which some back ends can't store.
const NO_USER: &str = "__poetry_source_empty_username__";
/// Poetry: the user of tokens.
pub(crate) const TOKEN_USER: &str = "__token__";
/// Poetry: back ends that keep nothing, or keep it for all to read.
const UNFIT: [&str; 4] = [".fail.", ".null.", ".chainer.", "plaintext"];

impl Keyring {
    /// The one on PATH.
    pub(crate) fn find(variables: &Variables) -> Option<Self> {
        let path = variables.raw("PATH")?;
        let program = which::which_in("keyring", Some(path), ".").ok()?;
        let backend = variables.filled("PYTHON_KEYRING_BACKEND");
        Some(Self {
            program,
            backend: backend.map(str::to_owned),
        })
    }

    /// Is there a back end that keeps secrets?
    pub(crate) fn is_available(&self) -> bool {
        let listed = match &self.backend {
            Some(backend) => Some(backend.clone()),
            None => self.ask(&["--list-backends"]),
        };
        let is_fit = |backend: &str| {
            let backend = backend.to_lowercase();
            !backend.trim().is_empty() && !UNFIT.iter().any(|unfit| backend.contains(unfit))
        };
        listed.is_some_and(|listed| listed.lines().any(is_fit))
    }

    /// Keeps the password for a source. Did it work?
    pub(crate) fn set_password(&self, source: &str, user: &str, password: &str) -> bool {
        self.set(&service(source), entry_user(user), password)
    }

    /// Keeps the token for a source. Did it work?
    pub(crate) fn set_token(&self, source: &str, token: &str) -> bool {
        self.set(&service(source), TOKEN_USER, token)
    }

    /// Forgets the password for a source. Was there one?
    pub(crate) fn remove_password(&self, source: &str, user: &str) -> bool {
        self.ask(&["del", &service(source), entry_user(user)])
            .is_some()
    }

    /// Forgets the token for a source. Was there one?
    pub(crate) fn remove_token(&self, source: &str) -> bool {
        self.ask(&["del", &service(source), TOKEN_USER]).is_some()
    }

    /// The password that is kept for a source.
    pub(crate) fn password_for(&self, source: &str, user: &str) -> Option<String> {
        self.password(&service(source), entry_user(user))
    }

    /// The token that is kept for a source.
    pub(crate) fn token_for(&self, source: &str) -> Option<String> {
        self.password(&service(source), TOKEN_USER)
    }

    fn password(&self, service: &str, user: &str) -> Option<String> {
        let answer = self.ask(&["get", service, user])?;
        one_line(&answer)
    }

    /// User and password for a service. Old programs don't know this question.
    fn both(&self, service: &str) -> Option<(String, String)> {
        let answer = self.ask(&["--mode", "creds", "get", service])?;
        let (user, password) = answer.split_once('\n')?;
        Some((one_line(user)?, one_line(password)?))
    }

    /// What the program says, if it succeeds.
    fn ask(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null());
        let output = command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then_some(())?;
        String::from_utf8(output.stdout).ok()
    }

    /// The password goes through a pipe: arguments can be seen by everybody on the machine.
    fn set(&self, service: &str, user: &str, password: &str) -> bool {
        let child = Command::new(&self.program)
            .args(["set", service, user])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = child else { return false };
        let pipe = child.stdin.take();
        let is_written = pipe.is_some_and(|mut pipe| pipe.write_all(password.as_bytes()).is_ok());
        let is_done = child.wait().is_ok_and(|status| status.success());
        is_written && is_done
    }
}

fn service(source: &str) -> String {
    format!("{SERVICE}{source}")
}

fn entry_user(user: &str) -> &str {
    if user.is_empty() { NO_USER } else { user }
}

/// Without the end of the line. An empty answer is none.
fn one_line(answer: &str) -> Option<String> {
    let line = answer.strip_suffix('\n').unwrap_or(answer);
    let line = line.strip_suffix('\r').unwrap_or(line);
    (!line.is_empty()).then(|| line.to_owned())
}

impl Vault for Keyring {
    /// Poetry: first what `poetry config` has put there for the source, then what anybody has put there for the
    /// address, then for the host.
    fn login(
        &self,
        source: Option<&str>,
        address: &Url,
        user: Option<&str>,
    ) -> Option<(String, String)> {
        let known = user.unwrap_or_default();
        let of_source = source.and_then(|source| {
            let password = self.password_for(source, known)?;
            Some((known.to_owned(), password))
        });
        let look_up = |service: &str| match user {
            Some(user) if !user.is_empty() => {
                let password = self.password(service, user)?;
                Some((user.to_owned(), password))
            }
            _ => self.both(service),
        };
        let host = address.host_str().unwrap_or_default();
        let host = match address.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        of_source
            .or_else(|| look_up(address.as_str()))
            .or_else(|| look_up(&host))
    }
}
