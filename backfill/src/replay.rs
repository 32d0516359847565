//! The loop: one event after another to a [`Target`], as many at once as it bears, each tried again
//! where that can help.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::Utc;
use cos_thumbnails::events::{BACKFILL_RUN, Change, Event};
use cos_thumbnails::outcome::Outcome;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::originals;
use crate::pace::{Pace, Sign};
use crate::record::{Adapted, End, Picture};
use crate::target::{Target, TargetError, with_causes};

/// The most that a target's `Retry-After` is waited for: a run shall end.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// How a run is driven.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The run's id: in the events' ids and in their extension `backfillrun`, by which the flow
    /// makes thumbnails anew, once per run.
    pub run: String,
    /// The number of the first event: 1, unless this is a part of a run.
    pub first: u64,
    /// How many events are under way at most, waits between attempts included. At least 1. Fewer are
    /// sent at once while the target answers that it is overloaded.
    pub in_flight: usize,
    /// When to try again. Delays are at least what the target's `Retry-After` asks for.
    pub retry: ExponentialBuilder,
    /// Cancelled: nothing more is sent, and what has been sent comes to its end.
    pub stop: CancellationToken,
}

/// Why a run could not go on. What was in flight came to its end all the same.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The listing broke off.
    #[error(transparent)]
    Originals(#[from] originals::Error),
    /// A finished picture could not be written down.
    #[error("the record could not be written")]
    Record(#[source] io::Error),
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Whether the originals were read to their end, so that none is left.
    pub all_sent: bool,
    /// How many pictures were interrupted while they waited to be sent, or sent again.
    pub interrupted: u64,
}

/// Delays of 0.2 s, 0.4 s, 0.8 s, ... up to 10 s, each longer by a random part of itself (so that
/// many senders do not come back at the same moment), and at most so many of them.
#[must_use]
pub fn backoff(retries: usize) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(retries)
        .with_jitter()
}

/// A new run's id: sortable by time; the random part keeps runs apart that begin together.
#[must_use]
pub fn run_id() -> String {
    let now = Utc::now().format("%Y%m%dT%H%M%SZ");
    format!("{now}-{:08x}", fastrand::u32(..))
}

impl Replay {
    /// Sends all `originals` to `target`, and hands each to `finished` as it comes to its end.
    ///
    /// A picture that fails does not end the run.
    ///
    /// # Errors
    /// The listing broke off, or `finished` failed.
    pub async fn run(
        &self,
        originals: impl Stream<Item = Result<Change, originals::Error>>,
        target: Arc<dyn Target>,
        mut finished: impl FnMut(Picture) -> io::Result<()>,
    ) -> Result<Ended, ReplayError> {
        let started = Instant::now();
        let pace = Arc::new(Pace::new(self.in_flight));
        let halt = self.stop.child_token();
        let all_sent = AtomicBool::new(false);
        let end = stream::poll_fn(|_| {
            all_sent.store(true, Ordering::Relaxed);
            Poll::Ready(None)
        });
        let pictures = originals
            .chain(end)
            .take_until(halt.cancelled())
            .enumerate()
            .map(|(index, change)| {
                let call = change.map(|change| Call {
                    n: self.first + index as u64,
                    change,
                    target: Arc::clone(&target),
                    replay: self.clone(),
                    pace: Arc::clone(&pace),
                    started,
                });
                async { Ok(call?.make().await) }
            })
            .buffer_unordered(self.in_flight.max(1));
        let mut pictures = std::pin::pin!(pictures);
        let (mut result, mut interrupted) = (Ok(()), 0);
        while let Some(picture) = pictures.next().await {
            let picture = picture.map(|(picture, was_interrupted)| {
                interrupted += u64::from(was_interrupted);
                picture
            });
            let ended = match (picture, &result) {
                // What cannot be written down once is not tried again and again.
                (Ok(_), Err(ReplayError::Record(_))) => Ok(()),
                (Ok(picture), _) => finished(picture).map_err(ReplayError::Record),
                (Err(broken), _) => Err(ReplayError::Originals(broken)),
            };
            if let Err(error) = ended {
                halt.cancel();
                result = result.and(Err(error));
            }
        }
        result.map(|()| Ended {
            all_sent: all_sent.load(Ordering::Relaxed),
            interrupted,
        })
    }
}

/// One original on its way to its end.
struct Call {
    n: u64,
    change: Change,
    target: Arc<dyn Target>,
    replay: Replay,
    pace: Arc<Pace>,
    started: Instant,
}

/// What a call's attempts came to.
struct Attempts {
    number: u32,
    last_sent_us: u64,
    finished_us: u64,
    adapted: Vec<Adapted>,
    result: Result<Outcome, TargetError>,
}

impl Call {
    /// What became of it, and whether it was interrupted.
    async fn make(self) -> (Picture, bool) {
        let (n, started) = (self.n, self.started);
        let (key, bytes) = (self.change.object.key.clone(), self.change.length);
        let submitted_us = since(started);
        // A task of its own, so that calls run on all threads, and one that panics fails alone.
        let attempts = tokio::spawn(self.attempts())
            .await
            .unwrap_or_else(|_| Attempts {
                number: 1,
                last_sent_us: submitted_us,
                finished_us: since(started),
                adapted: Vec::new(),
                result: Err(TargetError::Panicked),
            });
        let interrupted = matches!(attempts.result, Err(TargetError::Interrupted));
        let picture = Picture {
            n,
            key,
            bytes,
            submitted_us,
            sent_us: attempts.last_sent_us,
            finished_us: attempts.finished_us,
            attempts: attempts.number,
            adapted: attempts.adapted,
            end: match attempts.result {
                Ok(outcome) => End::Outcome(Box::new(outcome)),
                Err(error) => End::Error(with_causes(&error)),
            },
        };
        (picture, interrupted)
    }

    async fn attempts(self) -> Attempts {
        let Self {
            n,
            change,
            target,
            replay,
            pace,
            started,
        } = self;
        let event = Event::new(format!("backfill-{}-{n}", replay.run), Utc::now(), change)
            .with_extension(BACKFILL_RUN, replay.run.as_str());
        let (mut number, mut last_sent_us, mut adapted) = (0, since(started), Vec::new());
        let mut delays = replay.retry.build();
        let result = loop {
            let Some(turn) = replay.stop.run_until_cancelled(pace.turn()).await else {
                break Err(TargetError::Interrupted);
            };
            number += 1;
            last_sent_us = since(started);
            let result = target.send(&event).await;
            if let Some((from, to)) = pace.end(turn, sign(&result)) {
                let at_us = since(started);
                adapted.push(Adapted { at_us, from, to });
            }
            let error = match result {
                Err(error) if error.is_retryable() => error,
                ended => break ended,
            };
            let Some(delay) = delays.next() else {
                break Err(error);
            };
            let asked = error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER);
            let pause = tokio::time::sleep(delay + asked);
            if replay.stop.run_until_cancelled(pause).await.is_none() {
                break Err(TargetError::Interrupted);
            }
        };
        Attempts {
            number,
            last_sent_us,
            finished_us: since(started),
            adapted,
            result,
        }
    }
}

fn sign(result: &Result<Outcome, TargetError>) -> Sign {
    match result {
        Ok(_) => Sign::Good,
        Err(error) if error.is_overload() => Sign::Overload,
        Err(_) => Sign::None,
    }
}

fn since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}
