//! Wheels made by hand, installed and removed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use resolver::cache::Cache;
use resolver::marker::MarkerEnvironment;
use resolver::tag::{Tag, Tags};
use resolver::version::Version;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

use super::{
    DirectUrl, INSTALLER, LinkMode, Linker, Options, Removed, Site, Store, StoredWheel, WheelError,
    install, uninstall,
};
use crate::environment::Environment;
use crate::python::Interpreter;

/// An interpreter that is not there.
pub(crate) fn interpreter(root: &Path) -> Interpreter {
    Interpreter {
        executable: root.join("bin/python"),
        base_executable: PathBuf::from("/opt/python/bin/python3.11"),
        base_prefix: PathBuf::from("/opt/python"),
        prefix: root.to_owned(),
        version: Version::from_str("3.11.7").unwrap(),
        markers: MarkerEnvironment {
            implementation_name: "cpython".to_owned(),
            python_version: "3.11".to_owned(),
            python_full_version: "3.11.7".to_owned(),
            sys_platform: "linux".to_owned(),
            ..MarkerEnvironment::default()
        },
        tags: Tags::new(vec![
            Tag::new("cp311", "cp311", "linux_x86_64"),
            Tag::new("py3", "none", "any"),
        ]),
        platform: "linux-x86_64".to_owned(),
    }
}

/// A wheel under construction.
pub(crate) struct Builder {
    members: Vec<(String, Vec<u8>, u32)>,
    record: Option<Vec<u8>>,
}

pub(crate) const FILE: &str = "some_pkg-1.0-py3-none-any.whl";
const INFO: &str = "some_pkg-1.0.dist-info";

impl Builder {
    pub(crate) fn new() -> Self {
        let mut wheel = Self {
            members: Vec::new(),
            record: None,
        };
        wheel.add("some_pkg/__init__.py", "VALUE = 1\n");
        wheel.add(
            &format!("{INFO}/METADATA"),
            "Metadata-Version: 2.1\nName: Some.Pkg\nVersion: 1.0\n\n",
        );
        wheel.add(
            &format!("{INFO}/WHEEL"),
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        );
        wheel
    }

    /// Adds a member, or replaces it.
    pub(crate) fn add(&mut self, name: &str, content: &str) -> &mut Self {
        self.add_mode(name, content, 0o100_644)
    }

    fn add_mode(&mut self, name: &str, content: &str, mode: u32) -> &mut Self {
        self.members.retain(|(known, ..)| known != name);
        self.members.push((name.to_owned(), content.into(), mode));
        self
    }

    fn record(&mut self, text: &str) -> &mut Self {
        self.record = Some(text.into());
        self
    }

    fn honest_record(&self) -> Vec<u8> {
        let row = |(name, content, _): &(String, Vec<u8>, u32)| {
            let hash = BASE64URL_NOPAD.encode(&Sha256::digest(content));
            format!(
                "\"{}\",sha256={hash},{}\n",
                name.replace('"', "\"\""),
                content.len()
            )
        };
        let rows: String = self
            .members
            .iter()
            .filter(|(name, ..)| !name.ends_with('/'))
            .map(row)
            .collect();
        format!("{rows}{INFO}/RECORD,,\n").into_bytes()
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut members = self.members.clone();
        let record = self.record.clone().unwrap_or_else(|| self.honest_record());
        members.push((format!("{INFO}/RECORD"), record, 0o100_644));
        let borrowed: Vec<_> = members
            .iter()
            .map(|(name, content, mode)| (name.as_str(), content.as_slice(), *mode))
            .collect();
        zip(&borrowed)
    }

    /// As the library writes it.
    fn build_elsewhere(&self, options: SimpleFileOptions) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        writer.add_directory("some_pkg/", options).unwrap();
        for (name, content, _) in &self.members {
            writer.start_file(name.as_str(), options).unwrap();
            writer.write_all(content).unwrap();
        }
        let record = format!("{INFO}/RECORD");
        writer.start_file(record, options).unwrap();
        writer.write_all(&self.honest_record()).unwrap();
        writer.finish().unwrap().into_inner()
    }
}

