//! Environments made with a Python that is a shell script: it says what a Python would say, and counts.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use resolver::cache::Cache;

use super::{CreateOptions, Environment};
use crate::python::Interpreter;
use crate::python::find::{ChoiceError, Places};

struct Pythons {
    folder: tempfile::TempDir,
    cache: Cache,
}

impl Pythons {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        Self { folder, cache }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// Makes a Python of this version, which calls itself `claims`.
    fn add_as(&self, name: &str, version: &str, claims: &Path) -> PathBuf {
        let path = self.path(name);
        let prefix = path.parent().unwrap().parent().unwrap().to_owned();
        let minor = version.rsplit_once('.').unwrap().0;
        let facts = serde_json::json!({
            "executable": claims, "base_executable": claims, "prefix": prefix, "base_prefix": prefix,
            "version": version, "release_level": "final.0",
            "markers": {
                "implementation_name": "cpython", "implementation_version": version, "os_name": "posix",
                "platform_machine": "x86_64", "platform_python_implementation": "CPython",
                "platform_release": "6", "platform_system": "Linux", "platform_version": "#1",
                "python_full_version": version, "python_version": minor, "sys_platform": "linux"
            },
            "platform": "linux-x86_64", "free_threaded": false, "abi": "cpython-311-x86_64-linux-gnu",
            "narrow": false, "libc": ["glibc", "2.36"], "mac": null, "platlibdir": "lib"
        });
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let count = self.path("count").display().to_string();
        let script = format!("#!/bin/sh\necho x >> '{count}'\necho noise\necho '@facts@{facts}'\n");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    fn add(&self, name: &str, version: &str) -> PathBuf {
        self.add_as(name, version, &self.path(name))
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.path("count")).map_or(0, |text| text.lines().count())
    }

    fn create(&self, python: &Path, options: &CreateOptions) -> Environment {
        let python = Interpreter::query(python, &self.cache).unwrap();
        Environment::create(&self.path("project/.venv"), &python, options, &self.cache).unwrap()
    }
}

#[test]
fn a_python_is_asked_once() {
    let pythons = Pythons::new();
    let python = pythons.add("opt/bin/python3.11", "3.11.7");
    for _ in 0..2 {
        let found = Interpreter::query(&python, &pythons.cache).unwrap();
        assert_eq!(found.version.to_string(), "3.11.7");
        let best = &found.tags.ordered()[0];
        assert_eq!(
            (best.python.as_str(), best.abi.as_str()),
            ("cp311", "cp311")
        );
        assert!(
            found
                .tags
                .ordered()
                .iter()
                .any(|tag| tag.platform == "manylinux_2_36_x86_64")
        );
    }
    assert_eq!(pythons.runs(), 1);
    // Another file at the same place is another Python.
    pythons.add("opt/bin/python3.11", "3.11.10");
    assert_eq!(
        Interpreter::query(&python, &pythons.cache)
            .unwrap()
            .version
            .to_string(),
        "3.11.10"
    );
}

#[test]
fn a_shim_is_asked_each_time() {
    let pythons = Pythons::new();
    let real = pythons.add("opt/bin/python3.11", "3.11.7");
    let shim = pythons.add_as("shims/python", "3.11.7", &real);
    for _ in 0..2 {
        assert_eq!(
            Interpreter::query(&shim, &pythons.cache)
                .unwrap()
                .executable,
            real
        );
    }
    assert_eq!(pythons.runs(), 2);
    // But what it tells is known from then on.
    Interpreter::query(&real, &pythons.cache).unwrap();
    assert_eq!(pythons.runs(), 2);
}

#[test]
fn what_is_no_python_is_told_from_what_does_not_run() {
    let pythons = Pythons::new();
    let error = |path: &Path| {
        Interpreter::query(path, &pythons.cache)
            .unwrap_err()
            .to_string()
    };
    assert!(error(&pythons.path("missing")).starts_with("failed to start"));
    assert!(error(Path::new("/bin/true")).contains("does not tell about itself"));
    assert!(error(Path::new("/bin/false")).contains("exit status: 1"));
}

