//! Deliveries that go wrong on purpose: whatever is done to them, the bucket ends right, after a repair
//! where some were dropped.

use std::collections::HashMap;
use std::process::{Command, Output};
use std::time::Duration;

use aws_sdk_s3::Client;
use cos_thumbnails::object::Key;
use local_cloud::{Cloud, Delivery, Failure, Fate, Mischief, Options};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::{self, BUCKET, list, put};
use crate::cloud::picture;

const PICTURES: usize = 16;

/// Puts pictures, puts others in the place of half of them, and deletes a quarter. Returns the events' keys
/// in order.
async fn upload(client: &Client) -> Vec<String> {
    let key = |n: usize| format!("images/{n}.jpg");
    let mut events = Vec::new();
    for n in 0..PICTURES {
        put(client, &key(n), picture(1 + n % 3)).await;
        events.push(key(n));
    }
    for n in (0..PICTURES).step_by(2) {
        put(client, &key(n), picture(1 + (n + 1) % 3)).await;
        events.push(key(n));
    }
    for n in (0..PICTURES).step_by(4) {
        let delete = client.delete_object().bucket(BUCKET).key(key(n));
        delete.send().await.unwrap();
        events.push(key(n));
    }
    events
}

/// What the mischief has in store for these events.
fn expected(mischief: &Mischief, events: &[String]) -> Vec<(String, Fate)> {
    let mut seen: HashMap<&str, u64> = HashMap::new();
    let mut expected = Vec::new();
    for key in events {
        let nth = seen.entry(key).or_default();
        *nth += 1;
        let fates = mischief.fates(&Key::new(key.as_str()), *nth);
        expected.extend(fates.into_iter().map(|fate| (key.clone(), fate)));
    }
    expected.sort_by_key(|(key, fate)| (key.clone(), format!("{fate:?}")));
    expected
}

async fn delivered(
    deliveries: &mut UnboundedReceiver<Delivery>,
    count: usize,
) -> Vec<(String, Fate)> {
    let mut delivered = Vec::new();
    while delivered.len() < count {
        let next = tokio::time::timeout(Duration::from_mins(1), deliveries.recv());
        let delivery = next.await.expect("an event is delivered").unwrap();
        match (&delivery.result, delivery.fate.dropped) {
            (Ok(_), false) | (Err(Failure::Dropped), true) => {}
            other => panic!("{other:?}"),
        }
        delivered.push((
            delivery.event.change().object.key.to_string(),
            delivery.fate,
        ));
    }
    delivered.sort_by_key(|(key, fate)| (key.clone(), format!("{fate:?}")));
    delivered
}

/// The audit by the program, as an operator runs it. The store goes on meanwhile, on another thread.
fn verify(cloud: &Cloud, flags: &[&str]) -> Output {
    let store = &cloud.store_config;
    Command::new(env!("CARGO_BIN_EXE_local-cloud"))
        .args(["backfill", "verify", "--pending-minutes", "0"])
        .args(flags)
        .env_clear()
        .env("COS_ENDPOINT", &store.endpoint)
        .env("COS_REGION", &store.region)
        .env("COS_BUCKET", store.bucket.as_str())
        .env(
            "COS_ACCESS_KEY_ID",
            &store.hmac_key().unwrap().access_key_id,
        )
        .env(
            "COS_SECRET_ACCESS_KEY",
            &store.hmac_key().unwrap().secret_access_key,
        )
        .output()
        .unwrap()
}

async fn ends_right(switches: &str, needs_repair: bool) {
    let mischief = Mischief {
        seed: 5,
        ..switches.parse().unwrap()
    };
    let options = Options {
        mischief: Some(mischief),
        ..Options::on_free_ports()
    };
    let (cloud, mut deliveries) = Cloud::start(options, |_| None).await.unwrap();
    let client = client::client(&cloud.store_config);
    let events = upload(&client).await;
    let expected = expected(&mischief, &events);
    assert_eq!(delivered(&mut deliveries, expected.len()).await, expected);

    let audit = verify(&cloud, &[]);
    let good = audit.status.code() == Some(0);
    assert_eq!(good, !needs_repair, "{audit:?}");
    if needs_repair {
        let repaired = verify(&cloud, &["--repair", "--remove-orphans"]);
        assert_eq!(repaired.status.code(), Some(0), "{repaired:?}");
    }
    let audit = verify(&cloud, &[]);
    assert_eq!(audit.status.code(), Some(0), "{audit:?}");
    let originals = PICTURES - PICTURES / 4;
    assert_eq!(list(&client, "images/").await.len(), originals);
    assert_eq!(list(&client, "thumbnails/").await.len(), 6 * originals);
    cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_twice() {
    ends_right("duplicate=1", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_late() {
    ends_right("delay=1,up-to=0.3", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_in_another_order() {
    ends_right("reorder=1,up-to=0.3", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn much_is_lost() {
    ends_right("drop=0.4", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_at_once() {
    ends_right(
        "duplicate=0.5,delay=0.5,reorder=0.5,drop=0.5,up-to=0.3",
        true,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_told_when_it_ends_and_not_when_its_duplicate_does() {
    let mischief: Mischief = "duplicate=1,delay=1,up-to=3600".parse().unwrap();
    let is_far_apart = |key: &Key| {
        let delays: Vec<_> = mischief
            .fates(key, 1)
            .iter()
            .map(|fate| fate.delay)
            .collect();
        delays[0] < Duration::from_secs(1) && delays[1] > Duration::from_mins(10)
    };
    let mut keys = (0..).map(|n| Key::new(format!("images/{n}.jpg")));
    let key = keys.find(is_far_apart).unwrap();
    let options = Options {
        mischief: Some(mischief),
        ..Options::on_free_ports()
    };
    let (cloud, mut deliveries) = Cloud::start(options, |_| None).await.unwrap();
    put(
        &client::client(&cloud.store_config),
        key.as_str(),
        picture(1),
    )
    .await;
    let next = tokio::time::timeout(Duration::from_mins(1), deliveries.recv());
    let delivery = next.await.expect("it does not wait").unwrap();
    assert!(delivery.result.is_ok() && !delivery.is_last, "{delivery:?}");
    cloud.stop().await.unwrap();
}

#[test]
fn once_ends_when_every_delivery_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let output = Command::new(env!("CARGO_BIN_EXE_local-cloud"))
        .args(["--once", "--count", "3", "--max-side", "128"])
        .args(["--store-port", "0", "--function-port", "0"])
        .args(["--engine-port", "0", "--page-port", "0"])
        .args(["--mischief", "duplicate=1,delay=1,up-to=0.5", "--record"])
        .arg(&record)
        .env_clear()
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("\nthumbnails for 3 of 3 pictures; "),
        "{said}"
    );
    let record = std::fs::read_to_string(record).unwrap();
    let lines = record.lines().map(serde_json::from_str::<Value>);
    let lines: Vec<_> = lines.map(Result::unwrap).collect();
    let ended = |verdict| {
        let of = lines.iter().filter(|line| line["verdict"] == verdict);
        of.count()
    };
    assert_eq!((ended("made"), ended("duplicate")), (3, 3), "{record}");
}
