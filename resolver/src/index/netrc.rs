//! `~/.netrc`: logins by host, as old as FTP and understood by curl, git and Python's HTTP clients.

use url::Url;

use super::credentials::Login;

/// The logins in a `.netrc`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Netrc {
    /// `None` stands for all hosts that are not named.
    entries: Vec<(Option<String>, Entry)>,
}

/// User and password.
type Entry = (String, String);

/// A word, and whether it stood in quotes.
type Word = (String, bool);

impl Netrc {
    /// Reads the text of such a file.
    ///
    /// Poetry: `None` if anything in it is not understood; then all of it counts as not there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = Words { rest: text };
        let mut entries = Vec::new();
        while let Some((word, is_quoted)) = words.next() {
            match word.as_str() {
                _ if is_quoted => return None,
                "machine" => {
                    let (host, _) = words.next()?;
                    entries.push((Some(host), Entry::default()));
                }
                "default" => entries.push((None, Entry::default())),
                "macdef" => words.skip_macro(),
                "login" | "user" => entries.last_mut()?.1.0 = words.next()?.0,
                "password" => entries.last_mut()?.1.1 = words.next()?.0,
                // Some servers want it; HTTP knows none.
                "account" => drop(words.next()?),
                comment if comment.starts_with('#') => words.skip_line(),
                _ => return None,
            }
        }
        Some(Self { entries })
    }

    /// The login for the host of an address. Poetry: the port does not matter.
    pub(super) fn login(&self, url: &Url) -> Option<Login> {
        let host = url.host_str()?;
        let is_named = |name: &Option<String>| {
            name.as_ref()
                .is_some_and(|name| name.eq_ignore_ascii_case(host))
        };
        // Of several entries for one host the last one counts.
        let entries = || self.entries.iter().rev();
        entries()
            .find(|(name, _)| is_named(name))
            .or_else(|| entries().find(|(name, _)| name.is_none()))
            .map(|(_, (user, password))| Login::Basic {
                user: user.clone(),
                password: password.clone(),
            })
    }
}

/// The words of the file.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// Spaces end a word unless it stands in quotes; a backslash takes the next character as it is.
    fn next(&mut self) -> Option<Word> {
        self.rest = self.rest.trim_start();
        let mut letters = self.rest.char_indices();
        let mut word = String::new();
        let is_quoted = self.rest.starts_with('"');
        if is_quoted {
            letters.next();
        }
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' if is_quoted => {
                    end = at + 1;
                    break;
                }
                '\\' => word.extend(letters.next().map(|(_, next)| next)),
                _ if letter.is_whitespace() && !is_quoted => {
                    end = at;
                    break;
                }
                _ => word.push(letter),
            }
        }
        let is_there = end > 0;
        self.rest = &self.rest[end..];
        is_there.then_some((word, is_quoted))
    }

    fn skip_line(&mut self) {
        // The line end itself may be the next character.
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
    }

    /// A macro goes on to the next empty line.
    fn skip_macro(&mut self) {
        let ends = ["\n\n", "\r\n\r\n"].map(|end| self.rest.find(end));
        let end = ends.into_iter().flatten().min();
        self.rest = end.map_or("", |end| &self.rest[end..]);
    }
}

#[cfg(test)]
mod tests {
    use super::{Login, Netrc};

    fn login(text: &str, url: &str) -> Option<String> {
        match Netrc::parse(text)?.login(&url.parse().unwrap())? {
            Login::Basic { user, password } => Some(format!("{user}:{password}")),
            Login::Token(_) => None,
        }
    }

    #[test]
    fn hosts_find_their_logins() {
        let text = "# of mine\nmachine a.org login me password s3#cret # end\n\nmachine b.org\n\tuser x\n\
                    account y\n password \"a b\\\"c\"\nmacdef init\n cd /\n machine c.org\n\nmachine a.org:1 login no\n";
        let found = |url| login(text, url);
        assert_eq!(found("https://a.org/simple/").unwrap(), "me:s3#cret");
        assert_eq!(found("http://A.org:8080/").unwrap(), "me:s3#cret");
        assert_eq!(found("https://b.org/").unwrap(), "x:a b\"c");
        assert_eq!(found("https://c.org/"), None);
        let with_default = format!("default login any password thing\n{text}");
        assert_eq!(login(&with_default, "https://c.org/").unwrap(), "any:thing");
        assert_eq!(
            login(&with_default, "https://a.org/").unwrap(),
            "me:s3#cret"
        );
    }

    #[test]
    fn a_file_that_is_not_understood_counts_as_not_there() {
        for text in [
            "login me",
            "machine",
            "machine a.org login",
            "machine a.org nope x",
        ] {
            assert!(Netrc::parse(text).is_none(), "{text}");
        }
        assert!(Netrc::parse("").is_some());
    }
}
