//! What a run is expected to take and to cost, and where it does its work, as far as that is billed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::args::{Settings, Way};
use crate::cost::{
    Expected, InstanceSize, Interval, Meter, Place, Projection, Work, figures, float, usd,
};
use crate::measure::Measure;
use crate::originals::Extent;
use crate::plan::{PlanError, thumbnails_each};
use crate::record::Line;

/// Pictures at once in an instance, for each vCPU, as `deploy/code-engine/up` has it for the application;
/// those of a job have [`PER_CORE_OF_JOB`].
const PER_VCPU: f64 = 2.0;
/// Pictures at once in an instance of a job, for each vCPU.
const PER_CORE_OF_JOB: f64 = 4.0;
/// The most instances of the application, as `deploy/code-engine/up` has it.
const MAX_SCALE: f64 = 10.0;
/// From the pull of its image until an instance works. Assumed: up to the 13 s after which the first worker of
/// the paper's timelines starts.
const START_UP_SECONDS: Interval = Interval::between(1.0, 13.0);
/// How long an instance of the application stays when there is nothing more to do: "about a minute or more" by
/// Code Engine's documentation, of which two are assumed.
const IDLE_SECONDS: Interval = Interval::between(60.0, 120.0);
/// Where Object Storage is.
const OBJECT_STORAGE: &str = ".cloud-object-storage.appdomain.cloud";

