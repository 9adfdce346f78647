//! Files and folders that tell by themselves that nothing has moved.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use resolver::unchanged::Stat;
use serde::{Deserialize, Serialize};

use super::reliable;

/// Files and folders, each with what the file system said of it. By default there are none, and nothing that could move.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Watched {
    places: Vec<(PathBuf, Option<Stat>)>,
}

impl Watched {
    /// Files, and all folders above them up to `top`: a file that comes or goes shows in its folder.
    pub(super) fn files(top: &Path, files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut paths = BTreeSet::from([top.to_owned()]);
        for file in files {
            let above = file.ancestors().skip(1);
            let above = above.take_while(|folder| folder.starts_with(top));
            paths.extend(above.map(Path::to_owned));
            paths.insert(file);
        }
        // What changed just now may change once more without a trace; it is read again next time.
        let began = SystemTime::now();
        let places = paths.into_iter().map(|path| {
            let stat = reliable(&path, began);
            (path, stat)
        });
        Self {
            places: places.collect(),
        }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.places.iter().map(|(path, _)| path.as_path())
    }

    /// Is everything as it was?
    pub(super) fn is_unmoved(&self) -> bool {
        let is_same = |(path, stat): &(PathBuf, Option<Stat>)| Stat::of_any(path) == *stat;
        self.is_reliable() && self.places.iter().all(is_same)
    }

    /// Can it ever tell that everything is as it was?
    pub(super) fn is_reliable(&self) -> bool {
        self.places.iter().all(|(_, stat)| stat.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::Watched;

    fn watch(top: &Path) -> Watched {
        // What is younger than a tick of the file system's clock is not relied on.
        std::thread::sleep(Duration::from_millis(50));
        Watched::files(top, [top.join("code/one.py")])
    }

    #[test]
    fn files_that_change_come_or_go_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        std::fs::create_dir(top.join("code")).unwrap();
        let one = top.join("code/one.py");
        std::fs::write(&one, "1").unwrap();
        assert!(
            !Watched::files(top, [one.clone()]).is_unmoved(),
            "too young"
        );

        let watched = watch(top);
        assert!(watched.is_unmoved());
        let paths: Vec<&Path> = watched.paths().collect();
        assert_eq!(paths, [top, &top.join("code"), &one]);

        std::fs::write(top.join("code/two.py"), "").unwrap();
        assert!(!watched.is_unmoved(), "a file came");
        let watched = watch(top);
        std::fs::write(&one, "2").unwrap();
        assert!(!watched.is_unmoved(), "a file changed");
        let watched = watch(top);
        std::fs::remove_file(&one).unwrap();
        assert!(!watched.is_unmoved(), "a file went");
    }
}
