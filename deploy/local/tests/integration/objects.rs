//! Ranges, conditions and metadata, as a client sees them.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::client::{BUCKET, Running, get, put, refusal};

/// `Content-Range` and body of a GET with this `Range`.
async fn range(client: &Client, key: &str, range: &str) -> (String, Vec<u8>) {
    let request = client.get_object().bucket(BUCKET).key(key).range(range);
    let got = request.send().await.unwrap();
    let content_range = got.content_range.unwrap_or_default();
    (content_range, got.body.collect().await.unwrap().to_vec())
}

#[tokio::test]
async fn a_range_is_cut_to_the_object() {
    let running = Running::start().await;
    let client = running.client();
    put(&client, "a", "0123456789").await;
    for (wanted, content_range, body) in [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=9-9", "bytes 9-9/10", "9"),
        ("bytes=0-9", "bytes 0-9/10", "0123456789"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=8-4000", "bytes 8-9/10", "89"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=-4000", "bytes 0-9/10", "0123456789"),
    ] {
        let expected = (content_range.to_owned(), body.as_bytes().to_vec());
        assert_eq!(range(&client, "a", wanted).await, expected, "{wanted}");
    }
    put(&client, "empty", "").await;
    for (key, wanted) in [
        ("a", "bytes=10-"),
        ("a", "bytes=10-20"),
        ("a", "bytes=-0"),
        ("empty", "bytes=0-"),
    ] {
        let request = client.get_object().bucket(BUCKET).key(key).range(wanted);
        let refused = refusal(request.send().await);
        assert_eq!(refused, (416, "InvalidRange".to_owned()), "{key} {wanted}");
    }
    running.stop().await;
}

#[tokio::test]
async fn reads_with_conditions() {
    let running = Running::start().await;
    let client = running.client();
    put(&client, "a", "hello").await;
    // The MD5 of the body, in quotes, as S3 has it.
    let (tag, other) = (
        "\"5d41402abc4b2a76b9719d911017c592\"",
        "\"00000000000000000000000000000000\"",
    );
    let get = || client.get_object().bucket(BUCKET).key("a");
    let head = || client.head_object().bucket(BUCKET).key("a");
    assert_eq!(get().send().await.unwrap().e_tag(), Some(tag));
    assert_eq!(head().send().await.unwrap().e_tag(), Some(tag));
    for matching in [tag, "*"] {
        get().if_match(matching).send().await.unwrap();
        head().if_match(matching).send().await.unwrap();
        let known = get().if_none_match(matching).send().await;
        assert_eq!(refusal(known).0, 304, "{matching}");
        let known = head().if_none_match(matching).send().await;
        assert_eq!(refusal(known).0, 304, "{matching}");
    }
    get().if_none_match(other).send().await.unwrap();
    head().if_none_match(other).send().await.unwrap();
    let failed = get().if_match(other).send().await;
    assert_eq!(refusal(failed), (412, "PreconditionFailed".to_owned()));
    assert_eq!(refusal(head().if_match(other).send().await).0, 412);
    // A condition does not make an object of what is not there.
    let absent = client.get_object().bucket(BUCKET).key("absent");
    let absent = absent.if_none_match("*").send().await;
    assert_eq!(refusal(absent), (404, "NoSuchKey".to_owned()));
    running.stop().await;
}

#[tokio::test]
async fn writes_with_conditions() {
    let running = Running::start().await;
    let client = running.client();
    let write = |body: &'static str| {
        let request = client.put_object().bucket(BUCKET).key("a");
        request.body(ByteStream::from_static(body.as_bytes()))
    };
    let failed = || (412, "PreconditionFailed".to_owned());
    let first = write("one").if_none_match("*").send().await.unwrap();
    let again = write("two").if_none_match("*").send().await;
    assert_eq!(refusal(again), failed());
    assert_eq!(get(&client, "a").await, b"one");

    let one = first.e_tag().unwrap();
    write("three").if_match(one).send().await.unwrap();
    let stale = write("four").if_match(one).send().await;
    assert_eq!(refusal(stale), failed());
    assert_eq!(get(&client, "a").await, b"three");

    let raised = running.raised().await;
    assert_eq!(raised, 2, "one event for each PUT that was done");

    let absent = client
        .put_object()
        .bucket(BUCKET)
        .key("absent")
        .if_match(one);
    assert_eq!(refusal(absent.send().await), (404, "NoSuchKey".to_owned()));
    running.stop().await;
}

#[tokio::test]
async fn of_many_first_writers_one_wins() {
    let running = Running::start().await;
    let client = running.client();
    let writers: Vec<_> = (0..16)
        .map(|number: u8| {
            let request = client.put_object().bucket(BUCKET).key("a");
            let request = request.if_none_match("*");
            tokio::spawn(request.body(ByteStream::from(vec![number])).send())
        })
        .collect();
    let mut won = Vec::new();
    for (number, writer) in writers.into_iter().enumerate() {
        match writer.await.unwrap() {
            Ok(_) => won.push(u8::try_from(number).unwrap()),
            refused => assert_eq!(refusal(refused).0, 412),
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(get(&client, "a").await, won);
    running.stop().await;
}

#[tokio::test]
async fn metadata_comes_back_as_it_was_sent() {
    let running = Running::start().await;
    let client = running.client();
    let request = client.put_object().bucket(BUCKET).key("a");
    request
        .content_type("image/jpeg")
        .cache_control("max-age=60")
        .metadata("who", "a b  c=d;e")
        // What a client encodes itself stays encoded (RFC 2047 is what S3 answers in).
        .metadata("word", "Zo%C3%AB")
        // The SDK takes printable ASCII alone; this is what others send, as raw UTF-8.
        .customize()
        .mutate_request(|request| {
            request
                .headers_mut()
                .insert("x-amz-meta-raw", "Zoë 😀".to_owned());
        })
        .send()
        .await
        .unwrap();
    let head = client.head_object().bucket(BUCKET).key("a");
    let head = head.send().await.unwrap();
    assert_eq!(head.content_type(), Some("image/jpeg"));
    assert_eq!(head.cache_control(), Some("max-age=60"));
    let metadata = head.metadata().unwrap();
    assert_eq!(metadata["who"], "a b  c=d;e");
    assert_eq!(metadata["word"], "Zo%C3%AB");
    assert_eq!(metadata["raw"], "=?UTF-8?B?Wm/DqyDwn5iA?=");
    assert_eq!(metadata.len(), 3);

    // Overwriting replaces all of it.
    put(&client, "a", "new").await;
    let head = client.head_object().bucket(BUCKET).key("a");
    let head = head.send().await.unwrap();
    assert_eq!(head.cache_control(), None);
    assert_eq!(head.metadata().map_or(0, HashMap::len), 0);
    running.stop().await;
}
