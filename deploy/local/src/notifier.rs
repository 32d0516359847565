//! The notifier: delivers the store's events to the function as Code Engine does, and tries again
//! where Knative's data plane would.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use cos_thumbnails::events::Event;
use cos_thumbnails::outcome::Outcome;
use http::header::RETRY_AFTER;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Deliveries under way at once. Enough to keep two processors busy, few enough that little waits
/// in the function.
const IN_FLIGHT: usize = 8;
/// Tries of one event before it is given up.
const MAX_RETRIES: usize = 8;
/// The first pause, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause; a `Retry-After` beyond it is cut.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// One try. Code Engine lets an application's request take 300 s by default.
const TRY_TIMEOUT: Duration = Duration::from_mins(5);
/// The longest answer that is read. An outcome has about 2 kB.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// What became of one event.
#[derive(Debug)]
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// How often it was sent.
    pub attempts: u32,
    /// From the change in the store to the last answer.
    pub took: Duration,
    /// The function's answer, or why there is none.
    pub result: Result<Outcome, Failure>,
}

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
            Self::Answer(_) => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Delivers every event that comes out of `events` and is below `prefix`, until there are no more.
pub async fn notify(
    mut events: UnboundedReceiver<Event>,
    prefix: String,
    function: Uri,
    deliveries: UnboundedSender<Delivery>,
) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut under_way = JoinSet::new();
    while let Some(event) = events.recv().await {
        if !event.change().object.key.as_str().starts_with(&prefix) {
            continue;
        }
        let started = Instant::now();
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let (client, function, deliveries) = (client.clone(), function.clone(), deliveries.clone());
        under_way.spawn(async move {
            let _place = place;
            // Nobody listens any more when the program ends.
            let _ = deliveries.send(deliver(&client, &function, event, started).await);
        });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

type HttpClient = Client<HttpConnector, Full<Bytes>>;

async fn deliver(client: &HttpClient, function: &Uri, event: Event, started: Instant) -> Delivery {
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
        result,
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
    let seconds = head
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    Err(Failure::Status {
        status: head.status,
        text: String::from_utf8_lossy(&body).trim().to_owned(),
        retry_after: seconds.map(Duration::from_secs),
    })
}

fn transport(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Transport(error.into())
}
