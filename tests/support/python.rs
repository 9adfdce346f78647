//! The Python that tests run on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// An interpreter outside any virtual environment, 3.11 or newer: that is what the example monorepo asks for.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    pub(crate) executable: PathBuf,
    /// A wheel of pip, where ensurepip keeps one: run as `python <wheel>/pip`.
    pub(crate) pip: Option<PathBuf>,
}

const NAMES: [&str; 7] = [
    "python3",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.15",
    "python",
];

/// `_base_executable` sees through virtual environments; Debian keeps pip's wheel outside ensurepip.
const QUESTION: &str = r#"
import ensurepip, glob, os, sys, sysconfig
assert sys.version_info >= (3, 11)
print(getattr(sys, "_base_executable", sys.executable))
folders = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"),
           sysconfig.get_config_var("WHEEL_PKG_DIR"), "/usr/share/python-wheels"]
wheels = [w for f in folders if f for w in sorted(glob.glob(os.path.join(f, "pip-*.whl")))]
print(wheels[0] if wheels else "")
"#;

/// The first Python on PATH that will do.
///
/// # Panics
/// When there is none: nearly every test needs one.
pub(crate) fn python() -> &'static Python {
    static FOUND: OnceLock<Python> = OnceLock::new();
    FOUND.get_or_init(|| {
        let found = NAMES.iter().find_map(|name| query(Path::new(name)));
        found.expect("these tests need Python 3.11 or newer, with ensurepip, on PATH")
    })
}

/// A Python of another minor version than [`python`].
#[derive(Clone, Debug)]
pub(crate) struct OtherPython {
    pub(crate) executable: PathBuf,
    /// X.Y.Z
    pub(crate) version: String,
}

impl OtherPython {
    /// The one that `MPOETRY_TEST_PYTHON` names, since Poetry needs a real one. Else a script in `folder` that says of
    /// itself what a Python 3.98.1 would say, which is all that mpoetry asks: no machine has to have two Pythons.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        if let Some(executable) = std::env::var_os("MPOETRY_TEST_PYTHON") {
            let version = version(Path::new(&executable));
            let executable = executable.into();
            return Self {
                executable,
                version,
            };
        }
        let executable = folder.join("bin/python3.98");
        std::fs::create_dir_all(folder.join("bin")).expect("a folder");
        let text = ANSWER.replace("@ROOT@", &folder.display().to_string());
        std::fs::write(&executable, text).expect("a file");
        make_executable(&executable);
        let version = "3.98.1".to_owned();
        Self {
            executable,
            version,
        }
    }
}

const ANSWER: &str = r#"#!/bin/sh
cat <<'END'
@facts@{"executable": "@ROOT@/bin/python3.98", "base_executable": "@ROOT@/bin/python3.98", "prefix": "@ROOT@", "base_prefix": "@ROOT@", "version": "3.98.1", "release_level": "final.0", "markers": {"implementation_name": "cpython", "implementation_version": "3.98.1", "os_name": "posix", "platform_machine": "x86_64", "platform_python_implementation": "CPython", "platform_release": "6", "platform_system": "Linux", "platform_version": "1", "python_full_version": "3.98.1", "python_version": "3.98", "sys_platform": "linux"}, "platform": "linux-x86_64", "free_threaded": false, "abi": "cpython-398-x86_64-linux-gnu", "narrow": false, "libc": ["glibc", "2.36"], "mac": null, "platlibdir": "lib"}
END
"#;

/// X.Y.Z of a Python.
pub(crate) fn version(executable: &Path) -> String {
    let output = Command::new(executable)
        .args(["-c", "import platform; print(platform.python_version())"])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", executable.display()));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("a mode");
}

fn query(executable: &Path) -> Option<Python> {
    let output = Command::new(executable)
        .args(["-c", QUESTION])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout)
        .ok()
        .filter(|_| output.status.success())?;
    let mut lines = text.lines();
    Some(Python {
        executable: lines.next()?.into(),
        pip: lines
            .next()
            .filter(|line| !line.is_empty())
            .map(PathBuf::from),
    })
}
