//! The flow: event -> plan -> fetch -> decode -> resize -> encode -> store -> outcome.
//!
//! An event only says "look at this key"; what is done follows from what the store holds. So it
//! ends right whatever is delivered, how often and in what order:
//!
//! 1. HEAD the commit mark, the output that is written last.
//! 2. GET the original, unless it is the version in the mark and the siblings stand as the mark
//!    says: then the event is a duplicate and costs neither a pixel nor a PUT.
//! 3. Write the outputs, all at once; then the mark; then look at the original again: if it is
//!    another version by now, start over.
//! 4. If the original is gone, delete exactly the planned keys; then look again likewise.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::events::{BACKFILL_RUN, Event};
use crate::object::ETag;
use crate::outcome::{Outcome, Stage, Timings, Traffic, Verdict};
use crate::plan::{Decision, Foreign, Plan, Policy};
use crate::storage::{self, Object, Storage};

mod failure;
mod fetch;
mod mark;
mod steps;
mod turns;

pub use failure::FailureRecord;
pub use mark::Mark;
use turns::Turns;

/// How often the flow starts over when the original changes under it, before it leaves the key to
/// the next delivery.
const MAX_ROUNDS: u32 = 8;

/// Brings the thumbnails of originals up to date, one event at a time or many at once.
#[derive(Debug)]
pub struct Thumbnailer {
    store: Arc<dyn Storage>,
    policy: Policy,
    processors: Arc<Semaphore>,
    turns: Turns,
}

/// Why an event has no outcome. All but [`Error::Foreign`] can succeed later.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is not ours to handle. No call to the store was made.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] storage::Error),
    /// The original changed under the flow again and again.
    #[error("the original changed {MAX_ROUNDS} times while its thumbnails were made")]
    Unsettled,
}

impl Thumbnailer {
    /// A flow over `store`, with as many pictures in work at once as there are processors.
    #[must_use]
    pub fn new(store: Arc<dyn Storage>, policy: Policy) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            store,
            policy,
            processors: Arc::new(Semaphore::new(processors)),
            turns: Turns::default(),
        }
    }

    /// The policy it follows.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The store it works on.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Storage> {
        &self.store
    }

    /// Handles one event to its end.
    ///
    /// Dropping the future ends the work; whatever was written by then is completed or replaced by
    /// the next delivery.
    ///
    /// # Errors
    /// [`Error::Foreign`] for what is not ours; the others where trying again can help.
    pub async fn handle(&self, event: &Event) -> Result<Outcome, Error> {
        let started = Instant::now();
        let mut outcome = Outcome {
            event_id: event.id().to_owned(),
            key: event.change().object.key.clone(),
            verdict: Verdict::Skipped,
            reason: None,
            message: None,
            etag: None,
            recipe: self.policy.recipe().fingerprint(),
            original: None,
            thumbnails: Vec::new(),
            degraded: None,
            traffic: Traffic::default(),
            timings: Timings::default(),
        };
        match self.policy.decide(event.change()) {
            Decision::Refuse(foreign) => return Err(foreign.into()),
            Decision::Skip(reason) => outcome.reason = Some(reason),
            Decision::Reject(reason) => {
                outcome.verdict = Verdict::Rejected;
                outcome.reason = Some(reason);
            }
            Decision::Make(plan) => {
                let _turn = self.turns.take(&plan.original).await;
                outcome.timings.add(Stage::Turn, started.elapsed());
                let run = event.extension(BACKFILL_RUN);
                Flow {
                    thumbnailer: self,
                    plan: &plan,
                    run,
                    outcome: &mut outcome,
                    recorded: false,
                }
                .settle()
                .await?;
            }
        }
        outcome.timings.add(Stage::Total, started.elapsed());
        Ok(outcome)
    }
}

/// One event on its way through the flow.
struct Flow<'a> {
    thumbnailer: &'a Thumbnailer,
    plan: &'a Plan,
    run: Option<String>,
    outcome: &'a mut Outcome,
    /// Whether a failure record was written on the way here.
    recorded: bool,
}

/// What step 2 found.
enum Fetched {
    /// The set stands, whole, of this version and recipe.
    Unchanged(ETag),
    /// The planned keys hold another original's set.
    Collision,
    /// The original, or its first bytes, to be made into a set.
    Original(Object),
    /// The original, known by its version alone: it is over the limit of bytes.
    TooLarge,
    /// There is no original.
    Gone,
}

/// How step 3 ended.
enum Replaced {
    /// The set stands, or a record of why there is none.
    Done,
    /// The original became another one between two reads of its parts.
    Changed,
}

impl Flow<'_> {
    /// Repeats the steps until the original is the same after them as before.
    async fn settle(mut self) -> Result<(), Error> {
        for _ in 0..MAX_ROUNDS {
            let mark = self.mark().await?;
            let seen = match self.fetch(mark.as_ref()).await? {
                Fetched::Unchanged(etag) => {
                    self.end(Verdict::Duplicate, None);
                    self.outcome.etag = Some(etag);
                    return self.forget_own_record().await;
                }
                Fetched::Original(original) => {
                    let etag = original.head.etag.clone();
                    match self.replace(original).await? {
                        Replaced::Done => Some(etag),
                        Replaced::Changed => continue,
                    }
                }
                Fetched::TooLarge => match self.reject_unread().await? {
                    Replaced::Done => self.outcome.etag.clone(),
                    Replaced::Changed => continue,
                },
                Fetched::Collision => self.collide().await?,
                Fetched::Gone => {
                    self.remove(mark.as_ref()).await?;
                    None
                }
            };
            if self.version(Stage::Recheck).await? == seen {
                return Ok(());
            }
        }
        Err(Error::Unsettled)
    }
}
