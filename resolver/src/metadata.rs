//! Core metadata of a distribution: METADATA, PKG-INFO.
//!
//! Poetry reads these files in two ways, and lock files show the difference. What an index serves, or a range request
//! brings, keeps its folded lines as they are ([`Metadata::parse`]). What lies in a downloaded archive has its lines
//! joined, `UNKNOWN` dropped and fields ignored that its metadata version did not have yet
//! ([`Metadata::parse_distribution`]).

use serde::{Deserialize, Serialize};

/// The fields of core metadata that resolution and locking use.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// `Metadata-Version`.
    pub metadata_version: String,
    /// `Name`, as written.
    pub name: String,
    /// `Version`, as written.
    pub version: String,
    /// `Summary`; empty if missing.
    pub summary: String,
    /// `Requires-Python`, as written; `None` if missing or empty.
    pub requires_python: Option<String>,
    /// All `Requires-Dist`, as written, in order.
    pub requires_dist: Vec<String>,
    /// All `Provides-Extra`, as written, in order.
    pub provides_extra: Vec<String>,
    /// All `Dynamic`, lower case.
    pub dynamic: Vec<String>,
}

/// Bytes that are no core metadata.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid core metadata: {reason}")]
pub struct MetadataError {
    /// What is wrong.
    pub reason: String,
}

impl Metadata {
    /// Parses METADATA or PKG-INFO as it is. Bytes that are not UTF-8 become replacement characters.
    ///
    /// # Errors
    /// When the headers can't be read or `Name` or `Version` is missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let headers = Headers::read(&String::from_utf8_lossy(bytes));
        let metadata = Self::from_headers(&headers, str::to_owned);
        require(&metadata.name, "Name")?;
        require(&metadata.version, "Version")?;
        Ok(metadata)
    }

    /// Poetry: parses metadata from within an archive as the `pkginfo` library does. Folded lines are joined by
    /// blanks, `UNKNOWN` counts as missing, and fields younger than the metadata's version are ignored. `Name` and
    /// `Version` may be missing (then they are empty), as in some old sdists.
    ///
    /// # Errors
    /// When there is no metadata version, or one of an unknown major.
    pub fn parse_distribution(bytes: &[u8]) -> Result<Self, MetadataError> {
        let text = String::from_utf8(bytes.to_vec())
            .unwrap_or_else(|_| bytes.iter().map(|&byte| char::from(byte)).collect());
        let headers = Headers::read(&text);
        let mut metadata = Self::from_headers(&headers, join_lines);
        require(&metadata.metadata_version, "Metadata-Version")?;
        let Some(era) = Era::of(&metadata.metadata_version) else {
            return Err(MetadataError {
                reason: format!("unknown metadata version `{}`", metadata.metadata_version),
            });
        };
        metadata.forget_unknown();
        metadata.forget_younger_than(era);
        Ok(metadata)
    }

    /// Does it say that `Requires-Dist` may differ in what is built from the sdist, or is it too old to say?
    #[must_use]
    pub fn has_dynamic_requirements(&self) -> bool {
        let mut numbers = self
            .metadata_version
            .split('.')
            .map(|part| part.parse::<u32>());
        let version = match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
            _ => return true,
        };
        version < (2, 2) || self.dynamic.iter().any(|field| field == "requires-dist")
    }

    fn from_headers(headers: &Headers, clean: impl Fn(&str) -> String) -> Self {
        let first = |name| headers.all(name).next().map(&clean).unwrap_or_default();
        let all = |name| headers.all(name).map(&clean).collect::<Vec<_>>();
        Self {
            metadata_version: first("metadata-version").trim().to_owned(),
            name: first("name").trim().to_owned(),
            version: first("version").trim().to_owned(),
            summary: first("summary"),
            requires_python: Some(first("requires-python")).filter(|text| !text.is_empty()),
            requires_dist: all("requires-dist"),
            provides_extra: all("provides-extra"),
            dynamic: headers
                .all("dynamic")
                .map(|field| field.trim().to_lowercase())
                .collect(),
        }
    }

    fn forget_unknown(&mut self) {
        for field in [&mut self.name, &mut self.version, &mut self.summary] {
            if field == "UNKNOWN" {
                field.clear();
            }
        }
        self.requires_python.take_if(|text| text == "UNKNOWN");
    }

    fn forget_younger_than(&mut self, era: Era) {
        if era < Era::Requirements {
            self.requires_python = None;
            self.requires_dist.clear();
        }
        if era < Era::Extras {
            self.provides_extra.clear();
        }
        if era < Era::Dynamic {
            self.dynamic.clear();
        }
        if era == Era::None {
            self.name.clear();
            self.version.clear();
            self.summary.clear();
        }
    }
}

fn require(field: &str, name: &str) -> Result<(), MetadataError> {
    if !field.is_empty() {
        return Ok(());
    }
    Err(MetadataError {
        reason: format!("field `{name}` is missing"),
    })
}

