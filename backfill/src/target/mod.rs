//! Where events are replayed to: the flow [in this process](InProcess), or the function [over
//! HTTP](Http).

mod http;
mod in_process;

use std::time::Duration;

use ::http::StatusCode;
use async_trait::async_trait;
use cos_thumbnails::events::Event;
use cos_thumbnails::outcome::Outcome;
use cos_thumbnails::thumbnailer;

pub use self::http::{FunctionUrl, FunctionVersion, Http, HttpError, Secret};
pub(crate) use self::http::{HttpsClient, https_client, retry_after_of};
pub use self::in_process::InProcess;
pub use cos_thumbnails::storage::with_causes;

/// Takes one event to its outcome, in one attempt. The loop over it retries.
#[async_trait]
pub trait Target: Send + Sync + 'static {
    /// Sends one event and waits for its outcome.
    ///
    /// # Errors
    /// [`TargetError`], which says whether trying again can help.
    async fn send(&self, event: &Event) -> Result<Outcome, TargetError>;
}

/// Why an attempt has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The flow in this process failed.
    #[error(transparent)]
    Flow(#[from] thumbnailer::Error),
    /// The function could not be reached, or the connection broke.
    #[error("the function could not be reached")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The function did not answer in time.
    #[error("the function did not answer within {0:?}")]
    TimedOut(Duration),
    /// The function refused or failed.
    #[error("the function answered {status}{}{detail}", if detail.is_empty() { "" } else { ": " })]
    Status {
        /// Its status.
        status: StatusCode,
        /// Its `Retry-After`, as a time from now.
        retry_after: Option<Duration>,
        /// The beginning of its text, on one line.
        detail: String,
    },
    /// The function answered with success, but with something else than an outcome.
    #[error("the function's answer is no outcome")]
    NotAnOutcome(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The function answered with success, but does not say how it makes thumbnails.
    #[error("the function does not say its recipe: is it an older version?")]
    NotAVersion(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The function took the event for an ordinary one, so that nothing was made anew.
    #[error(
        "the function does not let this backfill have thumbnails made anew: BACKFILL_SECRET here \
         must be the one that it was started with"
    )]
    RunRefused,
    /// The function's answer is longer than any outcome.
    #[error("the function's answer is too long for an outcome")]
    TooLong,
    /// The run was ended while this event waited for its attempt, or for the next one.
    #[error("interrupted while waiting to be sent")]
    Interrupted,
    /// The attempt panicked: a fault of this program.
    #[error("the attempt panicked")]
    Panicked,
}

/// The statuses that say "again": overload, and what gateways answer while instances start. Other
/// 4xx are final by Knative's table; a 500 is a fault that repeats.
const AGAIN: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

impl TargetError {
    /// Whether the same event can succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Flow(thumbnailer::Error::Store(error)) => error.is_retryable(),
            Self::Flow(thumbnailer::Error::Foreign(_))
            | Self::NotAnOutcome(_)
            | Self::NotAVersion(_)
            | Self::RunRefused
            | Self::TooLong
            | Self::Interrupted
            | Self::Panicked => false,
            Self::Flow(_) | Self::Transport(_) | Self::TimedOut(_) => true,
            Self::Status { status, .. } => AGAIN.contains(status),
        }
    }

    /// Whether this says that too many events are under way: 429 and 503, what gateways answer where
    /// their buffers run over (Code Engine: 502), and no answer in time.
    #[must_use]
    pub fn is_overload(&self) -> bool {
        match self {
            Self::Status { status, .. } => AGAIN.contains(status),
            Self::TimedOut(_) => true,
            _ => false,
        }
    }

    /// How long to wait at least, where the target says it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
