//! `mpoetry export`.

use super::{locked_service, service};
use crate::support::{Fixture, Wheel};

#[test]
fn the_main_dependencies_for_pip() {
    let fx = locked_service();
    insta::assert_snapshot!(fx.mpoetry(["export"]), @"");
    insta::assert_snapshot!(fx.mpoetry(["export", "--without-hashes", "--all-groups", "--all-extras"]), @"");
    insta::assert_snapshot!(fx.mpoetry(["export", "--without-hashes", "--only", "dev"]), @"");
}

#[test]
fn a_file_is_written_where_the_user_is() {
    let fx = locked_service();
    fx.write("below/requirements.txt", "old");
    let outcome = fx.mpoetry_in(
        "below",
        ["export", "--without-hashes", "-o", "requirements.txt"],
    );
    insta::assert_snapshot!(outcome, @"exit: 0");
    assert_eq!(fx.list("below"), ["requirements.txt"]);
    let printed = fx.mpoetry(["export", "--without-hashes"]).success().stdout;
    assert_eq!(fx.read("below/requirements.txt"), printed);
    let outcome = fx.mpoetry(["export", "-o", "nowhere/requirements.txt"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("nowhere/requirements.txt can't be written: No such file"),
        "{outcome}"
    );
}

#[test]
fn without_a_lock_file_there_is_one_first() {
    let fx = service();
    insta::assert_snapshot!(fx.mpoetry(["export", "--without-hashes"]), @"");
    assert!(fx.exists("poetry.lock"));
    fx.edit("pyproject.toml", "\"web (>=1.0,<2.0)\"", "\"web\"");
    insta::assert_snapshot!(fx.mpoetry(["export"]), @"");
}

#[test]
fn options_that_contradict_each_other() {
    let fx = locked_service();
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "nope"]), @"");
    insta::assert_snapshot!(fx.mpoetry(["export", "--all-extras", "-E", "x"]), @"");
    insta::assert_snapshot!(fx.mpoetry(["export", "--all-groups", "--with", "dev"]), @"");
    insta::assert_snapshot!(fx.mpoetry(["export", "-E", "x b"]), @"");
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "pylock.toml", "-o", "lock.toml"]), @"");
    insta::assert_snapshot!(fx.mpoetry(["export", "--with", "nope"]), @"");
}

/// A project with a library beside it, and sources of its own.
fn with_sources() -> Fixture {
    let mut fx = Fixture::empty();
    let (plain, secret) = (
        fx.index().source_url("plain"),
        fx.index().source_url("secret"),
    );
    fx.write(
        "app/pyproject.toml",
        format!(
            "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n\
             dependencies = [\"a\", \"b ; sys_platform == 'linux'\", \"lib\"]\n\
             [tool.poetry.dependencies]\na = {{source = \"plain\"}}\nb = {{source = \"secret\"}}\n\
             lib = {{path = \"../lib\", develop = true}}\n\
             [[tool.poetry.source]]\nname = \"plain\"\nurl = \"{plain}\"\npriority = \"primary\"\n\
             [[tool.poetry.source]]\nname = \"secret\"\nurl = \"{secret}\"\npriority = \"explicit\"\n"
        ),
    );
    fx.write(
        "lib/pyproject.toml",
        "[project]\nname = \"lib\"\nversion = \"0.1\"\n",
    );
    fx.write("lib/lib.py", "");
    fx.index().publish_to("plain", &Wheel::new("a", "1.0"));
    fx.index().publish_to("secret", &Wheel::new("b", "2.0"));
    fx.set("POETRY_HTTP_BASIC_SECRET_USERNAME", "me@work");
    fx.set("POETRY_HTTP_BASIC_SECRET_PASSWORD", "p:w/d");
    fx.mpoetry_in("app", ["lock"]).success();
    fx
}

#[test]
fn indexes_are_told_and_editable_packages_are_no_constraints() {
    let fx = with_sources();
    let export = |options: &[&str]| {
        let options = [&["export", "--without-hashes"], options].concat();
        fx.mpoetry_with("app", &options)
    };
    insta::assert_snapshot!(export(&[]), @"");
    insta::assert_snapshot!(export(&["--without-urls", "-f", "constraints.txt"]), @"");
    let with_login = export(&["--with-credentials"]).success().stdout;
    let line = with_login.lines().find(|line| line.contains("me%40work"));
    let line = line.expect("a line with the login");
    assert!(
        line.starts_with("--trusted-host me%40work:p%3Aw%2Fd@127.0.0.1"),
        "{line}"
    );
}

#[test]
fn a_lock_file_of_the_standard() {
    let fx = service();
    let tools = fx.index().publish(&Wheel::new("tools", "1.6"));
    tools.uploaded("2024-05-06T07:08:09.120000Z");
    fx.mpoetry(["lock"]).success();
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "pylock.toml", "--with", "dev"]), @"");
    let fx = with_sources();
    fx.mpoetry_in(
        "app",
        ["export", "-f", "pylock.toml", "-o", "../pylock.app.toml"],
    )
    .success();
    let text = fx
        .read("pylock.app.toml")
        .replace(&fx.index().address(), "[index]");
    insta::assert_snapshot!(text, @"");
}

/// A lock of Poetry 1.8 does not say who needs what.
#[test]
fn old_lock_files_are_walked_through() {
    let fx = locked_service();
    let new = fx.mpoetry(["export", "--with", "dev"]).success();
    let lock = fx
        .read("poetry.lock")
        .replace("lock-version = \"2.1\"", "lock-version = \"2.0\"");
    let lines = lock
        .lines()
        .filter(|line| !line.starts_with("groups = ") && !line.starts_with("markers = "));
    fx.write(
        "poetry.lock",
        lines.map(|line| format!("{line}\n")).collect::<String>(),
    );
    assert_eq!(fx.mpoetry(["export", "--with", "dev"]).success(), new);
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "pylock.toml"]), @"");
}
