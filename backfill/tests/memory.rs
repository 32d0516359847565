//! The memory of audits and plans does not grow with the bucket: a process of its own, whose peak is its own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use backfill::audit::{Audit, Options, State};
use backfill::{args, cli};
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

/// Counts the lines of what is written, and keeps nothing.
#[derive(Debug, Default)]
struct Lines(u64);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Each line is ended by a call of its own.
        self.0 += u64::from(bytes.ends_with(b"\n"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Plans so many originals: a line for each, and one of what they would cost.
async fn plan(originals: u64) {
    let settings = args::parse(["backfill", "plan", "--json"], |name| match name {
        "COS_ENDPOINT" => Some("http://127.0.0.1:1".into()),
        "COS_REGION" => Some("eu-de".into()),
        "COS_BUCKET" => Some("b".into()),
        "COS_ACCESS_KEY_ID" | "COS_SECRET_ACCESS_KEY" => Some("id".into()),
        _ => None,
    });
    let settings = settings.unwrap();
    let store = Listing {
        originals,
        policy: settings.config.policy.clone(),
    };
    let mut out = Lines::default();
    cli::execute(&settings, Arc::new(store), &mut out)
        .await
        .unwrap();
    assert_eq!(out.0, originals + 1);
}

/// The most that this process held at once, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    peak.parse().unwrap()
}

/// The most that it held when that was done, with so many keys.
async fn peak_of(what: &str, keys: u32, done: Pin<Box<dyn Future<Output = ()>>>) -> u64 {
    let begun = Instant::now();
    done.await;
    let peak = peak_kib();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{what}, {keys} keys: {peak} kB at most, {seconds:.1} s, {:.0} keys/s",
        f64::from(keys) / seconds
    );
    peak
}

#[tokio::test]
async fn memory_does_not_grow_with_the_bucket() {
    // An original and its thumbnail each.
    let audited = peak_of("audited", 8_000, Box::pin(audit(4_000))).await;
    let small = audited.max(peak_of("planned", 8_000, Box::pin(plan(8_000))).await);
    let audited = peak_of("audited", 80_000, Box::pin(audit(40_000))).await;
    let large = audited.max(peak_of("planned", 80_000, Box::pin(plan(80_000))).await);
    // 14 bytes for each key more: less than the key itself has.
    assert!(large < small + 1024, "{small} kB, then {large} kB");
    assert!(large < 64 << 10, "{large} kB");
}

#[tokio::test]
#[ignore = "a minute or two in the dev profile: run with -- --ignored --nocapture"]
async fn a_million_keys_within_64_mib() {
    let planned = peak_of("planned", 1_000_000, Box::pin(plan(1_000_000))).await;
    let audited = peak_of("audited", 1_000_000, Box::pin(audit(500_000))).await;
    assert!(planned.max(audited) < 64 << 10);
}
