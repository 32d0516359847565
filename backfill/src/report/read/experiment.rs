//! From the record of an experiment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    ReadError, Record, gib, in_flight_of, instances, is_generated, is_loopback, machine, originals,
    seconds, total,
};
use crate::cost::{Meter, Place, Took, Usage, is_public_endpoint};
use crate::record::experiment::{self, Discarded, Experiment, Line, Temperature};
use crate::record::{Environment, Mode, Stage, build};
use crate::report::data::{Call, Clock, Sample, Source};

pub(super) fn read(mut record: Record) -> Result<(Source, Vec<Sample>), ReadError> {
    let mut source = Source {
        name: String::new(),
        facts: Vec::new(),
        comparable: Vec::new(),
        left_out: BTreeMap::new(),
        on_loopback: false,
        generated: false,
    };
    let mut place = None;
    let (mut samples, mut calls) = (Vec::new(), Vec::new());
    let (mut generated, mut offsets) = (false, Offsets::default());
    while let Some(line) = record.next()? {
        match line {
            Line::Experiment(experiment) => {
                describe(&mut source, &experiment);
                place = Some(*experiment);
            }
            Line::Call(call) => {
                generated |= is_generated(call.key.as_str());
                calls.push(*call);
            }
            Line::Sample(sample) => {
                let calls = std::mem::take(&mut calls);
                if let Some(why) = sample.discarded {
                    source.leave_out(match why {
                        Discarded::WarmUp => "warm-ups",
                        Discarded::Temperature => "instances of the wrong temperature",
                        Discarded::Failed => "calls failed",
                    });
                } else {
                    offsets.add(&sample);
                    let spent = place.as_ref().and_then(|of| spent(of, &sample, &calls));
                    samples.push(Sample {
                        spent,
                        ..counted(&sample, &calls)
                    });
                }
            }
            Line::Resumed(resumed) => {
                source.facts.push(("gone on with", resumed.at.to_string()));
                // On another machine, or by another build, it is another series.
                let on = of_environment(&resumed.environment);
                let others = on.filter(|one| !source.comparable.contains(one));
                let others: Vec<_> = others.collect();
                source.comparable.extend(others);
                if let Some(experiment) = &mut place {
                    experiment.environment = resumed.environment;
                }
            }
            Line::Ended(ended) => source.facts.push(("ended", ended.at.to_string())),
        }
    }
    source.comparable.push(("originals", originals(generated)));
    source.generated = generated;
    source.facts.extend(offsets.fact());
    Ok((source, samples))
}

fn describe(source: &mut Source, experiment: &Experiment) {
    let design = &experiment.design;
    let counts: Vec<String> = design.counts.iter().map(ToString::to_string).collect();
    source.name.clone_from(&experiment.experiment);
    source.facts = vec![
        ("begun", experiment.started.to_string()),
        (
            "design",
            format!(
                "{} pictures, {} repetitions in random order (seed {}), {} warm-ups of each mode",
                counts.join(", "),
                design.repetitions,
                design.seed,
                design.warm_ups
            ),
        ),
        ("recipe in full", experiment.recipe_text.clone()),
    ];
    if let Some(prices) = &experiment.prices {
        source.facts.push(("prices of", prices.clone()));
    }
    if let Some(function) = &experiment.function {
        source
            .facts
            .push(("function's limits", function.limits.clone()));
    }
    source.on_loopback = is_loopback(&experiment.endpoint);
    source.comparable = of_environment(&experiment.environment).collect();
    source.comparable.extend([
        ("store", experiment.endpoint.clone()),
        ("recipe", experiment.recipe.clone()),
        (
            "data set",
            format!(
                "{} pictures, {} bytes, SHA-256 {}",
                experiment.data_set.pictures, experiment.data_set.bytes, experiment.data_set.sha256
            ),
        ),
    ]);
    if let Some(function) = &experiment.function {
        let build = build(&function.version, function.revision.as_deref());
        let text = format!("{} ({build})", function.url);
        source.comparable.push(("function", text));
        let temperature = match design.temperature {
            Temperature::Any => "any",
            Temperature::Cold => "cold",
            Temperature::Warm => "warm",
        };
        source
            .comparable
            .push(("temperature", temperature.to_owned()));
    }
    if let Some(bytes) = experiment.memory_bytes {
        // What is in work at once has to find room in it, and waits where it does not.
        source
            .comparable
            .push(("memory of pictures in work", gib(bytes)));
    }
    let in_flight = experiment.in_flight.iter();
    let in_flight = in_flight.map(|(mode, most)| (in_flight_of(*mode), most.to_string()));
    source.comparable.extend(in_flight);
}

