//! Reading constraints: Poetry's language, which is PEP 440's with `^`, `~`, `||` and blanks for commas.
use super::{Constraint, ConstraintError};
use crate::version::{Parts, Version, is_space};

/// How bounds are meant.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Bounds {
    /// `<2` leaves out the pre-releases of 2, too.
    WithoutPrereleases,
    /// Just what they say.
    Plain,
}

/// Which texts count as versions.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Versions {
    Pep440,
    /// Also the releases of operating systems: `5.15.0-91-generic`.
    Platform,
}

impl Constraint {
    /// Parses a requirement's constraint: upper bounds exclude pre-releases of the bound.
    ///
    /// # Errors
    /// When the text is no constraint.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        parse(text, Bounds::WithoutPrereleases, Versions::Pep440)
    }

    /// Parses a constraint on python versions or in a marker, where bounds mean just what they say.
    ///
    /// # Errors
    /// When the text is no constraint.
    pub fn parse_marker_version(text: &str) -> Result<Self, ConstraintError> {
        parse(text, Bounds::Plain, Versions::Pep440)
    }

    /// Parses a constraint of the marker `platform_release`, whose versions need not be PEP 440's.
    ///
    /// # Errors
    /// When the text is no constraint.
    pub fn parse_platform_release(text: &str) -> Result<Self, ConstraintError> {
        parse(text, Bounds::Plain, Versions::Platform)
    }
}

fn parse(text: &str, bounds: Bounds, versions: Versions) -> Result<Constraint, ConstraintError> {
    if text == "*" {
        return Ok(Constraint::any());
    }
    let mut alternatives = Vec::new();
    for alternative in split_at_bars(text.trim_matches(is_space)) {
        let alternative = alternative.trim_end_matches(',').trim_end_matches(is_space);
        let mut all = None;
        for part in split_at_commas(alternative) {
            let constraint = parse_single(part, bounds, versions)?;
            all = Some(match all {
                None => constraint,
                Some(all) => Constraint::intersect(&all, &constraint),
            });
        }
        alternatives.extend(all);
    }
    if alternatives.len() == 1 {
        return Ok(alternatives.swap_remove(0));
    }
    Ok(Constraint::of(alternatives))
}

/// Splits at `|` and `||` with the blanks around them.
fn split_at_bars(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some((before, after)) = current.split_once('|') else {
            rest = None;
            return Some(current);
        };
        let after = after.strip_prefix('|').unwrap_or(after);
        rest = Some(after.trim_start_matches(is_space));
        Some(before.trim_end_matches(is_space))
    })
}

/// Splits at commas, or blanks that do not belong to an operator or to a hyphen.
fn split_at_commas(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        match separator_end(bytes, at) {
            Some(end) => {
                parts.push(&text[start..at]);
                start = end;
                at = end;
            }
            None => at += 1,
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Where the separator ends that begins at `at`, if one does.
fn separator_end(bytes: &[u8], at: usize) -> Option<usize> {
    if at == 0 || b"^~=>< ,".contains(&bytes[at - 1]) || !b", ".contains(&bytes[at]) {
        return None;
    }
    let spaces_from = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| **byte == b' ')
            .count()
    };
    // Blanks, one comma or blank that no hyphen touches, blanks: as many as possible each, and what
    // follows is neither a comma nor the end.
    (0..=spaces_from(at)).rev().find_map(|leading| {
        let comma = at + leading;
        let next = comma + 1;
        if next >= bytes.len()
            || !b", ".contains(&bytes[comma])
            || bytes[comma - 1] == b'-'
            || bytes[next] == b'-'
        {
            return None;
        }
        (0..=spaces_from(next))
            .rev()
            .map(|trailing| next + trailing)
            .find(|end| bytes.get(*end).is_some_and(|byte| *byte != b','))
    })
}

fn parse_single(
    text: &str,
    bounds: Bounds,
    versions: Versions,
) -> Result<Constraint, ConstraintError> {
    let error = || ConstraintError {
        text: text.to_owned(),
    };
    let text = text.strip_suffix('\n').unwrap_or(text);
    if is_any(text) {
        return Ok(Constraint::any());
    }
    if let Some(rest) = text.strip_prefix("~=") {
        let version = whole_version(rest).ok_or_else(error)?;
        return Ok(between(compatible_bound(&version), version, bounds));
    }
    if let Some(rest) = text.strip_prefix('~') {
        let version = whole_version(rest).ok_or_else(error)?;
        let stable = version.stable();
        let high = if version.precision() == 1 {
            stable.next_major()
        } else {
            stable.next_minor()
        };
        return Ok(between(high, version, bounds));
    }
    if let Some(rest) = text.strip_prefix('^') {
        let version = whole_version(rest).ok_or_else(error)?;
        return Ok(between(version.next_breaking(), version, bounds));
    }
    starred(text, bounds)
        .or_else(|| compared(text, bounds))
        .or_else(|| {
            (versions == Versions::Platform)
                .then(|| platform_release(text, bounds))
                .flatten()
        })
        .ok_or_else(error)
}

/// `*`, `x`, `v*`, `*.*`.
fn is_any(text: &str) -> bool {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    text.split('.').all(|part| matches!(part, "x" | "X" | "*"))
}

