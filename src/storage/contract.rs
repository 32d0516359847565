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
    Error, GetOptions, Head, Kind, ListOptions, Listed, Metadata, Object, Page, PutOptions, S3,
    S3Config, Storage,
};
use crate::object::{Bucket, ETag, Key, MAX_KEY_BYTES};

/// A check that a store is known to fail, and why that is the store's own way.
pub type Difference<'a> = (&'a str, &'a str);

/// Runs every check, one after another, and says on standard output how each went.
///
/// It writes below `contract-...` and removes what it wrote.
///
/// # Panics
/// When a check fails, after all have run; and when a difference names no check.
pub async fn run(store: &dyn Storage, differences: &[Difference<'_>]) {
    let failed = Bench::new(store).run(STORE_CHECKS, differences).await;
    assert_known(differences, &[STORE_CHECKS]);
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
    let mut failed = bench.run(STORE_CHECKS, differences).await;
    failed.extend(bench.run(S3_CHECKS, differences).await);
    assert_known(differences, &[STORE_CHECKS, S3_CHECKS]);
    assert!(failed.is_empty(), "the store fails {failed:?}");
}

fn assert_known(differences: &[Difference<'_>], tables: &[&[Check]]) {
    for (name, _) in differences {
        let known = tables
            .iter()
            .any(|table| table.iter().any(|(check, _)| check == name));
        assert!(
            known,
            "a difference names the check {name}, which there is not"
        );
    }
}

type Check = (&'static str, for<'a> fn(&'a Bench<'a>) -> BoxFuture<'a, ()>);

macro_rules! checks {
    ($($name:ident)+) => { &[$((stringify!($name), |bench| $name(bench).boxed())),+] };
}

const STORE_CHECKS: &[Check] = checks! {
    what_was_put_is_read_back
    an_absent_object_is_not_found
    overwriting_replaces_everything
    deleting_removes_and_may_be_repeated
    an_object_of_no_bytes
    an_object_of_six_mebibytes
    a_range_inside_and_to_the_end
    a_range_past_the_end
    no_more_than_the_caller_takes
    if_match
    if_none_match
    metadata_and_content_type
    headers_that_cannot_be_carried
    the_time_of_writing
    listing_by_prefix_in_pages
    listing_ascends_bytewise
    listing_nothing
    odd_keys_stay_distinct
    a_leading_slash_belongs_to_the_key
    the_longest_key
    too_long_or_empty_keys
};

const S3_CHECKS: &[Check] = checks! {
    a_wrong_secret_is_denied
    an_unknown_access_key_is_denied
    an_absent_bucket
};

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

async fn what_was_put_is_read_back(bench: &Bench<'_>) {
    let key = bench.key("a");
    let etag = bench.put(&key, "hello").await;
    assert!(
        !etag.as_str().is_empty() && !etag.as_str().contains('"'),
        "{etag}"
    );
    let Object { head, body } = bench.get(&key).await;
    assert_eq!(&body[..], b"hello");
    assert_eq!((&head.etag, head.length), (&etag, 5));
    assert_eq!(bench.store.head(&key).await.unwrap(), head);
    let listed = bench.all(key.as_str(), None).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].key, &listed[0].etag, listed[0].length),
        (&key, &etag, 5)
    );
}

async fn an_absent_object_is_not_found(bench: &Bench<'_>) {
    let key = bench.key("absent");
    assert_kind(bench.store.head(&key).await, Kind::NotFound);
    assert_kind(
        bench.get_with(&key, GetOptions::default()).await,
        Kind::NotFound,
    );
    assert_kind(bench.range(&key, 0..1).await, Kind::NotFound);
}

async fn overwriting_replaces_everything(bench: &Bench<'_>) {
    let key = bench.key("a");
    let metadata = Metadata::from([("old".to_owned(), "1".to_owned())]);
    let options = PutOptions {
        metadata,
        ..PutOptions::default()
    };
    let old = bench
        .store
        .put(&key, Bytes::from_static(b"old body"), options)
        .await
        .unwrap();
    let new = bench.put(&key, "new").await;
    assert_ne!(old, new);
    let Object { head, body } = bench.get(&key).await;
    assert_eq!((&body[..], head.length, head.etag), (&b"new"[..], 3, new));
    assert_eq!(head.metadata, Metadata::new());
}

