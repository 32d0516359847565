//! What credentials and bucket decide.

use super::{
    Bench, Bucket, Bytes, Check, Credentials, FutureExt, GetOptions, HmacKey, Kind, ListOptions,
    PutOptions, S3, S3Config, Storage, assert_kind,
};

pub(super) const CHECKS: &[Check] = checks! {
    a_wrong_secret_is_denied
    an_unknown_access_key_is_denied
    an_absent_bucket
};

async fn a_wrong_secret_is_denied(bench: &Bench<'_>) {
    everything_is_denied(bench, |key| key.secret_access_key.push('x')).await;
}

async fn an_unknown_access_key_is_denied(bench: &Bench<'_>) {
    everything_is_denied(bench, |key| key.access_key_id.push('x')).await;
}

async fn everything_is_denied(bench: &Bench<'_>, change: fn(&mut HmacKey)) {
    let mut config = bench.config.expect("an S3 store").clone();
    if let Credentials::Hmac(key) = &mut config.credentials {
        change(key);
        everything_is(Kind::AccessDenied, bench, &config).await;
    }
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
