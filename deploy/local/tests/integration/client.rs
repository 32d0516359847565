//! A store of a test's own, and S3 clients of a vendor's making for it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials as SdkCredentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::EncodingType;
use cos_thumbnails::object::Bucket;
use cos_thumbnails::storage::{Credentials, HmacKey, S3Config};
use local_cloud::{Outbox, Store, Subscription};
use percent_encoding::percent_decode_str;
use std::fmt::Debug;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) const BUCKET: &str = "pictures";

/// A running store.
pub(crate) struct Running {
    store: Store,
    folder: TempDir,
    /// Its events, in order.
    pub(crate) outbox: Option<Outbox>,
    /// How to reach it.
    pub(crate) config: S3Config,
}

impl Running {
    /// A store that raises an event for every change.
    pub(crate) async fn start() -> Self {
        Self::subscribed("").await
    }

    /// A store that raises an event for every change below a prefix.
    pub(crate) async fn subscribed(prefix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let credentials = HmacKey {
            access_key_id: "id".to_owned(),
            secret_access_key: "secret".to_owned(),
        };
        let data = folder.path().join("data");
        let subscription = Subscription {
            bucket: BUCKET.to_owned(),
            prefix: prefix.to_owned(),
        };
        let (store, outbox) = Store::start(listener, &data, "local", subscription, &credentials)
            .await
            .unwrap();
        let config = S3Config {
            endpoint: store.url(),
            region: "local".to_owned(),
            bucket: Bucket::new(BUCKET),
            credentials: Credentials::Hmac(credentials),
        };
        Self {
            store,
            folder,
            outbox: Some(outbox),
            config,
        }
    }

    pub(crate) fn client(&self) -> Client {
        client(&self.config)
    }

    /// Where it keeps things. There is nothing else in the folder above.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// How many events were raised so far. Nobody takes any.
    pub(crate) async fn raised(&self) -> u64 {
        self.outbox.as_ref().unwrap().waiting().await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.store.stop().await;
    }
}

/// A client with what the SDK does by itself (checksums, signed bodies), but for trying again.
pub(crate) fn client(config: &S3Config) -> Client {
    let HmacKey {
        access_key_id,
        secret_access_key,
    } = config.hmac_key().unwrap();
    let credentials = SdkCredentials::from_keys(access_key_id, secret_access_key, None);
    let builder = unsigned(config).credentials_provider(credentials);
    Client::from_conf(builder.build())
}

/// The same without credentials.
pub(crate) fn unsigned(config: &S3Config) -> Builder {
    aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&config.endpoint)
        .region(Region::new(config.region.clone()))
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
}

pub(crate) async fn put(client: &Client, key: &str, body: impl Into<Vec<u8>>) {
    let request = client.put_object().bucket(BUCKET).key(key);
    let put = request.body(ByteStream::from(body.into())).send().await;
    put.unwrap_or_else(|error| panic!("PUT {key:?}: {error:?}"));
}

pub(crate) async fn get(client: &Client, key: &str) -> Vec<u8> {
    let got = client.get_object().bucket(BUCKET).key(key).send().await;
    let got = got.unwrap_or_else(|error| panic!("GET {key:?}: {error:?}"));
    got.body.collect().await.unwrap().to_vec()
}

/// Every key below `prefix`, in the order of the listing.
pub(crate) async fn list(client: &Client, prefix: &str) -> Vec<String> {
    let mut pages = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix(prefix)
        // XML cannot say every letter of a key.
        .encoding_type(EncodingType::Url)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let objects = page.unwrap().contents.unwrap_or_default();
        keys.extend(objects.iter().map(|object| {
            let key = percent_decode_str(object.key().unwrap());
            key.decode_utf8().unwrap().into_owned()
        }));
    }
    keys
}

/// Status and code of a refusal. An answer to a HEAD has no code.
pub(crate) fn refusal<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = result.expect_err("this is to be refused");
    let answer = error
        .raw_response()
        .unwrap_or_else(|| panic!("no answer: {error:?}"));
    let code = error.code().unwrap_or_default().to_owned();
    (answer.status().as_u16(), code)
}
