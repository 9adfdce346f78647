//! Sharing between threads.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What a mutex guards, whoever has panicked while he held it: a panic ends the program, and until then no value here is
/// worse than none.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a mutex guarded that nobody has any more; see [`lock`].
pub fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A value that is made once, by the first thread that needs it, while the others that need it wait. If it can't be made,
/// the next one tries again.
#[derive(Debug)]
pub struct Late<T> {
    value: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self {
            value: OnceLock::new(),
            making: Mutex::default(),
        }
    }
}

impl<T> Late<T> {
    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, made now if there is none.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get_or_make<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let _making = lock(&self.making);
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(self.value.get_or_init(|| value))
    }
}
