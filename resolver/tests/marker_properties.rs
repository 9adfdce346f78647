//! The algebra of markers says what it should: both, either, not.
//!
//! Poetry's algebra has exceptions, which these properties stay away from:
//!
//! * Substring tests: `"win" in sys_platform` joined with a list of `!=` is simplified as if it were a
//!   comparison with `"win"`.
//! * `python_version` compared with three numbers beside `python_full_version`: Poetry unites
//!   `python_full_version <= "3.11.0"` and `python_version > "3.11.0"` to everything, which leaves out 3.11.1.
//! * Environments whose python is a pre-release: `3.13.0rc1` is less than 3.13 as full version, but its
//!   `python_version` is 3.13.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use resolver::marker::{Known, Marker, Variable};
use resolver::name::ExtraName;

const MINORS: [&str; 6] = ["2.7", "3.8", "3.9", "3.10", "3.11", "3.12"];
/// Less than the two numbers that `python_version` has.
const ODD: [&str; 1] = ["3"];
const FULL: [&str; 6] = ["2.7.18", "3.8.0", "3.9.1", "3.10.4", "3.11.0", "3.12.7"];

fn comparison() -> impl Strategy<Value = String> {
    let ordered = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let equal = prop::sample::select(vec!["==", "!="]);
    let pick = |values: Vec<&'static str>| prop::sample::select(values);
    let lists = vec![
        "python_version in \"3.8 3.9\"",
        "python_version not in \"3.8, 3.11\"",
        "sys_platform in \"linux darwin\"",
        "sys_platform not in \"win32 cygwin\"",
    ];
    prop_oneof![
        1 => pick(lists).prop_map(str::to_owned),
        1 => (ordered.clone(), pick(ODD.to_vec()))
            .prop_map(|(operator, value)| format!("python_version {operator} \"{value}\"")),
        3 => (ordered.clone(), pick(MINORS.to_vec()))
            .prop_map(|(operator, value)| format!("python_version {operator} \"{value}\"")),
        2 => (ordered, pick(FULL.to_vec()))
            .prop_map(|(operator, value)| format!("python_full_version {operator} \"{value}\"")),
        3 => (equal.clone(), pick(vec!["linux", "darwin", "win32"]))
            .prop_map(|(operator, value)| format!("sys_platform {operator} \"{value}\"")),
        2 => (equal.clone(), pick(vec!["a", "b"]))
            .prop_map(|(operator, value)| format!("extra {operator} \"{value}\"")),
        2 => (equal, pick(vec!["x86_64", "arm64"]))
            .prop_map(|(operator, value)| format!("platform_machine {operator} \"{value}\"")),
    ]
}

fn marker() -> impl Strategy<Value = Marker> {
    let text = comparison().prop_recursive(2, 6, 3, |inner| {
        (prop::collection::vec(inner, 2..4), any::<bool>()).prop_map(|(parts, all)| {
            let word = if all { " and " } else { " or " };
            format!("({})", parts.join(word))
        })
    });
    text.prop_map(|text| Marker::parse(&text).unwrap())
}

/// Whether it holds, for each of some environments.
fn outcomes(marker: &Marker) -> Vec<bool> {
    let extras: [Vec<ExtraName>; 4] = [
        vec![],
        vec!["a".into()],
        vec!["b".into()],
        vec!["a".into(), "b".into()],
    ];
    let platforms = [
        ("linux", "x86_64"),
        ("linux", "arm64"),
        ("darwin", "arm64"),
        ("win32", "x86_64"),
        ("cygwin", "ppc64le"),
    ];
    let mut outcomes = Vec::new();
    for minor in MINORS {
        for patch in ["0", "1", "4", "20"] {
            let full = format!("{minor}.{patch}");
            for (platform, machine) in platforms {
                for extras in &extras {
                    let known = Known::default()
                        .with(Variable::PythonVersion, minor)
                        .with(Variable::PythonFullVersion, &full)
                        .with(Variable::SysPlatform, platform)
                        .with(Variable::PlatformMachine, machine)
                        .with_extras(extras);
                    outcomes.push(marker.holds_where(&known));
                }
            }
        }
    }
    outcomes
}

fn both_outcomes(one: &Marker, other: &Marker, join: fn(bool, bool) -> bool) -> Vec<bool> {
    let pairs = outcomes(one).into_iter().zip(outcomes(other));
    pairs.map(|(one, other)| join(one, other)).collect()
}

proptest! {
    // The same cases each time, so that a test that passes goes on passing.
    #![proptest_config(ProptestConfig {
        cases: 150,
        rng_seed: RngSeed::Fixed(2_026),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_intersection_holds_where_both_hold(one in marker(), other in marker()) {
        let both = one.intersect(&other);
        prop_assert_eq!(outcomes(&both), both_outcomes(&one, &other, |a, b| a && b), "{}", both);
    }

    #[test]
    fn a_union_holds_where_either_holds(one in marker(), other in marker()) {
        let either = one.union(&other);
        prop_assert_eq!(outcomes(&either), both_outcomes(&one, &other, |a, b| a || b), "{}", either);
    }

    #[test]
    fn an_inverse_holds_where_the_marker_does_not(marker in marker()) {
        let inverse = marker.invert();
        let expected: Vec<bool> = outcomes(&marker).into_iter().map(|holds| !holds).collect();
        prop_assert_eq!(outcomes(&inverse), expected, "{}", inverse);
    }

    #[test]
    fn normal_forms_hold_where_the_marker_does(marker in marker()) {
        prop_assert_eq!(outcomes(&marker.conjunctive_normal_form()), outcomes(&marker));
        prop_assert_eq!(outcomes(&marker.disjunctive_normal_form()), outcomes(&marker));
    }

    #[test]
    fn the_printed_form_means_the_same(marker in marker()) {
        let read = Marker::parse(&marker.to_string()).unwrap();
        prop_assert_eq!(outcomes(&read), outcomes(&marker), "{}", read);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\"'()a-z_ =<>!~.0-9\\\\|,\n]{0,40}") {
        // Reading must not panic, and neither must what comes next.
        if let Ok(marker) = Marker::parse(&text) {
            let _inverse = marker.invert().to_string();
            let _versions = marker.python_constraint();
        }
    }

    #[test]
    fn any_comparison_is_read_or_refused(
        variable in prop::sample::select(vec![
            "python_version", "python_full_version", "platform_release", "sys_platform", "extra",
        ]),
        operator in prop::sample::select(vec![
            "==", "!=", "<", "<=", ">", ">=", "~=", "===", "in", "not in",
        ]),
        value in "[a-z0-9.*+ ,|='-]{0,12}",
        swapped in any::<bool>(),
        partner in marker(),
    ) {
        let text = if swapped {
            format!("\"{value}\" {operator} {variable}")
        } else {
            format!("{variable} {operator} \"{value}\"")
        };
        if let Ok(marker) = Marker::parse(&text) {
            let combined = marker.intersect(&partner).union(&marker.invert());
            let _versions = combined.python_constraint();
            let _extras = combined.extras();
            let _without = combined.without_extras();
            let _holds = combined.holds(None, Some(&[]));
        }
    }
}
