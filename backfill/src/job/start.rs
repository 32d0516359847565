//! The side of who starts a run by a job.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use cos_thumbnails::events::Change;
use cos_thumbnails::storage::Storage;
use futures_util::{Stream, StreamExt, TryStreamExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::manifest::{Line, Manifest, Shard, get, get_json, put_json};
use super::{JobError, look_at};
use crate::account::Account;
use crate::args::{Job, MAX_SHARDS, Settings};
use crate::cli::{Error, INTERRUPTED, RECORD};
use crate::engine::{Engine, JobRun, NotStarted, StatusDetails};
use crate::originals::{self, Original};
use crate::record::{JobSummary, Picture};
use crate::replay::backoff;
use crate::signals::Signals;
use crate::target::with_causes;

/// How often the engine is asked for the job run: its times have a resolution of a second.
const POLL: Duration = Duration::from_secs(1);
/// How often a call to the engine is tried again where that can help, over about a minute.
const ENGINE_RETRIES: usize = 8;
/// The most pictures of a shard, unless it was said how many shards there are: an instance holds the records of one, and
/// so does who gathers them, at one to two kB each.
const PER_SHARD: u64 = 10_000;
/// The longest name of a job run.
const MAX_NAME: usize = 53;

/// Puts the shards of `originals` into the bucket, has a job run do them, and accounts for all. Gives the
/// exit code.
pub(crate) async fn run(
    settings: &Settings,
    job: &Job,
    store: Arc<dyn Storage>,
    mut account: Account,
    originals: impl Stream<Item = Result<Change, originals::Error>>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    let engine = Engine::new(&job.engine, backoff(ENGINE_RETRIES)).map_err(JobError::Client)?;
    let stop = CancellationToken::new();
    let give_up = CancellationToken::new();
    let signals = Signals::listen().map_err(Error::io("signals could not be listened for"))?;
    let bar = account.progress.bar();
    let listener = tokio::spawn(signals.act(stop.clone(), give_up.clone(), bar));
    let (run, pictures) = (&account.run, account.run.pictures);
    let policy = &settings.config.policy;
    let manifest = Manifest {
        run: run.run.clone(),
        version: run.version.clone(),
        prefix: job.prefix.clone(),
        shards: shards(job, pictures),
        source_prefix: policy.source_prefix().to_owned(),
        output_prefix: policy.output_prefix().to_owned(),
        failure_prefix: policy.failure_prefix().to_owned(),
    };
    let fan_out = FanOut {
        name: run_name(&job.name, &manifest.run),
        job: &job.name,
        instances: manifest.shards.min(job.instances.into()),
        retries: settings.retries,
        engine,
        manifest,
        store: &*store,
        stop: &stop,
        asked_for: AtomicBool::new(false),
    };
    let (details, ended_early) = tokio::select! {
        done = fan_out.run(&mut account, pictures, originals) => done?,
        () = give_up.cancelled() => fan_out.given_up(),
    };
    listener.abort();
    let summary = details.map(|details| JobSummary {
        job_run: fan_out.name,
        instances: fan_out.instances,
        shards: fan_out.manifest.shards,
        instance_retries: details
            .indices_details
            .values()
            .map(|index| u64::from(index.retries))
            .sum(),
        failed_instances: details.failed,
    });
    let code = stop.is_cancelled().then_some(INTERRUPTED);
    account.end(ended_early, code, summary, out)
}

/// As many shards as are asked for, or as are instances, and no empty ones. Unless it was said there are more where one
/// would have more pictures than an instance should hold the records of.
fn shards(job: &Job, pictures: u64) -> u32 {
    let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let bounded = number(pictures.div_ceil(PER_SHARD)).min(MAX_SHARDS);
    let asked = job.shards;
    let asked = asked.unwrap_or_else(|| bounded.max(job.instances.into()));
    number(pictures).min(asked)
}

/// A name that no other run has: the job's, as far as there is room, and the run's id.
fn run_name(job: &str, run: &str) -> String {
    let run = run.to_ascii_lowercase();
    let room = MAX_NAME.saturating_sub(run.len() + 1);
    let job: String = job.chars().take(room).collect();
    format!("{}-{run}", job.trim_end_matches('-'))
}

/// One run by a job.
struct FanOut<'a> {
    /// The job run's name.
    name: String,
    job: &'a str,
    instances: u32,
    /// Of each picture, in the instances.
    retries: usize,
    engine: Engine,
    manifest: Manifest,
    store: &'a dyn Storage,
    stop: &'a CancellationToken,
    /// Whether the engine was asked for the job run, which may go on since, unless it refused.
    asked_for: AtomicBool,
}

/// What became of the instances, unless no job run was started, and why the run ended early, if it did.
type Done = (Option<StatusDetails>, Option<String>);

