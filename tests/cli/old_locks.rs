//! Installing from lock files of older formats, which say neither groups nor markers.

use super::lock::locked;
use super::service;
use crate::support::{Fixture, MetadataFile, Wheel};

/// A locked project with what old formats don't say: packages for extras, groups, platforms and pythons.
fn project() -> Fixture {
    let fx = service();
    fx.index().publish(
        &Wheel::new("web", "1.1")
            .requires("tools>=1")
            .requires("speed; extra == 'fast'"),
    );
    fx.index().publish(
        &Wheel::new("speed", "1.0")
            .requires("engine")
            .requires("other; sys_platform == 'win32'"),
    );
    for (name, version) in [
        ("engine", "1.0"),
        ("other", "1.0"),
        ("late", "1.0"),
        ("late", "2.0"),
        ("check", "2.0"),
    ] {
        fx.index().publish(&Wheel::new(name, version));
    }
    fx.write(
        "libs/lib/pyproject.toml",
        "[project]\nname = \"lib\"\nversion = \"1.0\"\ndependencies = [\"tools\", \"late (<2) ; python_version < '3.0'\"]\n\
         [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n",
    );
    fx.write("libs/lib/lib/__init__.py", "");
    fx.edit(
        "pyproject.toml",
        "[tool.poetry.group.docs]\n",
        "[tool.poetry.dependencies]\nlib = { path = \"libs/lib\" }\n\n[tool.poetry.group.docs]\n",
    );
    fx.edit(
        "pyproject.toml",
        "(>=1.0,<2.0)\"",
        "(>=1.0,<2.0)\", \"lib\", \"late (>=2) ; python_version >= '3.11'\"",
    );
    fx.edit(
        "pyproject.toml",
        "\"speed (>=1.0)\"",
        "\"web[fast] (>=1.0)\"",
    );
    fx.mpoetry(["lock"]).success();
    // What is newer must not matter, nor that there is an index at all before files are fetched.
    fx.index().publish(&Wheel::new("tools", "1.7"));
    fx.index()
        .publish(&Wheel::new("web", "1.2"))
        .metadata_file(MetadataFile::Absent);
    fx
}

/// Makes a lock of an older format of the one that is there, as old Poetries wrote them.
fn convert(fx: &Fixture, format: &str) {
    let mut lock: toml::Table = fx.read("poetry.lock").parse().expect("TOML");
    let mut files = toml::Table::new();
    let mut hashes = toml::Table::new();
    for package in lock["package"].as_array_mut().expect("packages") {
        let package = package.as_table_mut().expect("a table");
        package.remove("groups");
        package.remove("markers");
        if format == "2.0" {
            continue;
        }
        package.insert("category".to_owned(), "main".into());
        let name = package["name"].as_str().expect("a name").to_owned();
        let own = package.remove("files").expect("files");
        let hex = own.as_array().expect("a list").iter().map(|file| {
            let hash = file["hash"].as_str().expect("a hash");
            toml::Value::from(hash.strip_prefix("sha256:").expect("a SHA-256"))
        });
        hashes.insert(name.clone(), hex.collect::<Vec<_>>().into());
        files.insert(name, own);
    }
    let metadata = lock["metadata"].as_table_mut().expect("a table");
    metadata.insert("lock-version".to_owned(), format.into());
    match format {
        "1.0" => drop(metadata.insert("hashes".to_owned(), hashes.into())),
        "1.1" => drop(metadata.insert("files".to_owned(), files.into())),
        _ => {}
    }
    fx.write("poetry.lock", lock.to_string());
}

fn dry_run(fx: &Fixture, arguments: &[&str]) -> String {
    let arguments = [&["install", "--dry-run", "--no-root"], arguments].concat();
    let outcome = fx.mpoetry_with("", &arguments).success();
    let lines = outcome
        .stdout
        .lines()
        .filter(|line| line.starts_with("  - "));
    lines
        .map(|line| line.trim_start_matches("  - ").to_owned() + "\n")
        .collect()
}

