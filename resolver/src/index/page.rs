//! Project pages: asked for once, kept on disk, revalidated when they have grown old.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use rustc_hash::FxHashMap;
use url::Url;

use super::client::{Answer, blocking, computing};
use super::error::shown;
use super::freshness::Freshness;
use super::source::Origin;
use super::stored::StoredPage;
use super::{Index, IndexError, IndexFile, Page, kept, listing, simple_html, simple_json};
use crate::cache::{Bucket, Cache};
use crate::dist::Source;
use crate::name::PackageName;
use crate::sync::lock;
use crate::version::Version;

/// Quality values help with servers that prefer HTML for whoever does not say how much JSON is preferred.
const ACCEPTED: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, \
                        text/html;q=0.1, */*;q=0.01";
/// Before the n-th further try for JSON, n times this is waited.
const PAUSE: Duration = Duration::from_millis(100);
/// The largest pages of PyPI have some 30 MB.
const LARGEST_PAGE: u64 = 128 << 20;

/// Pages up to this many bytes are read where they arrive, in a millisecond at most. Behind large ones, which take ten
/// times that, they would wait, and with them all that their packages require.
const SMALL_PAGE: usize = 256 << 10;

/// How many pages may be on their way or wait to be read at a time: unread, a page takes some hundred kilobytes.
pub(super) const UNREAD: usize = 24;

pub(super) type Found = Result<Option<Arc<StoredPage>>, IndexError>;
pub(super) type FoundWhole = Result<Option<Arc<Page>>, IndexError>;

pub(super) async fn find(index: &Index, source: &Source, name: &PackageName) -> Found {
    let origin = index.origin(source)?;
    if origin.is_local() {
        return local_page(origin, name.clone()).await;
    }
    let kept = match index.settings().no_cache {
        true => None,
        // Some kilobytes of a file: reading them takes less time than handing them to another thread.
        false => StoredPage::read(path(index.cache(), &origin, name)),
    };
    match kept {
        Some(page) if index.settings().offline || page.freshness.is_fresh(SystemTime::now()) => {
            tracing::debug!("{name}: the page of {} in the cache will do", origin.name);
            Ok(Some(Arc::new(page)))
        }
        kept => fetch(index, &origin, name, kept).await,
    }
}

/// Does a copy of the page lie in the cache, however old?
pub(super) fn is_kept(index: &Index, source: &Source, name: &PackageName) -> bool {
    let Ok(origin) = index.origin(source) else {
        return false;
    };
    !index.settings().no_cache && path(index.cache(), &origin, name).is_file()
}

/// The page, asked for anew, because its files are gone from the cache.
pub(super) async fn find_again(index: &Index, source: &Source, name: &PackageName) -> Found {
    fetch(index, &index.origin(source)?, name, None).await
}

/// All files of a page, which may be gone from the cache.
pub(super) async fn whole(index: &Index, source: &Source, name: &PackageName) -> FoundWhole {
    let mut page = index.stored_page(source, name).await?;
    for _ in 0..2 {
        let Some(stored) = page else { return Ok(None) };
        if let Some(page) = stored.page() {
            return Ok(Some(Arc::new(page)));
        }
        page = find_again(index, source, name).await?;
    }
    Err(IndexError::Unreadable {
        url: shown(&index.origin(source)?.page_url(name)?),
        reason: "its copy in the cache vanishes".to_owned(),
    })
}

/// The files of a release by a page that lies in the cache, fresh or not. Blocks for a moment.
pub(super) fn kept_files(
    cache: &Cache,
    origin: &Origin,
    name: &PackageName,
    version: &Version,
) -> Option<Vec<IndexFile>> {
    let page = StoredPage::read(path(cache, origin, name))?;
    page.files(page.row(version)?)
}

fn path(cache: &Cache, origin: &Origin, name: &PackageName) -> PathBuf {
    let key = format!("{}/{}", origin.key, super::source::safe_key(name.as_str()));
    cache.path(Bucket::Index, &key)
}

async fn fetch(
    index: &Index,
    origin: &Origin,
    name: &PackageName,
    kept: Option<StoredPage>,
) -> Found {
    let url = origin.page_url(name)?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    if let Some(kept) = &kept {
        kept.freshness.add_validators(&mut headers);
    }
    let permit = index.unread_pages().acquire().await;
    let _place = permit.expect("the semaphore is never closed");
    let answer = ask(index, origin, &url, &headers).await?;
    match answer.status {
        StatusCode::OK => read_answer(index, answer, origin, name).await,
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
        StatusCode::NOT_MODIFIED => match kept {
            Some(mut page) => {
                let now = SystemTime::now();
                page.renew(page.freshness.renewed(&url, &answer.headers, now));
                Ok(Some(Arc::new(page)))
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
        let forms = lock(&self.0);
        match forms.get(origin) {
            Some(true) => 5,
            Some(false) => 0,
            None => 2,
        }
    }

    fn note(&self, origin: &str, is_json: bool) {
        let mut forms = lock(&self.0);
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

async fn read_answer(index: &Index, answer: Answer, origin: &Origin, name: &PackageName) -> Found {
    let freshness = Freshness::of(&answer.url, &answer.headers, SystemTime::now());
    let place = (!index.settings().no_cache && freshness.is_some())
        .then(|| path(index.cache(), origin, name));
    let (name, origin, cache) = (name.clone(), origin.clone(), index.cache().clone());
    let is_small = answer.body.len() <= SMALL_PAGE;
    let read = move || {
        let mut page = parse(
            &answer,
            freshness.unwrap_or_default(),
            &name,
            origin.is_pypi,
        )?;
        drop(answer);
        if let Some(place) = place {
            page.keep(place);
            kept::note(&cache, &origin.key, &origin.name);
        }
        Ok(Some(Arc::new(page)))
    };
    if is_small {
        return read();
    }
    // Reading a large page must not hold up the connections.
    computing(read).await
}

fn parse(
    answer: &Answer,
    freshness: Freshness,
    name: &PackageName,
    is_pypi: bool,
) -> Result<StoredPage, IndexError> {
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
    let releases = listing::releases(links, name, &base, is_pypi);
    tracing::debug!(
        "{name}: {} releases on {}",
        releases.len(),
        shown(&answer.url)
    );
    Ok(StoredPage::new(freshness, &releases))
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
        let Some(answer) = local_answer(&origin.page_url(&name)?)? else {
            return Ok(None);
        };
        let page = parse(&answer, Freshness::default(), &name, false)?;
        Ok(Some(Arc::new(page)))
    })
    .await
}

/// The page that lies in a folder of this machine, if there is one.
fn local_answer(folder: &Url) -> Result<Option<Answer>, IndexError> {
    for (file, content_type) in [
        ("index.json", "application/json"),
        ("index.html", "text/html"),
    ] {
        let url = folder
            .join(file)
            .expect("a file name is a relative address");
        let Some(body) = read_local(&url)? else {
            continue;
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        return Ok(Some(Answer {
            status: StatusCode::OK,
            headers,
            url,
            body,
        }));
    }
    Ok(None)
}

/// The names of all projects of a source, as its root page lists them.
pub(super) async fn names(index: &Index, source: &Source) -> Result<Vec<PackageName>, IndexError> {
    let origin = index.origin(source)?;
    let url = origin.base.clone();
    let answer = if origin.is_local() {
        blocking(move || local_answer(&url)).await?
    } else {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        Some(ask(index, &origin, &url, &headers).await?)
    };
    match answer {
        Some(answer) if answer.status == StatusCode::OK => computing(move || listed(&answer)).await,
        Some(answer) => Err(status_error(&answer)),
        None => Ok(Vec::new()),
    }
}

fn listed(answer: &Answer) -> Result<Vec<PackageName>, IndexError> {
    let unreadable = |reason: String| IndexError::Unreadable {
        url: shown(&answer.url),
        reason,
    };
    let content_type = content_type(answer);
    match form(content_type, &answer.body) {
        Some(Form::Json) => {
            let names = simple_json::projects(&answer.body);
            let names = names.map_err(|error| unreadable(error.to_string()))?;
            Ok(names.iter().map(|name| PackageName::new(name)).collect())
        }
        Some(Form::Html) => {
            let text = simple_html::decode(&answer.body, content_type);
            let links = simple_html::parse(&text).links;
            let names = links.iter().map(|link| PackageName::new(&link.filename));
            Ok(names.collect())
        }
        None => Err(unreadable(format!("its type is `{content_type}`"))),
    }
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
