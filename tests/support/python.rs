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