/// A ZIP archive of stored members, written by hand: the library would refuse most bad ones.
pub(crate) fn zip(members: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content, mode) in members {
        let offset = bytes.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut common = Vec::new();
        common.extend(20u16.to_le_bytes());
        common.extend((1u16 << 11).to_le_bytes());
        common.extend([0; 6]);
        common.extend(crc.sum().to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(*content);
        directory.extend(b"PK\x01\x02");
        directory.extend(((3u16 << 8) | 20).to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = bytes.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

/// A cache, and an environment to install into.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) site: Site,
    pub(crate) environment: Environment,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("venv");
        let environment = Environment {
            interpreter: interpreter(&root),
            root,
        };
        std::fs::create_dir_all(environment.site_packages()).unwrap();
        std::fs::create_dir_all(environment.scripts()).unwrap();
        std::fs::write(environment.python(), "the interpreter").unwrap();
        std::fs::write(environment.root.join("pyvenv.cfg"), "home = /opt\n").unwrap();
        Self {
            store: Store::new(&Cache::new(folder.path().join("cache"))),
            site: Site::new(&environment),
            environment,
            folder,
        }
    }

    pub(crate) fn unpack_as(&self, file: &str, bytes: &[u8]) -> Result<StoredWheel, WheelError> {
        let path = self.folder.path().join(file);
        std::fs::write(&path, bytes).unwrap();
        self.store
            .unpack(&path, file, &HEXLOWER.encode(&Sha256::digest(bytes)))
    }

    pub(crate) fn unpack(&self, bytes: &[u8]) -> Result<StoredWheel, WheelError> {
        self.unpack_as(FILE, bytes)
    }

    fn install_with(&self, wheel: &Builder, options: &Options) -> StoredWheel {
        let stored = self.unpack(&wheel.build()).unwrap();
        install(
            &stored,
            &self.site,
            Linker::with_mode(LinkMode::HardLink),
            options,
        )
        .unwrap();
        stored
    }

    pub(crate) fn install(&self, wheel: &Builder) -> StoredWheel {
        self.install_with(wheel, &Options::default())
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.environment.root.join(path)).unwrap()
    }

    fn record(&self) -> String {
        self.read(&format!("lib/python3.11/site-packages/{INFO}/RECORD"))
    }

    /// All files of the environment with their modes.
    fn tree(&self) -> BTreeMap<String, u32> {
        use std::os::unix::fs::PermissionsExt;
        let root = &self.environment.root;
        walkdir::WalkDir::new(root)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| !entry.file_type().is_dir())
            .map(|entry| {
                let name = entry
                    .path()
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                (name, entry.metadata().unwrap().permissions().mode() & 0o111)
            })
            .collect()
    }

    fn uninstall(&self) -> Removed {
        uninstall(&self.site.site_packages.join(INFO), &self.site).unwrap()
    }
}

const SITE: &str = "lib/python3.11/site-packages";

fn full_wheel() -> Builder {
    let mut wheel = Builder::new();
    wheel
        .add_mode("some_pkg/tool.sh", "#!/bin/sh\n", 0o100_755)
        .add("some_pkg/__pycache__/__init__.cpython-311.pyc", "code")
        .add("some_pkg-1.0.data/scripts/plain", "#!python -E\nprint()\n")
        .add("some_pkg-1.0.data/scripts/shell", "#!/bin/sh\n")
        .add("some_pkg-1.0.data/data/share/some/x.txt", "x")
        .add("some_pkg-1.0.data/headers/some.h", "h")
        .add("some_pkg-1.0.data/purelib/pure.py", "")
        .add("some_pkg-1.0.data/platlib/plat.py", "")
        .add(&format!("{INFO}/licenses/LICENSE"), "free")
        .add(
            &format!("{INFO}/entry_points.txt"),
            "[console_scripts]\nsome = some_pkg:main\n[gui_scripts]\nsome-gui = some_pkg.gui:App.run\n",
        );
    wheel
}

