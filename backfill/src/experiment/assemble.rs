//! From what a run's pictures say to the calls, instances and clocks of a sample. Knows neither stores nor networks.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cos_thumbnails::outcome::Execution;

use crate::measure::{add_traffic, stage_us, storing_us};
use crate::record::experiment::{Call, CallEnd, Instance, Temperature, Times, Usage};
use crate::record::{Clocks, End, Mode, Outcome, Picture, Stage, Traffic, Verdict};

/// What was assembled.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    pub(super) calls: Vec<Call>,
    pub(super) instances: Vec<Instance>,
    pub(super) verdicts: BTreeMap<Verdict, u64>,
    pub(super) failed: u64,
    pub(super) retries: u64,
    pub(super) traffic: Traffic,
    pub(super) clocks: Clocks,
    /// How wrong the paper clock can be, by [`paper_error`].
    pub(super) paper_error_us: Option<u64>,
}

/// Of one instance, what its calls say together.
#[derive(Debug)]
struct Seen {
    ready_at_us: u64,
    least_before: u64,
    calls: u64,
    process_cpu_us: [u64; 2],
    peak_bytes: Option<u64>,
    /// Of the exchange with the least delay.
    delay_us: i64,
    offset: Offset,
}

/// How much an instance's clock is ahead of ours: not less than `low_us`, as no answer comes before it is given, and
/// not more than `high_us`, as nothing is handled before it is sent.
#[derive(Debug, Clone, Copy)]
struct Offset {
    low_us: i64,
    high_us: i64,
}

impl Offset {
    /// In this process there is one clock.
    const NONE: Self = Self {
        low_us: 0,
        high_us: 0,
    };
    /// Before any exchange.
    const UNKNOWN: Self = Self {
        low_us: i64::MIN / 2,
        high_us: i64::MAX / 2,
    };

    /// A clock is taken to be right unless the exchange says that it is not: the middle of the two, as NTP has it,
    /// would count half of a cold start, which is on the way there alone, as an error of the clock.
    fn us(self) -> i64 {
        0_i64.clamp(self.low_us, self.high_us)
    }

    /// How wrong that can be: what happened there was at most so much earlier, and so much later.
    fn error_us(self) -> [u64; 2] {
        [
            self.high_us.abs_diff(self.us()),
            self.us().abs_diff(self.low_us),
        ]
    }
}

/// Assembles the sample of that number, which began at `began`, by this machine's clock.
pub(super) fn assemble(
    sample: u32,
    mode: Mode,
    began: DateTime<Utc>,
    pictures: Vec<Picture>,
) -> Assembled {
    let began_us = began.timestamp_micros();
    let here = mode != Mode::FanOut;
    let (mut places, mut seen) = (BTreeMap::new(), Vec::new());
    for (picture, execution) in pictures.iter().filter_map(executed) {
        let place = places.entry(execution.instance.clone()).or_insert_with(|| {
            seen.push(Seen::new(execution));
            seen.len() - 1
        });
        seen[*place].add(picture, execution, began_us);
    }
    let mut assembled = Assembled::default();
    for picture in pictures {
        let place = executed(&picture).and_then(|(_, execution)| {
            let place = places.get(&execution.instance).copied()?;
            Some((place, seen[place].offset(here).us()))
        });
        assembled.add(sample, picture, place, (here, began_us));
    }
    for (id, place) in &places {
        let instance = seen[*place].instance(id, (here, began_us));
        assembled.instances.push(instance);
    }
    // In the order of their places, by which the calls name them.
    let mut by_place: Vec<_> = places.into_values().zip(assembled.instances).collect();
    by_place.sort_unstable_by_key(|(place, _)| *place);
    assembled.instances = by_place.into_iter().map(|(_, one)| one).collect();
    assembled.clocks = clocks(mode, &assembled.calls);
    if !here {
        let offsets: Vec<_> = seen.iter().map(|seen| seen.offset).collect();
        assembled.paper_error_us = paper_error(&assembled, &offsets);
    }
    assembled
}

/// Whether these instances are of that temperature. Where no one says which they are, nobody knows.
pub(super) fn is_of(temperature: Temperature, instances: &[Instance]) -> bool {
    match temperature {
        Temperature::Any => true,
        Temperature::Cold => !instances.is_empty() && instances.iter().all(|one| one.cold),
        Temperature::Warm => !instances.is_empty() && instances.iter().all(|one| one.before > 0),
    }
}

