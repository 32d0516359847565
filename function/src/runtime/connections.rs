//! Which connections are open, and which of them gives way to a new one when there are too many.
//!
//! Connections cost nothing to those who open them, and may be idle for long: before a first request,
//! between two, or within one that never comes whole. Whoever comes with an event must find a place
//! all the same. So beyond the limit the one is closed that has been idle longest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// All open connections.
#[derive(Debug)]
pub(super) struct Connections(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    max: usize,
    /// Those that were not told to close.
    open: usize,
    /// The number of the next one that is idle.
    next: u64,
    /// Those that may be closed, the one that has been idle longest first.
    idle: BTreeMap<u64, CancellationToken>,
}

/// One open connection, which ends with it.
#[derive(Debug)]
pub(super) struct Presence {
    all: Arc<Mutex<State>>,
    /// Its number among the idle ones.
    nth: AtomicU64,
    close: CancellationToken,
}

/// A connection whose sender has sent all and waits for an answer, until this is dropped.
#[derive(Debug)]
pub(super) struct Busy<'a>(&'a Presence);

impl Connections {
    /// At most `max` at once.
    pub(super) fn new(max: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            max,
            open: 0,
            next: 0,
            idle: BTreeMap::new(),
        })))
    }

    /// One more, for which another is closed if there are too many.
    pub(super) fn open(&self) -> Presence {
        let close = CancellationToken::new();
        let mut state = lock(&self.0);
        state.open += 1;
        let nth = state.idle(close.clone());
        Presence {
            all: Arc::clone(&self.0),
            nth: AtomicU64::new(nth),
            close,
        }
    }

    /// The system has no room for another one: one is closed for it.
    pub(super) fn make_room(&self) {
        lock(&self.0).close_longest();
    }
}

impl State {
    /// This one is idle from now on.
    fn idle(&mut self, close: CancellationToken) -> u64 {
        let nth = self.next;
        self.next += 1;
        self.idle.insert(nth, close);
        if self.open > self.max {
            self.close_longest();
        }
        nth
    }

    fn close_longest(&mut self) {
        if let Some((_, longest)) = self.idle.pop_first() {
            longest.cancel();
            self.open -= 1;
        }
    }
}

impl Presence {
    /// It may not be closed until that is dropped.
    pub(super) fn busy(&self) -> Busy<'_> {
        let nth = self.nth.load(Ordering::Relaxed);
        lock(&self.all).idle.remove(&nth);
        Busy(self)
    }

    /// Whether it was told to close.
    pub(super) fn is_closed(&self) -> bool {
        self.close.is_cancelled()
    }

    /// Ready when it is to be closed.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let Presence { all, nth, close } = self.0;
        if !close.is_cancelled() {
            nth.store(lock(all).idle(close.clone()), Ordering::Relaxed);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = lock(&self.all);
        state.idle.remove(&self.nth.load(Ordering::Relaxed));
        if !self.close.is_cancelled() {
            state.open -= 1;
        }
    }
}

/// Nothing panics while it holds the lock.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_has_been_idle_longest_gives_way() {
        let all = Connections::new(3);
        let first = [(); 3].map(|()| Some(all.open()));
        let is_open = |one: &Option<Presence>| one.as_ref().map(|one| !one.close.is_cancelled());
        // It waited for an answer, and so has been idle for less time than the others.
        drop(first[0].as_ref().unwrap().busy());
        assert_eq!(first.each_ref().map(is_open), [Some(true); 3]);
        let fourth = all.open();
        let opened = [Some(true), Some(false), Some(true)];
        assert_eq!(first.each_ref().map(is_open), opened);
        let busy = first[2].as_ref().unwrap().busy();
        let fifth = all.open();
        let opened = [Some(false), Some(false), Some(true)];
        assert_eq!(first.each_ref().map(is_open), opened);
        let sixth = all.open();
        assert!(fourth.close.is_cancelled(), "not the busy one");
        drop(busy);
        assert_eq!(is_open(&first[2]), Some(true));
        drop(first);
        drop((fourth, fifth, sixth));
        let state = lock(&all.0);
        assert_eq!((state.open, state.idle.len()), (0, 0));
    }

    #[test]
    fn one_that_is_idle_gives_way_where_the_system_has_no_room() {
        let all = Connections::new(3);
        let both = [all.open(), all.open()];
        all.make_room();
        let closed = || both.each_ref().map(|one| one.close.is_cancelled());
        assert_eq!(closed(), [true, false]);
        let busy = both[1].busy();
        all.make_room();
        assert_eq!(closed(), [true, false]);
        drop(busy);
        drop(both);
        assert_eq!(lock(&all.0).open, 0);
    }

    #[test]
    fn where_all_others_are_busy_the_new_one_does() {
        let all = Connections::new(1);
        let first = all.open();
        let busy = first.busy();
        assert!(all.open().close.is_cancelled());
        drop(busy);
        assert!(!first.close.is_cancelled());
    }
}
