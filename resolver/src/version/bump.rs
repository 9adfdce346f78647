//! The next version of a project, by a rule.

use super::parts::{Parts, Tag};
use super::{Version, VersionError};

/// A rule by which a version is counted up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Bump {
    /// `patch`
    Patch,
    /// `minor`
    Minor,
    /// `major`
    Major,
    /// `prepatch`: the first alpha of the next patch.
    PrePatch,
    /// `preminor`
    PreMinor,
    /// `premajor`
    PreMajor,
    /// `prerelease`
    PreRelease,
    /// None of the rules: the new version itself.
    To(Version),
}

/// What the next pre-release of a pre-release is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// One more of its phase: `a1` → `a2`.
    Same,
    /// The first of the next phase: `a1` → `b0`, and after a release candidate the release.
    Next,
}

impl Bump {
    /// The rules that have a name, each with it.
    pub const RULES: [(&'static str, Self); 7] = [
        ("patch", Self::Patch),
        ("minor", Self::Minor),
        ("major", Self::Major),
        ("prepatch", Self::PrePatch),
        ("preminor", Self::PreMinor),
        ("premajor", Self::PreMajor),
        ("prerelease", Self::PreRelease),
    ];
}

impl std::str::FromStr for Bump {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        match Self::RULES.into_iter().find(|(name, _)| *name == text) {
            Some((_, rule)) => Ok(rule),
            None => Ok(Self::To(text.parse()?)),
        }
    }
}

impl Version {
    /// The version that a rule makes of this one. `phase` counts for [`Bump::PreRelease`] of a pre-release only.
    #[must_use]
    pub fn bump(&self, rule: &Bump, phase: Phase) -> Self {
        match rule {
            Bump::Patch => self.next_patch(),
            Bump::Minor => self.next_minor(),
            Bump::Major => self.next_major(),
            Bump::PrePatch => self.next_patch().first_prerelease(),
            Bump::PreMinor => self.next_minor().first_prerelease(),
            Bump::PreMajor => self.next_major().first_prerelease(),
            Bump::PreRelease if self.has_pre() => self.following_prerelease(phase),
            // Of a development release without a phase Poetry can't make a pre-release. Its first alpha is the next.
            Bump::PreRelease if self.is_devrelease() => self.first_prerelease(),
            Bump::PreRelease => self.next_patch().first_prerelease(),
            Bump::To(version) => version.clone(),
        }
    }

    fn first_prerelease(&self) -> Self {
        self.with_pre(Some(Tag::first_alpha()))
    }

    fn following_prerelease(&self, phase: Phase) -> Self {
        let pre = self.parts().pre;
        self.with_pre(pre.and_then(|pre| match phase {
            Phase::Same => Some(pre.next()),
            Phase::Next => pre.next_phase(),
        }))
    }

    /// The release alone, with this pre-release part.
    fn with_pre(&self, pre: Option<Tag>) -> Self {
        let Parts { epoch, release, .. } = self.parts();
        Self::from_parts(&Parts {
            pre,
            ..Parts::new(epoch, release)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Phase, Version};

    /// Recorded from Poetry, but for the pre-release of a development release.
    #[test]
    fn bumps_as_poetry_makes_them() {
        const RULES: [&str; 7] = [
            "patch",
            "minor",
            "major",
            "prepatch",
            "preminor",
            "premajor",
            "prerelease",
        ];
        for (from, expected, next_phase) in [
            (
                "1.2.3",
                "1.2.4 1.3.0 2.0.0 1.2.4a0 1.3.0a0 2.0.0a0 1.2.4a0",
                "1.2.4a0",
            ),
            (
                "1.2",
                "1.2.1 1.3 2.0 1.2.1a0 1.3a0 2.0a0 1.2.1a0",
                "1.2.1a0",
            ),
            ("1", "1.0.1 1.1 2 1.0.1a0 1.1a0 2a0 1.0.1a0", "1.0.1a0"),
            (
                "1.0.2a1",
                "1.0.2 1.1.0 2.0.0 1.0.2a0 1.1.0a0 2.0.0a0 1.0.2a2",
                "1.0.2b0",
            ),
            (
                "1.2.3b1",
                "1.2.3 1.3.0 2.0.0 1.2.3a0 1.3.0a0 2.0.0a0 1.2.3b2",
                "1.2.3rc0",
            ),
            (
                "1.2.3rc2",
                "1.2.3 1.3.0 2.0.0 1.2.3a0 1.3.0a0 2.0.0a0 1.2.3rc3",
                "1.2.3",
            ),
            (
                "1.2.3.post1",
                "1.2.4 1.3.0 2.0.0 1.2.4a0 1.3.0a0 2.0.0a0 1.2.4a0",
                "1.2.4a0",
            ),
            (
                "1.2.3+loc",
                "1.2.4 1.3.0 2.0.0 1.2.4a0 1.3.0a0 2.0.0a0 1.2.4a0",
                "1.2.4a0",
            ),
            (
                "1!1.0",
                "1!1.0.1 1!1.1 1!2.0 1!1.0.1a0 1!1.1a0 1!2.0a0 1!1.0.1a0",
                "1!1.0.1a0",
            ),
            (
                "1.2.3.dev4",
                "1.2.3 1.3.0 2.0.0 1.2.3a0 1.3.0a0 2.0.0a0 1.2.3a0",
                "1.2.3a0",
            ),
        ] {
            let version: Version = from.parse().unwrap();
            let bump = |rule: &str, phase| version.bump(&rule.parse().unwrap(), phase).to_string();
            let bumped = RULES.map(|rule| bump(rule, Phase::Same)).join(" ");
            assert_eq!(bumped, expected, "{from}");
            assert_eq!(bump("prerelease", Phase::Next), next_phase, "{from}");
        }
    }
}