#[test]
fn an_environment_has_poetrys_files_and_starts_no_python() {
    let pythons = Pythons::new();
    let python = pythons.add("opt/bin/python3.11", "3.11.7");
    let options = CreateOptions {
        prompt: "svc-py3.11".to_owned(),
        ..CreateOptions::default()
    };
    let environment = pythons.create(&python, &options);
    let root = pythons.path("project/.venv");
    let mut files: Vec<String> = walkdir::WalkDir::new(&root)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .strip_prefix(&root)
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            ".gitignore",
            "CACHEDIR.TAG",
            "bin",
            "bin/activate",
            "bin/activate.csh",
            "bin/activate.fish",
            "bin/activate.nu",
            "bin/activate.ps1",
            "bin/activate.xsh",
            "bin/activate_this.py",
            "bin/deactivate.csh",
            "bin/python",
            "bin/python3",
            "bin/python3.11",
            "include",
            "lib",
            "lib/python3.11",
            "lib/python3.11/site-packages",
            "pyvenv.cfg",
        ]
    );
    let link = |name: &str| std::fs::read_link(root.join("bin").join(name)).unwrap();
    assert_eq!(link("python"), python);
    assert_eq!(
        [link("python3"), link("python3.11")],
        [Path::new("python"); 2]
    );
    let configuration = std::fs::read_to_string(root.join("pyvenv.cfg")).unwrap();
    let opt = pythons.path("opt").display().to_string();
    for line in [
        &format!("home = {opt}/bin"),
        "implementation = CPython",
        "version_info = 3.11.7.final.0",
        "prompt = \"svc-py3.11\"",
        "include-system-site-packages = false",
        &format!("base-prefix = {opt}"),
        &format!("base-executable = {opt}/bin/python3.11"),
    ] {
        assert!(
            configuration.lines().any(|found| found == line),
            "{line}\n{configuration}"
        );
    }

    let opened = Environment::open(&root, &pythons.cache).unwrap().unwrap();
    assert_eq!(opened.interpreter.executable, root.join("bin/python"));
    assert_eq!(opened.interpreter.prefix, root);
    assert_eq!(opened.interpreter.base_executable, python);
    assert_eq!(opened.site_packages(), environment.site_packages());
    assert!(opened.installed().unwrap().is_empty());
    assert_eq!(pythons.runs(), 1);
}

#[test]
fn copies_lead_to_their_base_too() {
    let pythons = Pythons::new();
    let python = pythons.add("opt/bin/python3.11", "3.11.7");
    let options = CreateOptions {
        always_copy: true,
        ..CreateOptions::default()
    };
    let environment = pythons.create(&python, &options);
    assert!(environment.python().symlink_metadata().unwrap().is_file());
    let opened = Environment::open(&environment.root, &pythons.cache)
        .unwrap()
        .unwrap();
    assert_eq!(opened.interpreter.base_executable, python);
    assert_eq!(pythons.runs(), 1);
}

#[test]
fn what_is_no_environment_or_a_broken_one_is_none() {
    let pythons = Pythons::new();
    let open = |name: &str| Environment::open(&pythons.path(name), &pythons.cache).unwrap();
    std::fs::create_dir(pythons.path("empty")).unwrap();
    assert!(open("missing").is_none() && open("empty").is_none());
    let python = pythons.add("opt/bin/python3.11", "3.11.7");
    let environment = pythons.create(&python, &CreateOptions::default());
    std::fs::remove_file(&python).unwrap();
    assert!(
        Environment::open(&environment.root, &pythons.cache)
            .unwrap()
            .is_none()
    );
    // Made again, nothing of the old one is left.
    std::fs::write(environment.site_packages().join("old.py"), "").unwrap();
    let python = pythons.add("opt/bin/python3.12", "3.12.1");
    let environment = pythons.create(&python, &CreateOptions::default());
    assert!(!environment.root.join("lib/python3.11").exists());
    assert!(
        environment
            .site_packages()
            .ends_with("lib/python3.12/site-packages")
    );
}

