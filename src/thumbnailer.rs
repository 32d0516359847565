//! The flow: event -> plan -> fetch -> decode -> resize -> encode -> store -> outcome.
//!
//! An event only says "look at this key"; what is done follows from what the store holds. So it
//! ends right whatever is delivered, how often and in what order:
//!
//! 1. HEAD the commit mark, the output that is written last, and GET the failure record.
//! 2. Take the memory that it will need; GET the original, unless it is the version in the mark and
//!    the siblings stand as the mark says, or the version that the record rejects: then the event is
//!    a duplicate and costs neither a pixel nor a PUT.
//! 3. Write the outputs, all at once; then the mark; then look at the original again: if it is
//!    another version by now, start over.
//! 4. If the original is gone, delete exactly the planned keys; then look again likewise. If it can
//!    never succeed, write the failure record before.
//!
//! A failure record is replaced or removed only where step 1 has read one of this original: whoever
//! writes it later looks at the original again after that, or is sent the event again.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::events::Event;
use crate::object::{ETag, Key};
use crate::outcome::{Outcome, Stage, Verdict};
use crate::plan::{Decision, Foreign, Plan, Policy};
use crate::storage::{self, Object, Storage};
use crate::thumbnail::Limits;

mod carried;
mod compute;
mod failure;
mod fetch;
mod instance;
mod mark;
mod memory;
mod reject;
mod steps;
mod turns;

pub use carried::Carried;
use carried::Tally;
pub use failure::{FailureRecord, FailureState, Recorded};
use instance::Instance;
pub use mark::Mark;
use mark::run_of;
use memory::Memory;
use reject::not_recorded;
use steps::need_before_reading;
use turns::Turns;

/// How often the flow starts over when the original changes under it, before it leaves the key to
/// the next delivery.
const MAX_ROUNDS: u32 = 8;

/// Time for one event where the caller sets no other deadline: below the 300 s after which Code
/// Engine gives up a request.
const TIME_FOR_ONE: Duration = Duration::from_mins(4);

/// Brings the thumbnails of originals up to date, one event at a time or many at once.
#[derive(Debug)]
pub struct Thumbnailer {
    store: Arc<dyn Storage>,
    policy: Policy,
    /// The policy's, as far as the memory allows.
    limits: Limits,
    processors: Arc<Semaphore>,
    memory: Memory,
    turns: Turns,
    instance: Instance,
    tally: Tally,
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
    /// The time for this event is over.
    #[error("the time for this event is over")]
    Deadline,
    /// The time for this event is over, it was the picture that took it, and that could not be counted as one of
    /// its [tries](Policy::max_attempts): something else is in the place of its failure record, under this key.
    #[error("the time for this event is over; {}", not_recorded(.0))]
    Uncounted(Key),
    /// Other pictures hold the memory that this one needs. It was not read; or, where only its header shows how
    /// much that is, it was, and is read anew with the next delivery.
    #[error("the memory that it needs is in use")]
    Busy,
}

impl Thumbnailer {
    /// A flow over `store`, with as many pictures in work at once as there are processors.
    #[must_use]
    pub fn new(store: Arc<dyn Storage>, policy: Policy) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            store,
            limits: *policy.limits(),
            policy,
            processors: Arc::new(Semaphore::new(processors)),
            memory: Memory::new(u64::MAX),
            turns: Turns::default(),
            instance: Instance::new(),
            tally: Tally::default(),
        }
    }

    /// The same within so many bytes of memory for all pictures in work together, which also limits
    /// what one may demand. Without it only the [limits](Policy::limits) of each picture hold.
    #[must_use]
    pub fn with_memory(self, budget_bytes: u64) -> Self {
        let limits = Limits {
            max_bytes: self.limits.max_bytes.min(budget_bytes / 4),
            max_decoded_bytes: self.limits.max_decoded_bytes.min(budget_bytes / 2),
            ..self.limits
        };
        Self {
            limits,
            memory: Memory::new(budget_bytes),
            ..self
        }
    }

    /// The same within so many bytes of memory for all pictures in work together, where no other instance could
    /// be asked: none is refused for it. Each waits for its share until there is one, and what needs more than all
    /// of it has it for itself.
    #[must_use]
    pub fn with_shared_memory(self, budget_bytes: u64) -> Self {
        Self {
            memory: Memory::patient(budget_bytes),
            ..self
        }
    }

    /// The policy it follows.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Memory that the pictures in work have been given, in bytes.
    #[must_use]
    pub fn admitted_bytes(&self) -> u64 {
        self.memory.admitted_bytes()
    }

    /// What it has carried to and from the store, for events that were not handled, too.
    #[must_use]
    pub fn carried(&self) -> Carried {
        *self.tally.carried()
    }

    /// The store it works on.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Storage> {
        &self.store
    }

    /// Handles one event to its end, which comes after four minutes at the latest.
    ///
    /// # Errors
    /// As [`Thumbnailer::handle_within`].
    pub async fn handle(&self, event: &Event) -> Result<Outcome, Error> {
        let now = Instant::now();
        self.handle_within(event, now..now + TIME_FOR_ONE).await
    }

    /// Handles one event to its end, within the time that began when its request came, perhaps with others
    /// that were handled before.
    ///
    /// When the time is over the work is ended, and only a failure record is still written, if it was
    /// the picture itself that took so long, on a processor for at least half of that time: that counts
    /// as one of its [tries](Policy::max_attempts), and after the last one it is rejected.
    ///
    /// Dropping the future ends the work as well, and nothing is counted: who drops it whenever a
    /// sender hangs up would begin the same picture again and again. Whatever was written by then is
    /// completed or replaced by the next delivery.
    ///
    /// # Errors
    /// [`Error::Foreign`] for what is not ours; the others where trying again can help.
    pub async fn handle_within(
        &self,
        event: &Event,
        time: Range<Instant>,
    ) -> Result<Outcome, Error> {
        let started = Instant::now();
        let (begun, mut cpu) = (self.instance.begin(), Duration::ZERO);
        let deadline = time.end;
        let decision = self.policy.decide(event.change());
        let recipe = match &decision {
            Decision::Make(plan) => plan.recipe.fingerprint(),
            _ => self.policy.recipes().fingerprint(),
        };
        let mut outcome = Outcome::new(event.id(), &event.change().object.key, recipe);
        match decision {
            Decision::Refuse(foreign) => return Err(foreign.into()),
            Decision::Skip(reason) => outcome.reason = Some(reason),
            Decision::Reject(reason) => {
                outcome.verdict = Verdict::Rejected;
                outcome.reason = Some(reason);
            }
            Decision::Make(plan) => {
                let (mark, _) = plan.mark_and_siblings();
                let turn = timeout_at(deadline, self.turns.take(&mark.key)).await;
                let _turn = turn.map_err(|_| Error::Deadline)?;
                outcome.timings.add(Stage::Turn, started.elapsed());
                let mut flow = Flow::new(self, &plan, event, &mut outcome, time.start);
                match timeout_at(deadline, flow.settle()).await {
                    Ok(settled) => settled?,
                    Err(_) => flow.overdue().await?,
                }
                cpu = flow.cpu;
            }
        }
        outcome.timings.add(Stage::Total, started.elapsed());
        outcome.execution = Some(self.instance.end(&begun, cpu));
        Ok(outcome)
    }
}

