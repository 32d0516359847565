//! Admission by memory: what a picture will need is taken before it is read.
//!
//! Nobody waits for memory while holding some. A share is taken whole, waiting for a short time with
//! empty hands, and grows only by what is free at that moment; what cannot grow is given back. So no
//! two can wait for each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Memory is counted in so many bytes, rounded up.
const UNIT_BYTES: u64 = 1 << 10;
/// How long to wait for a share. A sender that is told to come again does so after a second or more;
/// what is free before that is better used at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// The memory for all pictures in work.
#[derive(Debug)]
pub(super) struct Memory {
    units: Arc<Semaphore>,
    budget_bytes: u64,
    /// How long to wait for a share; or until there is one.
    patience: Option<Duration>,
}

/// What one picture may use, until the last clone of it is dropped.
#[derive(Debug, Clone)]
pub(super) struct Share(Arc<Held>);

#[derive(Debug)]
struct Held {
    units: Arc<Semaphore>,
    permit: Mutex<OwnedSemaphorePermit>,
}

impl Memory {
    /// `budget_bytes` for all shares together; more than 4 TiB count as that.
    pub(super) fn new(budget_bytes: u64) -> Self {
        let budget_bytes = budget_bytes.min(u64::from(u32::MAX) * UNIT_BYTES);
        Self {
            units: Arc::new(Semaphore::new(units(budget_bytes) as usize)),
            budget_bytes,
            patience: Some(PATIENCE),
        }
    }

    /// The same for who waits for a share until there is one.
    pub(super) fn patient(budget_bytes: u64) -> Self {
        Self {
            patience: None,
            ..Self::new(budget_bytes)
        }
    }

    pub(super) fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    /// What all shares have together.
    pub(super) fn admitted_bytes(&self) -> u64 {
        let free = self.units.available_permits() as u64 * UNIT_BYTES;
        (u64::from(units(self.budget_bytes)) * UNIT_BYTES).saturating_sub(free)
    }

    /// A share of so many bytes, or of all there is; `None` if that is not free in time.
    pub(super) async fn take(&self, bytes: u64) -> Option<Share> {
        let wanted = units(bytes.min(self.budget_bytes));
        let permit = Arc::clone(&self.units).acquire_many_owned(wanted);
        let permit = match self.patience {
            Some(patience) => timeout(patience, permit).await.ok()?,
            None => permit.await,
        };
        let permit = permit.ok()?;
        Some(Share(Arc::new(Held {
            units: Arc::clone(&self.units),
            permit: Mutex::new(permit),
        })))
    }
}

impl Share {
    /// Makes it so large, if that much is free now.
    pub(super) fn grow_to(&self, bytes: u64) -> bool {
        let mut permit = self.permit();
        let missing =
            units(bytes).saturating_sub(u32::try_from(permit.num_permits()).unwrap_or(u32::MAX));
        match Arc::clone(&self.0.units).try_acquire_many_owned(missing) {
            Ok(more) => {
                permit.merge(more);
                true
            }
            Err(_) => false,
        }
    }

    /// Gives back what it has beyond so many bytes.
    pub(super) fn shrink_to(&self, bytes: u64) {
        let mut permit = self.permit();
        let beyond = permit.num_permits().saturating_sub(units(bytes) as usize);
        drop(permit.split(beyond));
    }

    fn permit(&self) -> MutexGuard<'_, OwnedSemaphorePermit> {
        self.0.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_a_little() {
        let memory = Memory::new(10 << 10);
        let first = memory.take(8 << 10).await.unwrap();
        assert_eq!(memory.admitted_bytes(), 8 << 10);
        let begun = tokio::time::Instant::now();
        assert!(memory.take(3 << 10).await.is_none());
        assert_eq!(begun.elapsed(), PATIENCE);
        assert!(memory.take(2 << 10).await.is_some());
        drop(first);
        assert!(memory.take(u64::MAX).await.is_some(), "all there is");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_patient_waits_until_there_is_room() {
        let memory = Memory::patient(10 << 10);
        let first = memory.take(8 << 10).await.unwrap();
        let (second, ()) = tokio::join!(memory.take(3 << 10), async {
            tokio::time::sleep(Duration::from_hours(1)).await;
            drop(first);
        });
        assert!(second.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_grows_by_what_is_free_and_is_held_by_its_last_clone() {
        let memory = Memory::new(10 << 10);
        let (first, second) = (memory.take(1).await.unwrap(), memory.take(1).await.unwrap());
        assert!(first.grow_to(9 << 10) && first.grow_to(1));
        assert!(!second.grow_to(2 << 10));
        let clone = first.clone();
        drop(first);
        assert!(!second.grow_to(2 << 10));
        drop(clone);
        assert!(second.grow_to(10 << 10));
        second.shrink_to(4 << 10);
        second.shrink_to(5 << 10);
        assert!(memory.take(7 << 10).await.is_none());
        assert!(memory.take(6 << 10).await.is_some());
    }
}
