//! What a run writes down: plain values, one JSON object per line (NDJSON).
//!
//! The first line is the [`Run`], then comes one [`Picture`] per original in the order in which
//! they finished, and the last line is the [`Summary`]. A file without a summary is of a run that
//! was killed; its pictures are whole lines all the same. Where the run went on there is a [`Resumed`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

mod environment;
pub mod experiment;
mod interval;
mod took;

pub(crate) use environment::build;
pub use environment::{Environment, InstanceSize};
pub use interval::Interval;
pub use took::Took;

pub use cos_thumbnails::object::Key;
pub use cos_thumbnails::outcome::{Outcome, Reason, Stage, Traffic, Verdict};

/// One line of a record file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Run(Box<Run>),
    /// One original.
    Picture(Box<Picture>),
    /// Here a run that had ended early went on; originals that had failed come again.
    Resumed(Resumed),
    /// The last line, also before a run went on.
    Summary(Box<Summary>),
}

/// The way of a run, named after the paper's three programs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One picture after another, in this process
    Sequential,
    /// On all cores of this machine, in this process
    Parallel,
    /// By HTTP, to a function that makes the thumbnails
    FanOut,
}

impl Mode {
    /// The name, as on the command line and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
            Self::FanOut => "fan-out",
        }
    }
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The run's id, which its events carry as `backfillrun`.
    pub run: String,
    /// Version of this program.
    pub version: String,
    /// The mode.
    pub mode: Mode,
    /// How many originals were selected.
    pub pictures: u64,
    /// Their bytes, as listed.
    pub bytes: u64,
    /// How many were in flight at most; in fan-out by a job, how many instances it may have.
    pub in_flight: usize,
    /// Fingerprint of all recipes configured here, which is that of the only one. In fan-out the
    /// function has its own, which the outcomes name.
    pub recipe: String,
    /// Fingerprint of each of them, where there are several.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub recipes: BTreeSet<String>,
    /// Where the events went, in fan-out over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The job whose instances did the work, in fan-out by a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// URL of the store; records of earlier versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The size of the instances in fan-out, as it was said. Absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceSize>,
    /// When the run began, by this machine's clock.
    pub started: DateTime<Utc>,
}

/// A run that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// When, by this machine's clock.
    pub at: DateTime<Utc>,
    /// How many originals had come to an outcome before.
    pub done: u64,
}

/// One original, replayed. Times are microseconds since the run began, by a monotonic clock; of a run that
/// was resumed since it was begun, by the machine's clock up to where it went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Its place in the selection, from 1. Its event's id is `backfill-{run}-{n}`.
    pub n: u64,
    /// Its key.
    pub key: Key,
    /// Its length in bytes as listed, where the listing says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// When it was first sent.
    pub submitted_us: u64,
    /// When the last attempt was sent.
    pub sent_us: u64,
    /// When the last attempt ended.
    pub finished_us: u64,
    /// How often it was sent.
    pub attempts: u32,
    /// How its answers changed the number that may be under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapted: Vec<Adapted>,
    /// How it ended: `"outcome": {..}` or `"error": ".."`.
    #[serde(flatten)]
    pub end: End,
}

impl Picture {
    /// The same, so many microseconds later.
    pub(crate) fn happened_later(&mut self, by_us: u64) {
        let own = [
            &mut self.submitted_us,
            &mut self.sent_us,
            &mut self.finished_us,
        ];
        let adapted = self.adapted.iter_mut().map(|adapted| &mut adapted.at_us);
        for time in own.into_iter().chain(adapted) {
            *time = time.saturating_add(by_us);
        }
    }
}

/// A change of how many events may be under way, by what one answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapted {
    /// When.
    pub at_us: u64,
    /// How many might be.
    pub from: usize,
    /// How many may be from then on: half as many, or one more.
    pub to: usize,
}

/// How one original's replay ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The flow came to its end.
    Outcome(Box<Outcome>),
    /// It did not, after all attempts: the last attempt's error with its causes.
    Error(String),
}

/// A run in figures. [`Measure`](crate::measure::Measure) makes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The run's id.
    pub run: String,
    /// The mode.
    pub mode: Mode,
    /// How many originals were selected.
    pub pictures: u64,
    /// How many came to an end, well or badly. Less than selected where the run was ended early.
    pub finished: u64,
    /// How many ended with each verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Why, for those rejected or skipped.
    pub reasons: BTreeMap<Reason, u64>,
    /// How many have no outcome.
    pub failed: u64,
    /// The first failed ones, at most [`Summary::SHOWN_FAILURES`].
    pub failures: Vec<Failure>,
    /// Attempts beyond each picture's first.
    pub retries: u64,
    /// How the number under way was adapted to what the function bears; absent where it bore all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptation: Option<Adaptation>,
    /// How often the run was resumed. Its clocks are not told then: they would count the time between.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resumed: u64,
    /// The end-to-end clocks of all the times that it was at work, added, where it was resumed; in microseconds. What
    /// it cost is worked out from these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_us: Option<u64>,
    /// What became of the job run, in fan-out by a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobSummary>,
    /// Why the run was ended early, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    /// The two clocks.
    pub clocks: Clocks,
    /// Pictures whose thumbnails were made, per second of the end-to-end clock.
    pub made_per_second: f64,
    /// Each stage of the flow, over the pictures that went through it.
    pub stages: BTreeMap<Stage, Spread>,
    /// From the first send to the answer, as the sender sees it, with waiting and retries.
    pub answer: Spread,
    /// The store's traffic by the outcomes; failed attempts and the listing are not in it.
    pub traffic: Traffic,
    /// The recipes that the outcomes name.
    pub recipes: BTreeSet<String>,
    /// What it cost, by an estimate. Absent where nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<SummaryCost>,
}

