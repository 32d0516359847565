//! Which originals a run takes, and in which order.
//!
//! In the order of their names they are sent as they are listed, and memory does not grow with the bucket.
//! Any other order, a sample, and those that an audit chooses are held in memory: some 100 bytes and
//! the key of each that the listing or the audit gives.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use cos_thumbnails::events::Change;
use cos_thumbnails::object::Key;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::Storage;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, future, stream};
use serde::{Deserialize, Serialize};

use crate::audit::{self, Audit, State};
use crate::cost::Usage;
use crate::filter::Filter;
use crate::originals::{self, Extent, Original, counted, extent, originals};

/// Which originals are taken, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// So many of those below, the first ones in their order.
    pub count: Option<u64>,
    /// By their names, lengths and times.
    pub filter: Filter,
    /// By what stands of their thumbnails.
    pub only: Only,
    /// So many of these by chance.
    pub sample: Option<u64>,
    /// In which order.
    pub order: Order,
    /// By which chance draws.
    pub seed: u64,
}

/// Originals by what an audit finds of their thumbnails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Only {
    /// Whatever stands: thumbnails are made anew, as the paper's programs do
    #[default]
    All,
    /// Those of which a thumbnail is not there, or has no bytes
    Missing,
    /// Those whose thumbnails are of another version or recipe, or of several
    Stale,
    /// Those that have no thumbnails, and a failure record that says why
    Failed,
}

impl Only {
    fn takes(self, state: State) -> bool {
        match self {
            Self::All => true,
            Self::Missing => matches!(state, State::Missing | State::Partial | State::ZeroByte),
            Self::Stale => matches!(state, State::Stale | State::Mixed),
            Self::Failed => state == State::Failed,
        }
    }
}

/// The order in which originals are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Ascending by key, bytewise, as they are listed
    #[default]
    Name,
    /// Ascending by length
    Size,
    /// By chance
    Random,
}

/// Why originals could not be selected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listing broke off.
    #[error(transparent)]
    Listing(#[from] originals::Error),
    /// What stands of their thumbnails could not be found out.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// More were to be drawn than there are.
    #[error("a sample of {asked} is more than the {max} originals that there are")]
    Sample {
        /// How many were to be drawn.
        asked: u64,
        /// From how many.
        max: u64,
    },
}

/// What was selected.
#[derive(Debug)]
pub(crate) enum Selected {
    /// What this filter wants, listed anew when it is sent.
    Listed {
        filter: Filter,
        extent: Extent,
        /// The last one, where it ends; absent where there is none.
        last_key: Option<Key>,
        /// How many objects were listed up to there.
        objects: u64,
    },
    /// These, in this order.
    Held {
        originals: Vec<Original>,
        /// What all took that these were chosen from.
        memory_bytes: usize,
        /// How many objects were listed for it, and at how many an audit looked.
        asked: (u64, u64),
    },
}

impl Selection {
    /// Whether no original is left out, but by how many are taken.
    pub(crate) fn is_all(&self) -> bool {
        self.only == Only::All && self.filter == Filter::default()
    }

    /// Whether originals can be sent as they are listed.
    fn is_listed(&self) -> bool {
        (self.only, self.sample, self.order) == (Only::All, None, Order::Name)
    }

    /// Selects: lists the originals once and, if need be, looks at their thumbnails. All of them, or as many
    /// as there are of [`count`](Self::count).
    pub(crate) async fn select(
        &self,
        store: &Arc<dyn Storage>,
        policy: &Policy,
        audited: audit::Options,
    ) -> Result<Selected, Error> {
        let count = self.count.map_or(usize::MAX, saturated);
        let objects = Arc::new(AtomicU64::new(0));
        let listed = counted(
            Arc::clone(store),
            policy.clone(),
            self.filter.clone(),
            Arc::clone(&objects),
        );
        if self.is_listed() {
            return Ok(Selected::listed(self.filter.clone(), listed.take(count), &objects).await?);
        }
        let mut asked = (0, 0);
        let mut held: Vec<Original> = if self.only == Only::All {
            listed.map_ok(Original::new).try_collect().await?
        } else {
            let audit = Audit::new(Arc::clone(store), policy.clone(), audited);
            let audit = audit.of(self.filter.clone());
            let found = audit.all();
            let mut found = pin!(found.try_filter(|one| future::ready(self.only.takes(one.state))));
            let mut held = Vec::new();
            while let Some(finding) = found.try_next().await? {
                held.push(Original {
                    key: finding.key,
                    etag: None,
                    bytes: finding.bytes,
                });
            }
            asked = audit.asked();
            held
        };
        asked.0 += objects.load(Ordering::Relaxed);
        let memory_bytes = held.iter().map(Original::memory).sum();
        let mut chance = fastrand::Rng::with_seed(self.seed);
        if let Some(asked) = self.sample {
            let max = held.len() as u64;
            // Of what has to be mended there may be fewer on a good day, and then these are all.
            if asked > max && self.only == Only::All {
                return Err(Error::Sample { asked, max });
            }
            held = chance.choose_multiple(held, saturated(asked.min(max)));
        }
        match self.order {
            Order::Name => held.sort_unstable_by(|a, b| a.key.cmp(&b.key)),
            Order::Size => held.sort_unstable_by(|a, b| (a.bytes, &a.key).cmp(&(b.bytes, &b.key))),
            Order::Random => chance.shuffle(&mut held),
        }
        held.truncate(count);
        Ok(Selected::Held {
            originals: held,
            memory_bytes,
            asked,
        })
    }

