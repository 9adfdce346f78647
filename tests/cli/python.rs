//! `mpoetry python …`, with builds that a server on this machine has.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::support::{Answer, Fixture, OtherPython, Server};

/// Builds on a server, and a list of them.
struct Builds {
    fx: Fixture,
    server: Server,
    /// What is in the place where Pythons are installed.
    pythons: std::path::PathBuf,
}

const FILE: &str = "cpython-3.98.1+1-install_only.tar.gz";

impl Builds {
    /// There is one build, 3.98.1, whose `bin/python3` is this script.
    fn of(script: &str) -> Self {
        let archive = archive(script);
        let sha256 = HEXLOWER.encode(&Sha256::digest(&archive));
        Self::with(archive, &sha256)
    }

    fn with(archive: Vec<u8>, sha256: &str) -> Self {
        Self::named(FILE, archive, sha256)
    }

    fn named(file: &str, archive: Vec<u8>, sha256: &str) -> Self {
        let mut fx = Fixture::empty();
        let file = file.to_owned();
        let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        let list = format!(
            "cpython\t3.98.1\t{system}\t{machine}\t1/{file}\t{sha256}\n\
             cpython\t3.97.0t\t{system}\t{machine}\t1/none.tar.gz\t{sha256}\n\
             cpython\t3.98.0\t{system}\t{machine}\t1/none.tar.gz\t-\n\
             cpython\t3.98.9\telsewhere\t{machine}\t1/none.tar.gz\t{sha256}\n"
        );
        fx.write("builds.tsv", list);
        let server = Server::start(Arc::new(move |request| match request.path.as_str() {
            path if path.ends_with(&file) => Answer::new(200, archive.clone()),
            _ => Answer::new(404, ""),
        }));
        let pythons = fx.top().join("pythons");
        let builds = fx.path("builds.tsv");
        fx.set(
            "MPOETRY_PYTHON_BUILDS",
            builds.to_str().expect("what the test has made"),
        );
        fx.set(
            "PBS_INSTALLER_BASE_URL",
            &format!("http://{}/b/", server.address()),
        );
        fx.set(
            "POETRY_PYTHON_INSTALLATION_DIR",
            pythons.to_str().expect("what the test has made"),
        );
        fx.set("POETRY_REQUESTS_MAX_RETRIES", "0");
        Self {
            fx,
            server,
            pythons,
        }
    }

    fn installed(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.pythons)
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .file_name()
                    .into_string()
                    .expect("what the test has made")
            })
            .collect();
        names.sort();
        names
    }
}

/// A script that says of itself what a Python 3.98.1 in its place would say.
fn working() -> String {
    let folder = tempfile::tempdir().expect("what the test has made");
    let other = OtherPython::in_folder(folder.path());
    let text = std::fs::read_to_string(&other.executable).expect("what the test has made");
    let root = folder.path().display().to_string();
    text.replace(
        "cat <<'END'",
        "root=$(cd \"$(dirname \"$0\")/..\" && pwd)\ncat <<END",
    )
    .replace(&format!("{root}/bin/python3.98"), "$root/bin/python3")
    .replace(&root, "$root")
}

fn archive(script: &str) -> Vec<u8> {
    let bytes = tree(script, "python");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &bytes).expect("what the test has made");
    packed.finish().expect("what the test has made")
}

/// A tar with a Python in a folder.
fn tree(script: &str, folder: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, link: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        let path = format!("{folder}/{path}");
        header.set_path(path).expect("what the test has made");
        header.set_mode(0o755);
        header.set_size(bytes.len() as u64);
        if !link.is_empty() {
            header.set_link_name(link).expect("what the test has made");
        }
        header.set_cksum();
        archive
            .append(&header, bytes)
            .expect("what the test has made");
    };
    add(
        "bin/python3.98",
        tar::EntryType::Regular,
        "",
        script.as_bytes(),
    );
    add("bin/python3", tar::EntryType::Symlink, "python3.98", b"");
    add("lib/python3.98/os.py", tar::EntryType::Regular, "", b"");
    archive.into_inner().expect("what the test has made")
}

