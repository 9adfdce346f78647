//! Which user name and password, or which token, goes with a request.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use percent_encoding::percent_decode_str;
use reqwest::RequestBuilder;
use url::Url;

use super::OnceMap;
use super::access::{Access, Place, Trust, Vault};
use super::client::blocking;
use super::error::host;
use super::netrc::Netrc;

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

/// A place whose address was understood.
struct Entry {
    base: Url,
    name: Option<String>,
    user: Option<String>,
    login: Option<Login>,
    trust: Trust,
}

/// What is known of all hosts: by the settings, by the URLs of sources, and by whoever is asked in the end.
pub(crate) struct Credentials {
    entries: RwLock<Vec<Entry>>,
    netrc: Netrc,
    vault: Option<Arc<dyn Vault>>,
    /// What the vault has said, by the address it was asked for.
    answers: OnceMap<String, Option<Login>>,
}

impl Credentials {
    /// Places whose URL is none match nothing.
    pub(crate) fn new(access: &Access) -> Self {
        let credentials = Self {
            entries: RwLock::default(),
            netrc: access.netrc.clone(),
            vault: access.vault.clone(),
            answers: OnceMap::default(),
        };
        for place in &access.places {
            credentials.add_place(place);
        }
        credentials
    }

    fn add_place(&self, place: &Place) {
        let Ok(url) = Url::parse(&place.url) else {
            return;
        };
        let base = without_login(&url);
        let own = match (&place.user, &place.password) {
            (Some(user), Some(password)) => Some(Login::Basic {
                user: user.clone(),
                password: password.clone(),
            }),
            (Some(_), None) => None,
            (None, _) => login_in(&url),
        };
        self.write().push(Entry {
            base,
            name: place.name.clone(),
            user: place.user.clone(),
            login: own,
            trust: place.trust.clone(),
        });
    }

    /// Takes the login out of a URL and remembers it for its host. Returns the URL without it.
    pub(crate) fn strip(&self, url: &Url) -> Url {
        let Some(login) = login_in(url) else {
            return url.clone();
        };
        let bare = without_login(url);
        self.add(bare.clone(), login);
        bare
    }

    /// The login to send at first: that of the nearest place, or the one in `.netrc`. A login for `https` is never
    /// sent over `http`.
    pub(crate) async fn login(&self, url: &Url) -> Option<Login> {
        let (known, user) = {
            let entries = self.read();
            let entry = nearest(&entries, url);
            let known = entry.and_then(|entry| entry.login.clone());
            (known, entry.and_then(|entry| entry.user.clone()))
        };
        match (known, user) {
            (Some(login), _) => Some(login),
            // Half a login: what is missing lies in the vault.
            (None, Some(user)) => {
                let password = String::new();
                let found = self.ask_vault(url).await;
                Some(found.unwrap_or(Login::Basic { user, password }))
            }
            (None, None) => self.netrc.login(url),
        }
    }

    /// The login that is known without asking anybody.
    pub(crate) fn known(&self, url: &Url) -> Option<Login> {
        let of_place = nearest(&self.read(), url).and_then(|entry| entry.login.clone());
        of_place.or_else(|| self.netrc.login(url))
    }

    /// Remembers a login for what lies below `base`.
    pub(crate) fn add(&self, base: Url, login: Login) {
        let mut entries = self.write();
        let is_known = |entry: &Entry| entry.base == base && entry.login.as_ref() == Some(&login);
        if !entries.iter().any(is_known) {
            let trust = nearest(&entries, &base).map(|entry| entry.trust.clone());
            entries.push(Entry {
                base,
                name: None,
                user: None,
                login: Some(login),
                trust: trust.unwrap_or_default(),
            });
        }
    }

    /// Another login, after `refused` was not good enough.
    pub(crate) async fn other_login(&self, url: &Url, refused: Option<&Login>) -> Option<Login> {
        let is_set = nearest(&self.read(), url).is_some_and(|entry| entry.login.is_some());
        if is_set {
            return None;
        }
        let found = self.ask_vault(url).await;
        found.filter(|login| Some(login) != refused)
    }

