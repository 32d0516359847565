//! What the page shows of one event.

use std::time::Duration;

use backfill::cost::{Cost, Free, InstanceSize, Interval, Prices, Usage, usd};
use chrono::{DateTime, Utc};
use cos_thumbnails::events::Operation;
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::{Outcome, Stage, Verdict};
use serde_json::{Value, json};

use super::sign::{Signer, Unsigned};
use crate::notifier::{Delivery, causes};

/// One event that came to its end.
#[derive(Debug)]
pub(super) struct Row {
    key: Key,
    operation: Operation,
    told: DateTime<Utc>,
    attempts: u32,
    fate: String,
    /// From the acknowledged change to the outcome's arrival here, both by this machine's clock.
    pub(super) waited: Option<Duration>,
    pub(super) result: Result<Outcome, String>,
    /// What the outcome would have cost on Code Engine.
    pub(super) cost: Interval,
}

impl Row {
    pub(super) fn new(delivery: &Delivery) -> Self {
        let (event, told) = (&delivery.event, Utc::now());
        let change = event.change();
        let waited = event.time().and_then(|time| (told - time).to_std().ok());
        let result = delivery.result.as_ref();
        Self {
            key: change.object.key.clone(),
            operation: change.operation,
            told,
            attempts: delivery.attempts,
            fate: delivery.fate.to_string(),
            waited,
            cost: result.ok().map(cost).unwrap_or_default(),
            result: result.cloned().map_err(|failure| causes(failure)),
        }
    }

    /// Whether this event had its thumbnails made.
    pub(super) fn is_made(&self) -> bool {
        matches!(&self.result, Ok(outcome) if outcome.verdict == Verdict::Made)
    }

    /// With URLs that are signed now.
    pub(super) async fn json(&self, signer: &Signer) -> Result<Value, Unsigned> {
        let mut json = json!({
            "key": self.key,
            "operation": match self.operation {
                Operation::Write => "write",
                Operation::Delete => "delete",
            },
            "told_ms": self.told.timestamp_millis(),
            "waited_us": self.waited.map(micros),
            "attempts": self.attempts,
            "mischief": self.fate,
        });
        let outcome = match &self.result {
            Ok(outcome) => outcome,
            Err(failure) => {
                json["failure"] = json!(failure);
                return Ok(json);
            }
        };
        json["verdict"] = json!(outcome.verdict);
        json["reason"] = json!(outcome.reason);
        json["message"] = json!(outcome.message);
        json["degraded"] = json!(outcome.degraded);
        json["bytes_read"] = json!(outcome.traffic.bytes_read);
        json["stages"] = self.stages(outcome);
        json["cost"] = json!(usd(self.cost));
        if let Some(original) = &outcome.original {
            json["original"] = json!(original);
            json["original"]["url"] = json!(signer.get(&self.key).await?);
        }
        let mut thumbnails = Vec::new();
        for thumbnail in &outcome.thumbnails {
            let mut shown = json!(thumbnail);
            shown["url"] = json!(signer.get(&thumbnail.key).await?);
            thumbnails.push(shown);
        }
        json["thumbnails"] = json!(thumbnails);
        Ok(json)
    }

    /// The stages in the order of the flow, in microseconds; before them what the way to the function and
    /// back took.
    fn stages(&self, outcome: &Outcome) -> Value {
        let total = outcome.timings.get(Stage::Total).unwrap_or_default();
        let delivery = self.waited.and_then(|waited| waited.checked_sub(total));
        let delivery = delivery.map(|time| json!(["delivery", micros(time)]));
        let stages = outcome.timings.iter();
        let stages = stages.filter(|(stage, _)| *stage != Stage::Total);
        let stages = stages.map(|(stage, time)| json!([stage, micros(time)]));
        delivery.into_iter().chain(stages).collect()
    }
}

/// What a picture would have cost on Code Engine if it had taken as long there: its requests, and its part of an
/// instance. That is at most the instance for all the time, and at least for the processor's time, where others
/// share it. Start-up, idle time and the free tier are left out.
fn cost(outcome: &Outcome) -> Interval {
    let total = outcome.timings.get(Stage::Total).unwrap_or_default();
    let execution = outcome.execution.as_ref();
    let worked = execution.map_or(Duration::ZERO, |e| Duration::from_micros(e.cpu_us));
    let running = Interval::between(worked.min(total).as_secs_f64(), total.as_secs_f64());
    let usage = Usage::of_requests(&outcome.traffic)
        + Usage::of_instance(InstanceSize::default(), Interval::ZERO, running);
    Cost::of(&usage, &Prices::of_this_version(), Free::Without).total()
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
