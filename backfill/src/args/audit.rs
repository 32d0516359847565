//! The command lines that look at a bucket: `verify`, `explain`, `failures`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cos_thumbnails::config::Mistake;
use cos_thumbnails::object::Key;
use cos_thumbnails::plan::{OnDelete, Policy};

use super::written::Sending;
use crate::audit::State;

/// What was written behind `verify`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct VerifyFlags {
    /// Replay what is missing, partial, stale, mixed or without bytes, and look at it again
    #[arg(long)]
    repair: bool,
    /// With --repair: also replay what failed and was rejected
    #[arg(long, requires = "repair")]
    retry: bool,
    /// With --repair: also delete the thumbnails and failure records whose original is gone
    #[arg(long, requires = "repair")]
    remove_orphans: bool,
    /// With --repair: also delete the thumbnails that the recipe no longer plans, if their metadata says that they were
    /// made by this service; not with --fast, which does not ask by which recipe the others were made
    #[arg(long, requires = "repair", conflicts_with = "fast")]
    remove_obsolete: bool,
    /// With --repair: the recipe was changed on purpose, so most thumbnails are to be made anew
    #[arg(long, requires = "repair")]
    recipe_changed: bool,
    /// Go by the times in the listing alone: no request per original, but less is seen
    #[arg(long)]
    fast: bool,
    /// Minutes for which an original without its thumbnails is pending, as its event may be on its way
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    pending_minutes: u32,
    /// States that count as well, besides ok, for the exit code
    #[arg(
        long,
        value_name = "STATE",
        value_enum,
        value_delimiter = ',',
        default_value = "pending"
    )]
    accept: Vec<State>,
    /// Say nothing if all is well, and show no progress: for cron
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    pub(super) sending: Sending,
    /// Write NDJSON as it goes: the audit, one line per finding, the summary; FILE must be new
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    /// Print those lines instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

/// What was written behind `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainFlags {
    /// An original's key, or a thumbnail's or a failure record's
    #[arg(value_name = "KEY")]
    pub(super) key: String,
    /// Minutes for which an original without its thumbnails is pending
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    pub(super) pending_minutes: u32,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What was written behind `failures`.
#[derive(Debug, Args)]
pub(super) struct FailuresFlags {
    /// Replay them: each is tried anew, whatever its record says
    #[arg(long)]
    pub(super) retry: bool,
    #[command(flatten)]
    pub(super) sending: Sending,
    /// With --retry: write NDJSON as the run goes; FILE must be new
    #[arg(long, value_name = "FILE", requires = "retry")]
    pub(super) record: Option<PathBuf>,
    /// Print NDJSON: one line per record; with --retry, the run's summary
    #[arg(long)]
    pub(super) json: bool,
}

/// An audit, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// Whether what can be mended is.
    pub repair: Option<Repair>,
    /// By the times in the listing alone.
    pub fast: bool,
    /// Originals younger than this may still be on their way.
    pub pending: Duration,
    /// States that count as well, besides `ok`.
    pub accept: Vec<State>,
    /// Nothing is said if all is well.
    pub quiet: bool,
}

/// How far a repair goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Repair {
    /// What failed is tried anew.
    pub retry: bool,
    /// What has no original is deleted.
    pub remove_orphans: bool,
    /// What is no longer planned is deleted.
    pub remove_obsolete: bool,
    /// That most marks name another recipe is meant so.
    pub recipe_changed: bool,
}

/// What to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explain {
    /// An original's key, or that of something that was written for one.
    pub key: Key,
    /// Originals younger than this may still be on their way.
    pub pending: Duration,
}

impl VerifyFlags {
    pub(super) fn verify(&self) -> Verify {
        Verify {
            repair: self.repair.then_some(Repair {
                retry: self.retry,
                remove_orphans: self.remove_orphans,
                remove_obsolete: self.remove_obsolete,
                recipe_changed: self.recipe_changed,
            }),
            fast: self.fast,
            pending: minutes(self.pending_minutes),
            accept: self.accept.clone(),
            quiet: self.quiet,
        }
    }
}

impl ExplainFlags {
    pub(super) fn explain(&self) -> Explain {
        Explain {
            key: Key::new(self.key.as_str()),
            pending: minutes(self.pending_minutes),
        }
    }
}

impl Verify {
    /// What the policy does not allow.
    pub(super) fn mistakes(&self, policy: &Policy) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut mistake = |variable, problem: &str| {
            mistakes.push(Mistake {
                variable,
                problem: problem.to_owned(),
            });
        };
        for (flag, asked) in [
            (
                "--remove-orphans",
                self.repair.map(|repair| repair.remove_orphans),
            ),
            (
                "--remove-obsolete",
                self.repair.map(|repair| repair.remove_obsolete),
            ),
        ] {
            if asked != Some(true) {
                continue;
            }
            if policy.on_delete() == OnDelete::Keep {
                mistake(
                    flag,
                    "is not possible with ON_DELETE=keep: no thumbnail is ever deleted",
                );
            }
            if !policy.keys_name_originals() {
                mistake(
                    flag,
                    "is possible only where OUTPUT_KEY is the default: other keys do not say whose they are",
                );
            }
        }
        if self.fast && !policy.keys_name_originals() {
            mistake(
                "--fast",
                "is possible only where OUTPUT_KEY is the default: other keys do not say whose they are",
            );
        }
        mistakes
    }
}

fn minutes(minutes: u32) -> Duration {
    Duration::from_mins(minutes.into())
}