    /// What the vault has for the nearest place, or for the host. It is asked once.
    async fn ask_vault(&self, url: &Url) -> Option<Login> {
        let vault = self.vault.clone()?;
        let (name, user, base) = {
            let entries = self.read();
            let entry = nearest(&entries, url);
            (
                entry.and_then(|entry| entry.name.clone()),
                entry.and_then(|entry| entry.user.clone()),
                entry.map(|entry| entry.base.clone()),
            )
        };
        let key = base.clone().map_or_else(|| host(url), String::from);
        let address = base.unwrap_or_else(|| url.clone());
        let ask = || async move {
            blocking(move || vault.login(name.as_deref(), &address, user.as_deref())).await
        };
        let found = self.answers.get(key, || async move {
            let (user, password) = ask().await?;
            Some(Login::Basic { user, password })
        });
        found.await
    }

    /// Which certificates count for an address.
    pub(crate) fn trust(&self, url: &Url) -> Trust {
        let entries = self.read();
        let trust = nearest(&entries, url).map(|entry| entry.trust.clone());
        trust.unwrap_or_default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Poetry: of the places on its host the one whose path has most in common with an address, the first of equals.
/// Between equals one that was found with a login in its URL wins.
fn nearest<'a>(entries: &'a [Entry], url: &Url) -> Option<&'a Entry> {
    let mut best: Option<((usize, bool, bool), &Entry)> = None;
    for entry in entries.iter().filter(|entry| may_serve(&entry.base, url)) {
        let (shared, is_below) = common_path(&entry.base, url);
        let rank = (shared, is_below, entry.login.is_some());
        if best.is_none_or(|(other, _)| rank > other) {
            best = Some((rank, entry));
        }
    }
    best.map(|(_, entry)| entry)
}

