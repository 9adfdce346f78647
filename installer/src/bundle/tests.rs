//! Bundles of a small monorepo: a service, two libraries, one of which needs the other, and a wheel from elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use resolver::cache::Cache;
use resolver::index::{Index, IndexSettings};
use resolver::marker::MarkerEnvironment;
use resolver::name::{GroupName, PackageName};
use resolver::project::Project;
use resolver::runtime::Runtime;
use resolver::tag::{Tag, Tags};
use sha2::{Digest, Sha256};

use super::{
    Bundle, BundleError, BundleRequest, Bundler, Layout, LocalVersion, Options, Pin, Reporter,
    Target, read_lock,
};
use crate::build::BuildFrontend;
use crate::build::archive::{Archive, Member, Packing, REGULAR, Timestamp, read_members};
use crate::plan::Selection;
use crate::python::Interpreter;

const VENDORED: &str = "elsewhere-1.5-py3-none-any.whl";

/// A repository and all that bundles are made with.
struct World {
    folder: tempfile::TempDir,
    runtime: Runtime,
    index: Index,
    build: BuildFrontend,
    target: Target,
}

/// What was done, in order of names.
#[derive(Default)]
struct Events(Mutex<Vec<String>>);

impl Reporter for Events {
    fn building(&self, package: &PackageName) {
        self.0.lock().unwrap().push(format!("build {package}"));
    }
    fn packing(&self, package: &PackageName) {
        self.0.lock().unwrap().push(format!("pack {package}"));
    }
}

impl Events {
    fn take(&self) -> Vec<String> {
        let mut events = std::mem::take(&mut *self.0.lock().unwrap());
        events.sort();
        events
    }
}

pub(super) fn interpreter() -> Interpreter {
    let tag = |platform: &str| Tag {
        python: "py3".to_owned(),
        abi: "none".to_owned(),
        platform: platform.to_owned(),
    };
    Interpreter {
        executable: "/python".into(),
        base_executable: "/python".into(),
        base_prefix: "/".into(),
        prefix: "/".into(),
        version: "3.11.7".parse().unwrap(),
        markers: MarkerEnvironment {
            python_version: "3.11".to_owned(),
            python_full_version: "3.11.7".to_owned(),
            sys_platform: "linux".to_owned(),
            platform_python_implementation: "CPython".to_owned(),
            ..MarkerEnvironment::default()
        },
        tags: Tags::new(vec![tag("any")]),
        platform: "linux-x86_64".to_owned(),
    }
}

impl World {
    fn new() -> Self {
        // Another test may have been faster.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::default();
        let cache = Cache::new(folder.path().join("cache"));
        let python = interpreter();
        let target = Target::host(&python);
        let build = BuildFrontend::new(cache.clone(), Arc::new(python), runtime.clone());
        let settings = IndexSettings {
            pypi_url: "http://127.0.0.1:1/".to_owned(),
            offline: true,
            no_cache: false,
            timeout: 1,
            retries: 0,
            connections: 1,
            user_agent: "test".to_owned(),
            ..IndexSettings::default()
        };
        let index = Index::new(settings, cache, None);
        let world = Self {
            folder,
            runtime,
            index,
            build,
            target,
        };
        world.fill();
        world
    }

    fn fill(&self) {
        self.write("repo/pyproject.toml", "[tool.mpoetry]\nroot = true\n");
        let library = |name: &str, version: &str, requires: &str| {
            let manifest = format!(
                "[tool.poetry]\nname = \"{name}\"\nversion = \"{version}\"\ndescription = \"\"\nauthors = []\n\
                 [tool.poetry.dependencies]\npython = \"^3.11\"\n{requires}\n\
                 [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n"
            );
            self.write(&format!("repo/libs/{name}/pyproject.toml"), &manifest);
            self.write(&format!("repo/libs/{name}/{name}/__init__.py"), "x = 1\n");
        };
        library(
            "libmq",
            "1.2.0",
            "libtel = { path = \"../libtel\", develop = true }\nelsewhere = \"^1.0\"",
        );
        library("libtel", "0.3.0", "");
        let vendored = vendored_wheel();
        self.write_bytes(&format!("repo/vendor/{VENDORED}"), &vendored);
        self.write(
            "repo/worker/pyproject.toml",
            "[tool.poetry]\nname = \"Worker\"\nversion = \"1.0\"\ndescription = \"\"\nauthors = []\n\
             [tool.poetry.dependencies]\npython = \"^3.11\"\nlibmq = \"*\"\nelsewhere = \"*\"\n\
             [tool.poetry.group.dev.dependencies]\nlibmq = { path = \"../libs/libmq\", develop = true }\n\
             [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n",
        );
        self.write("repo/worker/worker.py", "import libmq\n");
        self.lock(&data_encoding::HEXLOWER.encode(&Sha256::digest(&vendored)));
    }

