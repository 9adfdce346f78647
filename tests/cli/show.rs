//! `mpoetry show`.

use super::{locked_service, service};
use crate::support::{Fixture, Wheel};

/// Packages that require each other, one that is for Windows, and a library in the repository.
fn web() -> Fixture {
    let fx = Fixture::project(
        "[project]\nname = \"shop\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
         dependencies = [\"web (>=1)\", \"own @ ./libs/own\", \"winner ; sys_platform == 'win32'\"]\n\
         [dependency-groups]\ntest = [\"check\"]\n\
         [tool.poetry]\npackage-mode = false\n",
    );
    fx.write(
        "libs/own/pyproject.toml",
        "[project]\nname = \"own\"\nversion = \"0.3\"\ndescription = \"Für alle\"\nrequires-python = \">=3.11\"\n\
         dependencies = [\"tools (>=1,<3)\"]\n",
    );
    let index = fx.index();
    let summary = "Pages, forms, and what else a web site may need, if it needs anything at all, which is rare";
    index.publish(
        &Wheel::new("web", "1.1")
            .requires("tools>=1")
            .summary(summary),
    );
    index.publish(&Wheel::new("tools", "1.5").requires("web").summary("Tools"));
    index.publish(&Wheel::new("winner", "2.0"));
    index.publish(&Wheel::new("check", "3.0"));
    fx.mpoetry(["lock"]).success();
    fx
}

#[test]
fn a_list_tells_what_is_installed() {
    let fx = web();
    fx.mpoetry(["install", "--only", "test"]).success();
    insta::assert_snapshot!(fx.mpoetry(["show"]), @"
    exit: 0
    ----- stdout -----
    check     3.0          The check package
    own   (!) 0.3 libs/own Für alle
    tools (!) 1.5          Tools
    web   (!) 1.1          Pages, forms, and what else a web site may need, if it needs anything at...
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "--all", "--why"]), @"
    exit: 0
    ----- stdout -----
    check      3.0                       The check package
    own    (!) 0.3 libs/own              Für alle
    tools  (!) 1.5          from own,web Tools
    web    (!) 1.1          from tools   Pages, forms, and what else a web site may need, if it nee...
    winner     2.0                       The winner package
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "--top-level", "--without", "test"]), @"
    exit: 0
    ----- stdout -----
    own   (!) 0.3 libs/own Für alle
    web   (!) 1.1          Pages, forms, and what else a web site may need, if it needs anything at...
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "--format", "json", "--only", "main", "--why"]), @r#"
    exit: 0
    ----- stdout -----
    [{"name": "own", "installed_status": "not-installed", "version": "0.3 libs/own", "description": "F\u00fcr alle"}, {"name": "tools", "installed_status": "not-installed", "version": "1.5", "required_by": ["own", "web"], "description": "Tools"}, {"name": "web", "installed_status": "not-installed", "version": "1.1", "required_by": ["tools"], "description": "Pages, forms, and what else a web site may need, if it needs anything at all, which is rare"}]
    "#);
}

#[test]
fn nothing_is_made_by_looking() {
    let fx = web();
    let before = fx.snapshot_tree();
    fx.mpoetry(["show"]).success();
    fx.assert_unchanged(&before);
    assert!(!fx.top().join("home/.cache/pypoetry/virtualenvs").exists());
}

#[test]
fn lines_are_cut_to_the_terminal() {
    let mut fx = web();
    insta::assert_snapshot!(fx.mpoetry(["show", "--no-truncate", "--only", "main"]), @"
    exit: 0
    ----- stdout -----
    own   (!) 0.3 libs/own Für alle
    tools (!) 1.5          Tools
    web   (!) 1.1          Pages, forms, and what else a web site may need, if it needs anything at all, which is rare
    ");
    fx.set("COLUMNS", "50");
    insta::assert_snapshot!(fx.mpoetry(["show"]), @"
    exit: 0
    ----- stdout -----
    check (!) 3.0          The check package
    own   (!) 0.3 libs/own Für alle
    tools (!) 1.5          Tools
    web   (!) 1.1          Pages, forms, and what...
    ");
    fx.set("COLUMNS", "20");
    insta::assert_snapshot!(fx.mpoetry(["show"]), @"
    exit: 0
    ----- stdout -----
    check (!)
    own   (!)
    tools (!)
    web   (!)
    ");
}

#[test]
fn trees_end_at_circles() {
    let fx = web();
    insta::assert_snapshot!(fx.mpoetry(["show", "--tree", "--only", "main"]), @"
    exit: 0
    ----- stdout -----
    own 0.3 Für alle
    └── tools >=1,<3
        └── web * 
            └── tools >=1 (circular dependency aborted here)
    web 1.1 Pages, forms, and what else a web site may need, if it needs anything at all, which is rare
    └── tools >=1
        └── web * (circular dependency aborted here)
    winner 2.0 The winner package
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "own", "--tree"]), @"
    exit: 0
    ----- stdout -----
    own 0.3 Für alle
    └── tools >=1,<3
        └── web * 
            └── tools >=1 (circular dependency aborted here)
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "--tree", "--why", "Tools"]), @"
    exit: 0
    ----- stdout -----
    own 0.3 Für alle
    └── tools >=1,<3
        └── web * 
            └── tools >=1 (circular dependency aborted here)
    web 1.1 Pages, forms, and what else a web site may need, if it needs anything at all, which is rare
    └── tools >=1
        └── web * (circular dependency aborted here)
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "--tree", "--why", "check"]), @"
    exit: 0
    ----- stdout -----
    Package check is a direct dependency.
    check 3.0 The check package
    ");
}

