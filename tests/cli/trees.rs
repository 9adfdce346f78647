//! What an environment consists of, file by file, whichever way it came there.

use std::path::Path;

use crate::support::{Fixture, Tree, Wheel};

/// A project that is no package, with its environment inside.
fn project(requirements: &[&str]) -> Fixture {
    let fx = Fixture::empty();
    fx.write("poetry.toml", "[virtualenvs]\nin-project = true\n");
    require(&fx, requirements);
    fx
}

/// Requires something else, and forgets what was locked.
fn require(fx: &Fixture, requirements: &[&str]) {
    fx.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
             dependencies = {requirements:?}\n\n[tool.poetry]\npackage-mode = false\n"
        ),
    );
    if fx.exists("poetry.lock") {
        fx.remove("poetry.lock");
    }
}

fn environment(fx: &Fixture) -> Tree {
    Tree::of(&fx.path(".venv"))
}

/// What differs from a fresh environment. That a file was written again does not count.
fn differences(fresh: &Tree, fx: &Fixture) -> Vec<String> {
    let mut lines = fresh.differences(&environment(fx));
    lines.retain(|line| !line.starts_with("rewritten "));
    lines
}

fn site_packages(fx: &Fixture) -> String {
    let versions = fx.list(".venv/lib");
    format!(".venv/lib/{}/site-packages", versions[0])
}

/// The names in site-packages, without pip's.
fn names(fx: &Fixture) -> Vec<String> {
    let mut names = fx.list(&site_packages(fx));
    names.retain(|name| !name.starts_with("pip"));
    names
}

/// A large distribution with everything that a wheel can hold; `word` is in the names of its files.
fn large(version: &str, word: &str) -> Wheel {
    let mut wheel = Wheel::new("large", version)
        .file("large/__init__.py", word)
        .data("scripts", &format!("{word}-script"), "#!python\n")
        .data("data", &format!("share/large/{word}.txt"), word)
        .data("headers", &format!("{word}.h"), "")
        .entry_point("console_scripts", &format!("{word}-tool"), "large:main")
        .entry_point("console_scripts", "large", &format!("large:{word}"));
    for number in 0..200 {
        wheel = wheel.file(
            &format!("large/{word}{}/m{number}.py", number % 10),
            format!("{word}{number}"),
        );
    }
    wheel
}

/// Whatever was there before: afterwards the environment is what a fresh one would be.
#[test]
fn an_upgrade_or_downgrade_leaves_nothing_of_what_it_replaces() {
    let fx = project(&[]);
    fx.index().publish(&large("1.0", "old"));
    fx.index().publish(&large("2.0", "new"));
    let requirement = |version: &str| format!("large (=={version})");
    for (from, to) in [("1.0", "2.0"), ("2.0", "1.0")] {
        require(&fx, &[&requirement(to)]);
        fx.mpoetry(["install"]).success();
        let fresh = environment(&fx);
        for verb in ["install", "sync"] {
            fx.remove(".venv");
            require(&fx, &[&requirement(from)]);
            fx.mpoetry(["install", "--compile"]).success();
            assert_ne!(differences(&fresh, &fx), [""; 0]);
            require(&fx, &[&requirement(to)]);
            fx.mpoetry(["lock"]).success();
            fx.mpoetry([verb]).success();
            assert_eq!(differences(&fresh, &fx), [""; 0], "{from} {to} {verb}");
        }
        fx.remove(".venv");
    }
}