    /// Writes a fresh lock that pins the vendored wheel to this digest.
    fn lock(&self, sha256: &str) {
        let hash = self.project().content_hash();
        let package = |name: &str,
                       version: &str,
                       files: &str,
                       requires: &str,
                       kind: &str,
                       url: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\ndescription = \"\"\noptional = false\n\
                 python-versions = \"*\"\ngroups = [\"main\"]\nfiles = [{files}]\n\n\
                 [package.dependencies]\n{requires}\n[package.source]\ntype = \"{kind}\"\nurl = \"{url}\"\n\n"
            )
        };
        let text = [
            "# This file is automatically @generated by Poetry 2.5.1 and should not be changed by hand.\n\n".to_owned(),
            package(
                "elsewhere",
                "1.5",
                &format!("{{file = \"{VENDORED}\", hash = \"sha256:{sha256}\"}}"),
                "",
                "file",
                &format!("../vendor/{VENDORED}"),
            ),
            package("libmq", "1.2.0", "", "elsewhere = \"^1.0\"\nlibtel = \"*\"\n", "directory", "../libs/libmq"),
            package("libtel", "0.3.0", "", "", "directory", "../libs/libtel"),
            format!("[metadata]\nlock-version = \"2.1\"\npython-versions = \"^3.11\"\ncontent-hash = \"{hash}\"\n"),
        ]
        .concat();
        self.write("repo/worker/poetry.lock", &text);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn edit(&self, name: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{name}");
        self.write(name, &text.replace(old, new));
    }

    fn project(&self) -> Project {
        Project::read(&self.path("repo/worker")).unwrap()
    }

    fn try_bundle(&self, options: Options, events: &Events) -> Result<Bundle, BundleError> {
        let bundler = Bundler {
            index: &self.index,
            sources: &[],
            build: &self.build,
            runtime: self.runtime.handle().unwrap().clone(),
        };
        let project = self.project();
        let request = BundleRequest {
            project: &project,
            lockfile: &read_lock(&project)?,
            selection: Selection {
                groups: [GroupName::main()].into(),
                ..Selection::default()
            },
            target: self.target.clone(),
            folder: self.project().root.canonicalize().unwrap().join("dist"),
            options,
        };
        bundler.bundle(&request, events)
    }

    fn bundle(&self) -> (Bundle, Vec<String>) {
        self.bundle_as(Options::default())
    }

    fn bundle_as(&self, options: Options) -> (Bundle, Vec<String>) {
        let events = Events::default();
        let bundle = self.try_bundle(options, &events).unwrap();
        (bundle, events.take())
    }

    fn failure(&self) -> String {
        let error = self
            .try_bundle(Options::default(), &Events::default())
            .unwrap_err();
        let folder = self.folder.path().canonicalize().unwrap();
        let text = error
            .to_string()
            .replace(self.folder.path().to_str().unwrap(), "[root]");
        text.replace(folder.to_str().unwrap(), "[root]")
    }

    /// Names in `dist`, with when they were changed.
    fn dist(&self) -> BTreeMap<String, SystemTime> {
        let root = self.path("repo/worker/dist");
        walkdir::WalkDir::new(&root)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                let name = entry
                    .path()
                    .strip_prefix(&root)
                    .unwrap()
                    .display()
                    .to_string();
                (name, entry.metadata().unwrap().modified().unwrap())
            })
            .collect()
    }

    fn metadata(&self, wheel: &str) -> String {
        let members = read_members(&self.path("repo/worker/dist").join(wheel)).unwrap();
        let metadata = members
            .into_iter()
            .find(|member| member.name.ends_with("/METADATA"));
        String::from_utf8(metadata.unwrap().content).unwrap()
    }
}

