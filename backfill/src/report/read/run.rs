//! From the record of a run: one sample.

use std::collections::BTreeMap;

use super::{
    ReadError, Record, in_flight_of, is_generated, is_loopback, machine, originals, seconds, total,
};
use crate::measure;
use crate::record::{End, Line, Picture, Run, Stage, Summary, Verdict};
use crate::report::data::{Call, Clock, Sample, Source};

pub(super) fn read(mut record: Record) -> Result<(Source, Vec<Sample>), ReadError> {
    let environment = record.environment();
    let (mut head, mut ended, mut pictures) = (None, None, BTreeMap::new());
    while let Some(line) = record.next()? {
        match line {
            Line::Run(run) => head = Some(run),
            // What failed and came again counts as it came at last.
            Line::Picture(picture) => {
                pictures.insert(picture.n, *picture);
            }
            // What was summed up before was a part.
            Line::Resumed(_) => ended = None,
            Line::Summary(summary) => ended = Some(summary),
        }
    }
    let Some(run) = head else {
        return Err(ReadError::Empty(record.path));
    };
    let generated = pictures
        .values()
        .any(|picture| is_generated(picture.key.as_str()));
    let mut source = describe(&run);
    source.comparable.push(("originals", originals(generated)));
    if let Some(environment) = environment {
        source.comparable.push(("machine", machine(&environment)));
    }
    let summary = match whole(ended) {
        Ok(summary) => summary,
        Err(why) => {
            source.leave_out(why);
            return Ok((source, Vec::new()));
        }
    };
    let clocks = [
        (Clock::EndToEnd, summary.clocks.end_to_end_us),
        (Clock::Paper, summary.clocks.paper_us),
    ];
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
        spent: None,
    };
    Ok((source, vec![sample]))
}

/// The summary, if its clocks are those of all that was selected; else why they are not.
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
    if summary.resumed > 0 {
        return Err("the run was gone on with, and there is no clock over the time between");
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
    }
}

/// Seconds of a processor that a picture took.
fn cpu(picture: &Picture) -> Option<f64> {
    match &picture.end {
        End::Outcome(outcome) => Some(seconds(outcome.execution.as_ref()?.cpu_us)),
        End::Error(_) => None,
    }
}

/// When work on it began and ended is worked out from the flow's stages, as for the paper clock.
fn call(picture: &Picture) -> Call {
    let outcome = match &picture.end {
        End::Outcome(outcome) => Some(outcome),
        End::Error(_) => None,
    };
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
