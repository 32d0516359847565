//! The audit's memory does not grow with the bucket: a process of its own, whose peak is its own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use backfill::audit::{Audit, Options, State};
use bytes::Bytes;
use cos_thumbnails::events::{Change, Operation};
use cos_thumbnails::object::{Bucket, ETag, Key, ObjectId};
use cos_thumbnails::plan::{Decision, Policy, Recipe};
use cos_thumbnails::storage::{
    self, GetOptions, Head, Kind, ListOptions, Listed, Object, Page, PutOptions, Storage,
};
use cos_thumbnails::thumbnailer::Mark;
use futures_util::TryStreamExt;

/// A bucket that is only listed: so many originals, each with one thumbnail, its mark.
#[derive(Debug)]
struct Listing {
    originals: u64,
    policy: Policy,
}

impl Listing {
    fn mark(&self, thumbnail: &Key) -> Option<Mark> {
        let change = Change {
            operation: Operation::Write,
            object: ObjectId {
                bucket: self.policy.bucket().clone(),
                key: self.policy.original_of(thumbnail)?,
            },
            etag: None,
            length: Some(1),
            content_type: None,
            endpoint: String::new(),
        };
        let Decision::Make(plan) = self.policy.decide(&change) else {
            return None;
        };
        Some(Mark {
            original_etag: ETag::new("v1"),
            original_hash: plan.original_hash,
            recipe: plan.recipe.fingerprint(),
            siblings: Vec::new(),
            backfill_run: None,
        })
    }
}

#[async_trait]
impl Storage for Listing {
    async fn head(&self, key: &Key) -> Result<Head, storage::Error> {
        let mark = self.mark(key);
        let mark = mark.ok_or_else(|| storage::Error::new(Kind::NotFound, "HeadObject"))?;
        Ok(Head {
            etag: ETag::new("t"),
            length: 1,
            content_type: None,
            metadata: mark.to_metadata(),
            last_modified: Some(SystemTime::UNIX_EPOCH),
        })
    }

    async fn list(&self, options: ListOptions) -> Result<Page, storage::Error> {
        let ending = match options.prefix.as_str() {
            "images/" => ".jpg",
            "thumbnails/" => ".jpg/16.jpg",
            _ => {
                return Ok(Page {
                    objects: Vec::new(),
                    next: None,
                });
            }
        };
        let token = options.continuation_token;
        let from = token.map_or(0, |token| token.parse().unwrap());
        let to = self.originals.min(from + 1000);
        let objects = (from..to).map(|n| Listed {
            key: Key::new(format!("{}2024/{n:08}{ending}", options.prefix)),
            etag: ETag::new(if ending == ".jpg" { "v1" } else { "t" }),
            length: 1,
            last_modified: Some(SystemTime::UNIX_EPOCH),
        });
        Ok(Page {
            objects: objects.collect(),
            next: (to < self.originals).then(|| to.to_string()),
        })
    }

    async fn get(&self, _: &Key, _: GetOptions) -> Result<Object, storage::Error> {
        unreachable!("nothing is read")
    }
    async fn put(&self, _: &Key, _: Bytes, _: PutOptions) -> Result<ETag, storage::Error> {
        unreachable!("an audit writes nothing")
    }
    async fn delete(&self, _: &Key) -> Result<(), storage::Error> {
        unreachable!("an audit deletes nothing")
    }
}

/// Audits so many originals, all of which are well.
async fn audit(originals: u64) {
    let recipe = Recipe::standard().with_sizes(&[16]).unwrap();
    let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
    let store = Listing {
        originals,
        policy: policy.clone(),
    };
    let options = Options {
        fast: false,
        now: SystemTime::now(),
        pending: Duration::ZERO,
        in_flight: 64,
    };
    let audit = Audit::new(Arc::new(store), policy, options);
    let well = audit.all().try_fold(0, |well, finding| {
        std::future::ready(Ok(well + u64::from(finding.state == State::Ok)))
    });
    assert_eq!(well.await.unwrap(), originals);
}

/// The most that this process held at once, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    peak.parse().unwrap()
}

async fn peak_of(keys: u64) -> u64 {
    let begun = Instant::now();
    audit(keys / 2).await;
    let peak = peak_kib();
    println!(
        "{keys} keys: {} kB at most, {:.1} s",
        peak,
        begun.elapsed().as_secs_f32()
    );
    peak
}

#[tokio::test]
async fn memory_does_not_grow_with_the_bucket() {
    let small = peak_of(8_000).await;
    let large = peak_of(80_000).await;
    assert!(large < small + 4096, "{small} kB, then {large} kB");
    assert!(large < 64 << 10, "{large} kB");
}

#[tokio::test]
#[ignore = "half a minute in the dev profile: run with -- --ignored --nocapture"]
async fn a_million_keys_within_64_mib() {
    assert!(peak_of(1_000_000).await < 64 << 10);
}