fn vendored_wheel() -> Vec<u8> {
    let member = |name: &str, text: &str| Member {
        name: name.to_owned(),
        content: text.as_bytes().to_vec(),
        mode: REGULAR,
    };
    let members = [
        member("elsewhere.py", "y = 2\n"),
        member(
            "elsewhere-1.5.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.5\n",
        ),
        member(
            "elsewhere-1.5.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
    ];
    let record = "elsewhere-1.5.dist-info/RECORD";
    Archive::pack(
        &members,
        record,
        REGULAR,
        Packing::Deflated,
        Timestamp::DEFAULT,
        Path::new(VENDORED),
    )
    .unwrap()
}

const FILES: [&str; 7] = [
    "bundle.json",
    "deps/elsewhere-1.5-py3-none-any.whl",
    "deps/libmq-1.2.0-py3-none-any.whl",
    "deps/libtel-0.3.0-py3-none-any.whl",
    "requirements.txt",
    "sbom.cdx.json",
    "worker-1.0-py3-none-any.whl",
];
const ELSEWHERE: &str = FILES[1];
const LIBMQ: &str = FILES[2];
const LIBTEL: &str = FILES[3];
const WORKER: &str = FILES[6];

#[test]
fn a_bundle_has_everything_pinned() {
    let world = World::new();
    let (bundle, events) = world.bundle();
    assert!(bundle.written);
    assert_eq!(bundle.warnings, Vec::<String>::new());
    assert_eq!(events, ["pack libmq", "pack libtel", "pack worker"]);
    assert_eq!(world.dist().into_keys().collect::<Vec<_>>(), FILES);

    let requires = |wheel: &str| {
        let metadata = world.metadata(wheel);
        let lines = metadata
            .lines()
            .filter_map(|line| line.strip_prefix("Requires-Dist: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // Pinned: what the repository provides. `elsewhere` lies in it too, as a file.
    assert_eq!(requires(LIBMQ), ["elsewhere (==1.5)", "libtel (==0.3.0)"]);
    assert_eq!(requires(WORKER), ["elsewhere (==1.5)", "libmq (==1.2.0)"]);

    let digest = |name: &str| {
        let bytes = std::fs::read(world.path("repo/worker/dist").join(name)).unwrap();
        data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
    };
    let expected = format!(
        "elsewhere==1.5 --hash=sha256:{}\nlibmq==1.2.0 --hash=sha256:{}\nlibtel==0.3.0 --hash=sha256:{}\n\
         worker==1.0 --hash=sha256:{}\n",
        digest(ELSEWHERE),
        digest(LIBMQ),
        digest(LIBTEL),
        digest(WORKER),
    );
    let requirements =
        std::fs::read_to_string(world.path("repo/worker/dist/requirements.txt")).unwrap();
    assert_eq!(requirements, expected);
    assert_eq!(
        digest(ELSEWHERE),
        data_encoding::HEXLOWER.encode(&Sha256::digest(vendored_wheel()))
    );
}

#[cfg(unix)]
#[test]
fn everybody_may_read_a_bundle() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let vendored = world.path("repo/vendor").join(VENDORED);
    std::fs::set_permissions(vendored, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.bundle();
    for name in FILES {
        let metadata = std::fs::metadata(world.path("repo/worker/dist").join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o644, "{name}");
    }
}

#[test]
fn record_fits_the_rewritten_metadata() {
    let world = World::new();
    world.bundle();
    let members = read_members(&world.path("repo/worker/dist").join(LIBMQ)).unwrap();
    let record = members
        .iter()
        .find(|member| member.name.ends_with("/RECORD"))
        .unwrap();
    let rows = crate::wheel::parse_rows(std::str::from_utf8(&record.content).unwrap()).unwrap();
    assert_eq!(rows.len(), members.len());
    for ([path, hash, size], member) in rows.iter().zip(&members) {
        assert_eq!(*path, member.name);
        if path != &record.name {
            let digest = data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(&member.content));
            assert_eq!(
                (hash.as_str(), size.as_str()),
                (
                    &*format!("sha256={digest}"),
                    &*member.content.len().to_string()
                )
            );
        }
    }
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let world = World::new();
    world.bundle();
    let before = world.dist();
    let folder = std::fs::metadata(world.path("repo/worker/dist"))
        .unwrap()
        .modified()
        .unwrap();
    // New times and new spelling of the same content do not count.
    world.write("repo/libs/libmq/libmq/__init__.py", "x = 1\n");
    world.write("repo/libs/libmq/libmq/__pycache__/a.pyc", "c");
    world.write("repo/libs/libmq/dist/old.whl", "w");
    let (bundle, events) = world.bundle();
    assert!(!bundle.written);
    assert_eq!(events, Vec::<String>::new());
    assert_eq!(world.dist(), before);
    assert_eq!(
        std::fs::metadata(world.path("repo/worker/dist"))
            .unwrap()
            .modified()
            .unwrap(),
        folder
    );
    assert!(world.path("repo/libs/libmq/dist/old.whl").is_file());
}

#[test]
fn a_changed_library_is_the_only_one_written() {
    let world = World::new();
    world.bundle();
    let before = world.dist();
    world.write("repo/libs/libtel/libtel/__init__.py", "x = 2\n");
    let (bundle, events) = world.bundle();
    assert!(bundle.written);
    assert_eq!(events, ["pack libtel"]);
    let after = world.dist();
    let changed: Vec<&String> = after
        .keys()
        .filter(|name| after[*name] != before[*name])
        .collect();
    assert_eq!(
        changed,
        [
            "bundle.json",
            "deps/libtel-0.3.0-py3-none-any.whl",
            "requirements.txt",
            "sbom.cdx.json"
        ]
    );
}

#[test]
fn old_versions_do_not_survive() {
    let world = World::new();
    world.bundle();
    world.write("repo/worker/dist/deps/stranger.txt", "s");
    world.edit("repo/libs/libtel/pyproject.toml", "0.3.0", "0.4.0");
    let (bundle, events) = world.bundle();
    assert_eq!(events, ["pack libmq", "pack libtel"]);
    assert_eq!(
        bundle.warnings,
        ["`libtel` is locked at 0.3.0, but its manifest says 0.4.0, which is bundled"]
    );
    let mut expected = FILES.map(str::to_owned);
    expected[3] = "deps/libtel-0.4.0-py3-none-any.whl".to_owned();
    assert_eq!(world.dist().into_keys().collect::<Vec<_>>(), expected);
    assert!(
        world
            .metadata(LIBMQ)
            .contains("Requires-Dist: libtel (==0.4.0)\n")
    );
}

#[test]
fn a_file_that_somebody_changed_is_put_right() {
    let world = World::new();
    world.bundle();
    let path = world.path("repo/worker/dist").join(ELSEWHERE);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, vec![0; bytes.len()]).unwrap();
    let (bundle, _) = world.bundle();
    assert!(bundle.written);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    // The cache is not what was changed.
    assert!(!world.bundle().0.written);
}

#[test]
fn two_caches_and_two_places_give_the_same_bytes() {
    let (one, other) = (World::new(), World::new());
    one.bundle();
    other.bundle();
    for name in FILES {
        let read =
            |world: &World| std::fs::read(world.path("repo/worker/dist").join(name)).unwrap();
        assert_eq!(read(&one), read(&other), "{name}");
    }
}

#[test]
fn bundles_at_the_same_time_all_succeed() {
    let world = World::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| world.bundle().0.written))
            .collect();
        let written: Vec<bool> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(written.iter().filter(|written| **written).count(), 1);
    });
    assert_eq!(world.dist().into_keys().collect::<Vec<_>>(), FILES);
    let beside: Vec<_> = std::fs::read_dir(world.path("repo/worker"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with(".dist"))
        .collect();
    assert_eq!(beside, Vec::<std::ffi::OsString>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn what_killed_processes_left_is_removed() {
    let world = World::new();
    // No process has this number.
    world.write("repo/worker/.dist.mpoetry-4194305/deps/half.whl", "h");
    world.bundle();
    assert!(!world.path("repo/worker/.dist.mpoetry-4194305").exists());
}

#[test]
fn libraries_alone_are_bundled_without_requirements() {
    let world = World::new();
    world.bundle_as(Options {
        libraries_only: true,
        ..Options::default()
    });
    assert_eq!(
        world.dist().into_keys().collect::<Vec<_>>(),
        [LIBMQ, LIBTEL, WORKER]
    );
}

#[test]
fn a_service_that_is_no_package_has_no_wheel() {
    let world = World::new();
    world.edit(
        "repo/worker/pyproject.toml",
        "[tool.poetry]\n",
        "[tool.poetry]\npackage-mode = false\n",
    );
    world.lock(&data_encoding::HEXLOWER.encode(&Sha256::digest(vendored_wheel())));
    world.bundle();
    assert_eq!(world.dist().into_keys().collect::<Vec<_>>(), FILES[..6]);
}

#[test]
fn failures_leave_the_old_bundle() {
    let world = World::new();
    world.bundle();
    let before = world.dist();

    world.lock(&"0".repeat(64));
    assert!(
        world
            .failure()
            .starts_with("Hash for elsewhere (1.5) from archive"),
        "{}",
        world.failure()
    );
    assert_eq!(world.dist(), before);

    world.edit(
        "repo/worker/pyproject.toml",
        "elsewhere = \"*\"",
        "elsewhere = \"^1\"",
    );
    assert_eq!(
        world.failure(),
        "pyproject.toml of `[root]/repo/worker` changed significantly since poetry.lock was last generated"
    );
    std::fs::remove_file(world.path("repo/worker/poetry.lock")).unwrap();
    assert_eq!(world.failure(), "`[root]/repo/worker` has no poetry.lock");
    assert_eq!(world.dist(), before);
}

#[test]
fn all_packages_without_a_file_are_named_at_once() {
    let world = World::new();
    let lock = world.path("repo/worker/poetry.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    let other = |name: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"2.0\"\ndescription = \"\"\noptional = false\n\
             python-versions = \"*\"\ngroups = [\"main\"]\nfiles = [{{file = \"{name}-2.0-cp27-cp27m-win32.whl\", \
             hash = \"sha256:00\"}}]\n\n"
        )
    };
    let text = text.replacen(
        "[[package]]",
        &format!("{}{}[[package]]", other("aa"), other("bb")),
        1,
    );
    std::fs::write(lock, text).unwrap();
    assert_eq!(
        world.failure(),
        "no file fits CPython 3.11.7 on linux-x86_64:\n  \
         - aa (2.0); there is aa-2.0-cp27-cp27m-win32.whl\n  \
         - bb (2.0); there is bb-2.0-cp27-cp27m-win32.whl"
    );
    assert!(!world.path("repo/worker/dist").exists());
}

#[test]
fn a_library_that_needs_more_than_is_locked_is_an_error() {
    let world = World::new();
    world.edit(
        "repo/libs/libtel/pyproject.toml",
        "python = \"^3.11\"\n",
        "python = \"^3.11\"\nstructlog = \"^24\"\n",
    );
    assert_eq!(
        world.failure(),
        "`libtel` requires `structlog (>=24,<25)`, which poetry.lock of the service does not provide"
    );
}

#[test]
fn another_python_than_the_projects_is_refused() {
    let mut world = World::new();
    world.target.python = "3.10.1".parse().unwrap();
    assert_eq!(
        world.failure(),
        "Python 3.10.1 is not in the range that the project supports (^3.11)"
    );
}

#[test]
fn a_service_must_not_contain_its_bundle() {
    let world = World::new();
    world.edit(
        "repo/worker/pyproject.toml",
        "[tool.poetry]\n",
        "[tool.poetry]\npackages = [{ include = \"**/*.py\" }]\n",
    );
    world.lock(&data_encoding::HEXLOWER.encode(&Sha256::digest(vendored_wheel())));
    world.write("repo/worker/dist/old.py", "");
    assert_eq!(
        world.failure(),
        "`[root]/repo/worker/dist/old.py` is a file of the service's wheel and lies in the folder of its bundle"
    );
}

#[test]
fn a_cycle_of_libraries_is_fine() {
    let world = World::new();
    world.edit(
        "repo/libs/libtel/pyproject.toml",
        "python = \"^3.11\"\n",
        "python = \"^3.11\"\nlibmq = { path = \"../libmq\", develop = true }\n",
    );
    world.bundle();
    assert!(
        world
            .metadata(LIBTEL)
            .contains("Requires-Dist: libmq (==1.2.0)\n")
    );
}

fn in_layout(layout: Layout) -> Options {
    Options {
        layout,
        ..Options::default()
    }
}

#[test]
fn layers_are_folders_of_wheels() {
    let world = World::new();
    world.bundle_as(in_layout(Layout::Layers));
    assert_eq!(
        world.dist().into_keys().collect::<Vec<_>>(),
        [
            "bundle.json",
            "libs/libmq-1.2.0-py3-none-any.whl",
            "libs/libtel-0.3.0-py3-none-any.whl",
            "sbom.cdx.json",
            "service/worker-1.0-py3-none-any.whl",
            "third-party/elsewhere-1.5-py3-none-any.whl",
            "third-party/requirements.txt",
        ]
    );
    let before = world.dist();
    world.write("repo/libs/libtel/libtel/__init__.py", "x = 2\n");
    world.bundle_as(in_layout(Layout::Layers));
    let after = world.dist();
    let changed: Vec<&String> = after
        .keys()
        .filter(|name| after[*name] != before[*name])
        .collect();
    let expected = [
        "bundle.json",
        "libs/libtel-0.3.0-py3-none-any.whl",
        "sbom.cdx.json",
    ];
    assert_eq!(changed, expected);
}

#[test]
fn a_tree_is_unpacked_by_layer() {
    let world = World::new();
    world.bundle_as(in_layout(Layout::Tree));
    let names: Vec<String> = world.dist().into_keys().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in [
        "libs/libmq/__init__.py",
        "libs/libtel/__init__.py",
        "service/worker.py",
        "service/worker-1.0.dist-info/RECORD",
        "third-party/elsewhere.py",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(!world.bundle_as(in_layout(Layout::Tree)).0.written);
    // Another form is another bundle.
    assert!(world.bundle().0.written);
    assert_eq!(world.dist().into_keys().collect::<Vec<_>>(), FILES);
}

/// The wheels of two distributions must not overwrite each other's files.
#[test]
fn a_file_that_two_distributions_bring_is_an_error() {
    let world = World::new();
    world.write("repo/libs/libtel/elsewhere.py", "y = 3\n");
    world.edit(
        "repo/libs/libtel/pyproject.toml",
        "description = \"\"\n",
        "description = \"\"\npackages = [{ include = \"libtel\" }, { include = \"elsewhere.py\" }]\n",
    );
    let error = world.try_bundle(in_layout(Layout::Tree), &Events::default());
    assert_eq!(
        error.unwrap_err().to_string(),
        "`elsewhere` and `libtel` both bring `elsewhere.py`, and not the same"
    );
}

#[test]
fn versions_may_name_the_state_of_the_sources() {
    let world = World::new();
    let options = Options {
        local_version: LocalVersion::OfSources,
        ..Options::default()
    };
    let names = |world: &World| -> Vec<String> {
        let (bundle, _) = world.bundle_as(options.clone());
        let own = bundle
            .wheels
            .into_iter()
            .filter(|wheel| wheel.version.contains("+g"));
        own.map(|wheel| format!("{}=={}", wheel.name, wheel.version))
            .collect()
    };
    let before = names(&world);
    assert_eq!(before.len(), 3);
    let libmq = world
        .dist()
        .into_keys()
        .find(|name| name.starts_with("deps/libmq-"))
        .unwrap();
    let version = before[1].split_once("==").unwrap().1.to_owned();
    let metadata = world.metadata(&libmq);
    assert!(metadata.contains("\nVersion: 1.2.0+g"), "{metadata}");
    assert!(
        metadata.contains(&format!("Requires-Dist: libtel (=={version})\n")),
        "{metadata}"
    );
    world.write("repo/libs/libtel/libtel/__init__.py", "x = 2\n");
    let after = names(&world);
    let changed: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(one, other)| one != other)
        .collect();
    assert_eq!(changed, [false, true, false]);
}

#[test]
fn pins_may_be_left_out_or_cover_all() {
    let world = World::new();
    let requires = |pin: Pin| {
        world.bundle_as(Options {
            pin,
            ..Options::default()
        });
        let metadata = world.metadata(LIBMQ);
        let lines = metadata
            .lines()
            .filter_map(|line| line.strip_prefix("Requires-Dist: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(requires(Pin::None), ["elsewhere", "libtel"]);
    assert_eq!(
        requires(Pin::All),
        ["elsewhere (==1.5)", "libtel (==0.3.0)"]
    );
}

#[test]
fn builds_are_compared_with_one_another() {
    let world = World::new();
    let bundler = Bundler {
        index: &world.index,
        sources: &[],
        build: &world.build,
        runtime: world.runtime.handle().unwrap().clone(),
    };
    let project = world.project();
    let request = BundleRequest {
        project: &project,
        lockfile: &read_lock(&project).unwrap(),
        selection: Selection {
            groups: [GroupName::main()].into(),
            ..Selection::default()
        },
        target: world.target.clone(),
        folder: world.path("repo/worker/dist"),
        options: Options::default(),
    };
    assert_eq!(bundler.verify(&request, &()).unwrap(), Vec::new());
    assert!(!world.path("repo/worker/dist").exists());
}
