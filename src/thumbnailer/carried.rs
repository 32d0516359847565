//! What a flow carries to and from its store.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of bodies that a flow has carried since it began, whatever became of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Read from the store.
    pub bytes_read: u64,
    /// Written to the store.
    pub bytes_written: u64,
    /// Originals of which a part was enough for their thumbnails.
    pub ranged_reads: u64,
    /// Bytes of those that were not read.
    pub bytes_saved: u64,
}

/// The same, while it grows.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Carried>);

impl Tally {
    pub(super) fn read(&self, bytes: usize) {
        self.carried().bytes_read += bytes as u64;
    }

    pub(super) fn written(&self, bytes: usize) {
        self.carried().bytes_written += bytes as u64;
    }

    /// Of an original that has its thumbnails, so many bytes were not read for them.
    pub(super) fn saved(&self, bytes: u64) {
        if bytes > 0 {
            let mut carried = self.carried();
            carried.ranged_reads += 1;
            carried.bytes_saved += bytes;
        }
    }

    /// Nothing panics while it holds the lock.
    pub(super) fn carried(&self) -> MutexGuard<'_, Carried> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