#[test]
fn every_scheme_goes_to_its_place() {
    let fixture = Fixture::new();
    let stored = fixture.install(&full_wheel());
    let executable = 0o111;
    let expected: BTreeMap<String, u32> = [
        ("pyvenv.cfg", 0),
        ("bin/python", 0),
        ("bin/some", executable),
        ("bin/some-gui", executable),
        ("bin/plain", executable),
        ("bin/shell", executable),
        ("share/some/x.txt", 0),
        ("include/site/python3.11/some_pkg/some.h", 0),
    ]
    .map(|(path, mode)| (path.to_owned(), mode))
    .into_iter()
    .chain(
        [
            ("some_pkg/__init__.py", 0),
            ("some_pkg/tool.sh", executable),
            ("pure.py", 0),
            ("plat.py", 0),
            ("some_pkg-1.0.dist-info/METADATA", 0),
            ("some_pkg-1.0.dist-info/WHEEL", 0),
            ("some_pkg-1.0.dist-info/RECORD", 0),
            ("some_pkg-1.0.dist-info/INSTALLER", 0),
            ("some_pkg-1.0.dist-info/entry_points.txt", 0),
            ("some_pkg-1.0.dist-info/licenses/LICENSE", 0),
        ]
        .map(|(path, mode)| (format!("{SITE}/{path}"), mode)),
    )
    .collect();
    assert_eq!(fixture.tree(), expected);
    assert_eq!(
        stored.manifest.skipped,
        ["some_pkg/__pycache__/__init__.cpython-311.pyc"]
    );
    let python = fixture.environment.python();
    assert_eq!(
        fixture.read("bin/plain"),
        format!("#!{}\nprint()\n", python.display())
    );
    assert!(
        fixture
            .read("bin/some-gui")
            .contains("from some_pkg.gui import App\n")
    );
    assert_eq!(
        fixture.read(&format!("{SITE}/{INFO}/INSTALLER")),
        "Poetry 2.5.1"
    );
}

#[test]
fn record_lists_what_is_there_sorted_by_the_path_in_its_scheme() {
    let fixture = Fixture::new();
    let options = Options {
        direct_url: Some(DirectUrl::Directory {
            url: "file:///p".to_owned(),
            editable: false,
        }),
    };
    fixture.install_with(&full_wheel(), &options);
    let record = fixture.record();
    let paths: Vec<&str> = record
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "../../../bin/plain",
            "./plat.py",
            "pure.py",
            "../../../share/some/x.txt",
            "../../../bin/shell",
            "../../../bin/some",
            "../../../bin/some-gui",
            "../../../include/site/python3.11/some_pkg/some.h",
            "some_pkg-1.0.dist-info/INSTALLER",
            "some_pkg-1.0.dist-info/METADATA",
            "some_pkg-1.0.dist-info/RECORD",
            "some_pkg-1.0.dist-info/WHEEL",
            "some_pkg-1.0.dist-info/entry_points.txt",
            "some_pkg-1.0.dist-info/licenses/LICENSE",
            "some_pkg/__init__.py",
            "some_pkg/tool.sh",
            "some_pkg-1.0.dist-info/direct_url.json",
        ]
    );
    assert!(record.ends_with("some_pkg-1.0.dist-info/direct_url.json,,\r\n"));
    // Rows describe the files as they are now, rewritten ones too.
    for row in super::parse_rows(&record).unwrap() {
        let [path, hash, size] = row;
        let bytes = std::fs::read(fixture.site.site_packages.join(&path)).unwrap();
        if !hash.is_empty() {
            assert_eq!(
                hash,
                format!("sha256={}", BASE64URL_NOPAD.encode(&Sha256::digest(&bytes))),
                "{path}"
            );
            assert_eq!(size, bytes.len().to_string(), "{path}");
        }
    }
}

#[test]
fn uninstall_leaves_what_was_there_before() {
    let fixture = Fixture::new();
    let before = fixture.tree();
    let other = fixture
        .site
        .site_packages
        .join("some_pkg/from_elsewhere.py");
    fixture.install(&full_wheel());
    std::fs::write(&other, "").unwrap();
    let cache = fixture.site.site_packages.join("some_pkg/__pycache__");
    std::fs::create_dir(&cache).unwrap();
    std::fs::write(cache.join("__init__.cpython-39.pyc"), "").unwrap();
    std::fs::write(cache.join("from_elsewhere.cpython-311.pyc"), "").unwrap();
    assert_eq!(fixture.uninstall(), Removed::Yes);
    assert!(other.exists() && cache.join("from_elsewhere.cpython-311.pyc").exists());
    assert!(!cache.join("__init__.cpython-39.pyc").exists());
    assert!(!fixture.environment.root.join("share").exists());
    std::fs::remove_dir_all(other.parent().unwrap()).unwrap();
    assert_eq!(fixture.tree(), before);
    assert!(fixture.site.site_packages.is_dir() && fixture.site.scripts.is_dir());
}

