//! Project pages as JSON (PEP 691, with PEP 592, 658, 700, 714).

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::listing::Link;
use crate::dist::Hash;

/// What a page says.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The protocol's version, if the page names it.
    pub(crate) api_version: Option<String>,
    pub(crate) links: Vec<Link>,
}

/// # Errors
/// When it is no JSON, or not of the shape of a page.
pub(crate) fn parse(body: &[u8]) -> Result<Listing, serde_json::Error> {
    let page: Page = serde_json::from_slice(body)?;
    Ok(Listing {
        api_version: page.meta.and_then(|meta| meta.api_version),
        links: page.files.into_iter().map(File::into_link).collect(),
    })
}

#[derive(Deserialize)]
struct Page {
    meta: Option<Meta>,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
    requires_python: Option<String>,
    #[serde(default)]
    yanked: Yanked,
    /// PEP 714's name for what PEP 658 called `dist-info-metadata`; it wins if both are there.
    core_metadata: Option<Announcement>,
    dist_info_metadata: Option<Announcement>,
    size: Option<u64>,
    upload_time: Option<String>,
}

impl File {
    fn into_link(self) -> Link {
        let announced = self.core_metadata.or(self.dist_info_metadata);
        Link {
            filename: self.filename,
            url: self.url,
            hashes: self.hashes.0,
            requires_python: self.requires_python,
            yanked: self.yanked.0,
            core_metadata: announced.and_then(|announced| announced.0),
            size: self.size,
            upload_time: self.upload_time,
        }
    }
}

#[derive(Default)]
struct Hashes(Vec<Hash>);

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Hashes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("hashes by algorithm")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hashes, A::Error> {
                let mut hashes = Vec::with_capacity(map.size_hint().unwrap_or(1));
                while let Some((algorithm, mut hex)) = map.next_entry::<String, String>()? {
                    hex.make_ascii_lowercase();
                    hashes.push(Hash { algorithm, hex });
                }
                Ok(Hashes(hashes))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// `false`, `true`, or a reason.
#[derive(Default)]
struct Yanked(Option<String>);

impl<'de> Deserialize<'de> for Yanked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Yanked;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a reason")
            }
            fn visit_bool<E: Error>(self, yanked: bool) -> Result<Yanked, E> {
                Ok(Yanked(yanked.then(String::new)))
            }
            fn visit_str<E: Error>(self, reason: &str) -> Result<Yanked, E> {
                Ok(Yanked(Some(reason.to_owned())))
            }
            fn visit_unit<E: Error>(self) -> Result<Yanked, E> {
                Ok(Yanked(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// `false`, `true`, or hashes. Of several hashes the strongest that we check is kept.
struct Announcement(Option<Option<Hash>>);

impl<'de> Deserialize<'de> for Announcement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Announcement;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or hashes")
            }
            fn visit_bool<E: Error>(self, there: bool) -> Result<Announcement, E> {
                Ok(Announcement(there.then_some(None)))
            }
            fn visit_unit<E: Error>(self) -> Result<Announcement, E> {
                Ok(Announcement(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Announcement, A::Error> {
                let mut best: Option<Hash> = None;
                while let Some(algorithm) = map.next_key::<String>()? {
                    if !matches!(algorithm.as_str(), "sha256" | "sha384" | "sha512") {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let mut hex: String = map.next_value()?;
                    hex.make_ascii_lowercase();
                    // The names sort by strength.
                    if best.as_ref().is_none_or(|hash| hash.algorithm < algorithm) {
                        best = Some(Hash { algorithm, hex });
                    }
                }
                Ok(Announcement(Some(best)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::dist::Hash;

    #[test]
    fn all_fields_are_read_and_unknown_ones_ignored() {
        let page = br#"{"meta": {"api-version": "1.4", "_last-serial": 5}, "name": "a", "versions": ["1.0"],
            "alternate-locations": [], "files": [
            {"filename": "a-1.0.tar.gz", "url": "x", "hashes": {}, "requires-python": null, "yanked": false,
             "core-metadata": false, "size": null, "provenance": null, "gpg-sig": true},
            {"filename": "a-1.0-py3-none-any.whl", "url": "y", "hashes": {"sha256": "AB", "md5": "cd"},
             "requires-python": ">=3.8", "yanked": "broken", "core-metadata": {"sha256": "EF"},
             "dist-info-metadata": false, "size": 12, "upload-time": "2024-01-01T00:00:00.0Z"},
            {"filename": "b", "url": "z", "hashes": {"sha256": "00"}, "yanked": true, "dist-info-metadata": true}
        ]}"#;
        let listing = parse(page).unwrap();
        assert_eq!(listing.api_version.as_deref(), Some("1.4"));
        let [sdist, wheel, other] = &listing.links[..] else {
            panic!("{listing:?}")
        };
        assert_eq!((&sdist.yanked, &sdist.core_metadata), (&None, &None));
        assert_eq!(wheel.hashes[0], Hash::sha256("ab"));
        assert_eq!(wheel.yanked.as_deref(), Some("broken"));
        assert_eq!(wheel.core_metadata, Some(Some(Hash::sha256("ef"))));
        assert_eq!(wheel.size, Some(12));
        assert_eq!(other.yanked.as_deref(), Some(""));
        assert_eq!(other.core_metadata, Some(None));
    }

    #[test]
    fn other_shapes_are_errors() {
        let deep = format!(
            "{{\"files\": {}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        for page in [
            "",
            "[1]",
            "{}",
            r#"{"files": "none"}"#,
            r#"{"files": ["#,
            &deep,
        ] {
            assert!(parse(page.as_bytes()).is_err());
        }
    }
}
