//! Distributions that were installed before there were wheels, by setuptools or distutils.
//!
//! An `.egg-info` is a folder with `PKG-INFO` and, if pip had a hand in it, a list of the files; or, from distutils, the
//! text of `PKG-INFO` alone. An `.egg-link` holds the path of a source tree that `easy-install.pth` puts on the search
//! path: an editable installation.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// The file with the metadata of a distribution, by its `.dist-info`, `.egg-info` or `.egg-link`; `None` if the entry is
/// none of these. The file need not be there.
pub(crate) fn metadata_file(entry: &Path) -> Option<PathBuf> {
    match entry.extension()?.to_str()? {
        "dist-info" => Some(entry.join("METADATA")),
        "egg-info" if entry.is_dir() => Some(entry.join("PKG-INFO")),
        "egg-info" => Some(entry.to_owned()),
        "egg-link" => egg_info(&linked(entry)?).map(|folder| folder.join("PKG-INFO")),
        _ => None,
    }
}

/// The source tree that an `.egg-link` leads to.
fn linked(egg_link: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(egg_link).ok()?;
    Some(PathBuf::from(text.lines().next()?.trim()))
}

/// The first `.egg-info` of a tree; there should be but one.
fn egg_info(tree: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(tree).ok()?.flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension() == Some("egg-info".as_ref()))
        .min()
}

/// The files of an `.egg-info` folder, as far as they are known.
pub(super) fn files(egg_info: &Path) -> Option<Vec<PathBuf>> {
    let text = std::fs::read_to_string(egg_info.join("installed-files.txt")).ok()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Some(lines.map(|line| egg_info.join(line)).collect())
}

/// Removes an editable installation: the link, and the tree's line in `easy-install.pth`. The tree itself stays.
pub(super) fn unlink(egg_link: &Path) -> io::Result<()> {
    let list = egg_link.with_file_name("easy-install.pth");
    if let (Some(tree), Ok(text)) = (linked(egg_link), std::fs::read_to_string(&list)) {
        let kept = text
            .split_inclusive('\n')
            .filter(|line| Path::new(line.trim()) != tree);
        let kept: String = kept.collect();
        if kept != text {
            let folder = list.parent().unwrap_or(Path::new("."));
            let mut file = tempfile::Builder::new()
                .permissions(fs::metadata(&list)?.permissions())
                .tempfile_in(folder)?;
            io::Write::write_all(&mut file, kept.as_bytes())?;
            file.persist(&list)?;
        }
    }
    fs::remove_file(egg_link)
}
