//! From pyproject.toml to poetry.lock.
#![warn(missing_docs)]

pub mod cache;
pub mod constraint;
pub mod dist;
pub mod git_url;
pub mod index;
pub mod lock;
pub mod marker;
pub mod metadata;
pub mod name;
pub mod path;
pub mod project;
pub mod requirement;
pub mod tag;
pub mod version;
