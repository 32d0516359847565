//! Every status code of the service, in one file.
//!
//! Knative senders try again after 404, 408, 409, 429 and 5xx, and after no other 4xx
//! (knative/specs, `specs/eventing/data-plane.md`). So each situation gets its code by one question:
//! can the same event succeed later?
//!
//! | situation | answer | again |
//! |---|---|---|
//! | handled: thumbnails made, duplicate, original gone, nothing to do, content rejected | 200, the outcome as JSON | no |
//! | the same, to a sender that takes answers for events of ours (`Prefer: reply`), as a Knative Broker does, which counts any other body as a failure | 200, no body | no |
//! | several events in one request, all handled or refused for good, as one is that cannot be parsed | 200, an array with one entry per event, each with its status, in their order; if every one was refused, the first one's 400 or 403 | no |
//! | several events in one request, one of them to be tried again | its 503 or 429, with the longest `Retry-After` | yes |
//! | the event, or the whole batch, cannot be parsed: no event of that request is handled | 400 | no |
//! | another bucket, a foreign endpoint ([`Failure::Forbidden`]) | 403 | no |
//! | a path that is not ours; events go to `/` or `/events` | 404 | yes: the subscription's path can be mended |
//! | a method other than `POST` for events, other than `GET` and `HEAD` for probes | 405 + `Allow` | no |
//! | the body is longer than the limit | 413 | no |
//! | the media type is none of ours | 415 | no |
//! | overloaded, said before the body is read; [`Failure::Busy`] | 429 + `Retry-After` | yes |
//! | header fields beyond the limit (answered by hyper) | 431 | no |
//! | not HTTP at all (answered by hyper), or a body that breaks off | 400 | no |
//! | [`Failure::Unavailable`], the deadline passed, the body came too slowly, the handler panicked | 503 + `Retry-After` | yes |
//! | `/healthz`; `/readyz`; `/version`; `/metrics` | 200 | |
//! | `/readyz` while draining, or while what is needed does not answer | 503 | |
//!
//! `Retry-After` says what is known; a batch has the longest of its members':
//!
//! | answer | `Retry-After` |
//! |---|---|
//! | 429 | when those that are here are worked off, by how long the last ones took; 1 s to 1 min |
//! | 503: the store failed and said when to come again | that; at most 5 min |
//! | 503: the deadline passed | as of 429, but not before 5 s: who waited for a place or for others of the same key comes when there are fewer |
//! | 503: the store failed and said nothing, the original would not come to rest, the body came too slowly, the handler panicked, the process ends | 5 s: when that ends is known to nobody here, and whoever is asked next may be another instance |
//!
//! 401, 408, 409 and 3xx are never sent: a store's refusal of our credentials is our fault, not the
//! sender's, and must not discard its event.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Response as HttpResponse, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use serde::Serialize;
use serde_json::{Value, json};
use tower::BoxError;
use tower::load_shed::error::Overloaded;

/// An HTTP response of the runtime.
pub(super) type Response = HttpResponse<UnsyncBoxBody<Bytes, BoxError>>;

/// How long a sender should wait when a layer around the handler was too busy.
const BUSY: Duration = Duration::from_secs(1);
/// How long a sender should wait after a fault whose end nobody knows: the store's client, for one, has tried for
/// seconds by then.
pub(crate) const FAULT: Duration = Duration::from_secs(5);

/// How long a sender should wait whose time passed, where one that finds no room is to come again after so long.
pub(crate) fn after_deadline(come_again: Duration) -> Duration {
    come_again.max(FAULT)
}

/// What a handler says of an event that it has handled: any JSON value. The answer is 200.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply(Value);

impl Reply {
    /// Says `outcome` as JSON.
    ///
    /// # Errors
    /// When `outcome` has no JSON form, for example a map whose keys are no strings.
    pub fn new(outcome: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_value(outcome).map(Self)
    }

    /// The value that is sent.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

/// Why a handler could not handle an event, and with that whether the sender tries again.
///
/// A picture that can never succeed is no failure: it is an outcome, and so a [`Reply`]. The texts
/// are shown to the sender; what only the operator should read belongs into the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The event says nothing that could be handled. 400, not tried again.
    #[error("malformed event: {0}")]
    Malformed(String),
    /// The event asks for what is not allowed here. 403, not tried again.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// No room now; again after so long. 429.
    #[error("busy: all places are taken")]
    Busy(Duration),
    /// Something that is needed does not answer; again after so long. 503.
    #[error("unavailable: the event was not handled; send it again")]
    Unavailable(Duration),
}

