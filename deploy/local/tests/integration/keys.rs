//! Keys that try a store: in pages, in odd letters, and on the way out of its folder.

use std::collections::BTreeSet;
use std::fs;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::EncodingType;
use futures_util::{StreamExt, stream};

use crate::client::{BUCKET, Running, get, list, put, refusal};

/// As keys of the bucket itself: nothing stands before them.
const ODD: [&str; 38] = [
    "a b",
    "a+b",
    "a%20b",
    "a%2Bb",
    "%",
    "%2F",
    "%2f",
    "%zz",
    "/",
    "/a",
    "//a",
    "a",
    "a/",
    "a//",
    "a//b",
    "a/b",
    "a/./b",
    "a/../b",
    ".",
    "..",
    "../b",
    "../../b",
    "/etc/passwd",
    "\u{e9}",
    "e\u{301}",
    "日本語.jpg",
    "😀",
    "line\nfeed",
    "return\rhere",
    "\u{1}",
    "a\0b",
    "\u{7f}",
    "<&>\"'",
    "&amp;",
    "a?b=c&d#e",
    "C:\\a",
    "000000000000",
    "index.redb",
];

#[tokio::test]
async fn case_13_and_28_odd_keys_are_distinct_and_stay_inside() {
    let running = Running::start().await;
    let client = running.client();
    let longest = "€".repeat(341) + "x";
    assert_eq!(longest.len(), 1024);
    let keys: BTreeSet<&str> = ODD.into_iter().chain([longest.as_str()]).collect();
    assert_eq!(keys.len(), ODD.len() + 1, "a key stands twice");
    for key in &keys {
        put(&client, key, *key).await;
    }
    for key in &keys {
        assert_eq!(get(&client, key).await, key.as_bytes(), "{key:?}");
    }
    assert!(list(&client, "").await.iter().eq(keys.iter()));
    let beside: Vec<_> = fs::read_dir(running.data().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(beside, [running.data()]);
    // Long contents have files of their own.
    let long = vec![b'x'; 100_000];
    for key in &keys {
        put(&client, key, long.clone()).await;
    }
    let names = |folder: &str| {
        let files = fs::read_dir(running.data().join(folder)).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    let known = ["incoming", "index.redb", "objects"].map(str::to_owned);
    assert_eq!(names(""), BTreeSet::from(known));
    assert_eq!(names("incoming"), BTreeSet::new());
    let objects = names("objects");
    assert_eq!(objects.len(), keys.len());
    assert!(
        objects.iter().all(|name| name.parse::<u64>().is_ok()),
        "{objects:?}"
    );

    for key in &keys {
        let delete = client.delete_object().bucket(BUCKET).key(*key);
        delete.send().await.unwrap();
    }
    assert_eq!(list(&client, "").await, Vec::<String>::new());
    running.stop().await;
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused() {
    let running = Running::start().await;
    let client = running.client();
    for key in ["k".repeat(1025), "€".repeat(342)] {
        let put = client.put_object().bucket(BUCKET).key(&key).send().await;
        assert_eq!(refusal(put), (400, "KeyTooLongError".to_owned()));
        let get = client.get_object().bucket(BUCKET).key(&key).send().await;
        assert_eq!(refusal(get), (400, "KeyTooLongError".to_owned()));
    }
    running.stop().await;
}

/// Keys of one page and the token of the next.
async fn page(
    client: &Client,
    prefix: &str,
    after: Option<&str>,
    token: Option<String>,
) -> (Vec<String>, Option<String>) {
    let request = client.list_objects_v2().bucket(BUCKET).prefix(prefix);
    let request = request
        .set_start_after(after.map(str::to_owned))
        .set_continuation_token(token);
    let page = request.send().await.unwrap();
    let keys: Vec<_> = page
        .contents()
        .iter()
        .map(|object| object.key().unwrap().to_owned())
        .collect();
    assert_eq!(usize::try_from(page.key_count().unwrap()), Ok(keys.len()));
    let next = page.next_continuation_token().map(str::to_owned);
    assert_eq!(page.is_truncated(), Some(next.is_some()));
    (keys, next)
}

#[tokio::test]
async fn a_long_listing_comes_in_pages_of_a_thousand() {
    let running = Running::start().await;
    let client = running.client();
    let keys: Vec<_> = (0..2100).map(|number| format!("p/{number:04}")).collect();
    let puts = stream::iter(&keys).map(|key| put(&client, key, ""));
    puts.buffer_unordered(16).collect::<()>().await;
    put(&client, "o", "").await;
    put(&client, "q", "").await;

    let (first, token) = page(&client, "p/", None, None).await;
    assert_eq!(first, keys[..1000]);
    let (second, token) = page(&client, "p/", None, token).await;
    assert_eq!(second, keys[1000..2000]);
    let (third, token) = page(&client, "p/", None, token).await;
    assert_eq!((third.as_slice(), token), (&keys[2000..], None));

    let (after, token) = page(&client, "p/", Some("p/2050"), None).await;
    assert_eq!((after.as_slice(), token), (&keys[2051..], None));
    // Between two keys, before all of them, behind all of them.
    let (after, _) = page(&client, "p/", Some("p/2050x"), None).await;
    assert_eq!(after, keys[2051..]);
    assert_eq!(page(&client, "p/", Some("a"), None).await.0, keys[..1000]);
    let behind = page(&client, "p/", Some("p/9"), None).await;
    assert_eq!(behind, (Vec::new(), None));
    running.stop().await;
}

#[tokio::test]
async fn a_listing_can_be_encoded_as_in_a_url() {
    let running = Running::start().await;
    let client = running.client();
    put(&client, "p a/é+%\u{1}/x.jpg", "").await;
    let listed = client.list_objects_v2().bucket(BUCKET);
    let listed = listed
        .prefix("p a/")
        .start_after("p a/#")
        .encoding_type(EncodingType::Url);
    let listed = listed.send().await.unwrap();
    assert_eq!(listed.encoding_type(), Some(&EncodingType::Url));
    assert_eq!(listed.prefix(), Some("p%20a/"));
    assert_eq!(listed.start_after(), Some("p%20a/%23"));
    let keys: Vec<_> = listed
        .contents()
        .iter()
        .map(|object| object.key())
        .collect();
    assert_eq!(keys, [Some("p%20a/%C3%A9%2B%25%01/x.jpg")]);
    running.stop().await;
}