fn executed(picture: &Picture) -> Option<(&Picture, &Execution)> {
    match &picture.end {
        End::Outcome(outcome) => Some((picture, outcome.execution.as_ref()?)),
        End::Error(_) => None,
    }
}

impl Seen {
    fn new(execution: &Execution) -> Self {
        Self {
            ready_at_us: execution.ready_at_us,
            least_before: execution.before,
            calls: 0,
            process_cpu_us: execution.process_cpu_us,
            peak_bytes: None,
            delay_us: i64::MAX,
            offset: Offset::UNKNOWN,
        }
    }

    fn add(&mut self, picture: &Picture, execution: &Execution, began_us: i64) {
        self.calls += 1;
        self.least_before = self.least_before.min(execution.before);
        let [begin, end] = execution.process_cpu_us;
        self.process_cpu_us = [
            self.process_cpu_us[0].min(begin),
            self.process_cpu_us[1].max(end),
        ];
        self.peak_bytes = self.peak_bytes.max(execution.peak_bytes);
        // As RFC 5905, 8 names them; a clock that is set meanwhile gives a delay that is not the least.
        let (t1, t4) = (
            began_us.saturating_add(signed(picture.sent_us)),
            began_us.saturating_add(signed(picture.finished_us)),
        );
        let (t2, t3) = (signed(execution.began_at_us), signed(execution.ended_at_us));
        let delay_us = t4.saturating_sub(t1).saturating_sub(t3.saturating_sub(t2));
        if (0..self.delay_us).contains(&delay_us) {
            self.delay_us = delay_us;
            self.offset = Offset {
                low_us: t3.saturating_sub(t4),
                high_us: t2.saturating_sub(t1),
            };
        }
    }

    fn offset(&self, here: bool) -> Offset {
        if here { Offset::NONE } else { self.offset }
    }

    fn instance(&self, id: &str, (here, began_us): (bool, i64)) -> Instance {
        let offset = self.offset(here);
        let (offset_us, [earlier_us, later_us]) = (offset.us(), offset.error_us());
        let ready_us = signed(self.ready_at_us)
            .saturating_sub(offset_us)
            .saturating_sub(began_us);
        let latest_us = ready_us.saturating_add_unsigned(later_us);
        let cold = self.least_before == 0 && latest_us >= 0 && !here;
        let [first, last] = self.process_cpu_us;
        // What a cold one used to start is of this sample.
        let first = if cold { 0 } else { first };
        Instance {
            id: id.to_owned(),
            before: self.least_before,
            cold,
            calls: self.calls,
            ready_us,
            offset_us,
            offset_error_us: earlier_us.max(later_us),
            usage: Usage {
                cpu_us: last.saturating_sub(first),
                peak_bytes: self.peak_bytes,
            },
        }
    }
}

impl Assembled {
    /// Adds a call that the instance at that place did, whose clock has that offset.
    fn add(
        &mut self,
        sample: u32,
        picture: Picture,
        place: Option<(usize, i64)>,
        (here, began_us): (bool, i64),
    ) {
        self.retries += u64::from(picture.attempts.saturating_sub(1));
        let mut call = Call {
            sample,
            n: picture.n,
            key: picture.key,
            attempts: picture.attempts,
            times: Times {
                submitted_us: picture.submitted_us,
                sent_us: picture.sent_us,
                seen_us: picture.finished_us,
                ..Times::default()
            },
            stages_us: BTreeMap::new(),
            instance: place.map(|(place, _)| place),
            cold: false,
            cpu_us: None,
            peak_bytes: None,
            traffic: Traffic::default(),
            end: CallEnd::Error(String::new()),
        };
        call.end = match picture.end {
            End::Error(error) => {
                self.failed += 1;
                CallEnd::Error(error)
            }
            End::Outcome(outcome) => {
                *self.verdicts.entry(outcome.verdict).or_default() += 1;
                add_traffic(&mut self.traffic, &outcome.traffic);
                let offset_us = place.map(|(_, offset)| offset).filter(|_| !here);
                call.of(&outcome, offset_us.map(|offset| offset + began_us));
                CallEnd::Verdict(outcome.verdict)
            }
        };
        self.calls.push(call);
    }
}

