//! What the function is sent for a change in the bucket: byte for byte what Code Engine sends
//! (IBM Cloud docs, "Working with the IBM Cloud Object Storage event producer").

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use chrono::{DateTime, Utc};
use local_cloud::{Delivery, notify};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::client::{BUCKET, Running, put};
use crate::stand_in::{Noted, StandIn};

/// A store whose events a stand-in gets.
struct Notified {
    store: Running,
    function: StandIn,
    deliveries: UnboundedReceiver<Delivery>,
    _notifier: JoinSet<()>,
}

impl Notified {
    async fn start() -> Self {
        let mut store = Running::subscribed("images/").await;
        let function = StandIn::start([]).await;
        let outbox = store.outbox.take().unwrap();
        let (sender, deliveries) = unbounded_channel();
        let mut notifier = JoinSet::new();
        notifier.spawn(notify(outbox, function.url(), None, None, sender));
        Self {
            store,
            function,
            deliveries,
            _notifier: notifier,
        }
    }

    /// The one request that came for the next delivery.
    async fn next(&mut self) -> Noted {
        let next = tokio::time::timeout(Duration::from_mins(1), self.deliveries.recv());
        let delivery = next.await.expect("an event is delivered").unwrap();
        assert_eq!(delivery.attempts, 1);
        delivery.result.unwrap();
        let mut noted = self.function.noted();
        assert_eq!(noted.len(), 1, "{noted:?}");
        noted.remove(0)
    }
}

/// Checks all that is the same for every event, and gives its id and time.
fn check(noted: &Noted, kind: &str, subject: &str) -> (String, String) {
    assert_eq!(
        (noted.method.as_str(), noted.target.as_str()),
        ("POST", "/events")
    );
    let header = |name: &str| noted.headers[name].to_str().unwrap().to_owned();
    let (id, time) = (header("ce-id"), header("ce-time"));
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().to_string(), id);
    // Such as 2021-08-17T20:22:02.917Z.
    assert_eq!((time.len(), &time[19..20], &time[23..]), (24, ".", "Z"));
    time.parse::<DateTime<Utc>>().unwrap();
    let length = noted.body.len().to_string();
    let source = format!("https://cloud.ibm.com/catalog/services/cloud-object-storage/{BUCKET}");
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-source", &source),
        ("ce-type", &format!("com.ibm.cloud.cos.document.{kind}")),
        ("ce-subject", subject),
        ("content-type", "application/json"),
        ("content-length", &length),
    ] {
        assert_eq!(header(name), value, "{name}");
    }
    let host = noted.headers.contains_key("host");
    assert_eq!(
        (noted.headers.len(), host),
        (9, true),
        "{:?}",
        noted.headers
    );
    (id, time)
}

#[tokio::test]
async fn a_put_is_told_as_code_engine_tells_it() {
    let mut notified = Notified::start().await;
    let client = notified.store.client();
    let request = client.put_object().bucket(BUCKET);
    request
        .key("images/a b+é%20.jpg")
        .content_type("image/jpeg")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    let noted = notified.next().await;
    let (id, time) = check(&noted, "write", "images/a%20b+%C3%A9%2520.jpg");
    let expected = format!(
        r#"{{"bucket":"{BUCKET}","endpoint":"","key":"images/a b+é%20.jpg","notification":{{"bucket_name":"{BUCKET}","content_type":"image/jpeg","event_type":"Object:Write","format":"2.0","object_etag":"5d41402abc4b2a76b9719d911017c592","object_length":"5","object_name":"images/a b+é%20.jpg","request_id":"{id}","request_time":"{time}"}},"operation":"Object:Write"}}"#
    );
    assert_eq!(noted.body, expected);

    // Overwriting is a change of its own.
    put(&client, "images/a b+é%20.jpg", "hello").await;
    let again = notified.next().await;
    assert_ne!(again.headers["ce-id"], id.as_str());
    notified.store.stop().await;
}

#[tokio::test]
async fn a_delete_is_told_without_an_etag() {
    let mut notified = Notified::start().await;
    let client = notified.store.client();
    put(&client, "images/a.jpg", "hello").await;
    notified.next().await;
    let delete = client.delete_object().bucket(BUCKET).key("images/a.jpg");
    delete.send().await.unwrap();
    let noted = notified.next().await;
    let (id, time) = check(&noted, "delete", "images/a.jpg");
    let expected = format!(
        r#"{{"bucket":"{BUCKET}","endpoint":"","key":"images/a.jpg","notification":{{"bucket_name":"{BUCKET}","event_type":"Object:Delete","format":"2.0","object_length":"5","object_name":"images/a.jpg","request_id":"{id}","request_time":"{time}"}},"operation":"Object:Delete"}}"#
    );
    assert_eq!(noted.body, expected);
    notified.store.stop().await;
}

#[tokio::test]
async fn only_what_is_below_the_prefix_is_told() {
    let mut notified = Notified::start().await;
    let client = notified.store.client();
    for key in [
        "thumbnails/a.jpg/16.jpg",
        "failures/a.jpg",
        "images",
        "imagesx/a.jpg",
        "/images/a.jpg",
        "Images/a.jpg",
    ] {
        put(&client, key, "x").await;
        let delete = client.delete_object().bucket(BUCKET).key(key);
        delete.send().await.unwrap();
    }
    put(&client, "images/a.jpg", "x").await;
    let noted = notified.next().await;
    assert_eq!(noted.headers["ce-subject"], "images/a.jpg");
    notified.store.stop().await;
}
