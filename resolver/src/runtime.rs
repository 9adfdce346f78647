//! The runtime that requests run on.

use std::io;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::runtime::{Builder, Handle};

/// Its threads move bytes and parse small answers; what is heavy runs elsewhere.
const THREADS: usize = 2;

/// A runtime that is made when somebody needs it: much is done without it, and before its threads have begun. Cheap to
/// clone; all clones share one.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Never shut down: what it still does when a command is done (fetching pages that turned out not to matter) is not
    /// worth waiting for, and every write to the cache is atomic.
    made: OnceLock<ManuallyDrop<tokio::runtime::Runtime>>,
    making: Mutex<()>,
}

impl Runtime {
    /// A handle to it. It is made now if nobody has needed it before.
    ///
    /// # Errors
    /// When its threads can't be started.
    pub fn handle(&self) -> io::Result<&Handle> {
        let made = &self.shared.made;
        if let Some(runtime) = made.get() {
            return Ok(runtime.handle());
        }
        let making = self.shared.making.lock();
        let _making = making.unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = made.get() {
            return Ok(runtime.handle());
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()?;
        Ok(made.get_or_init(|| ManuallyDrop::new(runtime)).handle())
    }
}
