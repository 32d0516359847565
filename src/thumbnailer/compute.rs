//! The work on a picture that takes a processor, and the memory that it is given for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::memory::Share;
use super::{Error, Flow, Working};
use crate::object::ETag;
use crate::outcome::Stage;
use crate::plan::Recipe;
use crate::process::cpu_of_thread;
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
        let begun = Arc::new(OnceLock::new());
        self.working = Some(Working {
            etag: etag.clone(),
            begun: Arc::clone(&begun),
        });
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            // From here on it is this picture that takes the time.
            begun.get_or_init(Instant::now);
            let before = cpu_of_thread();
            let result = work();
            (result, cpu_of_thread().saturating_sub(before))
        });
        let (result, cpu) = work.await.unwrap_or_else(|panic| {
            let failed = thumbnail::Error::Failed {
                step: "render",
                source: panic.into(),
            };
            (Err(failed), Duration::ZERO)
        });
        self.cpu += cpu;
        if let Some(Working { begun, .. }) = self.working.take() {
            self.computed += begun.get().map_or(Duration::ZERO, Instant::elapsed);
        }
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

    use tokio::time::advance;

    use super::*;
    use crate::events::{Change, Event, Operation};
    use crate::object::{Bucket, Key, ObjectId};
    use crate::outcome::{Outcome, Reason, Verdict};
    use crate::plan::{Decision, Plan, Policy, Recipe};
    use crate::storage::{GetOptions, Memory, PutOptions, Storage};
    use crate::thumbnailer::{FailureRecord, Thumbnailer};

    const ORIGINAL: &str = "images/a.png";

    /// A flow, and an event for an original that is there.
    async fn arrived() -> (Arc<Memory>, Thumbnailer, Event, ETag) {
        let store = Arc::new(Memory::new());
        let recipe = Recipe::standard();
        let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
        let flow = Thumbnailer::new(Arc::clone(&store) as Arc<dyn Storage>, policy);
        let body = Bytes::from_static(b"any");
        let key = Key::new(ORIGINAL);
        let etag = store.put(&key, body, PutOptions::default()).await.unwrap();
        let change = Change {
            operation: Operation::Write,
            object: ObjectId {
                bucket: Bucket::new("b"),
                key,
            },
            etag: None,
            length: None,
            content_type: None,
            endpoint: String::new(),
        };
        (
            store,
            flow,
            Event::new("e", chrono::Utc::now(), change),
            etag,
        )
    }

    fn plan(flow: &Thumbnailer, event: &Event) -> Plan {
        match flow.policy().decide(event.change()) {
            Decision::Make(plan) => plan,
            other => panic!("an original: {other:?}"),
        }
    }

    /// What a decoder does with a picture that no one has thought of.
    #[tokio::test]
    async fn case_29_a_decoder_that_panics_costs_one_picture_and_no_processor() {
        let (store, flow, event, etag) = arrived().await;
        let plan = plan(&flow, &event);
        let mut outcome = Outcome::new("e", &plan.original, String::new());
        let processors = flow.processors.available_permits();
        let mut poisoned = Flow::new(&flow, &plan, &event, &mut outcome, Instant::now());
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

    #[tokio::test(start_paused = true)]
    async fn case_8_what_waited_for_most_of_its_time_has_not_used_up_a_try() {
        for (waited, computed, counted) in [(1, 0, false), (3, 2, false), (2, 3, true)] {
            let (store, flow, event, etag) = arrived().await;
            let plan = plan(&flow, &event);
            let mut outcome = Outcome::new("e", &plan.original, String::new());
            let mut slow = Flow::new(&flow, &plan, &event, &mut outcome, Instant::now());
            advance(Duration::from_secs(waited)).await;
            let (at_work, works) = tokio::sync::oneshot::channel();
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let work = move || {
                at_work.send(()).unwrap();
                let _ = ended.recv();
                Ok(())
            };
            tokio::select! {
                _ = slow.off_thread(&etag, work) => panic!("it does not end"),
                _ = works => {}
            }
            advance(Duration::from_secs(computed)).await;
            let over = slow.overdue().await;
            drop(end);
            assert!(matches!(over, Err(Error::Deadline)));
            let record = store.get(&plan.failure, GetOptions::default()).await;
            assert_eq!(record.is_ok(), counted, "{waited} s, then {computed} s");
        }
    }
}
