//! One request to IAM.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::credential::{Credential, Url, bearer};

/// How long one request may take, connecting included: IAM answers in well under 1 s, and all attempts for one
/// token, with the pauses between them, take less time than a store's call waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes. A token has about 2 kB.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// The longest piece of IAM's own words that is repeated in an error, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answered, or the connection broke.
    #[error("IAM could not be reached")]
    Transport(#[source] Arc<dyn StdError + Send + Sync>),
    /// Too slow.
    #[error("IAM did not answer within {0:?}")]
    TimedOut(Duration),
    /// It refused or failed.
    #[error("IAM answered {status}: {message}")]
    Status {
        /// Its status.
        status: u16,
        /// What it says, on one line.
        message: String,
    },
    /// Its answer is none.
    #[error("IAM's answer is not what is documented")]
    Answer(#[source] Arc<serde_json::Error>),
    /// Its token is none.
    #[error("IAM's token is none that an HTTP header can carry")]
    Token,
    /// The compute resource's token cannot be read.
    #[error("the compute resource's token could not be read")]
    TokenFile(#[source] Arc<io::Error>),
}

impl Error {
    /// Whether asking again can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport(_) | Self::TimedOut(_) => true,
            Self::Status { status, .. } => matches!(status, 429 | 500..),
            Self::Answer(_) | Self::Token | Self::TokenFile(_) => false,
        }
    }

    pub(super) fn transport(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let error: Box<dyn StdError + Send + Sync> = error.into();
        Self::Transport(error.into())
    }
}

/// A token, as it was given.
pub(super) struct Granted {
    pub(super) bearer: HeaderValue,
    pub(super) asked: Instant,
    /// Counted from when it was asked for, and so a little too short.
    pub(super) lifetime: Duration,
}

/// IAM's answer.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: u32,
}

/// A client of its own. Plain HTTP reads no certificates.
pub(super) fn connector(https: bool) -> SharedHttpConnector {
    let builder = Connector::builder();
    SharedHttpConnector::new(if https {
        builder
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build()
    } else {
        builder.build_http()
    })
}

/// Asks once for a token.
pub(super) async fn ask(
    iam: &SharedHttpConnector,
    url: &Url,
    credential: &Credential,
) -> Result<Granted, Error> {
    let form = credential.form().await?;
    let asked = Instant::now();
    let answer = tokio::time::timeout(TIMEOUT, post(iam, url, form));
    let answer = answer.await.unwrap_or(Err(Error::TimedOut(TIMEOUT)))?;
    let answer = serde_json::from_slice::<Answer>(&answer);
    let answer = answer.map_err(|error| Error::Answer(error.into()))?;
    Ok(Granted {
        bearer: bearer(&answer.access_token).ok_or(Error::Token)?,
        asked,
        lifetime: Duration::from_secs(answer.expires_in.into()),
    })
}

/// The body of a successful answer.
async fn post(iam: &SharedHttpConnector, url: &Url, form: String) -> Result<Vec<u8>, Error> {
    let request = Request::post(url.of_tokens())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(SdkBody::from(form));
    let request = request.map_err(Error::transport)?;
    let request = request.try_into().map_err(Error::transport)?;
    let answer = iam.call(request).await.map_err(Error::transport)?;
    let status = answer.status();
    let mut body = ByteStream::new(answer.into_body());
    let mut bytes = Vec::new();
    while let Some(piece) = body.try_next().await.map_err(Error::transport)? {
        if bytes.len() + piece.len() > MAX_ANSWER_BYTES {
            return Err(Error::transport("its answer is too long"));
        }
        bytes.extend_from_slice(&piece);
    }
    if status.is_success() {
        return Ok(bytes);
    }
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let told = json["errorMessage"]
        .as_str()
        .unwrap_or("it does not say why");
    let told = told.chars().take(MAX_QUOTED_CHARS);
    Err(Error::Status {
        status: status.as_u16(),
        message: told.map(|c| if c.is_control() { ' ' } else { c }).collect(),
    })
}