#[test]
fn uninstall_touches_nothing_outside_and_keeps_the_interpreter() {
    let fixture = Fixture::new();
    let victim = fixture.folder.path().join("victim");
    std::fs::write(&victim, "").unwrap();
    fixture.install(&Builder::new());
    let record = fixture.site.site_packages.join(INFO).join("RECORD");
    let mut text = std::fs::read_to_string(&record).unwrap();
    text.push_str("../../../../victim,,\n../../../bin/python,,\n../../../pyvenv.cfg,,\n");
    text.push_str(&format!("{},,\n", victim.display()));
    std::fs::write(&record, text).unwrap();
    assert_eq!(fixture.uninstall(), Removed::Yes);
    assert!(victim.exists());
    assert_eq!(
        fixture.tree().into_keys().collect::<Vec<_>>(),
        ["bin/python", "pyvenv.cfg"]
    );
}

#[test]
fn without_record_nothing_is_removed() {
    let fixture = Fixture::new();
    fixture.install(&Builder::new());
    std::fs::remove_file(fixture.site.site_packages.join(INFO).join("RECORD")).unwrap();
    assert_eq!(fixture.uninstall(), Removed::Unlisted);
    assert!(
        fixture
            .site
            .site_packages
            .join("some_pkg/__init__.py")
            .exists()
    );
}

#[test]
fn an_edit_of_a_written_file_does_not_reach_the_cache() {
    let fixture = Fixture::new();
    let stored = fixture.install(&full_wheel());
    let linked = |path: &Path| std::os::unix::fs::MetadataExt::nlink(&path.metadata().unwrap()) > 1;
    assert!(linked(
        &fixture.site.site_packages.join("some_pkg/__init__.py")
    ));
    for path in [
        "bin/plain",
        "bin/some",
        // It has rows for these.
        &format!("{SITE}/{INFO}/RECORD"),
    ] {
        assert!(!linked(&fixture.environment.root.join(path)), "{path}");
    }
    // Installing over links must not write through them.
    fixture.install(&full_wheel());
    for file in &stored.manifest.files {
        let bytes = std::fs::read(stored.path(file)).unwrap();
        assert_eq!(
            file.hash,
            format!("sha256={}", BASE64URL_NOPAD.encode(&Sha256::digest(&bytes))),
            "{}",
            file.member
        );
    }
}

#[test]
fn what_is_the_same_in_all_environments_is_linked_like_the_rest() {
    let fixture = Fixture::new();
    let wheel = Builder::new();
    let stored = fixture.install(&wheel);
    let info = fixture.site.site_packages.join(INFO);
    let links =
        |name: &str| std::os::unix::fs::MetadataExt::nlink(&info.join(name).metadata().unwrap());
    assert_eq!([links("RECORD"), links("INSTALLER")], [2, 2]);
    let record = fixture.record();
    let kept =
        |name: &str| std::fs::read_to_string(stored.folder.join("ready").join(name)).unwrap();
    assert_eq!(
        [kept("RECORD"), kept("INSTALLER")],
        [record.clone(), INSTALLER.to_owned()]
    );

    // One that says where it comes from is this environment's own.
    let options = Options {
        direct_url: Some(DirectUrl::Directory {
            url: "file:///src".to_owned(),
            editable: false,
        }),
    };
    install(
        &stored,
        &fixture.site,
        Linker::with_mode(LinkMode::HardLink),
        &options,
    )
    .unwrap();
    assert_eq!([links("RECORD"), links("INSTALLER")], [1, 2]);
    assert!(fixture.record().ends_with("/direct_url.json,,\r\n"));
    assert_eq!(kept("RECORD"), record);

    // A cache that an older version has filled has nothing ready.
    std::fs::remove_dir_all(stored.folder.join("ready")).unwrap();
    fixture.install(&wheel);
    assert_eq!([links("RECORD"), links("INSTALLER")], [1, 1]);
    assert_eq!(fixture.record(), record);
}

#[test]
fn installing_again_gives_the_same_tree() {
    let fixture = Fixture::new();
    fixture.install(&full_wheel());
    let (tree, record) = (fixture.tree(), fixture.record());
    let stored = fixture.unpack(&full_wheel().build()).unwrap();
    let report = install(
        &stored,
        &fixture.site,
        Linker::with_mode(LinkMode::Copy),
        &Options::default(),
    )
    .unwrap();
    assert!(
        report
            .replaced
            .contains(&fixture.site.site_packages.join("some_pkg/__init__.py"))
    );
    assert_eq!((fixture.tree(), fixture.record()), (tree, record));
}

