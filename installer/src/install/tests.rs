//! Plans carried out without a network: wheels on disk and in the cache.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use resolver::cache::Cache;
use resolver::dist::{Hash, HashedFile};
use resolver::index::{Index, IndexSettings};
use resolver::lock::{LockMetadata, LockedPackage, LockedSource, Lockfile, SourceKind};
use resolver::marker::MarkerEnvironment;
use resolver::name::{GroupName, PackageName};
use resolver::runtime::Runtime;
use sha2::{Digest, Sha256};

use super::{Arrived, InstallError, Installer, Reporter, Step, effort, take_longest};
use crate::build::BuildFrontend;
use crate::fetch::Fetched;
use crate::plan::{Operation, Plan, PlanOptions, Selection};
use crate::wheel::tests::{Builder, FILE, Fixture};

/// A folder with wheels, a cache, an environment.
struct Scene {
    fixture: Fixture,
    cache: Cache,
    seen: Recorder,
}

/// Remembers what it is told.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Reporter for Recorder {
    fn started(&self, operation: &Operation) {
        self.add(format!("started {}", operation.name()));
    }
    fn finished(&self, operation: &Operation) {
        self.add(format!("finished {}", operation.name()));
    }
    fn failed(&self, operation: &Operation) {
        self.add(format!("failed {}", operation.name()));
    }
    fn warning(&self, text: &str) {
        self.add(format!("warning {text}"));
    }
}