impl FanOut<'_> {
    /// From the first shard to the last record. Where there are no originals, there is no job run.
    async fn run(
        &self,
        account: &mut Account,
        pictures: u64,
        originals: impl Stream<Item = Result<Change, originals::Error>>,
    ) -> Result<Done, Error> {
        if self.instances == 0 {
            return Ok((None, None));
        }
        if !self.place(pictures, originals).await? {
            let why = "interrupted before the job run was started; its shards were removed";
            return Ok((None, Some(why.to_owned())));
        }
        self.start().await?;
        let (details, ended_early) = match self.wait(account).await {
            Ok(details) if self.stop.is_cancelled() => (details, Some("interrupted".to_owned())),
            Ok(details) => (details, None),
            Err(error) => {
                let why = self.left(&with_causes(&error));
                (StatusDetails::default(), Some(why))
            }
        };
        self.gather(account, &details, ended_early.is_some())
            .await?;
        Ok((Some(details), ended_early))
    }

    /// Writes the shards and the manifest, and says so; or leaves none of them, where it was stopped or could
    /// not.
    async fn place(
        &self,
        pictures: u64,
        originals: impl Stream<Item = Result<Change, originals::Error>>,
    ) -> Result<bool, Error> {
        let mut shards = 0;
        if let Err(error) = self.write(pictures, originals, &mut shards).await {
            return Err(self.removed(shards, error).await);
        }
        let stopped = self.stop.is_cancelled();
        if stopped {
            self.remove(shards).await?;
        }
        Ok(!stopped)
    }

    /// Writes the shards one after another, each as many pictures as the next or one more; then the manifest.
    /// The last one takes whatever is left: what came since all were counted pushes none out. No more than one
    /// shard is in memory. Counts those that may be there, also where it ends in an error; these are fewer where it
    /// was stopped.
    async fn write(
        &self,
        pictures: u64,
        originals: impl Stream<Item = Result<Change, originals::Error>>,
        written: &mut u32,
    ) -> Result<(), Error> {
        let manifest = &self.manifest;
        let originals = originals.take_until(self.stop.cancelled());
        let mut originals = std::pin::pin!(originals.fuse());
        let mut first = 1;
        for shard in 0..manifest.shards {
            let (shards, number) = (u64::from(manifest.shards), u64::from(shard));
            let count = pictures / shards + u64::from(number < pictures % shards);
            let is_last = number + 1 == shards;
            let count = usize::try_from(count).ok().filter(|_| !is_last);
            let count = count.unwrap_or(usize::MAX);
            let some = originals.as_mut().take(count).map_ok(Original::new);
            let some: Vec<_> = some.try_collect().await?;
            if self.stop.is_cancelled() {
                return Ok(());
            }
            let next = first + some.len() as u64;
            let body = Shard {
                first,
                originals: some,
            };
            // Before it is written: an answer may be lost.
            *written = shard + 1;
            put_json(self.store, manifest.shard_key(shard), &body).await?;
            first = next;
        }
        put_json(self.store, manifest.key(), manifest).await?;
        Ok(())
    }

    /// Removes the first `shards` shards, and the manifest, of a run that nobody does: as many as can be.
    async fn remove(&self, shards: u32) -> Result<(), JobError> {
        let shards = (0..shards).map(|shard| self.manifest.shard_key(shard));
        let mut all = Ok(());
        for key in shards.chain([self.manifest.key()]) {
            let removed = self.store.delete(&key).await;
            let verb = "removed";
            all = all.and(removed.map_err(|source| JobError::Store { key, verb, source }));
        }
        all
    }

    /// Removes them because of an error, which is told, and also where they are if they cannot be removed.
    async fn removed(&self, shards: u32, error: Error) -> Error {
        if self.remove(shards).await.is_ok() {
            return error;
        }
        let folder = self.manifest.folder();
        let source = Box::new(error);
        JobError::Left { folder, source }.into()
    }

    /// What is said where it was interrupted twice.
    fn given_up(&self) -> Done {
        if self.asked_for.load(Ordering::Relaxed) {
            let why = self.left("interrupted twice, so that what was done is not counted");
            return (Some(StatusDetails::default()), Some(why));
        }
        let why = format!(
            "interrupted twice before the job run was started; what was written of its shards is left below {}",
            self.manifest.folder()
        );
        (None, Some(why))
    }

    /// Nothing is known of the job run, whose instances may go on, and cost.
    fn left(&self, why: &str) -> String {
        format!("{why}; {}", look_at(&self.name))
    }

    async fn start(&self) -> Result<(), Error> {
        let body = json!({
            "job_name": self.job,
            "name": self.name,
            "scale_array_spec": format!("0-{}", self.instances - 1),
            "run_arguments": [
                "shard", self.manifest.key().as_str(), "--retries", self.retries.to_string(),
            ],
        });
        self.asked_for.store(true, Ordering::Relaxed);
        let Err(not_started) = self.engine.create_run(&self.name, &body).await else {
            return Ok(());
        };
        let NotStarted { source, is_unsure } = not_started;
        if is_unsure {
            let job_run = self.name.clone();
            return Err(JobError::Unsure { job_run, source }.into());
        }
        self.asked_for.store(false, Ordering::Relaxed);
        let error = JobError::Start(source).into();
        Err(self.removed(self.manifest.shards, error).await)
    }

    /// Until the job run has ended. When it is stopped, the job run is deleted, and with it its instances.
    async fn wait(&self, account: &mut Account) -> Result<StatusDetails, JobError> {
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
            let poll = tokio::time::sleep(POLL);
            if self.stop.run_until_cancelled(poll).await.is_none() {
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
        details: &StatusDetails,
        ended_early: bool,
    ) -> Result<(), Error> {
        for shard in 0..self.manifest.shards {
            let key = self.manifest.records_key(shard);
            if let Some(records) = get(self.store, &key).await? {
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
                let index = shard % self.instances;
                let details = details.indices_details.get(&index.to_string());
                let reason = details.and_then(|details| details.last_failure_reason.as_deref());
                let reason = reason.unwrap_or("no reason is told");
                let error = format!("instance {index} of job run {} failed: {reason}", self.name);
                let originals: Shard =
                    get_json(self.store, &self.manifest.shard_key(shard)).await?;
                let now_us = since(account.run.started, Utc::now());
                for (n, original) in (originals.first..).zip(originals.originals) {
                    let picture = original.failed(n, now_us, error.clone());
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
#[allow(clippy::unwrap_used)]
mod tests;
