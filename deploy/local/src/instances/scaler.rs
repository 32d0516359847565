//! How many instances there should be, and that there are.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::notice::Notice;
use super::pool::Pool;
use super::process::{self, End, Process};
use super::{Program, Scaling};

/// After an instance failed none is started for so long, as a broken one would fail again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Starts and ends instances.
pub(super) struct Scaler {
    program: Arc<Program>,
    scaling: Scaling,
    pool: Arc<Pool>,
    notices: UnboundedSender<Notice>,
    /// Those that are there to stay, and how to end each.
    instances: BTreeMap<u64, oneshot::Sender<()>>,
    processes: JoinSet<(u64, End)>,
    last: u64,
    not_before: Option<Instant>,
}

impl Scaler {
    pub(super) fn new(
        program: Program,
        scaling: Scaling,
        pool: Arc<Pool>,
        notices: UnboundedSender<Notice>,
    ) -> Self {
        Self {
            program: Arc::new(program),
            scaling,
            pool,
            notices,
            instances: BTreeMap::new(),
            processes: JoinSet::new(),
            last: 0,
            not_before: None,
        }
    }

    /// Until `no_more`; then ends every instance.
    pub(super) async fn run(mut self, mut no_more: oneshot::Receiver<()>) {
        let mut needed = Needed::new(self.scaling.scale_down_delay);
        loop {
            let now = Instant::now();
            let places = usize::from(self.scaling.concurrency.max(1));
            let wanted = needed.at(now, self.pool.concurrency().div_ceil(places));
            let bounds = (self.scaling.min_scale.into(), self.scaling.max_scale.into());
            // A minimum above the maximum is the maximum.
            let wanted = wanted.max(bounds.0).min(bounds.1);
            self.approach(wanted, now);
            let wake = [needed.changes_at(), self.not_before]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                () = self.pool.changed.notified() => {}
                Some(ended) = self.processes.join_next() => self.note(ended.ok()),
                () = sleep_until(wake) => {}
                _ = &mut no_more => break,
            }
        }
        self.instances.clear();
        while self.processes.join_next().await.is_some() {}
    }

    fn approach(&mut self, wanted: usize, now: Instant) {
        if self.not_before.is_some_and(|moment| moment <= now) {
            self.not_before = None;
        }
        while self.instances.len() < wanted && self.not_before.is_none() {
            self.last += 1;
            let (stop, stopped) = oneshot::channel();
            let process = Process {
                instance: self.last,
                program: Arc::clone(&self.program),
                cold_start: self.scaling.cold_start,
                grace: self.scaling.request_timeout,
                pool: Arc::clone(&self.pool),
                notices: self.notices.clone(),
            };
            self.instances.insert(self.last, stop);
            self.processes.spawn(process::run(process, stopped));
        }
        while self.instances.len() > wanted {
            // First what takes no requests yet: it is missed least.
            let mut youngest = self.instances.keys().rev().copied();
            let starting = youngest.find(|&instance| !self.pool.is_open(instance));
            let Some(goes) = starting.or_else(|| self.pool.close_least_busy()) else {
                break;
            };
            // Its end is the word to end.
            self.instances.remove(&goes);
        }
    }

    fn note(&mut self, ended: Option<(u64, End)>) {
        // That a task panicked was seen when it did.
        let Some((instance, end)) = ended else {
            return;
        };
        self.instances.remove(&instance);
        if end == End::NeverReady {
            self.not_before = Some(Instant::now() + RESTART_PAUSE);
        }
    }
}

/// Never, where there is no such moment.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The most instances that were needed within the last so long.
struct Needed {
    delay: Duration,
    now: usize,
    /// Numbers, descending, and until when each was needed.
    before: VecDeque<(Instant, usize)>,
}

impl Needed {
    fn new(delay: Duration) -> Self {
        Self {
            delay,
            now: 0,
            before: VecDeque::new(),
        }
    }

    fn at(&mut self, moment: Instant, needed: usize) -> usize {
        // What was needed until now still counts for a while.
        let until_now = self.now.max(needed);
        while self
            .before
            .back()
            .is_some_and(|(_, less)| *less <= until_now)
        {
            self.before.pop_back();
        }
        self.before.push_back((moment, until_now));
        while self
            .before
            .front()
            .is_some_and(|(until, _)| *until + self.delay < moment)
        {
            self.before.pop_front();
        }
        self.now = needed;
        self.before
            .front()
            .map_or(needed, |(_, most)| *most)
            .max(needed)
    }

    /// When the answer becomes less, if nothing else happens.
    fn changes_at(&self) -> Option<Instant> {
        let (until, most) = self.before.front()?;
        // Just after, since the moment itself still counts.
        (*most > self.now).then(|| *until + self.delay + Duration::from_millis(1))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn more_is_wanted_at_once_and_less_when_it_was_enough_for_long() {
        let start = Instant::now();
        let mut needed = Needed::new(Duration::from_mins(1));
        let mut at = |second, now| needed.at(start + Duration::from_secs(second), now);
        assert_eq!(at(0, 0), 0);
        assert_eq!(at(1, 5), 5);
        // Five were needed until second 100.
        assert_eq!(at(100, 3), 5);
        assert_eq!(at(130, 1), 5);
        assert_eq!(at(160, 1), 5);
        // And three until 130.
        assert_eq!(at(161, 0), 3);
        assert_eq!(at(190, 0), 3);
        assert_eq!(at(191, 0), 1);
        assert_eq!(at(222, 0), 0);
        assert_eq!(at(223, 7), 7);
    }

    #[test]
    fn it_says_when_to_look_again() {
        let start = Instant::now();
        let mut needed = Needed::new(Duration::from_mins(1));
        needed.at(start, 2);
        assert_eq!(needed.changes_at(), None);
        needed.at(start + Duration::from_secs(10), 0);
        let again = needed.changes_at().unwrap();
        assert!(again > start + Duration::from_secs(70));
        assert_eq!(needed.at(again, 0), 0);
        assert_eq!(needed.changes_at(), None);
    }
}
