//! Events that came to their end, for the tests of what is shown of them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, Key, ObjectId};
use cos_thumbnails::outcome::Outcome;
use serde_json::{Value, json};

use crate::notifier::{Delivery, Failure, Fate};

/// When the originals of these were stored.
pub(super) fn stored() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// A delivery that ended so long after the original was stored.
pub(super) fn delivery(waited: Duration, result: Result<Outcome, Failure>) -> Delivery {
    let change = Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: Bucket::new("pictures"),
            key: Key::new("images/a.jpg"),
        },
        etag: None,
        length: Some(1_000_000),
        content_type: None,
        endpoint: String::new(),
    };
    Delivery {
        event: Event::new("e", stored(), change),
        attempts: 1,
        took: waited,
        ended: stored() + waited,
        is_last: true,
        result,
        fate: Fate::default(),
    }
}

/// One by which thumbnails were made: of 10.5 ms in the function 0.5 ms are in no stage, and 5 ms are the processor's.
pub(super) fn made(waited: Duration) -> Delivery {
    let outcome = json!({
        "original": {"bytes": 1_000_000, "format": "JPEG", "width": 400, "height": 300},
        "thumbnails": [{
            "key": "thumbnails/a.jpg/16.jpg", "size": 16, "format": "jpeg", "width": 16, "height": 12, "bytes": 400,
        }],
        "traffic": {
            "gets": 1, "heads": 3, "puts": 6, "deletes": 1, "bytes_read": 250_000, "bytes_written": 50_000,
        },
        "timings_us": {"fetch": 2000, "decode": 5000, "store": 3000, "total": 10_500},
        "execution": {
            "instance": "i", "before": 1, "ready_at_us": 1, "began_at_us": 2, "ended_at_us": 3,
            "cpu_us": 5000, "process_cpu_us": [1, 2],
        },
    });
    delivery(waited, Ok(ended("made", outcome)))
}

/// One that ended by that verdict, and in nothing else.
pub(super) fn without(verdict: &str) -> Delivery {
    let outcome =
        json!({"traffic": json!(cos_thumbnails::outcome::Traffic::default()), "timings_us": {}});
    delivery(Duration::from_millis(7), Ok(ended(verdict, outcome)))
}

fn ended(verdict: &str, mut outcome: Value) -> Outcome {
    for (field, value) in [
        ("event_id", "e"),
        ("key", "images/a.jpg"),
        ("recipe", "r"),
        ("verdict", verdict),
    ] {
        outcome[field] = json!(value);
    }
    serde_json::from_value(outcome).unwrap()
}
