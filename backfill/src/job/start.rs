//! The side of who starts a run by a job.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use cos_thumbnails::events::Change;
use cos_thumbnails::storage::Storage;
use futures_util::{Stream, StreamExt, TryStreamExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::JobError;
use super::manifest::{Line, Manifest, Original, Shard, get, get_json, put_json};
use crate::account::Account;
use crate::args::{Job, Settings};
use crate::cli::{Error, RECORD};
use crate::engine::{Engine, JobRun, StatusDetails};
use crate::originals::{self, Extent};
use crate::record::{End, JobSummary, Picture};
use crate::replay::backoff;
use crate::signals::Signals;
use crate::target::with_causes;

/// How often the engine is asked for the job run: its times have a resolution of a second.
const POLL: Duration = Duration::from_secs(1);
/// The longest name of a job run.
const MAX_NAME: usize = 53;

/// Puts the shards of `originals` into the bucket, has a job run do them, and accounts for all. Gives the
/// exit code.
pub(crate) async fn run(
    settings: &Settings,
    job: &Job,
    store: Arc<dyn Storage>,
    extent: Extent,
    originals: impl Stream<Item = Result<Change, originals::Error>>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    let retry = backoff(settings.retries);
    let engine = Engine::new(&job.engine, retry).map_err(JobError::Client)?;
    let mut account = Account::begin(settings, extent)?;
    let stop = CancellationToken::new();
    let give_up = CancellationToken::new();
    let signals = Signals::listen().map_err(Error::io("signals could not be listened for"))?;
    let bar = account.progress.bar();
    let listener = tokio::spawn(signals.act(stop.clone(), give_up.clone(), bar));
    let run = &account.run;
    let manifest = Manifest {
        run: run.run.clone(),
        version: run.version.clone(),
        prefix: job.prefix.clone(),
        shards: shards(job, extent.pictures),
    };
    write(&manifest, extent.pictures, originals, &*store).await?;
    let started = Started {
        name: run_name(&job.name, &manifest.run),
        instances: manifest.shards.min(job.instances.into()),
        engine,
        manifest,
    };
    let ended = if started.instances == 0 || stop.is_cancelled() {
        Some(Ok(StatusDetails::default()))
    } else {
        started.start(&job.name).await?;
        tokio::select! {
            ended = started.wait(&mut account, &stop) => Some(ended),
            () = give_up.cancelled() => None,
        }
    };
    listener.abort();
    let interrupted = stop.is_cancelled();
    let (details, ended_early) = match ended {
        Some(Ok(details)) => (details, interrupted.then(|| "interrupted".to_owned())),
        Some(Err(error)) => started.left(&with_causes(&error)),
        None => started.left("interrupted"),
    };
    started
        .gather(&mut account, &*store, &details, ended_early.is_some())
        .await?;
    let summary = JobSummary {
        job_run: started.name,
        instances: started.instances,
        shards: started.manifest.shards,
        instance_retries: details
            .indices_details
            .values()
            .map(|index| u64::from(index.retries))
            .sum(),
        failed_instances: details.failed,
    };
    account.end(ended_early, interrupted, Some(summary), out)
}

/// As many shards as are asked for, and no empty ones.
fn shards(job: &Job, pictures: u64) -> u32 {
    let asked = job.shards.unwrap_or_else(|| job.instances.into());
    u32::try_from(pictures).unwrap_or(u32::MAX).min(asked)
}

/// A name that no other run has: the job's, as far as there is room, and the run's id.
fn run_name(job: &str, run: &str) -> String {
    let run = run.to_ascii_lowercase();
    let room = MAX_NAME.saturating_sub(run.len() + 1);
    let job: String = job.chars().take(room).collect();
    format!("{}-{run}", job.trim_end_matches('-'))
}

/// Writes the shards one after another, each as many pictures as the next or one more; then the manifest.
/// No more than one shard is in memory.
async fn write(
    manifest: &Manifest,
    pictures: u64,
    originals: impl Stream<Item = Result<Change, originals::Error>>,
    store: &dyn Storage,
) -> Result<(), Error> {
    let mut originals = std::pin::pin!(originals.fuse());
    let mut first = 1;
    for shard in 0..manifest.shards {
        let (shards, number) = (u64::from(manifest.shards), u64::from(shard));
        let count = pictures / shards + u64::from(number < pictures % shards);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let some = originals.as_mut().take(count).map_ok(Original::new);
        let some: Vec<_> = some.try_collect().await?;
        let next = first + some.len() as u64;
        let body = Shard {
            first,
            originals: some,
        };
        put_json(store, manifest.shard_key(shard), &body).await?;
        first = next;
    }
    Ok(put_json(store, manifest.key(), manifest).await?)
}

/// A job run that was started.
struct Started {
    name: String,
    instances: u32,
    engine: Engine,
    manifest: Manifest,
}

impl Started {
    /// Nothing is known of the job run, whose instances may go on, and cost.
    fn left(&self, why: &str) -> (StatusDetails, Option<String>) {
        let name = &self.name;
        let why = format!("{why}; the job run {name} may still be running: look, and delete it");
        (StatusDetails::default(), Some(why))
    }

    async fn start(&self, job: &str) -> Result<(), JobError> {
        let body = json!({
            "job_name": job,
            "name": self.name,
            "scale_array_spec": format!("0-{}", self.instances - 1),
            "run_arguments": ["shard", self.manifest.key().as_str()],
        });
        self.engine
            .create_run(&self.name, &body)
            .await
            .map_err(JobError::Start)
    }

    /// Until the job run has ended. When it is stopped, the job run is deleted, and with it its instances.
    async fn wait(
        &self,
        account: &mut Account,
        stop: &CancellationToken,
    ) -> Result<StatusDetails, JobError> {
        loop {
            let JobRun {
                status_details: details,
                ..
            } = {
                let run = self.engine.run(&self.name).await.map_err(JobError::Ask)?;
                if run.has_ended() {
                    return Ok(run.status_details);
                }
                run
            };
            account.progress.note(&format!(
                ", of {} instances {} run, {} are done",
                self.instances,
                details.running,
                details.succeeded + details.failed
            ));
            if stop
                .run_until_cancelled(tokio::time::sleep(POLL))
                .await
                .is_none()
            {
                self.engine
                    .delete_run(&self.name)
                    .await
                    .map_err(JobError::Ask)?;
                return Ok(details);
            }
        }
    }

    /// Accounts for every shard: by its records, or, where there are none, as failed; but where the run
    /// ended early, what was not done did not fail.
    async fn gather(
        &self,
        account: &mut Account,
        store: &dyn Storage,
        details: &StatusDetails,
        ended_early: bool,
    ) -> Result<(), Error> {
        for shard in 0..self.manifest.shards {
            let key = self.manifest.records_key(shard);
            if let Some(records) = get(store, &key).await? {
                let mut behind_us = 0;
                for line in records
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                {
                    let line = serde_json::from_slice(line);
                    let line = line.map_err(|source| JobError::Format {
                        key: key.clone(),
                        source,
                    })?;
                    match line {
                        Line::Shard { started, .. } => {
                            behind_us = since(account.run.started, started);
                        }
                        Line::Picture(picture) => {
                            let picture = later(*picture, behind_us);
                            account.add(picture).map_err(Error::io(RECORD))?;
                        }
                    }
                }
            } else if !ended_early {
                let index = shard % self.instances.max(1);
                let details = details.indices_details.get(&index.to_string());
                let reason = details.and_then(|details| details.last_failure_reason.as_deref());
                let reason = reason.unwrap_or("no reason is told");
                let error = format!("instance {index} of job run {} failed: {reason}", self.name);
                let originals: Shard = get_json(store, &self.manifest.shard_key(shard)).await?;
                let now_us = since(account.run.started, Utc::now());
                for (n, original) in (originals.first..).zip(originals.originals) {
                    let picture = Picture {
                        n,
                        key: original.key,
                        bytes: Some(original.bytes),
                        submitted_us: now_us,
                        sent_us: now_us,
                        finished_us: now_us,
                        attempts: 0,
                        adapted: Vec::new(),
                        end: End::Error(error.clone()),
                    };
                    account.add(picture).map_err(Error::io(RECORD))?;
                }
            }
        }
        Ok(())
    }
}

/// Microseconds from the run's beginning by the clocks of two machines; 0 where these disagree.
fn since(began: DateTime<Utc>, time: DateTime<Utc>) -> u64 {
    let us = (time - began).num_microseconds().unwrap_or_default();
    u64::try_from(us).unwrap_or_default()
}

/// An instance's times count from its own beginning; a run's from the run's.
fn later(picture: Picture, us: u64) -> Picture {
    let adapted = picture
        .adapted
        .into_iter()
        .map(|adapted| crate::record::Adapted {
            at_us: adapted.at_us + us,
            ..adapted
        });
    Picture {
        submitted_us: picture.submitted_us + us,
        sent_us: picture.sent_us + us,
        finished_us: picture.finished_us + us,
        adapted: adapted.collect(),
        ..picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_name_is_short_enough_and_ends_with_the_run() {
        let run = "20261124T205900Z-1a2b3c4d";
        assert_eq!(
            run_name("backfill", run),
            "backfill-20261124t205900z-1a2b3c4d"
        );
        let long = run_name(&"a-".repeat(40), run);
        assert!(long.len() <= MAX_NAME && !long.contains("--"), "{long}");
    }
}
