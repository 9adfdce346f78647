//! Addresses of git repositories, as Poetry takes them apart and prints them.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// An address in its parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GitUrl {
    /// `https`, `ssh`, `git`, `file`, …; `ssh` for the short form `user@host:path`.
    pub protocol: String,
    /// User, and for `https` perhaps `:password`.
    pub user: Option<String>,
    /// The host; missing in `file:///path`.
    pub host: Option<String>,
    /// The port, in digits.
    pub port: Option<String>,
    /// The path, with the separator that it began with (`/` or `:`).
    pub path: String,
    /// What follows `@` or `#`.
    pub rev: Option<String>,
    /// `#subdirectory=…`.
    pub subdirectory: Option<String>,
}

/// A text that is no address of a git repository.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Invalid git url \"{url}\"")]
pub struct GitUrlError {
    /// The text as given.
    pub url: String,
}

/// The address in the form that requirements and lock files print: no `git+`, no revision, no fragment.
///
/// # Errors
/// When the text is no address; local paths without a scheme are none.
pub fn normalize_git_url(url: &str) -> Result<String, GitUrlError> {
    GitUrl::parse(url).map(|parsed| parsed.address())
}

/// A URL as lock files and messages may show it: without user and password, if it has a password.
#[must_use]
pub fn without_credentials(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Cow::Borrowed(url);
    };
    let host_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host_ends].rsplit_once('@') {
        Some((user, _)) if user.contains(':') => {
            Cow::Owned(format!("{scheme}://{}", &rest[user.len() + 1..]))
        }
        _ => Cow::Borrowed(url),
    }
}

/// User and password in a URL, if it has both.
#[must_use]
pub fn credentials(url: &str) -> Option<(String, String)> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let (user, password) = host.rsplit_once('@')?.0.split_once(':')?;
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decoded(user), decoded(password)))
}

/// The URL with a user and a password; as it is if it has a user or can't have one.
#[must_use]
pub(crate) fn with_credentials(url: &str, user: &str, password: &str) -> String {
    match url.split_once("://") {
        Some((scheme @ ("http" | "https"), rest))
            if !rest.split('/').next().unwrap_or_default().contains('@') =>
        {
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
            format!("{scheme}://{}:{}@{rest}", encoded(user), encoded(password))
        }
        _ => url.to_owned(),
    }
}

impl GitUrl {
    /// Takes an address apart.
    ///
    /// # Errors
    /// When the text is no address.
    pub fn parse(url: &str) -> Result<Self, GitUrlError> {
        let bare = url.strip_prefix("git+").unwrap_or(url);
        let parsed = match bare.split_once("://") {
            Some((protocol, rest)) if is_word(protocol) => Self::with_protocol(protocol, rest),
            _ => Self::short_form(url),
        };
        parsed.ok_or_else(|| GitUrlError {
            url: url.to_owned(),
        })
    }

    /// The address alone.
    ///
    /// Poetry: a missing host (`file:///path`) is printed as `None`. Lock files show it, so it stays.
    #[must_use]
    pub fn address(&self) -> String {
        let user = (self.user.as_ref()).map_or_else(String::new, |user| format!("{user}@"));
        let host = self.host.as_deref().unwrap_or("None");
        let port = (self.port.as_ref()).map_or_else(String::new, |port| format!(":{port}"));
        let path = self.path.trim_start_matches([':', '/']);
        format!("{}://{user}{host}{port}/{path}", self.protocol)
    }

    /// `protocol://[user@][host][:port]path[@rev][#…]`
    fn with_protocol(protocol: &str, rest: &str) -> Option<Self> {
        let with_password = matches!(protocol, "http" | "https");
        let (user, rest) = split_user(rest, with_password);
        let (host, rest) = split_host(rest);
        let (path_begin, suffix) = split_suffix(rest);
        let (port, path) = split_port(path_begin);
        let begins_well = path.starts_with([':', '/', '\\']);
        let body = path.get(1..)?;
        let (rev, subdirectory) = read_suffix(suffix)?;
        (begins_well && body.chars().all(is_path_char)).then(|| Self {
            protocol: protocol.to_owned(),
            user: user.map(str::to_owned),
            host: (!host.is_empty()).then(|| host.to_owned()),
            port: port.map(str::to_owned),
            path: path.to_owned(),
            rev,
            subdirectory,
        })
    }

