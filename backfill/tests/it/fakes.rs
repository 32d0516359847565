//! Outcomes and changes for tests that need neither a store nor pictures.

use std::time::Duration;

use backfill::Replay;
use backon::ExponentialBuilder;
use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, Key, ObjectId};
use cos_thumbnails::outcome::{Outcome, Stage, Timings, Traffic, Verdict};
use tokio_util::sync::CancellationToken;

pub(crate) fn change(key: &str) -> Change {
    Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: Bucket::new("b"),
            key: Key::new(key),
        },
        etag: None,
        length: Some(10),
        content_type: None,
        endpoint: String::new(),
    }
}

pub(crate) fn made(event: &Event) -> Outcome {
    let mut timings = Timings::default();
    timings.add(Stage::Total, Duration::from_millis(1));
    Outcome {
        event_id: event.id().to_owned(),
        key: event.change().object.key.clone(),
        verdict: Verdict::Made,
        reason: None,
        message: None,
        etag: None,
        recipe: "r".into(),
        original: None,
        thumbnails: Vec::new(),
        degraded: None,
        ignored: Vec::new(),
        run_refused: false,
        traffic: Traffic::default(),
        timings,
        execution: None,
    }
}

/// Tries again twice, at once.
pub(crate) fn replay(in_flight: usize) -> Replay {
    Replay {
        run: "run1".into(),
        first: 1,
        in_flight,
        retry: ExponentialBuilder::new()
            .with_min_delay(Duration::from_micros(1))
            .with_max_times(2),
        stop: CancellationToken::new(),
    }
}
