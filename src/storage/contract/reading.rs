//! Ranges, limits and conditions of a read.

use super::{Bench, Check, ETag, FutureExt, GetOptions, Kind, assert_kind};

pub(super) const CHECKS: &[Check] = checks! {
    a_range_inside_and_to_the_end
    a_range_past_the_end
    no_more_than_the_caller_takes
    if_match
    if_none_match
};

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
