//! Logins for registries, as Docker keeps them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use data_encoding::BASE64;
use serde::Deserialize;

use super::{OciError, Reference};

/// User names and passwords by registry. The debug form shows the registries only.
#[derive(Clone, Default)]
pub struct Logins {
    /// By host, or host and the begin of a name.
    entries: BTreeMap<String, Login>,
}

#[derive(Clone)]
pub(super) struct Login {
    user: String,
    password: String,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

impl Login {
    /// The value of an `Authorization` header.
    pub(super) fn header(&self) -> String {
        format!(
            "Basic {}",
            BASE64.encode(format!("{}:{}", self.user, self.password).as_bytes())
        )
    }
}

impl Logins {
    /// Adds a login for a registry, `ghcr.io` or `localhost:5000`; maybe only for a part of it, `quay.io/team`.
    #[must_use]
    pub fn with(mut self, registry: &str, user: &str, password: &str) -> Self {
        let login = Login {
            user: user.to_owned(),
            password: password.to_owned(),
        };
        self.entries.insert(key(registry), login);
        self
    }

    /// Reads the `auths` of Docker's config.json, or of Podman's auth.json. There is nothing in a file that does not exist.
    /// Entries whose secret is kept by a credential helper are passed over.
    ///
    /// # Errors
    /// When the file can't be read or understood.
    pub fn read(path: &Path) -> Result<Self, OciError> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            auths: BTreeMap<String, Auth>,
        }
        #[derive(Deserialize)]
        struct Auth {
            auth: Option<String>,
            identitytoken: Option<String>,
        }
        let wrong = |reason: String| OciError::Logins {
            path: path.to_owned(),
            reason,
        };
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let file: File = serde_json::from_slice(&bytes).map_err(|error| {
            // The error's own text may quote a value.
            wrong(format!("line {} is not what it should be", error.line()))
        })?;
        let mut logins = Self::default();
        for (registry, entry) in file.auths {
            let secret = entry
                .auth
                .filter(|auth| !auth.is_empty() && entry.identitytoken.is_none());
            let Some(secret) = secret else {
                continue;
            };
            let decoded = BASE64.decode(secret.as_bytes()).ok();
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
            let Some((user, password)) = pair else {
                return Err(wrong(format!(
                    "the entry for `{registry}` is no base64 of a user and a password"
                )));
            };
            // Docker's older versions fill the block with NULs.
            logins = logins.with(&registry, user, password.trim_end_matches('\0'));
        }
        Ok(logins)
    }

    /// The login for an image: that for the longest part of its name.
    pub(super) fn of(&self, reference: &Reference) -> Option<&Login> {
        let repository = reference.repository();
        let mut prefix = repository.as_str();
        loop {
            if let Some(login) = self.entries.get(prefix) {
                return Some(login);
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }
}

/// Docker's keys may be addresses; that of its own registry is one of an API that is long gone.
fn key(registry: &str) -> String {
    let bare = registry
        .strip_prefix("https://")
        .or_else(|| registry.strip_prefix("http://"));
    let bare = bare.unwrap_or(registry).trim_end_matches('/');
    let bare = bare
        .strip_suffix("/v1")
        .or_else(|| bare.strip_suffix("/v2"))
        .unwrap_or(bare);
    match bare {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        bare => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Logins;

    fn read(text: &str) -> Result<Logins, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        Logins::read(&path).map_err(|error| {
            let text = error.to_string();
            text.replace(&path.display().to_string(), "config.json")
        })
    }

    fn header(logins: &Logins, image: &str) -> Option<String> {
        let login = logins.of(&image.parse().unwrap())?;
        Some(login.header())
    }

    #[test]
    fn dockers_file() {
        // me:pass:word, you:two, part:three
        let logins = read(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "bWU6cGFzczp3b3Jk"},
                "ghcr.io": {"auth": "eW91OnR3bw==", "email": "x"},
                "ghcr.io/team/part": {"auth": "cGFydDp0aHJlZQ=="},
                "helped.example": {},
                "token.example": {"auth": "eW91OnR3bw==", "identitytoken": "x"}
            }, "credsStore": "desktop"}"#,
        )
        .unwrap();
        let basic = |secret: &str| Some(format!("Basic {secret}"));
        assert_eq!(header(&logins, "python"), basic("bWU6cGFzczp3b3Jk"));
        assert_eq!(header(&logins, "ghcr.io/a/b"), basic("eW91OnR3bw=="));
        assert_eq!(
            header(&logins, "ghcr.io/team/part/a"),
            basic("cGFydDp0aHJlZQ==")
        );
        assert_eq!(header(&logins, "ghcr.io/team/party"), basic("eW91OnR3bw=="));
        for image in ["helped.example/a", "token.example/a", "quay.io/a"] {
            assert_eq!(header(&logins, image), None, "{image}");
        }
        assert!(!format!("{logins:?}").contains("word"));
    }

    #[test]
    fn a_file_that_does_not_exist_has_no_logins() {
        let folder = tempfile::tempdir().unwrap();
        let logins = Logins::read(&folder.path().join("none.json")).unwrap();
        assert_eq!(header(&logins, "python"), None);
        assert!(header(&read("{}").unwrap(), "python").is_none());
    }

    #[test]
    fn errors_show_no_secret() {
        let error = read(r#"{"auths": {"ghcr.io": {"auth": "hunter2"}}}"#).unwrap_err();
        assert_eq!(
            error,
            "the logins in `config.json` can't be read: the entry for `ghcr.io` is no base64 of a user and a password"
        );
        let error = read(r#"{"auths": "hunter2"}"#).unwrap_err();
        assert_eq!(
            error,
            "the logins in `config.json` can't be read: line 1 is not what it should be"
        );
    }
}
