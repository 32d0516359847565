//! What a run is expected to take and to cost, and where it does its work, as far as that is billed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

use chrono::NaiveDate;
use serde::Serialize;

use crate::args::{Settings, Way};
use crate::cost::{
    Application, Expected, IDLE_SECONDS, Interval, Meter, PER_VCPU, PER_VCPU_OF_JOB, Place,
    Projection, START_UP_SECONDS, Usage, Work, figures, float, is_public_endpoint, usd,
};
use crate::measure::Measure;
use crate::originals::Extent;
use crate::plan::thumbnails_each;
use crate::record::{Line, Run};
use crate::report::{ReadError, Record};

/// Why the rates of a run cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum MeasuredError {
    /// Its record cannot be read, or is none.
    #[error("the rates of --measured cannot be taken")]
    Read(#[from] ReadError),
    /// It says nothing about this run.
    #[error("{path:?} does not tell how long this would take: {why}")]
    Other {
        /// The record.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Where a run of so many pictures does its work, with so many in flight at most.
fn place(settings: &Settings, pictures: u64, in_flight: usize) -> Place {
    let Application {
        size,
        max_instances,
    } = settings.application;
    let (per_vcpu, most, idle_seconds, is_called) = match &settings.way {
        Way::Sequential | Way::Parallel => {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            return Place::Machine { processors };
        }
        Way::FanOut { .. } => (PER_VCPU, max_instances, IDLE_SECONDS, true),
        Way::Job(job) => (PER_VCPU_OF_JOB, job.instances, Interval::ZERO, false),
    };
    let concurrency = (per_vcpu * size.vcpu).max(1.0);
    let at_once = match &settings.way {
        Way::Job(_) => pictures,
        _ => pictures.min(in_flight as u64),
    };
    let of_one = if is_called { concurrency } else { 1.0 };
    let needed = (float(at_once) / of_one).ceil();
    Place::Instances {
        size,
        concurrency,
        number: Interval::exactly(needed.min(most.into())),
        start_up_seconds: START_UP_SECONDS,
        idle_seconds,
        is_called,
    }
}

/// What adds up the usage of a run, to whose selection `selecting` was used.
pub(crate) fn meter(settings: &Settings, run: &Run, selecting: Usage) -> Meter {
    let place = place(settings, run.pictures, run.in_flight);
    Meter::new(place, is_public(settings), selecting)
}

/// Whether what this process reads of the store is billed as egress.
fn is_public(settings: &Settings) -> bool {
    let here = matches!(settings.way, Way::Sequential | Way::Parallel);
    here && is_public_endpoint(&settings.config.store.endpoint)
}

/// What a run is expected to take and to use, and by which rates.
#[derive(Debug, Serialize)]
pub(crate) struct Estimate {
    /// The run.
    expected: Projection,
    /// A thousand pictures like its own, with the two listings of that many. Absent where it has none.
    thousand: Option<Projection>,
    /// A million of them.
    million: Option<Projection>,
    rates: String,
    /// Of which dates the oldest and the newest price are.
    prices: (NaiveDate, NaiveDate),
}

/// What a run of this extent, to whose selection `selecting` is used, is expected to take and to cost.
pub(crate) fn estimate(
    settings: &Settings,
    extent: Extent,
    selecting: &Usage,
) -> Result<Estimate, MeasuredError> {
    match settings.measured.as_deref() {
        None => Ok(assumed(settings, extent, selecting)),
        Some(path) => measured(settings, path, extent, selecting),
    }
}

/// Shows it to people.
pub(crate) fn write(
    settings: &Settings,
    extent: Extent,
    estimate: &Estimate,
    out: &mut impl Write,
) -> io::Result<()> {
    let Estimate {
        expected,
        thousand,
        million,
        rates,
        prices: (oldest, newest),
    } = estimate;
    writeln!(
        out,
        "expected   {}, {}; with a month's free tier {}",
        time(expected.seconds),
        usd(expected.cost.total()),
        usd(expected.cost_with_free_tier.total())
    )?;
    for (item, quantity) in expected.usage.iter() {
        writeln!(
            out,
            "           {:<18}{:<24}{}",
            item.name(),
            figures(quantity),
            usd(expected.cost.get(item))
        )?;
    }
    if let (Some(thousand), Some(million)) = (thousand, million) {
        writeln!(
            out,
            "           1,000 pictures {}; 1,000,000 {}, with a month's free tier {}, in {}",
            usd(thousand.cost.total()),
            usd(million.cost.total()),
            usd(million.cost_with_free_tier.total()),
            time(million.seconds)
        )?;
    }
    writeln!(out, "rates      {rates}")?;
    let place = place(settings, extent.pictures, settings.in_flight);
    if let Place::Instances {
        size,
        number,
        start_up_seconds,
        idle_seconds,
        ..
    } = place
    {
        writeln!(
            out,
            "           instances  {} of {} vCPU and {} GB, up after {} s and idle for {} s at the end",
            figures(number),
            size.vcpu,
            size.memory_gb,
            figures(start_up_seconds),
            figures(idle_seconds)
        )?;
        if !matches!(settings.way, Way::Job(_)) {
            writeln!(
                out,
                "           of {} at most; --instance-cpu, --instance-memory and --max-instances say another application",
                settings.application.max_instances
            )?;
        }
    }
    writeln!(
        out,
        "prices     of {oldest} to {newest}, without contract and tax; a virtual machine is counted as bx2-2x8, one \
         of more processors as half as many of them, your own costs nothing"
    )?;
    for row in settings.prices.not_counted() {
        writeln!(out, "           not counted: {}", row.what)?;
    }
    Ok(())
}

fn assumed(settings: &Settings, extent: Extent, selecting: &Usage) -> Estimate {
    let of = |pictures: u64, bytes: u64, selecting: Usage| {
        let in_flight = settings.in_flight;
        let work = Work {
            selecting,
            pictures,
            bytes,
            thumbnails_each: thumbnails_each(&settings.config.policy),
            in_flight: match &settings.way {
                Way::Job(_) => pictures,
                _ => in_flight as u64,
            },
            place: place(settings, pictures, in_flight),
            is_public: is_public(settings),
        };
        let Expected { seconds, usage } = Expected::of(&work);
        Projection::new(pictures, seconds, usage, &settings.prices)
    };
    let like = |pictures: u64| {
        let mean = extent.bytes.checked_div(extent.pictures)?;
        Some(of(pictures, pictures * mean, listings(pictures)))
    };
    Estimate {
        expected: of(extent.pictures, extent.bytes, selecting.clone()),
        thousand: like(1000),
        million: like(1_000_000),
        rates: format!(
            "assumed, not measured: {}; --measured RUN takes those of a run of yours",
            Expected::ASSUMPTIONS
        ),
        prices: settings.prices.dates(),
    }
}

/// By the record of another run, or its folder. What that run used to be selected is not in its record: this one's is
/// taken.
fn measured(
    settings: &Settings,
    path: &Path,
    extent: Extent,
    selecting: &Usage,
) -> Result<Estimate, MeasuredError> {
    let mut record = Record::open(path)?;
    let other = |why: String| MeasuredError::Other {
        path: path.to_owned(),
        why,
    };
    let mut run = None;
    while let Some(line) = record.next()? {
        match (line, &mut run) {
            (Line::Run(begun), None) => {
                let mode = settings.way.mode();
                if begun.mode != mode || begun.job.is_some() != is_by_job(settings) {
                    return Err(other(format!("it was {}", begun.mode.name())));
                }
                let meter = meter(settings, &begun, Usage::default());
                run = Some((Measure::new(&begun), meter, begun));
            }
            (Line::Picture(picture), Some((measure, meter, _))) => {
                measure.add(&picture);
                meter.add(&picture);
            }
            (Line::Resumed(resumed), Some((measure, meter, _))) => {
                measure.resume();
                meter.count_as(resumed.done);
            }
            (Line::Summary(_), Some(_)) => {}
            _ => return Err(other("it does not begin with a run".to_owned())),
        }
    }
    let (measure, meter, run) = run.ok_or_else(|| other("it is empty".to_owned()))?;
    let took = measure.took();
    let took = took.ok_or_else(|| other("no picture is in it".to_owned()))?;
    let of = |pictures, selecting| {
        let projection = Projection::of(pictures, (&meter, selecting), took, &settings.prices);
        projection.ok_or_else(|| other("no picture is in it".to_owned()))
    };
    Ok(Estimate {
        expected: of(extent.pictures, selecting.clone())?,
        thousand: Some(of(1000, listings(1000))?),
        million: Some(of(1_000_000, listings(1_000_000))?),
        rates: format!(
            "measured: run {}, {} pictures in {:.3} s, {} in flight; in proportion to pictures, but for the start-up of instances",
            run.run,
            meter.pictures(),
            took.all.as_secs_f64(),
            run.in_flight
        ),
        prices: settings.prices.dates(),
    })
}

/// How so many originals are found: listed to be counted, and to be done.
fn listings(pictures: u64) -> Usage {
    Usage::of_listing(pictures).scaled(2.0)
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
