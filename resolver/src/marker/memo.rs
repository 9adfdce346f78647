//! What was worked out before, per thread.
//!
//! A solve asks for the same few hundred combinations of markers hundreds of thousands of times, and
//! each costs several rewritings of trees. So the answers are kept. This is a cache and nothing
//! more: every table holds a pure function of its keys (see [`super::algebra`] on how the recursion
//! guard is kept out of it), none grows beyond [`LIMIT`] entries, and a program whose threads
//! start with empty tables gives the same answers.

use std::cell::RefCell;
use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::algebra::Stuck;
use super::node::{Exact, Junction, Marker};
use super::{MarkerFault, Variable};
use crate::constraint::Constraint;

/// A table that has this many entries is emptied before it takes another one.
const LIMIT: usize = 1 << 16;

thread_local! {
    static MEMO: RefCell<Memo> = RefCell::default();
}

/// A function's known values.
pub(super) struct Table<K, V>(FxHashMap<K, V>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<K: Eq + Hash, V: Clone> Table<K, V> {
    fn insert(&mut self, key: K, value: V) {
        if self.0.len() >= LIMIT {
            self.0.clear();
        }
        self.0.insert(key, value);
    }
}

/// Markers that are to be joined.
pub(super) type Joined = (Junction, Box<[Exact]>);

/// All tables of a thread.
#[derive(Default)]
pub(super) struct Memo {
    pub(super) parsed: Table<Box<str>, Result<Marker, MarkerFault>>,
    pub(super) inverted: Table<Exact, Marker>,
    pub(super) merged: Table<(Junction, Exact, Exact), Option<Marker>>,
    pub(super) normal_forms: Table<(Junction, Exact), Result<Marker, Stuck>>,
    pub(super) junctions: Table<Joined, Result<Marker, Stuck>>,
    pub(super) complete_junctions: Table<Joined, Marker>,
    pub(super) excluded: Table<(Exact, Variable), Marker>,
    pub(super) reduced: Table<(Exact, Constraint), Marker>,
    pub(super) python: Table<Exact, Constraint>,
}

type TableOf<K, V> = fn(&mut Memo) -> &mut Table<K, V>;

/// The known value for a key.
pub(super) fn recall<K: Eq + Hash, V: Clone>(table: TableOf<K, V>, key: &K) -> Option<V> {
    MEMO.with_borrow_mut(|memo| table(memo).0.get(key).cloned())
}

/// Keeps a value.
pub(super) fn remember<K: Eq + Hash, V: Clone>(table: TableOf<K, V>, key: K, value: V) {
    MEMO.with_borrow_mut(|memo| table(memo).insert(key, value));
}

/// The value for a key, worked out if it is not known.
pub(super) fn known_or<K: Eq + Hash, V: Clone>(
    table: TableOf<K, V>,
    key: K,
    work_out: impl FnOnce() -> V,
) -> V {
    if let Some(value) = recall(table, &key) {
        return value;
    }
    let value = work_out();
    remember(table, key, value.clone());
    value
}
