//! Presigned URLs: by these the page reads and writes one object each, without a secret.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::error::{BoxError, SdkError};
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{HmacKey, S3Config};

/// How long an object can be read: a page stays open for a day's work.
const GET_LIFETIME: Duration = Duration::from_hours(12);
/// How long an upload may wait for its turn in the page.
const PUT_LIFETIME: Duration = Duration::from_hours(1);

/// A URL could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("no URL could be signed for {key}")]
pub(super) struct Unsigned {
    key: Key,
    source: BoxError,
}

/// Signs for one bucket.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    client: Client,
    bucket: String,
}

impl Signer {
    /// For the bucket of `store`, as a browser reaches it at `endpoint`.
    pub(super) fn new(store: &S3Config, endpoint: &str, key: &HmacKey) -> Self {
        let (id, secret) = (&key.access_key_id, &key.secret_access_key);
        let config = Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(store.region.clone()))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .credentials_provider(Credentials::new(id, secret, None, None, "local-cloud"))
            .build();
        Self {
            client: Client::from_conf(config),
            bucket: store.bucket.to_string(),
        }
    }

    /// A URL that reads an object.
    pub(super) async fn get(&self, key: &Key) -> Result<String, Unsigned> {
        let get = self.client.get_object().bucket(&self.bucket);
        let signed = get
            .key(key.as_str())
            .presigned(lifetime(GET_LIFETIME))
            .await;
        url(key, signed)
    }

    /// A URL that writes an object.
    pub(super) async fn put(&self, key: &Key) -> Result<String, Unsigned> {
        let put = self.client.put_object().bucket(&self.bucket);
        let signed = put
            .key(key.as_str())
            .presigned(lifetime(PUT_LIFETIME))
            .await;
        url(key, signed)
    }
}

#[expect(
    clippy::expect_used,
    reason = "constants below the seven days that SigV4 allows"
)]
fn lifetime(time: Duration) -> PresigningConfig {
    PresigningConfig::expires_in(time).expect("a valid lifetime")
}

fn url<E, R>(
    key: &Key,
    signed: Result<PresignedRequest, SdkError<E, R>>,
) -> Result<String, Unsigned>
where
    SdkError<E, R>: Into<BoxError>,
{
    let unsigned = |error: SdkError<E, R>| Unsigned {
        key: key.clone(),
        source: error.into(),
    };
    Ok(signed.map_err(unsigned)?.uri().to_owned())
}