impl Call {
    /// What its outcome says; `zero_us` is the sample's begin by the clock of its instance, where that is another
    /// one than ours and known.
    fn of(&mut self, outcome: &Outcome, zero_us: Option<i64>) {
        let times = &mut self.times;
        let total = stage_us(outcome, Stage::Total);
        let (began, ended) = match (zero_us, &outcome.execution) {
            (Some(zero), Some(execution)) => {
                // Nothing is handled before it is sent, or after it is answered.
                let ours = |at: u64| {
                    let at = signed(at).saturating_sub(zero).max(0).unsigned_abs();
                    at.clamp(times.sent_us, times.seen_us.max(times.sent_us))
                };
                (ours(execution.began_at_us), ours(execution.ended_at_us))
            }
            _ => (times.seen_us.saturating_sub(total), times.seen_us),
        };
        times.function_started_us = Some(began);
        times.made_us = Some(ended.saturating_sub(storing_us(outcome)).max(began));
        times.stored_us = Some(ended);
        let stages = outcome.timings.iter();
        self.stages_us = stages
            .map(|(stage, _)| (stage, stage_us(outcome, stage)))
            .collect();
        self.traffic = outcome.traffic;
        if let Some(execution) = &outcome.execution {
            self.cold = execution.before == 0;
            self.cpu_us = Some(execution.cpu_us);
            self.peak_bytes = execution.peak_bytes;
        }
    }
}

/// Both clocks, as [`Clocks`] says; what is worked out there from when the answer came is here by when the
/// function began and ended.
fn clocks(mode: Mode, calls: &[Call]) -> Clocks {
    let times = || calls.iter().map(|call| &call.times);
    let first = times().map(|times| times.submitted_us).min();
    let last = times().map(|times| times.seen_us).max();
    let end_to_end_us = last
        .zip(first)
        .map(|(last, first)| last.saturating_sub(first));
    let begun = times().filter_map(|times| times.function_started_us).min();
    let last_made = times().filter_map(|times| times.made_us).max();
    let begun_to_made = last_made
        .zip(begun)
        .map(|(made, begun)| made.saturating_sub(begun));
    let paper_us = match mode {
        Mode::Sequential => {
            let storing = times().filter_map(|times| Some(times.stored_us? - times.made_us?));
            let storing: u64 = storing.sum();
            // Without an outcome there is nothing to tell storing from.
            begun_to_made
                .and(end_to_end_us)
                .map(|all| all.saturating_sub(storing))
        }
        Mode::Parallel | Mode::FanOut => begun_to_made,
    };
    Clocks {
        end_to_end_us,
        paper_us,
    }
}