fn without_login(url: &Url) -> Url {
    let mut bare = url.clone();
    // Both fail only for URLs that can't have credentials, and these have none.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare
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

/// Poetry: what is set for a plain connection counts for a secure one, too, but never the other way.
fn may_serve(base: &Url, url: &Url) -> bool {
    (base.scheme() == url.scheme() || base.scheme() == "http")
        && base.host_str() == url.host_str()
        && base.port() == url.port()
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
    use std::sync::{Arc, Mutex};

    use url::Url;

    use super::{Credentials, Login};
    use crate::index::access::{Access, Place, Vault};
    use crate::index::netrc::Netrc;

    /// User and password, or the token.
    fn told(login: &Login) -> (&str, &str) {
        match login {
            Login::Basic { user, password } => (user, password),
            Login::Token(token) => (token, ""),
        }
    }

    async fn user(credentials: &Credentials, url: &str) -> Option<String> {
        let login = credentials.login(&url.parse().unwrap()).await;
        login.map(|login| told(&login).0.to_owned())
    }

    fn place(url: &str, user: &str) -> Place {
        Place::with_login(url, user, "secret")
    }

    fn credentials(places: Vec<Place>) -> Credentials {
        Credentials::new(&Access {
            places,
            ..Access::default()
        })
    }

    #[tokio::test]
    async fn the_longest_common_path_of_the_host_wins() {
        let credentials = credentials(vec![
            place("https://host/a", "one"),
            place("https://host/b/c", "two"),
            place("https://other:8443/", "three"),
            Place {
                url: "https://host/open/x".to_owned(),
                ..Place::default()
            },
        ]);
        for (url, expected) in [
            ("https://host/a/pkg/", Some("one")),
            ("https://host/b/c/d", Some("two")),
            ("https://host/files/x.whl", Some("one")),
            ("https://other:8443/x", Some("three")),
            ("https://other/x", None),
            // What is known of a place may be that it needs no login.
            ("https://host/open/y", None),
        ] {
            assert_eq!(user(&credentials, url).await.as_deref(), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn secrets_never_go_over_a_plain_connection_or_to_another_host() {
        let credentials = credentials(vec![
            place("https://host/", "one"),
            place("http://plain/", "two"),
        ]);
        assert_eq!(user(&credentials, "http://host/").await, None);
        assert_eq!(user(&credentials, "https://host.evil/").await, None);
        assert_eq!(user(&credentials, "https://plain/").await.unwrap(), "two");
    }

    #[tokio::test]
    async fn logins_in_urls_are_taken_out_and_remembered() {
        let in_place = Place {
            url: "https://you:pass@host/other".to_owned(),
            ..Place::default()
        };
        let same = Place {
            url: "https://host/simple".to_owned(),
            ..Place::default()
        };
        let credentials = credentials(vec![same, in_place]);
        let bare = credentials.strip(&"https://me%40work:p%3Ass@host/simple".parse().unwrap());
        assert_eq!(bare.as_str(), "https://host/simple");
        let url = "https://host/simple/six/".parse().unwrap();
        let login = credentials.login(&url).await.unwrap();
        assert_eq!(told(&login), ("me@work", "p:ss"));
        assert!(!format!("{login:?}").contains("p:ss"));
        assert_eq!(
            user(&credentials, "https://host/other/x").await.unwrap(),
            "you"
        );
    }

    /// Knows a password for one user, and writes down what it was asked.
    #[derive(Debug, Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Vault for Notes {
        fn login(
            &self,
            source: Option<&str>,
            address: &Url,
            user: Option<&str>,
        ) -> Option<(String, String)> {
            let asked = format!("{source:?} {address} {user:?}");
            self.0.lock().unwrap().push(asked);
            (user != Some("nobody")).then(|| (user.unwrap_or("found").to_owned(), "x".to_owned()))
        }
    }

    #[tokio::test]
    async fn the_vault_is_asked_once_and_only_where_it_must() {
        let notes = Arc::new(Notes::default());
        let half = |url: &str, user: &str| Place {
            name: Some("work".to_owned()),
            url: url.to_owned(),
            user: Some(user.to_owned()),
            ..Place::default()
        };
        let credentials = Credentials::new(&Access {
            places: vec![
                half("https://half/a", "me"),
                half("https://no/", "nobody"),
                place("https://whole/", "one"),
            ],
            netrc: Netrc::parse("machine plain login net password n").unwrap(),
            vault: Some(Arc::clone(&notes) as Arc<dyn Vault>),
            ..Access::default()
        });
        let url = |text: &str| text.parse::<Url>().unwrap();
        for _ in 0..2 {
            let login = credentials.login(&url("https://half/a/b")).await.unwrap();
            assert_eq!(told(&login), ("me", "x"));
            let login = credentials.login(&url("https://no/b")).await.unwrap();
            assert_eq!(told(&login), ("nobody", ""));
        }
        let whole = url("https://whole/x");
        let login = credentials.login(&whole).await;
        assert_eq!(credentials.other_login(&whole, login.as_ref()).await, None);
        let plain = url("https://plain/x");
        let login = credentials.login(&plain).await.unwrap();
        assert_eq!(told(&login), ("net", "n"));
        let other = credentials.other_login(&plain, Some(&login)).await;
        assert_eq!(told(&other.unwrap()), ("found", "x"));
        assert_eq!(
            *notes.0.lock().unwrap(),
            [
                "Some(\"work\") https://half/a Some(\"me\")",
                "Some(\"work\") https://no/ Some(\"nobody\")",
                "None https://plain/x None",
            ]
        );
    }

    #[tokio::test]
    async fn tokens_are_for_one_host_too() {
        let credentials = credentials(Vec::new());
        let base = "https://host/cache".parse().unwrap();
        credentials.add(base, Login::Token("secret".to_owned()));
        assert_eq!(
            user(&credentials, "https://host/cache/ac/1").await.unwrap(),
            "secret"
        );
        assert_eq!(user(&credentials, "https://other/cache/ac/1").await, None);
        assert!(!format!("{:?}", Login::Token("secret".to_owned())).contains("secret"));
    }
}