/// One event on its way through the flow.
struct Flow<'a> {
    thumbnailer: &'a Thumbnailer,
    plan: &'a Plan,
    run: Option<String>,
    limits: String,
    /// The memory that this picture needs, as far as it is known.
    need_bytes: u64,
    outcome: &'a mut Outcome,
    /// Bytes of the original that were read since the flow last looked at it from the start.
    fetched_bytes: u64,
    /// What stands where the failure record belongs, be it of what is there now or not.
    recorded: Option<Recorded>,
    /// When its time began.
    since: Instant,
    /// The version whose picture has a processor at this moment, or waits for a thread on it.
    working: Option<Working>,
    /// How long processors have worked for this event, up to now.
    computed: Duration,
    /// Time of a processor that the picture took.
    cpu: Duration,
}

/// A picture that has a processor.
struct Working {
    etag: ETag,
    /// When the work began, once it has.
    begun: Arc<OnceLock<Instant>>,
}

/// What step 2 found.
enum Fetched {
    /// The set stands, whole, of this version and recipe.
    Unchanged(ETag),
    /// The original is of the version that this record rejects.
    Rejected(FailureRecord),
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
    /// Not at all: the original became another one between two reads of its parts, or needs more
    /// memory than was free.
    Again,
}

impl<'a> Flow<'a> {
    fn new(
        thumbnailer: &'a Thumbnailer,
        plan: &'a Plan,
        event: &Event,
        outcome: &'a mut Outcome,
        since: Instant,
    ) -> Self {
        Self {
            thumbnailer,
            plan,
            run: run_of(event),
            need_bytes: need_before_reading(event.change().length, &thumbnailer.limits),
            limits: thumbnailer.policy.limits_fingerprint(),
            outcome,
            fetched_bytes: 0,
            recorded: None,
            since,
            working: None,
            computed: Duration::ZERO,
            cpu: Duration::ZERO,
        }
    }

    /// Repeats the steps until the original is the same after them as before.
    async fn settle(&mut self) -> Result<(), Error> {
        for _ in 0..MAX_ROUNDS {
            let mark = self.standing().await?;
            let share = self.admit().await?;
            let seen = match self.fetch(mark.as_ref()).await? {
                Fetched::Unchanged(etag) => {
                    self.end(Verdict::Duplicate, None);
                    self.outcome.etag = Some(etag.clone());
                    if !self.is_recorded() {
                        return Ok(());
                    }
                    // A record beside a whole set is of another version, or of a try before it.
                    self.forget().await?;
                    Some(etag)
                }
                Fetched::Rejected(record) => Some(self.reject_again(record).await?),
                Fetched::Original(original) => {
                    let etag = original.head.etag.clone();
                    match self.replace(&share, original).await? {
                        Replaced::Done => Some(etag),
                        Replaced::Again => continue,
                    }
                }
                Fetched::TooLarge => match self.reject_unread().await? {
                    Replaced::Done => self.outcome.etag.clone(),
                    Replaced::Again => continue,
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
