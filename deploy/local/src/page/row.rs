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
    /// When the outcome arrived here.
    pub(super) ended: DateTime<Utc>,
    attempts: u32,
    fate: String,
    /// From the acknowledged change until then, both by this machine's clock.
    pub(super) waited: Option<Duration>,
    pub(super) result: Result<Outcome, String>,
    /// What the outcome would have cost on Code Engine.
    pub(super) cost: Interval,
}

impl Row {
    pub(super) fn new(delivery: &Delivery) -> Self {
        let (event, ended) = (&delivery.event, delivery.ended);
        let change = event.change();
        let waited = event.time().and_then(|time| (ended - time).to_std().ok());
        let result = delivery.result.as_ref();
        Self {
            key: change.object.key.clone(),
            operation: change.operation,
            ended,
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cos_thumbnails::object::Bucket;
    use cos_thumbnails::storage::{Credentials, HmacKey, S3Config};

    use super::*;
    use crate::notifier::{Failure, Fate};
    use crate::page::sample::{delivery, made};

    async fn shown(delivery: &Delivery) -> Value {
        let key = HmacKey {
            access_key_id: "id".to_owned(),
            secret_access_key: "canary-row".to_owned(),
        };
        let endpoint = "http://127.0.0.1:9000";
        let store = S3Config {
            endpoint: endpoint.to_owned(),
            region: "local".to_owned(),
            bucket: Bucket::new("pictures"),
            credentials: Credentials::Hmac(key.clone()),
        };
        let signer = Signer::new(&store, endpoint, &key);
        Row::new(delivery).json(&signer).await.unwrap()
    }

    #[tokio::test]
    async fn a_picture_is_shown_with_its_times_its_bytes_and_its_cost() {
        let row = shown(&made(Duration::from_millis(30))).await;
        assert_eq!(row["waited_us"], 30_000);
        let stages = json!([
            ["delivery", 19_500],
            ["fetch", 2000],
            ["decode", 5000],
            ["store", 3000]
        ]);
        assert_eq!(row["stages"], stages);
        assert_eq!(
            (&row["bytes_read"], &row["original"]["bytes"]),
            (&json!(250_000), &json!(1_000_000))
        );
        assert_eq!(row["thumbnails"][0]["bytes"], 400);
        assert_eq!(row["cost"], "0.0000331 to 0.0000334 USD");
        for (url, key) in [
            (&row["original"]["url"], "images/a.jpg"),
            (&row["thumbnails"][0]["url"], "thumbnails/a.jpg/16.jpg"),
        ] {
            let start = format!("http://127.0.0.1:9000/pictures/{key}?");
            assert!(url.as_str().unwrap().starts_with(&start), "{url}");
        }
    }

    #[tokio::test]
    async fn what_was_not_handled_is_shown_with_the_reason() {
        let failed = Delivery {
            attempts: 0,
            fate: Fate {
                dropped: true,
                ..Fate::default()
            },
            ..delivery(Duration::from_millis(30), Err(Failure::Dropped))
        };
        let row = shown(&failed).await;
        assert_eq!(row["failure"], "it was never sent");
        assert_eq!(row["mischief"], "dropped");
        assert!(row.get("verdict").is_none(), "{row}");
    }

    #[tokio::test]
    async fn a_function_whose_clock_is_faster_took_no_less_than_nothing_on_the_way() {
        let row = shown(&made(Duration::from_millis(10))).await;
        assert_eq!(row["stages"][0], json!(["fetch", 2000]));
    }
}
