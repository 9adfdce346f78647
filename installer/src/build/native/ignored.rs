//! The files that git ignores, which poetry-core leaves out of archives.

use std::path::Path;
use std::process::{Command, Stdio};

use rustc_hash::FxHashSet;

/// The untracked and ignored files below `root`, relative to it with `/`. Empty without git, outside of a work
/// tree, and when the project itself is ignored.
///
/// Poetry: git is asked from the current directory while its answer is read relative to the project, so
/// `poetry -P` leaks ignored files. We always ask from the project, as the PEP 517 build does.
///
/// Poetry: names that git quotes (non-ASCII ones) are compared with their quotes on, and so never ignored.
pub(super) fn ignored_files(root: &Path) -> FxHashSet<String> {
    let none = FxHashSet::default();
    let Some(work_tree) = root.ancestors().find(|folder| folder.join(".git").exists()) else {
        return none;
    };
    let listed = Command::new("git")
        .arg("--git-dir")
        .arg(work_tree.join(".git"))
        .arg("--work-tree")
        .arg(work_tree)
        .args(["ls-files", "--others", "-i", "--exclude-standard"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Ok(output) = listed else { return none };
    if !output.status.success() || output.stdout.is_empty() || is_ignored(root) {
        return none;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().split('\n').map(str::to_owned).collect()
}

/// Is the folder itself ignored?
fn is_ignored(root: &Path) -> bool {
    Command::new("git")
        .args(["check-ignore", "."])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
