//! Releases that are too young to be offered: a stolen account is mostly noticed within days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use super::stored::Row;
use crate::dist::Source;
use crate::name::PackageName;
use crate::sync::lock;
use crate::version::Version;

const DAY: u64 = 24 * 60 * 60;

/// How old a release must be to be offered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MinReleaseAge {
    /// In days; 0 lets all through.
    pub days: u64,
    /// Packages that may be younger.
    pub packages: BTreeSet<PackageName>,
    /// Sources that may have younger ones, by name or URL.
    pub sources: Vec<String>,
}

/// Releases of a package that were not offered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TooYoung {
    /// The name of the source that has them.
    pub source: String,
    /// The package.
    pub package: PackageName,
    /// Oldest first.
    pub versions: Vec<Version>,
}

impl MinReleaseAge {
    /// Poetry: names of sources are compared without case, URLs without a slash at their end.
    fn spares(&self, source: &Source) -> bool {
        let is_it = |text: &String| {
            let url = source.address().filter(|url| !url.is_empty());
            text.to_lowercase() == source.name.to_lowercase()
                || url == Some(text.trim_end_matches('/'))
        };
        self.sources.iter().any(is_it)
    }
}

/// Keeps releases back, and remembers which.
pub(super) struct Ages {
    rule: MinReleaseAge,
    /// What was uploaded later is too young, in seconds since 1970.
    latest: u64,
    passed_over: Mutex<BTreeMap<(String, PackageName), Vec<Version>>>,
}

impl Ages {
    pub(super) fn new(rule: &MinReleaseAge) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        Self {
            rule: rule.clone(),
            latest: now.saturating_sub(rule.days.saturating_mul(DAY)),
            passed_over: Mutex::default(),
        }
    }

    /// The rows of a page that are old enough. Poetry: where the page does not tell, they are.
    pub(super) fn old_enough<'a>(
        &self,
        source: &Source,
        name: &PackageName,
        rows: &'a [Row],
    ) -> impl Iterator<Item = &'a Row> {
        let rule = &self.rule;
        let is_free = rule.days == 0 || rule.packages.contains(name) || rule.spares(source);
        let latest = if is_free { u64::MAX } else { self.latest };
        let young = rows.iter().rev().filter(|row| row.uploaded > latest);
        let young: Vec<Version> = young.map(|row| row.version.clone()).collect();
        if !young.is_empty() {
            let mut all = lock(&self.passed_over);
            all.insert((source.name.clone(), name.clone()), young);
        }
        rows.iter().filter(move |row| row.uploaded <= latest)
    }

    /// What was kept back since this was asked the last time.
    pub(super) fn take_passed_over(&self) -> Vec<TooYoung> {
        let mut all = lock(&self.passed_over);
        let all = std::mem::take(&mut *all).into_iter();
        let each = all.map(|((source, package), versions)| TooYoung {
            source,
            package,
            versions,
        });
        each.collect()
    }
}

/// A time of RFC 3339 in seconds since 1970; without an offset it is taken for UTC. `None` if it is none, or earlier.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text
        .split_once(['T', 't', ' '])
        .unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let clock_ends = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, offset) = time.split_at(clock_ends);
    let offset = match offset.chars().next() {
        Some('+') => clock_seconds(&offset[1..])?,
        Some('-') => -clock_seconds(&offset[1..])?,
        _ => 0,
    };
    let days = days_since_1970(year, month, day);
    u64::try_from(days * DAY as i64 + clock_seconds(clock)? - offset).ok()
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`.
fn clock_seconds(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds = parts.next().unwrap_or("0");
    let seconds: i64 = seconds.split('.').next()?.parse().ok()?;
    Some((hours * 60 + minutes) * 60 + seconds)
}

/// In the Gregorian calendar. Years begin in March here, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * months + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::{MinReleaseAge, seconds};
    use crate::dist::{Priority, Source};

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:01Z", Some(951_825_601)),
            ("2024-12-31T23:59:59.999999Z", Some(1_735_689_599)),
            ("2024-03-01T02:00:00+02:00", Some(1_709_251_200)),
            ("2024-02-29 22:30:00-01:30", Some(1_709_251_200)),
            ("2024-03-01", Some(1_709_251_200)),
            ("2024-03-01T00:00", Some(1_709_251_200)),
            ("1969-12-31T23:59:59Z", None),
            ("2024-13-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn sources_are_spared_by_name_or_address() {
        let source = |name: &str, url: Option<&str>| Source {
            name: name.to_owned(),
            url: url.map(str::to_owned),
            priority: Priority::Primary,
        };
        let rule = MinReleaseAge {
            sources: vec!["pypi".to_owned(), "https://e.org/simple/".to_owned()],
            ..MinReleaseAge::default()
        };
        assert!(rule.spares(&source("PyPI", None)));
        assert!(rule.spares(&source("work", Some("https://e.org/simple"))));
        assert!(!rule.spares(&source("work", Some("https://e.org/"))));
        assert!(!rule.spares(&source("other", None)));
    }
}