#[test]
fn what_a_wheel_says_about_its_installation_does_not_count() {
    let fixture = Fixture::new();
    let mut wheel = Builder::new();
    wheel
        .add(&format!("{INFO}/INSTALLER"), "other\n")
        .add(&format!("{INFO}/direct_url.json"), "{}");
    fixture.install(&wheel);
    assert_eq!(
        fixture.read(&format!("{SITE}/{INFO}/INSTALLER")),
        "Poetry 2.5.1"
    );
    assert!(
        !fixture
            .site
            .site_packages
            .join(INFO)
            .join("direct_url.json")
            .exists()
    );
    let rows = fixture
        .record()
        .lines()
        .filter(|line| line.contains("INSTALLER"))
        .count();
    assert_eq!(rows, 2);
}

#[test]
fn a_torn_entry_of_the_cache_is_made_again() {
    let fixture = Fixture::new();
    let wheel = full_wheel();
    let stored = fixture.install(&wheel);
    for damage in ["", "half"] {
        let manifest = stored.folder.join("manifest");
        let whole = std::fs::read(&manifest).unwrap();
        match damage {
            "" => std::fs::remove_file(&manifest).unwrap(),
            _ => std::fs::write(&manifest, &whole[..whole.len() / 2]).unwrap(),
        }
        std::fs::remove_dir_all(stored.files().join("0")).unwrap();
        fixture.install(&wheel);
        assert_eq!(std::fs::read(&manifest).unwrap(), whole);
    }
    let litter = std::fs::read_dir(fixture.store.folder()).unwrap().count();
    assert_eq!(litter, 1);
}

#[test]
fn a_failed_installation_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let before = fixture.tree();
    let stored = fixture.unpack(&full_wheel().build()).unwrap();
    let of_wheel = stored.member(&format!("{INFO}/WHEEL")).unwrap();
    std::fs::remove_file(of_wheel).unwrap();
    let result = install(
        &stored,
        &fixture.site,
        Linker::with_mode(LinkMode::HardLink),
        &Options::default(),
    );
    assert!(
        matches!(result, Err(WheelError::StoreDamaged(_))),
        "{result:?}"
    );
    assert_eq!(fixture.tree(), before);
}

#[test]
fn leftovers_of_killed_processes_are_removed() {
    let fixture = Fixture::new();
    let left = fixture.site.site_packages.join(".mpoetry-abc");
    std::fs::create_dir(&left).unwrap();
    super::remove_leftovers(&fixture.site.site_packages).unwrap();
    assert!(!left.exists());
}

/// Installing must fail with a text that has these words, and leave no trace in cache and environment.
fn refused(bytes: &[u8], words: &str) {
    refused_as(FILE, bytes, words);
}

fn refused_as(file: &str, bytes: &[u8], words: &str) {
    let fixture = Fixture::new();
    match fixture.unpack_as(file, bytes) {
        Ok(stored) => panic!("accepted: {:?}", stored.manifest),
        Err(error) => {
            let mut text = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                text = format!("{text}: {source}");
            }
            assert!(text.contains(words), "{text}");
        }
    }
    let entries = std::fs::read_dir(fixture.store.folder()).map_or(0, |entries| entries.count());
    assert_eq!(entries, 0, "something is left in the cache");
}

