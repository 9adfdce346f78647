//! Project pages as JSON (PEP 691, with PEP 592, 658, 700, 714).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::listing::{Link, LinkHash};

/// What a page says.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    /// The protocol's version, if the page names it.
    pub(crate) api_version: Option<String>,
    pub(crate) links: Vec<Link<'a>>,
}

/// # Errors
/// When it is no JSON, or not of the shape of a page.
pub(crate) fn parse(body: &[u8]) -> Result<Listing<'_>, serde_json::Error> {
    let page: Page<'_> = serde_json::from_slice(body)?;
    Ok(Listing {
        api_version: page.meta.and_then(|meta| meta.api_version),
        links: page.files.into_iter().map(File::into_link).collect(),
    })
}

/// The names of projects that the page of a whole index lists.
///
/// # Errors
/// When it is no JSON, or not of the shape of such a page.
pub(crate) fn projects(body: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let root: Root = serde_json::from_slice(body)?;
    Ok((root.projects.into_iter())
        .map(|project| project.name)
        .collect())
}

#[derive(Deserialize)]
struct Root {
    projects: Vec<Project>,
}

#[derive(Deserialize)]
struct Project {
    name: String,
}

#[derive(Deserialize)]
struct Page<'a> {
    meta: Option<Meta>,
    #[serde(borrow)]
    files: Vec<File<'a>>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
}

/// A text of the page, its own if nothing in it is escaped. (Within an `Option`, serde borrows no `Cow`.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File<'a> {
    #[serde(borrow)]
    filename: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(default, borrow)]
    hashes: Hashes<'a>,
    #[serde(borrow)]
    requires_python: Option<Text<'a>>,
    #[serde(default, borrow)]
    yanked: Yanked<'a>,
    /// PEP 714's name for what PEP 658 called `dist-info-metadata`; it wins if both are there.
    #[serde(borrow)]
    core_metadata: Option<Announcement<'a>>,
    #[serde(borrow)]
    dist_info_metadata: Option<Announcement<'a>>,
    size: Option<u64>,
    #[serde(borrow)]
    upload_time: Option<Text<'a>>,
}

impl<'a> File<'a> {
    fn into_link(self) -> Link<'a> {
        let announced = self.core_metadata.or(self.dist_info_metadata);
        Link {
            filename: self.filename,
            url: self.url,
            hashes: self.hashes.0,
            requires_python: self.requires_python.map(|text| text.0),
            yanked: self.yanked.0,
            core_metadata: announced.and_then(|announced| announced.0),
            size: self.size,
            upload_time: self.upload_time.map(|text| text.0),
        }
    }
}

fn hash<'a>(algorithm: Text<'a>, hex: Text<'a>) -> LinkHash<'a> {
    let mut hex = hex.0;
    if hex.bytes().any(|byte| byte.is_ascii_uppercase()) {
        hex.to_mut().make_ascii_lowercase();
    }
    LinkHash {
        algorithm: algorithm.0,
        hex,
    }
}

#[derive(Default)]
struct Hashes<'a>(Vec<LinkHash<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Hashes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Hashes<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("hashes by algorithm")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hashes<'de>, A::Error> {
                let mut hashes = Vec::with_capacity(map.size_hint().unwrap_or(1));
                while let Some((algorithm, hex)) = map.next_entry()? {
                    hashes.push(hash(algorithm, hex));
                }
                Ok(Hashes(hashes))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// `false`, `true`, or a reason.
#[derive(Default)]
struct Yanked<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Yanked<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Yanked<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a reason")
            }
            fn visit_bool<E: Error>(self, yanked: bool) -> Result<Yanked<'de>, E> {
                Ok(Yanked(yanked.then_some(Cow::Borrowed(""))))
            }
            fn visit_borrowed_str<E: Error>(self, reason: &'de str) -> Result<Yanked<'de>, E> {
                Ok(Yanked(Some(reason.into())))
            }
            fn visit_str<E: Error>(self, reason: &str) -> Result<Yanked<'de>, E> {
                Ok(Yanked(Some(reason.to_owned().into())))
            }
            fn visit_unit<E: Error>(self) -> Result<Yanked<'de>, E> {
                Ok(Yanked(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// `false`, `true`, or hashes. Of several hashes the strongest that we check is kept.
struct Announcement<'a>(Option<Option<LinkHash<'a>>>);

impl<'de: 'a, 'a> Deserialize<'de> for Announcement<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Announcement<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or hashes")
            }
            fn visit_bool<E: Error>(self, there: bool) -> Result<Announcement<'de>, E> {
                Ok(Announcement(there.then_some(None)))
            }
            fn visit_unit<E: Error>(self) -> Result<Announcement<'de>, E> {
                Ok(Announcement(None))
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Announcement<'de>, A::Error> {
                let mut best: Option<LinkHash<'de>> = None;
                while let Some(algorithm) = map.next_key::<Text<'de>>()? {
                    if !matches!(&*algorithm.0, "sha256" | "sha384" | "sha512") {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let hex = map.next_value()?;
                    // The names sort by strength.
                    if best
                        .as_ref()
                        .is_none_or(|hash| hash.algorithm < algorithm.0)
                    {
                        best = Some(hash(algorithm, hex));
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
    use super::{LinkHash, parse};

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
        let sha256 = |hex: &'static str| LinkHash {
            algorithm: "sha256".into(),
            hex: hex.into(),
        };
        let listing = parse(page).unwrap();
        assert_eq!(listing.api_version.as_deref(), Some("1.4"));
        let [sdist, wheel, other] = &listing.links[..] else {
            panic!("{listing:?}")
        };
        assert_eq!((&sdist.yanked, &sdist.core_metadata), (&None, &None));
        assert_eq!(wheel.hashes[0], sha256("ab"));
        assert_eq!(wheel.yanked.as_deref(), Some("broken"));
        assert_eq!(wheel.core_metadata, Some(Some(sha256("ef"))));
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
