//! `mpoetry debug …`, `about`, `search`, `list` and `help`.

use super::service;
use crate::support::{Fixture, Wheel};

#[test]
fn a_resolution_is_shown_and_not_written() {
    let fx = service();
    let before = fx.snapshot_tree();
    insta::assert_snapshot!(fx.mpoetry(["debug", "resolve"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...

    Resolution results:

    tools 1.5
    check 3.0
    pages 2.1
    speed 1.0
    web   1.1
    ");
    insta::assert_snapshot!(fx.mpoetry(["debug", "resolve", "--tree"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...

    Resolution results:

    check 3.0 The check package
    pages 2.1 The pages package
    speed 1.0 The speed package
    web 1.1 The web package
    └── tools >=1
    ");
    fx.assert_unchanged(&before);
}

#[test]
fn other_requirements_are_resolved() {
    let fx = service();
    fx.index().publish(
        &Wheel::new("more", "1.0")
            .extra("fast")
            .requires("speed ; extra == 'fast'")
            .requires("pages ; sys_platform == 'win32'"),
    );
    insta::assert_snapshot!(fx.mpoetry(["debug", "resolve", "web@<1.1", "more", "-E", "fast"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...

    Resolution results:

    pages 2.1
    speed 1.0
    tools 1.5
    more  1.0
    web   1.0
    ");
    insta::assert_snapshot!(fx.mpoetry(["debug", "resolve", "more>=1", "--install"]), @"
    exit: 0
    ----- stdout -----
    Resolving dependencies...

    Resolution results:

    more 1.0
    ");
    // All forms that `add` takes.
    let resolve = |word: &str| fx.mpoetry(["debug", "resolve", word]).success().stdout;
    assert!(resolve("more:1.0").ends_with("\nmore  1.0\n"));
    assert!(resolve("more 1.*").ends_with("\nmore  1.0\n"));
    insta::assert_snapshot!(fx.mpoetry(["debug", "resolve", "web>=3"]), @"
    exit: 1
    ----- stderr -----

    Could not find a matching version of package web
    ");
    insta::assert_snapshot!(fx.mpoetry(["debug", "resolve", "nothing"]), @"
    exit: 1
    ----- stderr -----

    Could not find a matching version of package nothing
    ");
}

#[test]
fn other_pythons() {
    let fx = service();
    fx.index()
        .publish(&Wheel::new("web", "1.2").requires_python(">=3.13"))
        .requires_python(">=3.13");
    let resolve = |python: &[&str]| {
        let words = [&["debug", "resolve"], python].concat();
        fx.mpoetry_with("", &words).success().stdout
    };
    assert!(resolve(&[]).contains("web   1.1"), "{}", resolve(&[]));
    let later = resolve(&["--python", ">=3.13"]);
    assert!(later.contains("web   1.2"), "{later}");
}

#[test]
fn tags_begin_with_the_best() {
    let fx = service();
    let before = fx.snapshot_tree();
    let tags = fx.mpoetry(["debug", "tags"]).success().stdout;
    let first = tags.lines().next().unwrap_or_default();
    assert!(first.starts_with("cp3"), "{tags}");
    assert!(tags.trim_end().ends_with("py30-none-any"), "{tags}");
    fx.assert_unchanged(&before);
}

#[test]
fn the_program_tells_of_itself() {
    let fx = service();
    let info = fx.mpoetry(["debug", "info"]).success().stdout;
    assert!(info.starts_with("\nPoetry\nVersion:    2.5.1\n"), "{info}");
    assert!(
        info.contains("\nVirtualenv\n") && info.contains("\nBase\n"),
        "{info}"
    );
    let about = fx.mpoetry(["about"]).success().stdout;
    assert!(
        about.contains("\nVersion: 2.5.1\nPoetry-Core Version: 2.5.0\n"),
        "{about}"
    );
}

#[test]
fn releases_are_searched_for_by_name() {
    let fx = service();
    fx.index().publish(&Wheel::new("web", "2.1b1"));
    fx.index()
        .publish(&Wheel::new("web", "1.5"))
        .yanked("broken");
    insta::assert_snapshot!(fx.mpoetry(["search", "Web>=1.1", "tools", "web==1.5", "no name"]), @"
    exit: 0
    ----- stdout -----
     Package Version Source Description 
     tools   1.5     PyPI               
     web     1.1     PyPI               
     web     1.5     PyPI               
     web     2.0     PyPI
    ");
    insta::assert_snapshot!(fx.mpoetry(["search", "other"]), @"
    exit: 0
    ----- stdout -----
    No matching packages were found.
    ");
    insta::assert_snapshot!(fx.mpoetry(["search"]), @r#"
    exit: 1
    ----- stderr -----

    Not enough arguments (missing: "tokens")
    "#);
}

/// Poetry: PyPI can't be searched; other sources tell what they have, if they do.
#[test]
fn other_sources_are_searched_by_a_part_of_a_name() {
    let fx = Fixture::empty();
    let index = fx.index();
    for (name, version) in [
        ("our-tools", "1.0"),
        ("our-tools", "2.0b1"),
        ("tools", "3.0"),
    ] {
        index.publish_to("own", &Wheel::new(name, version));
    }
    index.publish(&Wheel::new("tools", "1.5"));
    let list = "<!DOCTYPE html><a href=\"our-tools/\">Our.Tools</a> <a href=\"/own/simple/tools/\">tools</a> <a href=\"x/\">x</a>";
    index.serve("/own/simple/", list);
    let source = |name: &str, priority: &str| {
        let url = index.source_url(name);
        format!(
            "[[tool.poetry.source]]\nname = \"{name}\"\nurl = \"{url}\"\npriority = \"{priority}\"\n"
        )
    };
    let manifest = "[tool.poetry]\npackage-mode = false\n".to_owned()
        + &source("own", "supplemental")
        + &source("silent", "supplemental")
        + &source("unasked", "explicit");
    fx.write("pyproject.toml", manifest);
    insta::assert_snapshot!(fx.mpoetry(["search", "tool"]), @"
    exit: 0
    ----- stdout -----
     Package   Version Source Description 
     our-tools 1.0     own                
     our-tools 2.0b1   own                
     tools     3.0     own                
    ----- stderr -----
    Source (silent): `[index]/silent/simple/` answers with status 404
    Source (silent): Unable to retrieve package listing from package source silent
    ");
    insta::assert_snapshot!(fx.mpoetry(["search", "tools"]), @"
    exit: 0
    ----- stdout -----
     Package   Version Source Description 
     our-tools 1.0     own                
     our-tools 2.0b1   own                
     tools     1.5     PyPI               
     tools     3.0     own                
    ----- stderr -----
    Source (silent): `[index]/silent/simple/` answers with status 404
    Source (silent): Unable to retrieve package listing from package source silent
    ");
}

#[test]
fn commands_of_a_namespace() {
    let fx = Fixture::empty();
    let list = fx.mpoetry(["list", "cache"]).success().stdout;
    let (_, commands) = list.split_once("namespace:\n").unwrap();
    assert!(commands.starts_with("  cache clear  "), "{list}");
    assert_eq!(commands.lines().count(), 4, "{list}");
    insta::assert_snapshot!(fx.mpoetry(["list", "nope"]), @r#"
    exit: 1
    ----- stderr -----

    There are no commands in the "nope" namespace.
    "#);
}

#[test]
fn help_has_one_form() {
    let fx = Fixture::empty();
    let help = fx.mpoetry(["help", "cache", "clear"]).success();
    assert_eq!(help, fx.mpoetry(["cache", "clear", "--help"]));
    let (own, _) = help.stdout.split_once("  -h, --help").unwrap();
    insta::assert_snapshot!(own, @"
    Description:
      Clears a cache, or all of them

    Usage:
      cache clear [options] [--] [<cache>]

    Arguments:
      cache                      A name that `cache list` shows; of a source also with a package, or
                                 with a package and a version

    Options:
          --all                  Clear all that is in it
    ");
    insta::assert_snapshot!(fx.mpoetry(["help", "nope"]), @"
    exit: 1
    ----- stderr -----
    The requested command nope does not exist.

    Documentation: https://python-poetry.org/docs/cli/
    ");
    let help = fx.mpoetry(["help"]).success().stdout;
    assert!(
        help.contains("  help [options] [--] [<command_name>...]"),
        "{help}"
    );
}
