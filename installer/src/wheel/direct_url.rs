//! `direct_url.json` (PEP 610), as Poetry writes it.

use std::fmt::Write;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Where a distribution came from that no index provided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DirectUrl {
    /// A folder on this machine.
    Directory {
        /// `file://` URL.
        url: String,
        /// Was it installed as editable?
        editable: bool,
    },
    /// A wheel or sdist.
    Archive {
        /// Its URL.
        url: String,
        /// Algorithm and hex digest.
        hash: Option<(String, String)>,
    },
    /// A git repository.
    Git {
        /// The clone URL.
        url: String,
        /// What the project asked for.
        requested_revision: Option<String>,
        /// What that was.
        commit: Option<String>,
        /// Folder of the project inside.
        subdirectory: Option<String>,
    },
}

impl DirectUrl {
    /// The file's text: Python's default JSON, with a blank after `:` and `,` and nothing but ASCII.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Directory { url, editable } => {
                let info = if *editable {
                    r#"{"editable": true}"#
                } else {
                    "{}"
                };
                let _ = write!(
                    text,
                    r#"{{"url": {}, "dir_info": {info}}}"#,
                    json(Some(url))
                );
            }
            Self::Archive { url, hash } => {
                let _ = write!(text, r#"{{"url": {}, "archive_info": {{"#, json(Some(url)));
                if let Some((algorithm, digest)) = hash {
                    let _ = write!(
                        text,
                        r#""hashes": {{{}: {}}}"#,
                        json(Some(algorithm)),
                        json(Some(digest))
                    );
                }
                text.push_str("}}");
            }
            Self::Git {
                url,
                requested_revision,
                commit,
                subdirectory,
            } => {
                let _ = write!(
                    text,
                    r#"{{"url": {}, "vcs_info": {{"vcs": "git", "requested_revision": {}, "commit_id": {}}}"#,
                    json(Some(url)),
                    json(requested_revision.as_deref()),
                    json(commit.as_deref()),
                );
                if subdirectory.is_some() {
                    let _ = write!(
                        text,
                        r#", "subdirectory": {}"#,
                        json(subdirectory.as_deref())
                    );
                }
                text.push('}');
            }
        }
        text
    }
}

/// The `file://` URL of an absolute path, quoted as Python does.
#[must_use]
pub fn file_url(path: &Path) -> String {
    const QUOTED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'_')
        .remove(b'.')
        .remove(b'-')
        .remove(b'~');
    format!(
        "file://{}",
        percent_encode(path.as_os_str().as_encoded_bytes(), QUOTED)
    )
}

fn json(text: Option<&str>) -> String {
    let Some(text) = text else {
        return "null".to_owned();
    };
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{DirectUrl, file_url};

    #[test]
    fn texts_are_those_of_poetry() {
        let directory = |editable| DirectUrl::Directory {
            url: file_url(std::path::Path::new("/a b/é")),
            editable,
        };
        assert_eq!(
            directory(true).to_text(),
            r#"{"url": "file:///a%20b/%C3%A9", "dir_info": {"editable": true}}"#
        );
        assert_eq!(
            directory(false).to_text(),
            r#"{"url": "file:///a%20b/%C3%A9", "dir_info": {}}"#
        );
        let archive = DirectUrl::Archive {
            url: "https://example.org/ü.whl".to_owned(),
            hash: Some(("sha256".to_owned(), "ab".to_owned())),
        };
        assert_eq!(
            archive.to_text(),
            r#"{"url": "https://example.org/\u00fc.whl", "archive_info": {"hashes": {"sha256": "ab"}}}"#
        );
        let git = DirectUrl::Git {
            url: "https://example.org/r.git".to_owned(),
            requested_revision: Some("main".to_owned()),
            commit: Some("c0ffee".to_owned()),
            subdirectory: Some("lib".to_owned()),
        };
        assert_eq!(
            git.to_text(),
            r#"{"url": "https://example.org/r.git", "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "c0ffee"}, "subdirectory": "lib"}"#
        );
    }
}
