//! The work on a picture that takes a processor, and the memory that it is given for it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::memory::Share;
use super::{Error, Flow};
use crate::object::ETag;
use crate::outcome::Stage;
use crate::plan::Recipe;
use crate::render::{self, Rendered, Rendering, Step};
use crate::storage::Object;
use crate::thumbnail::{self, Limits, Stop};

/// A picture of which some bytes are there, on its way to a processor.
struct Trial {
    rendering: Rendering,
    recipe: Arc<Recipe>,
    limits: Limits,
    share: Share,
    budget_bytes: u64,
    body: Bytes,
    /// What was read since.
    more: Bytes,
    length: u64,
}

/// What came of it.
enum Tried {
    Done(Rendered),
    /// The bytes were not enough. Perhaps so many are, from the file's start.
    NeedMore(Box<Trial>, Option<u64>),
    /// The memory that it needs, so many bytes, is not free.
    NoRoom(u64),
}

impl Trial {
    fn run(mut self) -> Result<Tried, thumbnail::Error> {
        if !self.more.is_empty() {
            self.body = [self.body, std::mem::take(&mut self.more)].concat().into();
        }
        let whole = self.body.len() as u64 >= self.length;
        let need = self.need(whole);
        if !self.share.grow_to(need.min(self.budget_bytes)) {
            return Ok(Tried::NoRoom(need));
        }
        if whole {
            return self.rendering.with_all(&self.body).map(Tried::Done);
        }
        Ok(match self.rendering.with_part(&self.body)? {
            Step::Done(rendered) => Tried::Done(rendered),
            Step::NeedMore {
                rendering,
                probably_enough,
            } => {
                let rest = Self {
                    rendering: *rendering,
                    ..self
                };
                Tried::NeedMore(Box::new(rest), probably_enough)
            }
        })
    }

    /// The memory that the header predicts, beside the file's own and, if it was read in part, its
    /// rest's. What cannot be read has no prediction: reading it says why.
    fn need(&self, whole: bool) -> u64 {
        let info = render::inspect(&self.body, &self.recipe, &self.limits);
        let file = if whole { self.length } else { 2 * self.length };
        file.saturating_add(info.map_or(0, |info| info.peak_bytes))
    }
}

impl Flow<'_> {
    /// The thumbnails of an original whose bytes, or the first of them, were read: more are read as
    /// they are needed. `None` if it is another one by now, or needs more memory than is free: then
    /// all is given back, and tried again with what is known now.
    pub(super) async fn render(
        &mut self,
        share: &Share,
        original: Object,
    ) -> Result<Option<Result<Rendered, thumbnail::Error>>, Error> {
        let (recipe, limits) = (&self.plan.recipe, &self.thumbnailer.limits);
        let stop = StopOnDrop(Stop::default());
        let Object { head, body } = original;
        let mut trial = Trial {
            rendering: Rendering::new(recipe, limits, &stop.0),
            recipe: Arc::clone(recipe),
            limits: *limits,
            share: share.clone(),
            budget_bytes: self.thumbnailer.memory.budget_bytes(),
            body,
            more: Bytes::new(),
            length: head.length,
        };
        // What was estimated to be enough and was not is not estimated again.
        for estimate in [true, false, false] {
            let enough = match self.off_thread(&head.etag, move || trial.run()).await {
                Ok(Tried::Done(rendered)) => return Ok(Some(Ok(rendered))),
                Ok(Tried::NoRoom(need)) => {
                    self.need_bytes = self.need_bytes.max(need);
                    return Ok(None);
                }
                Ok(Tried::NeedMore(rest, enough)) => {
                    trial = *rest;
                    enough.filter(|_| estimate)
                }
                Err(rejection) => return Ok(Some(Err(rejection))),
            };
            let so_far = trial.body.len() as u64;
            let end = enough.map_or(head.length, |bytes| bytes.min(head.length));
            match self.get_on(&head, so_far..end).await? {
                Some(more) => trial.more = more,
                None => return Ok(None),
            }
        }
        // With all bytes there is no more to need.
        Ok(None)
    }

    /// Computes where it holds up nothing else, as many at once as there are processors.
    async fn off_thread<T: Send + 'static>(
        &mut self,
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
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
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
}

/// Ends the work on a picture whose flow was given up.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::object::{Bucket, Key};
    use crate::outcome::{Outcome, Reason, Verdict};
    use crate::plan::{Decision, Policy, Recipe};
    use crate::storage::{GetOptions, Memory, PutOptions, Storage};
    use crate::thumbnailer::{FailureRecord, Thumbnailer};

    /// What a decoder does with a picture that no one has thought of.
    #[tokio::test]
    async fn case_29_a_decoder_that_panics_costs_one_picture_and_no_processor() {
        let store = Arc::new(Memory::new());
        let recipe = Recipe::standard();
        let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
        let flow = Thumbnailer::new(Arc::clone(&store) as Arc<dyn Storage>, policy);
        let key = Key::new("images/a.png");
        let body = Bytes::from_static(b"any");
        let etag = store.put(&key, body, PutOptions::default()).await.unwrap();
        let event = crate::events::Event::new(
            "e",
            chrono::Utc::now(),
            crate::events::Change {
                operation: crate::events::Operation::Write,
                object: crate::object::ObjectId {
                    bucket: Bucket::new("b"),
                    key,
                },
                etag: None,
                length: None,
                content_type: None,
                endpoint: String::new(),
            },
        );
        let Decision::Make(plan) = flow.policy().decide(event.change()) else {
            panic!("an original");
        };
        let mut outcome = Outcome::new("e", &plan.original, String::new());
        let processors = flow.processors.available_permits();
        let mut poisoned = Flow::new(&flow, &plan, &event, &mut outcome);
        let rejected: Result<(), _> = poisoned.off_thread(&etag, || panic!("a decoder")).await;
        let rejection = rejected.unwrap_err();
        poisoned.reject_picture(&etag, &rejection).await.unwrap();
        assert_eq!(
            (outcome.verdict, outcome.reason),
            (Verdict::Rejected, Some(Reason::Internal))
        );
        let record = store.get(&plan.failure, GetOptions::default()).await;
        let record = FailureRecord::from_json(&record.unwrap().body).unwrap();
        assert_eq!((record.reason, record.etag), (Reason::Internal, etag));
        assert_eq!(flow.processors.available_permits(), processors);
    }
}