#[test]
fn members_that_would_escape_or_replace_are_refused() {
    for (name, words) in [
        ("../evil.py", "not a plain relative path"),
        ("some_pkg/../../evil.py", "not a plain relative path"),
        ("/evil.py", "not a plain relative path"),
        ("//host/evil.py", "not a plain relative path"),
        ("C:/evil.py", "not a plain relative path"),
        ("..\\evil.py", "not a plain relative path"),
        ("./evil.py", "not a plain relative path"),
        ("some_pkg/a\0.py", "not a plain relative path"),
        ("some_pkg/a\n.py", "not a plain relative path"),
        (
            "some_pkg-1.0.data/scripts/../../evil",
            "not a plain relative path",
        ),
        ("some_pkg-1.0.data/evil/x", "valid .data subdirectory"),
        ("some_pkg-1.0.data/x", "valid .data subdirectory"),
        ("some_pkg-1.0.data/scripts/python", "environment itself"),
        ("some_pkg-1.0.data/scripts/Python3", "environment itself"),
        (
            "some_pkg-1.0.data/data/bin/python3.11",
            "environment itself",
        ),
        ("some_pkg-1.0.data/data/bin/activate", "environment itself"),
        ("some_pkg-1.0.data/data/pyvenv.cfg", "environment itself"),
        ("other-2.dist-info/METADATA", "2 .dist-info folders"),
        ("some_pkg/__init__.py/x", "needs a folder"),
        (
            "some_pkg-1.0.data/purelib/some_pkg/__init__.py",
            "two files into the same place",
        ),
    ] {
        let mut wheel = Builder::new();
        wheel.add(name, "EVIL");
        refused(&wheel.build(), words);
    }
    let mut wheel = Builder::new();
    wheel.add_mode("some_pkg/link", "/etc/passwd", 0o120_777);
    refused(&wheel.build(), "neither a file nor a folder");
}

#[test]
fn entry_points_are_plain_names_of_functions() {
    for (line, words) in [
        ("../evil = m:f", "is no plain file name"),
        ("a/b = m:f", "is no plain file name"),
        ("a\\b = m:f", "is no plain file name"),
        (".. = m:f", "is no plain file name"),
        (
            "python = m:f",
            "would replace a file of the environment itself",
        ),
        (
            "activate = m:f",
            "would replace a file of the environment itself",
        ),
        ("x = m:f();import os", "line 2 of entry_points.txt"),
        ("x = m", "line 2 of entry_points.txt"),
    ] {
        let mut wheel = Builder::new();
        wheel.add(
            &format!("{INFO}/entry_points.txt"),
            &format!("[console_scripts]\n{line}\n"),
        );
        refused(&wheel.build(), words);
    }
}

#[test]
fn metadata_must_fit_the_file_name() {
    let with = |name: &str, text: &str| {
        let mut wheel = Builder::new();
        wheel.add(&format!("{INFO}/{name}"), text);
        wheel.build()
    };
    refused(&with("METADATA", ""), "has no Name");
    refused(&with("METADATA", "Name: some-pkg\n"), "has no Version");
    refused(
        &with("METADATA", "Name: other\nVersion: 1.0\n"),
        "names `other`",
    );
    refused(
        &with("METADATA", "Name: some-pkg\nVersion: 6.6\n"),
        "has version `6.6`",
    );
    refused(
        &with(
            "METADATA",
            "Name: some-pkg\nVersion: 1.0\nRequires-Dist: ???nothing\n",
        ),
        "has `???nothing` as a requirement",
    );
    refused(
        &with("WHEEL", "Wheel-Version: 2.0\n"),
        "Incompatible Wheel-Version 2.0",
    );
    refused(&with("WHEEL", ""), "Incompatible Wheel-Version");
    refused_as(
        "other-1.0-py3-none-any.whl",
        &Builder::new().build(),
        "belongs to another project",
    );
    refused_as(
        "some_pkg-2.0-py3-none-any.whl",
        &Builder::new().build(),
        "has version `1.0`",
    );
    refused_as("some_pkg.whl", &Builder::new().build(), "file name");
    // Equal versions may be written differently.
    let fixture = Fixture::new();
    fixture
        .unpack_as("Some_Pkg-1.0.0-2-py3-none-any.whl", &Builder::new().build())
        .unwrap();
}

#[test]
fn record_must_fit_the_members() {
    let honest = String::from_utf8(Builder::new().honest_record()).unwrap();
    let with = |text: &str| {
        let mut wheel = Builder::new();
        wheel.record(text);
        wheel.build()
    };
    let (first, rest) = honest.split_once('\n').unwrap();
    assert!(first.contains("__init__.py"));
    refused(
        &with(&format!("some_pkg/__init__.py,sha256=AAAA,10\n{rest}")),
        "does not fit its hash in RECORD",
    );
    refused(
        &with(&format!("{first}9\n{rest}")),
        "does not fit its size in RECORD",
    );
    refused(
        &with(&format!("some_pkg/__init__.py,AAAA,10\n{rest}")),
        "invalid row in RECORD",
    );
    refused(&with("a,b\n"), "expected 3 elements");
    // Poetry only warns about members that are not listed.
    let fixture = Fixture::new();
    let stored = fixture.unpack(&with(rest)).unwrap();
    assert_eq!(
        stored.manifest.record_issues,
        [format!(
            "In {FILE}, some_pkg/__init__.py is not mentioned in RECORD"
        )]
    );
}

