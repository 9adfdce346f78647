//! Which user name and password, or which token, goes with a request.

use std::sync::{PoisonError, RwLock};

use percent_encoding::percent_decode_str;
use reqwest::RequestBuilder;
use url::Url;

/// What proves to a host who is asking. Its debug form does not show it.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Login {
    /// A user name and a password.
    Basic { user: String, password: String },
    /// A bearer token.
    Token(String),
}

impl Login {
    /// Puts it on a request.
    pub(crate) fn authorize(self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic { user, password } => request.basic_auth(user, Some(password)),
            Self::Token(token) => request.bearer_auth(token),
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

struct Entry {
    base: Url,
    login: Login,
}

/// All logins known: those of the settings, and those in the URLs of sources.
#[derive(Default)]
pub(crate) struct Credentials {
    entries: RwLock<Vec<Entry>>,
}

impl Credentials {
    /// From (URL prefix, user, password); prefixes that are no URL match nothing.
    pub(crate) fn new(configured: &[(String, String, String)]) -> Self {
        let credentials = Self::default();
        for (prefix, user, password) in configured {
            if let Ok(base) = Url::parse(prefix) {
                let (user, password) = (user.clone(), password.clone());
                credentials.add(base, Login::Basic { user, password });
            }
        }
        credentials
    }

    /// Takes the login out of a URL and remembers it for its host. Returns the URL without it.
    pub(crate) fn strip(&self, url: &Url) -> Url {
        let mut bare = url.clone();
        if let Some(login) = login_in(url) {
            // Both fail only for URLs that can't have credentials, and this one has.
            let _ = bare.set_username("");
            let _ = bare.set_password(None);
            self.add(bare.clone(), login);
        }
        bare
    }

    /// The login for a URL: of those for its host the one whose path has most in common with it, the first of
    /// equals. A login for `https` is never sent over `http`.
    pub(crate) fn of(&self, url: &Url) -> Option<Login> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut best: Option<((usize, bool), &Entry)> = None;
        for entry in entries.iter().filter(|entry| may_serve(&entry.base, url)) {
            let rank = common_path(&entry.base, url);
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, entry));
            }
        }
        best.map(|(_, entry)| entry.login.clone())
    }

    /// Remembers a login for what lies below `base`.
    pub(crate) fn add(&self, base: Url, login: Login) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let known = |entry: &Entry| entry.base == base && entry.login == login;
        if !entries.iter().any(known) {
            entries.push(Entry { base, login });
        }
    }
}

fn login_in(url: &Url) -> Option<Login> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(Login::Basic {
        user: decode(url.username()),
        password: decode(url.password().unwrap_or("")),
    })
}

fn may_serve(base: &Url, url: &Url) -> bool {
    base.scheme() == url.scheme()
        && base.host_str() == url.host_str()
        && base.port_or_known_default() == url.port_or_known_default()
}

/// Poetry: how many leading path segments both share, and whether `url` lies below `base`.
fn common_path(base: &Url, url: &Url) -> (usize, bool) {
    let base = segments(base);
    let shared = base
        .iter()
        .zip(segments(url))
        .take_while(|(a, b)| **a == *b)
        .count();
    (shared, shared == base.len())
}

fn segments(url: &Url) -> Vec<&str> {
    url.path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Login};

    fn user(credentials: &Credentials, url: &str) -> Option<String> {
        match credentials.of(&url.parse().unwrap())? {
            Login::Basic { user, .. } => Some(user),
            Login::Token(token) => Some(token),
        }
    }

    fn entry(url: &str, user: &str) -> (String, String, String) {
        (url.to_owned(), user.to_owned(), "secret".to_owned())
    }

    #[test]
    fn the_longest_common_path_of_the_host_wins() {
        let credentials = Credentials::new(&[
            entry("https://host/a", "one"),
            entry("https://host/b/c", "two"),
            entry("https://other:8443/", "three"),
        ]);
        assert_eq!(user(&credentials, "https://host/a/pkg/").unwrap(), "one");
        assert_eq!(user(&credentials, "https://host/b/c/d").unwrap(), "two");
        assert_eq!(
            user(&credentials, "https://host/files/x.whl").unwrap(),
            "one"
        );
        assert_eq!(user(&credentials, "https://other:8443/x").unwrap(), "three");
        assert_eq!(user(&credentials, "https://other/x"), None);
    }

    #[test]
    fn secrets_never_go_over_a_plain_connection_or_to_another_host() {
        let credentials = Credentials::new(&[entry("https://host/", "one")]);
        assert_eq!(user(&credentials, "http://host/"), None);
        assert_eq!(user(&credentials, "https://host.evil/"), None);
    }

    #[test]
    fn logins_in_urls_are_taken_out_and_remembered() {
        let credentials = Credentials::default();
        let bare = credentials.strip(&"https://me%40work:p%3Ass@host/simple".parse().unwrap());
        assert_eq!(bare.as_str(), "https://host/simple");
        let login = credentials
            .of(&"https://host/simple/six/".parse().unwrap())
            .unwrap();
        let expected = Login::Basic {
            user: "me@work".to_owned(),
            password: "p:ss".to_owned(),
        };
        assert!(login == expected);
        assert!(!format!("{login:?}").contains("p:ss"));
    }

    #[test]
    fn tokens_are_for_one_host_too() {
        let credentials = Credentials::default();
        let base = "https://host/cache".parse().unwrap();
        credentials.add(base, Login::Token("secret".to_owned()));
        assert_eq!(
            user(&credentials, "https://host/cache/ac/1").unwrap(),
            "secret"
        );
        assert_eq!(user(&credentials, "https://other/cache/ac/1"), None);
        assert!(!format!("{:?}", Login::Token("secret".to_owned())).contains("secret"));
    }
}
