//! Requests to servers that are no package index, such as registries of images: the same connections, limits and
//! retries; what is asked, and who asks, is up to the caller.

use std::path::PathBuf;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Index, IndexError, source};
use crate::dist::Hash;

/// A whole answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status; none that is worth another try.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    headers: HeaderMap,
}

impl Reply {
    /// All values of a header that are text.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    }
}

impl Index {
    /// Asks for `url` with these headers. An `Authorization` among them goes to the host of `url` only, and stands for
    /// the login that the settings have for it.
    ///
    /// # Errors
    /// When the host can't be reached, keeps failing, or sends more than `limit` bytes.
    pub async fn ask(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        limit: u64,
    ) -> Result<Reply, IndexError> {
        let address = source::parse(url)?;
        let headers = header_map(url, headers)?;
        let answer = self.http().get(&address, &headers, limit).await?;
        Ok(Reply {
            status: answer.status.as_u16(),
            body: answer.body,
            headers: answer.headers,
        })
    }

    /// As [`Index::download`], with headers as in [`Index::ask`].
    ///
    /// # Errors
    /// When it can't be fetched, or no hash matches (nothing is kept then).
    pub async fn download_asking(
        &self,
        url: &str,
        filename: &str,
        hashes: &[Hash],
        headers: &[(&str, &str)],
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<PathBuf, IndexError> {
        let headers = header_map(url, headers)?;
        self.download_with(url, filename, hashes, &headers, progress)
            .await
    }
}

fn header_map(url: &str, headers: &[(&str, &str)]) -> Result<HeaderMap, IndexError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let pair = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        let Some((key, mut value)) = pair else {
            return Err(IndexError::Address {
                url: source::parse(url)
                    .map_or_else(|_| String::new(), |url| super::error::shown(&url)),
                reason: format!("the header `{name}` that it needs can't be sent"),
            });
        };
        value.set_sensitive(key == reqwest::header::AUTHORIZATION);
        map.insert(key, value);
    }
    Ok(map)
}
