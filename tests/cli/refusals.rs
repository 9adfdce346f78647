//! What `install` refuses: each refusal says what, of which file, and why; nothing half-done stays behind.

use super::service;
use crate::support::{Archive, Fixture, Sdist, Wheel};

/// The service with `thing (1.0)` from a source of its own, locked.
fn with_thing(thing: &impl Archive) -> Fixture {
    let fx = service();
    fx.index().publish_to("own", thing);
    require_thing(&fx);
    fx
}

fn require_thing(fx: &Fixture) {
    let url = fx.index().source_url("own");
    let source = format!(
        "[[tool.poetry.source]]\nname = \"own\"\nurl = \"{url}\"\npriority = \"explicit\"\n\n\
         [tool.poetry.dependencies]\nthing = {{ source = \"own\" }}\n\n[tool.poetry.group.docs]\n"
    );
    fx.edit("pyproject.toml", "[tool.poetry.group.docs]\n", &source);
    fx.edit("pyproject.toml", "\"web (>=1.0,<2.0)\"", "\"thing\"");
    fx.mpoetry(["lock"]).success();
}

/// What a failing `install` says. Nothing of `thing` is left in the environment.
fn refused(fx: &Fixture) -> String {
    let outcome = fx.mpoetry(["install", "--only", "main", "--no-root"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    for version in fx.list(".venv/lib") {
        let names = fx.list(&format!(".venv/lib/{version}/site-packages"));
        let left: Vec<_> = names
            .iter()
            .filter(|name| name.starts_with("thing") || name.starts_with(".mpoetry"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    outcome
        .stdout
        .split_once("- Installing")
        .expect("an operation")
        .1
        .trim()
        .to_owned()
}

/// A page of any index may say that a file is for other Pythons, also when nothing in the file does.
#[test]
fn a_file_for_another_python() {
    let fx = service();
    fx.index()
        .publish_to("own", &Wheel::new("thing", "1.0"))
        .requires_python(">=4");
    require_thing(&fx);
    let first = refused(&fx);
    insta::assert_snapshot!(first, @r#"
    thing (1.0)

        | Unable to find installation candidates for thing (1.0)
        | 
        | This is likely not a Poetry issue.
        | 
        |   - 1 candidate(s) were identified for the package
        |   - thing-1.0-py3-none-any.whl was skipped as it requires Python >=4, and this is 3.11.7
        | 
        | Solutions:
        | Make sure the lockfile is up-to-date. You can try one of the following;
        | 
        |     1. Regenerate lockfile: poetry lock --no-cache --regenerate
        |     2. Update package     : poetry update --no-cache thing
        | 
        | If any of those solutions worked, you will have to clear your caches using (poetry cache clear --all).
        | 
        | If neither works, please first check to verify that the thing has published wheels available from your configured source (own) that are compatible with your environment- ie. operating system, architecture (x86_64, arm64 etc.), python interpreter.
    "#);
    // What was in the cache already is not for this Python either.
    assert_eq!(refused(&fx), first);
}

#[test]
fn a_build_system_of_the_wrong_type() {
    let project =
        "[build-system]\nrequires = \"setuptools\"\nbuild-backend = \"setuptools.build_meta\"\n";
    let fx = with_thing(&Sdist::new("thing", "1.0").file("pyproject.toml", project));
    let text = refused(&fx);
    let reason = "pyproject.toml` is not valid: `requires` must be an array of strings";
    assert!(text.contains("[build-system] in `"), "{text}");
    assert!(text.contains(reason), "{text}");
    assert!(text.ends_with("Cannot install thing."), "{text}");
}
