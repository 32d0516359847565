//! The thumbnail function as a handler of the runtime: who may do what, and what a failure of the
//! flow means to the sender.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use cos_thumbnails::events::{BACKFILL_RUN, Event};
use cos_thumbnails::outcome::Outcome;
use cos_thumbnails::thumbnailer::{Error, Thumbnailer};

use crate::config::Secret;
use crate::runtime::{Context, Failure, Handler, Reply, record_outcome};

/// How long a sender should wait when the store failed: its client has tried for seconds by then.
const STORE_FAULT: Duration = Duration::from_secs(5);

/// Brings the thumbnails of each event's object up to date.
pub(crate) fn handler(thumbnailer: Arc<Thumbnailer>, secret: Option<Secret>) -> impl Handler {
    move |event, context: Context| {
        let event = admit_backfill(event, may_backfill(&context, secret.as_ref()));
        let thumbnailer = Arc::clone(&thumbnailer);
        async move {
            let outcome = thumbnailer.handle(&event).await.map_err(|error| failure(&error))?;
            record_outcome(&shown(&outcome));
            Reply::new(&outcome).map_err(|error| {
                tracing::error!(%error, "the outcome has no JSON form");
                Failure::Unavailable(STORE_FAULT)
            })
        }
    }
}

/// Whether a request may have thumbnails made anew that stand already: it shows the shared secret,
/// or there is none and only this machine can connect.
///
/// The listener's address decides, not the peer's: on Code Engine every request comes from a proxy
/// beside the process, and so from loopback.
fn may_backfill(context: &Context, secret: Option<&Secret>) -> bool {
    match secret {
        Some(secret) => context.bearer().is_some_and(|shown| secret.is(shown)),
        None => context.listener.ip().is_loopback() && context.peer.ip().is_loopback(),
    }
}

/// Takes the name of the backfill's run away from an event that may not have it. What is left is an
/// ordinary event.
fn admit_backfill(event: Event, allowed: bool) -> Event {
    if allowed || event.extension(BACKFILL_RUN).is_none() {
        return event;
    }
    tracing::warn!(
        "{BACKFILL_RUN} is not honoured: the request does not show the shared secret \
         (Authorization: Bearer), or none is set (BACKFILL_SECRET)"
    );
    event.without_extension(BACKFILL_RUN)
}

/// What the sender learns of an error; the log has it whole.
fn failure(error: &Error) -> Failure {
    match error {
        Error::Foreign(foreign) => Failure::Forbidden(foreign.to_string()),
        error => {
            tracing::error!(error = %chain(error).escape_debug(), "the event was not handled");
            Failure::Unavailable(STORE_FAULT)
        }
    }
}

/// The verdict, and the reason where there is one.
fn shown(outcome: &Outcome) -> String {
    match outcome.reason {
        Some(reason) => format!("{}: {reason}", outcome.verdict),
        None => outcome.verdict.to_string(),
    }
}

/// An error with all its causes on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