#[test]
fn one_package() {
    let fx = web();
    insta::assert_snapshot!(fx.mpoetry(["show", "Tools"]), @"
    exit: 0
    ----- stdout -----
     name         : tools 
     version      : 1.5   
     description  : Tools 

    dependencies
     - web *

    required by
     - own requires >=1,<3
     - web requires >=1
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "own", "-f", "json"]), @r#"
    exit: 0
    ----- stdout -----
    {"name": "own", "version": "0.3", "description": "F\u00fcr alle", "dependencies": {"tools": ">=1,<3"}}
    "#);
    insta::assert_snapshot!(fx.mpoetry(["show", "other"]), @"
    exit: 1
    ----- stderr -----

    Package other not found
    ");
}

#[test]
fn later_versions() {
    let fx = locked_service();
    insta::assert_snapshot!(fx.mpoetry(["show", "--outdated"]), @"
    exit: 0
    ----- stdout -----
    web (!) 1.1 2.0 The web package
    ");
    fx.index().publish(&Wheel::new("tools", "1.6"));
    fx.index().publish(&Wheel::new("tools", "2.0rc1"));
    fx.index().publish(&Wheel::new("check", "4.0"));
    fx.index().page_lifetime("max-age=0");
    insta::assert_snapshot!(fx.mpoetry(["show", "--latest", "--no-cache"]), @"
    exit: 0
    ----- stdout -----
    check (!) 3.0 4.0 The check package
    speed (!) 1.0 1.0 The speed package
    tools (!) 1.5 1.6 The tools package
    web   (!) 1.1 2.0 The web package
    ");
    insta::assert_snapshot!(fx.mpoetry(["show", "-o", "--no-cache", "-f", "json"]), @r#"
    exit: 0
    ----- stdout -----
    [{"name": "check", "installed_status": "not-installed", "version": "3.0", "latest_version": "4.0", "description": "The check package"}, {"name": "tools", "installed_status": "not-installed", "version": "1.5", "latest_version": "1.6", "description": "The tools package"}, {"name": "web", "installed_status": "not-installed", "version": "1.1", "latest_version": "2.0", "description": "The web package"}]
    "#);
}

#[test]
fn what_does_not_go_together() {
    let fx = service();
    insta::assert_snapshot!(fx.mpoetry(["show"]), @"
    exit: 1
    ----- stderr -----
    Error: poetry.lock not found. Run `poetry lock` to create it.
    ");
    for options in [
        &["--tree", "--top-level"][..],
        &["web", "--top-level"],
        &["--tree", "--why"],
        &["web", "--why"],
        &["--format", "yaml"],
        &["--format", "json", "--tree"],
    ] {
        let outcome = fx.mpoetry_with("", &[&["show"], options].concat());
        assert_eq!(outcome.code, Some(1), "{options:?}");
        assert!(outcome.stderr.starts_with("Error: "), "{outcome}");
    }
}

/// Poetry: it resolves among what is locked, so that a lock file that does not fit fails.
#[test]
fn a_stale_lock_file() {
    let fx = locked_service();
    fx.edit("pyproject.toml", "web (>=1.0,<2.0)", "web (>=2.0)");
    insta::assert_snapshot!(fx.mpoetry(["show"]), @"
    exit: 1
    ----- stderr -----

    Because service depends on web (>=2.0) which doesn't match any versions, version solving failed.
    ");
    fx.mpoetry(["show", "web"]).success();
}

#[test]
fn options_have_short_forms() {
    let fx = web();
    let show = |option: &str| fx.mpoetry(["show", option]).success().stdout;
    let plain = fx.mpoetry(["show"]).success().stdout;
    for (short, long) in [
        ("-t", "--tree"),
        ("-l", "--latest"),
        ("-a", "--all"),
        ("-T", "--top-level"),
        ("-fjson", "--format=json"),
    ] {
        assert_eq!(show(short), show(long), "{short}");
        assert_ne!(show(short), plain, "{short}");
    }
    assert_eq!(show("-o"), show("--outdated"));
    let names = |words: &[&str]| {
        let outcome = locked_service_shown(words);
        let lines = outcome.lines();
        let names = lines.filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["check", "speed", "tools", "web"]);
    assert_eq!(
        names(&["--with", "docs"]),
        ["check", "pages", "speed", "tools", "web"]
    );
}

fn locked_service_shown(words: &[&str]) -> String {
    let fx = locked_service();
    let words = [&["show"], words].concat();
    fx.mpoetry_with("", &words).success().stdout
}
