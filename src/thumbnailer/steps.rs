//! The steps that change what the store holds, each a few calls, timed and counted.

use std::future::Future;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::fetch::found;
use super::memory::Share;
use super::{Error, Flow, Mark, Replaced, Thumbnailer};
use crate::object::ETag;
use crate::outcome::{Reason, Stage, Thumbnail, Verdict};
use crate::plan::{self, OnDelete, Output};
use crate::render::{Encoded, Rendered};
use crate::storage::{self, Head, Metadata, Object, PutOptions, Storage};
use crate::thumbnail::Limits;

impl<'a> Flow<'a> {
    /// Step 3: the set of this version of the original, or a record of why there is none.
    pub(super) async fn replace(
        &mut self,
        share: &Share,
        original: Object,
    ) -> Result<Replaced, Error> {
        let (etag, length) = (original.head.etag.clone(), original.head.length);
        let Some(rendered) = self.render(share, original).await? else {
            return Ok(Replaced::Again);
        };
        match rendered {
            Ok(mut rendered) => {
                rendered.original.bytes = length;
                self.outcome.timings.merge(&rendered.timings);
                self.outcome.original = Some(rendered.original.clone());
                // The original's bytes and pixels are gone, and others can use their memory.
                share.shrink_to(rendered.thumbnails.iter().map(Encoded::length).sum());
                self.store_all(&etag, rendered).await?;
                let saved = length.saturating_sub(self.fetched_bytes);
                self.thumbnailer.tally.saved(saved);
            }
            Err(_) if length == 0 => {
                let message = "the object has no bytes".to_owned();
                self.reject(&etag, Reason::Empty, message).await?;
            }
            Err(rejection) => self.reject_picture(&etag, &rejection).await?,
        }
        Ok(Replaced::Done)
    }

    /// Waits a little for the memory that this picture needs, as far as that is known.
    pub(super) async fn admit(&mut self) -> Result<Share, Error> {
        let memory = &self.thumbnailer.memory;
        let share = self.timed(Stage::Queue, memory.take(self.need_bytes)).await;
        share.ok_or(Error::Busy)
    }

    /// All outputs at once, then the mark that says that they stand.
    async fn store_all(&mut self, etag: &ETag, rendered: Rendered) -> Result<(), Error> {
        let (thumbnailer, plan) = (self.thumbnailer, self.plan);
        let (mark, siblings) = plan.mark_and_siblings();
        let metadata = Metadata::from([("original-etag".to_owned(), etag.to_string())]);
        let puts = siblings
            .iter()
            .zip(&rendered.thumbnails)
            .map(|(output, thumbnail)| thumbnailer.put(output, thumbnail, metadata.clone()));
        let (store, is_recorded) = (self.store(), self.is_recorded());
        let forget = async {
            if is_recorded {
                // It is of an earlier version, or of a try before this one.
                store.delete(&plan.failure).await?;
            }
            Ok::<_, storage::Error>(())
        };
        let stored = async { tokio::try_join!(try_join_all(puts), forget) };
        let (tags, ()) = self.timed(Stage::Store, stored).await?;
        let metadata = Mark {
            original_etag: etag.clone(),
            original_hash: self.plan.original_hash.clone(),
            recipe: self.outcome.recipe.clone(),
            siblings: tags,
            backfill_run: self.run.clone(),
        }
        .to_metadata();
        if let Some(last) = rendered.thumbnails.last() {
            self.timed(Stage::Commit, thumbnailer.put(mark, last, metadata))
                .await?;
        }
        self.outcome.traffic.deletes += u32::from(is_recorded);
        self.end(Verdict::Made, None);
        self.outcome.degraded = rendered.degraded;
        self.outcome.ignored = rendered.ignored;
        for (output, made) in self.plan.outputs.iter().zip(rendered.thumbnails) {
            self.outcome.traffic.puts += 1;
            self.outcome.traffic.bytes_written += made.length();
            self.outcome.thumbnails.push(Thumbnail {
                key: output.key.clone(),
                size: made.size,
                format: made.format.to_string(),
                width: made.width,
                height: made.height,
                bytes: made.length(),
            });
        }
        self.outcome.etag = Some(etag.clone());
        Ok(())
    }

