use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use cos_thumbnails::events::Event;
use cos_thumbnails::outcome::Outcome;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::{Target, TargetError};

/// The longest answer that is read, in bytes. An outcome has about 2 kB.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// How many characters of a failed answer's text are kept.
const DETAIL_CHARS: usize = 200;

/// How long a connection may take to be established.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for http and https.
pub(crate) type HttpsClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The function, over HTTP: fan-out.
#[derive(Debug, Clone)]
pub struct Http {
    client: HttpsClient,
    url: Uri,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// Why the client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// For https the system's root certificates are needed.
    #[error("the system's root certificates could not be read")]
    Roots(#[source] std::io::Error),
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

impl Http {
    /// A client for the function at `url`, which takes events from [`Http::send`] one request
    /// each, and gives up an attempt after `timeout`.
    ///
    /// # Errors
    /// [`HttpError`], for https only.
    pub fn new(
        url: FunctionUrl,
        secret: Option<Secret>,
        timeout: Duration,
    ) -> Result<Self, HttpError> {
        Ok(Self {
            client: https_client(url.is_https())?,
            url: url.0,
            authorization: secret.map(|secret| secret.0),
            timeout,
        })
    }

    /// Asks the function, once, how it makes thumbnails.
    ///
    /// # Errors
    /// [`TargetError`].
    pub async fn version(&self) -> Result<FunctionVersion, TargetError> {
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static("/version"));
        let mut request = Request::new(Full::default());
        let url = Uri::from_parts(parts);
        *request.uri_mut() = url.map_err(|error| TargetError::Transport(error.into()))?;
        let answer = tokio::time::timeout(self.timeout, self.ask(request));
        let body = answer
            .await
            .unwrap_or(Err(TargetError::TimedOut(self.timeout)))?;
        serde_json::from_slice(&body).map_err(|error| TargetError::NotAVersion(error.into()))
    }

    async fn exchange(&self, event: &Event) -> Result<Outcome, TargetError> {
        let (headers, body) = event.to_http();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = headers;
        if let Some(authorization) = &self.authorization {
            request
                .headers_mut()
                .insert(AUTHORIZATION, authorization.clone());
        }
        let body = self.ask(request).await?;
        let outcome: Outcome = serde_json::from_slice(&body)
            .map_err(|error| TargetError::NotAnOutcome(error.into()))?;
        if outcome.run_refused {
            return Err(TargetError::RunRefused);
        }
        Ok(outcome)
    }

    /// The body of a successful answer.
    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Bytes, TargetError> {
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| TargetError::Transport(error.into()))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        if head.status.is_success() {
            Ok(body.map_err(unread)?.to_bytes())
        } else {
            // The status counts even where the text beside it breaks off.
            let body = body
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            Err(refused(head.status, &head.headers, &body))
        }
    }
}

/// How a function makes thumbnails: what it answers at `/version`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FunctionVersion {
    /// Its version.
    pub version: String,
    /// The git revision that it was built of, where its build was told.
    #[serde(default)]
    pub revision: Option<String>,
    /// Fingerprint of all its recipes together.
    pub recipes: Vec<String>,
    /// Fingerprint of its limits.
    pub limits: String,
    /// The bucket that it serves. Older ones do not say it.
    pub bucket: Option<String>,
    /// Below which prefix its originals are. Older ones do not say it.
    pub source_prefix: Option<String>,
    /// Below which prefix it writes thumbnails. Older ones do not say it.
    pub output_prefix: Option<String>,
    /// Below which prefix it writes failure records. Older ones do not say it.
    pub failure_prefix: Option<String>,
}

#[async_trait]
impl Target for Http {
    async fn send(&self, event: &Event) -> Result<Outcome, TargetError> {
        tokio::time::timeout(self.timeout, self.exchange(event))
            .await
            .unwrap_or(Err(TargetError::TimedOut(self.timeout)))
    }
}

/// A client for http and, if asked for, https.
pub(crate) fn https_client(https: bool) -> Result<HttpsClient, HttpError> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(https)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(connector))
}

