//! From [`record`](crate::record) lines to a [`Summary`]. Knows neither stores nor networks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::record::{
    Adaptation, Adapted, Clocks, End, Failure, Mode, Outcome, Picture, Run, Spread, Stage, Summary,
    Took, Traffic, Verdict,
};

/// Adds up pictures as they finish. Its size does not grow with their number.
#[derive(Debug)]
pub struct Measure {
    summary: Summary,
    answer: Histogram<u64>,
    stages: BTreeMap<Stage, Histogram<u64>>,
    /// Since it was begun, or went on.
    times: Times,
    /// What it took before.
    before: Option<Took>,
}

/// What the clocks are worked out from, in microseconds since the run began.
#[derive(Debug, Default)]
struct Times {
    first_submitted: Option<u64>,
    last_finished: Option<u64>,
    first_begun: Option<u64>,
    last_made: Option<u64>,
    storing: u64,
}

impl Measure {
    /// Nothing yet, of this run.
    #[must_use]
    pub fn new(run: &Run) -> Self {
        let answer = histogram();
        Self {
            summary: Summary {
                run: run.run.clone(),
                mode: run.mode,
                pictures: run.pictures,
                finished: 0,
                verdicts: BTreeMap::new(),
                reasons: BTreeMap::new(),
                failed: 0,
                failures: Vec::new(),
                retries: 0,
                adaptation: None,
                resumed: 0,
                sessions_us: None,
                job: None,
                ended_early: None,
                clocks: Clocks::default(),
                made_per_second: 0.0,
                stages: BTreeMap::new(),
                answer: spread(&answer),
                traffic: Traffic::default(),
                recipes: BTreeSet::new(),
                cost: None,
            },
            answer,
            stages: BTreeMap::new(),
            times: Times::default(),
            before: None,
        }
    }

    /// Adds one picture.
    pub fn add(&mut self, picture: &Picture) {
        let summary = &mut self.summary;
        summary.finished += 1;
        summary.retries += u64::from(picture.attempts.saturating_sub(1));
        self.times.add(picture);
        for adapted in &picture.adapted {
            add_adapted(&mut summary.adaptation, adapted);
        }
        match &picture.end {
            End::Outcome(outcome) => self.add_outcome(picture, outcome),
            End::Error(error) => {
                summary.failed += 1;
                if summary.failures.len() < Summary::SHOWN_FAILURES {
                    let failure = Failure {
                        key: picture.key.clone(),
                        error: error.clone(),
                    };
                    summary.failures.push(failure);
                }
            }
        }
    }

    fn add_outcome(&mut self, picture: &Picture, outcome: &Outcome) {
        let summary = &mut self.summary;
        *summary.verdicts.entry(outcome.verdict).or_default() += 1;
        if let Some(reason) = outcome.reason {
            *summary.reasons.entry(reason).or_default() += 1;
        }
        summary.recipes.insert(outcome.recipe.clone());
        add_traffic(&mut summary.traffic, &outcome.traffic);
        self.answer
            .saturating_record(picture.finished_us.saturating_sub(picture.submitted_us));
        for (stage, time) in outcome.timings.iter() {
            let stage = self.stages.entry(stage).or_insert_with(histogram);
            stage.saturating_record(us(time));
        }
    }

    /// Adds an attempt at a picture that comes again, which counts for nothing but its time.
    pub fn add_attempt(&mut self, picture: &Picture) {
        self.times.add(picture);
    }

    /// The run went on after it had ended early.
    pub fn resume(&mut self) {
        self.before = self.took();
        self.times = Times::default();
        self.summary.resumed += 1;
    }

    /// How long it took: where it was resumed, all the times that it was at work, without the time between. `None`
    /// where nothing was sent.
    #[must_use]
    pub fn took(&self) -> Option<Took> {
        let took = self.times.took(self.summary.mode);
        match (self.before, took) {
            (Some(before), Some(took)) => Some(before + took),
            (before, took) => before.or(took),
        }
    }

    /// The figures of what was added; `ended_early` says why it is not all, if it is not.
    #[must_use]
    pub fn summary(self, ended_early: Option<String>) -> Summary {
        let (clocks, sessions_us) = if self.summary.resumed == 0 {
            (self.times.clocks(self.summary.mode), None)
        } else {
            (Clocks::default(), self.took().map(|took| us(took.all)))
        };
        Summary {
            clocks,
            sessions_us,
            made_per_second: per_second(self.summary.count(Verdict::Made), clocks.end_to_end_us),
            stages: self
                .stages
                .iter()
                .map(|(&stage, times)| (stage, spread(times)))
                .collect(),
            answer: spread(&self.answer),
            ended_early,
            ..self.summary
        }
    }
}