impl Recorder {
    fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Scene {
    fn new() -> Self {
        let fixture = Fixture::new();
        Self {
            cache: Cache::new(fixture.folder.path().join("cache")),
            seen: Recorder::default(),
            fixture,
        }
    }

    fn folder(&self) -> &Path {
        self.fixture.folder.path()
    }

    fn write(&self, wheel: &Builder) -> String {
        let bytes = wheel.build();
        std::fs::write(self.folder().join(FILE), &bytes).unwrap();
        HEXLOWER.encode(&Sha256::digest(bytes))
    }

    fn plan(&self, packages: Vec<LockedPackage>, synchronize: bool) -> Plan {
        let lockfile = Lockfile {
            packages,
            extras: BTreeMap::new(),
            metadata: LockMetadata {
                lock_version: "2.1".to_owned(),
                python_versions: "*".to_owned(),
                content_hash: None,
                generated_by: None,
            },
        };
        let selection = Selection {
            groups: [GroupName::main()].into(),
            ..Selection::default()
        };
        let options = PlanOptions {
            folder: self.folder().to_owned(),
            synchronize,
            ..PlanOptions::default()
        };
        let installed = self.fixture.environment.installed().unwrap();
        let markers = MarkerEnvironment::default();
        Plan::new(&lockfile, &selection, &markers, &installed, &options)
    }

    fn run(&self, plan: &Plan) -> Result<(), InstallError> {
        let settings = IndexSettings {
            pypi_url: "http://127.0.0.1:9/".to_owned(),
            offline: true,
            no_cache: false,
            timeout: 1,
            retries: 0,
            connections: 4,
            user_agent: "test".to_owned(),
            ..IndexSettings::default()
        };
        // The client is built with TLS, although nothing is asked for.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let index = Index::new(settings, self.cache.clone(), None);
        let python = Arc::new(self.fixture.environment.interpreter.clone());
        let build = BuildFrontend::new(self.cache.clone(), python, Runtime::default());
        let threads = rayon::ThreadPoolBuilder::new().build().unwrap();
        let installer = Installer {
            index: &index,
            sources: &[],
            build: &build,
            policy: &crate::fetch::BinaryPolicy::default(),
            environment: &self.fixture.environment,
            draft: None,
            folder: self.folder().to_owned(),
            runtime: Runtime::default(),
            threads: &threads,
            compile: false,
            turns: None,
        };
        installer.run(plan, &self.seen).map(drop)
    }

    fn names(&self) -> Vec<String> {
        let installed = self.fixture.environment.installed().unwrap();
        installed
            .into_iter()
            .map(|found| format!("{} {}", found.pretty_name, found.version))
            .collect()
    }
}

fn package(sha256: &str, source: Option<LockedSource>) -> LockedPackage {
    LockedPackage {
        name: PackageName::new("some-pkg"),
        pretty_name: "some-pkg".to_owned(),
        version: "1.0".parse().unwrap(),
        description: String::new(),
        optional: false,
        python_versions: "*".to_owned(),
        groups: vec![GroupName::main()],
        markers: BTreeMap::new(),
        files: vec![HashedFile {
            file: FILE.to_owned(),
            hash: Hash::sha256(sha256),
        }],
        develop: false,
        requirements: Vec::new(),
        extras: BTreeMap::new(),
        source,
        depth: 0,
    }
}

fn file_source() -> Option<LockedSource> {
    Some(LockedSource {
        kind: SourceKind::File,
        url: FILE.to_owned(),
        reference: None,
        resolved_reference: None,
        subdirectory: None,
    })
}

#[test]
fn a_wheel_on_disk_is_installed_once_and_removed_by_sync() {
    let scene = Scene::new();
    let sha256 = scene.write(&Builder::new());
    let wanted = || vec![package(&sha256, file_source())];
    scene.run(&scene.plan(wanted(), false)).unwrap();
    assert_eq!(scene.seen.take(), ["started some-pkg", "finished some-pkg"]);
    assert_eq!(scene.names(), ["Some.Pkg 1.0"]);
    let url = &scene.fixture.environment.installed().unwrap()[0].direct_url;
    let archive = &url.as_ref().unwrap()["archive_info"]["hashes"]["sha256"];
    assert_eq!(archive, &serde_json::json!(sha256));

    assert!(!scene.plan(wanted(), false).has_work());
    assert!(!scene.plan(Vec::new(), false).has_work());
    scene.run(&scene.plan(Vec::new(), true)).unwrap();
    assert!(scene.names().is_empty());
}

#[test]
fn what_is_in_the_cache_needs_no_index() {
    let scene = Scene::new();
    let bytes = Builder::new().build();
    scene.fixture.unpack(&bytes).unwrap();
    let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
    scene
        .run(&scene.plan(vec![package(&sha256, None)], false))
        .unwrap();
    assert_eq!(scene.names(), ["Some.Pkg 1.0"]);
}

#[test]
fn what_has_to_be_built_is_begun_first_then_the_largest() {
    let folder = tempfile::tempdir().unwrap();
    let operation = Operation::Install(package("", None));
    let arrived = Arrived::default();
    for (file, size) in [
        ("small.whl", 1),
        ("small.tar.gz", 2),
        ("large.whl", 4),
        ("medium.whl", 3),
    ] {
        let path = folder.path().join(file);
        std::fs::write(&path, vec![0; size]).unwrap();
        let fetched = Fetched {
            file: file.to_owned(),
            sha256: String::new(),
            checked: Hash::sha256(""),
            path: Some(path),
            yanked: None,
        };
        let step = Step::of(&operation).unwrap();
        let waiting = (effort(&fetched), step, fetched);
        arrived.lock().unwrap().push(waiting);
    }
    let order = std::iter::from_fn(|| take_longest(&arrived)).map(|(_, fetched)| fetched.file);
    let order: Vec<String> = order.collect();
    assert_eq!(
        order,
        ["small.tar.gz", "large.whl", "medium.whl", "small.whl"]
    );
}

#[test]
fn another_hash_than_the_locks_is_refused_and_nothing_stays() {
    let scene = Scene::new();
    let sha256 = scene.write(&Builder::new());
    let other = "0".repeat(64);
    let error = scene
        .run(&scene.plan(vec![package(&other, file_source())], false))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Hash for some-pkg (1.0) from archive {FILE} not found in known hashes (was: sha256:{sha256})"
        )
    );
    assert_eq!(scene.seen.take(), ["started some-pkg", "failed some-pkg"]);
    assert!(scene.names().is_empty());
    assert!(!scene.fixture.site.site_packages.join("some_pkg").exists());
}