/// What a run cost by list prices, in USD.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryCost {
    /// Each part by its name, without any free tier.
    pub parts: BTreeMap<String, Interval>,
    /// All of it.
    pub total: Interval,
    /// What it is to an account that has used nothing of this month's free tier.
    pub total_with_free_tier: Interval,
    /// The dates of the oldest and the newest price, such as `2024-09-03 to 2025-07-08`.
    pub prices: String,
}

impl Summary {
    /// How many failures a summary names. All are in the record file.
    pub const SHOWN_FAILURES: usize = 20;

    /// How many ended with this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How many events might be under way in the course of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adaptation {
    /// How often it was halved.
    pub decreases: u64,
    /// How often it was one more.
    pub increases: u64,
    /// The least.
    pub least: usize,
    /// At the end.
    pub last: usize,
    /// When it last changed, in microseconds since the run began.
    pub last_us: u64,
}

/// A job run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSummary {
    /// Its name.
    pub job_run: String,
    /// How many instances it had.
    pub instances: u32,
    /// How many shards these did.
    pub shards: u32,
    /// How often an instance was started again after a failure.
    pub instance_retries: u64,
    /// How many failed for good.
    pub failed_instances: u32,
}

/// A picture that has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its key.
    pub key: Key,
    /// The last error.
    pub error: String,
}

/// Two clocks, never shown without their names. Each is absent where nothing was measured.
///
/// **End-to-end**: from the first send to the last answer. An answer comes when the thumbnails are
/// stored and the original has been looked at again.
///
/// **Paper**: the paper's programs stop their clocks before the thumbnails are written to the
/// bucket, and the serverless one begins when the first worker does. Here storing is a part of the
/// flow, so that clock is worked out from each picture's times. With *storing* for the time of its
/// stages store, commit, recheck, record and remove, with *made* for the end of its last attempt
/// less storing, and with *begun* for that end less its total:
///
/// - sequential: the end-to-end clock less the storing of all pictures. Exact, as nothing overlaps.
/// - parallel and fan-out: from the first *begun* to the last *made*. So it leaves out the wait for
///   the first instance and the storing of the last picture. Storing of earlier pictures runs
///   beside the work on others and cannot be taken out: an upper bound of the paper's clock. In
///   fan-out *begun* and *made* are late by the time that the answer travelled.
///
/// Pictures without an outcome have no stages and count in the end-to-end clock alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Clocks {
    /// The end-to-end clock, in microseconds.
    pub end_to_end_us: Option<u64>,
    /// The paper clock, in microseconds.
    pub paper_us: Option<u64>,
}

/// How one kind of time spreads over pictures, in microseconds, to three significant digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Over so many pictures.
    pub pictures: u64,
    /// The median.
    pub p50_us: u64,
    /// 95 % took no longer.
    pub p95_us: u64,
    /// 99 % took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// A record file, written as the run goes: every line is with the operating system when
/// [`Writer::write`] returns.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
}

impl Writer {
    /// Begins a record file.
    ///
    /// # Errors
    /// The file cannot be made; it exists already, as no run overwrites another's record.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let path = path.to_owned();
        Ok(Self { file, path })
    }

    /// Appends one line: a [`Line`], or that of another kind of record.
    ///
    /// # Errors
    /// The file, which the error names, cannot be written.
    pub fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut json = serde_json::to_vec(line)?;
        json.push(b'\n');
        self.file.write_all(&json).map_err(of_file(&self.path))
    }
}

/// The same error with the file that it is of.
pub(crate) fn of_file(path: &Path) -> impl FnOnce(io::Error) -> io::Error + use<'_> {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_run_overwrites_anothers_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.ndjson");
        Writer::create(&path).unwrap();
        assert_eq!(
            Writer::create(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn a_key_that_would_break_the_line_stays_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.ndjson");
        let picture = Picture {
            n: 1,
            key: Key::new("images/a\nb\u{2028}\u{1b}[31m\"é"),
            bytes: Some(1),
            submitted_us: 1,
            sent_us: 2,
            finished_us: 3,
            attempts: 1,
            adapted: Vec::new(),
            end: End::Error("two\nlines".into()),
        };
        let line = Line::Picture(Box::new(picture));
        Writer::create(&path).unwrap().write(&line).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with(r#"{"record":"picture","n":1,"#), "{text}");
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}
