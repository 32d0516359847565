//! What nobody should send, over HTTP to a running cloud: each gets its answer, and the next good
//! event is served.

use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, Key, ObjectId};
use cos_thumbnails::outcome::{Reason, Verdict};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::client::{BUCKET, get, list, put};
use crate::cloud::{Uploads, picture};

/// Status and answer to an event that is posted by hand.
async fn post(function: &str, headers: HeaderMap, body: impl Into<bytes::Bytes>) -> (u16, Value) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
    let mut request = Request::post(format!("{function}/events"))
        .body(Full::new(body.into()))
        .unwrap();
    request.headers_mut().extend(headers);
    let answer = client.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

fn change(key: &str) -> Change {
    Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: Bucket::new(BUCKET),
            key: Key::new(key),
        },
        etag: None,
        length: Some(5),
        content_type: None,
        endpoint: String::new(),
    }
}

async fn post_change(function: &str, change: Change) -> (u16, Value) {
    let (headers, body) = Event::new("bad", chrono::Utc::now(), change).to_http();
    post(function, headers, body).await
}

#[tokio::test]
async fn each_bad_event_gets_its_answer_and_the_next_is_served() {
    let mut uploads = Uploads::start().await;
    let function = uploads.cloud.function_url.clone();

    // Cannot be parsed: no JSON, no CloudEvent, JSON that is no notification.
    let (headers, body) = Event::new("bad", chrono::Utc::now(), change("images/x.jpg")).to_http();
    let broken = body.slice(..body.len() - 1);
    for (headers, body) in [
        (headers.clone(), broken),
        (HeaderMap::new(), body),
        (headers, "{}".into()),
    ] {
        let (status, answer) = post(&function, headers, body).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"].is_string(), "{answer}");
        uploads.next_is_served().await;
    }

    let mut foreign = change("images/x.jpg");
    foreign.object.bucket = Bucket::new("another");
    let mut elsewhere = change("images/x.jpg");
    elsewhere.endpoint = "http://127.0.0.1:9/".to_owned();
    for change in [foreign, elsewhere] {
        let (status, answer) = post_change(&function, change).await;
        assert_eq!(status, 403, "{answer}");
        uploads.next_is_served().await;
    }

    for (key, verdict, reason) in [
        ("thumbnails/x.jpg/16.jpg", "skipped", "own_output"),
        ("failures/x.jpg", "skipped", "own_output"),
        ("elsewhere/x.jpg", "skipped", "outside_prefix"),
        ("images/gone.jpg", "skipped", "gone"),
    ] {
        let (status, answer) = post_change(&function, change(key)).await;
        assert_eq!(status, 200, "{answer}");
        let said = (&answer["verdict"], &answer["reason"]);
        assert_eq!(said, (&verdict.into(), &reason.into()), "{answer}");
        uploads.next_is_served().await;
    }
    uploads.stop().await;
}

#[tokio::test]
async fn what_is_no_picture_is_recorded_and_the_next_is_served() {
    let mut uploads = Uploads::start().await;
    let client = uploads.client();
    let truncated = picture(2)[..20].to_vec();
    for (name, body, reason) in [
        ("empty.jpg", Vec::new(), Reason::Empty),
        (
            "text.jpg",
            b"This is no picture.".to_vec(),
            Reason::NotAPicture,
        ),
        ("cut.jpg", truncated, Reason::Truncated),
    ] {
        let key = format!("images/{name}");
        put(&client, &key, body).await;
        let delivery = uploads.next().await;
        assert_eq!(delivery.attempts, 1);
        let outcome = delivery.result.unwrap();
        assert_eq!(outcome.key.as_str(), key);
        assert_eq!(outcome.verdict, Verdict::Rejected, "{outcome:?}");
        assert_eq!(outcome.reason, Some(reason), "{outcome:?}");
        let record = get(&client, &format!("failures/{name}")).await;
        let record: Value = serde_json::from_slice(&record).unwrap();
        let recorded = (&record["key"], &record["reason"]);
        assert_eq!(recorded, (&key.into(), &reason.to_string().into()));
        let made = list(&client, &format!("thumbnails/{name}/")).await;
        assert_eq!(made, Vec::<String>::new());
        uploads.next_is_served().await;
    }
    uploads.stop().await;
}
