//! A client for Code Engine's REST v2, as far as job runs go.
//!
//! The only vendor SDKs are for Go, Node.js, Python and Java; of their hundred calls three are needed.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use cos_thumbnails::storage::iam::{self, Credential, Tokens};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::target::{HttpError, HttpsClient, https_client, retry_after_of};

/// The version of the API, of which this client was written.
const VERSION: &str = "2025-07-10";
/// The longest answer that is read, in bytes: details of a thousand indices have about 200 kB.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// How long one call may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The most that a `Retry-After` is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

/// How to reach Code Engine.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Of the API, without `/v2`.
    pub url: BaseUrl,
    /// The project's id.
    pub project: String,
    /// Of IAM.
    pub iam: iam::Url,
    /// What tokens are had by.
    pub credential: Credential,
}

/// An https URL, or an http one on this machine, without user, query and slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    fn with(&self, path: &str) -> Result<Uri, EngineError> {
        let url = format!("{}{path}", self.0).parse();
        url.map_err(|error: http::uri::InvalidUri| EngineError::Transport(error.into()))
    }
}

impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Uri = text.parse().map_err(|_| "is no URL")?;
        let known = matches!(url.scheme_str(), Some("http" | "https"));
        let host = url.host().is_some_and(|host| !host.is_empty());
        if !known || !host || url.query().is_some() {
            return Err("is no http:// or https:// URL with a host");
        }
        if url
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err("must not hold a user or a password");
        }
        if url.scheme_str() == Some("http") && !url.host().is_some_and(iam::is_this_machine) {
            return Err("is no https:// URL: API keys and tokens would be sent for all to read");
        }
        let text = text.trim_end_matches('/');
        let text = text.strip_suffix("/v2").unwrap_or(text);
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why Code Engine or IAM did not do what they were asked for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The client could not be built.
    #[error(transparent)]
    Client(#[from] HttpError),
    /// Nobody answered, or the connection broke.
    #[error("it could not be reached")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too slow.
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    /// It refused or failed.
    #[error("it answered {status}: {message}")]
    Status {
        /// Its status.
        status: StatusCode,
        /// What it says, on one line.
        message: String,
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Its answer is none.
    #[error("its answer is not what is documented")]
    Answer(#[source] serde_json::Error),
    /// There is no token.
    #[error("IAM gives no token")]
    Token(#[from] iam::Error),
}

impl EngineError {
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Transport(_) | Self::TimedOut(_) => true,
            Self::Status { status, .. } => {
                *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
            }
            Self::Token(error) => error.is_retryable(),
            Self::Client(_) | Self::Answer(_) => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether what was asked for may have been done all the same: the answer was lost, or is a gateway's.
    fn is_unsure(&self) -> bool {
        match self {
            Self::Transport(_) | Self::TimedOut(_) => true,
            Self::Status { status, .. } => status.is_server_error(),
            Self::Token(_) | Self::Client(_) | Self::Answer(_) => false,
        }
    }

    fn is(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Status { status, .. } if *status == wanted)
    }
}

/// Why a job run was not started, as far as is known.
#[derive(Debug)]
pub(crate) struct NotStarted {
    pub(crate) source: EngineError,
    /// Whether it may have been started all the same, by this attempt or an earlier one.
    pub(crate) is_unsure: bool,
}

/// A job run, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JobRun {
    status: String,
    #[serde(default)]
    pub(crate) status_details: StatusDetails,
}

/// What became of the indices.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StatusDetails {
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) running: u32,
    pub(crate) indices_details: std::collections::BTreeMap<String, IndexDetails>,
}

/// What became of one index.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IndexDetails {
    pub(crate) retries: u32,
    pub(crate) last_failure_reason: Option<String>,
}

impl JobRun {
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed")
    }
}

/// A client of one project.
#[derive(Debug)]
pub(crate) struct Engine {
    client: HttpsClient,
    url: BaseUrl,
    project: String,
    tokens: Tokens,
    retry: ExponentialBuilder,
}

