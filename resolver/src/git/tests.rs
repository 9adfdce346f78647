use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Bucket, Cache};

use super::{GitError, History, Reference, Repositories};

/// A repository with a file `version`, and a cache.
struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let ground = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        ground.git(&["init", "--quiet", "--initial-branch=main", "."]);
        ground.commit("1");
        ground
    }

    fn upstream(&self) -> PathBuf {
        let path = self.folder.path().join("upstream");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn url(&self) -> String {
        format!("file://{}", self.upstream().display())
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.upstream())
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "a")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "a@e.org")))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {words}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, version: &str) -> String {
        std::fs::write(self.upstream().join("version"), version).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", version]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn cache(&self) -> Cache {
        Cache::new(self.folder.path().join("cache"))
    }

    fn repositories(&self) -> Repositories {
        Repositories::new(self.cache(), false)
    }

    fn offline(&self) -> Repositories {
        Repositories::new(self.cache(), true)
    }

    fn find(&self, reference: &Reference) -> Result<String, GitError> {
        self.repositories().commit(&self.url(), reference)
    }

    fn export(&self, commit: &str, history: History) -> Result<PathBuf, GitError> {
        let target = self.folder.path().join("target");
        self.repositories()
            .checkout(&self.url(), commit, history, &target)?;
        Ok(target)
    }

    fn copy(&self) -> PathBuf {
        let all = self.cache().path(Bucket::Git, "repositories");
        let mut folders = std::fs::read_dir(all)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        folders.find(|path| path.is_dir()).unwrap()
    }
}

fn branch(name: &str) -> Reference {
    Reference::Branch(name.to_owned())
}

fn revision(name: &str) -> Reference {
    Reference::Revision(name.to_owned())
}

fn version(checkout: &Path) -> String {
    std::fs::read_to_string(checkout.join("version")).unwrap()
}

#[test]
fn all_ways_to_name_a_commit() {
    let ground = Ground::new();
    let first = ground.git(&["rev-parse", "HEAD"]);
    ground.git(&["tag", "--annotate", "v1", "--message", "one"]);
    ground.git(&["checkout", "--quiet", "-b", "feature"]);
    let middle = ground.commit("2");
    let feature = ground.commit("3");
    ground.git(&["update-ref", "refs/pull/7/head", "HEAD"]);
    ground.git(&["checkout", "--quiet", "main"]);
    let main = ground.commit("4");
    for (reference, commit) in [
        (Reference::Head, &main),
        (branch("main"), &main),
        (branch("feature"), &feature),
        (branch("v1"), &first),
        (Reference::Tag("v1".to_owned()), &first),
        (revision("v1"), &first),
        (revision("feature"), &feature),
        (revision("refs/pull/7/head"), &feature),
        (revision(&feature[..7]), &feature),
        (revision(&middle), &middle),
        (revision(&middle[..9]), &middle),
        (revision(&first), &first),
    ] {
        assert_eq!(ground.find(&reference).unwrap(), *commit, "{reference}");
    }
    for (commit, content) in [(&middle, "2"), (&main, "4"), (&first, "1")] {
        for history in [History::None, History::All] {
            let target = ground.export(commit, history).unwrap();
            assert_eq!(version(&target), content, "{history:?}");
        }
    }
}

#[test]
fn a_commit_that_is_in_the_cache_costs_no_network() {
    let ground = Ground::new();
    let commit = ground.find(&Reference::Head).unwrap();
    std::fs::rename(ground.upstream(), ground.folder.path().join("gone")).unwrap();
    let (url, target) = (ground.url(), ground.folder.path().join("target"));
    let repositories = ground.offline();
    assert_eq!(
        repositories.commit(&url, &revision(&commit)).unwrap(),
        commit
    );
    repositories
        .checkout(&url, &commit, History::None, &target)
        .unwrap();
    assert_eq!(version(&target), "1");
    let error = repositories.commit(&url, &Reference::Head).unwrap_err();
    assert!(matches!(error, GitError::Offline { .. }), "{error}");
}

#[test]
fn a_server_that_is_gone_costs_nothing_that_was_fetched() {
    let ground = Ground::new();
    let commit = ground.find(&Reference::Head).unwrap();
    let gone = ground.folder.path().join("gone");
    std::fs::rename(ground.upstream(), &gone).unwrap();
    let error = ground.export(&commit, History::All).unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
    assert_eq!(
        version(&ground.export(&commit, History::None).unwrap()),
        "1"
    );
}

