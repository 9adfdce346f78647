//! Lock files as recorded from the reference: what is read from them prints to the same bytes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use resolver::lock::Lockfile;
use resolver::marker::MarkerEnvironment;
use resolver::name::{ExtraName, GroupName};
use resolver::project::Project;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/locks")
}

/// The file whose form was changed by hand while its values stayed the same.
const EDITED: &str = "unchanged-not-rewritten";

/// Markers that the reference itself prints differently after reading them: case, as written, as printed.
const REORDERED: [(&str, &str, &str); 1] = [(
    "feature-edge-marker",
    r#"(sys_platform == \"linux\" or sys_platform == \"win32\") and python_version < \"3.11\""#,
    r#"(sys_platform == \"win32\" or sys_platform == \"linux\") and python_version < \"3.11\""#,
)];

#[test]
fn locks_print_as_they_were_read() {
    let mut count = 0;
    for case in std::fs::read_dir(vectors()).unwrap() {
        let case = case.unwrap().path();
        let Ok(text) = std::fs::read_to_string(case.join("poetry.lock.expected")) else {
            continue;
        };
        if case.ends_with(EDITED) {
            continue;
        }
        let folder = case.join("project");
        let lockfile = Lockfile::parse(&text, &folder).unwrap();
        let printed = lockfile.to_text(&folder);
        let mut expected = text.replace("\r\n", "\n");
        for (name, written, reprinted) in REORDERED {
            if case.ends_with(name) {
                expected = expected.replace(written, reprinted);
            }
        }
        assert_eq!(printed, expected, "{}", case.display());
        count += 1;
    }
    assert_eq!(count, 54, "some locks are gone, or new ones came");
}

/// A folder with the lock of a case, as it was before or as it is expected.
fn folder_with_lock(case: &str, file: &str) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(vectors().join(case).join(file)).unwrap();
    let path = folder.path().join("poetry.lock");
    std::fs::write(&path, &bytes).unwrap();
    (folder, path, bytes)
}

#[test]
fn a_lock_with_the_same_values_is_left_alone() {
    let (folder, path, before) = folder_with_lock(EDITED, "poetry.lock.expected");
    let lockfile = Lockfile::read(folder.path()).unwrap().unwrap();
    assert!(!lockfile.write_if_changed(folder.path()).unwrap());
    assert_eq!(std::fs::read(path).unwrap(), before);
}

#[test]
fn a_changed_lock_keeps_its_line_ends() {
    let (folder, path, _) = folder_with_lock("refresh-crlf", "poetry.lock.before");
    let expected = std::fs::read(vectors().join("refresh-crlf/poetry.lock.expected")).unwrap();
    let text = String::from_utf8(expected.clone()).unwrap();
    let lockfile = Lockfile::parse(&text, folder.path()).unwrap();
    assert!(lockfile.write_if_changed(folder.path()).unwrap());
    assert_eq!(std::fs::read(path).unwrap(), expected);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "a temporary file was left: {left:?}");
}

#[test]
fn a_broken_lock_is_replaced() {
    let (folder, path, _) = folder_with_lock("basic", "poetry.lock.expected");
    let lockfile = Lockfile::read(folder.path()).unwrap().unwrap();
    std::fs::write(&path, "not = [toml").unwrap();
    assert!(Lockfile::read(folder.path()).is_err());
    assert!(lockfile.write_if_changed(folder.path()).unwrap());
    assert!(Lockfile::read(folder.path()).unwrap().is_some());
}

#[cfg(unix)]
#[test]
fn a_lock_behind_a_link_is_written_where_it_is() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, path, _) = folder_with_lock("basic", "poetry.lock.expected");
    let lockfile = Lockfile::read(folder.path()).unwrap().unwrap();
    let real = folder.path().join("real.lock");
    std::fs::write(&real, "").unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("real.lock", &path).unwrap();
    assert!(lockfile.write_if_changed(folder.path()).unwrap());
    assert!(path.is_symlink());
    let metadata = std::fs::metadata(&real).unwrap();
    assert!(metadata.len() > 0);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
}

#[test]
fn recorded_locks_are_fresh() {
    let mut count = 0;
    for case in std::fs::read_dir(vectors()).unwrap() {
        let case = case.unwrap().path();
        let Ok(text) = std::fs::read_to_string(case.join("poetry.lock.expected")) else {
            continue;
        };
        let folder = case.join("project");
        let project = Project::read(&folder).unwrap();
        let mut lockfile = Lockfile::parse(&text, &folder).unwrap();
        assert!(lockfile.is_fresh(&project), "{}", case.display());
        assert_eq!(
            lockfile.metadata.python_versions,
            project.python_versions,
            "{}",
            case.display()
        );
        let extras = lockfile.extras.clone();
        assert_eq!(extras, project.extras, "{}", case.display());
        lockfile.metadata.content_hash = None;
        assert!(!lockfile.is_fresh(&project), "{}", case.display());
        count += 1;
    }
    assert_eq!(count, 55, "some locks are gone, or new ones came");
}

