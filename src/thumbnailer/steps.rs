//! The steps of the flow, each a few calls to the store, timed and counted.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::failure::FailureRecord;
use super::{Error, Fetched, Flow, Mark, Thumbnailer};
use crate::object::ETag;
use crate::outcome::{Reason, Stage, Thumbnail, Verdict};
use crate::plan::{OnDelete, Output};
use crate::render::{Encoded, Rendered, render};
use crate::storage::{self, GetOptions, Head, Kind, Metadata, Object, PutOptions, Storage};
use crate::thumbnail::{self, Stop};

/// How long caches may keep a thumbnail: its key is stable while its content is not.
const CACHE_CONTROL: &str = "public, max-age=3600";

impl<'a> Flow<'a> {
    /// Step 1: what the set that stands says of itself.
    pub(super) async fn mark(&mut self) -> Result<Option<Mark>, Error> {
        let (mark, _) = self.plan.mark_and_siblings();
        let head = self.timed(Stage::Check, self.store().head(&mark.key)).await;
        self.outcome.traffic.heads += 1;
        Ok(found(head)?.and_then(|head| Mark::from_metadata(&head.metadata)))
    }

    /// Step 2: the original, unless the set that stands is of its present version.
    pub(super) async fn fetch(&mut self, mark: Option<&Mark>) -> Result<Fetched, Error> {
        if mark.is_some_and(|mark| mark.is_foreign_to(self.plan)) {
            return Ok(Fetched::Collision);
        }
        // A backfill makes anew whatever its own run has not made.
        let current = mark.filter(|mark| {
            mark.recipe == self.outcome.recipe
                && self
                    .run
                    .as_ref()
                    .is_none_or(|run| mark.backfill_run.as_ref() == Some(run))
        });
        if let Some(mark) = current {
            match self.get(Some(&mark.original_etag)).await {
                Err(error) if error.kind() == Kind::NotModified => {
                    if self.siblings_stand(mark).await? {
                        return Ok(Fetched::Unchanged(mark.original_etag.clone()));
                    }
                }
                other => return fetched(other),
            }
        }
        fetched(self.get(None).await)
    }

    async fn get(&mut self, if_none_match: Option<&ETag>) -> Result<Object, storage::Error> {
        let options = GetOptions {
            if_none_match: if_none_match.cloned(),
            max_length: Some(self.thumbnailer.policy.limits().max_bytes),
            ..GetOptions::default()
        };
        let got = self
            .timed(Stage::Fetch, self.store().get(&self.plan.original, options))
            .await;
        self.outcome.traffic.gets += 1;
        if let Ok(object) = &got {
            self.outcome.traffic.bytes_read += object.body.len() as u64;
        }
        got
    }

    /// Whether all outputs beside the mark are those that it was written for.
    async fn siblings_stand(&mut self, mark: &Mark) -> Result<bool, Error> {
        let (store, (_, siblings)) = (self.store(), self.plan.mark_and_siblings());
        let heads = siblings.iter().map(async |sibling: &Output| {
            found(store.head(&sibling.key).await).map(|head| head.map(|head| head.etag))
        });
        let standing = self.timed(Stage::Check, try_join_all(heads)).await?;
        self.outcome.traffic.heads += u32::try_from(siblings.len()).unwrap_or(u32::MAX);
        Ok(standing
            .into_iter()
            .eq(mark.siblings.iter().cloned().map(Some)))
    }

    /// Step 3: the set of this version of the original, or a record of why there is none.
    pub(super) async fn replace(&mut self, original: &Object, marked: bool) -> Result<(), Error> {
        let etag = &original.head.etag;
        match self.render(original).await {
            Ok(rendered) => self.store_all(etag, rendered, marked).await,
            Err(_) if original.body.is_empty() => {
                self.reject(
                    Some(etag),
                    Reason::Empty,
                    "the object has no bytes".to_owned(),
                )
                .await
            }
            Err(rejection) => {
                self.reject(Some(etag), reason(&rejection), with_causes(&rejection))
                    .await
            }
        }
    }