#[test]
fn history_comes_with_its_tags_and_is_never_cut_again() {
    let ground = Ground::new();
    ground.git(&["tag", "v1"]);
    let second = ground.commit("2");
    assert_eq!(ground.find(&Reference::Head).unwrap(), second);
    let described = |target: &Path| {
        let output = Command::new("git")
            .current_dir(target)
            .args(["describe", "--tags"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let target = ground.export(&second, History::All).unwrap();
    assert_eq!(described(&target), format!("v1-1-g{}", &second[..7]));
    let third = ground.commit("3");
    assert_eq!(ground.find(&Reference::Head).unwrap(), third);
    assert_eq!(ground.find(&branch("main")).unwrap(), third);
    let target = ground.export(&third, History::All).unwrap();
    assert_eq!(described(&target), format!("v1-2-g{}", &third[..7]));
}

#[test]
fn a_moved_branch_is_followed() {
    let ground = Ground::new();
    ground.find(&branch("main")).unwrap();
    let moved = ground.commit("2");
    assert_eq!(ground.find(&branch("main")).unwrap(), moved);
    ground.git(&["commit", "--quiet", "--amend", "--message", "other"]);
    let amended = ground.git(&["rev-parse", "HEAD"]);
    assert_eq!(ground.find(&branch("main")).unwrap(), amended);
    // Nothing leads to it any more, but it was fetched.
    assert_eq!(version(&ground.export(&moved, History::None).unwrap()), "2");
}

#[test]
fn a_folder_half_made_is_not_trusted() {
    let ground = Ground::new();
    let commit = ground.find(&Reference::Head).unwrap();
    let copy = ground.copy();
    let objects = copy.join("objects");
    let damages: [&dyn Fn(); 4] = [
        &|| std::fs::remove_dir_all(&objects).unwrap(),
        &|| std::fs::remove_file(copy.join("HEAD")).unwrap(),
        // The references are there, but not what they mean.
        &|| {
            std::fs::remove_dir_all(&objects).unwrap();
            std::fs::create_dir(&objects).unwrap();
        },
        // What git leaves behind when it is killed while it fetches.
        &|| {
            std::fs::remove_dir_all(copy.join("refs/commits")).unwrap();
            std::fs::write(copy.join("shallow.lock"), "").unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage();
        let target = ground.export(&commit, History::None).unwrap();
        assert_eq!(version(&target), "1", "damage {number}");
        assert_eq!(ground.find(&Reference::Head).unwrap(), commit);
    }
}

#[test]
fn objects_without_a_word_that_they_are_whole_are_fetched_again() {
    let ground = Ground::new();
    let commit = ground.find(&Reference::Head).unwrap();
    std::fs::remove_dir_all(ground.copy().join("refs/commits")).unwrap();
    let error = ground
        .offline()
        .commit(&ground.url(), &revision(&commit))
        .unwrap_err();
    assert!(matches!(error, GitError::Offline { .. }), "{error}");
    assert_eq!(ground.find(&revision(&commit)).unwrap(), commit);
}

#[test]
fn what_is_not_there_is_told() {
    let ground = Ground::new();
    let url = ground.url();
    for (reference, words) in [
        (branch("nope"), "branch `nope`"),
        (Reference::Tag("nope".to_owned()), "tag `nope`"),
        (revision("nope"), "revision `nope`"),
        (revision("deadbeef"), "revision `deadbeef`"),
        (revision(&"d".repeat(40)), "revision `ddddd"),
    ] {
        let error = ground.find(&reference).unwrap_err().to_string();
        let expected = format!("the repository `{url}` has no {words}");
        assert!(error.starts_with(&expected), "{error}");
    }
    let error = ground.find(&revision("--upload-pack=touch")).unwrap_err();
    assert!(matches!(error, GitError::Revision(_)), "{error}");
    let nowhere = format!("{url}-nowhere");
    let error = (ground.repositories().commit(&nowhere, &Reference::Head)).unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&nowhere), "{error}");
}

#[test]
fn submodules_come_along() {
    let ground = Ground::new();
    let inner = Ground::new();
    ground.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        &inner.url(),
        "inner",
    ]);
    let commit = ground.commit("2");
    let target = ground.export(&commit, History::None).unwrap();
    assert_eq!(version(&target.join("inner")), "1");
}

#[test]
fn runs_side_by_side_share_one_copy() {
    let ground = Ground::new();
    let commit = ground.git(&["rev-parse", "HEAD"]);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (ground, commit) = (&ground, &commit);
            scope.spawn(move || {
                let repositories = ground.repositories();
                let found = repositories.commit(&ground.url(), &branch("main")).unwrap();
                assert_eq!(found, *commit);
                let target = ground.folder.path().join(format!("target-{number}"));
                repositories
                    .checkout(&ground.url(), commit, History::All, &target)
                    .unwrap();
                assert_eq!(version(&target), "1");
            });
        }
    });
}