#[test]
fn distributions_are_listed_by_name() {
    let pythons = Pythons::new();
    let python = pythons.add("opt/bin/python3.11", "3.11.7");
    let options = CreateOptions {
        system_site_packages: true,
        ..CreateOptions::default()
    };
    let environment = pythons.create(&python, &options);
    let add = |folder: &Path, name: &str, metadata: Option<String>| {
        let info = folder.join(name);
        std::fs::create_dir_all(&info).unwrap();
        if let Some(text) = metadata {
            std::fs::write(info.join("METADATA"), text).unwrap();
        }
    };
    let metadata =
        |name: &str, version: &str| Some(format!("Name: {name}\nVersion: {version}\n\n"));
    let own = environment.site_packages();
    let base = pythons.path("opt/lib/python3.11/site-packages");
    add(
        &own,
        "Zope.Some-1.0.dist-info",
        metadata("Zope.Some", "1.0"),
    );
    // The fields that count may come late.
    let late = format!("{}Name: late\nVersion: 3\n", "License: x\n".repeat(1000));
    add(&own, "late-3.dist-info", Some(late));
    add(&own, "empty-1.dist-info", None);
    add(&own, "odd-1.dist-info", metadata("odd", "not a version"));
    add(&own, "old.egg-info", metadata("old", "1"));
    add(&base, "zope_some-2.dist-info", metadata("zope-some", "2"));
    add(&base, "system-5.dist-info", metadata("system", "5"));
    std::fs::write(
        own.join("Zope.Some-1.0.dist-info/direct_url.json"),
        "{\"url\": \"u\"}",
    )
    .unwrap();
    let found: Vec<_> = environment
        .installed()
        .unwrap()
        .into_iter()
        .map(|it| {
            (
                it.name.to_string(),
                it.pretty_name,
                it.version.to_string(),
                it.is_system,
                it.direct_url,
            )
        })
        .collect();
    let row = |name: &str, pretty: &str, version: &str, is_system| {
        (
            name.to_owned(),
            pretty.to_owned(),
            version.to_owned(),
            is_system,
            None,
        )
    };
    let mut zope = row("zope-some", "Zope.Some", "1.0", false);
    zope.4 = Some(serde_json::json!({"url": "u"}));
    assert_eq!(
        found,
        [
            row("late", "late", "3", false),
            row("system", "system", "5", true),
            zope
        ]
    );
}

#[test]
fn pythons_are_found_in_poetrys_order() {
    let pythons = Pythons::new();
    pythons.add("path/python", "3.11.7");
    pythons.add("path/python3.9", "3.9.1");
    pythons.add("path/python3-config", "3.99.0");
    pythons.add("pyenv/versions/3.12.1/bin/python3.12", "3.12.1");
    pythons.add("pyenv/versions/3.13.0/bin/python3.13", "3.13.0");
    pythons.add("active/bin/python", "3.14.0");
    std::os::unix::fs::symlink(
        "python3.13",
        pythons.path("pyenv/versions/3.13.0/bin/python3"),
    )
    .unwrap();
    let mut places = Places {
        path: std::env::join_paths([pythons.path("active/bin"), pythons.path("path")]).unwrap(),
        pyenv: Some(pythons.path("pyenv")),
        installations: Vec::new(),
        excluded: Some(pythons.path("active")),
    };
    let cache = &pythons.cache;
    let versions: Vec<String> = places
        .all(cache)
        .into_iter()
        .map(|found| found.version.to_string())
        .collect();
    assert_eq!(versions, ["3.13.0", "3.12.1", "3.11.7", "3.9.1"]);

    places.path = pythons.path("path").into();
    let choose = |text: &str| {
        places.choose(
            &resolver::constraint::Constraint::parse(text).unwrap(),
            cache,
        )
    };
    let chosen = choose(">=3.10").unwrap();
    assert_eq!(
        (
            chosen.interpreter.version.to_string().as_str(),
            chosen.passed_over
        ),
        ("3.11.7", None)
    );
    let chosen = choose(">=3.12").unwrap();
    assert!(chosen.interpreter.executable.ends_with("python3.13"));
    assert_eq!(
        chosen
            .passed_over
            .map(|version| version.to_string())
            .as_deref(),
        Some("3.11.7")
    );
    let error = choose(">=4").unwrap_err();
    assert!(matches!(error, ChoiceError::NoneFits { .. }), "{error}");
}