/// How wrong the paper clock can be, to the worse side, as the instances' clocks are known only so well. Of one instance
/// it is by one clock, and right. Absent where there is no such clock.
fn paper_error(assembled: &Assembled, offsets: &[Offset]) -> Option<u64> {
    let paper_us = assembled.clocks.paper_us?;
    if offsets.len() < 2 {
        return Some(0);
    }
    let (mut begun, mut made) = ([u64::MAX; 2], [0; 2]);
    for Call {
        times, instance, ..
    } in &assembled.calls
    {
        let (Some(began_us), Some(made_us)) = (times.function_started_us, times.made_us) else {
            continue;
        };
        let of_instance = instance.and_then(|place| offsets.get(place));
        let [earlier, later] = of_instance.map_or([0; 2], |offset| offset.error_us());
        // Nothing is handled before it is sent, or after it is answered.
        let bounds = |at: u64| {
            [at.saturating_sub(earlier), at.saturating_add(later)]
                .map(|at| at.clamp(times.sent_us, times.seen_us.max(times.sent_us)))
        };
        let (began, ended) = (bounds(began_us), bounds(made_us));
        begun = [begun[0].min(began[0]), begun[1].min(began[1])];
        made = [made[0].max(ended[0]), made[1].max(ended[1])];
    }
    let [shortest, longest] = [
        made[0].saturating_sub(begun[1]),
        made[1].saturating_sub(begun[0]),
    ];
    Some(longest.abs_diff(paper_us).max(paper_us.abs_diff(shortest)))
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use cos_thumbnails::outcome::Timings;

    use super::*;
    use crate::record::Key;

    /// The sample began then.
    const BEGAN_US: u64 = 1_800_000_000_000_000;

    /// Sent and seen by our clock, since the sample began; handled by its own.
    fn picture(n: u64, sent_us: u64, seen_us: u64, execution: Option<Execution>) -> Picture {
        let mut timings = Timings::default();
        timings.add(Stage::Decode, Duration::from_micros(60));
        timings.add(Stage::Store, Duration::from_micros(30));
        timings.add(Stage::Commit, Duration::from_micros(10));
        timings.add(Stage::Total, Duration::from_micros(100));
        let outcome = Outcome {
            event_id: "e".into(),
            key: Key::new("k"),
            verdict: Verdict::Made,
            reason: None,
            message: None,
            etag: None,
            recipe: "r".into(),
            original: None,
            thumbnails: Vec::new(),
            degraded: None,
            ignored: Vec::new(),
            run_refused: false,
            traffic: Traffic {
                gets: 1,
                bytes_read: 7,
                ..Traffic::default()
            },
            timings,
            execution,
        };
        Picture {
            n,
            key: Key::new(format!("images/{n}")),
            bytes: None,
            submitted_us: sent_us,
            sent_us,
            finished_us: seen_us,
            attempts: 1,
            adapted: Vec::new(),
            end: End::Outcome(Box::new(outcome)),
        }
    }

    fn by(instance: &str, before: u64, began_us: u64, ahead_us: u64) -> Execution {
        let at = BEGAN_US + ahead_us + began_us;
        Execution {
            instance: instance.into(),
            before,
            ready_at_us: BEGAN_US + ahead_us + 500 - 1000 * before.min(1),
            began_at_us: at,
            ended_at_us: at + 100,
            cpu_us: 60,
            process_cpu_us: [1000 + 100 * before, 1100 + 100 * before],
            peak_bytes: Some(4096 * (before + 1)),
        }
    }

    fn assembled(mode: Mode, pictures: Vec<Picture>) -> Assembled {
        let began = DateTime::from_timestamp_micros(signed(BEGAN_US)).unwrap();
        assemble(1, mode, began, pictures)
    }

    #[test]
    fn a_functions_clock_that_is_wrong_is_set_right_by_the_exchange_with_the_least_delay() {
        const HOUR: u64 = 3_600_000_000;
        // The first waits for 1000 on its way there, the second for 20 there and 20 back.
        let late = picture(1, 0, 1120, Some(by("a", 0, 1000, HOUR)));
        let quick = picture(2, 2000, 2140, Some(by("a", 1, 2020, HOUR)));
        let other = picture(3, 0, 120, Some(by("b", 4, 10, 0)));
        let all = assembled(Mode::FanOut, vec![late, quick, other]);
        let [a, b] = &all.instances[..] else {
            panic!("{:?}", all.instances)
        };
        // As far as the exchange says, and no further: the answer took 20 at most.
        assert_eq!((a.offset_us, a.offset_error_us), (signed(HOUR) - 20, 40));
        assert_eq!((b.offset_us, b.offset_error_us), (0, 10));
        assert_eq!((a.ready_us, b.ready_us), (520, -500));
        assert_eq!((a.cold, b.cold), (true, false));
        assert_eq!((a.calls, b.calls), (2, 1));
        // The cold one's start is of this sample.
        assert_eq!((a.usage.cpu_us, b.usage.cpu_us), (1200, 100));
        assert_eq!(a.usage.peak_bytes, Some(8192));
        let times = all.calls[0].times;
        assert_eq!(times.function_started_us, Some(1020));
        assert_eq!(times.made_us, Some(1080));
        assert_eq!(times.stored_us, Some(1120));
        assert_eq!(times.seen_us, 1120);
        assert_eq!(
            all.calls.iter().map(|call| call.cold).collect::<Vec<_>>(),
            [true, false, false]
        );
        assert_eq!(
            all.calls
                .iter()
                .map(|call| call.instance)
                .collect::<Vec<_>>(),
            [Some(0), Some(0), Some(1)]
        );
        // From the first start in the function, of b, to the last thumbnails made, by a.
        assert_eq!(
            all.clocks,
            Clocks {
                end_to_end_us: Some(2140),
                paper_us: Some(2100 - 10)
            }
        );
        // Of a 40 earlier, of b 10 later.
        assert_eq!(all.paper_error_us, Some(50));
        assert_eq!((all.traffic.gets, all.traffic.bytes_read), (3, 21));
    }

    #[test]
    fn a_cold_start_is_no_error_of_the_clock() {
        const START: u64 = 9_000_000;
        let cold = |instance, seen_us| picture(1, 0, seen_us, Some(by(instance, 0, START, 0)));
        let all = assembled(Mode::FanOut, vec![cold("a", START + 120)]);
        let [a] = &all.instances[..] else {
            panic!("{:?}", all.instances)
        };
        assert_eq!((a.offset_us, a.offset_error_us), (0, START));
        assert_eq!(all.calls[0].times.function_started_us, Some(START));
        assert_eq!(all.paper_error_us, Some(0), "by one clock");
        // Of two it is not known which of them waited, and which clock is wrong.
        let all = assembled(
            Mode::FanOut,
            vec![cold("a", START + 120), cold("b", START + 100)],
        );
        assert_eq!(all.clocks.paper_us, Some(60));
        let error = all.paper_error_us.unwrap();
        assert!((START..START + 200).contains(&error), "{error}");
        // One that was ready before and whose event waited for long is not cold by that.
        let mut waited = by("a", 0, START, 0);
        waited.ready_at_us = BEGAN_US - 1000;
        let waited = picture(1, 0, START + 120, Some(waited));
        assert!(!assembled(Mode::FanOut, vec![waited]).instances[0].cold);
    }

    #[test]
    fn in_this_process_there_is_one_clock_and_sequential_leaves_all_storing_out() {
        // The wall clock was set back meanwhile, which does not matter.
        let first = picture(1, 0, 100, Some(by("here", 7, 0, 0)));
        let second = picture(2, 100, 205, Some(by("here", 8, 0, 0)));
        let all = assembled(Mode::Sequential, vec![first, second]);
        assert_eq!(all.instances[0].offset_us, 0);
        assert_eq!(all.paper_error_us, None);
        assert_eq!(all.calls[1].times.function_started_us, Some(105));
        assert_eq!(
            all.clocks,
            Clocks {
                end_to_end_us: Some(205),
                paper_us: Some(205 - 2 * 40)
            }
        );
        assert!(!all.instances[0].cold);
    }

    #[test]
    fn an_instance_that_had_started_before_and_handled_nothing_is_neither_cold_nor_warm() {
        let woken = |execution: Execution| Execution {
            ready_at_us: BEGAN_US - 1_000_000,
            ..execution
        };
        let of = |execution| {
            let picture = picture(1, 0, 120, execution);
            assembled(Mode::FanOut, vec![picture]).instances
        };
        for (instances, cold, warm) in [
            (of(Some(by("a", 0, 10, 0))), true, false),
            (of(Some(by("a", 1, 10, 0))), false, true),
            (of(Some(woken(by("a", 0, 10, 0)))), false, false),
            (of(None), false, false),
        ] {
            assert_eq!(is_of(Temperature::Cold, &instances), cold, "{instances:?}");
            assert_eq!(is_of(Temperature::Warm, &instances), warm, "{instances:?}");
            assert!(is_of(Temperature::Any, &instances));
        }
    }

    #[test]
    fn what_failed_counts_in_the_end_to_end_clock_alone_and_an_older_function_has_no_instances() {
        let failed = Picture {
            end: End::Error("no".into()),
            attempts: 3,
            ..picture(1, 0, 900, None)
        };
        let all = assembled(Mode::FanOut, vec![failed, picture(2, 50, 200, None)]);
        assert_eq!((all.failed, all.retries), (1, 2));
        assert!(all.instances.is_empty());
        assert_eq!(all.calls[1].times.function_started_us, Some(100));
        assert_eq!(
            all.clocks,
            Clocks {
                end_to_end_us: Some(900),
                paper_us: Some(60)
            }
        );
        let nothing = assembled(Mode::Parallel, Vec::new());
        assert_eq!(nothing.clocks, Clocks::default());
    }
}
