//! The versions next to a version, which bounds are made of.
use super::Version;
use super::number::Number;
use super::parts::{Parts, Tag};

impl Version {
    /// The version without what makes it unstable.
    #[must_use]
    pub fn stable(&self) -> Self {
        if self.is_stable() {
            return self.clone();
        }
        let parts = self.parts();
        let post = if parts.pre.is_none() {
            parts.post
        } else {
            None
        };
        Self::from_parts(&Parts {
            post,
            ..Parts::new(parts.epoch, parts.release)
        })
    }

    /// The next major version, with as many release numbers: `1.2` → `2.0`, but `2.0a1` → `2.0`.
    #[must_use]
    pub fn next_major(&self) -> Self {
        self.bumped(0)
    }

    /// The next minor version: `1.2.3` → `1.3.0`, `1` → `1.1`.
    #[must_use]
    pub fn next_minor(&self) -> Self {
        self.bumped(1)
    }

    /// The next patch: `1.2.3` → `1.2.4`, `1` → `1.0.1`.
    #[must_use]
    pub fn next_patch(&self) -> Self {
        self.bumped(2)
    }

    /// The first version that may break its users, by the rule of semantic versions: `1.2` → `2.0`,
    /// `0.1.2` → `0.2.0`, `0.0.3` → `0.0.4`.
    #[must_use]
    pub fn next_breaking(&self) -> Self {
        let release = self.release();
        let stable = self.stable();
        match release.as_slice() {
            [major, rest @ ..] if !major.is_zero() || rest.is_empty() => stable.next_major(),
            [_, minor, rest @ ..] if !minor.is_zero() || rest.is_empty() => stable.next_minor(),
            _ => stable.next_patch(),
        }
    }

    /// Counts the release number at `index` up (unless the version is an unstable one of that very
    /// release), fills the ones after it with zeros and drops all else.
    fn bumped(&self, index: usize) -> Self {
        let parts = self.parts();
        let mut release = parts.release;
        let has_more = release
            .iter()
            .skip(index + 1)
            .any(|number| !number.is_zero());
        let must_count = parts.pre.is_none() && (parts.dev.is_none() || parts.post.is_some());
        if must_count || has_more {
            if release.len() <= index {
                release.resize(index + 1, Number::ZERO);
            }
            release[index] = release[index].next();
            release[index + 1..].fill(Number::ZERO);
        }
        Self::from_parts(&Parts::new(parts.epoch, release))
    }

    /// The next release that is as precise: `1.2` → `1.3`; that of an unstable version is its own.
    #[must_use]
    pub fn next_stable(&self) -> Self {
        let mut parts = self.parts();
        if parts.is_stable() {
            let last = parts.release.last_mut().expect("a release has a number");
            *last = last.next();
        }
        let local = parts.local.take();
        Self::from_parts(&Parts {
            local,
            ..Parts::new(parts.epoch, parts.release)
        })
    }

    /// The next pre-release of the same phase.
    #[must_use]
    pub fn next_prerelease(&self) -> Self {
        let parts = self.parts();
        let pre = match parts.pre {
            Some(pre) if parts.dev.is_none() || parts.post.is_some() => pre.next(),
            Some(pre) => pre,
            None => Tag::first_alpha(),
        };
        Self::from_parts(&Parts {
            pre: Some(pre),
            ..Parts::new(parts.epoch, parts.release)
        })
    }

    /// The next post-release.
    #[must_use]
    pub fn next_postrelease(&self) -> Self {
        let parts = self.parts();
        let post = match parts.post {
            Some(post) if parts.dev.is_none() => post.next(),
            Some(post) => post,
            None => Tag::first_post(),
        };
        let plain = Parts::new(parts.epoch, parts.release);
        Self::from_parts(&Parts {
            pre: parts.pre,
            post: Some(post),
            ..plain
        })
    }

    /// The next development release.
    #[must_use]
    pub fn next_devrelease(&self) -> Self {
        let parts = self.parts();
        let dev = parts.dev.as_ref().map_or_else(Tag::first_dev, Tag::next);
        Self::from_parts(&Parts {
            dev: Some(dev),
            local: None,
            ..parts
        })
    }

    /// The least development release: `1.2` → `1.2.dev0`.
    #[must_use]
    pub fn first_devrelease(&self) -> Self {
        let parts = self.parts();
        Self::from_parts(&Parts {
            dev: Some(Tag::first_dev()),
            local: None,
            ..parts
        })
    }

    /// Without the development number.
    #[must_use]
    pub fn without_devrelease(&self) -> Self {
        if !self.is_devrelease() {
            return self.clone();
        }
        Self::from_parts(&Parts {
            dev: None,
            ..self.parts()
        })
    }

    /// Without the post number, and then without the development number too.
    #[must_use]
    pub fn without_postrelease(&self) -> Self {
        if !self.is_postrelease() {
            return self.clone();
        }
        Self::from_parts(&Parts {
            post: None,
            dev: None,
            ..self.parts()
        })
    }

    /// With zeros appended until the release has `count` numbers.
    #[must_use]
    pub fn padded(&self, count: usize) -> Self {
        let mut parts = self.parts();
        if parts.release.len() >= count {
            return self.clone();
        }
        parts.release.resize(count, Number::ZERO);
        Self::from_parts(&parts)
    }
}