#[test]
fn archives_that_tell_two_stories_are_refused() {
    let honest = Builder::new().build();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = honest.clone();
        change(&mut bytes);
        bytes
    };
    let directory = honest
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    refused(b"", "too short");
    refused(
        b"<html>Sign in</html><html>Sign in</html>",
        "no zip archive",
    );
    refused(&honest[..honest.len() - 40], "no zip archive");
    refused(
        &[honest.clone(), b"trailing".to_vec()].concat(),
        "no zip archive",
    );
    refused(
        &[b"#!/bin/sh\n".to_vec(), honest.clone()].concat(),
        "bytes before its first member",
    );
    refused(
        &[honest.clone(), honest.clone()].concat(),
        "bytes before its first member",
    );
    // The name, the method, the checksum and the sizes in the first local header.
    refused(
        &with(&|bytes| bytes[30] = b'X'),
        "another name in its local header",
    );
    refused(&with(&|bytes| bytes[8] = 8), "stored otherwise");
    refused(
        &with(&|bytes| bytes[14] ^= 1),
        "another checksum in its local header",
    );
    refused(&with(&|bytes| bytes[22] ^= 1), "other sizes");
    // The same in the central directory.
    refused(
        &with(&|bytes| bytes[directory + 10] = 12),
        "compression method 12",
    );
    refused(&with(&|bytes| bytes[directory + 8] |= 1), "is encrypted");
    refused(
        &with(&|bytes| bytes[directory + 42] = 1),
        "does not begin where",
    );
    refused(
        &with(&|bytes| bytes[directory + 24] ^= 1),
        "impossible size",
    );
    // The content.
    refused(
        &with(&|bytes| bytes[30 + "some_pkg/__init__.py".len()] ^= 1),
        "does not fit its checksum",
    );
    // The count in the end record.
    let end = honest.len() - 22;
    refused(
        &with(&|bytes| (bytes[end + 8], bytes[end + 10]) = (2, 2)),
        "counts its members wrongly",
    );
    let comment = with(&|bytes| {
        bytes[end + 20] = 4;
        bytes.extend(b"PK\x05\x06");
    });
    refused(&comment, "comment that looks like another archive");
    let twice = [("a", &b"x"[..], 0), ("a", b"y", 0)];
    refused(&zip(&twice), "is there twice");
}

#[test]
fn archives_of_other_writers_are_read() {
    let mut builder = Builder::new();
    builder.add("some_pkg/large.bin", &"0123456789".repeat(2_000_000));
    for large in [false, true] {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .large_file(large)
            .unix_permissions(0o755);
        let bytes = builder.build_elsewhere(options);
        let fixture = Fixture::new();
        let stored = fixture.unpack(&bytes).unwrap();
        assert!(stored.manifest.files.iter().all(|file| file.executable));
        assert_eq!(
            std::fs::metadata(stored.member("some_pkg/large.bin").unwrap())
                .unwrap()
                .len(),
            20_000_000
        );
    }
}

#[test]
fn files_of_every_size_arrive_whole() {
    let piece = 256 << 10;
    let mut builder = Builder::new();
    let edges = [0, 1, 55, 56, 63, 64, 65, piece - 1, piece, piece + 1];
    // Of the largest, two at a time can't be inflated into memory.
    let large = [3 << 20, (3 << 20) + 1, 4 * piece, 22 << 20];
    for size in edges.into_iter().chain(large) {
        let letter = |at: usize| char::from(b'a' + (at * at / 7 % 23) as u8);
        let content: String = (0..size).map(letter).collect();
        builder.add(&format!("some_pkg/{size}.bin"), &content);
    }
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let options = SimpleFileOptions::default().compression_method(method);
        let bytes = builder.build_elsewhere(options);
        let fixture = Fixture::new();
        let stored = fixture.unpack(&bytes).unwrap();
        for (name, content, _) in &builder.members {
            assert!(std::fs::read(stored.member(name).unwrap()).unwrap() == *content);
        }
    }
}
