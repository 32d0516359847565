//! The counters above the rows.

use backfill::cost::{Interval, usd};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::row::{Row, micros};

/// Adds up rows. Its size does not grow with their number.
#[derive(Debug)]
pub(super) struct Tally {
    events: u32,
    made: u32,
    rejected: u32,
    failed: u32,
    /// From the stored original to the stored thumbnails, in microseconds.
    waits: Histogram<u64>,
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

    pub(super) fn json(&self) -> Value {
        let has_some = self.made > 0;
        let wait = |quantile| has_some.then(|| self.waits.value_at_quantile(quantile));
        let thousand = self.cost * (1000.0 / f64::from(self.made.max(1)));
        json!({
            "events": self.events,
            "made": self.made,
            "rejected": self.rejected,
            "failed": self.failed,
            "p50_us": wait(0.5),
            "p95_us": wait(0.95),
            "bytes_stored": self.bytes_stored,
            "bytes_read": self.bytes_read,
            "usd_per_1000": has_some.then(|| usd(thousand)),
        })
    }
}
