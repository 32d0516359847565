//! The bytes of bodies that are held at once, and which body gives way where there are too many.
//!
//! A sender may take its time, and bodies may be long. So that a few slow senders of long ones keep no one
//! away, the longest of those that have not come whole gives way to a shorter one; of several as long as
//! that the one that began first. An event, as platforms send it, is shorter than all that could.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Bodies of the longest kind that there is room for.
const LONGEST: usize = 16;

/// All bodies that are being read or wait. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Bodies(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Bytes that are free.
    free: usize,
    /// The number of the next body.
    next: u64,
    /// Those that have not come whole, by how much of them has come: the last one gives way first.
    coming: BTreeMap<(usize, Reverse<u64>), CancellationToken>,
}

/// A body, of which some bytes are held until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    bodies: Bodies,
    nth: u64,
    bytes: usize,
    gives_way: CancellationToken,
}

/// There is no room for more of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Bodies {
    /// Room for some bodies of at most `longest` bytes, or for many shorter ones.
    pub(super) fn new(longest: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: longest.saturating_mul(LONGEST),
            next: 0,
            coming: BTreeMap::new(),
        })))
    }

    /// One more, of which nothing has come yet.
    pub(super) fn begin(&self) -> Held {
        let mut state = self.state();
        let nth = state.next;
        state.next += 1;
        let gives_way = CancellationToken::new();
        state.coming.insert((0, Reverse(nth)), gives_way.clone());
        Held {
            bodies: self.clone(),
            nth,
            bytes: 0,
            gives_way,
        }
    }

    /// Nothing panics while it holds the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// So many bytes more for a body that then has `bytes`, if shorter ones have not taken all.
    fn take(&mut self, more: usize, bytes: usize) -> Result<(), NoRoom> {
        while self.free < more {
            let longest = self.coming.last_entry();
            let longest = longest.filter(|one| one.key().0 >= bytes).ok_or(NoRoom)?;
            let ((freed, _), gives_way) = longest.remove_entry();
            gives_way.cancel();
            self.free += freed;
        }
        self.free -= more;
        Ok(())
    }
}

impl Held {
    /// So many bytes more have come.
    pub(super) fn grow(&mut self, more: usize) -> Result<(), NoRoom> {
        let mut state = self.bodies.state();
        // It has given way meanwhile.
        let own = state.coming.remove(&(self.bytes, Reverse(self.nth)));
        let own = own.ok_or(NoRoom)?;
        let taken = state.take(more, self.bytes + more);
        if taken.is_ok() {
            self.bytes += more;
        }
        state.coming.insert((self.bytes, Reverse(self.nth)), own);
        taken
    }

    /// It has come whole, and gives way no longer.
    pub(super) fn whole(&self) -> Result<(), NoRoom> {
        let mut state = self.bodies.state();
        let own = state.coming.remove(&(self.bytes, Reverse(self.nth)));
        own.map(drop).ok_or(NoRoom)
    }

    /// Cancelled when it gives way.
    pub(super) fn gives_way(&self) -> CancellationToken {
        self.gives_way.clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.bodies.state();
        state.coming.remove(&(self.bytes, Reverse(self.nth)));
        // What gave way was free from then on.
        if !self.gives_way.is_cancelled() {
            state.free += self.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_that_has_not_come_whole_gives_way_to_shorter_ones() {
        let bodies = Bodies::new(10);
        let mut long = [(); 3].map(|()| bodies.begin());
        for (one, bytes) in long.iter_mut().zip([60, 50, 50]) {
            assert_eq!(one.grow(bytes), Ok(()));
        }
        let gone = |long: &[Held; 3]| long.each_ref().map(|one| one.gives_way.is_cancelled());
        let mut short = bodies.begin();
        assert_eq!(short.grow(1), Ok(()));
        assert_eq!(gone(&long), [true, false, false]);
        assert_eq!(long[0].grow(1), Err(NoRoom));
        assert_eq!(short.grow(59), Ok(()));
        assert_eq!(gone(&long), [true, false, false], "there was room");
        // It would be the longest itself.
        assert_eq!(short.grow(1), Err(NoRoom));
        let mut other = bodies.begin();
        assert_eq!(other.grow(1), Ok(()));
        assert!(short.gives_way.is_cancelled());
        assert_eq!(other.grow(59), Ok(()));
        assert_eq!(long[1].whole(), Ok(()));
        let mut third = bodies.begin();
        assert_eq!(third.grow(50), Ok(()));
        assert!(other.gives_way.is_cancelled(), "not what has come whole");
        drop((long, short, other, third));
        let state = bodies.state();
        assert_eq!((state.free, state.coming.len()), (160, 0));
    }

    #[test]
    fn of_several_as_long_the_first_gives_way() {
        let bodies = Bodies::new(10);
        let mut all: Vec<_> = (0..17).map(|_| bodies.begin()).collect();
        for one in &mut all {
            assert_eq!(one.grow(10), Ok(()));
        }
        let gone = all.iter().filter(|one| one.gives_way.is_cancelled());
        assert_eq!(gone.map(|one| one.nth).collect::<Vec<_>>(), [0]);
    }
}
