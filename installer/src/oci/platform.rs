//! What an image runs on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::OciError;

/// An operating system and a processor, in Go's words: `linux/amd64`, `linux/arm/v7`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
pub struct Platform {
    /// The processor: `amd64`, `arm64`, …
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
    /// Which kind of that processor: `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl FromStr for Platform {
    type Err = OciError;

    /// Reads `os/architecture[/variant]`. Names as `uname` gives them are taken, too.
    fn from_str(text: &str) -> Result<Self, OciError> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_plain = |part: &&str| {
            let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !part.is_empty() && part.bytes().all(is_fine)
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_plain) {
            return Err(OciError::Platform {
                text: text.to_owned(),
            });
        }
        let part = |index: usize| parts.get(index).map(|part| part.to_ascii_lowercase());
        let (architecture, implied) = match parts[1].to_ascii_lowercase().as_str() {
            "x86_64" | "x64" => ("amd64".to_owned(), None),
            "aarch64" => ("arm64".to_owned(), None),
            "armv7l" | "armhf" => ("arm".to_owned(), Some("v7".to_owned())),
            "armv6l" | "armel" => ("arm".to_owned(), Some("v6".to_owned())),
            "i386" | "i686" => ("386".to_owned(), None),
            other => (other.to_owned(), None),
        };
        Ok(Self {
            architecture,
            os: part(0).unwrap_or_default(),
            variant: part(2).or(implied),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl Platform {
    /// The one of these that runs best where `self` is wanted: the same processor, of the highest variant that it still
    /// understands.
    pub(super) fn best<'a, T>(
        &self,
        candidates: impl IntoIterator<Item = (&'a Self, T)>,
    ) -> Option<T> {
        let mut best: Option<(u32, T)> = None;
        for (platform, value) in candidates {
            let Some(rank) = self.rank(platform) else {
                continue;
            };
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, value));
            }
        }
        best.map(|(_, value)| value)
    }

    fn rank(&self, candidate: &Self) -> Option<u32> {
        if self.os != candidate.os || self.architecture != candidate.architecture {
            return None;
        }
        let (wanted, offered) = (self.level(), candidate.level());
        // Only the 32-bit ARMs and amd64 are known to understand what is made for lower ones.
        let fits = match self.architecture.as_str() {
            "arm" | "amd64" => offered <= wanted,
            _ => offered == wanted,
        };
        fits.then_some(offered)
    }

    /// The number in the variant, or the one that its absence stands for.
    fn level(&self) -> u32 {
        let implied = match self.architecture.as_str() {
            "arm64" => 8,
            "arm" => 7,
            "amd64" => 1,
            _ => 0,
        };
        let number = |variant: &str| variant.strip_prefix('v')?.parse().ok();
        self.variant.as_deref().and_then(number).unwrap_or(implied)
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    fn best<'a>(wanted: &str, offered: &[&'a str]) -> Option<&'a str> {
        let offered: Vec<_> = offered.iter().map(|&text| (platform(text), text)).collect();
        platform(wanted).best(offered.iter().map(|(platform, text)| (platform, *text)))
    }

    #[test]
    fn texts() {
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/armv7l", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
        ] {
            assert_eq!(platform(text).to_string(), expected);
        }
        for text in [
            "linux",
            "linux/",
            "/amd64",
            "linux/arm/v7/x",
            "linux/a b",
            "",
        ] {
            let error = text.parse::<Platform>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn the_same_processor_of_the_highest_variant_that_fits() {
        let arms = [
            "linux/arm/v5",
            "linux/arm/v7",
            "linux/arm/v6",
            "linux/arm64/v8",
        ];
        assert_eq!(best("linux/arm", &arms), Some("linux/arm/v7"));
        assert_eq!(best("linux/arm/v6", &arms), Some("linux/arm/v6"));
        assert_eq!(best("linux/arm64", &arms), Some("linux/arm64/v8"));
        assert_eq!(
            best("linux/arm64/v8", &["linux/arm64"]),
            Some("linux/arm64")
        );
        assert_eq!(best("linux/amd64", &arms), None);
        assert_eq!(best("windows/arm64", &arms), None);
        assert_eq!(
            best("linux/amd64", &["linux/amd64/v3", "linux/amd64"]),
            Some("linux/amd64")
        );
    }
}