/// Why the rates of a run cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum MeasuredError {
    /// Its record cannot be read.
    #[error("{path:?} could not be read for --measured")]
    File {
        /// The record.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is none.
    #[error("{path:?} is no record of a run: line {line}")]
    Line {
        /// The record.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// It says nothing about this run.
    #[error("{path:?} does not tell how long this would take: {why}")]
    Other {
        /// The record.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Where a run of so many pictures does its work.
pub(crate) fn place(settings: &Settings, pictures: u64) -> Place {
    let size = InstanceSize::default();
    let (per_vcpu, most, idle_seconds, is_called) = match &settings.way {
        Way::Sequential | Way::Parallel => return Place::Machine,
        Way::FanOut { .. } => (PER_VCPU, MAX_SCALE, IDLE_SECONDS, true),
        Way::Job(job) => {
            let instances = f64::from(job.instances);
            (PER_CORE_OF_JOB, instances, Interval::ZERO, false)
        }
    };
    let concurrency = (per_vcpu * size.vcpu).max(1.0);
    let at_once = match &settings.way {
        Way::Job(_) => pictures,
        _ => pictures.min(settings.in_flight as u64),
    };
    let of_one = if is_called { concurrency } else { 1.0 };
    let needed = (float(at_once) / of_one).ceil();
    Place::Instances {
        size,
        concurrency,
        number: Interval::exactly(needed.min(most)),
        start_up_seconds: START_UP_SECONDS,
        idle_seconds,
        is_called,
    }
}

/// Whether what this process reads of the store is billed as egress.
pub(crate) fn is_public(settings: &Settings) -> bool {
    let here = matches!(settings.way, Way::Sequential | Way::Parallel);
    let endpoint = settings.config.store.endpoint.trim_end_matches('/');
    let host = endpoint.rsplit('/').next().unwrap_or_default();
    let free = ["s3.direct.", "s3.private."];
    here && host.ends_with(OBJECT_STORAGE) && !free.iter().any(|start| host.starts_with(start))
}

/// What a run is expected to take and to use, and by which rates.
struct Estimate {
    projection: Projection,
    thousand: Projection,
    million: Projection,
    rates: String,
}

/// Shows what a run of this extent is expected to take and to cost.
pub(crate) fn write(
    settings: &Settings,
    extent: Extent,
    out: &mut impl Write,
) -> Result<(), PlanError> {
    let estimate = match settings.measured.as_deref() {
        None => assumed(settings, extent),
        Some(path) => measured(settings, path, extent)?,
    };
    let Estimate {
        projection,
        thousand,
        million,
        rates,
    } = estimate;
    writeln!(
        out,
        "expected   {}, {}; with a month's free tier {}",
        time(projection.seconds),
        usd(projection.cost.total()),
        usd(projection.cost_with_free_tier.total())
    )?;
    for (item, quantity) in projection.usage.iter() {
        writeln!(
            out,
            "           {:<18}{:<24}{}",
            item.name(),
            figures(quantity),
            usd(projection.cost.get(item))
        )?;
    }
    writeln!(
        out,
        "           1,000 pictures {}; 1,000,000 {}, with a month's free tier {}, in {}",
        usd(thousand.cost.total()),
        usd(million.cost.total()),
        usd(million.cost_with_free_tier.total()),
        time(million.seconds)
    )?;
    writeln!(out, "rates      {rates}")?;
    if let Place::Instances { size, number, .. } = place(settings, extent.pictures) {
        writeln!(
            out,
            "           instances  {} of {} vCPU and {} GB, up after {} s and idle for {} s at the end",
            figures(number),
            size.vcpu,
            size.memory_gb,
            figures(START_UP_SECONDS),
            figures(match &settings.way {
                Way::Job(_) => Interval::ZERO,
                _ => IDLE_SECONDS,
            })
        )?;
    }
    let (oldest, newest) = settings.prices.dates();
    writeln!(
        out,
        "prices     of {oldest} to {newest}, without contract and tax; a virtual machine is counted as bx2-2x8, \
         your own costs nothing"
    )?;
    for row in settings.prices.not_counted() {
        writeln!(out, "           not counted: {}", row.what)?;
    }
    Ok(())
}

fn assumed(settings: &Settings, extent: Extent) -> Estimate {
    let of = |pictures: u64, bytes: u64| {
        let work = Work {
            pictures,
            bytes,
            thumbnails_each: thumbnails_each(&settings.config.policy),
            in_flight: match &settings.way {
                Way::Job(_) => pictures,
                _ => settings.in_flight as u64,
            },
            processors: thread::available_parallelism().map_or(1, usize::from) as u64,
            place: place(settings, pictures),
            is_public: is_public(settings),
        };
        let Expected { seconds, usage } = Expected::of(&work);
        Projection::new(pictures, seconds, usage, &settings.prices)
    };
    let mean = extent.bytes / extent.pictures.max(1);
    Estimate {
        projection: of(extent.pictures, extent.bytes),
        thousand: of(1000, 1000 * mean),
        million: of(1_000_000, 1_000_000 * mean),
        rates: format!(
            "assumed, not measured: {}; --measured RUN takes those of a run of yours",
            Expected::ASSUMPTIONS
        ),
    }
}

/// By the record of another run, or its folder.
fn measured(settings: &Settings, path: &Path, extent: Extent) -> Result<Estimate, MeasuredError> {
    let path = if path.is_dir() {
        path.join("record.ndjson")
    } else {
        path.to_owned()
    };
    let file = |source| MeasuredError::File {
        path: path.clone(),
        source,
    };
    let other = |why: String| MeasuredError::Other {
        path: path.clone(),
        why,
    };
    let source = BufReader::new(File::open(&path).map_err(file)?);
    let mut run = None;
    for (number, text) in (1..).zip(source.lines()) {
        let line = serde_json::from_str(&text.map_err(file)?);
        let line = line.map_err(|source| MeasuredError::Line {
            path: path.clone(),
            line: number,
            source,
        })?;
        match (line, &mut run) {
            (Line::Run(begun), None) => {
                let mode = settings.way.mode();
                if begun.mode != mode || begun.job.is_some() != is_by_job(settings) {
                    return Err(other(format!("it was {}", begun.mode.name())));
                }
                let meter = Meter::new(
                    place(settings, begun.pictures),
                    is_public(settings),
                    begun.pictures,
                );
                run = Some((Measure::new(&begun), meter, begun));
            }
            (Line::Picture(picture), Some((measure, meter, _))) => {
                measure.add(&picture);
                meter.add(&picture);
            }
            (Line::Resumed(_), Some((measure, ..))) => measure.resume(),
            (Line::Summary(_), Some(_)) => {}
            _ => return Err(other("it does not begin with a run".to_owned())),
        }
    }
    let (measure, meter, run) = run.ok_or_else(|| other("it is empty".to_owned()))?;
    let elapsed = measure.summary(None).clocks.end_to_end_us;
    let elapsed = elapsed.ok_or_else(|| other("there is no clock over it".to_owned()))?;
    let elapsed = Duration::from_micros(elapsed);
    let of = |pictures| {
        let projection = Projection::of(pictures, &meter, elapsed, &settings.prices);
        projection.ok_or_else(|| other("no picture is in it".to_owned()))
    };
    Ok(Estimate {
        projection: of(extent.pictures)?,
        thousand: of(1000)?,
        million: of(1_000_000)?,
        rates: format!(
            "measured: run {}, {} pictures in {:.3} s, {} in flight; in proportion to pictures",
            run.run,
            meter.pictures(),
            elapsed.as_secs_f64(),
            run.in_flight
        ),
    })
}

fn is_by_job(settings: &Settings) -> bool {
    matches!(settings.way, Way::Job(_))
}

/// A time for people, in the unit that fits it.
fn time(seconds: Interval) -> String {
    let most = seconds.most.unwrap_or(seconds.least);
    let (unit, length) = [("seconds", 1.0), ("minutes", 60.0)]
        .into_iter()
        .find(|(_, length)| most < 120.0 * length)
        .unwrap_or(("hours", 3600.0));
    format!("{} {unit}", figures(seconds * f64::recip(length)))
}
