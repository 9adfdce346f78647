//! What `install` refuses: each refusal says what, of which file, and why; nothing half-done stays behind.

use super::service;
use crate::support::{Archive, Fault, Fixture, Member, Sdist, Wheel};

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

/// Each refusal names the wheel and what is wrong with it; the end is the same for all of them.
#[test]
fn wheels_that_break_a_rule() {
    let wheel = || Wheel::new("thing", "1.0");
    let unlisted = |path: &str| Member::file(path, "");
    for (wheel, reason) in [
        (
            wheel().entry_point("console_scripts", "a/b", "thing:main"),
            "`thing-1.0-py3-none-any.whl` is not a valid wheel: its entry point `a/b` is no plain file name",
        ),
        (
            wheel().entry_point("console_scripts", "python3", "thing:main"),
            "`thing-1.0-py3-none-any.whl` is not a valid wheel: its entry point `python3` would replace a file of the \
             environment itself",
        ),
        (
            wheel().data("data", "pyvenv.cfg", ""),
            "member `thing-1.0.data/data/pyvenv.cfg` of `thing-1.0-py3-none-any.whl` would replace a file of the \
             environment itself",
        ),
        (
            wheel().data("nowhere", "x", ""),
            "member `thing-1.0.data/nowhere/x` of `thing-1.0-py3-none-any.whl` is not contained in a valid .data \
             subdirectory",
        ),
        (
            wheel().unrecorded(unlisted("../x.py")),
            "member `../x.py` of `thing-1.0-py3-none-any.whl` has a name that is not a plain relative path",
        ),
        (
            wheel()
                .unrecorded(unlisted("thing/__init__.py"))
                .file("thing/__init__.py", "1"),
            "member `thing/__init__.py` of `thing-1.0-py3-none-any.whl` is there twice",
        ),
    ] {
        let text = refused(&with_thing(&wheel));
        let expected = format!(
            "thing (1.0)\n\n    | {reason}\n    | \n    | Cannot install thing.\n    | \n    | Nothing of it was installed. The \
             archive itself is at fault: tell its maintainers, or exclude this version in pyproject.toml and lock again."
        );
        assert_eq!(text, expected);
    }
}

/// Makes something wrong with a locked project.
type Spoil<'a> = &'a dyn Fn(&Fixture);

/// What the lock says of files must be enough to check them, and must be right.
#[test]
fn locks_that_do_not_fit_their_files() {
    let sha256 = |fx: &Fixture| {
        let lock = fx.read("poetry.lock");
        let start = lock.find("{file = \"thing-1.0").expect("a file");
        let start = start + lock[start..].find("sha256:").expect("a hash");
        lock[start..start + "sha256:".len() + 64].to_owned()
    };
    let entry = |fx: &Fixture| {
        format!(
            "    {{file = \"thing-1.0-py3-none-any.whl\", hash = \"{}\"}},\n",
            sha256(fx)
        )
    };
    let regenerate = "Regenerate the lock file with the `poetry lock --regenerate` command.";
    let without_hashes = |fx: &Fixture| {
        fx.edit("poetry.lock", &format!("[\n{}]", entry(fx)), "[]");
    };
    let with_a_weak_hash = |fx: &Fixture| {
        let weak = "md5:5d41402abc4b2a76b9719d911017c592";
        fx.edit("poetry.lock", &sha256(fx), weak);
    };
    let from_an_unknown_source = |fx: &Fixture| {
        fx.edit("poetry.lock", "reference = \"own\"", "reference = \"gone\"");
    };
    let cases: [(Spoil<'_>, &str, &str); 3] = [
        (
            &without_hashes,
            "the lock file has no hashes for thing (1.0), so that it cannot be verified",
            regenerate,
        ),
        (
            &with_a_weak_hash,
            "Downloaded distributions for thing (1.0) did not match any known checksums in your lock file.",
            "2. Try regenerating your lock file using (poetry lock --no-cache --regenerate).",
        ),
        (
            &from_an_unknown_source,
            "Repository \"gone\" does not exist.",
            "thing (1.0) is locked to this source. Add [[tool.poetry.source]] with the name \"gone\" to pyproject.toml",
        ),
    ];
    for (spoil, reason, advice) in cases {
        let fx = with_thing(&Wheel::new("thing", "1.0"));
        spoil(&fx);
        let text = refused(&fx);
        assert!(text.contains(&format!("    | {reason}\n")), "{text}");
        assert!(text.contains(advice), "{text}");
    }
}

/// Whatever another index has under this name, and whatever is wrong with its own.
#[test]
fn a_package_comes_from_its_own_source_only() {
    for fault in [Fault::Status(401), Fault::Status(404)] {
        let fx = with_thing(&Wheel::new("thing", "1.0"));
        fx.index().publish(&Wheel::new("thing", "1.0"));
        fx.index().fail("own/simple/thing", fault, usize::MAX);
        fx.remove("../cache");
        fx.index().forget_requests();
        refused(&fx);
        let requests = fx.index().requests();
        let elsewhere: Vec<_> = requests
            .iter()
            .filter(|line| line.contains("thing") && !line.contains("own/simple/thing"))
            .collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
    }
}

/// What is built must be what was locked.
#[test]
fn an_sdist_that_becomes_another_version() {
    let project = "[project]\nname = \"thing\"\nversion = \"6.6\"\n\
        [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n";
    let sdist = Sdist::new("thing", "1.0")
        .file("pyproject.toml", project)
        .file("thing/__init__.py", "");
    insta::assert_snapshot!(refused(&with_thing(&sdist)), @"
    thing (1.0)

        | `thing-6.6-py2.py3-none-any.whl` is thing (6.6), but thing (1.0) was expected
        | 
        | Lock again if its sources have changed since. Otherwise tell its maintainers, or exclude this version in pyproject.toml.
    ");
}

/// Nothing that is nested without end overflows the stack.
#[test]
fn files_that_are_nested_too_deeply() {
    let deep = format!("x = {}1{}\n", "[".repeat(20_000), "]".repeat(20_000));
    let fx = service();
    fx.mpoetry(["lock"]).success();
    let lock = fx.read("poetry.lock");
    fx.write("poetry.lock", format!("{deep}{lock}"));
    let outcome = fx.mpoetry(["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("Unable to read the lock file"),
        "{outcome}"
    );
    let manifest = fx.read("pyproject.toml");
    fx.write("pyproject.toml", format!("{deep}{manifest}"));
    let outcome = fx.mpoetry(["lock"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("Invalid TOML file [root]/pyproject.toml"),
        "{outcome}"
    );
}