    /// Step 4: no original, so no thumbnails, but for another original's.
    pub(super) async fn remove(&mut self, mark: Option<&Mark>) -> Result<(), Error> {
        let ours = !mark.is_some_and(|mark| mark.is_foreign_to(self.plan));
        if ours && self.removes() {
            self.delete_outputs().await?;
        }
        self.forget_what_is_gone().await?;
        let verdict = if mark.is_some() && ours && self.removes() {
            Verdict::Removed
        } else {
            Verdict::Skipped
        };
        self.end(verdict, Some(Reason::Gone));
        Ok(())
    }

    /// Exactly the planned keys, the mark first: a set without its mark is made anew, and keeps no other original
    /// that shares its keys away, should this be killed before its end.
    pub(super) async fn delete_outputs(&mut self) -> Result<(), Error> {
        let (store, (mark, siblings)) = (self.store(), self.plan.mark_and_siblings());
        self.timed(Stage::Remove, async {
            store.delete(&mark.key).await?;
            try_join_all(siblings.iter().map(|output| store.delete(&output.key))).await
        })
        .await?;
        self.outcome.traffic.deletes += u32::try_from(self.plan.outputs.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    /// The original's version now.
    pub(super) async fn version(&mut self, stage: Stage) -> Result<Option<ETag>, Error> {
        Ok(self.look(stage).await?.map(|head| head.etag))
    }

    /// What is known of the original now.
    pub(super) async fn look(&mut self, stage: Stage) -> Result<Option<Head>, Error> {
        let head = self
            .timed(stage, self.store().head(&self.plan.original))
            .await;
        self.outcome.traffic.heads += 1;
        Ok(found(head)?)
    }

    pub(super) fn store(&self) -> &'a dyn Storage {
        &*self.thumbnailer.store
    }

    pub(super) fn removes(&self) -> bool {
        self.thumbnailer.policy.on_delete() == OnDelete::Remove
    }

    pub(super) async fn timed<T>(&mut self, stage: Stage, work: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let result = work.await;
        self.outcome.timings.add(stage, start.elapsed());
        result
    }

    pub(super) fn end(&mut self, verdict: Verdict, reason: Option<Reason>) {
        self.outcome.verdict = verdict;
        self.outcome.reason = reason;
        self.outcome.thumbnails.clear();
        self.outcome.degraded = None;
        self.outcome.ignored.clear();
    }
}

impl Thumbnailer {
    async fn put(
        &self,
        output: &Output,
        thumbnail: &Encoded,
        mut metadata: Metadata,
    ) -> Result<ETag, storage::Error> {
        metadata.extend([
            ("width".to_owned(), thumbnail.width.to_string()),
            ("height".to_owned(), thumbnail.height.to_string()),
            ("version".to_owned(), plan::version()),
        ]);
        let options = PutOptions {
            content_type: Some(output.format.media_type().to_owned()),
            cache_control: Some(self.policy.cache_control().to_owned()),
            metadata,
        };
        let bytes = thumbnail.bytes.clone();
        let etag = self.store().put(&output.key, bytes, options).await?;
        self.tally.written(thumbnail.bytes.len());
        Ok(etag)
    }
}

/// Read of an original whose event does not say how long it is, unless it turns out to be longer.
const UNKNOWN_LENGTH_BYTES: u64 = 1 << 20;
/// Beside a file's own bytes, until its header is known: enough for most JPEGs to be read with.
const USUAL_BYTES: u64 = 4 << 20;

/// The memory that an original of that length needs, before anything else is known of it. More than
/// the limit is never read.
pub(super) fn need_before_reading(length: Option<u64>, limits: &Limits) -> u64 {
    let length = length.unwrap_or(UNKNOWN_LENGTH_BYTES);
    length.min(limits.max_bytes).saturating_add(USUAL_BYTES)
}