#[test]
fn files_of_old_formats() {
    for (case, file, hash) in [
        (
            "refresh-from-1.0",
            "1db229cdeeab32dd89d9d116f4cad76e44c03462e956cb95fca0272c12d7a940",
            "sha256:1db229cdeeab32dd89d9d116f4cad76e44c03462e956cb95fca0272c12d7a940",
        ),
        (
            "refresh-from-1.1",
            "a-1.0-py3-none-any.whl",
            "sha256:1db229cdeeab32dd89d9d116f4cad76e44c03462e956cb95fca0272c12d7a940",
        ),
    ] {
        let (folder, ..) = folder_with_lock(case, "poetry.lock.before");
        let lockfile = Lockfile::read(folder.path()).unwrap().unwrap();
        assert!(!lockfile.metadata.has_groups_and_markers(), "{case}");
        let package = &lockfile.packages[0];
        assert_eq!(package.files.len(), 2, "{case}");
        assert_eq!(package.files[0].file, file, "{case}");
        assert_eq!(package.files[0].hash.to_string(), hash, "{case}");
        assert!(package.groups.is_empty(), "{case}");
    }
}

#[test]
fn formats() {
    let lock = |metadata: &str| format!("package = []\n[metadata]\n{metadata}\n");
    let folder = Path::new("/nowhere");
    for version in ["1", "1.0", "1.1", "2.0", "2.1", "2.9"] {
        let text = lock(&format!(
            "lock-version = \"{version}\"\npython-versions = \"*\""
        ));
        let lockfile = Lockfile::parse(&text, folder).unwrap();
        assert_eq!(
            lockfile.metadata.warning().is_some(),
            version == "2.9",
            "{version}"
        );
    }
    for (text, error) in [
        (
            "package = []\n".to_owned(),
            "The lock file does not have a metadata entry.\nRegenerate the lock file with the `poetry lock` command.",
        ),
        (
            lock("python-versions = \"*\""),
            "The lock file is not compatible with the current version of Poetry.\nRegenerate the lock file with the `poetry lock` command.",
        ),
        (
            lock("lock-version = \"3.0\""),
            "The lock file is not compatible with the current version of Poetry.\nUpgrade Poetry to be able to read the lock file or, alternatively, regenerate the lock file with the `poetry lock` command.",
        ),
        (
            lock("lock-version = \"0.9\""),
            "The lock file is not compatible with the current version of Poetry.\nUpgrade Poetry to be able to read the lock file or, alternatively, regenerate the lock file with the `poetry lock` command.",
        ),
    ] {
        assert_eq!(
            Lockfile::parse(&text, folder).unwrap_err().to_string(),
            error
        );
    }
}

/// Linux and Windows with CPython 3.11.
fn environments() -> [MarkerEnvironment; 2] {
    let linux = MarkerEnvironment {
        os_name: "posix".to_owned(),
        platform_system: "Linux".to_owned(),
        python_full_version: "3.11.4".to_owned(),
        python_version: "3.11".to_owned(),
        sys_platform: "linux".to_owned(),
        ..MarkerEnvironment::default()
    };
    let windows = MarkerEnvironment {
        sys_platform: "win32".to_owned(),
        ..linux.clone()
    };
    [linux, windows]
}

fn wanted(
    case: &str,
    groups: &[&str],
    environment: &MarkerEnvironment,
    extras: &[&str],
) -> Vec<String> {
    let text = std::fs::read_to_string(vectors().join(case).join("poetry.lock.expected"));
    let lockfile = Lockfile::parse(&text.unwrap(), Path::new("/nowhere")).unwrap();
    let groups = groups.iter().map(|group| GroupName::new(group)).collect();
    let extras = extras.iter().map(|extra| ExtraName::new(extra)).collect();
    (lockfile.packages.iter())
        .filter(|package| package.is_wanted(&groups, environment, &extras))
        .map(|package| package.name.to_string())
        .collect()
}

#[test]
fn wanted_by_group_and_environment() {
    let case = "groups-markers-inline";
    let [linux, windows] = environments();
    for (groups, environment, packages) in [
        (&["main"][..], &linux, &["a", "dep"][..]),
        (&["zed"], &linux, &[]),
        (&["dev"], &linux, &["a", "b", "dep"]),
        (&["dev"], &windows, &["b"]),
        (&["test"], &linux, &[]),
        (&["test", "dev"], &windows, &["b"]),
        (&[], &linux, &[]),
    ] {
        assert_eq!(
            wanted(case, groups, environment, &[]),
            packages,
            "{groups:?}"
        );
    }
}

#[test]
fn wanted_by_extra() {
    let [linux, _] = environments();
    for (extras, packages) in [
        (&[][..], &["a", "d"][..]),
        (&["cli"], &["a", "b", "d", "e"]),
        (&["all"], &["a", "b", "c", "d", "e"]),
        (&["other"], &["a", "d"]),
    ] {
        assert_eq!(
            wanted("extras-pep621", &["main"], &linux, extras),
            packages,
            "{extras:?}"
        );
    }
}
