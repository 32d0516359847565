//! The audit of a bucket: which originals have their thumbnails, which have not, and why.
//!
//! ```text
//! originals ─┐
//! thumbnails ┼─ listed, merge-joined as streams -> one look at each mark -> finding
//! records   ─┘
//! ```
//!
//! Memory does not grow with the bucket. The siblings' versions come with the listing, so that an
//! original costs one HEAD, of its mark; [fast](Options::fast) audits do without and go by times. What
//! seems wrong is looked at again, object by object, before it is said: a listing is some moments old.
//!
//! Only where keys are `{path}/{size}.{ext}` can thumbnails be joined to originals. With other templates
//! the planned keys of each original are asked for one by one, and what no original plans is not found.

mod candidate;
mod classify;
mod finding;
mod look;
mod merge;
pub mod report;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use cos_thumbnails::object::Key;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{self, Listed, Storage};
use futures_util::{Stream, StreamExt, TryStreamExt, future, stream};

use self::candidate::{Below, Candidate};
use self::classify::Young;
use self::merge::{Entry, Joined, Placed, ascending, in_order, join};
use crate::filter::Filter;
use crate::listing::{self, listing};
use crate::originals::is_wanted;

pub use self::finding::Finding;
pub(crate) use self::look::{Look, Looked};
pub use self::state::State;

/// So many marks are looked at by a fast audit too, to tell whether the recipe is another one.
const SAMPLED_MARKS: usize = 100;

/// Looks at a bucket, and changes nothing.
#[derive(Debug, Clone)]
pub struct Audit {
    store: Arc<dyn Storage>,
    policy: Policy,
    /// Fingerprint of the policy's limits.
    limits: String,
    options: Options,
    /// Of which originals alone there are findings, if not of all.
    wanted: Option<Filter>,
    sampled: Arc<AtomicUsize>,
    asked: Arc<Asked>,
}

/// What an audit, with all its copies, asked the store for.
#[derive(Debug, Default)]
struct Asked {
    listed: AtomicU64,
    looks: AtomicU64,
}

/// How a bucket is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Goes by the listings alone: a set is stale if a thumbnail is older than its original. Another
    /// recipe and sets of several makings are not seen. Only where keys are `{path}/{size}.{ext}`.
    pub fast: bool,
    /// When the audit begins.
    pub now: SystemTime,
    /// Originals younger than this may still be on their way.
    pub pending: Duration,
    /// Originals that are looked at at once, at least 1.
    pub in_flight: usize,
}

/// Why an audit broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listing broke off.
    #[error(transparent)]
    Listing(#[from] listing::Error),
    /// An object could not be looked at.
    #[error("{key} could not be looked at")]
    Look {
        /// Its key.
        key: Key,
        /// The cause.
        source: storage::Error,
    },
}

impl Error {
    fn look(key: &Key, source: storage::Error) -> Self {
        Self::Look {
            key: key.clone(),
            source,
        }
    }
}

impl Audit {
    /// An audit of the bucket in `store`, by `policy`.
    #[must_use]
    pub fn new(store: Arc<dyn Storage>, policy: Policy, options: Options) -> Self {
        Self {
            limits: policy.limits_fingerprint(),
            store,
            policy,
            options,
            wanted: None,
            sampled: Arc::default(),
            asked: Arc::default(),
        }
    }

    /// How many objects were listed by now, and at how many it was looked.
    pub(crate) fn asked(&self) -> (u64, u64) {
        let Asked { listed, looks } = &*self.asked;
        (
            listed.load(Ordering::Relaxed),
            looks.load(Ordering::Relaxed),
        )
    }

    /// The same with findings only of originals that `filter` wants: no other is looked at, and nothing that
    /// has no original.
    #[must_use]
    pub fn of(self, filter: Filter) -> Self {
        Self {
            wanted: Some(filter),
            ..self
        }
    }

    /// One finding for each original, and one for each key without an original.
    ///
    /// An original that is deleted meanwhile has none.
    pub fn all(&self) -> impl Stream<Item = Result<Finding, Error>> + Send + use<> {
        let audit = Arc::new(self.clone());
        self.joined()
            .map_err(Error::Listing)
            .map(move |joined| {
                let audit = Arc::clone(&audit);
                async move {
                    let joined = joined?;
                    if audit.is_wanted(&joined) {
                        audit.examine(joined).await
                    } else {
                        Ok(None)
                    }
                }
            })
            .buffered(self.options.in_flight.max(1))
            .try_filter_map(future::ok)
    }

    /// The listings, joined.
    fn joined(
        &self,
    ) -> impl Stream<Item = Result<Joined<Candidate>, listing::Error>> + Send + use<> {
        let policy = self.policy.clone();
        let source_prefix = policy.source_prefix().len();
        let originals = self.listed(self.policy.source_prefix(), move |original| {
            let place = place(&original.key, source_prefix);
            let item = Entry::Parent(Candidate::new(&policy, original)?);
            Some(Placed { place, item })
        });
        let failure_prefix = self.policy.failure_prefix().len();
        let records = self.listed(self.policy.failure_prefix(), move |record| {
            let place = place(&record.key, failure_prefix);
            let item = Entry::Child(Below::Record(record));
            (place != "/").then_some(Placed { place, item })
        });
        let outputs = if self.policy.keys_name_originals() {
            let policy = self.policy.clone();
            self.listed(self.policy.output_prefix(), move |output| {
                let place = policy.thumbnail_name(&output.key)?.to_owned();
                let item = Entry::Child(Below::Output(output));
                Some(Placed { place, item })
            })
            .boxed()
        } else {
            stream::empty().boxed()
        };
        join(ascending(
            ascending(in_order(originals), in_order(records)),
            outputs,
        ))
    }

    fn listed<T, F>(
        &self,
        prefix: &str,
        mut placed: F,
    ) -> impl Stream<Item = Result<T, listing::Error>> + Send + use<T, F>
    where
        T: Send,
        F: FnMut(Listed) -> Option<T> + Send,
    {
        let asked = Arc::clone(&self.asked);
        listing(Arc::clone(&self.store), prefix).try_filter_map(move |listed| {
            asked.listed.fetch_add(1, Ordering::Relaxed);
            future::ok(placed(listed))
        })
    }

    fn is_wanted(&self, joined: &Joined<Candidate>) -> bool {
        self.wanted.as_ref().is_none_or(|filter| match joined {
            Joined::Parent(candidate) => is_wanted(filter, &self.policy, &candidate.original),
            Joined::Orphan(_) => false,
        })
    }

    fn young(&self) -> Young {
        Young {
            now: self.options.now,
            within: self.options.pending,
        }
    }

    /// Whether this is among the marks that a fast audit looks at.
    fn samples(&self) -> bool {
        self.sampled.fetch_add(1, Ordering::Relaxed) < SAMPLED_MARKS
    }
}

/// Where the children of what is under `key` stand.
fn place(key: &Key, prefix: usize) -> String {
    format!("{}/", &key.as_str()[prefix..])
}
