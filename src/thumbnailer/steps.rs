//! The steps that change what the store holds, each a few calls, timed and counted.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::fetch::found;
use super::memory::Share;
use super::{Error, Flow, Mark, Replaced, Thumbnailer};
use crate::object::ETag;
use crate::outcome::{Reason, Stage, Thumbnail, Verdict};
use crate::plan::{self, OnDelete, Output};
use crate::render::{self, Encoded, Rendered, Rendering, Step};
use crate::storage::{self, Head, Metadata, Object, PutOptions, Storage};
use crate::thumbnail::{self, Limits, Stop};

impl<'a> Flow<'a> {
    /// Step 3: the set of this version of the original, or a record of why there is none.
    pub(super) async fn replace(
        &mut self,
        share: &Share,
        original: Object,
    ) -> Result<Replaced, Error> {
        let stop = StopOnDrop(Stop::default());
        let rendering = Rendering::new(&self.plan.recipe, &self.thumbnailer.limits, &stop.0);
        let (etag, length) = (&original.head.etag, original.head.length);
        let Some(rendered) = self.render(share, rendering, &original).await? else {
            return Ok(Replaced::Again);
        };
        match rendered {
            Ok(mut rendered) => {
                rendered.original.bytes = length;
                self.outcome.timings.merge(&rendered.timings);
                self.outcome.original = Some(rendered.original.clone());
                self.store_all(etag, rendered).await?;
            }
            Err(_) if length == 0 => {
                let message = "the object has no bytes".to_owned();
                self.reject(etag, Reason::Empty, message).await?;
            }
            Err(rejection) => self.reject_picture(etag, &rejection).await?,
        }
        Ok(Replaced::Done)
    }

    /// The thumbnails of an original whose bytes, or the first of them, were read: more are read as
    /// they are needed. `None` if it is another one by now, or needs more memory than is free.
    async fn render(
        &mut self,
        share: &Share,
        mut rendering: Rendering,
        original: &Object,
    ) -> Result<Option<Result<Rendered, thumbnail::Error>>, Error> {
        let (etag, length) = (&original.head.etag, original.head.length);
        let mut body = original.body.clone();
        // What was estimated to be enough and was not is not estimated again.
        for estimate in [true, false] {
            if body.len() as u64 >= length {
                break;
            }
            if !self.fits(share, etag, &body, length).await {
                return Ok(None);
            }
            let part = body.clone();
            let work = move || rendering.with_part(&part);
            let end = match self.off_thread(share, etag, work).await {
                Ok(Step::Done(rendered)) => return Ok(Some(Ok(rendered))),
                Ok(Step::NeedMore {
                    rendering: same,
                    probably_enough,
                }) => {
                    rendering = *same;
                    let estimated = probably_enough.filter(|_| estimate);
                    estimated.map_or(length, |bytes| bytes.min(length))
                }
                Err(rejection) => return Ok(Some(Err(rejection))),
            };
            match self.get_on(&original.head, &body, end).await? {
                Some(more) => body = more,
                None => return Ok(None),
            }
        }
        if !self.fits(share, etag, &body, length).await {
            return Ok(None);
        }
        let work = move || rendering.with_all(&body);
        Ok(Some(self.off_thread(share, etag, work).await))
    }

    /// Waits a little for the memory that this picture needs, as far as that is known.
    pub(super) async fn admit(&mut self) -> Result<Share, Error> {
        let memory = &self.thumbnailer.memory;
        let share = self.timed(Stage::Queue, memory.take(self.need_bytes)).await;
        share.ok_or_else(|| Error::Busy(memory.come_again()))
    }

    /// Whether there is the memory that the header predicts, beside what is held of the file and, if
    /// it was read in part, of its rest. If not, all is given back, and tried again with what is
    /// known now. What cannot be read has no prediction: reading it says why.
    async fn fits(&mut self, share: &Share, etag: &ETag, body: &Bytes, length: u64) -> bool {
        let (recipe, limits) = (Arc::clone(&self.plan.recipe), self.thumbnailer.limits);
        let header = body.clone();
        let inspect = move || render::inspect(&header, &recipe, &limits);
        let info = self.off_thread(share, etag, inspect).await;
        let decoding = info.map_or(0, |info| info.peak_bytes);
        let in_parts = (body.len() as u64) < length;
        let file = if in_parts { 2 * length } else { length };
        let need = file.saturating_add(decoding);
        self.need_bytes = self.need_bytes.max(need);
        share.grow_to(need.min(self.thumbnailer.memory.budget_bytes()))
    }

    /// Computes where it holds up nothing else, as many at once as there are processors.
    async fn off_thread<T: Send + 'static>(
        &mut self,
        share: &Share,
        etag: &ETag,
        work: impl FnOnce() -> Result<T, thumbnail::Error> + Send + 'static,
    ) -> Result<T, thumbnail::Error> {
        let queued = Instant::now();
        let permit = Arc::clone(&self.thumbnailer.processors)
            .acquire_owned()
            .await;
        self.outcome.timings.add(Stage::Queue, queued.elapsed());
        // From here on it is this picture that takes the time.
        self.working = Some(etag.clone());
        let held = (permit, share.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _held = held;
            work()
        });
        let result = work.await.unwrap_or_else(|panic| {
            Err(thumbnail::Error::Failed {
                step: "render",
                source: panic.into(),
            })
        });
        self.working = None;
        result
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
        let store = self.store();
        let (tags, ()) = self
            .timed(Stage::Store, async {
                // A failure record of an earlier version is no longer true.
                tokio::try_join!(try_join_all(puts), store.delete(&plan.failure))
            })
            .await?;
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
        self.outcome.traffic.deletes += 1;
        self.end(Verdict::Made, None);
        self.outcome.degraded = rendered.degraded;
        for (output, made) in self.plan.outputs.iter().zip(rendered.thumbnails) {
            self.outcome.traffic.puts += 1;
            self.outcome.traffic.bytes_written += made.bytes.len() as u64;
            self.outcome.thumbnails.push(Thumbnail {
                key: output.key.clone(),
                size: made.size,
                width: made.width,
                height: made.height,
                bytes: made.bytes.len() as u64,
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
            self.forget().await?;
        }
        let verdict = if mark.is_some() && ours && self.removes() {
            Verdict::Removed
        } else {
            Verdict::Skipped
        };
        self.end(verdict, Some(Reason::Gone));
        Ok(())
    }

    /// Exactly the planned keys, the mark first: a set without its mark is made anew.
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
        self.store()
            .put(&output.key, thumbnail.bytes.clone(), options)
            .await
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

/// Ends the work on a picture whose flow was given up.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
