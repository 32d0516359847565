//! What ends a run early and cleanly: what is in flight comes to its end, and `resume` goes on.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::cost::{Cost, Free, Meter, Prices};
use crate::record::{End, Picture};

/// Bounds of a run; by default there are none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Budgets {
    /// So many pictures may fail; the one that is more ends the run.
    pub max_errors: Option<u64>,
    /// Nothing is sent after this time.
    pub max_duration: Option<Duration>,
    /// Nothing is sent when what was sent has cost so many USD.
    pub max_usd: Option<f64>,
    /// The most pictures that are begun in a second, more than 0.
    pub rate: Option<f64>,
}

impl Budgets {
    /// These, and where there is none the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            max_errors: self.max_errors.or(other.max_errors),
            max_duration: self.max_duration.or(other.max_duration),
            max_usd: self.max_usd.or(other.max_usd),
            rate: self.rate.or(other.rate),
        }
    }
}

/// Why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Exhausted {
    Errors(u64),
    Duration(Duration),
    Usd(f64),
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(most) => write!(f, "more than {most} pictures failed (--max-errors)"),
            Self::Duration(time) => write!(
                f,
                "{} are over (--max-duration)",
                humantime::format_duration(*time)
            ),
            Self::Usd(most) => write!(
                f,
                "{most} USD are spent, by the upper end of an estimate (--max-cost)"
            ),
        }
    }
}

/// Watches over the bounds of a run, and stops it.
#[derive(Debug)]
pub(crate) struct Watch {
    max_errors: Option<u64>,
    failed: u64,
    spending: Option<Spending>,
    stop: Stop,
    timer: Option<JoinHandle<()>>,
}

/// What a run may cost, and what it has cost since it began or went on.
#[derive(Debug)]
struct Spending {
    most_usd: f64,
    meter: Meter,
    prices: Prices,
    begun: Instant,
}

impl Spending {
    /// Adds a picture; says the bound where it is reached. What is not known exactly counts with its upper
    /// end, and what has none with its lower.
    fn add(&mut self, picture: &Picture) -> Option<f64> {
        self.meter.add(picture);
        let usage = self.meter.usage(self.begun.elapsed());
        let usd = Cost::of(&usage, &self.prices, Free::Without).total();
        (usd.most.unwrap_or(usd.least) >= self.most_usd).then_some(self.most_usd)
    }
}

/// Stops a run, and remembers why: the first reason counts.
#[derive(Debug, Clone)]
struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<Exhausted>>,
}

impl Stop {
    fn stop(&self, reason: Exhausted) {
        if !self.token.is_cancelled() && self.reason.set(reason).is_ok() {
            self.token.cancel();
        }
    }
}

impl Watch {
    /// Of a run that was begun at that time; what it spends counts from now on. What is exhausted cancels `token`.
    pub(crate) fn new(
        budgets: &Budgets,
        run_begun: Instant,
        (meter, prices): (Meter, &Prices),
        token: CancellationToken,
    ) -> Self {
        let stop = Stop {
            token,
            reason: Arc::default(),
        };
        let timer = budgets.max_duration.map(|time| {
            let (stop, left) = (stop.clone(), time.saturating_sub(run_begun.elapsed()));
            tokio::spawn(async move {
                tokio::time::sleep(left).await;
                stop.stop(Exhausted::Duration(time));
            })
        });
        Self {
            max_errors: budgets.max_errors,
            failed: 0,
            spending: budgets.max_usd.map(|most_usd| Spending {
                most_usd,
                meter,
                prices: prices.clone(),
                begun: Instant::now(),
            }),
            stop,
            timer,
        }
    }

    /// Counts a picture that came to its end.
    pub(crate) fn add(&mut self, picture: &Picture) {
        self.failed += u64::from(matches!(picture.end, End::Error(_)));
        if let Some(most) = self.max_errors
            && self.failed > most
        {
            self.stop.stop(Exhausted::Errors(most));
        }
        if let Some(usd) = self.spending.as_mut().and_then(|spent| spent.add(picture)) {
            self.stop.stop(Exhausted::Usd(usd));
        }
    }

    /// Why the run was stopped, if it was by this.
    pub(crate) fn exhausted(&self) -> Option<Exhausted> {
        self.stop.reason.get().copied()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.abort();
        }
    }
}

/// `originals`, no more than `rate` of them in a second.
pub(crate) fn paced<T: Send>(
    originals: impl Stream<Item = T> + Send,
    rate: Option<f64>,
) -> impl Stream<Item = T> + Send {
    let interval = rate.map(|rate| {
        let mut interval = tokio::time::interval(Duration::from_secs_f64(rate.recip()));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    });
    let state = (Box::pin(originals), interval);
    stream::unfold(state, |(mut originals, mut interval)| async move {
        let original = originals.next().await?;
        if let Some(interval) = &mut interval {
            interval.tick().await;
        }
        Some((original, (originals, interval)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Place, Usage};

    fn watch(budgets: &Budgets, token: CancellationToken) -> Watch {
        let meter = Meter::new(Place::Machine { processors: 2 }, false, Usage::default());
        let spent = (meter, &Prices::of_this_version());
        Watch::new(budgets, Instant::now(), spent, token)
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_rate_are_begun_in_a_second() {
        let begun = Instant::now();
        let times = paced(stream::iter(0..21), Some(10.0)).map(|_| begun.elapsed().as_millis());
        let times: Vec<_> = times.collect().await;
        let expected: Vec<_> = (0..21).map(|n| n * 100).collect();
        assert_eq!(times, expected);
        let at_once = paced(stream::iter(0..1000), None).count().await;
        assert_eq!((at_once, begun.elapsed().as_millis()), (1000, 2000));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_when_the_run_was_begun() {
        let budgets = Budgets {
            max_duration: Some(Duration::from_hours(1)),
            ..Budgets::default()
        };
        let meter = Meter::new(Place::Machine { processors: 2 }, false, Usage::default());
        let (prices, token) = (Prices::of_this_version(), CancellationToken::new());
        let begun = Instant::now();
        // So long it took to select.
        tokio::time::advance(Duration::from_mins(50)).await;
        let _watch = Watch::new(&budgets, begun, (meter, &prices), token.clone());
        token.cancelled().await;
        assert_eq!(begun.elapsed().as_secs(), 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_is_over_stops_and_is_the_reason() {
        let token = CancellationToken::new();
        let hour = Duration::from_hours(1);
        let budgets = Budgets {
            max_duration: Some(hour),
            ..Budgets::default()
        };
        let watch = watch(&budgets, token.clone());
        assert_eq!(watch.exhausted(), None);
        token.cancelled().await;
        assert_eq!(watch.exhausted(), Some(Exhausted::Duration(hour)));
        let interrupted = CancellationToken::new();
        interrupted.cancel();
        let watch = super::tests::watch(&budgets, interrupted);
        tokio::time::sleep(2 * hour).await;
        assert_eq!(watch.exhausted(), None, "it was stopped before");
    }
}