    /// Whether chance has a part in it.
    pub(crate) fn is_by_chance(&self) -> bool {
        self.sample.is_some() || self.order == Order::Random
    }
}

impl Selected {
    async fn listed(
        filter: Filter,
        listed: impl Stream<Item = Result<Change, originals::Error>> + Send,
        objects: &AtomicU64,
    ) -> Result<Self, originals::Error> {
        let mut last_key = None;
        let listed = listed.inspect_ok(|change| last_key = Some(change.object.key.clone()));
        let extent = extent(listed).await?;
        Ok(Self::Listed {
            filter,
            extent,
            last_key,
            objects: objects.load(Ordering::Relaxed),
        })
    }

    /// What it takes of the store to have selected them, and to list those anew that are not held.
    pub(crate) fn usage(&self) -> Usage {
        let selecting = match self {
            Self::Listed { objects, .. } => Usage::of_listing(*objects),
            Self::Held { asked, .. } => Usage::of_listing(asked.0) + Usage::of_looks(asked.1),
        };
        selecting + self.sending()
    }

    /// What of that it takes to list those anew that are not held: all of them, though a run that ends early may not
    /// come to the end of the listing.
    pub(crate) fn sending(&self) -> Usage {
        match self {
            Self::Listed { objects, .. } => Usage::of_listing(*objects),
            Self::Held { .. } => Usage::default(),
        }
    }

    /// How much it is.
    pub(crate) fn extent(&self) -> Extent {
        match self {
            Self::Listed { extent, .. } => *extent,
            Self::Held { originals, .. } => Extent {
                pictures: originals.len() as u64,
                bytes: originals.iter().filter_map(|one| one.bytes).sum(),
            },
        }
    }

    /// The first `count`, if there are more.
    pub(crate) async fn first(
        self,
        count: u64,
        store: &Arc<dyn Storage>,
        policy: &Policy,
    ) -> Result<Self, originals::Error> {
        match self {
            all if all.extent().pictures <= count => Ok(all),
            Self::Listed { filter, .. } => {
                let objects = Arc::new(AtomicU64::new(0));
                let listed = counted(
                    Arc::clone(store),
                    policy.clone(),
                    filter.clone(),
                    Arc::clone(&objects),
                );
                Self::listed(filter, listed.take(saturated(count)), &objects).await
            }
            Self::Held {
                mut originals,
                memory_bytes,
                asked,
            } => {
                originals.truncate(saturated(count));
                Ok(Self::Held {
                    originals,
                    memory_bytes,
                    asked,
                })
            }
        }
    }

    /// The originals, in their order. A listing ends by its last key, so that what came meanwhile pushes
    /// none out.
    pub(crate) fn stream(
        self,
        store: &Arc<dyn Storage>,
        policy: &Policy,
    ) -> BoxStream<'static, Result<Change, originals::Error>> {
        match self {
            Self::Listed {
                filter, last_key, ..
            } => {
                let listed = originals(Arc::clone(store), policy.clone(), filter);
                let within = move |change: &Change| last_key.as_ref() >= Some(&change.object.key);
                listed
                    .try_take_while(move |change| future::ready(Ok(within(change))))
                    .boxed()
            }
            Self::Held { originals, .. } => {
                let bucket = policy.bucket().clone();
                let changes = originals.into_iter();
                stream::iter(changes.map(move |original| Ok(original.change(&bucket)))).boxed()
            }
        }
    }
}

fn saturated(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
