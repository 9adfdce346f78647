//! From `pyproject.toml` to `poetry.lock`.
//!
//! A [`Project`](project::Project) is what a `pyproject.toml` says, in whichever of its styles. [`solver::resolve`]
//! finds the packages that fit together on all platforms and pythons that the project supports, and who needs them
//! when; its answer is a [`Lockfile`](lock::Lockfile), which writes the bytes that Poetry 2.5.1 writes.
//! What it must know of packages comes from an [`Index`](index::Index), which keeps what it learns in a
//! [`Cache`](cache::Cache).
//!
//! ```no_run
//! use resolver::index::{Index, IndexSettings};
//! use resolver::{cache::Cache, lock::Lockfile, project::Project, solver};
//!
//! fn lock_api(settings: IndexSettings) -> Result<bool, Box<dyn std::error::Error>> {
//!     let runtime = tokio::runtime::Runtime::new()?;
//!     let index = Index::new(settings, Cache::new("/var/cache/mpoetry"), None);
//!     let project = Project::read("services/api".as_ref())?;
//!     let previous = Lockfile::read(&project.root)?;
//!     let request = solver::Request::default();
//!     let handle = runtime.handle();
//!     let lockfile =
//!         solver::resolve(&project, previous.as_ref(), &request, &index, handle, &())?;
//!     Ok(lockfile.write_if_changed(&project.root)?)
//! }
//! ```
//!
//! # The rooms
//!
//! Each room uses only those above it.
//!
//! | room | what it holds |
//! |---|---|
//! | [`name`], [`path`], [`version`], [`tag`], `file` | names, paths, PEP 440 versions, wheel tags, files that are replaced at once |
//! | [`constraint`], [`marker`] | Poetry's algebra of versions and of environment markers, and its printed forms |
//! | [`requirement`], [`git_url`], [`dist`], [`metadata`] | requirement lines, file names and hashes, core metadata |
//! | [`project`] and [`lock`] | the two files that people see |
//! | [`cache`], [`git`], [`index`] | what is kept on disk, what is asked of others |
//! | [`monorepo`] | the projects of a repository, who needs whom, what a change affects |
//! | [`solver`] | which packages, which versions, for whom, when |
//! | [`export`] | the lock file in other programs' formats |
//! | [`unchanged`] | runs that need not be repeated |
//!
//! A lock file is compared with Poetry's byte by byte, so wherever the text of a marker or the order of a list
//! shows in it, the steps that lead there are Poetry's steps. Such places say `Poetry:` in their comments.
//!
//! Nothing here prints, reads environment variables or looks for a home directory: what is needed comes in as a
//! value, what there is to say goes out as a value, an error or a call to a reporter.
#![warn(missing_docs)]

pub mod cache;
pub mod constraint;
pub mod dist;
pub mod export;
pub mod file;
pub mod git;
pub mod git_url;
pub mod index;
pub mod lock;
pub mod marker;
pub mod metadata;
pub mod monorepo;
pub mod name;
pub mod path;
pub mod project;
pub mod requirement;
pub(crate) mod resolution;
pub mod runtime;
pub mod solver;
pub mod sync;
pub mod tag;
pub mod unchanged;
pub mod version;
