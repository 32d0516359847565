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
        return offsets.first().map(|_| 0);
    }
    let (mut first, mut last) = ([u64::MAX; 2], [0; 2]);
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
        let (of_begin, of_end) = (bounds(began_us), bounds(made_us));
        first = [first[0].min(of_begin[0]), first[1].min(of_begin[1])];
        last = [last[0].max(of_end[0]), last[1].max(of_end[1])];
    }
    let [shortest, longest] = [
        last[0].saturating_sub(first[1]),
        last[1].saturating_sub(first[0]),
    ];
    Some(longest.abs_diff(paper_us).max(paper_us.abs_diff(shortest)))
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
