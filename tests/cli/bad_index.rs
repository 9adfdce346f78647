//! Indexes that fail, lie or are slow: each has a clear text, and the lock stays as it was.

use std::time::Duration;

use super::service;
use crate::support::{Archive, Fault, Fixture, MetadataFile, PYPI, Published, Wheel};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const OFTEN: usize = 99;

/// `lock` with an index that answers so for the page of `web`.
fn lock_with_page(kind: &'static str, body: &'static str) -> String {
    let fx = service();
    let answer = Fault::Answer(200, ("content-type", kind), body);
    fx.index().fail("/simple/web/", answer, OFTEN);
    failing_lock(&fx)
}

/// What a `lock` that fails says on stderr.
fn failing_lock(fx: &Fixture) -> String {
    let before = fx.snapshot_tree();
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    fx.assert_unchanged(&before);
    // Some messages have the host without a scheme.
    let address = fx.index().address();
    let host = address.trim_start_matches("http://");
    outcome.stderr.trim().replace(host, "[host]")
}

#[test]
fn a_page_that_is_no_page() {
    insta::assert_snapshot!(lock_with_page(JSON, "{\"files\": [{"), @"
    the answer of `[index]/simple/web/` can't be read: EOF while parsing an object at line 1 column 12
    ");
    insta::assert_snapshot!(lock_with_page(JSON, "[]"), @"
    the answer of `[index]/simple/web/` can't be read: invalid length 0, expected struct Page with 2 elements at line 1 column 2
    ");
    insta::assert_snapshot!(lock_with_page(JSON, "{\"meta\": {\"api-version\": \"2.0\"}, \"files\": []}"), @"
    `[index]/simple/web/` speaks version 2.0 of the simple API, but only version 1 is known
    ");
    insta::assert_snapshot!(lock_with_page("image/png", "\u{89}PNG"), @"
    the answer of `[index]/simple/web/` can't be read: `image/png` is no project page
    ");
    insta::assert_snapshot!(lock_with_page("text/html", "<p>Please log in</p>"), @"
    Because service depends on web (>=1.0,<2.0) which doesn't match any versions, version solving failed.
    ");
    insta::assert_snapshot!(lock_with_page("text/html", ""), @"
    Because service depends on web (>=1.0,<2.0) which doesn't match any versions, version solving failed.
    ");
    insta::assert_snapshot!(lock_with_page("text/plain", "web"), @"
    the answer of `[index]/simple/web/` can't be read: `text/plain` is no project page
    ");
}

/// What a `lock` says on stderr whose newest `web` is published so, and whether it succeeds.
fn lock_with_release(change: impl FnOnce(&Published<'_>)) -> String {
    let fx = service();
    change(&fx.index().publish(&Wheel::new("web", "1.3")));
    let outcome = fx.mpoetry(["lock"]);
    format!("exit: {:?}\n{}", outcome.code, outcome.stderr.trim())
}

/// Poetry believes them without a word, or ends with an assertion.
#[test]
fn metadata_of_another_release() {
    let name = "Metadata-Version: 2.1\nName: other\nVersion: 1.3\n";
    insta::assert_snapshot!(lock_with_release(|web| { web.metadata(name); }), @"
    exit: Some(0)
    The metadata of web (1.3) are those of other (1.3)
    ");
    let version = "Metadata-Version: 2.1\nName: web\nVersion: 9.9\n";
    insta::assert_snapshot!(lock_with_release(|web| { web.metadata(version); }), @"
    exit: Some(0)
    The metadata of web (1.3) are those of web (9.9)
    ");
    // Of a wheel only the requirements are taken here; that it is another is seen when it is installed.
    let with_wheel = |wheel: Wheel| {
        lock_with_release(|web| {
            web.metadata_file(MetadataFile::Absent);
            web.serve_instead(wheel.bytes()).without_hashes();
        })
    };
    insta::assert_snapshot!(with_wheel(Wheel::new("other", "1.3")), @"exit: Some(0)");
    insta::assert_snapshot!(with_wheel(Wheel::new("web", "9.9")), @"exit: Some(0)");
    // Spelled in another way is not another.
    let same = "Metadata-Version: 2.1\nName: WEB\nVersion: 1.3.0\n";
    insta::assert_snapshot!(lock_with_release(|web| { web.metadata(same); }), @"exit: Some(0)");
}

/// What can't be read is read from the wheel itself.
#[test]
fn metadata_that_cannot_be_read() {
    insta::assert_snapshot!(lock_with_release(|web| { web.metadata("rubbish"); }), @"exit: Some(0)");
    let python = "Metadata-Version: 2.1\nName: web\nVersion: 1.3\nRequires-Python: >=three\n";
    insta::assert_snapshot!(lock_with_release(|web| { web.metadata(python); }), @"
    exit: Some(1)
    Invalid python versions '>=three' on web (1.3)
    ");
    insta::assert_snapshot!(lock_with_release(|web| {
        web.metadata_file(MetadataFile::Absent);
        web.serve_instead("no archive").without_hashes();
    }), @"
    exit: Some(1)
    `web-1.3-py3-none-any.whl` can't be unpacked: it is no ZIP archive, or not a whole one (invalid Zip archive: Could not find EOCD)
    ");
    insta::assert_snapshot!(lock_with_release(|web| {
        web.metadata_file(MetadataFile::Absent);
        web.serve_instead("no archive");
    }), @"
    exit: Some(1)
    `web-1.3-py3-none-any.whl` has hash sha256:7275b9d1e6c0314c52bfca6c77534b8eaa3a8454a5c74b20e3e5f983e32c6877, but sha256:bde21abcdc687d1f1285ca509f01bb6c1909383ee14d3714bc0fb37afc406ca8 was expected
    ");
}

/// A release of which there is only an egg, and a project of which there is nothing.
#[test]
fn a_release_without_files() {
    let fx = service();
    fx.index().add(
        PYPI,
        "web",
        crate::support::File::named("web-1.9-py3.11.egg"),
    );
    fx.mpoetry(["lock"]).success();
    assert!(super::lock::locked(&fx).contains(&"web 1.1".to_owned()));
    let nothing = "{\"meta\": {\"api-version\": \"1.0\"}, \"name\": \"web\", \"files\": []}";
    insta::assert_snapshot!(lock_with_page(JSON, nothing), @"
    Because service depends on web (>=1.0,<2.0) which doesn't match any versions, version solving failed.
    ");
}

#[test]
fn a_file_that_is_announced_but_not_there() {
    insta::assert_snapshot!(lock_with_release(|web| {
        web.metadata_file(MetadataFile::Absent);
        web.not_served();
    }), @"
    exit: Some(1)
    `[index]/files/simple/web/web-1.3-py3-none-any.whl` answers with status 404
    ");
}

#[test]
fn pages_that_are_missing_or_forbidden() {
    let with = |status| {
        let fx = service();
        fx.index()
            .fail("/simple/web/", Fault::Status(status), OFTEN);
        failing_lock(&fx)
    };
    insta::assert_snapshot!(with(404), @"
    Because service depends on web (>=1.0,<2.0) which doesn't match any versions, version solving failed.
    ");
    insta::assert_snapshot!(with(410), @"
    Because service depends on web (>=1.0,<2.0) which doesn't match any versions, version solving failed.
    ");
    insta::assert_snapshot!(with(401), @"
    `[index]/simple/web/` refuses access (status 401): credentials are missing or wrong
    ");
    insta::assert_snapshot!(with(403), @"
    `[index]/simple/web/` refuses access (status 403): credentials are missing or wrong
    ");
    insta::assert_snapshot!(with(418), @"`[index]/simple/web/` answers with status 418");
}

#[test]
fn a_busy_index_is_asked_again() {
    let fx = service();
    let busy = |wait| Fault::Answer(429, ("retry-after", wait), "");
    fx.index().fail("/simple/web/", busy("1"), 2);
    fx.mpoetry(["lock"]).success();

    let fx = service();
    fx.index().fail("/simple/web/", busy("3600"), OFTEN);
    insta::assert_snapshot!(failing_lock(&fx), @"
    `[index]/simple/web/` answers with status 429 and wants to be asked again in 3600 seconds
    ");
    let asked = fx.index().requests();
    let asked = asked.iter().filter(|line| line.contains("/simple/web/"));
    assert_eq!(asked.count(), 1, "it is left alone");
}

#[test]
fn a_slow_index() {
    let mut fx = service();
    fx.set("POETRY_REQUESTS_TIMEOUT", "1");
    let slow = Fault::Slow(Duration::from_secs(4));
    fx.index().fail("/simple/web/", slow, OFTEN);
    insta::assert_snapshot!(failing_lock(&fx), @"
    All attempts to connect to [host] failed.
      caused by: error sending request
      caused by: operation timed out
    ");
}

#[test]
fn answers_that_break_off() {
    lock_with_broken_connections(Fault::BreakOff(20));
}

#[test]
fn connections_that_break() {
    lock_with_broken_connections(Fault::HangUp);
}

fn lock_with_broken_connections(fault: Fault) {
    let fx = service();
    fx.index().fail("/simple/web/", fault, OFTEN);
    let text = failing_lock(&fx);
    let told = text.lines().next().unwrap_or_default();
    assert_eq!(told, "All attempts to connect to [host] failed.", "{text}");
}

#[test]
fn redirects() {
    let with = |target: &'static str| {
        let fx = service();
        let fault = Fault::Answer(302, ("location", target), "");
        fx.index().fail("/simple/web/", fault, OFTEN);
        failing_lock(&fx)
    };
    insta::assert_snapshot!(with("/simple/web/"), @"`[index]/simple/web/` redirects in a loop");
    insta::assert_snapshot!(with("file:///etc/passwd"), @"`[index]/simple/web/` redirects out of the network");
    insta::assert_snapshot!(with("http://"), @"`[index]/simple/web/` redirects to an invalid address");
}

/// Which source, and how to give credentials, but never the credentials themselves.
#[test]
fn a_source_that_wants_credentials() {
    let mut fx = service();
    fx.index()
        .publish_to("private", &Wheel::new("secret", "1.0"));
    fx.index().require_login("/private/", "me", "pass-word");
    let source = format!(
        "[[tool.poetry.source]]\nname = \"our-own\"\nurl = \"{}\"\npriority = \"explicit\"\n\n\
         [tool.poetry.dependencies]\nsecret = {{ source = \"our-own\" }}\n\n[tool.poetry.group.docs]\n",
        fx.index().source_url("private")
    );
    fx.edit("pyproject.toml", "[tool.poetry.group.docs]\n", &source);
    fx.edit("pyproject.toml", "web (>=1.0,<2.0)", "secret");
    insta::assert_snapshot!(failing_lock(&fx), @"
    `[index]/private/simple/secret/` refuses access (status 401): credentials are missing or wrong

    The credentials of the source `our-own` come from the variables POETRY_HTTP_BASIC_OUR_OWN_USERNAME and POETRY_HTTP_BASIC_OUR_OWN_PASSWORD, or from `http-basic.our-own` in auth.toml, where `poetry config http-basic.our-own <user>` puts them.
    ");
    fx.set("POETRY_HTTP_BASIC_OUR_OWN_USERNAME", "me");
    fx.set("POETRY_HTTP_BASIC_OUR_OWN_PASSWORD", "wrong-word");
    let text = failing_lock(&fx);
    assert!(!text.contains("wrong-word"), "{text}");
    fx.index().fail("/private/", Fault::Status(403), OFTEN);
    insta::assert_snapshot!(failing_lock(&fx), @"
    `[index]/private/simple/secret/` refuses access (status 403): credentials are missing or wrong

    The credentials of the source `our-own` come from the variables POETRY_HTTP_BASIC_OUR_OWN_USERNAME and POETRY_HTTP_BASIC_OUR_OWN_PASSWORD, or from `http-basic.our-own` in auth.toml, where `poetry config http-basic.our-own <user>` puts them.
    ");
}
