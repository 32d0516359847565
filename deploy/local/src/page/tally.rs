//! The counters above the rows.

use std::collections::VecDeque;

use backfill::cost::{Interval, usd};
use chrono::{DateTime, Utc};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::row::{Row, micros};

/// So many seconds back it is told how many pictures were made in each.
const SECONDS: usize = 10;

/// Adds up rows. Its size does not grow with their number, but with that of the last seconds.
#[derive(Debug)]
pub(super) struct Tally {
    events: u32,
    made: u32,
    rejected: u32,
    failed: u32,
    /// From the stored original to the stored thumbnails, in microseconds.
    waits: Histogram<u64>,
    /// When pictures were made, in the last [`SECONDS`].
    of_late: VecDeque<DateTime<Utc>>,
    bytes_stored: u64,
    bytes_read: u64,
    cost: Interval,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            events: 0,
            made: 0,
            rejected: 0,
            failed: 0,
            waits: Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed")),
            of_late: VecDeque::new(),
            bytes_stored: 0,
            bytes_read: 0,
            cost: Interval::ZERO,
        }
    }
}

impl Tally {
    pub(super) fn add(&mut self, row: &Row) {
        use cos_thumbnails::outcome::Verdict::Rejected;
        self.events += 1;
        match &row.result {
            Err(_) => self.failed += 1,
            Ok(outcome) if outcome.verdict == Rejected => self.rejected += 1,
            Ok(outcome) if row.is_made() => {
                self.made += 1;
                self.cost += row.cost;
                self.of_late.retain(|made| age(*made, row.ended) < SECONDS);
                self.of_late.push_back(row.ended);
                if let Some(waited) = row.waited {
                    // It grows with what is recorded.
                    let _ = self.waits.record(micros(waited));
                }
                if let Some(original) = &outcome.original {
                    self.bytes_stored += original.bytes;
                    self.bytes_read += outcome.traffic.bytes_read;
                }
            }
            Ok(_) => {}
        }
    }

    pub(super) fn json(&self, now: DateTime<Utc>) -> Value {
        let has_some = self.made > 0;
        let wait = |quantile| has_some.then(|| self.waits.value_at_quantile(quantile));
        let thousand = self.cost * (1000.0 / f64::from(self.made.max(1)));
        json!({
            "events": self.events,
            "made": self.made,
            "made_by_age": self.made_by_age(now),
            "rejected": self.rejected,
            "failed": self.failed,
            "p50_us": wait(0.5),
            "p95_us": wait(0.95),
            "bytes_stored": self.bytes_stored,
            "bytes_read": self.bytes_read,
            "usd_per_1000": has_some.then(|| usd(thousand)),
        })
    }

    /// How many pictures were made less than one second ago, less than two, and so on.
    fn made_by_age(&self, now: DateTime<Utc>) -> [u32; SECONDS] {
        let mut counts = [0; SECONDS];
        for made in &self.of_late {
            if let Some(count) = counts.get_mut(age(*made, now)) {
                *count += 1;
            }
        }
        counts
    }
}

/// In whole seconds. Clocks may be set back, so that it is in the future.
fn age(made: DateTime<Utc>, now: DateTime<Utc>) -> usize {
    usize::try_from((now - made).num_seconds()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::notifier::Failure;
    use crate::page::sample::{delivery, made, stored, without};

    const NONE: [u32; SECONDS] = [0; SECONDS];

    /// Of pictures whose thumbnails stood so many milliseconds after the originals.
    fn tally(waits: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        for wait in waits {
            tally.add(&Row::new(&made(Duration::from_millis(wait))));
        }
        tally
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        let none = Tally::default().json(stored());
        for field in ["p50_us", "p95_us", "usd_per_1000"] {
            assert!(none[field].is_null(), "{none}");
        }
        assert_eq!(none["made_by_age"], json!(NONE));
    }

    #[test]
    fn pictures_are_added_up() {
        // In no order.
        let told = tally((1..=50).rev().chain(51..=100)).json(stored());
        // Three digits are kept.
        for (quantile, expected) in [("p50_us", 50_000), ("p95_us", 95_000)] {
            let us = told[quantile].as_u64().unwrap();
            assert!(
                (expected..=expected + expected / 1000).contains(&us),
                "{told}"
            );
        }
        assert_eq!(told["made"], 100);
        assert_eq!(told["bytes_stored"], 100_000_000);
        assert_eq!(told["bytes_read"], 25_000_000);
        // Six PUTs for 0.0052 USD of 1,000, four other requests for 0.0042 of 10,000; and 1 vCPU and 4 GB for 5 to
        // 10.5 ms, a second for 0.00003431 and 4 times 0.00000356 USD.
        assert_eq!(told["usd_per_1000"], "0.0331 to 0.0334 USD");
    }

    #[test]
    fn only_pictures_that_were_made_have_a_time_and_a_cost() {
        let mut tally = tally([20]);
        for verdict in ["rejected", "duplicate", "removed", "skipped", "rejected"] {
            tally.add(&Row::new(&without(verdict)));
        }
        let late = Duration::from_mins(1);
        tally.add(&Row::new(&delivery(late, Err(Failure::Dropped))));
        let told = tally.json(stored());
        let counts = ["events", "made", "rejected", "failed"].map(|count| told[count].as_u64());
        assert_eq!(counts, [7, 1, 2, 1].map(Some));
        assert_eq!(told["p50_us"], told["p95_us"]);
        assert!(told["p95_us"].as_u64().unwrap() < 20_100, "{told}");
        assert_eq!(told["bytes_stored"], 1_000_000);
        assert_eq!(told["usd_per_1000"], "0.0331 to 0.0334 USD");
    }

    #[test]
    fn what_was_made_of_late_is_told_by_its_age_and_nothing_else_is_kept() {
        // More than a page shows rows.
        let mut tally = tally([200; 60].into_iter().chain([1100, 9000]));
        let at = |ms| stored() + Duration::from_millis(ms);
        let told = |tally: &Tally, ms| tally.json(at(ms))["made_by_age"].clone();
        assert_eq!(told(&tally, 9100), json!([1, 0, 0, 0, 0, 0, 0, 0, 61, 0]));
        assert_eq!(told(&tally, 10_300), json!([0, 1, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(told(&tally, 30_000), json!(NONE));
        // The clock was set back.
        assert_eq!(told(&tally, 100), json!([62, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        tally.add(&Row::new(&made(Duration::from_secs(12))));
        assert_eq!(tally.of_late, [at(9000), at(12_000)]);
    }
}
