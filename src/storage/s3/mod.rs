//! Any S3-compatible store through `aws-sdk-s3`, made for IBM Cloud Object Storage.

mod bearer;
mod calls;
mod config;
mod failure;
mod retries;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;
use tokio::time::Instant;

pub use config::{ConfigError, Credentials, HmacKey, S3Config};
pub use retries::{Cause, Retries};

use self::calls::Calls;
use self::retries::CountRetries;
use super::iam::{self, Refreshes, Tokens};
use super::{Error, GetOptions, Head, Kind, ListOptions, Object, Page, PutOptions, Storage};
use crate::object::{ETag, Key};

/// Connecting, TLS included. The second SYN of a lost first one goes out after 1 s (RFC 6298, 2.1)
/// and its answer is still waited for; a host that is gone is known soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From sending a request to the first byte of the answer. S3 answers in well under 1 s; the rest is
/// for a store that stalls under load.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// One attempt of a call, without the body of a GET.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// All attempts of a call together, without the body of a GET. Far below Code Engine's default request
/// time-out of 300 s, so that the caller can still answer.
const OPERATION_TIMEOUT: Duration = Duration::from_mins(1);
/// A body that moves less than 1 B/s for so long is broken off (the SDK's own default).
const STALL_GRACE: Duration = Duration::from_secs(5);
/// Attempts of one request, the first included. More patience is the event sender's: it is told to
/// come again.
const MAX_ATTEMPTS: u32 = 4;
/// The first pause between attempts, doubled each time and multiplied by a random part of 1: about
/// the time of one request, so that a single fault costs no more than the request it hit.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
/// The longest pause between attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// One bucket of an S3-compatible store.
///
/// Every request is signed with the credentials of the [`S3Config`], or carries a token that is had by
/// them; there is no anonymous access. Buckets are addressed by path (`https://host/bucket/key`), which
/// every store understands. Faults that can pass are tried again here, few times and at once; who needs
/// more patience asks [`Error::is_retryable`].
#[derive(Clone)]
pub struct S3 {
    calls: Calls,
    endpoint: String,
    /// Where requests carry them.
    tokens: Option<Tokens>,
}

/// Shows where, never the credentials.
impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.calls.bucket)
            .finish_non_exhaustive()
    }
}

impl S3 {
    /// Prepares the client. Nothing is sent yet; connections are kept and shared by clones.
    ///
    /// For `https://` the system's root certificates are read here (or those of `SSL_CERT_FILE`).
    ///
    /// # Errors
    /// [`ConfigError`] says which field cannot be right.
    pub fn new(config: &S3Config) -> Result<Self, ConfigError> {
        let tls = config.checked_endpoint()?.tls;
        Self::over(http_client(tls), Tokens::new, config)
    }

    fn over(
        http: SharedHttpClient,
        tokens: impl FnOnce(iam::Url, iam::Credential) -> Tokens,
        config: &S3Config,
    ) -> Result<Self, ConfigError> {
        let endpoint = config.checked_endpoint()?.url;
        let retries = Retries::default();
        let sdk = builder(http)
            .region(Region::new(config.region.clone()))
            .interceptor(CountRetries(retries.clone()));
        let (sdk, tokens) = match &config.credentials {
            Credentials::Hmac(HmacKey {
                access_key_id,
                secret_access_key,
            }) => {
                let key = SdkCredentials::from_keys(access_key_id, secret_access_key, None);
                let sdk = sdk.endpoint_url(&endpoint).force_path_style(true);
                (sdk.credentials_provider(key), None)
            }
            Credentials::Iam { url, credential } => {
                let tokens = tokens(url.clone(), credential.clone());
                let bucket = format!("{endpoint}/{}", config.bucket);
                let sdk = bearer::carrying(sdk, bucket, tokens.clone());
                (sdk, Some(tokens))
            }
        };
        Ok(Self {
            calls: Calls {
                client: Client::from_conf(sdk.build()),
                bucket: config.bucket.clone(),
                retries,
            },
            endpoint,
            tokens,
        })
    }

    /// How often its requests were sent again.
    #[must_use]
    pub fn retries(&self) -> &Retries {
        &self.calls.retries
    }

    /// How often it asked IAM for a token, if its requests carry them.
    #[must_use]
    pub fn token_refreshes(&self) -> Option<Refreshes> {
        self.tokens.as_ref().map(Tokens::refreshes)
    }

    /// A call; and once more with another token, where the one that it carried was refused: it may have
    /// been revoked, or its end come sooner than it was said.
    async fn call<T, F>(&self, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let begun = Instant::now();
        let answer = call().await;
        let denied = matches!(&answer, Err(error) if error.kind() == Kind::AccessDenied);
        match &self.tokens {
            Some(tokens) if denied && tokens.another(begun).await => {
                self.retries().count(Cause::Token);
                call().await
            }
            _ => answer,
        }
    }
}

#[async_trait]
impl Storage for S3 {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, Error> {
        self.call(|| self.calls.get(key, options.clone())).await
    }

    async fn head(&self, key: &Key) -> Result<Head, Error> {
        self.call(|| self.calls.head(key)).await
    }

    async fn put(&self, key: &Key, body: Bytes, options: PutOptions) -> Result<ETag, Error> {
        self.call(|| self.calls.put(key, body.clone(), options.clone()))
            .await
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.call(|| self.calls.delete(key)).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page, Error> {
        self.call(|| self.calls.list(options.clone())).await
    }
}

/// What is the same whoever asks.
fn builder(http: SharedHttpClient) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http)
        // Otherwise the SDK adds trailing checksums, which S3-compatible stores need not know.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_initial_backoff(INITIAL_BACKOFF)
                .with_max_backoff(MAX_BACKOFF),
        )
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled()
                .grace_period(STALL_GRACE)
                .build(),
        )
}

/// Plain HTTP has its own connector: it reads no certificates.
fn http_client(tls: bool) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    if tls {
        builder
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https()
    } else {
        builder.build_http()
    }
}