impl Engine {
    pub(crate) fn new(
        settings: &EngineSettings,
        retry: ExponentialBuilder,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            tokens: Tokens::new(settings.iam.clone(), settings.credential.clone()),
            client: https_client(settings.url.is_https())?,
            url: settings.url.clone(),
            project: settings.project.clone(),
            retry,
        })
    }

    /// Starts a job run, whose name nobody else gives: that there is one already is the answer to a
    /// request that was repeated.
    pub(crate) async fn create_run(&self, name: &str, body: &Value) -> Result<(), NotStarted> {
        let lost = AtomicBool::new(false);
        let note = |error: &EngineError| {
            lost.fetch_or(error.is_unsure(), Ordering::Relaxed);
        };
        let (source, is_unsure) = match self.call(Method::POST, "", Some(body), note).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is(StatusCode::CONFLICT) => match self.run(name).await {
                Ok(_) => return Ok(()),
                Err(error) => {
                    let is_there = !error.is(StatusCode::NOT_FOUND);
                    (error, is_there)
                }
            },
            Err(error) => {
                let is_unsure = error.is_unsure();
                (error, is_unsure)
            }
        };
        Err(NotStarted {
            source,
            is_unsure: is_unsure || lost.into_inner(),
        })
    }

    pub(crate) async fn run(&self, name: &str) -> Result<JobRun, EngineError> {
        let answer = self
            .call(Method::GET, &format!("/{name}"), None, |_| ())
            .await?;
        serde_json::from_slice(&answer).map_err(EngineError::Answer)
    }

    /// Ends a job run and forgets it.
    pub(crate) async fn delete_run(&self, name: &str) -> Result<(), EngineError> {
        let path = format!("/{name}");
        match self.call(Method::DELETE, &path, None, |_| ()).await {
            Err(error) if error.is(StatusCode::NOT_FOUND) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Again and again where that can help; `failed` is told of each failure but the last.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        failed: impl Fn(&EngineError),
    ) -> Result<Bytes, EngineError> {
        let attempt = || self.attempt(method.clone(), path, body);
        attempt
            .retry(self.retry)
            .when(EngineError::is_retryable)
            .notify(|error, _| failed(error))
            .adjust(|error, delay| {
                let asked = error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER);
                delay.map(|delay| delay + asked)
            })
            .await
    }

    /// Once; and once more with a new token, where the old one is not taken any longer.
    async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, EngineError> {
        let begun = Instant::now();
        let answer = self.request(method.clone(), path, body).await;
        let refused = matches!(&answer, Err(error) if error.is(StatusCode::UNAUTHORIZED));
        if refused && self.tokens.another(begun).await {
            return self.request(method, path, body).await;
        }
        answer
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, EngineError> {
        let project = &self.project;
        let path = format!("/v2/projects/{project}/job_runs{path}?version={VERSION}");
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = self.url.with(&path)?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.tokens.bearer().await?);
        if let Some(body) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Full::new(Bytes::from(body.to_string()));
        }
        ask(&self.client, request).await
    }
}

/// The body of a successful answer.
async fn ask(client: &HttpsClient, request: Request<Full<Bytes>>) -> Result<Bytes, EngineError> {
    let exchange = async {
        let response = client.request(request).await;
        let (head, body) = response
            .map_err(|error| EngineError::Transport(error.into()))?
            .into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(EngineError::Transport)?.to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        Err(EngineError::Status {
            status: head.status,
            message: message(&body),
            retry_after: retry_after_of(&head.headers),
        })
    };
    let answer = tokio::time::timeout(TIMEOUT, exchange);
    answer.await.unwrap_or(Err(EngineError::TimedOut(TIMEOUT)))
}

/// What an error's body says, in the shape of Code Engine's, on one short line.
fn message(body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let told = json["errors"][0]["message"].as_str();
    let told = told.unwrap_or("it does not say why").chars().take(200);
    told.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_https_or_stay_on_this_machine() {
        for (url, base) in [
            ("https://iam.cloud.ibm.com", "https://iam.cloud.ibm.com"),
            ("https://h:8443/v2/", "https://h:8443"),
            ("http://127.0.0.1:8090/", "http://127.0.0.1:8090"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://localhost:1", "http://localhost:1"),
            ("http://[::1]:1/v2", "http://[::1]:1"),
        ] {
            assert_eq!(url.parse::<BaseUrl>().unwrap().to_string(), base);
        }
        for url in [
            "http://iam.cloud.ibm.com",
            "http://192.0.2.1:8090",
            "http://0.0.0.0",
            "http://[2001:db8::1]",
            "http://127.0.0.1.example",
            "http://localhost.example",
        ] {
            let error = url.parse::<BaseUrl>().unwrap_err();
            assert!(error.contains("https://"), "{url}: {error}");
        }
    }
}
