//! The thumbnail function as a handler of the runtime: who may do what, and what a failure of the
//! flow means to the sender.

use std::sync::Arc;
use std::time::Duration;

use cos_thumbnails::config::advice;
use cos_thumbnails::events::{BACKFILL_RUN, Event};
use cos_thumbnails::storage::{S3Config, with_causes};
use cos_thumbnails::thumbnailer::{Error, Thumbnailer};
use tokio::time::Instant;

use crate::config::{EVENT_SECRET_EXTENSION, Secret};
use crate::metrics::{self, Metrics, type_of};
use crate::runtime::{Context, FAULT, Failure, Handler, Reply, after_deadline};

/// Left of a request's time when the flow's is over: for the failure record, and for the answer.
const FOR_THE_RECORD: Duration = Duration::from_secs(10);

/// What is told to who shows no secret, or another one. Not with 401: that is never sent.
const NO_SECRET: &str = "the event does not show the shared secret (EVENT_SECRET), by its extension eventsecret or as bearer token";

/// What senders show, where something is to be shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    /// To have thumbnails made anew.
    pub(crate) backfill: Option<Secret>,
    /// To have any event handled.
    pub(crate) event: Option<Secret>,
}

/// Brings the thumbnails of each event's object up to date. Where the store fails, the log says what to do about the
/// settings of `store`.
pub(crate) fn handler(
    thumbnailer: Arc<Thumbnailer>,
    secrets: Secrets,
    metrics: Arc<Metrics>,
    store: S3Config,
) -> impl Handler {
    let store = Arc::new(store);
    move |event: Event, context: Context| {
        let may_send = secrets.may_send(&event, &context);
        // From here on nothing can show it.
        let event = event.without_extension(EVENT_SECRET_EXTENSION);
        let (event, run_refused) = admit_backfill(event, secrets.may_backfill(&context));
        let (thumbnailer, metrics) = (Arc::clone(&thumbnailer), Arc::clone(&metrics));
        let store = Arc::clone(&store);
        let come_again = context.come_again;
        async move {
            if !may_send {
                metrics.error(metrics::NO_SECRET);
                return Err(Failure::Forbidden(NO_SECRET.to_owned()));
            }
            metrics.begun();
            let mut outcome = thumbnailer
                .handle_within(&event, context.received..deadline(context.deadline))
                .await
                .map_err(|error| {
                    metrics.error(type_of(&error));
                    failure(&error, come_again, &store)
                })?;
            outcome.run_refused = run_refused;
            metrics.outcome(&outcome);
            Reply::new(&outcome).map_err(|error| {
                tracing::error!(%error, "the outcome has no JSON form");
                Failure::Unavailable(FAULT)
            })
        }
    }
}

/// When the flow has to end: some time before the request's own deadline, but not before half of it.
fn deadline(of_request: Instant) -> Instant {
    let left = of_request.saturating_duration_since(Instant::now());
    of_request - FOR_THE_RECORD.min(left / 2)
}

impl Secrets {
    /// Whether an event may be handled at all: no secret is set, or it is shown, by the event's extension or
    /// as the request's bearer token. A backfill has shown enough with its own.
    fn may_send(&self, event: &Event, context: &Context) -> bool {
        let Some(secret) = &self.event else {
            return true;
        };
        let extension = event.extension(EVENT_SECRET_EXTENSION);
        let by_extension = extension.is_some_and(|shown| secret.is(shown.as_bytes()));
        let bearer = context.bearer();
        let by_bearer = |secret: &Secret| bearer.is_some_and(|shown| secret.is(shown));
        by_extension || by_bearer(secret) || self.backfill.as_ref().is_some_and(by_bearer)
    }

    /// Whether a request may have thumbnails made anew that stand already: it shows the shared secret,
    /// or there is none and only this machine can connect.
    ///
    /// The listener's address decides, not the peer's: on Code Engine every request comes from a proxy
    /// beside the process, and so from loopback.
    fn may_backfill(&self, context: &Context) -> bool {
        match &self.backfill {
            Some(secret) => context.bearer().is_some_and(|shown| secret.is(shown)),
            None => context.listener.ip().is_loopback() && context.peer.ip().is_loopback(),
        }
    }
}

/// Takes the name of the backfill's run away from an event that may not have it. What is left is an
/// ordinary event, and its sender is told.
fn admit_backfill(event: Event, allowed: bool) -> (Event, bool) {
    if allowed || event.extension(BACKFILL_RUN).is_none() {
        return (event, false);
    }
    tracing::warn!(
        "{BACKFILL_RUN} is not honoured: the request does not show the shared secret \
         (Authorization: Bearer), or none is set (BACKFILL_SECRET)"
    );
    (event.without_extension(BACKFILL_RUN), true)
}

