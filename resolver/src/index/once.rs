//! A map in which every value is made once, however many tasks ask for it at the same time.

use crate::sync::lock;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use rustc_hash::FxHashMap;
use tokio::sync::OnceCell;

type Cells<K, V> = FxHashMap<K, Arc<OnceCell<V>>>;

/// Values live as long as the map. A task that is dropped while it makes a value leaves the work to the next one.
pub(crate) struct OnceMap<K, V> {
    cells: Mutex<Cells<K, V>>,
}

impl<K, V> Default for OnceMap<K, V> {
    fn default() -> Self {
        Self {
            cells: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash, V: Clone> OnceMap<K, V> {
    /// The value of `key`, made by `make` if nobody has made it or is making it.
    pub(crate) async fn get(&self, key: K, make: impl AsyncFnOnceSend<V>) -> V {
        let cell = {
            let mut cells = lock(&self.cells);
            Arc::clone(cells.entry(key).or_default())
        };
        cell.get_or_init(|| make.call()).await.clone()
    }

    /// Has anyone asked for the value of `key`?
    pub(crate) fn is_asked_for(&self, key: &K) -> bool {
        let cells = lock(&self.cells);
        cells.contains_key(key)
    }

    /// Forgets what was made for `key`, so that the next asker makes it again.
    pub(crate) fn forget(&self, key: &K) {
        let mut cells = lock(&self.cells);
        cells.remove(key);
    }
}

/// A function that returns a future which may move between threads.
pub(crate) trait AsyncFnOnceSend<V> {
    fn call(self) -> impl Future<Output = V> + Send;
}

impl<V, F, Fut> AsyncFnOnceSend<V> for F
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = V> + Send,
{
    fn call(self) -> impl Future<Output = V> + Send {
        self()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::OnceMap;

    #[tokio::test]
    async fn two_askers_make_one_value() {
        let map = OnceMap::default();
        let made = AtomicUsize::new(0);
        let make = || async {
            tokio::task::yield_now().await;
            made.fetch_add(1, Ordering::Relaxed) + 1
        };
        let (first, second) = tokio::join!(map.get("a", make), map.get("a", make));
        assert_eq!((first, second), (1, 1));
        assert!(map.is_asked_for(&"a") && !map.is_asked_for(&"b"));
        map.forget(&"a");
        assert_eq!(map.get("a", make).await, 2);
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }
}
