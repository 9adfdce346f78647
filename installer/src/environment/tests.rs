//! Environments made with Pythons that are shell scripts.

use std::path::Path;

use super::{CreateOptions, Environment, Opened};
use crate::python::Interpreter;
use crate::python::tests::Pythons;

impl Pythons {
    fn create(&self, python: &Path, options: &CreateOptions) -> Environment {
        let python = Interpreter::query(python, &self.cache).unwrap();
        Environment::create(&self.path("project/.venv"), &python, options, &self.cache).unwrap()
    }
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
fn what_is_only_begun_is_made_again() {
    let pythons = Pythons::new();
    let python = pythons.add("opt/bin/python3.11", "3.11.7");
    let python = Interpreter::query(&python, &pythons.cache).unwrap();
    let root = pythons.path("project/.venv");
    let mut made = 0;
    let mut open = || {
        let options = CreateOptions::default();
        let opened =
            Environment::open_or_begin(&root, &python, &options, &pythons.cache, || made += 1);
        (opened.unwrap(), made)
    };
    let is_whole = || {
        let found = Environment::open(&root, &pythons.cache).unwrap();
        found.is_some()
    };

    let (Opened::Draft(draft), 1) = open() else {
        panic!("nothing is there yet");
    };
    assert!(draft.environment().site_packages().is_dir());
    assert!(!is_whole());
    // As if the process had been killed.
    std::fs::write(draft.environment().site_packages().join("half"), "").unwrap();
    drop(draft);
    let (Opened::Draft(draft), 2) = open() else {
        panic!("what is there is not whole");
    };
    assert!(!draft.environment().site_packages().join("half").exists());
    assert!(draft.complete());
    assert!(is_whole());
    let made = draft.finish().unwrap();
    let (Opened::Whole(found), 2) = open() else {
        panic!("what is there is whole");
    };
    assert_eq!(found.root, made.root);
    assert!(!root.join(".mpoetry.lock").exists());
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
