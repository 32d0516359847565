//! What so many pictures would cost, by what a typical sample of each mode used.

use super::data::{Data, Sample};
use crate::cost::{Projection, Usage, figures, usd};
use crate::record::Mode;

/// One mode.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) mode: Mode,
    /// How many pictures the sample has, and its name.
    pub(super) measured: (u64, String),
    pub(super) thousand: Projection,
    pub(super) million: Projection,
}

/// The names of the columns for people.
pub(super) const COLUMNS: [&str; 7] = [
    "mode",
    "by a sample of",
    "1,000 pictures",
    "with a month's free tier",
    "1,000,000 pictures",
    "with a month's free tier",
    "1,000,000 take, hours by the end-to-end clock",
];

/// Each mode by its typical sample with the greatest number of pictures, where it is known what that used.
pub(super) fn rows(data: &Data) -> Vec<Row> {
    let largest = data.largest().into_iter();
    largest
        .filter_map(|(mode, samples)| {
            let sample = Sample::typical(&samples)?;
            let (meter, took) = sample.spent.as_ref()?;
            let of = |pictures| {
                let listings = Usage::of_listing(pictures).scaled(2.0);
                Projection::of(pictures, (meter, listings), *took, &data.prices)
            };
            Some(Row {
                mode,
                measured: (sample.pictures, sample.name.clone()),
                thousand: of(1000)?,
                million: of(1_000_000)?,
            })
        })
        .collect()
}

/// What has to be known of them.
pub(super) fn caption(data: &Data) -> String {
    let (oldest, newest) = data.prices.dates();
    format!(
        "Estimates, by list prices of {oldest} to {newest} and by what a typical sample used: sequential and parallel on a \
         virtual machine (bx2-2x8; one of more processors counts as half as many of these) for as long as it took, fan-out by \
         instances of Code Engine, as if those that were there had been it, with their start-up and one to two minutes of \
         idleness. In proportion to pictures, but for the start-up, with the listings of that many. What is not known is an \
         interval."
    )
}

impl Row {
    /// Its cells for people, in the order of [`COLUMNS`].
    pub(super) fn cells(&self) -> [String; 7] {
        let (pictures, sample) = &self.measured;
        [
            self.mode.name().to_owned(),
            format!("{pictures} ({sample})"),
            usd(self.thousand.cost.total()),
            usd(self.thousand.cost_with_free_tier.total()),
            usd(self.million.cost.total()),
            usd(self.million.cost_with_free_tier.total()),
            figures(self.million.seconds * 3600_f64.recip()),
        ]
    }
}