#[test]
fn files_the_lock_does_not_know_are_refused() {
    let scene = Scene::new();
    let sha256 = scene.write(&Builder::new());
    let mut unknown = package(&sha256, file_source());
    unknown.files[0].file = "other.whl".to_owned();
    let mut unhashed = package(&sha256, file_source());
    unhashed.files.clear();
    let mut weak = package(&sha256, file_source());
    weak.files[0].hash = "md5:d41d8cd98f00b204e9800998ecf8427e".parse().unwrap();
    for (package, words) in [
        (unknown, "is not listed in the lock file"),
        (unhashed, "no hashes for some-pkg (1.0)"),
        (weak, "No usable hash type(s)"),
    ] {
        let error = scene
            .run(&scene.plan(vec![package], false))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    assert!(scene.names().is_empty());
}

#[test]
fn a_wheel_of_another_version_than_locked_is_refused() {
    let scene = Scene::new();
    let sha256 = scene.write(&Builder::new());
    let mut package = package(&sha256, file_source());
    package.version = "2.0".parse().unwrap();
    let error = scene
        .run(&scene.plan(vec![package], false))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is some-pkg (1.0), but some-pkg (2.0) was expected"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_gone_from_the_cache_is_brought_again() {
    let scene = Scene::new();
    let wheel = Builder::new();
    let sha256 = scene.write(&wheel);
    let stored = scene.fixture.unpack(&wheel.build()).unwrap();
    let of_module = stored.member("some_pkg/__init__.py").unwrap();
    std::fs::remove_file(&of_module).unwrap();
    scene
        .run(&scene.plan(vec![package(&sha256, file_source())], false))
        .unwrap();
    assert!(
        scene
            .fixture
            .site
            .site_packages
            .join("some_pkg/__init__.py")
            .exists()
    );
    assert!(of_module.exists());
}

#[test]
fn the_first_failure_stops_what_is_queued() {
    let scene = Scene::new();
    let sha256 = scene.write(&Builder::new());
    let directory = LockedSource {
        kind: SourceKind::Directory,
        url: "missing".to_owned(),
        ..file_source().unwrap()
    };
    let mut later = package(&sha256, Some(directory));
    later.name = PackageName::new("later");
    later.develop = true;
    let broken = package(&"0".repeat(64), file_source());
    assert!(scene.run(&scene.plan(vec![later, broken], false)).is_err());
    assert_eq!(scene.seen.take(), ["started some-pkg", "failed some-pkg"]);
}

#[test]
fn an_update_replaces_what_was_there() {
    let scene = Scene::new();
    let mut old = Builder::new();
    old.add("some_pkg/old.py", "");
    scene.fixture.install(&old);
    let sha256 = scene.write(&Builder::new());
    // It came from no file before, so that it is another package now.
    scene
        .run(&scene.plan(vec![package(&sha256, file_source())], false))
        .unwrap();
    assert_eq!(scene.names(), ["Some.Pkg 1.0"]);
    assert!(
        !scene
            .fixture
            .site
            .site_packages
            .join("some_pkg/old.py")
            .exists()
    );
}

#[test]
fn odd_records_are_told_at_the_end() {
    let scene = Scene::new();
    let mut wheel = Builder::new();
    wheel.add("some_pkg/__pycache__/x.pyc", "");
    let sha256 = scene.write(&wheel);
    scene
        .run(&scene.plan(vec![package(&sha256, file_source())], false))
        .unwrap();
    let seen = scene.seen.take();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(
        seen[2].starts_with("warning Skip installing some_pkg/__pycache__/x.pyc"),
        "{}",
        seen[2]
    );
}

#[test]
fn two_processes_wait_for_each_other() {
    let scene = Scene::new();
    let sha256 = scene.write(&Builder::new());
    let plan = scene.plan(vec![package(&sha256, file_source())], false);
    let lock = scene.fixture.environment.lock(|| {}).unwrap();
    std::thread::scope(|threads| {
        let other = threads.spawn(|| scene.run(&plan));
        while scene.seen.0.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        assert!(scene.names().is_empty());
        drop(lock);
        other.join().unwrap().unwrap();
    });
    assert_eq!(scene.names(), ["Some.Pkg 1.0"]);
    assert!(scene.seen.take()[0].contains("waiting"));
}
