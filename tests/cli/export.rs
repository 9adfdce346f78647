//! `mpoetry export`.

use super::{locked_service, service};
use crate::support::{Fixture, Wheel};

#[test]
fn the_main_dependencies_for_pip() {
    let fx = locked_service();
    insta::assert_snapshot!(fx.mpoetry(["export"]), @r#"
    exit: 0
    ----- stdout -----
    tools==1.5 ; python_version >= "3.11" \
        --hash=sha256:281b4c7e8d2b8f6fad32d1aadda8b81376d59eb822d0200796cc84297b731d0a
    web==1.1 ; python_version >= "3.11" \
        --hash=sha256:43d097a5416e433927d73455851267e393cf2efde9758337bffe8e09a766348b
    "#);
    insta::assert_snapshot!(fx.mpoetry(["export", "--without-hashes", "--all-groups", "--all-extras"]), @r#"
    exit: 0
    ----- stdout -----
    check==3.0 ; python_version >= "3.11"
    pages==2.1 ; python_version >= "3.11"
    speed==1.0 ; python_version >= "3.11"
    tools==1.5 ; python_version >= "3.11"
    web==1.1 ; python_version >= "3.11"
    "#);
    insta::assert_snapshot!(fx.mpoetry(["export", "--without-hashes", "--only", "dev"]), @r#"
    exit: 0
    ----- stdout -----
    check==3.0 ; python_version >= "3.11"
    "#);
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
    let told =
        "nowhere/requirements.txt can't be written: No such file or directory (os error 2)\n";
    assert!(outcome.stderr.ends_with(told), "{outcome}");
}

#[test]
fn without_a_lock_file_there_is_one_first() {
    let fx = service();
    insta::assert_snapshot!(fx.mpoetry(["export", "--without-hashes"]), @r#"
    exit: 0
    ----- stdout -----
    Updating dependencies
    Resolving dependencies...

    Writing lock file
    tools==1.5 ; python_version >= "3.11"
    web==1.1 ; python_version >= "3.11"
    ----- stderr -----
    The lock file does not exist. Locking.
    "#);
    assert!(fx.exists("poetry.lock"));
    fx.edit("pyproject.toml", "\"web (>=1.0,<2.0)\"", "\"web\"");
    insta::assert_snapshot!(fx.mpoetry(["export"]), @"
    exit: 1
    ----- stderr -----
    pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.
    ");
}

#[test]
fn options_that_contradict_each_other() {
    let fx = locked_service();
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "nope"]), @"
    exit: 1
    ----- stderr -----

    Invalid export format: nope
    ");
    insta::assert_snapshot!(fx.mpoetry(["export", "--all-extras", "-E", "x"]), @"
    exit: 1
    ----- stderr -----
    You cannot specify explicit `--extras` while exporting using `--all-extras`.
    ");
    insta::assert_snapshot!(fx.mpoetry(["export", "--all-groups", "--with", "dev"]), @"
    exit: 1
    ----- stderr -----
    You cannot specify explicit `--with`, `--without`, or `--only` while exporting using `--all-groups`.
    ");
    insta::assert_snapshot!(fx.mpoetry(["export", "-E", "x b"]), @"
    exit: 1
    ----- stderr -----

    Extra [b, x] is not specified.
    ");
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "pylock.toml", "-o", "lock.toml"]), @r#"
    exit: 1
    ----- stderr -----
    The output file for pylock.toml export must be named "pylock.toml" or must follow the regex "^pylock\.([^.]+)\.toml$", e.g. "pylock.dev.toml"
    "#);
    insta::assert_snapshot!(fx.mpoetry(["export", "--with", "nope"]), @"
    exit: 1
    ----- stderr -----

    Group(s) not found: nope (via --with)
    ");
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
        let host = fx.index().socket().to_string();
        let outcome = fx.mpoetry_with("app", &options);
        outcome.to_string().replace(&host, "[host]")
    };
    insta::assert_snapshot!(export(&[]), @r#"
    exit: 0
    ----- stdout -----
    --trusted-host [host]
    --index-url [index]/plain/simple
    --trusted-host [host]
    --extra-index-url [index]/secret/simple

    -e file://[root]/lib ; python_version >= "3.9"
    a==1.0 ; python_version >= "3.9"
    b==2.0 ; python_version >= "3.9" and sys_platform == "linux"
    "#);
    insta::assert_snapshot!(export(&["--without-urls", "-f", "constraints.txt"]), @r#"
    exit: 0
    ----- stdout -----
    a==1.0 ; python_version >= "3.9"
    b==2.0 ; python_version >= "3.9" and sys_platform == "linux"
    ----- stderr -----
    Warning: lib is locked in develop (editable) mode, which is incompatible with the constraints.txt format.
    "#);
    let with_login = export(&["--with-credentials"]);
    let line = with_login.lines().find(|line| line.contains("me%40work"));
    let line = line.expect("a line with the login");
    assert!(
        line.starts_with("--trusted-host me%40work:p%3Aw%2Fd@[host]"),
        "{line}"
    );
}

/// Poetry: the first of several sources at one address says who asks there.
#[test]
fn a_login_is_told_for_the_source_that_has_one() {
    let mut fx = Fixture::empty();
    let url = fx.index().source_url("plain");
    let source = |name: &str| {
        format!(
            "[[tool.poetry.source]]\nname = \"{name}\"\nurl = \"{url}\"\npriority = \"explicit\"\n"
        )
    };
    fx.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\ndependencies = [\"a\"]\n\
             [tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\na = {{source = \"one\"}}\n{}{}",
            source("one"),
            source("two"),
        ),
    );
    fx.index().publish_to("plain", &Wheel::new("a", "1.0"));
    fx.mpoetry(["lock"]).success();
    let logins = |fx: &Fixture| {
        let text = fx
            .mpoetry(["export", "--with-credentials"])
            .success()
            .stdout;
        assert_eq!(text.matches("--extra-index-url").count(), 2, "{text}");
        text.matches("//me:pw@").count()
    };
    let mut netrc = fx.index().socket().ip().to_string();
    netrc = format!("machine {netrc} login me password pw\n");
    fx.write("netrc", netrc);
    fx.set(
        "NETRC",
        fx.path("netrc").to_str().expect("what the test has made"),
    );
    assert_eq!(logins(&fx), 0);
    for (name, expected) in [("TWO", 0), ("ONE", 2)] {
        fx.set(&format!("POETRY_HTTP_BASIC_{name}_USERNAME"), "me");
        fx.set(&format!("POETRY_HTTP_BASIC_{name}_PASSWORD"), "pw");
        assert_eq!(logins(&fx), expected, "{name}");
    }
}

#[test]
fn a_lock_file_of_the_standard() {
    let fx = service();
    let tools = fx.index().publish(&Wheel::new("tools", "1.6"));
    tools.uploaded("2024-05-06T07:08:09.120000Z");
    fx.mpoetry(["lock"]).success();
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "pylock.toml", "--with", "dev"]), @r#"
    exit: 0
    ----- stdout -----
    lock-version = "1.0"
    environments = ["python_version >= \"3.11\""]
    requires-python = ">=3.11"
    created-by = "poetry-plugin-export"

    [[packages]]
    name = "check"
    version = "3.0"
    index = "https://pypi.org/simple"
    wheels = [
        {name = "check-3.0-py3-none-any.whl", url = "[index]/files/simple/check/check-3.0-py3-none-any.whl", size = 1149, hashes = {sha256 = "616e75b50b0ef28e318631c71e7a3e9c1e259769e0347dd535f74b502dd437c8"}},
    ]

    [[packages]]
    name = "tools"
    version = "1.6"
    index = "https://pypi.org/simple"
    wheels = [
        {name = "tools-1.6-py3-none-any.whl", url = "[index]/files/simple/tools/tools-1.6-py3-none-any.whl", upload-time = 2024-05-06T07:08:09.120000Z, size = 899, hashes = {sha256 = "7544077f3962a37aff6dc925ba714404c73ebd60cceffad415a2a1e4361e39fb"}},
    ]

    [[packages]]
    name = "web"
    version = "1.1"
    index = "https://pypi.org/simple"
    wheels = [
        {name = "web-1.1-py3-none-any.whl", url = "[index]/files/simple/web/web-1.1-py3-none-any.whl", size = 903, hashes = {sha256 = "43d097a5416e433927d73455851267e393cf2efde9758337bffe8e09a766348b"}},
    ]

    [tool.poetry-plugin-export]
    groups = ["main", "dev"]
    extras = []
    "#);
    let fx = with_sources();
    fx.mpoetry([
        "-P",
        "app",
        "export",
        "-f",
        "pylock.toml",
        "-o",
        "pylock.app.toml",
    ])
    .success();
    let text = fx
        .read("pylock.app.toml")
        .replace(&fx.index().address(), "[index]");
    insta::assert_snapshot!(text, @r#"
    lock-version = "1.0"
    environments = ["python_version >= \"3.9\""]
    requires-python = ">=3.9"
    created-by = "poetry-plugin-export"

    [[packages]]
    name = "a"
    version = "1.0"
    index = "[index]/plain/simple"
    wheels = [
        {name = "a-1.0-py3-none-any.whl", url = "[index]/files/plain/simple/a/a-1.0-py3-none-any.whl", size = 857, hashes = {sha256 = "b9ed40f915d3cb4d977e1f733271c78b5df9b14095575723e0062deb79394530"}},
    ]

    [[packages]]
    name = "b"
    version = "2.0"
    marker = "sys_platform == \"linux\""
    index = "[index]/secret/simple"
    wheels = [
        {name = "b-2.0-py3-none-any.whl", url = "[index]/files/secret/simple/b/b-2.0-py3-none-any.whl", size = 855, hashes = {sha256 = "84073305b72145b0da3de7bd2573b0a286ccb0a1b9db8ba9c6bbc3f13c5b0ef8"}},
    ]

    [[packages]]
    name = "lib"

    [packages.directory]
    path = "lib"
    editable = true

    [tool.poetry-plugin-export]
    groups = ["main"]
    extras = []
    "#);
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
    insta::assert_snapshot!(fx.mpoetry(["export", "-f", "pylock.toml"]), @"
    exit: 1
    ----- stderr -----

    Cannot export pylock.toml because the lock file is not at least version 2.1
    ");
}
