//! Things of our own on any HTTP server: read with GET, written with PUT.

use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tempfile::NamedTempFile;
use url::Url;

use super::client::{Direction, Http};
use super::credentials::Login;
use super::download::{fetch_object, refusal};
use super::error::shown;
use super::source;
use super::{IndexError, IndexSettings};
use crate::cache::Cache;
use crate::dist::Hash;

/// Nobody must wait long for what he can do without.
const RETRIES: usize = 1;
const LONGEST_TIMEOUT: u64 = 10;

/// A folder on an HTTP server. It has the settings of an index, but logins of its own and less patience.
pub struct Objects {
    down: Http,
    up: Http,
    /// Ends with `/`, and has no login in it.
    base: Url,
}

impl Objects {
    /// The folder at `address`, which may have a user name and a password in it; `token` is a bearer token for it.
    ///
    /// # Errors
    /// When the address is none of HTTP.
    pub fn new(
        settings: &IndexSettings,
        address: &str,
        token: Option<&str>,
    ) -> Result<Self, IndexError> {
        let settings = Arc::new(IndexSettings {
            retries: RETRIES.min(settings.retries),
            timeout: LONGEST_TIMEOUT.min(settings.timeout),
            access: settings.access.without_logins(),
            ..settings.clone()
        });
        let mut address = source::parse(address)?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(IndexError::Address {
                url: shown(&address),
                reason: "it does not begin with http:// or https://".to_owned(),
            });
        }
        if !address.path().ends_with('/') {
            address.set_path(&format!("{}/", address.path()));
        }
        let down = Http::of(Arc::clone(&settings), Direction::Down);
        let up = Http::of(settings, Direction::Up);
        let mut base = address.clone();
        for http in [&down, &up] {
            base = http.credentials.strip(&address);
            if let Some(token) = token {
                let login = Login::Token(token.to_owned());
                http.credentials.add(base.clone(), login);
            }
        }
        Ok(Self { down, up, base })
    }

    /// The address without user name and password.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.base)
    }

    /// A small object whole; `None` if it is not there.
    ///
    /// # Errors
    /// When the server can't be reached, refuses, or sends more than `limit` bytes.
    pub async fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, IndexError> {
        let url = self.url(name)?;
        let answer = self.down.get(&url, &HeaderMap::new(), limit).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            status if is_absent(status) => Ok(None),
            status => Err(refusal(&answer.url, status)),
        }
    }

    /// Brings an object that must have this sha256 (hex) to a temporary file in the cache; `None` if it is not there.
    ///
    /// # Errors
    /// As [`Objects::read`], or [`IndexError::HashMismatch`].
    pub async fn fetch(
        &self,
        name: &str,
        sha256: &str,
        cache: &Cache,
    ) -> Result<Option<NamedTempFile>, IndexError> {
        let url = self.url(name)?;
        match fetch_object(&self.down, cache, &url, &Hash::sha256(sha256)).await {
            Ok(file) => Ok(Some(file)),
            Err(IndexError::Status { code, .. })
                if StatusCode::from_u16(code).is_ok_and(is_absent) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Is there such an object?
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn has(&self, name: &str) -> Result<bool, IndexError> {
        let url = self.url(name)?;
        Ok(self.down.head(&url).await? == StatusCode::OK)
    }

    /// Writes an object, over one of this name if there is one.
    ///
    /// # Errors
    /// When the server can't be reached, or refuses.
    pub async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), IndexError> {
        let url = self.url(name)?;
        let status = self.up.put(&url, bytes.into()).await?;
        match status.is_success() {
            true => Ok(()),
            false => Err(refusal(&url, status)),
        }
    }

    fn url(&self, name: &str) -> Result<Url, IndexError> {
        self.base.join(name).map_err(|error| IndexError::Address {
            url: self.shown(),
            reason: error.to_string(),
        })
    }
}

fn is_absent(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}
