//! How long a stored answer may be used, and how to ask whether it still holds (RFC 9111).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_cache_semantics::{CacheOptions, CachePolicy, ResponseLike};
use reqwest::header::{CACHE_CONTROL, ETAG, EXPIRES, HeaderMap, HeaderValue};
use reqwest::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Method, Request, StatusCode};
use url::Url;

/// What is kept of an answer's headers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Freshness {
    /// When it came, in seconds since 1970.
    pub(super) stored: u64,
    /// For how many seconds it may be used without asking.
    pub(super) lifetime: u64,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

impl Freshness {
    /// From a whole answer; `None` if it must not be stored.
    pub(crate) fn of(url: &Url, headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        // Guessing a lifetime from `Last-Modified` is allowed, but Poetry does not, and a page that is too old
        // hides new releases.
        let options = CacheOptions {
            shared: false,
            cache_heuristic: 0.0,
            ..CacheOptions::default()
        };
        let request = Request::new(Method::GET, url.clone());
        let policy = CachePolicy::new_options(&request, &Whole(headers), now, options);
        policy.is_storable().then(|| Self {
            stored: seconds(now),
            lifetime: policy.time_to_live(now).as_secs(),
            etag: text(headers, &ETAG),
            last_modified: text(headers, &LAST_MODIFIED),
        })
    }

    /// After the answer "not modified" with these headers. The validators stay: they are what the server compared.
    pub(crate) fn renewed(&self, url: &Url, headers: &HeaderMap, now: SystemTime) -> Self {
        let news = Self::of(url, headers, now).unwrap_or_default();
        let says = headers.contains_key(CACHE_CONTROL) || headers.contains_key(EXPIRES);
        Self {
            stored: seconds(now),
            lifetime: if says { news.lifetime } else { self.lifetime },
            ..self.clone()
        }
    }

    /// May it be used without asking?
    pub(crate) fn is_fresh(&self, now: SystemTime) -> bool {
        let now = seconds(now);
        // An answer from the future comes from a clock that was wrong; ask again.
        self.stored <= now && now < self.stored.saturating_add(self.lifetime)
    }

    /// Adds what makes a request conditional.
    pub(crate) fn add_validators(&self, headers: &mut HeaderMap) {
        for (name, value) in [
            (IF_NONE_MATCH, &self.etag),
            (IF_MODIFIED_SINCE, &self.last_modified),
        ] {
            let value = value.as_deref().map(HeaderValue::from_str);
            if let Some(Ok(value)) = value {
                headers.insert(name, value);
            }
        }
    }
}

/// Headers of an answer, seen as those of a whole one ("not modified" speaks of the stored answer).
struct Whole<'a>(&'a HeaderMap);

impl ResponseLike for Whole<'_> {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    fn headers(&self) -> &HeaderMap {
        self.0
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

fn text(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use reqwest::header::{HeaderMap, HeaderName};

    use super::Freshness;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn lifetimes_come_from_the_headers_and_are_not_guessed() {
        let url = "https://host/simple/six/".parse().unwrap();
        let now = SystemTime::now();
        for (list, expected) in [
            (vec![("cache-control", "max-age=600, public")], Some(600)),
            (
                vec![("cache-control", "max-age=600"), ("age", "100")],
                Some(500),
            ),
            (vec![("cache-control", "no-cache")], Some(0)),
            (vec![("cache-control", "no-store")], None),
            (vec![], Some(0)),
            (
                vec![("last-modified", "Tue, 01 Jan 2019 00:00:00 GMT")],
                Some(0),
            ),
        ] {
            let freshness = Freshness::of(&url, &headers(&list), now);
            assert_eq!(freshness.map(|f| f.lifetime), expected, "{list:?}");
        }
    }

    #[test]
    fn an_answer_grows_old_and_is_renewed() {
        let url = "https://host/".parse().unwrap();
        let now = SystemTime::now();
        let first = headers(&[("cache-control", "max-age=10"), ("etag", "\"a\"")]);
        let freshness = Freshness::of(&url, &first, now).unwrap();
        let later = now + Duration::from_secs(60);
        assert!(freshness.is_fresh(now));
        assert!(!freshness.is_fresh(later));
        assert!(!freshness.is_fresh(now - Duration::from_secs(60)));
        let renewed = freshness.renewed(&url, &HeaderMap::new(), later);
        assert!(renewed.is_fresh(later));
        let mut request = HeaderMap::new();
        renewed.add_validators(&mut request);
        assert_eq!(request, headers(&[("if-none-match", "\"a\"")]));
    }
}
