//! From `poetry.lock` to an environment or a bundle.
//!
//! An [`Environment`](environment::Environment) is a virtual environment and the [`Interpreter`](python::Interpreter)
//! in it. A [`Plan`](plan::Plan) is made from a lock file, the groups and extras wanted of it
//! ([`Selection`](plan::Selection)) and what the environment holds; making it touches nothing, so that a dry run is
//! a plan that is only printed. An [`Installer`](install::Installer) carries it out; a
//! [`Bundler`](bundle::Bundler) makes a folder of wheels instead, for an image that has neither sources nor an index.
//!
//! # The rooms
//!
//! | room | what it holds |
//! |---|---|
//! | [`python`] | interpreters: found, asked once, remembered |
//! | [`environment`] | virtual environments: where they are, how they are made, what is in them |
//! | [`wheel`] | wheels: checked, unpacked once into the cache, linked from there, removed |
//! | [`build`], [`editable`] | wheels from sources, natively for poetry-core's projects, else by PEP 517 |
//! | [`trees`] | libraries that were installed from folders: is that still what they hold? |
//! | [`plan`], [`fetch`], [`install`] | what to do, the files for it, doing it |
//! | [`bundle`] | services with their libraries, as wheels |
//! | [`oci`] | container images, written without a container engine |
//! | [`share`] | wheels that other machines built |
//! | [`prune`] | taking from the cache what is of no use any more |
//! | [`publish`] | what was built, sent to an index |
//!
//! What makes an installation safe is the order of things: a file's hash is checked before anything is made of it; a
//! wheel is checked whole and unpacked beside the cache's entry before that appears, by one rename; its links come
//! next, and its `.dist-info` last, by one rename again. Whatever moment a run is killed at, the next one finds the
//! old state or the new one, or something that does not count as installed.
#![warn(missing_docs)]

pub mod build;
pub mod bundle;
pub mod editable;
pub mod environment;
pub mod fetch;
pub mod install;
pub mod oci;
pub mod plan;
pub mod prune;
pub mod publish;
pub mod python;
pub mod share;
mod swap;
pub mod title;
pub mod trees;
pub mod wheel;
