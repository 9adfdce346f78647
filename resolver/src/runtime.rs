//! The runtime that requests run on.

use std::io;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle};

use crate::sync::Late;

/// Its threads move bytes and parse small answers; what is heavy runs elsewhere.
const THREADS: usize = 2;

/// A runtime that is made when somebody needs it: much is done without it, and before its threads have begun. Cheap to
/// clone; all clones share one.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// Never shut down: what it still does when a command is done (fetching pages that turned out not to matter) is not
    /// worth waiting for, and every write to the cache is atomic.
    shared: Arc<Late<ManuallyDrop<tokio::runtime::Runtime>>>,
}

impl Runtime {
    /// A handle to it. It is made now if nobody has needed it before.
    ///
    /// # Errors
    /// When its threads can't be started.
    pub fn handle(&self) -> io::Result<&Handle> {
        let runtime = self.shared.get_or_make(|| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(THREADS).enable_all();
            builder.build().map(ManuallyDrop::new)
        });
        runtime.map(|runtime| runtime.handle())
    }
}