async fn deleting_removes_and_may_be_repeated(bench: &Bench<'_>) {
    let (key, neighbour) = (bench.key("a"), bench.key("a/b"));
    bench.put(&key, "x").await;
    bench.put(&neighbour, "y").await;
    bench.store.delete(&key).await.unwrap();
    assert_kind(bench.store.head(&key).await, Kind::NotFound);
    assert_eq!(bench.names(&bench.place, None).await, [neighbour.as_str()]);
    bench.store.delete(&key).await.unwrap();
    bench.store.delete(&bench.key("never")).await.unwrap();
}

async fn an_object_of_no_bytes(bench: &Bench<'_>) {
    let key = bench.key("empty");
    let etag = bench.put(&key, Bytes::new()).await;
    let Object { head, body } = bench.get(&key).await;
    assert!(body.is_empty());
    assert_eq!((head.length, &head.etag), (0, &etag));
    assert_eq!(bench.store.head(&key).await.unwrap().length, 0);
    assert_kind(bench.range(&key, 0..10).await, Kind::InvalidRange);
}

async fn an_object_of_six_mebibytes(bench: &Bench<'_>) {
    let key = bench.key("large");
    // No part repeats another, so that a piece lost, doubled or moved would show.
    let body: Bytes = (0..6 << 18_u32)
        .flat_map(|i: u32| i.to_le_bytes())
        .collect();
    assert_eq!(body.len(), 6 << 20);
    bench.put(&key, body.clone()).await;
    let object = bench.get(&key).await;
    assert_eq!(object.head.length, 6 << 20);
    assert!(object.body == body, "the body came back changed");
    let middle = bench.range(&key, 3_000_001..4_000_003).await.unwrap();
    assert!(
        middle.body == body.slice(3_000_001..4_000_003),
        "the range came back changed"
    );
}

async fn a_range_inside_and_to_the_end(bench: &Bench<'_>) {
    let key = bench.key("a");
    let etag = bench.put(&key, "0123456789").await;
    for (range, body) in [
        (0..1, "0"),
        (2..5, "234"),
        (9..10, "9"),
        (0..10, "0123456789"),
        (7..1000, "789"),
    ] {
        let object = bench.range(&key, range.clone()).await.unwrap();
        assert_eq!(&object.body[..], body.as_bytes(), "{range:?}");
        assert_eq!(
            (object.head.length, &object.head.etag),
            (10, &etag),
            "{range:?}"
        );
    }
    assert_eq!(
        &bench.range(&key, 4..u64::MAX).await.unwrap().body[..],
        b"456789"
    );
}

async fn a_range_past_the_end(bench: &Bench<'_>) {
    let key = bench.key("a");
    bench.put(&key, "0123456789").await;
    assert_kind(bench.range(&key, 10..11).await, Kind::InvalidRange);
    assert_kind(bench.range(&key, 1000..2000).await, Kind::InvalidRange);
    assert_kind(bench.range(&key, 5..5).await, Kind::Invalid);
}

async fn no_more_than_the_caller_takes(bench: &Bench<'_>) {
    let key = bench.key("limited");
    bench.put(&key, "0123456789").await;
    let at_most = |most, range| GetOptions {
        max_length: Some(most),
        range,
        ..GetOptions::default()
    };
    let whole = bench.get_with(&key, at_most(10, None)).await.unwrap();
    assert_eq!(&whole.body[..], b"0123456789");
    let part = bench.get_with(&key, at_most(3, Some(4..7))).await.unwrap();
    assert_eq!(&part.body[..], b"456");
    for options in [at_most(9, None), at_most(2, Some(4..7))] {
        let error = bench.get_with(&key, options).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLong);
    }
}

async fn if_match(bench: &Bench<'_>) {
    let key = bench.key("a");
    let old = bench.put(&key, "old").await;
    let options = |etag: &ETag, range| GetOptions {
        if_match: Some(etag.clone()),
        if_none_match: None,
        range,
        max_length: None,
    };
    assert_eq!(
        &bench
            .get_with(&key, options(&old, None))
            .await
            .unwrap()
            .body[..],
        b"old"
    );
    let new = bench.put(&key, "new").await;
    assert_kind(
        bench.get_with(&key, options(&old, None)).await,
        Kind::PreconditionFailed,
    );
    assert_kind(
        bench.get_with(&key, options(&old, Some(0..1))).await,
        Kind::PreconditionFailed,
    );
    assert_eq!(
        &bench
            .get_with(&key, options(&new, Some(0..1)))
            .await
            .unwrap()
            .body[..],
        b"n"
    );
    assert_kind(
        bench
            .get_with(&bench.key("absent"), options(&new, None))
            .await,
        Kind::NotFound,
    );
}

