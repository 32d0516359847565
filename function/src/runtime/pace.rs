use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The shortest and the longest time after which a sender should come again.
const COME_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// How long requests hold their places, in microseconds: each new one counts for an eighth.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// Counts a request that had a place for so long.
    pub(super) fn count(&self, held: Duration) {
        let held = u64::try_from(held.as_micros()).unwrap_or(u64::MAX);
        // Two at once may lose one of their values, which a mean can bear.
        let mean = self.0.load(Ordering::Relaxed);
        self.0.store(mean - mean / 8 + held / 8, Ordering::Relaxed);
    }

    /// When a sender should come again that found all `places` taken and `waiting` requests before
    /// it: after these are worked off.
    pub(super) fn come_again(&self, waiting: usize, places: usize) -> Duration {
        let mean = Duration::from_micros(self.0.load(Ordering::Relaxed));
        let rounds = waiting.div_ceil(places.max(1)).saturating_add(1);
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        mean.saturating_mul(rounds)
            .clamp(COME_AGAIN.0, COME_AGAIN.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_waits_for_those_before_it() {
        let pace = Pace::default();
        assert_eq!(pace.come_again(16, 8), COME_AGAIN.0);
        for _ in 0..100 {
            pace.count(Duration::from_secs(4));
        }
        let seconds = |waiting| pace.come_again(waiting, 8).as_secs_f64();
        assert!((11.9..=12.0).contains(&seconds(16)));
        assert!((3.9..=4.0).contains(&seconds(0)));
        assert_eq!(pace.come_again(usize::MAX, 1), COME_AGAIN.1);
    }
}
