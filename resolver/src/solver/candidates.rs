//! What indexes offer of a name, and which of it may be chosen.

use std::ops::Range;
use std::sync::Arc;

use crate::index::Offer;
use crate::version::Version;

use super::node::{INDEX, Release, Releases};

/// A version that an index offers.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) release: Release,
    pub(crate) yanked: bool,
    /// Can its metadata be had with one request, without a look into a wheel, or a build?
    pub(crate) is_told: bool,
    /// What its page says.
    pub(crate) requires_python: Option<Arc<str>>,
}

/// All versions of a name on one source, newest first.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    versions: Vec<Listed>,
}

impl Listing {
    pub(crate) fn new(mut versions: Vec<Listed>) -> Self {
        versions.sort_by(|a, b| b.release.cmp(&a.release));
        Self { versions }
    }

    /// From what an index offers, newest first.
    pub(crate) fn of(offers: Vec<Offer>) -> Self {
        let versions = offers.into_iter().map(|offer| Listed {
            release: Release::new(offer.version, INDEX),
            yanked: offer.is_yanked,
            is_told: offer.is_told,
            requires_python: offer.requires_python,
        });
        Self {
            versions: versions.collect(),
        }
    }

    /// The places of those that may be chosen from a set of releases.
    ///
    /// Poetry: yanked releases count only for an exact pin, pre-releases only if allowed or if nothing else is left.
    fn select(&self, wanted: &Releases, prereleases: Option<bool>) -> Vec<usize> {
        let exact = wanted.is_exact();
        let mut stable = Vec::new();
        let mut unstable = Vec::new();
        for place in wanted.places(&self.versions).flatten() {
            let listed = &self.versions[place];
            if listed.yanked && !exact {
                continue;
            }
            if prereleases != Some(true) && listed.release.version.is_prerelease() {
                unstable.push(place);
            } else {
                stable.push(place);
            }
        }
        if stable.is_empty() && prereleases.is_none() {
            unstable
        } else {
            stable
        }
    }
}

impl AsRef<Release> for Listed {
    fn as_ref(&self) -> &Release {
        &self.release
    }
}

/// Those that may be chosen, best first. Cheap to narrow down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// Each with its index into the sources.
    listings: Vec<(usize, Arc<Listing>)>,
    /// Places in `listings`, and in these.
    picks: Vec<(usize, usize)>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'c> {
    /// Index into the sources.
    pub(crate) source: usize,
    pub(crate) listed: &'c Listed,
}

impl Candidate<'_> {
    pub(crate) fn version(&self) -> &Version {
        &self.listed.release.version
    }
}

impl Candidates {
    /// Adds those of one more source.
    pub(crate) fn add(
        &mut self,
        source: usize,
        listing: Arc<Listing>,
        wanted: &Releases,
        prereleases: Option<bool>,
    ) {
        let place = self.listings.len();
        let picks = listing.select(wanted, prereleases);
        self.picks
            .extend(picks.into_iter().map(|pick| (place, pick)));
        self.listings.push((source, listing));
    }

    /// Brings those of several sources into order.
    pub(crate) fn sort(&mut self, prereleases: Option<bool>) {
        let indifferent = prereleases == Some(true);
        let mut picks = std::mem::take(&mut self.picks);
        // Stable: of equal versions the one on the first source stays first.
        picks.sort_by(|a, b| {
            let (a, b) = (self.listed(*a), self.listed(*b));
            let rank = |listed: &Listed| {
                let stable = !listed.release.version.is_prerelease();
                (!listed.yanked, !indifferent && stable)
            };
            (rank(b).cmp(&rank(a))).then_with(|| b.release.version.cmp(&a.release.version))
        });
        self.picks = picks;
    }

    fn listed(&self, (listing, place): (usize, usize)) -> &Listed {
        &self.listings[listing].1.versions[place]
    }

    pub(crate) fn len(&self) -> usize {
        self.picks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.picks.is_empty()
    }

    pub(crate) fn get(&self, place: usize) -> Option<Candidate<'_>> {
        let pick = *self.picks.get(place)?;
        Some(Candidate {
            source: self.listings[pick.0].0,
            listed: self.listed(pick),
        })
    }

    pub(crate) fn best(&self) -> Option<Candidate<'_>> {
        self.get(0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Candidate<'_>> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// Those of them that are kept, in the same order.
    pub(crate) fn filter(&self, keep: impl Fn(&Version) -> bool) -> Self {
        let picks = self.picks.iter().copied();
        Self {
            listings: self.listings.clone(),
            picks: picks
                .filter(|pick| keep(&self.listed(*pick).release.version))
                .collect(),
        }
    }
}

impl Releases {
    /// Where in a list, newest first, the releases of this set are, newest first.
    fn places<'a, T: AsRef<Release>>(
        &'a self,
        newest_first: &'a [T],
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let segments: Vec<_> = self.segments().collect();
        segments.into_iter().rev().map(|segment| {
            let begin = newest_first.partition_point(|one| segment.is_below(one.as_ref()));
            let end = newest_first.partition_point(|one| !segment.is_above(one.as_ref()));
            begin..end.max(begin)
        })
    }
}