#[test]
fn all_formats_install_the_same() {
    for format in ["1.0", "1.1", "2.0"] {
        let fx = project();
        convert(&fx, format);
        let before = fx.read("poetry.lock");
        // Poetry: packages come in the order of their depth now.
        insta::allow_duplicates! {
            insta::assert_snapshot!(dry_run(&fx, &[]), @"
            Installing engine (1.0): Skipped for the following reason: Not required
            Installing speed (1.0): Skipped for the following reason: Not required
            Installing tools (1.5)
            Installing check (3.0)
            Installing late (2.0)
            Installing lib (1.0 [root]/libs/lib)
            Installing web (1.1)
            ");
            insta::assert_snapshot!(dry_run(&fx, &["--extras", "fast"]), @"
            Installing engine (1.0)
            Installing speed (1.0)
            Installing tools (1.5)
            Installing check (3.0)
            Installing late (2.0)
            Installing lib (1.0 [root]/libs/lib)
            Installing web (1.1)
            ");
            insta::assert_snapshot!(dry_run(&fx, &["--only", "docs"]), @"Installing pages (2.1)");
            insta::assert_snapshot!(dry_run(&fx, &["--with", "docs", "--without", "main,dev"]), @"Installing pages (2.1)");
        }
        assert_eq!(fx.read("poetry.lock"), before, "{format}");
    }
}

#[test]
fn packages_of_a_lock_2_0_are_installed() {
    let fx = project();
    convert(&fx, "2.0");
    insta::assert_snapshot!(fx.mpoetry(["install", "--no-root", "-v", "--only", "main", "--no-directory"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file
    Cannot install without re-resolving because the lock file is not at least version 2.1

    Finding the necessary packages for the current system

    Package operations: 3 installs, 0 updates, 0 removals, 2 skipped

      - Installing engine (1.0): Skipped for the following reason: Not required
      - Installing speed (1.0): Skipped for the following reason: Not required
      - Installing tools (1.5)
      - Installing late (2.0)
      - Installing web (1.1)
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    Using virtualenv: [root]/.venv
    ");
    fx.mpoetry(["run", "python", "-c", "import web, tools, late"])
        .success();
    insta::assert_snapshot!(fx.mpoetry(["sync", "--only", "dev"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 1 install, 0 updates, 3 removals

      - Removing late (2.0)
      - Removing tools (1.5)
      - Removing web (1.1)
      - Installing check (3.0)

    Installing the current project: service (0.1.0)
    ");
}

#[test]
fn packages_of_a_lock_1_1_are_installed() {
    let fx = project();
    convert(&fx, "1.1");
    insta::assert_snapshot!(fx.mpoetry(["install", "--only", "dev", "--no-root"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 1 install, 0 updates, 0 removals

      - Installing check (3.0)
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    ");
}

/// Poetry 2.5.1 does not recognize the hashes of this format, which don't name their algorithm, and refuses every file.
#[test]
fn packages_of_a_lock_1_0_are_installed() {
    let fx = project();
    convert(&fx, "1.0");
    insta::assert_snapshot!(fx.mpoetry(["install", "--only", "dev", "--no-root"]), @"
    exit: 0
    ----- stdout -----
    Installing dependencies from lock file

    Package operations: 1 install, 0 updates, 0 removals

      - Installing check (3.0)
    ----- stderr -----
    Creating virtualenv service in [root]/.venv
    ");
    // They are checked, of course.
    let lock = fx.read("poetry.lock");
    let hashes = lock.split_once("[metadata.hashes]").expect("hashes").1;
    let web = hashes.split_once("web = [\"").expect("its hashes").1;
    fx.write("poetry.lock", lock.replace(&web[..64], &"0".repeat(64)));
    let outcome = fx.mpoetry(["install", "--only", "main", "--no-root"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let told = "Downloaded distributions for web (1.1) did not match any known checksums";
    assert!(outcome.stdout.contains(told), "{outcome}");
}

/// Nothing but what is locked is taken, so that this lock fits nothing.
#[test]
fn an_old_lock_that_lacks_something() {
    let fx = project();
    convert(&fx, "2.0");
    fx.edit("poetry.lock", "name = \"tools\"", "name = \"slots\"");
    insta::assert_snapshot!(fx.mpoetry(["install"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file
    ----- stderr -----
    Creating virtualenv service in [root]/.venv

    Because no versions of lib match !=1.0
     and lib (1.0) @ file://[root]/libs/lib depends on tools (*), tools is required.
    So, because no versions of tools match *, version solving failed.
    ");
}

#[test]
fn extras_that_an_old_lock_does_not_have() {
    let fx = project();
    convert(&fx, "2.0");
    insta::assert_snapshot!(fx.mpoetry(["install", "-E", "nope"]), @"
    exit: 1
    ----- stdout -----
    Installing dependencies from lock file
    ----- stderr -----
    Creating virtualenv service in [root]/.venv

    Extra [nope] is not specified.
    ");
}

/// Locking from it gives a lock of today, with the versions of yesterday.
#[test]
fn an_old_lock_is_refreshed() {
    let fx = project();
    let today = fx.read("poetry.lock");
    let versions = locked(&fx);
    for format in ["1.0", "1.1", "2.0"] {
        convert(&fx, format);
        fx.mpoetry(["lock"]).success();
        assert_eq!(locked(&fx), versions, "{format}");
        assert_eq!(fx.read("poetry.lock"), today, "{format}");
    }
}
