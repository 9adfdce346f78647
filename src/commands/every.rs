//! `--all`: a command for every locked project of the repository, in one process.

use std::path::{Path, PathBuf};

use resolver::lock;
use resolver::project::workspace::Workspace;

use crate::console::BOLD;
use crate::context::Context;
use crate::failure::Failure;

/// Does `work` for each project of the repository that has a lock file, by folder. One that fails does not keep the
/// others from their turn.
///
/// # Errors
/// When there is none, or one failed.
pub(crate) fn every(
    cx: &Context,
    work: impl Fn(&Context) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let start = cx.start();
    let root = Workspace::find_root(start).unwrap_or_else(|| start.to_owned());
    let folders: Vec<PathBuf> = Workspace::discover(&root)
        .members
        .into_iter()
        .map(|member| member.folder)
        .filter(|folder| folder.join(lock::FILE_NAME).is_file())
        .collect();
    if folders.is_empty() {
        let root = root.display();
        let text = format!("no project below {root} has a lock file");
        return Err(Failure::new(text).hint("Run `mpoetry lock` in the projects that need one."));
    }
    let count = folders.len();
    let mut failed = Vec::new();
    for (place, folder) in folders.into_iter().enumerate() {
        let shown = shown(&folder, &root);
        let space = if place == 0 { "" } else { "\n" };
        cx.console
            .line(format_args!("{space}{BOLD}{shown}{BOLD:#}"));
        cx.console.start_anew();
        if let Err(failure) = work(&cx.of_member(folder)) {
            failure.print(cx.console);
            failed.push(shown);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} of {count} projects failed: {}",
        failed.len(),
        failed.join(", ")
    )))
}

fn shown(folder: &Path, root: &Path) -> String {
    match folder.strip_prefix(root) {
        Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
        _ => folder.display().to_string(),
    }
}
