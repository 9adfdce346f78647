//! Which files of a folder are published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use resolver::name::PackageName;
use resolver::version::Version;

use super::file_name;

/// The wheels and sdists of a project's newest version in a folder.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Distributions {
    /// The sdist first.
    pub files: Vec<PathBuf>,
    /// The version, as file names have it; empty if there are no files.
    pub version: String,
}

impl Distributions {
    /// Looks into `folder`. One that is not there has no files.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn find(folder: &Path, project: &PackageName) -> std::io::Result<Self> {
        let mut by_version: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let prefix = format!("{}-", project.as_str().replace('-', "_"));
        for path in files(folder)? {
            if let Some(version) = version_of(&file_name(&path), &prefix) {
                by_version.entry(version).or_default().push(path);
            }
        }
        // A name whose version can't be read is not newer than any.
        let newest = |(version, _): &(String, Vec<PathBuf>)| version.parse::<Version>().ok();
        let Some((version, mut files)) = by_version.into_iter().max_by_key(newest) else {
            return Ok(Self::default());
        };
        files.sort_by_key(|path| {
            (
                path.extension().is_some_and(|ending| ending == "whl"),
                path.clone(),
            )
        });
        Ok(Self { files, version })
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    match fs_err::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The version in the name of a wheel or an sdist that begins with `prefix`.
fn version_of(file: &str, prefix: &str) -> Option<String> {
    let rest = file.strip_prefix(prefix)?;
    let version = match rest.strip_suffix(".whl") {
        Some(rest) if rest.split('-').count() >= 2 => rest.split('-').next()?,
        Some(_) => return None,
        None => rest.strip_suffix(".tar.gz")?.split('-').next()?,
    };
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use resolver::name::PackageName;

    use super::{Distributions, file_name};

    #[test]
    fn the_newest_version_is_published_sdist_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "a_b-1.9-py3-none-any.whl",
            "a_b-1.10-py3-none-any.whl",
            "a_b-1.10-cp311-cp311-linux_x86_64.whl",
            "a_b-1.10.tar.gz",
            "a_b-1.10.zip",
            "other-2.0.tar.gz",
        ] {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        let found = Distributions::find(folder.path(), &PackageName::new("A.b")).unwrap();
        let names: Vec<String> = found.files.iter().map(|path| file_name(path)).collect();
        assert_eq!(
            names,
            [
                "a_b-1.10.tar.gz",
                "a_b-1.10-cp311-cp311-linux_x86_64.whl",
                "a_b-1.10-py3-none-any.whl"
            ]
        );
        assert_eq!(found.version, "1.10");
        let nowhere = Distributions::find(&folder.path().join("x"), &PackageName::new("a"));
        assert_eq!(nowhere.unwrap(), Distributions::default());
    }
}