async fn if_none_match(bench: &Bench<'_>) {
    let key = bench.key("a");
    let old = bench.put(&key, "old").await;
    let unless = |etag: &ETag, range| GetOptions {
        if_match: None,
        if_none_match: Some(etag.clone()),
        range,
        max_length: None,
    };
    assert_kind(
        bench.get_with(&key, unless(&old, None)).await,
        Kind::NotModified,
    );
    assert_kind(
        bench.get_with(&key, unless(&old, Some(0..1))).await,
        Kind::NotModified,
    );
    bench.put(&key, "new").await;
    assert_eq!(
        &bench.get_with(&key, unless(&old, None)).await.unwrap().body[..],
        b"new"
    );
    assert_kind(
        bench
            .get_with(&bench.key("absent"), unless(&old, None))
            .await,
        Kind::NotFound,
    );
}

async fn metadata_and_content_type(bench: &Bench<'_>) {
    let key = bench.key("a");
    let metadata = Metadata::from([
        (
            "recipe".to_owned(),
            "sha256=ab+/12; q=\"80\", x = y".to_owned(),
        ),
        (
            "original-etag".to_owned(),
            "900150983cd24fb0d6963f7d28e17f72".to_owned(),
        ),
        ("long".to_owned(), "0123456789".repeat(180)),
    ]);
    let options = PutOptions {
        content_type: Some("image/jpeg".to_owned()),
        cache_control: Some("public, max-age=3600".to_owned()),
        metadata: metadata.clone(),
    };
    bench
        .store
        .put(&key, Bytes::from_static(b"x"), options)
        .await
        .unwrap();
    let expected = |head: &Head| {
        assert_eq!(head.metadata, metadata);
        assert_eq!(head.content_type.as_deref(), Some("image/jpeg"));
    };
    expected(&bench.store.head(&key).await.unwrap());
    expected(&bench.get(&key).await.head);
    bench.put(&key, "plain").await;
    let plain = bench.store.head(&key).await.unwrap();
    assert_eq!(
        plain.content_type.as_deref(),
        Some("application/octet-stream")
    );
}

async fn headers_that_cannot_be_carried(bench: &Bench<'_>) {
    let key = bench.key("a");
    let big = "x".repeat(2048);
    for (name, value) in [
        ("a", "é"),
        ("a", "x\r\ny: z"),
        ("a", " x"),
        ("A", "x"),
        ("a b", "x"),
        ("", "x"),
        ("a", &big),
    ] {
        let metadata = Metadata::from([(name.to_owned(), value.to_owned())]);
        let options = PutOptions {
            metadata,
            ..PutOptions::default()
        };
        assert_kind(
            bench.store.put(&key, Bytes::new(), options).await,
            Kind::Invalid,
        );
    }
    let options = PutOptions {
        content_type: Some("a\nb".to_owned()),
        ..PutOptions::default()
    };
    assert_kind(
        bench.store.put(&key, Bytes::new(), options).await,
        Kind::Invalid,
    );
    assert_kind(bench.store.head(&key).await, Kind::NotFound);
}

async fn the_time_of_writing(bench: &Bench<'_>) {
    let key = bench.key("a");
    bench.put(&key, "x").await;
    let head = bench
        .store
        .head(&key)
        .await
        .unwrap()
        .last_modified
        .expect("a time");
    let got = bench.get(&key).await.head.last_modified.expect("a time");
    let listed = bench.all(key.as_str(), None).await[0]
        .last_modified
        .expect("a time");
    let whole = head.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(whole.subsec_nanos(), 0);
    assert_eq!(head, got);
    // A listing has fractions of a second, which the header's date cuts off or rounds up.
    let apart = head
        .duration_since(listed)
        .unwrap_or_else(|earlier| earlier.duration());
    assert!(apart <= Duration::from_secs(1), "{head:?} and {listed:?}");
}

