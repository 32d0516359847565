//! One delivery: sent as Code Engine sends it, and again where Knative's data plane would.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cos_thumbnails::events::Event;
use cos_thumbnails::outcome::Outcome;
use http::header::RETRY_AFTER;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::Instant;

use super::{Delivery, Fate};

/// Further tries of one event before it is given up.
const MAX_RETRIES: usize = 8;
/// The first pause, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause; a `Retry-After` beyond it is cut.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// One try. Code Engine lets an application's request take 300 s by default.
const TRY_TIMEOUT: Duration = Duration::from_mins(5);
/// The longest answer that is read. An outcome has about 2 kB.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The function answered with another status than 2xx.
    #[error("the function answered {status}: {text}")]
    Status {
        /// Its status.
        status: StatusCode,
        /// What it said.
        text: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// The function could not be reached, or broke off.
    #[error("the function cannot be reached")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is no outcome.
    #[error("the function's answer is no outcome")]
    Answer(#[source] serde_json::Error),
    /// It was not sent at all, on purpose; see [`Mischief`](super::Mischief).
    #[error("it was never sent")]
    Dropped,
}

impl Failure {
    /// Knative's table (knative/specs, eventing data plane): 404, 408, 409, 429, 5xx and every
    /// fault of the transport are tried again, all else is not.
    fn is_retried(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                matches!(status.as_u16(), 404 | 408 | 409 | 429) || status.is_server_error()
            }
            Self::Transport(_) => true,
            Self::Answer(_) | Self::Dropped => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What events are sent with.
pub type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// Sends one event until it is answered for good, or given up.
pub async fn deliver(client: &HttpClient, function: &Uri, event: Event) -> Delivery {
    let started = Instant::now();
    let mut attempts = 0;
    let pauses = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_max_times(MAX_RETRIES);
    let result = (|| {
        attempts += 1;
        post(client, function, &event)
    })
    .retry(pauses)
    .when(Failure::is_retried)
    .adjust(|failure, pause| {
        let asked = failure.retry_after().map(|after| after.min(LONGEST_PAUSE));
        pause.map(|pause| asked.unwrap_or(pause))
    })
    .await;
    Delivery {
        event,
        attempts,
        took: started.elapsed(),
        ended: Utc::now(),
        is_last: true,
        result,
        fate: Fate::default(),
    }
}

async fn post(client: &HttpClient, function: &Uri, event: &Event) -> Result<Outcome, Failure> {
    let (headers, body) = event.to_http();
    let mut request = Request::post(function)
        .body(Full::new(body))
        .map_err(transport)?;
    request.headers_mut().extend(headers);
    let exchange = async {
        let (head, body) = client
            .request(request)
            .await
            .map_err(transport)?
            .into_parts();
        let body = http_body_util::Limited::new(body, MAX_ANSWER_BYTES);
        let body = body.collect().await.map_err(Failure::Transport)?.to_bytes();
        Ok((head, body))
    };
    let (head, body) = tokio::time::timeout(TRY_TIMEOUT, exchange)
        .await
        .map_err(transport)??;
    if head.status.is_success() {
        return serde_json::from_slice(&body).map_err(Failure::Answer);
    }
    let retry_after = head
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| wait(value.to_str().ok()?, Utc::now()));
    Err(Failure::Status {
        status: head.status,
        text: String::from_utf8_lossy(&body).trim().to_owned(),
        retry_after,
    })
}

fn transport(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Transport(error.into())
}

/// How long a `Retry-After` asks to wait: seconds, or until a date (RFC 9110, 10.2.3).
fn wait(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: DateTime<Utc> = httpdate::parse_http_date(value).ok()?.into();
    // A date that has passed asks for nothing.
    Some((date - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = DateTime::from_timestamp(784_111_777, 0).unwrap_or_default();
        let wait = |value| wait(value, now).map(|wait| wait.as_secs());
        assert_eq!(wait("3"), Some(3));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:40 GMT"), Some(3));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:30 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
    }
}
