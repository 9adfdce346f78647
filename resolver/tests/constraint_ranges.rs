//! A constraint and its set of positions hold the same versions.
#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use proptest::option;
use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::{Config as ProptestConfig, RngSeed};
use resolver::constraint::{Bound, Constraint};
use resolver::version::Version;
use serde_json::Value;

/// All constraints of the vectors.
static CONSTRAINTS: LazyLock<Vec<Constraint>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/constraints.json");
    let entries: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let texts: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| entry["input"]["op"] == "parse")
        .filter_map(|entry| entry["input"]["s"].as_str())
        .collect();
    let parsed = texts.iter().flat_map(|text| {
        [
            Constraint::parse(text),
            Constraint::parse_marker_version(text),
        ]
    });
    parsed.filter_map(Result::ok).collect()
});

fn constraint() -> impl Strategy<Value = Constraint> {
    prop::sample::select(&CONSTRAINTS[..])
}

/// Versions of the kinds and numbers that the constraints have.
fn version() -> impl Strategy<Value = Version> {
    let small = || prop::sample::select(&[0_u64, 0, 1, 1, 2, 3, 4, 5, 8, 12][..]);
    let tag = |tags: &'static [&'static str]| {
        option::weighted(0.3, (prop::sample::select(tags), small()))
    };
    let local = prop::sample::select(&["a", "b", "abc", "abc.1", "local", "1", "2", "0010"][..]);
    (
        option::weighted(0.1, 0_u64..2),
        prop::collection::vec(small(), 1..5),
        tag(&["a", "b", "rc"]),
        tag(&["post"]),
        tag(&["dev"]),
        option::weighted(0.2, local),
    )
        .prop_map(|(epoch, release, pre, post, dev, local)| {
            let epoch = epoch.map_or_else(String::new, |epoch| format!("{epoch}!"));
            let release: Vec<String> = release.iter().map(u64::to_string).collect();
            let part = |part: Option<(&str, u64)>| {
                part.map_or_else(String::new, |(tag, number)| format!(".{tag}{number}"))
            };
            let local = local.map_or_else(String::new, |local| format!("+{local}"));
            let [pre, post, dev] = [pre, post, dev].map(part);
            format!("{epoch}{}{pre}{post}{dev}{local}", release.join("."))
                .parse()
                .unwrap()
        })
}

/// What [`Constraint::to_ranges`] says it does not do.
fn is_exception(constraint: &Constraint, version: &Version) -> bool {
    version.is_local()
        && version.is_postrelease()
        && !constraint.excludes_single_version()
        && constraint
            .pieces()
            .iter()
            .any(|piece| !piece.include_min() && piece.min().is_some_and(|min| min.is_local()))
}

fn same(constraint: &Constraint, version: &Version) -> bool {
    is_exception(constraint, version)
        || constraint.allows(version) == constraint.to_ranges().contains(&Bound::from(version))
}

/// The versions at the bounds of a constraint, where mistakes would be.
fn at_bounds(constraint: &Constraint) -> Vec<Version> {
    let bounds = constraint
        .pieces()
        .iter()
        .flat_map(|piece| [piece.min(), piece.max()]);
    bounds
        .flatten()
        .flat_map(|bound| {
            let suffixed = |suffix: &str| format!("{}{suffix}", bound.public()).parse().ok();
            let others = [
                "+a",
                "+zzz",
                ".post0",
                ".post7+a",
                ".post0.dev3",
                ".dev0",
                ".dev9",
            ];
            let others = others.into_iter().filter_map(suffixed);
            let near = [bound.clone(), bound.next_patch(), bound.stable()];
            near.into_iter().chain(others).collect::<Vec<Version>>()
        })
        .collect()
}

#[test]
fn versions_at_the_bounds() {
    assert!(CONSTRAINTS.len() > 1000);
    for constraint in CONSTRAINTS.iter() {
        for version in at_bounds(constraint) {
            assert!(same(constraint, &version), "{constraint:?} and {version}");
        }
    }
}

#[test]
fn any_and_empty_are_the_whole_and_nothing() {
    assert_eq!(Constraint::any().to_ranges(), pubgrub::Ranges::full());
    assert_eq!(Constraint::Empty.to_ranges(), pubgrub::Ranges::empty());
}

proptest! {
    // The same cases each time, so that a test that passes goes on passing.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(2_026),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_constraint_and_its_set_hold_the_same(c in constraint(), v in version()) {
        prop_assert!(same(&c, &v), "{c:?} and {v}");
    }

    #[test]
    fn so_do_the_results_of_the_algebra(a in constraint(), b in constraint(), v in version()) {
        for c in [a.intersect(&b), a.union(&b), a.difference(&b), a.invert()] {
            prop_assert!(same(&c, &v), "{a:?} and {b:?}: {c:?} and {v}");
            for v in at_bounds(&c) {
                prop_assert!(same(&c, &v), "{a:?} and {b:?}: {c:?} and {v}");
            }
        }
    }

    #[test]
    fn versions_sort_as_positions_do(a in version(), b in version()) {
        prop_assert_eq!(a.cmp(&b), Bound::from(&a).cmp(&Bound::from(&b)));
        let reparsed: Version = a.as_str().parse().unwrap();
        prop_assert_eq!(&reparsed, &a);
        prop_assert_eq!(reparsed.as_str(), a.as_str());
        prop_assert!(a <= b || b < a);
    }

    #[test]
    fn sets_and_constraints_agree_on_overlap(a in constraint(), b in constraint()) {
        if !is_inconsistent(&a) && !is_inconsistent(&b) {
            let (ours, theirs) = (a.to_ranges(), b.to_ranges());
            prop_assert_eq!(a.allows_any(&b), !ours.is_disjoint(&theirs), "{:?} and {:?}", a, b);
            prop_assert_eq!(a.allows_all(&b), theirs.subset_of(&ours), "{:?} and {:?}", a, b);
            prop_assert_eq!(a.intersect(&b).to_ranges(), ours.intersection(&theirs));
        }
    }
}

/// Poetry: `>1.0` (and so `!=1.0`) does not hold 1.0's local versions and post-releases when it is asked for
/// one version, but compares as if it did when it is asked for a range. Local bounds are broadened.
fn is_inconsistent(constraint: &Constraint) -> bool {
    constraint.pieces().iter().any(|piece| {
        let bounds = [piece.min(), piece.max()];
        let has_exclusive_min = piece.min().is_some() && !piece.include_min();
        has_exclusive_min || bounds.into_iter().flatten().any(Version::is_local)
    })
}
