//! From [`record`](crate::record) lines to a [`Summary`]. Knows neither stores nor networks.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;

use crate::record::{
    Clocks, End, Failure, Mode, Outcome, Picture, Run, Spread, Stage, Summary, Traffic, Verdict,
};

/// Adds up pictures as they finish. Its size does not grow with their number.
#[derive(Debug)]
pub struct Measure {
    summary: Summary,
    answer: Histogram<u64>,
    stages: BTreeMap<Stage, Histogram<u64>>,
    times: Times,
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
                ended_early: None,
                clocks: Clocks::default(),
                made_per_second: 0.0,
                stages: BTreeMap::new(),
                answer: spread(&answer),
                traffic: Traffic::default(),
                recipes: BTreeSet::new(),
            },
            answer,
            stages: BTreeMap::new(),
            times: Times::default(),
        }
    }

    /// Adds one picture.
    pub fn add(&mut self, picture: &Picture) {
        let summary = &mut self.summary;
        summary.finished += 1;
        summary.retries += u64::from(picture.attempts.saturating_sub(1));
        self.times.add(picture);
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
            stage.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// The figures of what was added; `ended_early` says why it is not all, if it is not.
    #[must_use]
    pub fn summary(self, ended_early: Option<String>) -> Summary {
        let clocks = self.times.clocks(self.summary.mode);
        Summary {
            clocks,
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
        let stage_us = |stage| {
            let time = outcome.timings.get(stage).unwrap_or_default();
            u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
        };
        let storing = [
            Stage::Store,
            Stage::Commit,
            Stage::Recheck,
            Stage::Record,
            Stage::Remove,
        ]
        .map(stage_us)
        .into_iter()
        .fold(0, u64::saturating_add);
        self.storing = self.storing.saturating_add(storing);
        earlier(
            &mut self.first_begun,
            picture.finished_us.saturating_sub(stage_us(Stage::Total)),
        );
        later(
            &mut self.last_made,
            picture.finished_us.saturating_sub(storing),
        );
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

fn earlier(first: &mut Option<u64>, time: u64) {
    *first = Some(first.map_or(time, |first| first.min(time)));
}

fn later(last: &mut Option<u64>, time: u64) {
    *last = Some(last.map_or(time, |last| last.max(time)));
}

fn add_traffic(sum: &mut Traffic, traffic: &Traffic) {
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
mod tests {
    use std::time::Duration;

    use cos_thumbnails::outcome::Timings;

    use super::*;
    use crate::record::{Key, Reason};

    fn run(mode: Mode, pictures: u64) -> Run {
        Run {
            run: "r".into(),
            version: "0".into(),
            mode,
            pictures,
            bytes: 0,
            in_flight: 1,
            recipe: "recipe".into(),
            recipes: BTreeSet::new(),
            function: None,
            started: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn picture(n: u64, submitted_us: u64, finished_us: u64, end: End) -> Picture {
        Picture {
            n,
            key: Key::new(format!("images/{n}")),
            bytes: None,
            submitted_us,
            sent_us: submitted_us,
            finished_us,
            attempts: 1,
            end,
        }
    }

    fn outcome(verdict: Verdict, stages: &[(Stage, u64)]) -> Outcome {
        let mut timings = Timings::default();
        for &(stage, us) in stages {
            timings.add(stage, Duration::from_micros(us));
        }
        Outcome {
            event_id: "e".into(),
            key: Key::new("k"),
            verdict,
            reason: (verdict == Verdict::Rejected).then_some(Reason::Empty),
            message: None,
            etag: None,
            recipe: "recipe".into(),
            original: None,
            thumbnails: Vec::new(),
            degraded: None,
            run_refused: false,
            traffic: Traffic {
                gets: 1,
                puts: 6,
                bytes_read: 100,
                bytes_written: 10,
                ..Traffic::default()
            },
            timings,
        }
    }

    fn made(stages: &[(Stage, u64)]) -> End {
        End::Outcome(Box::new(outcome(Verdict::Made, stages)))
    }

    fn summary(mode: Mode, pictures: &[Picture]) -> Summary {
        let mut measure = Measure::new(&run(mode, pictures.len() as u64));
        for picture in pictures {
            measure.add(picture);
        }
        measure.summary(None)
    }

    #[test]
    fn percentiles_of_known_times() {
        let pictures: Vec<_> = (1..=1000)
            .map(|n| picture(n, 0, 2 * n, made(&[(Stage::Decode, n)])))
            .collect();
        let summary = summary(Mode::Parallel, &pictures);
        let decode = Spread {
            pictures: 1000,
            p50_us: 500,
            p95_us: 950,
            p99_us: 990,
            max_us: 1000,
        };
        assert_eq!(summary.stages[&Stage::Decode], decode);
        assert_eq!((summary.answer.p50_us, summary.answer.p99_us), (1000, 1980));
        assert_eq!(summary.stages.len(), 1);
    }

    #[test]
    fn long_times_keep_three_digits() {
        let us = 123_456_789;
        let summary = summary(
            Mode::Parallel,
            &[picture(1, 0, us, made(&[(Stage::Total, us)]))],
        );
        let p50 = summary.stages[&Stage::Total].p50_us;
        assert!(p50.abs_diff(us) <= us / 1000, "{p50}");
    }

    #[test]
    fn each_kind_of_end_is_counted() {
        let mut retried = picture(1, 0, 10, made(&[]));
        retried.attempts = 3;
        let pictures = [
            retried,
            picture(
                2,
                0,
                10,
                End::Outcome(Box::new(outcome(Verdict::Rejected, &[]))),
            ),
            picture(3, 0, 10, End::Error("no".into())),
            picture(4, 0, 1_000_000, made(&[])),
        ];
        let summary = summary(Mode::Parallel, &pictures);
        assert_eq!(
            summary.verdicts,
            BTreeMap::from([(Verdict::Made, 2), (Verdict::Rejected, 1)])
        );
        assert_eq!(summary.reasons, BTreeMap::from([(Reason::Empty, 1)]));
        assert_eq!(
            (summary.finished, summary.failed, summary.retries),
            (4, 1, 2)
        );
        assert_eq!(summary.failures[0].key, Key::new("images/3"));
        assert_eq!((summary.traffic.gets, summary.traffic.puts), (3, 18));
        assert_eq!(
            (summary.traffic.bytes_read, summary.traffic.bytes_written),
            (300, 30)
        );
        assert_eq!(summary.answer.pictures, 3, "of those that have an outcome");
        assert!((summary.made_per_second - 2.0).abs() < 1e-9);
    }

    #[test]
    fn failures_are_named_up_to_a_bound() {
        let pictures: Vec<_> = (1..=100)
            .map(|n| picture(n, 0, 1, End::Error("no".into())))
            .collect();
        let summary = summary(Mode::FanOut, &pictures);
        assert_eq!(
            (summary.failed, summary.failures.len()),
            (100, Summary::SHOWN_FAILURES)
        );
        assert_eq!(
            summary.clocks,
            Clocks {
                end_to_end_us: Some(1),
                paper_us: None
            }
        );
    }

    #[test]
    fn the_sequential_paper_clock_leaves_out_all_storing() {
        // 100 us each, of which storing takes 30; 5 us between the two.
        let stages = [
            (Stage::Decode, 70),
            (Stage::Store, 20),
            (Stage::Commit, 7),
            (Stage::Recheck, 3),
            (Stage::Total, 100),
        ];
        let pictures = [
            picture(1, 50, 150, made(&stages)),
            picture(2, 155, 255, made(&stages)),
        ];
        let clocks = summary(Mode::Sequential, &pictures).clocks;
        assert_eq!(
            clocks,
            Clocks {
                end_to_end_us: Some(205),
                paper_us: Some(145)
            }
        );
    }

    #[test]
    fn the_fan_out_paper_clock_runs_from_the_first_start_to_the_last_thumbnail_made() {
        // Sent at 0; the function began at 400 and 500, and made its thumbnails at 900 and 1150.
        let first = [
            (Stage::Decode, 500),
            (Stage::Store, 100),
            (Stage::Total, 600),
        ];
        let second = [
            (Stage::Decode, 650),
            (Stage::Store, 50),
            (Stage::Total, 700),
        ];
        let failed = End::Error("no".into());
        let pictures = [
            picture(1, 0, 1000, made(&first)),
            picture(2, 0, 1200, made(&second)),
            picture(3, 0, 9000, failed),
        ];
        let clocks = summary(Mode::FanOut, &pictures).clocks;
        assert_eq!(
            clocks,
            Clocks {
                end_to_end_us: Some(9000),
                paper_us: Some(750)
            }
        );
    }

    #[test]
    fn nothing_measured_has_no_clock() {
        let summary = summary(Mode::Parallel, &[]);
        assert_eq!(summary.clocks, Clocks::default());
        assert!(summary.made_per_second.abs() < f64::EPSILON);
    }

    #[test]
    fn the_text_names_both_clocks_and_every_stage() {
        let stages = [
            (Stage::Decode, 1_234),
            (Stage::Store, 500),
            (Stage::Total, 2_000),
        ];
        let run = run(Mode::Sequential, 1);
        let mut measure = Measure::new(&run);
        measure.add(&picture(1, 0, 2_500_000, made(&stages)));
        let text = crate::report::text(&run, &measure.summary(None));
        assert!(text.contains("end-to-end clock  2.500 s"), "{text}");
        assert!(text.contains("paper clock       2.499 s"), "{text}");
        assert!(
            text.contains("1 of 1 pictures: 1 made, 0 duplicate, 0 rejected, 0 failed"),
            "{text}"
        );
        let decode = text
            .lines()
            .find(|line| line.starts_with("decode"))
            .unwrap();
        assert_eq!(
            decode.split_whitespace().collect::<Vec<_>>(),
            ["decode", "1", "1.23", "1.23", "1.23", "1.23"]
        );
        assert!(text.lines().any(|line| line.starts_with("answer")));
    }
}
