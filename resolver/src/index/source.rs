//! Where a source's pages are, and the keys under which its answers are kept.

use std::path::PathBuf;

use url::Url;

use super::error::shown;
use super::{Index, IndexError};
use crate::cache::Cache;
use crate::dist::Source;
use crate::name::PackageName;

/// A source as the client sees it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The folder of its project pages, with trailing `/`, without credentials.
    pub(crate) base: Url,
    /// Read as PyPI (or what stands for it), or as a named source?
    pub(crate) is_pypi: bool,
    /// What the project calls it.
    pub(crate) name: String,
    /// Part of the cache keys: tells apart all sources, and PyPI from a mirror.
    pub(crate) key: String,
}

impl Index {
    /// Resolves a source. Credentials in its URL are remembered for its host.
    pub(crate) fn origin(&self, source: &Source) -> Result<Origin, IndexError> {
        let text = match source.address() {
            Some(url) => format!("{url}/"),
            None => format!("{}/simple/", self.settings().pypi_url.trim_end_matches('/')),
        };
        let url = parse(&text)?;
        let base = self.http().credentials.strip(&url);
        let is_pypi = source.url.is_none();
        let kind = if is_pypi { "pypi" } else { "named" };
        Ok(Origin {
            name: source.name.clone(),
            key: Cache::digest(&[kind, base.as_str()]),
            is_pypi,
            base,
        })
    }
}

impl Origin {
    pub(crate) fn page_url(&self, name: &PackageName) -> Result<Url, IndexError> {
        let path = format!("{}/", name.as_str());
        self.base.join(&path).map_err(|error| IndexError::Address {
            url: shown(&self.base),
            reason: error.to_string(),
        })
    }

    /// Is it a folder of this machine?
    pub(crate) fn is_local(&self) -> bool {
        self.base.scheme() == "file"
    }
}

/// Parses an address; the error shows no credentials.
pub(crate) fn parse(text: &str) -> Result<Url, IndexError> {
    Url::parse(text).map_err(|error| IndexError::Address {
        url: text
            .rsplit_once('@')
            .map_or(text, |(_, behind)| behind)
            .to_owned(),
        reason: error.to_string(),
    })
}

/// The path that a `file://` address stands for.
pub(crate) fn local_path(url: &Url) -> Result<PathBuf, IndexError> {
    url.to_file_path().map_err(|()| IndexError::Address {
        url: shown(url),
        reason: "it is no path of this machine".to_owned(),
    })
}

/// A text as a part of a cache key: itself if it is harmless, else its digest.
pub(crate) fn safe_key(text: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_harmless = text.bytes().all(harmless) && !text.starts_with('.') && text.len() <= 128;
    match is_harmless && !text.is_empty() {
        true => text.to_owned(),
        false => Cache::digest(&[text]),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, safe_key};

    #[test]
    fn keys_are_harmless() {
        assert_eq!(safe_key("zope-interface"), "zope-interface");
        for odd in ["", "..", "../x", "a/b", "a\\b", "é", ".lock", "1.0+local"] {
            let key = safe_key(odd);
            assert_ne!(key, odd);
            assert_eq!(key.len(), 32);
        }
    }

    #[test]
    fn a_wrong_address_is_shown_without_its_password() {
        let error = parse("https//user:pass@host/simple/").unwrap_err();
        assert!(!error.to_string().contains("pass"));
    }
}
