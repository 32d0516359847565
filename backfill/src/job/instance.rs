//! The side of an instance: `backfill shard MANIFEST`.

use std::io::Write;
use std::sync::Arc;

use chrono::Utc;
use cos_thumbnails::storage::{Kind, Storage};
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::JobError;
use super::manifest::{Line, Manifest, Shard, get_json, put};
use crate::args::{self, Settings};
use crate::cli::{Error, INTERRUPTED, OUTPUT, RECORD, target};
use crate::record::End;
use crate::replay::{Replay, backoff};
use crate::signals::Signals;
use crate::target::Target;

/// Does the shards of this instance. Gives the exit code: 0 where each has its records, those of pictures
/// that failed among them.
pub(crate) async fn run(
    settings: &Settings,
    instance: &args::Shard,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    let manifest: Manifest = get_json(&*store, &instance.manifest).await?;
    let stop = CancellationToken::new();
    let signals = Signals::listen().map_err(Error::io("signals could not be listened for"))?;
    // One signal is enough: what is in flight comes to its end, and counts when the index is tried again.
    let bar = indicatif::ProgressBar::hidden();
    let listener = tokio::spawn(signals.act(stop.clone(), CancellationToken::new(), bar));
    let work = Work {
        settings,
        manifest: &manifest,
        target: target(settings, Arc::clone(&store))?,
        store,
        stop,
    };
    let mut code = 0;
    let own = (instance.index..manifest.shards).step_by(instance.array_size as usize);
    for shard in own {
        let Some(done) = work.shard(shard).await? else {
            code = INTERRUPTED;
            break;
        };
        writeln!(out, "{done}").map_err(Error::io(OUTPUT))?;
    }
    listener.abort();
    Ok(code)
}

struct Work<'a> {
    settings: &'a Settings,
    manifest: &'a Manifest,
    target: Arc<dyn Target>,
    store: Arc<dyn Storage>,
    stop: CancellationToken,
}

impl Work<'_> {
    /// Does one shard, unless it is done, and says so; says nothing where it was interrupted.
    async fn shard(&self, shard: u32) -> Result<Option<String>, Error> {
        let key = self.manifest.records_key(shard);
        match self.store.head(&key).await {
            Ok(_) => return Ok(Some(format!("shard {shard}: done before"))),
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(source) => {
                let verb = "looked for";
                return Err(JobError::Store { key, verb, source }.into());
            }
        }
        let Shard { first, originals } =
            get_json(&*self.store, &self.manifest.shard_key(shard)).await?;
        let mut lines = Lines(Vec::new());
        let started = Utc::now();
        let begun = lines.add(&Line::Shard { shard, started });
        begun.map_err(Error::io(RECORD))?;
        if let Some(mistake) = self.manifest.mistake(&self.settings.config.policy) {
            // Told for every picture, so that who started the run is told of it; a second try cannot help.
            for (n, original) in (first..).zip(originals) {
                let picture = original.failed(n, 0, mistake.clone());
                let added = lines.add(&Line::Picture(Box::new(picture)));
                added.map_err(Error::io(RECORD))?;
            }
            put(&*self.store, key, "application/x-ndjson", lines.0).await?;
            return Ok(Some(format!("shard {shard}: {mistake}")));
        }
        let replay = Replay {
            run: self.manifest.run.clone(),
            first,
            in_flight: self.settings.in_flight,
            retry: backoff(self.settings.retries),
            stop: self.stop.clone(),
        };
        let bucket = self.settings.config.policy.bucket();
        let count = originals.len();
        let changes = originals
            .into_iter()
            .map(|original| Ok(original.change(bucket)));
        let mut failed = 0;
        let replayed = replay.run(stream::iter(changes), Arc::clone(&self.target), |picture| {
            failed += u64::from(matches!(picture.end, End::Error(_)));
            lines.add(&Line::Picture(Box::new(picture)))
        });
        // A list does not break off, and lines in memory can be written.
        replayed
            .await
            .map_err(|error| Error::io("a shard broke off")(std::io::Error::other(error)))?;
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        put(&*self.store, key, "application/x-ndjson", lines.0).await?;
        Ok(Some(format!(
            "shard {shard}: {count} pictures, of which {failed} failed"
        )))
    }
}

/// Lines of JSON, in memory.
struct Lines(Vec<u8>);

impl Lines {
    fn add(&mut self, line: &Line) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.0, line)?;
        self.0.push(b'\n');
        Ok(())
    }
}