/// Which fields a metadata version has.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Era {
    /// A version that never was, so that nothing in it is understood.
    None,
    /// PEP 241, 314: name, version, summary.
    Basic,
    /// PEP 345: `Requires-Dist`, `Requires-Python`.
    Requirements,
    /// PEP 566: `Provides-Extra`.
    Extras,
    /// PEP 643: `Dynamic`.
    Dynamic,
}

impl Era {
    /// `None` if the major version is unknown.
    fn of(version: &str) -> Option<Self> {
        let era = match version {
            "1.0" | "1.1" => Self::Basic,
            "1.2" | "2.0" => Self::Requirements,
            "2.1" => Self::Extras,
            _ => match version.split_once('.') {
                Some(("2", minor)) if minor.parse::<u32>().is_ok_and(|minor| minor >= 2) => {
                    Self::Dynamic
                }
                _ if matches!(version.split('.').next(), Some("1" | "2")) => Self::None,
                _ => return None,
            },
        };
        Some(era)
    }
}

/// All fields of core metadata as they are written, and the text below them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers {
    /// In the order written: lower-case name, value with its folded lines.
    pub fields: Vec<(String, String)>,
    /// The description, in metadata since 2.1.
    pub body: String,
}

impl Headers {
    /// Reads fields up to the first empty line, or the first line that is none.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut body = text;
        for line in lines_with_ends(text) {
            let behind = &body[line.len()..];
            if line.trim_end_matches(['\r', '\n']).is_empty() {
                body = behind;
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push_str(line);
                }
            } else {
                let Some((name, value)) = line.split_once(':') else {
                    break;
                };
                if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                    break;
                }
                let value = value.trim_start_matches([' ', '\t']).to_owned();
                fields.push((name.to_ascii_lowercase(), value));
            }
            body = behind;
        }
        for (_, value) in &mut fields {
            value.truncate(value.trim_end_matches(['\r', '\n']).len());
        }
        Self {
            fields,
            body: body.to_owned(),
        }
    }

    /// All values of a field; `name` in lower case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let matching = self.fields.iter().filter(move |(other, _)| other == name);
        matching.map(|(_, value)| value.as_str())
    }
}

/// Splits at `\n`, `\r\n` and `\r`, each line with its end.
fn lines_with_ends(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = match rest.find(['\r', '\n']) {
            Some(at) if rest[at..].starts_with("\r\n") => at + 2,
            Some(at) => at + 1,
            None => rest.len(),
        };
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

fn join_lines(value: &str) -> String {
    let lines: Vec<&str> = value.split(['\n', '\r']).map(str::trim).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::Metadata;

    #[test]
    fn folded_lines_are_kept_or_joined() {
        let text =
            b"Metadata-Version: 2.1\nName: a\nVersion: 1\nSummary: one\n  two\n\nSummary: body";
        assert_eq!(Metadata::parse(text).unwrap().summary, "one\n  two");
        let joined = Metadata::parse_distribution(text).unwrap();
        assert_eq!(joined.summary, "one two");
    }

    #[test]
    fn fields_younger_than_the_version_are_ignored_in_archives() {
        let text =
            b"Metadata-Version: 1.1\nName: a\nVersion: 1\nRequires-Dist: b\nSummary: UNKNOWN\n";
        let metadata = Metadata::parse_distribution(text).unwrap();
        assert!(metadata.requires_dist.is_empty());
        assert_eq!(metadata.summary, "");
        let raw = Metadata::parse(text).unwrap();
        assert_eq!(raw.requires_dist, ["b"]);
        assert_eq!(raw.summary, "UNKNOWN");
    }

    #[test]
    fn bytes_of_other_encodings_do_not_stop_the_reading() {
        let text = b"Metadata-Version: 2.1\nName: a\nVersion: 1\nSummary: caf\xe9\n";
        assert_eq!(Metadata::parse(text).unwrap().summary, "caf\u{fffd}");
        let archived = Metadata::parse_distribution(text).unwrap();
        assert_eq!(archived.summary, "café");
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for text in [
            "",
            "garbage",
            "Name: a\n",
            "Version: 1\n",
            "\nName: a\nVersion: 1\n",
        ] {
            assert!(Metadata::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        for text in [
            "",
            "Name: a\nVersion: 1\n",
            "Metadata-Version: 3.0\nName: a\n",
        ] {
            assert!(
                Metadata::parse_distribution(text.as_bytes()).is_err(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn static_requirements_need_a_version_that_can_say_so() {
        let with = |head: &str| {
            Metadata::parse_distribution(format!("{head}\nName: a\nVersion: 1\n").as_bytes())
                .unwrap()
        };
        assert!(with("Metadata-Version: 2.1").has_dynamic_requirements());
        assert!(!with("Metadata-Version: 2.2").has_dynamic_requirements());
        assert!(with("Metadata-Version: 2.2\nDynamic: Requires-Dist").has_dynamic_requirements());
        assert!(!with("Metadata-Version: 2.4\nDynamic: Version").has_dynamic_requirements());
    }
}
