//! From a request to its answer: read the body, parse the events, wait for a place, call the handler.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cos_thumbnails::events::{self, Event, ParseError, Problem};
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout, timeout_at};
use tower::{BoxError, Service, ServiceExt};
use tracing::Instrument;

use super::bodies::Held;
use super::drain::Active;
use super::reply::{self, Refusal, Response};
use super::server::{Caller, Shared};
use super::trace::{TRACEPARENT, span};
use super::{Abandoned, Context, Failure, Invocation, Meter, Reply};

/// The field of an event's last log line that has what its handler said of it, as JSON.
pub const OUTCOME: &str = "outcome";

/// Answers one request with events.
///
/// It has no place before it has come whole, so that slow senders keep no one else away. From then on
/// the work goes on to its end or its deadline, whatever the sender does.
pub(super) async fn receive<S>(
    service: S,
    shared: &Shared,
    caller: &Caller,
    request: Request<Incoming>,
    active: Active,
) -> Result<Response, Refusal>
where
    S: Service<Invocation, Response = Reply, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    let received = Instant::now();
    let deadline = received + shared.settings.deadline;
    let admission = &shared.admission;
    admission.look()?;
    let (head, body) = request.into_parts();
    let (body, reserved) = read(body, shared).await?;
    let events = events::parse_http_each(&head.headers, &body).inspect_err(|_| {
        if let Some(meter) = &shared.settings.meter {
            meter.malformed();
        }
    })?;
    let _busy = caller.presence.busy();
    let place = timeout_at(deadline, admission.enter()).await;
    let late = || Refusal::Deadline(reply::after_deadline(admission.come_again()));
    let place = place.map_err(|_| late())??;
    drop((body, reserved));
    let takes_events = reply::takes_events(&head.headers);
    let mut context = Context::new(caller.peer, shared.listener, deadline, head.headers);
    context.received = received;
    context.come_again = admission.come_again();
    let left = Left {
        meter: shared.settings.meter.clone(),
        events: events.len(),
    };
    let meter = shared.settings.meter.clone();
    let work = async move {
        let _until_done = (place, active);
        let mut left = left;
        stream::iter(events)
            // In turn: a request has one place, however many events it brings.
            .then(|event| {
                let handled = event.map(|event| handle(service.clone(), event, context.clone()));
                if let (Err(_), Some(meter)) = (&handled, &meter) {
                    meter.malformed();
                }
                async move {
                    match handled {
                        Ok(handled) => handled.await,
                        Err(error) => malformed(error),
                    }
                }
            })
            .inspect(|_| left.one_less())
            .collect::<Vec<_>>()
            .await
    };
    let stop = shared.stop.clone();
    let work = timeout_at(deadline, work);
    match tokio::spawn(stop.run_until_cancelled_owned(work)).await {
        Ok(Some(Ok(results))) => Ok(reply::answer(&results, takes_events)),
        Ok(Some(Err(_))) => Err(late()),
        // It panicked, or the process ends.
        Err(_) | Ok(None) => Err(Refusal::Fault),
    }
}

/// How many events of a request have no outcome yet. Dropped before the last one has, it says so.
struct Left {
    meter: Option<Arc<dyn Meter>>,
    events: usize,
}

impl Left {
    fn one_less(&mut self) {
        self.events -= 1;
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if self.events == 0 {
            return;
        }
        let why = if std::thread::panicking() {
            Abandoned::Panic
        } else {
            Abandoned::Deadline
        };
        if let Some(meter) = &self.meter {
            meter.abandoned(self.events, why);
        }
    }
}

/// Reads a body whole, if it is short enough, comes fast enough, and need not give way.
async fn read(body: Incoming, shared: &Shared) -> Result<(Bytes, Held), Refusal> {
    let (limit, patience) = (shared.settings.max_body_bytes, shared.settings.body_timeout);
    let too_long = || Refusal::BodyTooLong { limit };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long());
    }
    let full = || shared.admission.full();
    let mut held = shared.bodies.begin();
    let gives_way = held.gives_way();
    let mut body = Limited::new(body, limit);
    let whole = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    too_long()
                } else {
                    Refusal::BodyBroken(error.to_string())
                }
            })?;
            // Trailers say nothing to us.
            if let Ok(piece) = frame.into_data() {
                held.grow(piece.len()).map_err(|_| full())?;
                whole.extend_from_slice(&piece);
            }
        }
        held.whole().map_err(|_| full())?;
        Ok::<_, Refusal>(whole.freeze())
    };
    let whole = gives_way.run_until_cancelled(timeout(patience, whole));
    let whole = whole.await.ok_or_else(full)?;
    let whole = whole.map_err(|_| Refusal::BodyTooSlow(patience))??;
    Ok((whole, held))
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
    let of_request = context.header(TRACEPARENT);
    let span = span(&event, of_request.and_then(|value| value.to_str().ok()));
    async move {
        let mut line = Line::begin();
        let result = service.oneshot(Invocation { event, context }).await;
        let result = result.map_err(|error| Failure::of(error.into()));
        line.end(&result);
        (id, result)
    }
    .instrument(span)
}

/// The log line of one event. Dropped before the end, it says so: the deadline passed, the handler
/// panicked, or the process ends.
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
            Ok(reply) => tracing::info!(status, ms, outcome = %reply.value(), "handled"),
            Err(failure) => {
                let error = failure.to_string();
                tracing::warn!(status, ms, error, "not handled");
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

/// The answer to a member of a batch that is no event, among those to the others. Its id is empty where none
/// could be read.
fn malformed(error: ParseError) -> (String, Result<Reply, Failure>) {
    let failure = Failure::Malformed(told(&error));
    let id = error.id.unwrap_or_default();
    let (shown, error) = (id.as_str(), failure.to_string());
    tracing::warn!(id = shown, status = 400, error, "not handled");
    (id, Err(failure))
}

/// What is wrong: names the event where its id could be read, and the place where JSON breaks.
fn told(error: &ParseError) -> String {
    let cause = error.problem.source();
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Self {
        let text = told(&error);
        match error.problem {
            Problem::UnsupportedMediaType(_) => Self::MediaType(text),
            _ => Self::Malformed(text),
        }
    }
}