async fn listing_by_prefix_in_pages(bench: &Bench<'_>) {
    for name in [
        "in/1", "in/2", "in/3", "in/4", "in/5", "in", "inn/6", "out/1",
    ] {
        bench.put(&bench.key(name), name).await;
    }
    let prefix = bench.key("in/");
    let expected: Vec<_> = (1..=5)
        .map(|n| bench.key(&format!("in/{n}")).as_str().to_owned())
        .collect();
    for max_keys in [None, Some(1), Some(2), Some(4), Some(5), Some(6)] {
        let names = bench.names(prefix.as_str(), max_keys).await;
        assert_eq!(names, expected, "pages of {max_keys:?}");
    }
    let first = bench.page(prefix.as_str(), None, Some(2)).await;
    assert!(
        first.objects.len() == 2 && first.next.is_some(),
        "{first:?}"
    );
    let whole = bench.page(prefix.as_str(), None, Some(5)).await;
    assert!(
        whole.objects.len() == 5 && whole.next.is_none(),
        "{whole:?}"
    );
    // A token goes on behind a key, not behind a number of keys.
    bench.store.delete(&bench.key("in/1")).await.unwrap();
    let second = bench.page(prefix.as_str(), first.next, Some(2)).await;
    assert_eq!(second.objects[0].key.as_str(), expected[2]);
}

async fn listing_ascends_bytewise(bench: &Bench<'_>) {
    // UTF-16 order would put the emoji before U+FF5E; a locale would mix the cases.
    let mut names = [
        "B", "a", "b", "a-b", "a.b", "a/b", "a0", "é", "z", "\u{ff5e}", "😀", "_", "A",
    ];
    for name in names {
        bench.put(&bench.key(name), name).await;
    }
    names.sort_unstable_by_key(|name| name.as_bytes());
    let expected: Vec<_> = names
        .iter()
        .map(|name| bench.key(name).as_str().to_owned())
        .collect();
    assert_eq!(bench.names(&bench.place, None).await, expected);
    assert_eq!(bench.names(&bench.place, Some(3)).await, expected);
}

async fn listing_nothing(bench: &Bench<'_>) {
    let page = bench.page(bench.key("nothing/").as_str(), None, None).await;
    assert_eq!(
        page,
        Page {
            objects: Vec::new(),
            next: None
        }
    );
    let none = ListOptions {
        max_keys: Some(0),
        ..ListOptions::default()
    };
    assert_kind(bench.store.list(none).await, Kind::Invalid);
}

async fn odd_keys_stay_distinct(bench: &Bench<'_>) {
    let names = [
        "a b",
        "a+b",
        "a%20b",
        "a%2Bb",
        "%",
        "%%",
        "%2F",
        "%2f",
        "%zz",
        "a%00b",
        "#",
        "?",
        "a?b=c&d",
        "a#b",
        "'",
        "\"",
        "<&>",
        "&amp;",
        "a;b",
        "a,b:c=d@e!f$g(h)i*j",
        "[{|}]",
        "^`\\~",
        "é",
        "e\u{301}",
        "日本語.jpg",
        "😀",
        "\u{2028}",
        "a/b",
        "a//b",
        "a///b",
        "/a",
        "a/",
        "a",
        "a/./b",
        "a/../b",
        "..",
        ".",
        "../b",
        "a/%2e%2e/b",
        "a/..",
        " ",
        " a",
        "a ",
        "line\nfeed",
        "return\rhere",
        "tab\there",
        "\u{1}",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{fffd}",
        "x-amz-meta-a",
        "a\\b",
        "C:\\a",
    ];
    let expected: BTreeMap<_, _> = names.iter().map(|name| (bench.key(name), *name)).collect();
    assert_eq!(expected.len(), names.len(), "a name stands twice");
    for (key, name) in &expected {
        bench.put(key, *name).await;
    }
    for (key, name) in &expected {
        assert_eq!(&bench.get(key).await.body[..], name.as_bytes(), "{name:?}");
        assert_eq!(
            bench.store.head(key).await.unwrap().length,
            name.len() as u64,
            "{name:?}"
        );
        let prefixed = bench.names(key.as_str(), None).await;
        assert_eq!(
            prefixed.first().map(String::as_str),
            Some(key.as_str()),
            "prefix {name:?}"
        );
    }
    let keys: Vec<_> = expected.keys().map(|key| key.as_str().to_owned()).collect();
    assert_eq!(bench.names(&bench.place, None).await, keys);
    assert_eq!(
        bench.names(&bench.place, Some(1)).await,
        keys,
        "one key a page"
    );
    for key in expected.keys() {
        bench.store.delete(key).await.unwrap();
        assert_kind(bench.store.head(key).await, Kind::NotFound);
    }
    assert_eq!(bench.names(&bench.place, None).await, Vec::<String>::new());
}