    async fn render(&mut self, original: &Object) -> Result<Rendered, thumbnail::Error> {
        let queued = Instant::now();
        let permit = Arc::clone(&self.thumbnailer.processors)
            .acquire_owned()
            .await;
        self.outcome.timings.add(Stage::Queue, queued.elapsed());
        let stop = StopOnDrop(Stop::default());
        let (bytes, flag) = (original.body.clone(), stop.0.clone());
        let policy = self.thumbnailer.policy.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            render(&bytes, policy.recipe(), policy.limits(), &flag)
        });
        let rendered = work.await.unwrap_or_else(|panic| {
            Err(thumbnail::Error::Failed {
                step: "render",
                source: panic.into(),
            })
        })?;
        self.outcome.timings.merge(&rendered.timings);
        self.outcome.original = Some(rendered.original.clone());
        Ok(rendered)
    }

    /// All outputs at once, then the mark that says that they stand.
    async fn store_all(
        &mut self,
        etag: &ETag,
        rendered: Rendered,
        marked: bool,
    ) -> Result<(), Error> {
        let (thumbnailer, plan) = (self.thumbnailer, self.plan);
        let (mark, siblings) = plan.mark_and_siblings();
        // Only where no set stood can a record of an earlier failure stand.
        let recorded = !(marked && self.removes());
        let metadata = Metadata::from([("original-etag".to_owned(), etag.to_string())]);
        let puts = siblings
            .iter()
            .zip(&rendered.thumbnails)
            .map(|(output, thumbnail)| thumbnailer.put(output, thumbnail, metadata.clone()));
        let store = self.store();
        let forget = async {
            if recorded {
                store.delete(&plan.failure).await
            } else {
                Ok(())
            }
        };
        let (tags, ()) = self
            .timed(Stage::Store, async {
                tokio::try_join!(try_join_all(puts), forget)
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
        self.outcome.traffic.deletes += u32::from(recorded);
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
            self.timed(Stage::Remove, self.store().delete(&self.plan.failure))
                .await?;
            self.outcome.traffic.deletes += 1;
        }
        let verdict = if mark.is_some() && ours && self.removes() {
            Verdict::Removed
        } else {
            Verdict::Skipped
        };
        self.end(verdict, Some(Reason::Gone));
        Ok(())
    }

    /// An original of too many bytes: its version is all that is asked for.
    pub(super) async fn reject_unread(&mut self) -> Result<Option<ETag>, Error> {
        let etag = self.version(Stage::Check).await?;
        if etag.is_some() {
            let limit = self.thumbnailer.policy.limits().max_bytes;
            let message = format!("the object is longer than {limit} bytes");
            self.reject(etag.as_ref(), Reason::TooLarge, message)
                .await?;
        }
        Ok(etag)
    }

    /// The planned keys hold another original's set, which is neither replaced nor removed.
    pub(super) async fn collide(&mut self) -> Result<Option<ETag>, Error> {
        let etag = self.version(Stage::Check).await?;
        if etag.is_some() {
            let message = "the thumbnails' keys belong to another original; \
                           a template with {path} keeps them apart";
            self.record(etag.as_ref(), Reason::Collision, message.to_owned())
                .await?;
        } else {
            self.end(Verdict::Skipped, Some(Reason::Gone));
        }
        Ok(etag)
    }

    /// The original can never succeed: a record says so, and no thumbnails of it are left.
    async fn reject(
        &mut self,
        etag: Option<&ETag>,
        reason: Reason,
        message: String,
    ) -> Result<(), Error> {
        self.record(etag, reason, message).await?;
        if self.removes() {
            self.delete_outputs().await?;
        }
        Ok(())
    }

    async fn record(
        &mut self,
        etag: Option<&ETag>,
        reason: Reason,
        message: String,
    ) -> Result<(), Error> {
        self.outcome.etag = etag.cloned();
        self.outcome.message = Some(message.clone());
        self.end(Verdict::Rejected, Some(reason));
        let record = FailureRecord::new(self.outcome, reason, message).to_json();
        let options = PutOptions {
            content_type: Some("application/json".to_owned()),
            ..PutOptions::default()
        };
        self.outcome.traffic.bytes_written += record.len() as u64;
        self.timed(
            Stage::Record,
            self.store().put(&self.plan.failure, record, options),
        )
        .await?;
        self.outcome.traffic.puts += 1;
        Ok(())
    }

    /// Exactly the planned keys, the mark first: a set without its mark is made anew.
    async fn delete_outputs(&mut self) -> Result<(), Error> {
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
        let head = self
            .timed(stage, self.store().head(&self.plan.original))
            .await;
        self.outcome.traffic.heads += 1;
        Ok(found(head)?.map(|head| head.etag))
    }

    fn store(&self) -> &'a dyn Storage {
        &*self.thumbnailer.store
    }

    fn removes(&self) -> bool {
        self.thumbnailer.policy.on_delete() == OnDelete::Remove
    }

    async fn timed<T>(&mut self, stage: Stage, work: impl Future<Output = T>) -> T {
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
        metadata: Metadata,
    ) -> Result<ETag, storage::Error> {
        let options = PutOptions {
            content_type: Some(output.format.media_type().to_owned()),
            cache_control: Some(CACHE_CONTROL.to_owned()),
            metadata,
        };
        self.store()
            .put(&output.key, thumbnail.bytes.clone(), options)
            .await
    }
}

/// Ends the work on a picture whose flow was given up.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What a GET found, as step 2 sees it.
fn fetched(got: Result<Object, storage::Error>) -> Result<Fetched, Error> {
    match got {
        Ok(object) => Ok(Fetched::Original(object)),
        Err(error) => match error.kind() {
            Kind::NotFound => Ok(Fetched::Gone),
            Kind::TooLong => Ok(Fetched::TooLarge),
            _ => Err(error.into()),
        },
    }
}

/// `None` where there is no such object.
fn found(head: Result<Head, storage::Error>) -> Result<Option<Head>, storage::Error> {
    match head {
        Ok(head) => Ok(Some(head)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// A rejection in the words of the records.
fn reason(rejection: &thumbnail::Error) -> Reason {
    use thumbnail::Error;
    match rejection {
        Error::NotAPicture => Reason::NotAPicture,
        Error::Unsupported { .. } => Reason::Unsupported,
        Error::Malformed { .. } => Reason::Malformed,
        Error::Truncated { .. } => Reason::Truncated,
        Error::TooLarge { .. } => Reason::TooLarge,
        Error::Stopped => Reason::Stopped,
        Error::Failed { .. } => Reason::Internal,
    }
}
