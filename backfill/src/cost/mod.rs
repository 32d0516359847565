//! What a run costs: what it used ([`Usage`]) times what that is sold for ([`Prices`]), in USD by part.
//! Knows neither stores nor networks.
//!
//! ```text
//! record ──► Meter ──► Usage ─┐
//!                             ├─► Cost: USD by Item, each an Interval
//! prices.toml ──► Prices ─────┘
//! ```
//!
//! Nothing is exact that is not known: quantities and prices are [`Interval`]s, and what has no upper bound
//! is told as "at least".
//!
//! ```
//! use backfill::cost::{Cost, Free, Interval, Item, Prices, Usage};
//!
//! let prices = Prices::of_this_version();
//! // 250 pictures with six thumbnails each: 1,500 Class A requests.
//! let usage = Usage::of(Item::ClassA, Interval::exactly(1500.0));
//! let cost = Cost::of(&usage, &prices, Free::Without);
//! assert_eq!(cost.get(Item::ClassA), Interval::exactly(1500.0 * (0.0052 / 1000.0)));
//! assert_eq!(backfill::cost::usd(cost.total()), "0.0078 USD");
//! // The same of a thousand pictures.
//! let thousand = Cost::of(&usage.scaled(1000.0 / 250.0), &prices, Free::Without);
//! assert_eq!(backfill::cost::usd(thousand.total()), "0.0312 USD");
//! ```

mod expected;
mod prices;
mod usage;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::SummaryCost;

pub use self::expected::{
    Expected, IDLE_SECONDS, PER_VCPU, PER_VCPU_OF_JOB, START_UP_SECONDS, Work,
};
pub use self::prices::{Currency, FreeTier, Item, NotCounted, Price, Prices, PricesError};
pub use self::usage::{Application, Meter, Place, Usage};
pub use crate::record::{InstanceSize, Interval, Took};

/// Whether what an account gets for nothing is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Free {
    /// All is paid for: as if the account had used up its free tier.
    Without,
    /// A month's free tier of Code Engine is taken off, all of it.
    AMonth,
}

/// USD by part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost(BTreeMap<Item, Interval>);

impl Cost {
    /// What a usage costs.
    #[must_use]
    pub fn of(usage: &Usage, prices: &Prices, free: Free) -> Self {
        let part = |(item, used): (Item, Interval)| {
            let paid = match free {
                Free::Without => used,
                Free::AMonth => used.less(prices.free(item)),
            };
            (item, paid * prices.of(item))
        };
        Self(usage.iter().map(part).collect())
    }

    /// What one item costs.
    #[must_use]
    pub fn get(&self, item: Item) -> Interval {
        self.0.get(&item).copied().unwrap_or_default()
    }

    /// All parts, in the order of [`Item::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Item, Interval)> {
        self.0.iter().map(|(&item, &cost)| (item, cost))
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> Interval {
        self.0.values().copied().sum()
    }
}

impl Prices {
    /// What a usage costs, for the summary of a run.
    #[must_use]
    pub fn summary(&self, usage: &Usage) -> SummaryCost {
        let cost = Cost::of(usage, self, Free::Without);
        let parts = cost.iter().map(|(item, usd)| (item.name().to_owned(), usd));
        let (oldest, newest) = self.dates();
        SummaryCost {
            parts: parts.collect(),
            total: cost.total(),
            total_with_free_tier: Cost::of(usage, self, Free::AMonth).total(),
            prices: format!("{oldest} to {newest}"),
        }
    }
}

/// What so many pictures would cost and take, with the same machines and as many in flight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// So many pictures.
    pub pictures: u64,
    /// How long they would take, in seconds.
    pub seconds: Interval,
    /// What they would use.
    pub usage: Usage,
    /// What they would cost without a free tier.
    pub cost: Cost,
    /// What they would cost in an account that has used nothing of this month's free tier.
    pub cost_with_free_tier: Cost,
}

impl Projection {
    /// Of `pictures`, by others that took so long: all in proportion, but for the start-up of instances, and for
    /// what it takes to select these. Of none there is nothing to be told.
    #[must_use]
    pub fn of(
        pictures: u64,
        (measured, selecting): (&Meter, Usage),
        took: Took,
        prices: &Prices,
    ) -> Option<Self> {
        let others = Some(measured.pictures()).filter(|others| *others > 0)?;
        let took = took.scaled(float(pictures) / float(others));
        let usage = measured.scaled(pictures).usage(took.all) + selecting;
        let seconds = Interval::exactly(took.all.as_secs_f64());
        Some(Self::new(pictures, seconds, usage, prices))
    }

    /// Of `pictures` that take and use so much.
    #[must_use]
    pub fn new(pictures: u64, seconds: Interval, usage: Usage, prices: &Prices) -> Self {
        Self {
            pictures,
            seconds,
            cost: Cost::of(&usage, prices, Free::Without),
            cost_with_free_tier: Cost::of(&usage, prices, Free::AMonth),
            usage,
        }
    }
}

/// Whether what is read of Object Storage by that endpoint, from outside of its region, is billed as egress.
#[must_use]
pub fn is_public_endpoint(endpoint: &str) -> bool {
    const OBJECT_STORAGE: &str = ".cloud-object-storage.appdomain.cloud";
    let authority = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let end = authority.find(['/', ':']).unwrap_or(authority.len());
    let host = &authority[..end];
    let free = ["s3.direct.", "s3.private."];
    host.ends_with(OBJECT_STORAGE) && !free.iter().any(|start| host.starts_with(start))
}

/// A sum of USD for people, such as `0.0078 USD`, `0.05 to 0.09 USD`, `at least 0.05 USD`.
#[must_use]
pub fn usd(cost: Interval) -> String {
    format!("{} USD", figures(cost))
}

/// An interval for people, to three significant digits; whole numbers from 1,000 on have separators.
#[must_use]
pub fn figures(interval: Interval) -> String {
    let least = figure(interval.least);
    match interval.most.map(figure) {
        Some(most) if most == least => least,
        Some(most) => format!("{least} to {most}"),
        None => format!("at least {least}"),
    }
}

fn figure(number: f64) -> String {
    if number >= 999.5 {
        let whole = format!("{number:.0}");
        let digits = whole.len();
        let separated = whole.chars().enumerate().flat_map(|(place, digit)| {
            let separator = place > 0 && (digits - place).is_multiple_of(3);
            separator.then_some(',').into_iter().chain([digit])
        });
        return separated.collect();
    }
    let decimals = (0_u8..9).find(|decimals| number * 10_f64.powi((*decimals).into()) >= 99.95);
    let text = format!("{number:.*}", decimals.unwrap_or(9).into());
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A count as a number to multiply with.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
