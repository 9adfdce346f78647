//! Pythons, asked and found.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use resolver::cache::Cache;
use resolver::constraint::Constraint;

use super::find::{ChoiceError, Places};
use super::{Interpreter, PythonError};

/// Pythons that are shell scripts: they say what a Python would say, and count.
pub(crate) struct Pythons {
    folder: tempfile::TempDir,
    pub(crate) cache: Cache,
}

impl Pythons {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        Self { folder, cache }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// Makes a Python of this version, which calls itself `claims`.
    pub(crate) fn add_as(&self, name: &str, version: &str, claims: &Path) -> PathBuf {
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

    pub(crate) fn add(&self, name: &str, version: &str) -> PathBuf {
        self.add_as(name, version, &self.path(name))
    }

    pub(crate) fn runs(&self) -> usize {
        std::fs::read_to_string(self.path("count")).map_or(0, |text| text.lines().count())
    }
}

#[test]
fn a_python_is_asked_once() {
    let pythons = Pythons::new();
    let python = pythons.add("opt/bin/python3.11", "3.11.7");
    for _ in 0..2 {
        let found = Interpreter::query(&python, &pythons.cache).unwrap();
        assert_eq!(found.version.to_string(), "3.11.7");
        let best = found.tags.iter().next().unwrap();
        assert_eq!(
            (best.python.as_str(), best.abi.as_str()),
            ("cp311", "cp311")
        );
        assert!(
            (found.tags.platforms().iter()).any(|platform| platform == "manylinux_2_36_x86_64")
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
fn pythons_are_found_in_poetrys_order() {
    let pythons = Pythons::new();
    pythons.add("path/python", "3.11.7");
    pythons.add("path/python3.9", "3.9.1");
    pythons.add("path/python3-config", "3.99.0");
    pythons.add("pyenv/versions/3.12.1/bin/python3.12", "3.12.1");
    pythons.add("pyenv/versions/3.13.0/bin/python3.13", "3.13.0");
    pythons.add("poetry/cpython@3.10.2/install/bin/python3", "3.10.2");
    pythons.add("uv/cpython-3.8.1/bin/python3", "3.8.1");
    // Of those only the name `python3` counts.
    pythons.add("uv/cpython-3.8.2/bin/python3.8", "3.8.2");
    pythons.add("active/bin/python", "3.14.0");
    std::os::unix::fs::symlink(
        "python3.13",
        pythons.path("pyenv/versions/3.13.0/bin/python3"),
    )
    .unwrap();
    let mut places = Places {
        path: std::env::join_paths([pythons.path("active/bin"), pythons.path("path")]).unwrap(),
        pyenv: Some(pythons.path("pyenv")),
        installations: vec![pythons.path("poetry")],
        plain_installations: vec![pythons.path("uv")],
        excluded: Some(pythons.path("active")),
    };
    let cache = &pythons.cache;
    let versions: Vec<String> = places
        .all(cache)
        .into_iter()
        .map(|found| found.version.to_string())
        .collect();
    let newest_first = ["3.13.0", "3.12.1", "3.11.7", "3.10.2", "3.9.1", "3.8.1"];
    assert_eq!(versions, newest_first);

    places.path = pythons.path("path").into();
    let choose = |text: &str| places.choose(&Constraint::parse(text).unwrap(), cache);
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

#[test]
fn pythons_are_named_by_path_command_or_version() {
    let pythons = Pythons::new();
    let own = pythons.add("path/python", "3.11.7");
    let broken = pythons.add("path/python3.12", "3.12.0");
    std::fs::write(&broken, "#!/bin/sh\necho 'not switched on' >&2\nexit 127\n").unwrap();
    pythons.add("pyenv/versions/3.12.1/bin/python3.12", "3.12.1");
    pythons.add("pyenv/versions/3.12.4/bin/python3.12", "3.12.4");
    let places = Places {
        path: pythons.path("path").into(),
        pyenv: Some(pythons.path("pyenv")),
        ..Places::default()
    };
    let named = |name: &str| {
        let found = places.named(name, &pythons.cache);
        found.map(|python| python.version.to_string())
    };
    for (name, version) in [
        (own.to_str().unwrap(), "3.11.7"),
        ("python", "3.11.7"),
        ("3", "3.12.4"),
        ("3.12", "3.12.4"),
        ("3.12.1", "3.12.1"),
        ("cpython@3.12", "3.12.4"),
        // The one on PATH is no use, but others have the name.
        ("python3.12", "3.12.4"),
    ] {
        assert_eq!(named(name).unwrap(), version, "{name}");
    }
    for name in [
        "3.13",
        "3.12t",
        "3.12rc1",
        "pypy@3.12",
        "python3.13",
        "./python",
    ] {
        let error = named(name).unwrap_err();
        assert!(matches!(error, PythonError::NoneFound), "{name}: {error}");
    }
    std::fs::remove_dir_all(pythons.path("pyenv")).unwrap();
    let error = named("python3.12").unwrap_err().to_string();
    assert!(
        error.ends_with("exit status: 127: not switched on"),
        "{error}"
    );
}

/// Without `python` on PATH, the newest one of that name counts, and only then `python3`.
#[test]
fn the_preferred_python() {
    let pythons = Pythons::new();
    let places = Places {
        path: pythons.path("path").into(),
        pyenv: Some(pythons.path("pyenv")),
        plain_installations: vec![pythons.path("uv")],
        ..Places::default()
    };
    let preferred = || {
        let found = places.preferred(&pythons.cache);
        found.map(|python| python.version.to_string())
    };
    assert!(matches!(preferred(), Err(PythonError::NoneFound)));
    pythons.add("uv/cpython/bin/python3", "3.14.0");
    assert_eq!(preferred().unwrap(), "3.14.0");
    pythons.add("path/python3", "3.10.1");
    assert_eq!(preferred().unwrap(), "3.10.1");
    pythons.add("pyenv/versions/3.12.1/bin/python", "3.12.1");
    pythons.add("pyenv/versions/3.9.1/bin/python", "3.9.1");
    assert_eq!(preferred().unwrap(), "3.12.1");
    pythons.add("path/python", "3.11.7");
    assert_eq!(preferred().unwrap(), "3.11.7");
}
