//! Checkouts of git repositories for one resolution: each reference is fetched once, several at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use rustc_hash::FxHashMap;

use crate::cache::{Bucket, Cache};
use crate::git::{GitError, History, Reference, Repositories};
use crate::index::Index;
use crate::requirement::Origin;
use crate::sync::lock;

/// How many repositories are fetched at the same time. More and ssh servers begin to refuse connections.
const AT_ONCE: usize = 8;

/// What of which repository.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) url: String,
    pub(crate) reference: Reference,
}

impl Wanted {
    /// What a git requirement wants; `None` if it is no git requirement.
    pub(crate) fn of(origin: &Origin) -> Option<Self> {
        let Origin::Git {
            url,
            branch,
            tag,
            rev,
            ..
        } = origin
        else {
            return None;
        };
        let reference = if let Some(branch) = branch {
            Reference::Branch(branch.clone())
        } else if let Some(tag) = tag {
            Reference::Tag(tag.clone())
        } else if let Some(rev) = rev.as_ref().filter(|rev| *rev != "HEAD") {
            Reference::Revision(rev.clone())
        } else {
            Reference::Head
        };
        Some(Self {
            url: url.clone(),
            reference,
        })
    }
}

/// The files of a commit, for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Checkout {
    pub(crate) commit: String,
    folder: tempfile::TempDir,
}

impl Checkout {
    /// Its folder, with links followed.
    pub(crate) fn folder(&self) -> PathBuf {
        crate::path::resolve(&self.folder.path().join("checkout"))
    }
}

type Answer = Result<Arc<Checkout>, Arc<GitError>>;
type Cells = FxHashMap<(Wanted, History), Arc<OnceLock<Answer>>>;

/// All checkouts of a resolution. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Checkouts {
    repositories: Repositories,
    cache: Cache,
    cells: Arc<Mutex<Cells>>,
}

impl Checkouts {
    pub(crate) fn new(index: &Index) -> Self {
        Self {
            repositories: index.repositories(),
            cache: index.cache().clone(),
            cells: Arc::default(),
        }
    }

    /// The checkout of what a reference means now. Waits for it.
    pub(crate) fn get(&self, wanted: &Wanted, history: History) -> Answer {
        let key = (wanted.clone(), history);
        let cell = {
            let mut cells = lock(&self.cells);
            Arc::clone(cells.entry(key).or_default())
        };
        let answer = cell.get_or_init(|| match history {
            History::None => {
                let commit = self.repositories.commit(&wanted.url, &wanted.reference)?;
                self.make(&wanted.url, commit, history)
            }
            // The same commit, even if the branch has moved meanwhile.
            History::All => {
                let commit = self.get(wanted, History::None)?.commit.clone();
                self.make(&wanted.url, commit, history)
            }
        });
        answer.clone()
    }

    /// Fetches what will be asked for, in the background. Failures show when it is asked for.
    pub(crate) fn prepare(&self, wanted: Vec<Wanted>) {
        // Threads, not tasks: whoever ends early must not wait for a server that is slow.
        let workers = wanted.len().min(AT_ONCE);
        let queue = Arc::new(Mutex::new(wanted));
        for _ in 0..workers {
            let (checkouts, queue) = (self.clone(), Arc::clone(&queue));
            std::thread::spawn(move || {
                let next = || lock(&queue).pop();
                while let Some(wanted) = next() {
                    drop(checkouts.get(&wanted, History::None));
                }
            });
        }
    }

    fn make(&self, url: &str, commit: String, history: History) -> Answer {
        let folder = self.cache.temp_dir(Bucket::Git).map_err(GitError::from)?;
        let target = folder.path().join("checkout");
        self.repositories.checkout(url, &commit, history, &target)?;
        Ok(Arc::new(Checkout { commit, folder }))
    }
}
