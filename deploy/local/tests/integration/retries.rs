//! Which answers are tried again: Knative's table (knative/specs, eventing data plane).

use std::time::Duration;

use chrono::Utc;
use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, Key, ObjectId};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local_cloud::{Delivery, Failure};

use crate::stand_in::{Answer, Noted, StandIn};

fn event() -> Event {
    let change = Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: Bucket::new("b"),
            key: Key::new("images/a.jpg"),
        },
        etag: None,
        length: Some(1),
        content_type: None,
        endpoint: String::new(),
    };
    Event::new("id", Utc::now(), change)
}

/// What becomes of one event that is sent to `function`.
async fn deliver(function: http::Uri) -> Delivery {
    let client = Client::builder(TokioExecutor::new()).build_http();
    local_cloud::deliver(&client, &function, event()).await
}

async fn deliver_by(script: &[Answer]) -> (Delivery, Vec<Noted>) {
    let function = StandIn::start(script.iter().copied()).await;
    let delivery = deliver(function.url()).await;
    (delivery, function.noted())
}

#[tokio::test]
async fn what_can_pass_is_tried_again() {
    for answer in [404, 408, 409, 429, 500, 502, 503, 504, 599].map(Answer::Status) {
        let (delivery, noted) = deliver_by(&[answer]).await;
        assert_eq!((delivery.attempts, noted.len()), (2, 2), "{answer:?}");
        delivery.result.unwrap();
        // The same event, by its id and in every byte.
        assert_eq!(noted[0].headers, noted[1].headers);
        assert_eq!(noted[0].body, noted[1].body);
    }
}

#[tokio::test]
async fn what_cannot_pass_is_not_tried_again() {
    for code in [400, 401, 403, 405, 410, 413, 415, 422, 301] {
        let (delivery, noted) = deliver_by(&[Answer::Status(code)]).await;
        assert_eq!((delivery.attempts, noted.len()), (1, 1), "{code}");
        match delivery.result {
            Err(Failure::Status { status, .. }) => assert_eq!(status.as_u16(), code),
            other => panic!("{code}: {other:?}"),
        }
    }
    let (delivery, noted) = deliver_by(&[Answer::Nonsense]).await;
    assert_eq!(noted.len(), 1);
    assert!(matches!(delivery.result, Err(Failure::Answer(_))));
}

#[tokio::test]
async fn who_says_when_is_not_asked_earlier() {
    let (delivery, noted) = deliver_by(&[Answer::After(503, 1)]).await;
    assert_eq!((delivery.attempts, noted.len()), (2, 2));
    delivery.result.unwrap();
    // The first pause would be over in a fifth of it.
    assert!(
        delivery.took >= Duration::from_secs(1),
        "{:?}",
        delivery.took
    );
}

#[tokio::test]
async fn a_fault_on_the_way_is_tried_again() {
    let (delivery, noted) = deliver_by(&[Answer::Hangup, Answer::Hangup]).await;
    assert_eq!((delivery.attempts, noted.len()), (3, 3));
    delivery.result.unwrap();
}
