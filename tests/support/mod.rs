//! What CLI tests stand on; `tests/README.md` tells how to use it.

mod archive;
mod container;
mod fixture;
mod git;
mod index;
mod mirror;
mod python;
mod sdist;
mod server;
mod store;
mod terminal;
mod tests;
mod tls;
mod tree;
mod wheel;

pub(crate) use archive::{Member, zip_of};
pub(crate) use container::Container;
pub(crate) use fixture::{Fixture, Outcome, program};
pub(crate) use git::Repository;
pub(crate) use index::{Archive, Fault, File, MetadataFile, PYPI, Published, normalise};
pub(crate) use mirror::publish_stand_ins;
pub(crate) use python::{OtherPython, python, version};
pub(crate) use sdist::{Sdist, gzipped_tar};
pub(crate) use server::{Answer, Request, Server, ask};
pub(crate) use store::{Nginx, Store};
pub(crate) use tls::{tls_door, tls_file};
pub(crate) use tree::Tree;
pub(crate) use wheel::Wheel;
