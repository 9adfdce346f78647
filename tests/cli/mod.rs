//! One file per command, and one for what all of them refuse.

mod add;
mod affected;
mod bad_index;
mod build;
mod bundle;
mod bundle_errors;
mod bundle_formats;
mod cache;
mod check;
mod commands;
mod completions;
mod config;
mod credentials;
mod debug;
mod env;
mod errors;
mod every;
mod export;
mod git;
mod graph;
mod init;
mod install;
mod lock;
mod lock_vectors;
mod monorepo;
mod new;
mod old_locks;
mod publish;
mod python;
mod refusals;
mod remote_cache;
mod remove;
mod run;
mod self_;
mod shell;
mod show;
mod source;
mod trees;
mod unchanged;
mod update;
mod verbose;
mod version;

use crate::support::{Fixture, Wheel};

/// `tests/fixtures/service`, and an index with what it needs.
fn service() -> Fixture {
    let fx = Fixture::named("service");
    let index = fx.index();
    index.publish(&Wheel::new("web", "1.0").requires("tools>=1"));
    index.publish(&Wheel::new("web", "1.1").requires("tools>=1"));
    index.publish(&Wheel::new("web", "2.0").requires("tools>=1"));
    index.publish(&Wheel::new("tools", "1.5"));
    index.publish(&Wheel::new("speed", "1.0"));
    index.publish(&Wheel::new("check", "3.0").entry_point(
        "console_scripts",
        "check",
        "check:main",
    ));
    index.publish(&Wheel::new("pages", "2.1"));
    fx
}

/// The same, locked.
fn locked_service() -> Fixture {
    let fx = service();
    fx.mpoetry(["lock"]).success();
    fx
}
