//! `-vv` and `-vvv`: what is told of the work.

use super::{locked_service, service};
use crate::support::Wheel;

/// The lines of a log, without times.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let said = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "));
        let line = said.map_or(line, |(_, said)| said.trim_start());
        let words: Vec<&str> = line.split(' ').collect();
        let is_time = |place: usize| {
            let unit = words.get(place + 1);
            words[place].parse::<f64>().is_ok()
                && unit.is_some_and(|unit| matches!(*unit, "ms" | "seconds"))
        };
        let words = (0..words.len()).map(|place| if is_time(place) { "N" } else { words[place] });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    lines.collect()
}

#[test]
fn twice_verbose_tells_what_is_decided() {
    let fx = service();
    let outcome = fx.mpoetry(["lock", "-vv"]).success();
    insta::assert_snapshot!(timeless(&outcome.stderr), @"
    1: fact: service (0.1.0) depends on web (>=1.0,<2.0)
    1: fact: service (0.1.0) depends on speed (>=1.0)
    1: fact: service (0.1.0) depends on check (*)
    1: fact: service (0.1.0) depends on pages (^2.0)
    1: selecting service (0.1.0)
    1: selecting pages (2.1)
    1: selecting check (3.0)
    1: selecting speed (1.0)
    1: fact: web (1.1) depends on tools (>=1)
    1: selecting web (1.1)
    1: selecting tools (1.5)
    1: version solving took N seconds
    ");
    assert!(!outcome.stderr.contains("GET"), "{outcome}");
}

#[test]
fn conflicts_are_told() {
    let fx = service();
    fx.index().publish(
        &Wheel::new("web", "1.2")
            .requires("tools>=2")
            .requires("deep"),
    );
    fx.index()
        .publish(&Wheel::new("deep", "1.0").requires("tools<2"));
    let outcome = fx.mpoetry(["lock", "-vv"]).success();
    insta::assert_snapshot!(timeless(&outcome.stderr), @"
    1: fact: service (0.1.0) depends on web (>=1.0,<2.0)
    1: fact: service (0.1.0) depends on speed (>=1.0)
    1: fact: service (0.1.0) depends on check (*)
    1: fact: service (0.1.0) depends on pages (^2.0)
    1: selecting service (0.1.0)
    1: selecting pages (2.1)
    1: selecting check (3.0)
    1: selecting speed (1.0)
    1: fact: web (1.2) depends on tools (>=2)
    1: fact: web (1.2) depends on deep (*)
    1: selecting web (1.2)
    1: requirements are in conflict, so it starts again, by Poetry's rules
    1: fact: service (0.1.0) depends on web (>=1.0,<2.0)
    1: fact: service (0.1.0) depends on speed (>=1.0)
    1: fact: service (0.1.0) depends on check (*)
    1: fact: service (0.1.0) depends on pages (^2.0)
    1: selecting service (0.1.0)
    1: selecting pages (2.1)
    1: selecting check (3.0)
    1: selecting speed (1.0)
    1: fact: web (1.2) depends on tools (>=2)
    1: fact: web (1.2) depends on deep (*)
    1: selecting web (1.2)
    1: conflict: never web (1.2); back to decision 1
    1: selecting pages (2.1)
    1: selecting check (3.0)
    1: selecting speed (1.0)
    1: fact: web (1.1) depends on tools (>=1)
    1: selecting web (1.1)
    1: selecting tools (1.5)
    1: version solving took N seconds
    ");
}

#[test]
fn thrice_verbose_tells_of_requests() {
    let fx = locked_service();
    let outcome = fx.mpoetry(["install", "-vvv"]).success();
    let log = timeless(&outcome.stderr);
    for line in [
        "\nGET [index]/files/simple/web/web-1.1-py3-none-any.whl: 200, ",
        "\nweb 1.1: in place, N ms\n",
    ] {
        assert!(log.contains(line), "{line}: {outcome}");
    }
}

/// What lies in the cache is asked about, and not brought again.
#[test]
fn thrice_verbose_tells_of_answers_without_news() {
    let fx = service();
    fx.mpoetry(["lock"]).success();
    let outcome = fx.mpoetry(["lock", "--regenerate", "-vvv"]).success();
    let log = timeless(&outcome.stderr);
    assert!(
        log.contains("\nGET [index]/simple/web/: 304, 0 bytes in N ms\n"),
        "{outcome}"
    );
    assert!(!log.contains(": 200,"), "{outcome}");
}
