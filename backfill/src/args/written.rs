//! What was written on the command line, as clap reads it.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::application::ApplicationFlags;
use super::audit::{ExplainFlags, FailuresFlags, VerifyFlags};
use super::examples;
use super::experiment::ExperimentFlags;
use super::job::{JobFlags, ShardFlags};
use super::offline::{Compare, Completions, Report};
use super::selection::{BudgetFlags, SelectionFlags};
use crate::record::Mode;

/// Where runs are kept unless told otherwise.
pub(super) const JOURNAL: &str = "backfill-runs";

/// Replays the originals of a bucket as events, so that their thumbnails are made (anew)
///
/// The originals under `SOURCE_PREFIX` are taken in ascending order of their keys, unless --order says
/// otherwise. Each goes through the same flow as an upload. Originals are never changed.
#[derive(Debug, Parser)]
#[command(name = "backfill", version, args_conflicts_with_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) action: Option<Subcommands>,
    #[command(flatten)]
    pub(super) flags: Flags,
}

impl Cli {
    /// The URL of the function that is kept with the command line.
    pub(super) fn function(&self) -> Option<&str> {
        match &self.action {
            Some(Subcommands::Experiment(ExperimentFlags::Run(flags))) => flags.function.as_deref(),
            _ => self.flags.sending.function.as_deref(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Subcommands {
    /// Shows what a run would do, take and cost, and writes nothing
    #[command(after_help = examples::PLAN)]
    Plan(Box<PlanFlags>),
    /// Goes on with a run that was killed, interrupted or ended by a budget
    ///
    /// With the command line and the settings of the run, from its folder; all credentials are taken from
    /// the environment anew. What has an outcome is not sent again; what failed is.
    #[command(after_help = examples::RESUME)]
    Resume(ResumeFlags),
    /// Tells of every original whether its thumbnails stand, and mends what does not if asked to
    ///
    /// Looks at the bucket by its listings and one request per original, and changes nothing without
    /// --repair. Never asks anything: fit to run from cron.
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyFlags),
    /// Tells of one key why it has its thumbnails or not, and what to do
    #[command(after_help = examples::EXPLAIN)]
    Explain(ExplainFlags),
    /// Measures modes, counts and repetitions in an order by chance, and keeps all that is known of each call
    #[command(subcommand)]
    Experiment(ExperimentFlags),
    /// Makes tables and charts of runs and experiments, from their records alone
    ///
    /// Writes report.html, one page that needs nothing beside it; the same as report.md with the charts as SVG; and the
    /// numbers as CSV. The same records give the same bytes.
    #[command(after_help = examples::REPORT)]
    Report(Report),
    /// Tells whether two experiments differ and by how much, from their records alone
    ///
    /// For each mode and number of pictures that both have: the ratio of the medians with a bootstrap interval, and the
    /// p-value of Mann and Whitney's test.
    #[command(after_help = examples::COMPARE)]
    Compare(Compare),
    /// Lists the pictures that have a failure record, and replays them if asked to
    #[command(after_help = examples::FAILURES)]
    Failures(FailuresFlags),
    /// Does the shards of one instance of a job: what the job run of --job starts
    #[command(after_help = examples::SHARD)]
    Shard(ShardFlags),
    /// Prints the script by which a shell completes command lines of this program
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
}

/// What was written on the command line, but for the settings of the store and the recipe.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Take the first N originals [default: asks on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub(super) count: Option<NonZeroU64>,
    /// How the events are replayed
    #[arg(long, value_enum, default_value = "parallel")]
    pub(super) mode: Mode,
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
    #[command(flatten)]
    pub(super) budgets: BudgetFlags,
    #[command(flatten)]
    pub(super) application: ApplicationFlags,
    #[command(flatten, next_help_heading = "Sending")]
    pub(super) sending: Sending,
    #[command(flatten)]
    pub(super) job: JobFlags,
    /// Keep the run in a new folder of this one: what it was asked to do, and what became of each picture
    /// [default: backfill-runs; with --job none]
    #[arg(long, value_name = "DIR", help_heading = "What is kept")]
    pub(super) journal: Option<PathBuf>,
    /// Keep no folder; then the run cannot be gone on with
    #[arg(long, conflicts_with = "journal", help_heading = "What is kept")]
    pub(super) no_journal: bool,
    /// Write NDJSON as the run goes: the run, one line per picture, the summary; FILE must be new
    #[arg(long, value_name = "FILE", help_heading = "What is kept")]
    pub(super) record: Option<PathBuf>,
    /// Print JSON: the summary as one line; with plan, one line per original
    #[arg(long, help_heading = "What is kept")]
    pub(super) json: bool,
}

/// What was written behind `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanFlags {
    /// Expect it to go as this run did, of the same mode: its folder, or its record [default: stated
    /// assumptions]
    #[arg(long, value_name = "RUN")]
    pub(super) measured: Option<PathBuf>,
    #[command(flatten)]
    pub(super) run: Flags,
}

/// What was written behind `resume`.
#[derive(Debug, Args)]
pub(super) struct ResumeFlags {
    /// The run's folder, or its id below --journal
    pub(super) run: PathBuf,
    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = JOURNAL)]
    pub(super) journal: PathBuf,
    /// The function's URL, if it has another one now, or one with a query, which is not kept
    #[arg(long, value_name = "URL")]
    pub(super) function: Option<String>,
    /// Print JSON: the summary as one line
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) budgets: BudgetFlags,
}

impl ResumeFlags {
    pub(super) fn folder(&self) -> PathBuf {
        let below = self.journal.join(&self.run);
        if below.is_dir() {
            below
        } else {
            self.run.clone()
        }
    }
}

/// Where events are sent, and how.
#[derive(Debug, Default, Args)]
pub(super) struct Sending {
    /// The function's URL, for fan-out; without a path it means /events
    #[arg(long, value_name = "URL")]
    pub(super) function: Option<String>,
    /// Events under way at once; fan-out sends fewer where the function answers that this is too much
    /// [default: sequential 1, parallel 4 per core, fan-out 64]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) in_flight: Option<u16>,
    /// Times that a picture is tried again where that can help
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(super) retries: u8,
    /// Seconds that fan-out waits for each answer of --function (300 is Code Engine's own request time-out)
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) timeout: u32,
}

impl Sending {
    /// The way of commands that send only what they must: to the function if there is one.
    pub(super) fn mode(&self) -> Mode {
        match self.function {
            Some(_) => Mode::FanOut,
            None => Mode::Parallel,
        }
    }
}
