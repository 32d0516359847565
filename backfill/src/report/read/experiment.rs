//! From the record of an experiment.

use std::collections::BTreeMap;

use super::{ReadError, Record, is_generated, machine, originals, seconds};
use crate::record::Mode;
use crate::record::experiment::{self, Discarded, Experiment, Line};
use crate::report::data::{Call, Clock, Sample, Source};

pub(super) fn read(mut record: Record) -> Result<(Source, Vec<Sample>), ReadError> {
    let mut source = Source {
        name: String::new(),
        facts: Vec::new(),
        comparable: Vec::new(),
        left_out: BTreeMap::new(),
    };
    let (mut samples, mut calls) = (Vec::new(), Vec::new());
    let (mut generated, mut offsets) = (false, Offsets::default());
    while let Some(line) = record.next()? {
        match line {
            Line::Experiment(experiment) => describe(&mut source, &experiment),
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
                    samples.push(counted(&sample, &calls));
                }
            }
            Line::Resumed(resumed) => {
                let on = format!("{} on {}", resumed.at, machine(&resumed.environment));
                source.facts.push(("gone on with", on));
            }
            Line::Ended(ended) => source.facts.push(("ended", ended.at.to_string())),
        }
    }
    source.comparable.push(("originals", originals(generated)));
    source.facts.extend(offsets.fact());
    Ok((source, samples))
}

fn describe(source: &mut Source, experiment: &Experiment) {
    let design = &experiment.design;
    let counts: Vec<String> = design.counts.iter().map(ToString::to_string).collect();
    let in_flight = experiment.in_flight.iter();
    let in_flight: Vec<String> = in_flight
        .map(|(mode, most)| format!("{} {most}", mode.name()))
        .collect();
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
        ("version", experiment.environment.version.clone()),
        ("in flight at most", in_flight.join(", ")),
    ];
    if let Some(prices) = &experiment.prices {
        source.facts.push(("prices of", prices.clone()));
    }
    if let Some(function) = &experiment.function {
        source.facts.push((
            "function",
            format!("{} ({})", function.url, function.version),
        ));
    }
    source.comparable = vec![
        ("machine", machine(&experiment.environment)),
        ("store", experiment.endpoint.clone()),
        (
            "recipe",
            format!("{} ({})", experiment.recipe_text, experiment.recipe),
        ),
        (
            "data set",
            format!(
                "{} pictures, {} bytes, SHA-256 {}",
                experiment.data_set.pictures, experiment.data_set.bytes, experiment.data_set.sha256
            ),
        ),
    ];
}

fn counted(sample: &experiment::Sample, calls: &[experiment::Call]) -> Sample {
    let clocks = [
        (Clock::EndToEnd, sample.clocks.end_to_end_us),
        (Clock::Paper, sample.clocks.paper_us),
    ];
    let elsewhere: u64 = match sample.mode {
        Mode::Sequential | Mode::Parallel => 0,
        Mode::FanOut => sample
            .instances
            .iter()
            .map(|instance| instance.usage.cpu_us)
            .sum(),
    };
    Sample {
        name: sample.sample.to_string(),
        mode: sample.mode,
        pictures: sample.count.into(),
        rejected: sample.rejected(),
        clocks: clocks
            .into_iter()
            .filter_map(|(clock, us)| Some((clock, seconds(us?))))
            .collect(),
        calls: calls.iter().map(call).collect(),
        cpu: Some(seconds(sample.client.cpu_us.saturating_add(elsewhere))),
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