/// Of what was installed by others, `sync` removes what it knows the files of; files of nobody stay.
#[test]
fn sync_leaves_pip_and_what_belongs_to_nobody() {
    let fx = project(&["large (==1.0)"]);
    fx.index().publish(&large("1.0", "old"));
    fx.index().publish(&Wheel::new("other", "1.0"));
    fx.mpoetry(["install"]).success();
    let site = site_packages(&fx);
    let foreign = |path: &str, text: &str| fx.write(&format!("{site}/{path}"), text);
    foreign("foreign.py", "");
    foreign(
        "foreign-1.0.dist-info/METADATA",
        "Name: foreign\nVersion: 1.0\n",
    );
    foreign("foreign-1.0.dist-info/INSTALLER", "pip");
    foreign(
        "foreign-1.0.dist-info/RECORD",
        "foreign.py,,\nforeign-1.0.dist-info/METADATA,,\n",
    );
    foreign("large/mine.txt", "");
    foreign("own.py", "");
    require(&fx, &["other"]);
    fx.mpoetry(["lock"]).success();
    fx.mpoetry(["install"]).success();
    assert!(fx.exists(&format!("{site}/foreign.py")));
    assert!(fx.exists(&format!("{site}/large/__init__.py")));
    insta::assert_snapshot!(fx.mpoetry(["sync"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 0 updates, 2 removals

      - Removing foreign (1.0)
      - Removing large (1.0)
    ");
    assert_eq!(
        names(&fx),
        ["large", "other", "other-1.0.dist-info", "own.py"]
    );
    assert_eq!(fx.list(&format!("{site}/large")), ["mine.txt"]);
    assert!(fx.list(&site).iter().any(|name| name == "pip"));
}

/// What killed installers left is replaced by what is locked, and nothing is there twice.
#[test]
fn torn_distributions_are_healed() {
    let fx = project(&["large (==1.0)"]);
    fx.index().publish(&large("1.0", "old"));
    fx.mpoetry(["install"]).success();
    let fresh = environment(&fx);
    let info = format!("{}/large-1.0.dist-info", site_packages(&fx));
    let twin = format!("{}/large-0.9.dist-info", site_packages(&fx));
    let file = |name: &str| format!("{info}/{name}");
    let cases: [(&str, &dyn Fn()); 5] = [
        ("no RECORD", &|| fx.remove(&file("RECORD"))),
        ("no METADATA", &|| fx.remove(&file("METADATA"))),
        ("nothing in it", &|| {
            fx.remove(&info);
            std::fs::create_dir(fx.path(&info)).expect("a folder");
        }),
        ("another version without METADATA", &|| {
            fx.remove(&info);
            fx.write(&format!("{twin}/RECORD"), "");
        }),
        ("two versions", &|| {
            for name in ["METADATA", "RECORD"] {
                let text = fx.read(&file(name)).replace("1.0", "0.9");
                fx.write(&format!("{twin}/{name}"), text);
            }
        }),
    ];
    for (case, tear) in cases {
        tear();
        fx.mpoetry(["install"]).success();
        assert_eq!(differences(&fresh, &fx), [""; 0], "{case}");
    }
}

#[test]
fn what_does_not_tell_its_files_is_not_removed() {
    let fx = project(&["other"]);
    fx.index().publish(&Wheel::new("other", "1.0"));
    fx.index().publish(&Wheel::new("thing", "1.0"));
    fx.mpoetry(["install"]).success();
    let site = site_packages(&fx);
    let metadata = "Metadata-Version: 1.1\nName: thing\nVersion: 0.9\n";
    fx.write(&format!("{site}/thing-0.9-py3.11.egg-info"), metadata);
    let text = fx.mpoetry(["sync"]).to_string().replace(&site, "[site]");
    insta::assert_snapshot!(text, @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 0 updates, 1 removal

      - Removing thing (0.9)

        | `[root]/[site]/thing-0.9-py3.11.egg-info` does not tell which files belong to it, so that they can't be removed
        | 
        | Cannot install thing.
        | 
        | Remove it and its files by hand, or remove the whole environment and install again.
    ");
    // Nor is another version put over it.
    require(&fx, &["thing (==1.0)"]);
    fx.mpoetry(["lock"]).success();
    let outcome = fx.mpoetry(["install"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(!fx.exists(&format!("{site}/thing")));
    // Poetry: it counts as installed.
    require(&fx, &["thing (==0.9)"]);
    fx.index().publish(&Wheel::new("thing", "0.9"));
    fx.mpoetry(["lock"]).success();
    let outcome = fx.mpoetry(["install"]).success();
    assert!(
        outcome
            .stdout
            .contains("No dependencies to install or update"),
        "{outcome}"
    );
}

/// From the time before wheels: an `.egg-info` with a list of files, and a source tree on the search path.
#[test]
fn eggs_are_removed() {
    let fx = project(&["other"]);
    fx.index().publish(&Wheel::new("other", "1.0"));
    fx.mpoetry(["install"]).success();
    let fresh = environment(&fx);
    let site = site_packages(&fx);
    let metadata = |name: &str| format!("Metadata-Version: 1.1\nName: {name}\nVersion: 0.9\n");
    let info = format!("{site}/listed-0.9-py3.11.egg-info");
    fx.write(&format!("{site}/listed/__init__.py"), "");
    fx.write(&format!("{info}/PKG-INFO"), metadata("listed"));
    let files = "../listed/__init__.py\n../../../../../outside.txt\nPKG-INFO\n";
    fx.write(&format!("{info}/installed-files.txt"), files);
    fx.write("outside.txt", "");
    fx.write("tree/linked.egg-info/PKG-INFO", metadata("linked"));
    let tree = fx.path("tree").display().to_string();
    fx.write(&format!("{site}/linked.egg-link"), format!("{tree}\n."));
    fx.write(
        &format!("{site}/easy-install.pth"),
        format!("/elsewhere\n{tree}\n"),
    );
    insta::assert_snapshot!(fx.mpoetry(["sync"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 0 installs, 0 updates, 2 removals

      - Removing linked (0.9)
      - Removing listed (0.9)
    ");
    assert!(fx.exists("outside.txt") && fx.exists("tree/linked.egg-info/PKG-INFO"));
    assert_eq!(fx.read(&format!("{site}/easy-install.pth")), "/elsewhere\n");
    fx.remove(&format!("{site}/easy-install.pth"));
    assert_eq!(differences(&fresh, &fx), [""; 0]);
}

/// Each requires the one before it.
#[test]
fn more_than_three_hundred_packages() {
    const COUNT: usize = 310;
    let fx = project(&[&format!("p{}", COUNT - 1)]);
    for number in 0..COUNT {
        let mut wheel = Wheel::new(&format!("p{number}"), "1.0");
        if number > 0 {
            wheel = wheel.requires(&format!("p{} (>=1.0)", number - 1));
        }
        fx.index().publish(&wheel);
    }
    fx.mpoetry(["lock"]).success();
    let outcome = fx.mpoetry(["install"]).success();
    let summary = format!("Package operations: {COUNT} installs, 0 updates, 0 removals");
    assert!(outcome.stdout.contains(&summary), "{outcome}");
    let names = names(&fx);
    let installed: Vec<_> = names
        .iter()
        .filter(|name| name.ends_with(".dist-info"))
        .collect();
    assert_eq!(installed.len(), COUNT);
    for info in installed {
        let site = site_packages(&fx);
        for row in fx.read(&format!("{site}/{info}/RECORD")).lines() {
            let file = row.split(',').next().unwrap_or_default();
            assert!(
                Path::new(&fx.path(&site)).join(file).is_file(),
                "{info}: {file}"
            );
        }
    }
    let again = fx.mpoetry(["install"]).success();
    assert!(
        again
            .stdout
            .contains("No dependencies to install or update"),
        "{again}"
    );
}

/// The last one wins; but it is told.
#[test]
fn a_file_of_two_distributions() {
    let mut fx = project(&["one", "two"]);
    for name in ["one", "two"] {
        let wheel = Wheel::new(name, "1.0")
            .file("shared/a.py", "")
            .file("shared/b.py", "");
        fx.index().publish(&wheel);
    }
    fx.set("POETRY_INSTALLER_PARALLEL", "false");
    fx.mpoetry(["lock"]).success();
    let outcome = fx.mpoetry(["install"]).success();
    let text = outcome.stderr.replace(&site_packages(&fx), "[site]");
    insta::assert_snapshot!(text, @"
    Creating virtualenv app in [root]/.venv
    Installing [root]/[site]/shared/a.py over existing file and 1 more
    ");
}
