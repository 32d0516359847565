//! From an admitted request to its answer: read the body, parse the events, call the handler.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use cos_thumbnails::events::{self, Event, ParseError, Problem};
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout};
use tower::{BoxError, Service, ServiceExt};
use tracing::{Instrument, Span, field};

use super::reply::{self, Refusal, Response};
use super::server::Arrival;
use super::{Context, Failure, Invocation, Reply, Settings};

/// Answers one request that was admitted.
pub(super) async fn receive<S>(
    service: S,
    settings: Arc<Settings>,
    request: Request<Incoming>,
) -> Result<Response, Refusal>
where
    S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send> + Clone + Send,
{
    let (head, body) = request.into_parts();
    let body = read(body, &settings).await?;
    let events = events::parse_http(&head.headers, &body).map_err(Refusal::from)?;
    // The router puts it there for every request that it lets through to here.
    let Some(arrival) = head.extensions.get::<Arrival>().copied() else {
        return Err(Refusal::Fault);
    };
    let context = Context::new(
        arrival.peer,
        arrival.listener,
        arrival.deadline,
        head.headers,
    );
    let results = stream::iter(events)
        // In turn: a request has one place, however many events it brings.
        .then(|event| handle(service.clone(), event, context.clone()))
        .collect::<Vec<_>>()
        .await;
    Ok(reply::answer(&results))
}

/// Reads a body whole, if it is short enough and comes fast enough.
async fn read(body: Incoming, settings: &Settings) -> Result<Bytes, Refusal> {
    let limit = settings.max_body_bytes;
    let too_long = Refusal::BodyTooLong { limit };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long);
    }
    let read = Limited::new(body, limit).collect();
    match timeout(settings.body_timeout, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long),
        Ok(Err(error)) => Err(Refusal::BodyBroken(error.to_string())),
        Err(_) => Err(Refusal::BodyTooSlow(settings.body_timeout)),
    }
}

/// Calls the handler for one event and logs one line for it, however it ends.
fn handle<S>(
    service: S,
    event: Event,
    context: Context,
) -> impl Future<Output = (String, Result<Reply, Failure>)> + Send
where
    S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send> + Clone + Send,
{
    let id = event.id().to_owned();
    // At the highest level, so that every line about an event says which, whatever is filtered out.
    let span = tracing::error_span!(
        "event",
        id = %id.escape_debug(),
        event_type = %event.event_type().escape_debug(),
        bucket = %event.change().object.bucket.as_str().escape_debug(),
        key = %event.change().object.key,
        outcome = field::Empty,
    );
    async move {
        let mut line = Line::begin();
        let result = service.oneshot(Invocation { event, context }).await;
        let result = result.map_err(|error| Failure::of(error.into()));
        line.end(&result);
        (id, result)
    }
    .instrument(span)
}

/// The log line of one event. Dropped before the end, it says so: the sender hung up, the deadline
/// passed, or the handler panicked.
struct Line {
    begun: Instant,
    ended: bool,
}

impl Line {
    fn begin() -> Self {
        Self {
            begun: Instant::now(),
            ended: false,
        }
    }

    fn end(&mut self, result: &Result<Reply, Failure>) {
        self.ended = true;
        let ms = self.milliseconds();
        let status = Failure::status(result).as_u16();
        match result {
            Ok(_) => tracing::info!(status, ms, "handled"),
            Err(failure) => {
                let error = failure.to_string();
                tracing::warn!(status, ms, error = %error.escape_debug(), "not handled");
            }
        }
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.ended {
            tracing::warn!(ms = self.milliseconds(), "abandoned: no outcome is known");
        }
    }
}

/// Records how the current event ended, for its log line. To be called from within a handler.
pub fn record_outcome(outcome: &str) {
    Span::current().record("outcome", outcome);
}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Self {
        // The text names the event where its id could be read, and the place where JSON breaks.
        let mut text = error.to_string();
        if let Some(cause) = error.problem.source() {
            text += &format!(": {cause}");
        }
        match error.problem {
            Problem::UnsupportedMediaType(_) => Self::MediaType(text),
            _ => Self::Malformed(text),
        }
    }
}
