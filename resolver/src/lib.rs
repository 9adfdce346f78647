//! From pyproject.toml to poetry.lock.
#![warn(missing_docs)]

pub mod constraint;
pub mod git_url;
pub mod marker;
pub mod name;
pub mod path;
pub mod requirement;
pub mod version;