    /// `[user@]host:folder/name`, as ssh understands it. The path has at least two parts.
    fn short_form(url: &str) -> Option<Self> {
        let (user, rest) = split_user(url, false);
        let (host, rest) = split_host(rest);
        let (path, suffix) = split_suffix(rest);
        let (rev, subdirectory) = read_suffix(suffix)?;
        let (port, path) = match split_port(path) {
            (Some(port), path) if is_short_path(path) => (Some(port), path),
            _ => (None, path),
        };
        (!host.is_empty() && is_short_path(path)).then(|| Self {
            protocol: "ssh".to_owned(),
            user: user.map(str::to_owned),
            host: Some(host.to_owned()),
            port: port.map(str::to_owned),
            path: path.to_owned(),
            rev,
            subdirectory,
        })
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_word_char)
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_path_char(c: char) -> bool {
    is_word_char(c) || "%~.-+/\\$".contains(c)
}

fn is_short_path(path: &str) -> bool {
    let Some(body) = path.strip_prefix([':', '/']) else {
        return false;
    };
    let name_begins = body.trim_end_matches('/').rfind('/');
    body.chars().all(is_path_char) && name_begins.is_some_and(|at| at > 0)
}

fn split_user(text: &str, with_password: bool) -> (Option<&str>, &str) {
    let end = text
        .find(|c: char| "/?#@<>[]|".contains(c) || (c == ':' && !with_password))
        .unwrap_or(text.len());
    match text[end..].strip_prefix('@') {
        Some(rest) if end > 0 => (Some(&text[..end]), rest),
        _ => (None, text),
    }
}

fn split_host(text: &str) -> (&str, &str) {
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let end = text.find(|c| !is_host_char(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// `:22/path` → port and path; `:path` has no port.
fn split_port(text: &str) -> (Option<&str>, &str) {
    let Some(digits_and_path) = text.strip_prefix(':') else {
        return (None, text);
    };
    let end = digits_and_path
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits_and_path.len());
    let (digits, path) = digits_and_path.split_at(end);
    if digits.is_empty() || !path.starts_with([':', '/', '\\']) {
        return (None, text);
    }
    (Some(digits), path)
}

fn split_suffix(text: &str) -> (&str, &str) {
    text.split_at(text.find(['@', '#']).unwrap_or(text.len()))
}

/// Revision and subdirectory of `@rev`, `#rev`, `#egg=…`, `#subdirectory=…` and their combinations.
fn read_suffix(suffix: &str) -> Option<(Option<String>, Option<String>)> {
    let Some(sign) = suffix.chars().next() else {
        return Some((None, None));
    };
    let body = &suffix[1..];
    if sign == '#' {
        if let Some(subdirectory) = subdirectory_of(body) {
            return Some((None, Some(subdirectory.to_owned())));
        }
        if body.strip_prefix("egg").is_some_and(|egg| !egg.is_empty()) {
            return Some((None, None));
        }
    }
    for (at, _) in body.match_indices(['&', '#']) {
        let (rev, fragment) = (&body[..at], &body[at + 1..]);
        if !is_rev(rev) {
            break;
        }
        if let Some(subdirectory) = subdirectory_of(fragment) {
            return Some((Some(rev.to_owned()), Some(subdirectory.to_owned())));
        }
        if fragment.len() > "egg=".len() && fragment.starts_with("egg=") {
            return Some((Some(rev.to_owned()), None));
        }
    }
    is_rev(body).then(|| (Some(body.to_owned()), None))
}

fn is_rev(text: &str) -> bool {
    !text.is_empty() && !text.contains(['@', '#'])
}

fn subdirectory_of(fragment: &str) -> Option<&str> {
    let is_subdirectory = |text: &&str| {
        let allowed = |c: char| is_word_char(c) || "-/\\".contains(c);
        !text.is_empty() && text.chars().all(allowed)
    };
    let after_egg = || {
        let (egg, subdirectory) = fragment
            .strip_prefix("egg=")?
            .split_once("&subdirectory=")?;
        (!egg.is_empty()).then_some(subdirectory)
    };
    (fragment.strip_prefix("subdirectory="))
        .or_else(after_egg)
        .filter(is_subdirectory)
}

#[cfg(test)]
mod tests {
    use super::{credentials, with_credentials, without_credentials};

    #[test]
    fn credentials_go_in_and_out() {
        let bare = "https://e.org:8080/a.git";
        let full = with_credentials(bare, "me@work", "s/e:c");
        assert_eq!(full, "https://me%40work:s%2Fe%3Ac@e.org:8080/a.git");
        assert_eq!(
            credentials(&full),
            Some(("me@work".to_owned(), "s/e:c".to_owned()))
        );
        assert_eq!(without_credentials(&full), bare);
        assert_eq!(credentials("https://me@e.org/a:b@c"), None);
        for url in ["ssh://git@e.org/a.git", "file:///a", "https://me@e.org/a"] {
            assert_eq!(with_credentials(url, "u", "p"), url);
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("https://me:secret@e.org/a.git", "https://e.org/a.git"),
            ("https://me:se@cret@e.org", "https://e.org"),
            (
                "https://:token@e.org:8080/a?b=c@d",
                "https://e.org:8080/a?b=c@d",
            ),
            ("https://me@e.org/a.git", "https://me@e.org/a.git"),
            ("ssh://git@e.org:22/a.git", "ssh://git@e.org:22/a.git"),
            ("https://e.org/a:b@c", "https://e.org/a:b@c"),
            ("file://None/a", "file://None/a"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