impl Failure {
    /// The failure that an error of a tower layer around the handler stands for: a [`Failure`] is
    /// itself, load that was shed is [`Failure::Busy`], all else [`Failure::Unavailable`].
    pub(super) fn of(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => *failure,
            Err(error) if error.is::<Overloaded>() => Self::Busy(BUSY),
            Err(error) => {
                tracing::error!(error = error.to_string(), "the handler failed");
                Self::Unavailable(FAULT)
            }
        }
    }

    /// The status code of a result.
    pub(super) fn status(result: &Result<Reply, Self>) -> StatusCode {
        match result {
            Ok(_) => StatusCode::OK,
            Err(Self::Malformed(_)) => StatusCode::BAD_REQUEST,
            Err(Self::Forbidden(_)) => StatusCode::FORBIDDEN,
            Err(Self::Busy(_)) => StatusCode::TOO_MANY_REQUESTS,
            Err(Self::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Malformed(_) | Self::Forbidden(_) => None,
            Self::Busy(wait) | Self::Unavailable(wait) => Some(*wait),
        }
    }
}

/// Why the runtime answered a request without, or instead of, the handler.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no such path: events are sent to / or /events, probes to /healthz and /readyz")]
    NoSuchPath,
    #[error("this path takes {allow} only")]
    Method { allow: &'static str },
    #[error("malformed event: {0}")]
    Malformed(String),
    #[error("{0}")]
    MediaType(String),
    #[error("the body is longer than {limit} bytes")]
    BodyTooLong { limit: usize },
    #[error("the body did not arrive within {} s", .0.as_secs_f32())]
    BodyTooSlow(Duration),
    #[error("the body breaks off: {0}")]
    BodyBroken(String),
    #[error("busy: as many events as can be are being handled and waiting")]
    Overloaded(Duration),
    #[error("the event was not handled in time; send it again")]
    Deadline(Duration),
    #[error("the event could not be handled; send it again")]
    Fault,
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_) | Self::BodyBroken(_) => StatusCode::BAD_REQUEST,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overloaded(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyTooSlow(_) | Self::Deadline(_) | Self::Fault => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    pub(super) fn response(&self) -> Response {
        let retry_after = match self {
            Self::Overloaded(wait) | Self::Deadline(wait) => Some(*wait),
            Self::BodyTooSlow(_) | Self::Fault => Some(FAULT),
            _ => None,
        };
        let mut response = respond(
            self.status(),
            retry_after,
            &json!({ "error": self.to_string() }),
        );
        if let Self::Method { allow } = self {
            let allow = HeaderValue::from_static(allow);
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}

/// Whether a sender takes the body of a success for an event of ours (`Prefer: reply`; knative/specs,
/// `specs/eventing/data-plane.md`, "Derived (Reply) Events"). A Broker does, counts any other body as a failure, and
/// sends the event again.
pub(super) fn takes_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case("reply"))
}

/// The answer to a request whose events ended so, each with its id. A success has no body where it would be taken
/// for an event.
pub(super) fn answer(results: &[(String, Result<Reply, Failure>)], takes_events: bool) -> Response {
    let mut response = told(results);
    if takes_events && response.status().is_success() {
        response.headers_mut().remove(CONTENT_TYPE);
        *response.body_mut() = Empty::new().map_err(|never| match never {}).boxed_unsync();
    }
    response
}

fn told(results: &[(String, Result<Reply, Failure>)]) -> Response {
    if let [(_, result)] = results {
        let (retry_after, body) = match result {
            Ok(reply) => (None, reply.0.clone()),
            Err(failure) => (
                failure.retry_after(),
                json!({ "error": failure.to_string() }),
            ),
        };
        return respond(Failure::status(result), retry_after, &body);
    }
    let entries = results.iter().map(|(id, result)| {
        let status = Failure::status(result).as_u16();
        match result {
            Ok(reply) => json!({ "id": id, "status": status, "outcome": reply.0 }),
            Err(failure) => json!({ "id": id, "status": status, "error": failure.to_string() }),
        }
    });
    let (status, retry_after) = batch_status(results);
    respond(status, retry_after, &entries.collect())
}

