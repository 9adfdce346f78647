//! Names of images in registries.

use std::fmt;
use std::str::FromStr;

use super::{Digest, OciError};

/// The registry of names that say none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where that registry keeps what has no folder of its own.
const DEFAULT_FOLDER: &str = "library";
const DEFAULT_TAG: &str = "latest";

/// An image in a registry, `registry/name:tag@sha256:…`. A digest decides, whatever the tag says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    /// Host, and port if it is not the usual one.
    pub registry: String,
    /// The repository, e.g. `library/python`.
    pub name: String,
    /// The tag; `None` only if there is a digest.
    pub tag: Option<String>,
    /// The digest of its manifest or index.
    pub digest: Option<Digest>,
}

impl FromStr for Reference {
    type Err = OciError;

    fn from_str(text: &str) -> Result<Self, OciError> {
        let wrong = |reason: &str| OciError::Reference {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest.parse::<Digest>();
                let digest = digest.map_err(|error| wrong(&error.to_string()))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        let (rest, tag) = match rest.rsplit_once(':') {
            // A colon before a slash belongs to a port.
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag.to_owned())),
            _ => (rest, None),
        };
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong(
                "its tag has a character that tags can't have, or is too long",
            ));
        }
        let (registry, name) = match rest.split_once('/') {
            Some((host, name)) if is_host(host) => (host, name.to_owned()),
            _ => (DEFAULT_REGISTRY, rest.to_owned()),
        };
        let registry = match registry {
            "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY,
            other => other,
        };
        if !is_address(registry) {
            return Err(wrong("its registry is no host name"));
        }
        let name = match registry == DEFAULT_REGISTRY && !name.contains('/') {
            true => format!("{DEFAULT_FOLDER}/{name}"),
            false => name,
        };
        if !name.split('/').all(is_name_part) {
            return Err(wrong(
                "names of images have lower-case letters, digits, and single `.`, `_`, `-` between them",
            ));
        }
        let tag = match (&tag, &digest) {
            (None, None) => Some(DEFAULT_TAG.to_owned()),
            _ => tag,
        };
        Ok(Self {
            registry: registry.to_owned(),
            name,
            tag,
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl Reference {
    /// Registry and name.
    pub(super) fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.name)
    }

    /// What the registry is asked for.
    pub(super) fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => DEFAULT_TAG.to_owned(),
        }
    }

    /// The address of the registry's API, without `/` at its end. Only this machine is spoken to in plain.
    pub(super) fn api(&self) -> String {
        let host = match self.registry.as_str() {
            DEFAULT_REGISTRY => "registry-1.docker.io",
            host => host,
        };
        let scheme = if is_this_machine(host) {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://{host}/v2")
    }
}

/// Does this first part of a name mean a registry?
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

/// Is it a host, maybe with a port?
fn is_address(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, "0"),
    };
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_host = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !label.is_empty() && label.bytes().all(is_fine)
        }),
    };
    is_host && port.parse::<u16>().is_ok()
}

fn is_this_machine(host: &str) -> bool {
    if host.starts_with("[::1]") {
        return true;
    }
    let name = host.split(':').next().unwrap_or(host);
    let address = name.parse::<std::net::Ipv4Addr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn is_name_part(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let has_ends =
        bytes.first().copied().is_some_and(is_word) && bytes.last().copied().is_some_and(is_word);
    let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let mut separators = separators.filter(|separator| !separator.is_empty());
    has_ends
        && separators.all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

/// Is it a tag that registries take?
pub(super) fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(is_word)
        && bytes.len() <= 128
        && bytes
            .iter()
            .all(|&byte| is_word(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::Reference;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn names_are_completed() {
        for (text, expected) in [
            ("python", "docker.io/library/python:latest"),
            ("python:3.11-slim", "docker.io/library/python:3.11-slim"),
            ("team/api", "docker.io/team/api:latest"),
            ("index.docker.io/python", "docker.io/library/python:latest"),
            ("ghcr.io/a/b/c:1", "ghcr.io/a/b/c:1"),
            ("localhost/a", "localhost/a:latest"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("[::1]:5000/a:x", "[::1]:5000/a:x"),
            (
                "r.example:5000/a__b/c-d.e:V_1.0-x",
                "r.example:5000/a__b/c-d.e:V_1.0-x",
            ),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), expected, "{text}");
            assert_eq!(expected.parse::<Reference>().unwrap(), reference);
        }
    }

    #[test]
    fn a_digest_decides() {
        let both: Reference = format!("python:3.11@{DIGEST}").parse().unwrap();
        assert_eq!(both.wanted(), DIGEST);
        assert_eq!(
            both.to_string(),
            format!("docker.io/library/python:3.11@{DIGEST}")
        );
        let alone: Reference = format!("python@{DIGEST}").parse().unwrap();
        assert_eq!(
            (alone.tag, alone.digest.unwrap().to_string()),
            (None, DIGEST.to_owned())
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "Python",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:b c",
            "a:../x",
            "a@sha256:1",
            "a@sha512:00",
            "../a",
            "r.example/a/../b",
            "r.example/a?x=1",
            "user@r.example/a",
            "u:p@r.example/a",
            "r.example:x/a",
            "r..example/a",
            "[::g]:1/a",
            "r.example#/a",
            "a..b",
            "a___b",
            "-a",
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is no name of an image: ")),
                "{error}"
            );
        }
        assert!(
            format!("a:{}", "x".repeat(129))
                .parse::<Reference>()
                .is_err()
        );
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        for (text, api) in [
            ("python", "https://registry-1.docker.io/v2"),
            ("ghcr.io/a", "https://ghcr.io/v2"),
            ("localhost:5000/a", "http://localhost:5000/v2"),
            ("127.0.0.1:80/a", "http://127.0.0.1:80/v2"),
            ("[::1]:80/a", "http://[::1]:80/v2"),
            ("localhost.example/a", "https://localhost.example/v2"),
            ("127.0.0.1.example/a", "https://127.0.0.1.example/v2"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().api(), api);
        }
    }
}