/// A version after any blanks, and nothing else.
fn whole_version(text: &str) -> Option<Version> {
    match Parts::scan(text.trim_start_matches(is_space))? {
        (parts, "") => Some(Version::from_parts(&parts)),
        _ => None,
    }
}

/// PEP 440: the first version that is no longer compatible: `1.4.5` → `1.5.0`.
fn compatible_bound(version: &Version) -> Version {
    let stable = version.stable();
    let mut parts = stable.parts();
    let [.., second_last, last] = parts.release.as_mut_slice() else {
        return stable.next_major();
    };
    *second_last = second_last.next();
    *last = 0.into();
    Version::from_parts(&Parts::new(parts.epoch, parts.release))
}

fn between(high: Version, low: Version, bounds: Bounds) -> Constraint {
    Constraint::raw_range(Some(low), Some(upper(high, bounds)), true, false)
}

/// PEP 440: `<V` must not hold the pre-releases of V, so the bound is really `V.dev0`.
fn upper(version: Version, bounds: Bounds) -> Version {
    if bounds == Bounds::Plain || version.is_unstable() {
        version
    } else {
        version.first_devrelease()
    }
}

/// `1.2.*`, `==1.*`, `!=v1.2.3.*`: at most three numbers, and any number of stars.
fn starred(text: &str, bounds: Bounds) -> Option<Constraint> {
    let (operator, rest) = match text.get(..2) {
        Some(operator @ ("!=" | "==")) => (operator, &text[2..]),
        _ => ("", text),
    };
    let mut numbers = rest.trim_start_matches(is_space);
    numbers = numbers.strip_prefix('v').unwrap_or(numbers);
    let length = numbers.len();
    while let Some(shorter) = numbers.strip_suffix(".*") {
        numbers = shorter;
    }
    let well_formed = numbers.len() < length
        && numbers.split('.').count() <= 3
        && numbers
            .split('.')
            .all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    if !well_formed {
        return None;
    }
    Some(series(&whole_version(numbers)?, operator == "!=", bounds))
}

/// `>=1.0`, `==1.0.post1.*`, `1.0`, `dev`. A star after an order operator means nothing.
fn compared(text: &str, bounds: Bounds) -> Option<Constraint> {
    let (operator, rest) = split_operator(text);
    let rest = rest.trim_start_matches(is_space);
    let (version, rest) = match rest.get(..3) {
        Some(dev) if dev.eq_ignore_ascii_case("dev") => (whole_version("0.0-dev")?, &rest[3..]),
        _ => {
            let (parts, rest) = Parts::scan(rest)?;
            (Version::from_parts(&parts), rest)
        }
    };
    let has_star = match rest {
        "" => false,
        ".*" => true,
        _ => return None,
    };
    if has_star && !matches!(operator, "<" | "<=" | ">" | ">=") {
        return Some(series(&version, operator == "!=", bounds));
    }
    Some(apply(operator, version, bounds))
}

/// An operating system's release: numbers, then anything as the local part.
fn platform_release(text: &str, bounds: Bounds) -> Option<Constraint> {
    let (operator, rest) = split_operator(text);
    let rest = rest.trim_start_matches(is_space);
    let mut end = 0;
    for (index, part) in rest.split('.').enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            break;
        }
        end += digits + usize::from(index > 0);
        if digits < part.len() {
            break;
        }
    }
    let (release, build) = rest.split_at(end);
    let mut parts = Parts::scan(release)?.0;
    if !build.is_empty() {
        let is_build = |build: &&str| {
            build.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"+-".contains(&byte))
            })
        };
        let build = build
            .strip_prefix(['+', '-'])
            .filter(is_build)
            .or(Some(build).filter(is_build))?;
        parts.local = Some(vec![build.to_owned()]);
    }
    Some(apply(operator, Version::from_parts(&parts), bounds))
}

fn split_operator(text: &str) -> (&str, &str) {
    let operator = ["<>", "!=", ">=", ">", "<=", "<", "==", "="]
        .into_iter()
        .find(|operator| text.starts_with(operator))
        .unwrap_or("");
    (operator, &text[operator.len()..])
}

/// Poetry: `<>` means `==`.
fn apply(operator: &str, version: Version, bounds: Bounds) -> Constraint {
    match operator {
        "<" => Constraint::below(upper(version, bounds), false),
        "<=" => Constraint::below(version, true),
        ">" => Constraint::above(version, false),
        ">=" => Constraint::above(version, true),
        // Unlike `<V`, the lower half holds the pre-releases of V: only V itself is left out.
        "!=" => Constraint::Union(super::Union::new(vec![
            Constraint::below(version.clone(), false),
            Constraint::above(version, false),
        ])),
        _ => Constraint::Version(version),
    }
}

/// The versions that begin as `version` does.
fn series(version: &Version, invert: bool, bounds: Bounds) -> Constraint {
    let next = if version.is_postrelease() {
        version.next_postrelease()
    } else if version.is_stable() {
        version.next_stable()
    } else if version.has_pre() {
        version.next_prerelease()
    } else {
        version.next_devrelease()
    };
    let (low, high) = match bounds {
        Bounds::Plain => (version.clone(), next),
        Bounds::WithoutPrereleases if next.is_devrelease() => (version.first_devrelease(), next),
        Bounds::WithoutPrereleases => (version.first_devrelease(), next.first_devrelease()),
    };
    let series = Constraint::raw_range(Some(low), Some(high), true, false);
    if invert { series.invert() } else { series }
}
