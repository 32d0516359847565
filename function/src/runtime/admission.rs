//! Who is let in: so many requests are in work at once, and so many wait for one of their places.
//!
//! tower's limits hold their permits in the response's future, which ends when the sender hangs up. The
//! work on an event does not end then, so a [`Place`] goes with the work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::reply::Refusal;
use super::{Load, Settings};

/// The shortest and the longest time after which a sender should come again.
const COME_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The places of a runtime. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Admission(Arc<State>);

#[derive(Debug)]
struct State {
    /// For each request in work or waiting.
    room: Arc<Semaphore>,
    /// For each request in work.
    places: Arc<Semaphore>,
    in_flight: usize,
    all: usize,
    /// How long places are held, in microseconds: each new one counts for an eighth.
    mean: AtomicU64,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    admission: Admission,
    since: Instant,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Admission {
    pub(super) fn new(settings: &Settings) -> Self {
        let all = settings.in_flight.saturating_add(settings.waiting);
        let permits = |n: usize| Arc::new(Semaphore::new(n.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(State {
            room: permits(all),
            places: permits(settings.in_flight),
            in_flight: settings.in_flight,
            all,
            mean: AtomicU64::new(0),
        }))
    }

    /// Refuses what would be refused anyway, before anything is read for it.
    pub(super) fn look(&self) -> Result<(), Refusal> {
        if self.0.room.available_permits() == 0 {
            return Err(self.full());
        }
        Ok(())
    }

    /// Waits for a place, if there is room to wait.
    pub(super) async fn enter(&self) -> Result<Place, Refusal> {
        let room = Arc::clone(&self.0.room).try_acquire_owned();
        let room = room.map_err(|_| self.full())?;
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        Ok(Place {
            admission: self.clone(),
            since: Instant::now(),
            // It is never closed.
            _permits: [room, place.map_err(|_| Refusal::Fault)?],
        })
    }

    /// What is in work, and what waits for it.
    pub(super) fn load(&self) -> Load {
        let here = self.0.all - self.0.room.available_permits();
        let in_flight = self.0.in_flight - self.0.places.available_permits();
        // A place is taken after the room: the two are not looked at in one moment.
        Load::new(in_flight, here.saturating_sub(in_flight))
    }

    /// When a sender should come again that comes now: after those that are here are worked off.
    pub(super) fn come_again(&self) -> Duration {
        let here = self.0.all - self.0.room.available_permits();
        let rounds = u32::try_from(here.div_ceil(self.0.in_flight)).unwrap_or(u32::MAX);
        Duration::from_micros(self.0.mean.load(Ordering::Relaxed))
            .saturating_mul(rounds)
            .clamp(COME_AGAIN.0, COME_AGAIN.1)
    }

    pub(super) fn full(&self) -> Refusal {
        Refusal::Overloaded(self.come_again())
    }

    fn count(&self, held: Duration) {
        let held = u64::try_from(held.as_micros()).unwrap_or(u64::MAX);
        // Two at once may lose one of their values, which a mean can bear.
        let mean = self.0.mean.load(Ordering::Relaxed);
        let next = mean - mean / 8 + held / 8;
        self.0.mean.store(next, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.count(self.since.elapsed());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn places(in_flight: usize, waiting: usize) -> Admission {
        Admission::new(&Settings {
            in_flight,
            waiting,
            ..Settings::default()
        })
    }

    fn enter(admission: &Admission) -> Option<Result<Place, Refusal>> {
        admission.enter().now_or_never()
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_comes_again_when_those_before_it_are_worked_off() {
        let admission = places(2, 4);
        assert_eq!(admission.come_again(), COME_AGAIN.0);
        for _ in 0..100 {
            let place = admission.enter().await.unwrap();
            tokio::time::advance(Duration::from_secs(4)).await;
            drop(place);
        }
        // The mean falls short of them by some microseconds.
        let about = |wait: Duration, seconds: f64| (wait.as_secs_f64() - seconds).abs() < 0.1;
        let mut here: Vec<_> = (0..2)
            .map(|_| enter(&admission).unwrap().unwrap())
            .collect();
        assert!(about(admission.come_again(), 4.0));
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(admission.enter())).collect();
        for waiting in &mut waiting {
            assert!(waiting.now_or_never().is_none());
        }
        let refused = enter(&admission).unwrap().unwrap_err();
        assert!(matches!(refused, Refusal::Overloaded(wait) if about(wait, 12.0)));
        assert!(admission.look().is_err());
        assert_eq!(admission.load(), Load::new(2, 4));
        here.clear();
        drop(waiting);
        assert!(admission.look().is_ok());
    }
}
