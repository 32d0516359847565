//! From the record of a run: one sample.

use std::collections::BTreeMap;

use super::{
    ReadError, Record, in_flight_of, instances, is_generated, is_loopback, machine, originals,
    seconds, total,
};
use crate::cost::{
    Interval, Meter, PER_VCPU_OF_JOB, Place, START_UP_SECONDS, Usage, float, is_public_endpoint,
};
use crate::measure::{self, Measure};
use crate::record::{End, Environment, Line, Mode, Outcome, Picture, Run, Stage, Summary, Verdict};
use crate::report::data::{Call, Clock, Sample, Source};

pub(super) fn read(mut record: Record) -> Result<(Source, Vec<Sample>), ReadError> {
    let environment = record.environment();
    let (mut begun, mut ended, mut pictures) = (None, None, BTreeMap::new());
    // Those that failed before the run went on, and came again: each was sent, and is paid for.
    let mut sent_in_vain: Vec<Picture> = Vec::new();
    while let Some(line) = record.next()? {
        match (line, &mut begun) {
            (Line::Run(run), _) => begun = Some((Measure::new(&run), run)),
            (Line::Picture(picture), Some((measure, _))) => {
                measure.add(&picture);
                pictures.insert(picture.n, *picture);
            }
            (Line::Resumed(_), Some((measure, _))) => {
                measure.resume();
                // What failed comes again, and what was summed up before was a part.
                let failed = pictures.extract_if(.., |_, picture| outcome(picture).is_none());
                sent_in_vain.extend(failed.map(|(_, picture)| picture));
                ended = None;
            }
            (Line::Summary(summary), _) => ended = Some(summary),
            (Line::Picture(_) | Line::Resumed(_), None) => {}
        }
    }
    let Some((measure, run)) = begun else {
        return Err(ReadError::Empty(record.path));
    };
    let generated = pictures
        .values()
        .any(|picture| is_generated(picture.key.as_str()));
    let mut source = describe(&run);
    source.generated = generated;
    source.comparable.push(("originals", originals(generated)));
    if let Some(environment) = &environment {
        source.comparable.push(("machine", machine(environment)));
    }
    let summary = match whole(ended) {
        Ok(summary) => summary,
        Err(why) => {
            source.leave_out(why);
            return Ok((source, Vec::new()));
        }
    };
    if summary.resumed > 0 {
        let times = summary.resumed;
        let text = format!("{times} times: there is no clock over the time between");
        source.facts.push(("gone on with", text));
    }
    let clocks = [
        (Clock::EndToEnd, summary.clocks.end_to_end_us),
        (Clock::Paper, summary.clocks.paper_us),
    ];
    let spent = place(&run, &summary, environment.as_ref(), &pictures).zip(measure.took());
    let sample = Sample {
        name: run.run.clone(),
        mode: run.mode,
        pictures: run.pictures,
        rejected: summary.count(Verdict::Rejected),
        retries: summary.retries,
        clocks: clocks
            .into_iter()
            .filter_map(|(clock, us)| Some((clock, seconds(us?))))
            .collect(),
        calls: pictures.values().map(call).collect(),
        cpu: total(pictures.values().map(cpu)),
        spent: spent.map(|(place, took)| {
            let here = run.mode != Mode::FanOut;
            let is_public = here && run.endpoint.as_deref().is_some_and(is_public_endpoint);
            let mut meter = Meter::new(place, is_public, Usage::default());
            for picture in &sent_in_vain {
                meter.add(picture);
            }
            meter.count_as(0);
            for picture in pictures.values() {
                meter.add(picture);
            }
            (meter, took)
        }),
    };
    Ok((source, vec![sample]))
}

/// Where the work was done: on the machine of the manifest, in the instances of the job run, or in those that handled
/// an event. `None` where nobody says.
fn place(
    run: &Run,
    summary: &Summary,
    environment: Option<&Environment>,
    pictures: &BTreeMap<u64, Picture>,
) -> Option<Place> {
    if run.mode != Mode::FanOut {
        let processors = environment?.processors;
        return Some(Place::Machine { processors });
    }
    let size = run.instance.unwrap_or_default();
    if let Some(job) = &summary.job {
        return Some(Place::Instances {
            size,
            concurrency: (PER_VCPU_OF_JOB * size.vcpu).max(1.0),
            number: Interval::exactly(float(job.instances.into())),
            start_up_seconds: START_UP_SECONDS,
            idle_seconds: Interval::ZERO,
            is_called: false,
        });
    }
    let executions = pictures.values().filter_map(outcome);
    let executions = executions.filter_map(|outcome| outcome.execution.as_ref());
    let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
    for execution in executions {
        *seen.entry(&execution.instance).or_default() |= execution.before == 0;
    }
    let cold = seen.values().filter(|cold| **cold).count();
    (!seen.is_empty()).then(|| instances(size, seen.len(), cold))
}

fn outcome(picture: &Picture) -> Option<&Outcome> {
    match &picture.end {
        End::Outcome(outcome) => Some(outcome),
        End::Error(_) => None,
    }
}

/// The summary, if it is of all that was selected; else why it is not.
fn whole(ended: Option<Box<Summary>>) -> Result<Box<Summary>, &'static str> {
    let summary = ended.ok_or("the run has not ended")?;
    if summary.ended_early.is_some() {
        return Err("the run ended early");
    }
    if summary.failed > 0 {
        return Err("pictures of the run failed");
    }
    if summary.finished != summary.pictures {
        return Err("originals came or went during the run");
    }
    Ok(summary)
}

fn describe(run: &Run) -> Source {
    let mut comparable = vec![
        ("recipe", run.recipe.clone()),
        ("version", run.version.clone()),
        (in_flight_of(run.mode), run.in_flight.to_string()),
    ];
    comparable.extend(run.function.clone().map(|function| ("function", function)));
    comparable.extend(run.job.clone().map(|job| ("job", job)));
    comparable.extend(run.endpoint.clone().map(|endpoint| ("store", endpoint)));
    Source {
        name: run.run.clone(),
        facts: vec![("begun", run.started.to_string())],
        comparable,
        left_out: BTreeMap::new(),
        on_loopback: run.endpoint.as_deref().is_some_and(is_loopback),
        generated: false,
    }
}

/// Seconds of a processor that a picture took.
fn cpu(picture: &Picture) -> Option<f64> {
    let execution = outcome(picture)?.execution.as_ref()?;
    Some(seconds(execution.cpu_us))
}

/// When work on it began and ended is worked out from the flow's stages, as for the paper clock.
fn call(picture: &Picture) -> Call {
    let outcome = outcome(picture);
    let seen = seconds(picture.finished_us);
    let earlier = |by: f64| (seen - by).max(0.0);
    let stages: BTreeMap<Stage, f64> = outcome
        .iter()
        .flat_map(|outcome| outcome.timings.iter())
        .map(|(stage, time)| (stage, time.as_secs_f64()))
        .collect();
    Call {
        submitted: seconds(picture.submitted_us),
        started: stages.get(&Stage::Total).map(|total| earlier(*total)),
        made: outcome.map(|outcome| earlier(seconds(measure::storing_us(outcome)))),
        stored: outcome.map(|_| seen),
        seen,
        stages,
    }
}