fn of_environment(
    environment: &Environment,
) -> impl Iterator<Item = (&'static str, String)> + use<> {
    [
        ("machine", machine(environment)),
        ("version", environment.build()),
    ]
    .into_iter()
}

/// What a sample used, where its work was done.
fn spent(
    experiment: &Experiment,
    sample: &experiment::Sample,
    calls: &[experiment::Call],
) -> Option<(Meter, Took)> {
    let busy = |call: &experiment::Call| {
        let us = call.stages_us.get(&Stage::Total).copied();
        Duration::from_micros(us.unwrap_or_default())
    };
    let here = sample.mode != Mode::FanOut;
    let place = if here {
        let processors = experiment.environment.processors;
        Place::Machine { processors }
    } else if sample.instances.is_empty() {
        return None;
    } else {
        let size = experiment.instance.unwrap_or_default();
        let cold = usize::try_from(sample.cold_instances).unwrap_or(usize::MAX);
        instances(size, sample.instances.len(), cold)
    };
    let took = Took {
        all: Duration::from_micros(sample.clocks.end_to_end_us?),
        start_up: if sample.cold_instances > 0 {
            start_up(calls)
        } else {
            Duration::ZERO
        },
        sessions: 1,
    };
    let is_public = here && is_public_endpoint(&experiment.endpoint);
    let mut meter = Meter::new(place, is_public, Usage::default());
    for call in calls {
        meter.add_call(call.attempts, &call.traffic, busy(call));
    }
    Some((meter, took))
}

/// From when the first call was to be sent until work on the first one began.
fn start_up(calls: &[experiment::Call]) -> Duration {
    let submitted = calls.iter().map(|call| call.times.submitted_us).min();
    let started = calls
        .iter()
        .filter_map(|call| call.times.function_started_us);
    let started = started.min().zip(submitted);
    let us = started.map(|(started, submitted)| started.saturating_sub(submitted));
    Duration::from_micros(us.unwrap_or_default())
}

fn counted(sample: &experiment::Sample, calls: &[experiment::Call]) -> Sample {
    let clocks = [
        (Clock::EndToEnd, sample.clocks.end_to_end_us),
        (Clock::Paper, sample.clocks.paper_us),
    ];
    Sample {
        name: sample.sample.to_string(),
        mode: sample.mode,
        pictures: sample.count.into(),
        rejected: sample.rejected(),
        retries: sample.retries,
        clocks: clocks
            .into_iter()
            .filter_map(|(clock, us)| Some((clock, seconds(us?))))
            .collect(),
        calls: calls.iter().map(call).collect(),
        cpu: total(calls.iter().map(|call| call.cpu_us.map(seconds))),
        spent: None,
    }
}

fn call(call: &experiment::Call) -> Call {
    let times = &call.times;
    let stages = call.stages_us.iter();
    Call {
        submitted: seconds(times.submitted_us),
        started: times.function_started_us.map(seconds),
        made: times.made_us.map(seconds),
        stored: times.stored_us.map(seconds),
        seen: seconds(times.seen_us),
        stages: stages.map(|(stage, us)| (*stage, seconds(*us))).collect(),
    }
}

/// How much the clocks of instances were off, in microseconds.
#[derive(Debug, Default)]
struct Offsets {
    seen: Option<(i64, i64)>,
    error: u64,
    of_paper_clock: u64,
}

impl Offsets {
    fn add(&mut self, sample: &experiment::Sample) {
        if sample.mode != Mode::FanOut {
            return;
        }
        self.of_paper_clock = self.of_paper_clock.max(sample.paper_error_us.unwrap_or(0));
        for instance in &sample.instances {
            let offset = instance.offset_us;
            let (low, high) = self.seen.unwrap_or((offset, offset));
            self.seen = Some((low.min(offset), high.max(offset)));
            self.error = self.error.max(instance.offset_error_us);
        }
    }

    fn fact(&self) -> Option<(&'static str, String)> {
        let (low, high) = self.seen?;
        let text = format!(
            "{low} to {high} us ahead of this machine's, known to within {} us; taken out of the times; by that, the paper \
             clock of fan-out is known to within {} us",
            self.error, self.of_paper_clock
        );
        Some(("clocks of the instances", text))
    }
}
