//! What users say about hosts: who they are there, and whom they trust.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::netrc::Netrc;
use crate::git_url::without_credentials;

/// Logins and certificates of all hosts.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What is known of addresses. Of those on one host the nearest counts, the first of equals.
    pub places: Vec<Place>,
    /// Logins of hosts that no place has one for.
    pub netrc: Netrc,
    /// Is asked for logins when access is refused, and for the password of a place that has only a user.
    pub vault: Option<Arc<dyn Vault>>,
    /// Root certificates (PEM: a file, or a folder of files) that count instead of the system's.
    pub roots: Option<PathBuf>,
    /// PEM files with root certificates that count besides the system's.
    pub more_roots: Vec<PathBuf>,
}

impl Access {
    /// The same certificates, but nobody's login.
    #[must_use]
    pub fn without_logins(&self) -> Self {
        let places = self.places.iter().map(|place| Place {
            name: place.name.clone(),
            url: without_credentials(&place.url).into_owned(),
            user: None,
            password: None,
            trust: place.trust.clone(),
        });
        Self {
            places: places.collect(),
            netrc: Netrc::default(),
            vault: None,
            roots: self.roots.clone(),
            more_roots: self.more_roots.clone(),
        }
    }
}

impl Eq for Access {}

/// Vaults are the same if they say the same of themselves.
impl PartialEq for Access {
    fn eq(&self, other: &Self) -> bool {
        self.places == other.places
            && self.netrc == other.netrc
            && self.roots == other.roots
            && self.more_roots == other.more_roots
            && format!("{:?}", self.vault) == format!("{:?}", other.vault)
    }
}

/// What is known of an address and of all that lies on its host.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Place {
    /// The source that is there, if it has a name.
    pub name: Option<String>,
    /// Its address. Credentials in it count unless `user` is set.
    pub url: String,
    /// Who the user is there.
    pub user: Option<String>,
    /// May be unknown although the user is not.
    pub password: Option<String>,
    /// Which certificates count there.
    pub trust: Trust,
}

impl Place {
    /// An address that needs a login.
    #[must_use]
    pub fn with_login(url: &str, user: &str, password: &str) -> Self {
        Self {
            url: url.to_owned(),
            user: Some(user.to_owned()),
            password: Some(password.to_owned()),
            ..Self::default()
        }
    }
}

/// Without the password, and without one that is in the URL.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("name", &self.name)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

/// Which certificates count at a place.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Trust {
    /// Root certificates (PEM: a file, or a folder of files) that count instead of all others.
    pub roots: Option<PathBuf>,
    /// Is any certificate good enough?
    pub is_blind: bool,
    /// A PEM file with the user's own certificate and its key.
    pub client: Option<PathBuf>,
}

/// Keeps logins that cost something to ask for. The program has one; libraries look for none.
pub trait Vault: fmt::Debug + Send + Sync {
    /// User and password for an address, of the source with this name, if it is one of a source. If the user is
    /// known, only the password is looked for. Blocks, and may ask another program.
    fn login(
        &self,
        source: Option<&str>,
        address: &Url,
        user: Option<&str>,
    ) -> Option<(String, String)>;
}
