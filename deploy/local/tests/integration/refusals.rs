//! Who and what the store refuses, and with which words.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use cos_thumbnails::storage::{Credentials, HmacKey, S3Config, contract};

use crate::client::{BUCKET, Running, client, get, put, refusal, unsigned};

#[tokio::test]
async fn the_store_keeps_the_contract() {
    let running = Running::start().await;
    contract::run_s3(&running.config, &[]).await;
    running.stop().await;
}

/// Every action by `client` is refused with 403 and `code`, and nothing happens.
async fn everything_is_refused(
    running: &Running,
    config: impl FnOnce(S3Config) -> Client,
    code: &str,
) {
    let good = running.client();
    put(&good, "images/a.jpg", "old").await;
    assert_eq!(running.raised().await, 1);
    let client = config(running.config.clone());
    let request = client.put_object().bucket(BUCKET).key("images/a.jpg");
    let refused = request.body(ByteStream::from_static(b"new")).send().await;
    assert_eq!(refusal(refused), (403, code.to_owned()));
    let request = client.delete_object().bucket(BUCKET).key("images/a.jpg");
    assert_eq!(refusal(request.send().await), (403, code.to_owned()));
    let request = client.get_object().bucket(BUCKET).key("images/a.jpg");
    assert_eq!(refusal(request.send().await), (403, code.to_owned()));
    let request = client.list_objects_v2().bucket(BUCKET);
    assert_eq!(refusal(request.send().await), (403, code.to_owned()));
    let request = client.create_bucket().bucket("another");
    assert_eq!(refusal(request.send().await), (403, code.to_owned()));
    let request = client.head_object().bucket(BUCKET).key("images/a.jpg");
    assert_eq!(refusal(request.send().await).0, 403);

    assert_eq!(get(&good, "images/a.jpg").await, b"old");
    assert_eq!(running.raised().await, 1, "an event of a refused change");
    let buckets = good.list_buckets().send().await.unwrap();
    assert_eq!(buckets.buckets().len(), 1);
}

/// A client with a key that is not quite the store's.
fn with_key(mut config: S3Config, change: fn(&mut HmacKey)) -> Client {
    let mut key = config.hmac_key().unwrap().clone();
    change(&mut key);
    config.credentials = Credentials::Hmac(key);
    client(&config)
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let running = Running::start().await;
    let wrong = |config| with_key(config, |key| key.secret_access_key.push('x'));
    everything_is_refused(&running, wrong, "SignatureDoesNotMatch").await;
    running.stop().await;
}

#[tokio::test]
async fn an_unknown_access_key_is_refused() {
    let running = Running::start().await;
    let wrong = |config| with_key(config, |key| key.access_key_id.push('x'));
    everything_is_refused(&running, wrong, "InvalidAccessKeyId").await;
    running.stop().await;
}

#[tokio::test]
async fn who_does_not_sign_is_refused() {
    let running = Running::start().await;
    let anonymous = |config: S3Config| Client::from_conf(unsigned(&config).allow_no_auth().build());
    everything_is_refused(&running, anonymous, "AccessDenied").await;
    running.stop().await;
}

const HELLO: &[u8] = b"hello";

#[tokio::test]
async fn a_body_that_is_not_what_its_checksum_says_is_refused() {
    let running = Running::start().await;
    let client = running.client();
    put(&client, "a", "old").await;
    assert_eq!(running.raised().await, 1);
    let request = || {
        let request = client.put_object().bucket(BUCKET).key("a");
        request.body(ByteStream::from_static(HELLO))
    };
    let wrong = [
        ("md5", request().content_md5("AAAAAAAAAAAAAAAAAAAAAA==")),
        ("crc32", request().checksum_crc32("AAAAAA==")),
        ("crc32c", request().checksum_crc32_c("AAAAAA==")),
        ("crc64nvme", request().checksum_crc64_nvme("AAAAAAAAAAA=")),
        (
            "sha1",
            request().checksum_sha1("AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ),
        (
            "sha256",
            request().checksum_sha256("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ),
    ];
    for (name, request) in wrong {
        let refused = refusal(request.send().await);
        assert_eq!(refused, (400, "BadDigest".to_owned()), "{name}");
        assert_eq!(get(&client, "a").await, b"old", "after a wrong {name}");
    }
    assert_eq!(running.raised().await, 1, "an event of a refused PUT");

    let right = [
        ("md5", request().content_md5("XUFAKrxLKna5cZ2REBfFkg==")),
        ("crc32", request().checksum_crc32("NhCmhg==")),
        ("crc32c", request().checksum_crc32_c("mnG7TA==")),
        (
            "sha1",
            request().checksum_sha1("qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        ),
        (
            "sha256",
            request().checksum_sha256("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
        ),
    ];
    for (name, request) in right {
        request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(get(&client, "a").await, HELLO);
        put(&client, "a", "old").await;
    }
    running.stop().await;
}

#[tokio::test]
async fn what_is_not_there_has_its_code() {
    let running = Running::start().await;
    let client = running.client();
    let get = client.get_object().bucket(BUCKET).key("absent");
    assert_eq!(refusal(get.send().await), (404, "NoSuchKey".to_owned()));
    let head = client.head_object().bucket(BUCKET).key("absent");
    assert_eq!(refusal(head.send().await).0, 404);
    let delete = client.delete_object().bucket(BUCKET).key("absent");
    delete.send().await.unwrap();

    let no_bucket = (404, "NoSuchBucket".to_owned());
    let get = client.get_object().bucket("absent").key("a");
    assert_eq!(refusal(get.send().await), no_bucket);
    let put = client.put_object().bucket("absent").key("a");
    assert_eq!(refusal(put.send().await), no_bucket);
    let list = client.list_objects_v2().bucket("absent");
    assert_eq!(refusal(list.send().await), no_bucket);
    let delete = client.delete_object().bucket("absent").key("a");
    assert_eq!(refusal(delete.send().await), no_bucket);
    assert_eq!(running.raised().await, 0, "an event where nothing changed");
    running.stop().await;
}