/// The one code for several events, and how long to wait.
fn batch_status(results: &[(String, Result<Reply, Failure>)]) -> (StatusCode, Option<Duration>) {
    let failures = || results.iter().filter_map(|(_, r)| r.as_ref().err());
    if let Some(wait) = failures().filter_map(Failure::retry_after).max() {
        let unavailable = failures().any(|f| matches!(f, Failure::Unavailable(_)));
        let status = if unavailable {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::TOO_MANY_REQUESTS
        };
        return (status, Some(wait));
    }
    match results.first() {
        Some((_, first)) if failures().count() == results.len() => (Failure::status(first), None),
        _ => (StatusCode::OK, None),
    }
}

/// The answer to `/healthz`, and to `/readyz` unless draining.
pub(super) fn well() -> Response {
    respond(StatusCode::OK, None, &json!({ "status": "ok" }))
}

/// The answer to `/readyz` where events should not come, and why.
pub(super) fn not_ready(why: &str) -> Response {
    let body = json!({ "status": why });
    respond(StatusCode::SERVICE_UNAVAILABLE, None, &body)
}

/// The answer to `/version`.
pub(super) fn version(version: &Value) -> Response {
    respond(StatusCode::OK, None, version)
}

/// The answer to `/metrics`.
pub(super) fn metrics(text: String) -> Response {
    plain(
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        text,
    )
}

fn plain(content_type: &'static str, body: String) -> Response {
    let body = Full::new(Bytes::from(body));
    let mut response = HttpResponse::new(body.map_err(|never| match never {}).boxed_unsync());
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn respond(status: StatusCode, retry_after: Option<Duration>, body: &Value) -> Response {
    let mut response = plain("application/json", body.to_string());
    *response.status_mut() = status;
    if let Some(wait) = retry_after {
        // Whole seconds (RFC 9110, 10.2.3), rounded up: never earlier than asked for.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Reply {
        Reply(json!({ "outcome": "made" }))
    }

    fn status(results: impl IntoIterator<Item = Result<Reply, Failure>>) -> (u16, Option<u64>) {
        let results: Vec<_> = results.into_iter().map(|r| ("id".to_owned(), r)).collect();
        let response = answer(&results, false);
        let wait = response.headers().get(RETRY_AFTER);
        let wait = wait.and_then(|w| w.to_str().ok()?.parse().ok());
        (response.status().as_u16(), wait)
    }

    #[test]
    fn a_success_has_no_body_where_it_would_be_taken_for_an_event() {
        let prefers = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", HeaderValue::from_static(value));
            }
            takes_events(&headers)
        };
        assert!(prefers(&["reply"]) && prefers(&["respond-async", "wait=1, Reply"]));
        assert!(!prefers(&[]) && !prefers(&["replying"]));
        let length = |result, takes_events| {
            let response = answer(&[("id".to_owned(), result)], takes_events);
            let is_json = response.headers().contains_key(CONTENT_TYPE);
            let length = hyper::body::Body::size_hint(response.body()).exact();
            assert_eq!(is_json, length > Some(0));
            length.unwrap_or(0)
        };
        assert!(length(Ok(made()), false) > 0);
        assert_eq!(length(Ok(made()), true), 0);
        assert!(length(Err(Failure::Busy(Duration::from_secs(1))), true) > 0);
    }

    #[test]
    fn each_failure_has_its_code() {
        let second = Duration::from_secs(1);
        assert_eq!(status([Ok(made())]), (200, None));
        assert_eq!(status([Err(Failure::Malformed("x".into()))]), (400, None));
        assert_eq!(status([Err(Failure::Forbidden("x".into()))]), (403, None));
        assert_eq!(status([Err(Failure::Busy(second))]), (429, Some(1)));
        assert_eq!(status([Err(Failure::Unavailable(second))]), (503, Some(1)));
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let busy = Failure::Busy(Duration::from_millis(1200));
        assert_eq!(status([Err(busy)]), (429, Some(2)));
    }

    #[test]
    fn a_batch_is_tried_again_if_one_of_it_should_be() {
        let forbidden = || Err(Failure::Forbidden("x".into()));
        let busy = || Err(Failure::Busy(Duration::from_secs(7)));
        let unavailable = || Err(Failure::Unavailable(Duration::from_secs(2)));
        assert_eq!(status([]), (200, None));
        assert_eq!(status([Ok(made()), forbidden()]), (200, None));
        assert_eq!(status([forbidden(), forbidden()]), (403, None));
        assert_eq!(status([Ok(made()), busy(), forbidden()]), (429, Some(7)));
        assert_eq!(status([busy(), unavailable()]), (503, Some(7)));
    }
}