#[test]
fn a_python_is_installed_listed_found_and_removed() {
    let builds = Builds::of(&working());
    let fx = &builds.fx;
    insta::assert_snapshot!(fx.mpoetry(["python", "list", "-m"]), @"
    exit: 0
    ----- stdout -----
    No Python installations found.
    ");
    insta::assert_snapshot!(fx.mpoetry(["python", "install", "3.98"]), @"
    exit: 0
    ----- stdout -----
    Downloading and installing 3.98 (cpython) ... Done
    Testing 3.98 (cpython) ... Done
    ");
    assert_eq!(builds.installed(), ["cpython@3.98.1"]);
    let link = std::fs::read_link(builds.pythons.join("cpython@3.98.1/bin/python3"))
        .expect("what the test has made");
    assert_eq!(link.to_str(), Some("python3.98"));
    let rows = |words: &[&str]| {
        let outcome = fx
            .mpoetry_with("", &[&["python", "list"], words].concat())
            .success();
        let rows = outcome.stdout.lines().skip(1);
        let rows = rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
        rows.collect::<Vec<_>>().join("\n")
    };
    let managed = "3.98.1 CPython Poetry [temp]/pythons/cpython@3.98.1/bin/python3";
    assert_eq!(rows(&["-m"]), managed);
    assert_eq!(rows(&["3.98", "-i", "cpython"]), managed);
    let available = "3.98.1 CPython Poetry Available for download";
    assert_eq!(rows(&["-a", "3.98"]), format!("{managed}\n{available}"));
    assert_eq!(
        rows(&["-a", "3.97"]),
        "3.97.0t CPython Poetry Available for download"
    );
    // It is found where a project wants it.
    let manifest = "[project]\nname = \"demo\"\nversion = \"1.0\"\nrequires-python = \">=3.98\"\n";
    fx.write("pyproject.toml", manifest);
    let outcome = fx.mpoetry(["env", "use", "3.98"]).success();
    assert!(outcome.stdout.ends_with("-py3.98\n"), "{outcome}");

    insta::assert_snapshot!(fx.mpoetry(["python", "install", "3.98.1"]), @"
    exit: 1
    ----- stderr -----
    Python version already installed at [temp]/pythons/cpython@3.98.1.

    Use --reinstall to install anyway, or use poetry python remove 3.98.1 first.
    ");
    let mine = builds.pythons.join("cpython@3.98.1/mine");
    std::fs::write(&mine, "").expect("what the test has made");
    fx.mpoetry(["python", "install", "--reinstall", "3.98.1"])
        .success();
    assert!(!mine.exists());

    insta::assert_snapshot!(fx.mpoetry(["python", "remove", "3.98.1", "3.1.1"]), @"
    exit: 0
    ----- stdout -----
    Removing installation 3.98.1 (cpython) ... Done
    No installation was found at [temp]/pythons/cpython@3.1.1.
    ");
    assert_eq!(builds.installed(), Vec::<String>::new());
}

#[test]
fn a_file_with_another_hash_is_not_unpacked() {
    let builds = Builds::with(archive(&working()), &"ab".repeat(32));
    let outcome = builds.fx.mpoetry(["python", "install", "3.98"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(
        outcome.stdout,
        "Downloading and installing 3.98 (cpython) ... Failed\n"
    );
    assert!(outcome.stderr.contains("abababab"), "{outcome}");
    assert_eq!(builds.installed(), Vec::<String>::new());
}

#[test]
fn a_server_that_is_down_is_named() {
    let mut builds = Builds::of(&working());
    let address = builds.server.address().to_string();
    builds.server.stop();
    let outcome = builds.fx.mpoetry(["python", "install", "3.98"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains(&format!("http://{address}/b/{FILE}")),
        "{outcome}"
    );
    assert!(
        outcome.stderr.contains("PBS_INSTALLER_BASE_URL"),
        "{outcome}"
    );
    assert_eq!(builds.installed(), Vec::<String>::new());
}

#[test]
fn a_python_that_does_not_run_is_told_and_can_be_cleaned_up() {
    let builds = Builds::of("#!/bin/sh\necho 'no libc' >&2\nexit 127\n");
    let fx = &builds.fx;
    let outcome = fx.mpoetry(["python", "install", "3.98"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stdout
            .ends_with("Testing 3.98 (cpython) ... Failed\n"),
        "{outcome}"
    );
    assert!(
        outcome.stderr.contains("cpython@3.98.1/bin/python3"),
        "{outcome}"
    );
    assert!(outcome.stderr.contains("no libc"), "{outcome}");
    assert_eq!(builds.installed(), ["cpython@3.98.1"]);
    assert_eq!(fx.mpoetry(["python", "install", "3.98"]).code, Some(1));
    fx.mpoetry(["python", "install", "3.98", "--clean", "--reinstall"]);
    assert_eq!(builds.installed(), Vec::<String>::new());
}

#[test]
fn what_can_not_be_had() {
    let builds = Builds::of(&working());
    let fx = &builds.fx;
    for (words, expected) in [
        (
            &["install", "foo"][..],
            "Invalid Python version requested foo\n",
        ),
        (
            &["install", "3.98.9"],
            "No suitable standalone build found for the requested Python version.\n",
        ),
        (
            &["install", "3.98.0"],
            "No suitable standalone build found for the requested Python version.\n\n\
             There is one of Python 3.98.0, but no SHA-256 has been published that it could be checked against. \
             3.98.1 can be installed. ",
        ),
        (
            &["install", "3.98", "-i", "pypy"],
            "No suitable standalone build found for the requested Python version.\n",
        ),
        (
            &["install", "3.12t"],
            "\nFree threading is not supported for Python versions prior to 3.13.0.\n",
        ),
        (
            &["remove", "3.98"],
            "Invalid Python version requested 3.98\n\nYou need to provide an exact Python version",
        ),
        (&["list", "foo"], "Invalid Python version requested foo\n"),
        (
            &["list", ">=3.12"],
            "Invalid Python version requested >=3.12\n",
        ),
    ] {
        let outcome = fx.mpoetry_with("", &[&["python"], words].concat());
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert!(outcome.stderr.starts_with(expected), "{outcome}");
    }
    fx.write("builds.tsv", "cpython\n");
    let outcome = fx.mpoetry(["python", "install", "3.98"]);
    assert!(
        outcome
            .stderr
            .contains("builds.tsv`, line 1, tells of no build"),
        "{outcome}"
    );
}

/// Some builds are whole trees, with what was left over from building, and packed in other ways.
#[test]
fn builds_are_packed_in_many_ways() {
    let tar = tree(&working(), "python/install");
    let packed = zstd::encode_all(&*tar, 1).expect("what the test has made");
    let sha256 = HEXLOWER.encode(&Sha256::digest(&packed));
    let file = "cpython-3.98.1+1-pgo+lto-full.tar.zst";
    let builds = Builds::named(file, packed, &sha256);
    let fx = &builds.fx;
    fx.mpoetry(["python", "install", "3.98"]).success();
    let program = "cpython@3.98.1/install/bin/python3";
    assert!(builds.pythons.join(program).exists());
    let list = fx.mpoetry(["python", "list", "3.98"]).success().stdout;
    assert!(
        list.contains(&format!("[temp]/pythons/{program}")),
        "{list}"
    );
}

#[test]
fn pythons_without_the_global_lock() {
    let builds = Builds::of(&working());
    let fx = &builds.fx;
    let versions = |words: &[&str]| {
        let words = [&["python", "list", "-a"], words].concat();
        let stdout = fx.mpoetry_with("", &words).success().stdout;
        let rows = stdout.lines().filter(|row| row.contains("Available"));
        let first = rows.filter_map(|row| row.split_whitespace().next());
        first.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(versions(&["3"]), ["3.98.1", "3.97.0t"]);
    // Poetry: of what can be fetched, all kinds are shown.
    assert_eq!(versions(&["-t"]), ["3.98.1", "3.97.0t"]);
    let found = |words: &[&str]| {
        let words = [&["python", "list"], words].concat();
        fx.mpoetry_with("", &words).success().stdout
    };
    let none = "No Python installations found.\n";
    assert_ne!(found(&[]), none);
    assert_eq!(found(&["-t"]), none);
    assert_eq!(found(&["--free-threaded"]), none);
    assert_eq!(found(&["--implementation", "pypy"]), none);
    assert_eq!(found(&["-i", "CPython"]), found(&[]));

    // Its file is not there, which shows that it was the one that was asked for.
    for words in [["3.97", "-t"], ["3.97t", "-c"]] {
        let outcome = fx.mpoetry_with("", &[&["python", "install"], &words[..]].concat());
        assert!(outcome.stderr.contains("/b/none.tar.gz"), "{outcome}");
    }
    let outcome = fx.mpoetry(["python", "remove", "3.97.0", "--free-threaded"]);
    assert!(outcome.stdout.contains("cpython@3.97.0t"), "{outcome}");
    let outcome = fx.mpoetry(["python", "remove", "3.97.0", "-i", "pypy"]);
    assert!(outcome.stdout.contains("pypy@3.97.0."), "{outcome}");
}
