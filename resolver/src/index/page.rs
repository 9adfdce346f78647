//! Project pages: asked for once, kept on disk, revalidated when they have grown old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use rustc_hash::FxHashMap;
use url::Url;

use super::client::{Answer, blocking};
use super::error::shown;
use super::freshness::Freshness;
use super::source::Origin;
use super::stored::Stored;
use super::{Index, IndexError, Page, listing, simple_html, simple_json};
use crate::cache::Cache;
use crate::dist::Source;
use crate::name::PackageName;

/// Quality values help with servers that prefer HTML for whoever does not say how much JSON is preferred.
const ACCEPTED: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, \
                        text/html;q=0.1, */*;q=0.01";
/// Before the n-th further try for JSON, n times this is waited.
const PAUSE: Duration = Duration::from_millis(100);
/// The largest pages of PyPI have some 30 MB.
const LARGEST_PAGE: u64 = 128 << 20;

pub(super) type Found = Result<Option<Arc<Page>>, IndexError>;

pub(super) async fn find(index: &Index, source: &Source, name: &PackageName) -> Found {
    let origin = index.origin(source)?;
    let key = page_key(&origin, name);
    if origin.is_local() {
        return local_page(origin, name.clone()).await;
    }
    match read(index, &key).await {
        Some(stored)
            if index.settings().offline || stored.freshness.is_fresh(SystemTime::now()) =>
        {
            Ok(Some(Arc::new(stored.page)))
        }
        stored => fetch(index, &origin, name, key, stored).await,
    }
}

/// A page that lies in the cache, fresh or not. Blocks.
pub(super) fn read_cached(cache: &Cache, origin: &Origin, name: &PackageName) -> Option<Page> {
    Stored::read(cache, &page_key(origin, name)).map(|stored| stored.page)
}

fn page_key(origin: &Origin, name: &PackageName) -> String {
    format!("{}/{}", origin.key, super::source::safe_key(name.as_str()))
}

async fn read(index: &Index, key: &str) -> Option<Stored> {
    if index.settings().no_cache {
        return None;
    }
    let (cache, key) = (index.cache().clone(), key.to_owned());
    blocking(move || Stored::read(&cache, &key)).await
}

async fn fetch(
    index: &Index,
    origin: &Origin,
    name: &PackageName,
    key: String,
    stored: Option<Stored>,
) -> Found {
    let url = origin.page_url(name)?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    if let Some(stored) = &stored {
        stored.freshness.add_validators(&mut headers);
    }
    let answer = ask(index, origin, &url, &headers).await?;
    let now = SystemTime::now();
    match answer.status {
        StatusCode::OK => parse_and_keep(index, answer, origin, name, key, now).await,
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
        StatusCode::NOT_MODIFIED => match stored {
            Some(mut stored) => {
                stored.freshness = stored.freshness.renewed(&url, &answer.headers, now);
                Ok(Some(keep(index, key, stored).await))
            }
            // Nobody asked for that.
            None => Err(status_error(&answer)),
        },
        _ => Err(status_error(&answer)),
    }
}

/// Asks for a page. A mirror of PyPI under load may answer with HTML what it has as JSON. Then it is asked again,
/// because HTML lacks the upload times, on which the choice of a release's metadata depends.
async fn ask(
    index: &Index,
    origin: &Origin,
    url: &Url,
    headers: &HeaderMap,
) -> Result<Answer, IndexError> {
    let mut tries: u32 = 0;
    loop {
        let answer = index.http().get(url, headers, LARGEST_PAGE).await?;
        if !origin.is_pypi || answer.status != StatusCode::OK {
            return Ok(answer);
        }
        let is_html = matches!(form(content_type(&answer), &answer.body), Some(Form::Html));
        if !is_html || tries >= index.forms().patience(&origin.key) {
            index.forms().note(&origin.key, !is_html);
            return Ok(answer);
        }
        tries += 1;
        tokio::time::sleep(PAUSE * tries).await;
    }
}

/// In which form mirrors of PyPI answer: true for those that have answered with JSON.
#[derive(Default)]
pub(super) struct Forms(Mutex<FxHashMap<String, bool>>);

impl Forms {
    /// How often an answer in HTML is followed by another try.
    fn patience(&self, origin: &str) -> u32 {
        let forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match forms.get(origin) {
            Some(true) => 5,
            Some(false) => 0,
            None => 2,
        }
    }

    fn note(&self, origin: &str, is_json: bool) {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *forms.entry(origin.to_owned()).or_default() |= is_json;
    }
}

/// What an answer with no use means.
pub(super) fn status_error(answer: &Answer) -> IndexError {
    let url = shown(&answer.url);
    match answer.status.as_u16() {
        code @ (401 | 403) => IndexError::Unauthorized { url, code },
        code => IndexError::Status { url, code },
    }
}

async fn parse_and_keep(
    index: &Index,
    answer: Answer,
    origin: &Origin,
    name: &PackageName,
    key: String,
    now: SystemTime,
) -> Found {
    let freshness = Freshness::of(&answer.url, &answer.headers, now);
    let (name, is_pypi) = (name.clone(), origin.is_pypi);
    let cache = (!index.settings().no_cache).then(|| index.cache().clone());
    // Pages are large; reading them must not hold up the connections.
    blocking(move || {
        let page = parse(&answer, &name, is_pypi)?;
        let page = match (cache, freshness) {
            (Some(cache), Some(freshness)) => {
                let stored = Stored::new(freshness, page);
                stored.write(&cache, &key);
                stored.page
            }
            _ => page,
        };
        Ok(Some(Arc::new(page)))
    })
    .await
}

async fn keep(index: &Index, key: String, stored: Stored) -> Arc<Page> {
    let cache = index.cache().clone();
    blocking(move || {
        stored.write(&cache, &key);
        Arc::new(stored.page)
    })
    .await
}

fn parse(answer: &Answer, name: &PackageName, is_pypi: bool) -> Result<Page, IndexError> {
    let unreadable = |reason: String| IndexError::Unreadable {
        url: shown(&answer.url),
        reason,
    };
    let content_type = content_type(answer);
    let (api_version, base, links) = match form(content_type, &answer.body) {
        Some(Form::Json) => {
            let listing =
                simple_json::parse(&answer.body).map_err(|error| unreadable(error.to_string()))?;
            (listing.api_version, answer.url.clone(), listing.links)
        }
        Some(Form::Html) => {
            let text = simple_html::decode(&answer.body, content_type);
            let listing = simple_html::parse(&text);
            let base = simple_html::base_of(&listing, &answer.url);
            (listing.api_version, base, listing.links)
        }
        None => return Err(unreadable(format!("`{content_type}` is no project page"))),
    };
    if let Some(version) = api_version.filter(|version| !is_known(version)) {
        let url = shown(&answer.url);
        return Err(IndexError::ApiVersion { url, version });
    }
    Ok(listing::page(links, name, &base, is_pypi))
}

fn content_type(answer: &Answer) -> &str {
    let value = answer.headers.get(CONTENT_TYPE);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// PEP 629: a newer minor version is fine.
fn is_known(api_version: &str) -> bool {
    api_version.split('.').next() == Some("1")
}

enum Form {
    Json,
    Html,
}

/// The form of a page, by its type, or by its first character if the server tells none or a vague one.
fn form(content_type: &str, body: &[u8]) -> Option<Form> {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/vnd.pypi.simple.v1+json" | "application/json" => Some(Form::Json),
        "application/vnd.pypi.simple.v1+html" | "text/html" | "application/xhtml+xml" => {
            Some(Form::Html)
        }
        "" | "text/plain" | "application/octet-stream" => match body.trim_ascii_start().first() {
            Some(b'{') => Some(Form::Json),
            Some(b'<') => Some(Form::Html),
            _ => None,
        },
        _ => None,
    }
}

/// A page of an index that lies in a folder: `<name>/index.html` or `index.json`.
async fn local_page(origin: Origin, name: PackageName) -> Found {
    blocking(move || {
        let url = origin.page_url(&name)?;
        for (file, content_type) in [
            ("index.json", "application/json"),
            ("index.html", "text/html"),
        ] {
            let url = url.join(file).expect("a file name is a relative address");
            let Some(body) = read_local(&url)? else {
                continue;
            };
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            let answer = Answer {
                status: StatusCode::OK,
                headers,
                url,
                body,
            };
            return Ok(Some(Arc::new(parse(&answer, &name, false)?)));
        }
        Ok(None)
    })
    .await
}

fn read_local(url: &Url) -> Result<Option<Vec<u8>>, IndexError> {
    let path = super::source::local_path(url)?;
    match fs_err::read(&path) {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IndexError::file(
            "a page of a local index can't be read",
            error,
        )),
    }
}
