//! Which originals a run takes, and in which order.
//!
//! In the order of their names they are sent as they are listed, and memory does not grow with the bucket.
//! Any other order, a sample, and those that an audit chooses are held in memory: some 100 bytes and
//! the key of each.

use std::pin::pin;
use std::sync::Arc;

use clap::ValueEnum;
use cos_thumbnails::events::Change;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::Storage;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use serde::{Deserialize, Serialize};

use crate::audit::{self, Audit, State};
use crate::filter::Filter;
use crate::originals::{self, Extent, Original, extent, originals};

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
    /// Those that have a failure record
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
}

/// What was selected.
#[derive(Debug, Clone)]
pub(crate) enum Selected {
    /// What this filter wants, listed anew when it is sent.
    Listed(Filter, Extent),
    /// These, in this order.
    Held(Arc<[Original]>),
}

impl Selection {
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
        let listed = originals(Arc::clone(store), policy.clone(), self.filter.clone());
        if self.is_listed() {
            let extent = extent(listed.take(count)).await?;
            return Ok(Selected::Listed(self.filter.clone(), extent));
        }
        let mut held: Vec<Original> = if self.only == Only::All {
            listed.map_ok(Original::new).try_collect().await?
        } else {
            let audit = Audit::new(Arc::clone(store), policy.clone(), audited);
            let found = audit.of(self.filter.clone()).all();
            let mut found = pin!(found.try_filter(|one| future::ready(self.only.takes(one.state))));
            let mut held = Vec::new();
            while let Some(finding) = found.try_next().await? {
                held.push(Original {
                    key: finding.key,
                    etag: None,
                    bytes: finding.bytes,
                });
            }
            held
        };
        let mut chance = fastrand::Rng::with_seed(self.seed);
        if let Some(sample) = self.sample {
            let sample = saturated(sample).min(held.len());
            held = chance.choose_multiple(held, sample);
        }
        match self.order {
            Order::Name => held.sort_unstable_by(|a, b| a.key.cmp(&b.key)),
            Order::Size => held.sort_unstable_by(|a, b| (a.bytes, &a.key).cmp(&(b.bytes, &b.key))),
            Order::Random => chance.shuffle(&mut held),
        }
        held.truncate(count);
        Ok(Selected::Held(held.into()))
    }
}

impl Selected {
    /// How much it is.
    pub(crate) fn extent(&self) -> Extent {
        match self {
            Self::Listed(_, extent) => *extent,
            Self::Held(held) => Extent {
                pictures: held.len() as u64,
                bytes: held.iter().filter_map(|original| original.bytes).sum(),
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
            Self::Listed(filter, _) => {
                let listed = originals(Arc::clone(store), policy.clone(), filter.clone());
                let extent = extent(listed.take(saturated(count))).await?;
                Ok(Self::Listed(filter, extent))
            }
            Self::Held(held) => Ok(Self::Held(held[..saturated(count)].into())),
        }
    }

    /// Those that are held in memory.
    pub(crate) fn held(&self) -> Option<&[Original]> {
        match self {
            Self::Listed(..) => None,
            Self::Held(held) => Some(held),
        }
    }

    /// The originals, in their order.
    pub(crate) fn stream(
        &self,
        store: &Arc<dyn Storage>,
        policy: &Policy,
    ) -> BoxStream<'static, Result<Change, originals::Error>> {
        match self {
            Self::Listed(filter, extent) => {
                originals(Arc::clone(store), policy.clone(), filter.clone())
                    .take(saturated(extent.pictures))
                    .boxed()
            }
            Self::Held(held) => {
                let (held, bucket) = (Arc::clone(held), policy.bucket().clone());
                let changes = (0..held.len()).map(move |n| Ok(held[n].clone().change(&bucket)));
                stream::iter(changes).boxed()
            }
        }
    }
}

fn saturated(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