/// Root certificates are read for https alone: an image from scratch may have none.
fn tls(https: bool) -> Result<ClientConfig, HttpError> {
    use hyper_rustls::ConfigBuilderExt;
    let builder =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?;
    let builder = if https {
        builder.with_native_roots().map_err(HttpError::Roots)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

fn unread(error: Box<dyn std::error::Error + Send + Sync>) -> TargetError {
    if error.is::<LengthLimitError>() {
        TargetError::TooLong
    } else {
        TargetError::Transport(error)
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> TargetError {
    let detail = String::from_utf8_lossy(body)
        .trim()
        .chars()
        .take(DETAIL_CHARS)
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    TargetError::Status {
        status,
        retry_after: retry_after_of(headers),
        detail,
    }
}

/// When to come again, as a time from now.
pub(crate) fn retry_after_of(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry_after(value, SystemTime::now())
}

/// `Retry-After` in either of its forms, seconds or an HTTP date (RFC 9110, 10.2.3). A date that is
/// past means now.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        Some(Duration::from_secs(seconds))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    }
}

/// Where a function takes events: an http or https URL. Without a path of its own it means
/// `/events`, the path of the subscription; a path is taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUrl(Uri);

/// Why a text names no function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionUrlError {
    /// Not a URL.
    #[error("is no URL")]
    Invalid,
    /// Not http or https, or without a host.
    #[error("is no http:// or https:// URL with a host")]
    Scheme,
    /// URLs are shown and recorded; secrets are not.
    #[error("must not hold a user or a password")]
    Credentials,
}

impl FunctionUrl {
    fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

impl FromStr for FunctionUrl {
    type Err = FunctionUrlError;

    fn from_str(text: &str) -> Result<Self, FunctionUrlError> {
        let url: Uri = text.parse().map_err(|_| FunctionUrlError::Invalid)?;
        let mut parts = url.into_parts();
        let known = parts
            .scheme
            .as_ref()
            .is_some_and(|scheme| matches!(scheme.as_str(), "http" | "https"));
        match &parts.authority {
            Some(authority) if authority.as_str().contains('@') => {
                return Err(FunctionUrlError::Credentials);
            }
            Some(authority) if known && !authority.host().is_empty() => {}
            _ => return Err(FunctionUrlError::Scheme),
        }
        if parts
            .path_and_query
            .as_ref()
            .is_none_or(|path| path.as_str() == "/")
        {
            parts.path_and_query = Some(PathAndQuery::from_static("/events"));
        }
        Uri::from_parts(parts)
            .map(Self)
            .map_err(|_| FunctionUrlError::Invalid)
    }
}

/// Without the query, which may be private.
impl fmt::Display for FunctionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split('?').next().unwrap_or_default())
    }
}

/// The secret shared with the function, which lets a backfill have thumbnails made anew. Never
/// shown.
#[derive(Debug, Clone)]
pub struct Secret(HeaderValue);

impl Secret {
    /// The secret, unless it holds what no HTTP header can carry.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
        // hyper and `Debug` show it as "Sensitive" from here on.
        value.set_sensitive(true);
        Some(Self(value))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_means_the_subscriptions_path() {
        let shown = |text: &str| text.parse::<FunctionUrl>().map(|url| url.0.to_string());
        assert_eq!(shown("http://h:8080").unwrap(), "http://h:8080/events");
        assert_eq!(shown("https://h/").unwrap(), "https://h/events");
        assert_eq!(shown("http://h/").unwrap(), "http://h/events");
        assert_eq!(shown("http://h/in?x=1").unwrap(), "http://h/in?x=1");
        assert_eq!(shown("ftp://h/"), Err(FunctionUrlError::Scheme));
        assert_eq!(shown("/events"), Err(FunctionUrlError::Scheme));
        assert_eq!(shown("h o"), Err(FunctionUrlError::Invalid));
        assert_eq!(
            shown("http://user:pw@h/"),
            Err(FunctionUrlError::Credentials)
        );
        assert_eq!(
            "http://h/in?x=1"
                .parse::<FunctionUrl>()
                .unwrap()
                .to_string(),
            "http://h/in"
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let read = |value: &str| retry_after(value, now);
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:57 GMT"),
            Some(Duration::from_secs(20))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-1"), None);
    }

    #[test]
    fn the_secret_is_not_in_the_debug_output() {
        let target = Http::new(
            "http://127.0.0.1:1".parse().unwrap(),
            Secret::new("canary"),
            Duration::from_secs(1),
        );
        assert!(!format!("{:?}", target.unwrap()).contains("canary"));
        assert!(Secret::new("line\nbreak").is_none());
    }

    #[test]
    fn a_refusals_text_is_one_short_line() {
        let long = format!("a\nb\u{1b}[31m{}", "x".repeat(1000));
        let error = refused(StatusCode::FORBIDDEN, &HeaderMap::new(), long.as_bytes());
        let shown = error.to_string();
        assert!(
            shown.starts_with("the function answered 403 Forbidden: a b [31mxxx"),
            "{shown}"
        );
        assert!(shown.len() < 260 && !shown.contains(['\n', '\u{1b}']));
    }
}
