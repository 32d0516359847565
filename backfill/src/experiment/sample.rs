//! One sample: a run of its own over the first so many originals, with all that is known of its calls.

use std::fs;
use std::sync::Arc;

use chrono::Utc;
use cos_thumbnails::process;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::Cell;
use super::assemble::{assemble, is_of};
use super::preflight::Prepared;
use crate::record::experiment::{Call, CallEnd, Discarded, Sample, Temperature, Usage};
use crate::record::{End, Mode, Verdict};
use crate::replay::{Replay, backoff, run_id};
use crate::target::Target;

/// Where a sample is taken.
pub(super) struct Place<'a> {
    pub(super) target: &'a Arc<dyn Target>,
    pub(super) prepared: &'a Prepared,
    pub(super) retries: usize,
    pub(super) stop: &'a CancellationToken,
}

/// A sample with its calls.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) sample: Sample,
    pub(super) calls: Vec<Call>,
}

/// Takes the sample of that number; `None` where it was interrupted.
pub(super) async fn take(
    place: &Place<'_>,
    number: u32,
    cell: Cell,
    attempt: u32,
) -> Option<Taken> {
    let Place { prepared, stop, .. } = place;
    let count = usize::try_from(cell.count).unwrap_or(usize::MAX);
    let originals = &prepared.originals[..count.min(prepared.originals.len())];
    let bucket = prepared.policy.bucket();
    let changes = originals.iter().cloned();
    let changes: Vec<_> = changes
        .map(|original| Ok(original.change(bucket)))
        .collect();
    let replay = Replay {
        run: run_id(),
        first: 1,
        in_flight: prepared.experiment.in_flight[&cell.mode],
        retry: backoff(place.retries),
        stop: (*stop).clone(),
    };
    forget_peak();
    let cpu = process::cpu();
    let (began, mut pictures) = (Utc::now(), Vec::with_capacity(originals.len()));
    let target = Arc::clone(place.target);
    let replayed = replay.run(stream::iter(changes), target, |picture| {
        pictures.push(picture);
        Ok(())
    });
    let ended = replayed.await;
    let cpu = process::cpu().saturating_sub(cpu);
    let peak_bytes = process::peak_bytes();
    let failed = pictures.iter().any(|one| matches!(one.end, End::Error(_)));
    let whole = ended.is_ok() && pictures.len() == originals.len() && !failed;
    if stop.is_cancelled() && !whole {
        return None;
    }
    let assembled = assemble(number, cell.mode, began, pictures);
    let handled =
        |(verdict, _): (&Verdict, &u64)| matches!(verdict, Verdict::Made | Verdict::Rejected);
    let wanted = match cell.mode {
        Mode::FanOut => prepared.experiment.design.temperature,
        Mode::Sequential | Mode::Parallel => Temperature::Any,
    };
    let discarded = if assembled.failed > 0 || !assembled.verdicts.iter().all(handled) {
        Some(Discarded::Failed)
    } else if is_of(wanted, &assembled.instances) {
        None
    } else {
        Some(Discarded::Temperature)
    };
    let cold_instances = assembled.instances.iter().filter(|one| one.cold).count();
    let sample = Sample {
        sample: number,
        mode: cell.mode,
        count: cell.count,
        repetition: cell.repetition,
        attempt,
        discarded,
        run: replay.run,
        started: began,
        bytes: originals.iter().filter_map(|original| original.bytes).sum(),
        verdicts: assembled.verdicts,
        failed: assembled.failed,
        retries: assembled.retries,
        clocks: assembled.clocks,
        paper_error_us: assembled.paper_error_us,
        cold_instances: u32::try_from(cold_instances).unwrap_or(u32::MAX),
        instances: assembled.instances,
        client: Usage {
            cpu_us: u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
            peak_bytes,
        },
        traffic: assembled.traffic,
    };
    Some(Taken {
        sample,
        calls: assembled.calls,
    })
}

impl Taken {
    /// Why the first call failed that did.
    pub(super) fn why_failed(&self) -> String {
        let mut ends = self.calls.iter().map(|call| (&call.key, &call.end));
        let failed = ends.find_map(|(key, end)| match end {
            CallEnd::Error(error) => Some(format!("{key}: {error}")),
            CallEnd::Verdict(Verdict::Made | Verdict::Rejected) => None,
            CallEnd::Verdict(verdict) => Some(format!("{key}: {verdict}, and not made anew")),
        });
        failed.unwrap_or_else(|| "not all was sent".to_owned())
    }
}

/// The most memory is that of a sample, where the system lets its mark be set back (proc(5), `clear_refs`).
fn forget_peak() {
    // Elsewhere it is that since the process began.
    let _ = fs::write("/proc/self/clear_refs", "5");
}
