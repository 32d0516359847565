//! Fan-out by a Code Engine job: one job run, whose instances do the shards of the selection.
//!
//! ```text
//! start:     originals -> shards, manifest --PUT--> bucket;  job run (array 0..N) --POST--> Code Engine
//! instance:  JOB_INDEX -> its shards --GET--> the flow, in the instance -> records --PUT--> bucket
//! start:     poll the job run until it has ended;  records --GET--> the same summary as of every run
//! ```
//!
//! A job run's specification may have 10 KiB at most, so it says no more than the manifest's key. A shard
//! is done when its records are there, which one PUT writes as a whole: an instance that is started again
//! after a failure leaves such a shard alone, and each shard's records count once. Of a shard that was done
//! in part, the thumbnails that this run has made are found by its id in their marks, and not made again.

mod instance;
mod manifest;
mod start;

use cos_thumbnails::object::Key;
use cos_thumbnails::storage;

use crate::engine::EngineError;

pub(crate) use self::instance::run as run_shards;
pub(crate) use self::start::run as run_job;

/// Why a fan-out by a job came to no summary, or an instance did not do its shards.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The run's files could not be written to the bucket, or read.
    #[error("{key} could not be {verb}")]
    Store {
        /// The key.
        key: Key,
        /// Written, read, looked for or removed.
        verb: &'static str,
        /// The cause.
        source: storage::Error,
    },
    /// Something else is under the key.
    #[error("{key} is not what a run keeps there")]
    Format {
        /// The key.
        key: Key,
        /// Where.
        source: serde_json::Error,
    },
    /// It failed before its job run, and could not remove what it had written.
    #[error("what was written of the run's shards is left below {folder}")]
    Left {
        /// What their keys start with.
        folder: String,
        /// Why it failed.
        source: Box<crate::cli::Error>,
    },
    /// The engine did not take the job run. Its shards were removed.
    #[error("the job run could not be started")]
    Start(#[source] EngineError),
    /// The engine took the job run, or did not: its answer was lost.
    #[error("the job run may have been started or not; {}", look_at(.job_run))]
    Unsure {
        /// Its name.
        job_run: String,
        /// The cause.
        source: EngineError,
    },
    /// The engine does not say what became of the job run.
    #[error("the job run could not be asked for")]
    Ask(#[source] EngineError),
    /// The engine's client could not be built.
    #[error("no client for Code Engine")]
    Client(#[source] EngineError),
}

/// What to do about a job run that may go on.
fn look_at(job_run: &str) -> String {
    format!(
        "the job run may go on: `ibmcloud ce jobrun get --name {job_run}` shows it, `ibmcloud ce jobrun \
         delete --name {job_run}` ends it; what it has made stands, and `backfill verify` tells what is \
         missing"
    )
}
