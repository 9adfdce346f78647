//! `mpoetry self …`.

use crate::support::Fixture;

#[test]
fn the_program_and_what_is_built_in_are_shown() {
    let fx = Fixture::empty();
    let outcome = fx.mpoetry(["self", "show"]).success();
    let own = format!("mpoetry              {} ", env!("CARGO_PKG_VERSION"));
    assert!(outcome.stdout.starts_with(&own), "{outcome}");
    assert!(
        outcome.stdout.contains("\npoetry               2.5.1 "),
        "{outcome}"
    );
    assert!(
        outcome.stdout.contains("\npoetry-plugin-bundle 1.8.0 "),
        "{outcome}"
    );

    let outcome = fx.mpoetry(["self", "show", "plugins"]).success();
    assert!(
        outcome
            .stdout
            .contains("\n  - poetry-plugin-shell (1.0.1) "),
        "{outcome}"
    );

    let outcome = fx
        .mpoetry(["self", "show", "poetry", "-f", "json"])
        .success();
    let shown: serde_json::Value =
        serde_json::from_str(&outcome.stdout).expect("what the test has made");
    assert_eq!(shown["version"], "2.5.1");
    let outcome = fx
        .mpoetry(["self", "show", "--addons", "-f", "json"])
        .success();
    let shown: serde_json::Value =
        serde_json::from_str(&outcome.stdout).expect("what the test has made");
    assert_eq!(shown[0]["name"], "poetry-plugin-bundle");
    assert_eq!(shown[0]["installed_status"], "installed");

    insta::assert_snapshot!(fx.mpoetry(["self", "show", "nope"]), @"
    exit: 1
    ----- stderr -----

    Package nope not found
    ");
    assert_eq!(fx.mpoetry(["self", "show", "--latest"]).code, Some(1));
    assert_eq!(fx.mpoetry(["self", "show", "-f", "xml"]).code, Some(1));
}

#[test]
fn plugins_that_are_built_in_need_no_adding() {
    let fx = Fixture::empty();
    insta::assert_snapshot!(fx.mpoetry(["self", "add", "poetry-plugin-shell>=1.0", "Poetry_Plugin.Bundle@latest"]), @"
    exit: 0
    ----- stdout -----
    Nothing to add: mpoetry needs no plugin for this.

      - poetry-plugin-shell: `mpoetry shell` is built in
      - poetry-plugin-bundle: `mpoetry bundle` is built in
    ");
    let outcome = fx.mpoetry(["self", "add", "poetry-plugin-up"]).success();
    assert!(outcome.stdout.contains("`mpoetry update`"), "{outcome}");
    insta::assert_snapshot!(fx.mpoetry(["self", "add", "poetry-plugin-shell", "nope"]), @"
    exit: 1
    ----- stderr -----

    Plugins can't be added to mpoetry, and it has nothing built in for `nope`.

    For what this plugin does, use Poetry: both work on the same project, lock file and environment.
    ");
    insta::assert_snapshot!(fx.mpoetry(["self", "remove", "nope"]), @"
    exit: 1
    ----- stderr -----

    The following packages were not found: nope
    ");
    insta::assert_snapshot!(fx.mpoetry(["self", "remove", "poetry-plugin-bundle"]), @"
    exit: 1
    ----- stderr -----

    What is built in can't be removed: poetry-plugin-bundle
    ");
}

#[test]
fn there_is_nothing_to_lock_or_to_install() {
    let fx = Fixture::empty();
    for words in [
        &["self", "lock"][..],
        &["self", "lock", "--regenerate"],
        &["self", "install", "--sync"],
        &["self", "sync", "--dry-run"],
    ] {
        let outcome = fx.mpoetry_with("", words).success();
        let start = "mpoetry is one program without packages of its own: there is nothing to ";
        assert!(outcome.stdout.starts_with(start), "{outcome}");
    }
}

#[test]
fn an_update_is_told_not_pretended() {
    let fx = Fixture::empty();
    let outcome = fx.mpoetry(["self", "update"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("mpoetry does not update itself"),
        "{outcome}"
    );
    insta::assert_snapshot!(fx.mpoetry(["self", "update", "2.5.1"]), @"
    exit: 0
    ----- stdout -----
    Nothing to update: this program stands for Poetry 2.5.1.
    ");
}

/// What the usual plugins do is built in. Of another one the project has to do without.
#[test]
fn plugins_that_a_project_wants_are_told() {
    let fx = Fixture::project(
        "[project]\nname = \"a\"\nversion = \"1\"\n\
         [tool.poetry.requires-plugins]\npoetry-plugin-export = \">=1.8\"\npoetry_dynamic_versioning = \"*\"\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["version"]), @"
    exit: 0
    ----- stdout -----
    a 1
    ----- stderr -----
    Warning: this project wants the plugin `poetry-dynamic-versioning`, which mpoetry has nothing for: what it does is not done
    ");
    insta::assert_snapshot!(fx.mpoetry(["version", "--no-plugins"]), @"
    exit: 0
    ----- stdout -----
    a 1
    ");
}

/// Poetry's options are taken, since scripts give them. What they say has nothing to act on.
#[test]
fn the_options_of_poetry_are_taken() {
    let fx = Fixture::empty();
    let say = |words: &[&str]| {
        fx.mpoetry_with("", &[&["self"], words].concat())
            .to_string()
    };
    let options = [
        "--editable",
        "-E",
        "x",
        "--source=pypi",
        "--allow-prereleases",
        "--dry-run",
    ];
    let add = ["add", "poetry-plugin-shell"];
    assert_eq!(say(&[&add[..], &options].concat()), say(&add));
    for (plain, options) in [
        (&["remove", "nope"][..], &["--dry-run"][..]),
        (&["install"], &["--dry-run", "--sync"]),
        (&["sync"], &["--dry-run"]),
        (&["lock"], &["--regenerate"]),
        (&["update"], &["--preview", "--dry-run"]),
    ] {
        assert_eq!(say(&[plain, options].concat()), say(plain));
    }
}

#[test]
fn parts_are_shown_as_a_tree_but_not_with_later_versions() {
    let fx = Fixture::empty();
    let tree = fx.mpoetry(["self", "show", "--tree"]).success().stdout;
    assert!(tree.contains("\npoetry-plugin-bundle 1.8.0 "), "{tree}");
    assert_eq!(fx.mpoetry(["self", "show", "-t"]).stdout, tree);
    for option in ["-l", "--latest", "-o", "--outdated"] {
        let outcome = fx.mpoetry(["self", "show", option]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert!(outcome.stderr.contains("latest"), "{outcome}");
    }
}