/// What the sender learns of an error; the log has it whole.
fn failure(error: &Error, come_again: Duration, store: &S3Config) -> Failure {
    match error {
        Error::Foreign(foreign) => Failure::Forbidden(foreign.to_string()),
        Error::Busy => Failure::Busy(come_again),
        error => {
            let (text, what_to_do) = (with_causes(error), advice(error, store));
            tracing::error!(error = text, what_to_do, "the event was not handled");
            let known = match error {
                Error::Store(error) => error.retry_after(),
                Error::Deadline | Error::Uncounted(_) => Some(after_deadline(come_again)),
                _ => None,
            };
            Failure::Unavailable(known.unwrap_or(FAULT))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::SocketAddr;

    use bytes::Bytes;
    use cos_thumbnails::events::{Change, Operation};
    use cos_thumbnails::object::{Bucket, Key, ObjectId};
    use cos_thumbnails::plan::{Policy, Recipe};
    use cos_thumbnails::storage::{self, Credentials, HmacKey, Kind, Memory, PutOptions, Storage};
    use http::HeaderMap;

    use super::*;

    const ORIGINAL: &str = "images/red.png";

    fn event(bucket: &str, run: Option<&str>) -> Event {
        let event = Event::new(
            "e1",
            chrono::DateTime::UNIX_EPOCH,
            Change {
                operation: Operation::Write,
                object: ObjectId {
                    bucket: Bucket::new(bucket),
                    key: Key::new(ORIGINAL),
                },
                etag: None,
                length: None,
                content_type: None,
                endpoint: String::new(),
            },
        );
        match run {
            Some(run) => event.with_extension(BACKFILL_RUN, run),
            None => event,
        }
    }

    fn context(listener: &str, authorization: Option<&str>) -> Context {
        let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert("authorization", value.parse().unwrap());
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        Context::new(peer, listener.parse().unwrap(), deadline, headers)
    }

    async fn picture(width: u32, height: u32) -> Arc<Thumbnailer> {
        let mut file = std::io::Cursor::new(Vec::new());
        let red = image::RgbImage::from_pixel(width, height, image::Rgb([200, 0, 0]));
        red.write_to(&mut file, image::ImageFormat::Png).unwrap();
        let store = Memory::default();
        let bytes = Bytes::from(file.into_inner());
        store
            .put(&Key::new(ORIGINAL), bytes, PutOptions::default())
            .await
            .unwrap();
        let policy = Policy::new(
            Bucket::new("b"),
            "images/",
            "thumbnails/",
            Recipe::standard(),
        );
        Arc::new(Thumbnailer::new(Arc::new(store), policy.unwrap()))
    }

    fn handled(thumbnailer: &Arc<Thumbnailer>, secrets: Secrets) -> impl Handler + use<> {
        let metrics = Metrics::new(Arc::clone(thumbnailer), None);
        handler(Arc::clone(thumbnailer), secrets, Arc::new(metrics), store())
    }

    fn store() -> S3Config {
        S3Config {
            endpoint: "http://127.0.0.1:1".to_owned(),
            region: "r".to_owned(),
            bucket: Bucket::new("b"),
            credentials: Credentials::Hmac(HmacKey {
                access_key_id: "id".to_owned(),
                secret_access_key: "canary-store".to_owned(),
            }),
        }
    }

    #[tokio::test]
    async fn a_backfill_without_right_is_an_ordinary_event() {
        const ANYONE: &str = "0.0.0.0:8080";
        const THIS_MACHINE: &str = "127.0.0.1:8080";
        let thumbnailer = picture(40, 20).await;
        let secret = || Some(Secret::new("canary sesame"));
        let right = Some("Bearer canary sesame");
        let wrong = Some("Bearer canary sesam");
        let other = Some("Basic canary sesame");
        for (n, (backfill, listener, shown, verdict, honoured)) in [
            (None, ANYONE, None, "made", false),
            (None, ANYONE, None, "duplicate", false),
            (None, ANYONE, right, "duplicate", false),
            (None, THIS_MACHINE, None, "made", true),
            (secret(), THIS_MACHINE, None, "duplicate", false),
            (secret(), ANYONE, wrong, "duplicate", false),
            (secret(), ANYONE, other, "duplicate", false),
            (secret(), ANYONE, right, "made", true),
        ]
        .into_iter()
        .enumerate()
        {
            let secrets = Secrets {
                backfill,
                event: None,
            };
            let handler = handled(&thumbnailer, secrets);
            let event = event("b", Some(&format!("run-{n}")));
            let reply = handler.call(event, context(listener, shown)).await.unwrap();
            assert_eq!(reply.value()["verdict"], verdict, "case {n}");
            let refused = reply.value().get("run_refused").is_some();
            assert_eq!(refused, !honoured, "case {n}");
        }
    }

    #[tokio::test]
    async fn an_event_that_does_not_show_the_secret_is_forbidden() {
        const ANYONE: &str = "0.0.0.0:8080";
        let secrets = Secrets {
            backfill: Some(Secret::new("canary-backfill")),
            event: Some(Secret::new("canary-event")),
        };
        let handler = handled(&picture(40, 20).await, secrets);
        let shows = |extension: Option<&str>| match extension {
            Some(shown) => event("b", None).with_extension(EVENT_SECRET_EXTENSION, shown),
            None => event("b", None),
        };
        for (extension, bearer, admitted) in [
            (None, None, false),
            (Some(""), None, false),
            (Some("canary-even"), Some("Bearer canary-even"), false),
            (Some("canary-backfill"), None, false),
            (None, Some("Basic canary-event"), false),
            (Some("canary-event"), None, true),
            (None, Some("Bearer canary-event"), true),
            (None, Some("Bearer canary-backfill"), true),
        ] {
            let answer = handler.call(shows(extension), context(ANYONE, bearer));
            match answer.await {
                Ok(reply) => {
                    assert!(admitted, "{extension:?}, {bearer:?}");
                    assert!(!reply.value().to_string().contains("canary"));
                }
                Err(Failure::Forbidden(text)) => {
                    assert!(!admitted, "{extension:?}, {bearer:?}");
                    assert!(!text.contains("canary"), "{text}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    /// An event whose request came so long ago, with a picture that takes longer than is left of its time.
    async fn too_slow(thumbnailer: &Arc<Thumbnailer>, ago: Duration) -> bool {
        let mut context = context("127.0.0.1:1", None);
        context.deadline = Instant::now() + Duration::from_millis(40);
        context.received = Instant::now() - ago;
        let handler = handled(thumbnailer, Secrets::default());
        let answer = handler.call(event("b", None), context).await;
        assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
        let record = Key::new("failures/red.png");
        thumbnailer.store().head(&record).await.is_ok()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn case_8_a_picture_that_came_late_in_a_batch_has_not_used_up_a_try() {
        let thumbnailer = picture(9000, 9000).await;
        for _ in 0..5 {
            assert!(!too_slow(&thumbnailer, Duration::from_secs(1)).await);
        }
        // On a busy machine it may have waited for most of that time: that is no try, and not so every time.
        for _ in 0..200 {
            if too_slow(&thumbnailer, Duration::ZERO).await {
                return;
            }
        }
        panic!("a picture that is too slow has used up no try");
    }

    #[test]
    fn a_sender_is_told_when_to_come_again_as_far_as_it_is_known() {
        let failed = |wait| {
            let error = storage::Error::new(Kind::Unavailable, "GetObject");
            Error::Store(error.with_retry_after(wait))
        };
        let record = || Key::new("failures/red.png");
        let seconds = Duration::from_secs;
        for (error, come_again, told) in [
            (Error::Busy, 1, 1),
            (Error::Busy, 60, 60),
            (Error::Deadline, 60, 60),
            (Error::Uncounted(record()), 60, 60),
            (Error::Deadline, 1, 5),
            (failed(Some(seconds(300))), 60, 300),
            (failed(Some(seconds(1))), 60, 1),
            (failed(None), 60, 5),
            (Error::Unsettled, 60, 5),
        ] {
            let failure = failure(&error, seconds(come_again), &store());
            let expected = match error {
                Error::Busy => Failure::Busy(seconds(told)),
                _ => Failure::Unavailable(seconds(told)),
            };
            assert_eq!(failure, expected, "{error}");
        }
    }

    #[tokio::test]
    async fn another_bucket_is_forbidden() {
        let handler = handled(&picture(40, 20).await, Secrets::default());
        let answer = handler
            .call(event("other", None), context("127.0.0.1:1", None))
            .await;
        assert!(matches!(answer, Err(Failure::Forbidden(_))), "{answer:?}");
    }
}