async fn a_leading_slash_belongs_to_the_key(bench: &Bench<'_>) {
    let keys =
        ["", "/", "//", "../", "./"].map(|start| Key::new(format!("{start}{}x", bench.place)));
    for key in &keys {
        bench.put(key, key.as_str().to_owned()).await;
    }
    for key in &keys {
        assert_eq!(&bench.get(key).await.body[..], key.as_str().as_bytes());
        assert_eq!(bench.names(key.as_str(), None).await, [key.as_str()]);
    }
    for key in &keys {
        bench.store.delete(key).await.unwrap();
        assert_kind(bench.store.head(key).await, Kind::NotFound);
    }
}

async fn the_longest_key(bench: &Bench<'_>) {
    let room = MAX_KEY_BYTES - bench.place.len();
    let ascii = bench.key(&"k".repeat(room));
    // Percent-encoded in a URL, each of these is nine bytes long.
    let wide = bench.key(&format!("{}{}", "€".repeat(room / 3), "x".repeat(room % 3)));
    for key in [&ascii, &wide] {
        assert_eq!(key.len_bytes(), MAX_KEY_BYTES);
        bench.put(key, key.as_str().to_owned()).await;
    }
    for key in [&ascii, &wide] {
        assert_eq!(&bench.get(key).await.body[..], key.as_str().as_bytes());
    }
    let names = bench.names(&bench.place, Some(1)).await;
    assert_eq!(names, [ascii.as_str(), wide.as_str()]);
}

async fn too_long_or_empty_keys(bench: &Bench<'_>) {
    let room = MAX_KEY_BYTES + 1 - bench.place.len();
    for key in [bench.key(&"k".repeat(room)), Key::new("")] {
        let put = bench
            .store
            .put(&key, Bytes::new(), PutOptions::default())
            .await;
        assert_kind(put, Kind::Invalid);
        assert_kind(
            bench.get_with(&key, GetOptions::default()).await,
            Kind::Invalid,
        );
        assert_kind(bench.store.head(&key).await, Kind::Invalid);
        assert_kind(bench.store.delete(&key).await, Kind::Invalid);
    }
}

async fn a_wrong_secret_is_denied(bench: &Bench<'_>) {
    let mut config = bench.config.expect("an S3 store").clone();
    config.credentials.secret_access_key.push('x');
    everything_is(Kind::AccessDenied, bench, &config).await;
}

async fn an_unknown_access_key_is_denied(bench: &Bench<'_>) {
    let mut config = bench.config.expect("an S3 store").clone();
    config.credentials.access_key_id.push('x');
    everything_is(Kind::AccessDenied, bench, &config).await;
}

async fn an_absent_bucket(bench: &Bench<'_>) {
    let mut config = bench.config.expect("an S3 store").clone();
    config.bucket = Bucket::new(format!("{}-absent", config.bucket));
    everything_is(Kind::NoSuchBucket, bench, &config).await;
}

/// HEAD apart, whose answer has no body to say more than its status.
async fn everything_is(kind: Kind, bench: &Bench<'_>, config: &S3Config) {
    let key = bench.key("a");
    bench.put(&key, "x").await;
    let other = S3::new(config).unwrap();
    assert_kind(other.get(&key, GetOptions::default()).await, kind);
    assert_kind(
        other.put(&key, Bytes::new(), PutOptions::default()).await,
        kind,
    );
    assert_kind(other.list(ListOptions::default()).await, kind);
    assert_kind(other.delete(&key).await, kind);
    let head_kind = if kind == Kind::NoSuchBucket {
        Kind::NotFound
    } else {
        kind
    };
    assert_kind(other.head(&key).await, head_kind);
    assert_eq!(&bench.get(&key).await.body[..], b"x");
}
