//! Writing, reading back, deleting.

use super::{
    Bench, Bytes, Check, Duration, FutureExt, GetOptions, Head, Kind, Metadata, Object, PutOptions,
    SystemTime, assert_kind,
};

pub(super) const CHECKS: &[Check] = checks! {
    what_was_put_is_read_back
    an_absent_object_is_not_found
    overwriting_replaces_everything
    deleting_removes_and_may_be_repeated
    an_object_of_no_bytes
    an_object_of_six_mebibytes
    metadata_and_content_type
    metadata_in_one_long_value
    headers_that_cannot_be_carried
    the_time_of_writing
};

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

async fn metadata_in_one_long_value(bench: &Bench<'_>) {
    let key = bench.key("a");
    let metadata = Metadata::from([("long".to_owned(), "0123456789".repeat(180))]);
    let options = PutOptions {
        metadata: metadata.clone(),
        ..PutOptions::default()
    };
    bench
        .store
        .put(&key, Bytes::from_static(b"x"), options)
        .await
        .unwrap();
    assert_eq!(bench.store.head(&key).await.unwrap().metadata, metadata);
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