impl Times {
    fn add(&mut self, picture: &Picture) {
        earlier(&mut self.first_submitted, picture.submitted_us);
        later(&mut self.last_finished, picture.finished_us);
        let End::Outcome(outcome) = &picture.end else {
            return;
        };
        let storing = storing_us(outcome);
        self.storing = self.storing.saturating_add(storing);
        earlier(
            &mut self.first_begun,
            picture
                .finished_us
                .saturating_sub(stage_us(outcome, Stage::Total)),
        );
        later(
            &mut self.last_made,
            picture.finished_us.saturating_sub(storing),
        );
    }

    /// How long these took. What nobody waits for in this process is waited for in fan-out: that an instance starts.
    fn took(&self, mode: Mode) -> Option<Took> {
        let (first, last) = (self.first_submitted?, self.last_finished?);
        let begun = self.first_begun.filter(|_| mode == Mode::FanOut);
        let start_up = begun.map_or(0, |begun| begun.saturating_sub(first));
        Some(Took {
            all: Duration::from_micros(last.saturating_sub(first)),
            start_up: Duration::from_micros(start_up),
            sessions: u32::from(begun.is_some()),
        })
    }

    /// See [`Clocks`] for what is worked out here and why.
    fn clocks(&self, mode: Mode) -> Clocks {
        let between = |first: Option<u64>, last: Option<u64>| Some(last?.saturating_sub(first?));
        let end_to_end_us = between(self.first_submitted, self.last_finished);
        let begun_to_made = between(self.first_begun, self.last_made);
        let paper_us = match mode {
            // Without an outcome there is no stage to tell storing from the rest.
            Mode::Sequential => begun_to_made
                .and(end_to_end_us)
                .map(|end_to_end| end_to_end.saturating_sub(self.storing)),
            Mode::Parallel | Mode::FanOut => begun_to_made,
        };
        Clocks {
            end_to_end_us,
            paper_us,
        }
    }
}

/// How long one stage took.
pub(crate) fn stage_us(outcome: &Outcome, stage: Stage) -> u64 {
    us(outcome.timings.get(stage).unwrap_or_default())
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How long all took that comes after the thumbnails are made: what the paper's clock leaves out.
pub(crate) fn storing_us(outcome: &Outcome) -> u64 {
    [
        Stage::Store,
        Stage::Commit,
        Stage::Recheck,
        Stage::Record,
        Stage::Remove,
    ]
    .into_iter()
    .map(|stage| stage_us(outcome, stage))
    .fold(0, u64::saturating_add)
}

fn earlier(first: &mut Option<u64>, time: u64) {
    *first = Some(first.map_or(time, |first| first.min(time)));
}

fn later(last: &mut Option<u64>, time: u64) {
    *last = Some(last.map_or(time, |last| last.max(time)));
}

/// Pictures come as they finish, which is not the order in which the number changed.
fn add_adapted(sum: &mut Option<Adaptation>, adapted: &Adapted) {
    let Adapted { at_us, from, to } = *adapted;
    let sum = sum.get_or_insert(Adaptation {
        decreases: 0,
        increases: 0,
        least: to,
        last: to,
        last_us: at_us,
    });
    sum.decreases += u64::from(to < from);
    sum.increases += u64::from(to > from);
    sum.least = sum.least.min(to);
    if at_us >= sum.last_us {
        (sum.last, sum.last_us) = (to, at_us);
    }
}

pub(crate) fn add_traffic(sum: &mut Traffic, traffic: &Traffic) {
    sum.gets += traffic.gets;
    sum.heads += traffic.heads;
    sum.puts += traffic.puts;
    sum.deletes += traffic.deletes;
    sum.bytes_read += traffic.bytes_read;
    sum.bytes_written += traffic.bytes_written;
}

/// Three significant digits, up to a day in microseconds; longer times count as a day.
#[expect(
    clippy::expect_used,
    reason = "1 to a day at 3 digits are bounds that hdrhistogram takes"
)]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 86_400_000_000, 3).expect("constant bounds are valid")
}

fn spread(times: &Histogram<u64>) -> Spread {
    Spread {
        pictures: times.len(),
        p50_us: times.value_at_quantile(0.50),
        p95_us: times.value_at_quantile(0.95),
        p99_us: times.value_at_quantile(0.99),
        max_us: times.max(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and a day in microseconds are below 2^52"
)]
fn per_second(count: u64, time_us: Option<u64>) -> f64 {
    match time_us {
        Some(us) if us > 0 => count as f64 * 1e6 / us as f64,
        _ => 0.0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
