//! Test support: what every [`Storage`] has to do, as checks that run against any of them.
//!
//! The feature `contract` of this package turns it on. [`run`] takes any store, [`run_s3`] one that
//! is reached by S3 with [`S3Config`], where it also checks what credentials and bucket decide.
//! A check is a function that panics when the store is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a check's verdict"
)]

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{
    Credentials, Error, GetOptions, Head, HmacKey, Kind, ListOptions, Listed, Metadata, Object,
    Page, PutOptions, S3, S3Config, Storage,
};
use crate::object::{Bucket, ETag, Key, MAX_KEY_BYTES};

macro_rules! checks {
    ($($name:ident)+) => { &[$((stringify!($name), |bench| $name(bench).boxed())),+] };
}

mod access;
mod keys;
mod listing;
mod objects;
mod reading;

/// A check that a store is known to fail, and why that is the store's own way.
pub type Difference<'a> = (&'a str, &'a str);

/// Runs every check, one after another, and says on standard output how each went.
///
/// It writes below `contract-...` and removes what it wrote.
///
/// # Panics
/// When a check fails, after all have run; and when a difference names no check.
pub async fn run(store: &dyn Storage, differences: &[Difference<'_>]) {
    let checks = STORE_CHECKS.concat();
    let failed = Bench::new(store).run(&checks, differences).await;
    assert_known(differences, &checks);
    assert!(failed.is_empty(), "the store fails {failed:?}");
}

/// [`run`] for the store that `config` reaches, and the checks of credentials and bucket.
///
/// # Panics
/// As [`run`].
pub async fn run_s3(config: &S3Config, differences: &[Difference<'_>]) {
    let store = S3::new(config).expect("a usable configuration");
    let bench = Bench {
        config: Some(config),
        ..Bench::new(&store)
    };
    let checks = [&STORE_CHECKS[..], &[access::CHECKS]].concat().concat();
    let failed = bench.run(&checks, differences).await;
    assert_known(differences, &checks);
    assert!(failed.is_empty(), "the store fails {failed:?}");
}

fn assert_known(differences: &[Difference<'_>], checks: &[Check]) {
    for (name, _) in differences {
        assert!(
            checks.iter().any(|(check, _)| check == name),
            "a difference names the check {name}, which there is not"
        );
    }
}

type Check = (&'static str, for<'a> fn(&'a Bench<'a>) -> BoxFuture<'a, ()>);

/// For any store.
const STORE_CHECKS: [&[Check]; 4] = [
    objects::CHECKS,
    reading::CHECKS,
    listing::CHECKS,
    keys::CHECKS,
];

/// A store, and a place in it that is this run's own.
struct Bench<'a> {
    store: &'a dyn Storage,
    config: Option<&'a S3Config>,
    place: String,
}

impl<'a> Bench<'a> {
    fn new(store: &'a dyn Storage) -> Self {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let place = format!("contract-{}-{}/", now.as_nanos(), std::process::id());
        Self {
            store,
            config: None,
            place,
        }
    }

    async fn run(&self, checks: &[Check], differences: &[Difference<'_>]) -> Vec<&'static str> {
        let mut failed = Vec::new();
        for (name, check) in checks {
            if let Some((_, reason)) = differences.iter().find(|(other, _)| other == name) {
                println!("skipped  {name}: {reason}");
                continue;
            }
            let passed = AssertUnwindSafe(check(self)).catch_unwind().await.is_ok();
            println!("{}  {name}", if passed { "passed" } else { "FAILED" });
            if !passed {
                failed.push(*name);
            }
            self.clean(&self.place).await;
        }
        failed
    }

    async fn clean(&self, prefix: &str) {
        for Listed { key, .. } in self.all(prefix, None).await {
            self.store.delete(&key).await.unwrap();
        }
    }

    fn key(&self, name: &str) -> Key {
        Key::new(format!("{}{name}", self.place))
    }

    async fn put(&self, key: &Key, body: impl Into<Bytes>) -> ETag {
        self.store
            .put(key, body.into(), PutOptions::default())
            .await
            .unwrap()
    }

    async fn get(&self, key: &Key) -> Object {
        self.store.get(key, GetOptions::default()).await.unwrap()
    }

    async fn get_with(&self, key: &Key, options: GetOptions) -> Result<Object, Error> {
        self.store.get(key, options).await
    }

    async fn range(&self, key: &Key, range: std::ops::Range<u64>) -> Result<Object, Error> {
        self.get_with(
            key,
            GetOptions {
                range: Some(range),
                ..GetOptions::default()
            },
        )
        .await
    }

    async fn page(&self, prefix: &str, token: Option<String>, max_keys: Option<u16>) -> Page {
        let prefix = prefix.to_owned();
        let options = ListOptions {
            prefix,
            continuation_token: token,
            max_keys,
        };
        self.store.list(options).await.unwrap()
    }

    /// A whole listing, in pages of `max_keys`.
    async fn all(&self, prefix: &str, max_keys: Option<u16>) -> Vec<Listed> {
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let page = self.page(prefix, token, max_keys).await;
            assert!(page.objects.len() <= usize::from(max_keys.unwrap_or(1000)));
            assert!(
                page.next.is_none() || !page.objects.is_empty(),
                "a page that leads nowhere"
            );
            objects.extend(page.objects);
            token = page.next;
            if token.is_none() {
                return objects;
            }
        }
    }

    async fn names(&self, prefix: &str, max_keys: Option<u16>) -> Vec<String> {
        let objects = self.all(prefix, max_keys).await;
        objects
            .into_iter()
            .map(|listed| listed.key.as_str().to_owned())
            .collect()
    }
}

#[track_caller]
fn assert_kind<T: std::fmt::Debug>(result: Result<T, Error>, kind: Kind) {
    let error = result.expect_err("an error");
    assert_eq!(
        error.kind(),
        kind,
        "{error}: {:?}",
        std::error::Error::source(&error)
    );
}
