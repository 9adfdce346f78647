//! The order in which it is told that operations have started.
//!
//! Which of them starts first depends on what the cache has and on who answers first. What is told does not: a line
//! waits for those before it in the plan, until something fails, from when on nothing new starts.

use std::collections::BTreeSet;

/// Which operations of a plan have started, by their place in it.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    /// All before this one have been told.
    next: usize,
    started: BTreeSet<usize>,
    told: BTreeSet<usize>,
    is_over: bool,
}

impl InOrder {
    /// Takes note of a start. Returns what is to be told now, in order.
    pub(super) fn start(&mut self, place: usize) -> Vec<usize> {
        self.started.insert(place);
        self.due()
    }

    /// The same of one whose turn is now, wherever it stands in the plan.
    pub(super) fn start_first(&mut self, place: usize) -> Vec<usize> {
        self.told.insert(place);
        let mut due = vec![place];
        due.extend(self.due());
        due
    }

    /// Nothing is waited for any more: returns all that has started and was not told.
    pub(super) fn end(&mut self) -> Vec<usize> {
        self.is_over = true;
        self.due()
    }

    fn due(&mut self) -> Vec<usize> {
        if self.is_over {
            return std::mem::take(&mut self.started).into_iter().collect();
        }
        let mut due = Vec::new();
        loop {
            if self.started.remove(&self.next) {
                due.push(self.next);
            } else if !self.told.remove(&self.next) {
                return due;
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::InOrder;

    #[test]
    fn lines_wait_for_those_before_them() {
        let mut order = InOrder::default();
        assert!(order.start(2).is_empty());
        assert_eq!(order.start_first(3), [3]);
        assert_eq!(order.start(0), [0]);
        assert_eq!(order.start(1), [1, 2]);
        assert_eq!(order.start(4), [4]);
        assert!(order.start(7).is_empty());
        assert!(order.start(6).is_empty());
        assert_eq!(order.end(), [6, 7]);
        assert_eq!(order.start(5), [5]);
    }
}
