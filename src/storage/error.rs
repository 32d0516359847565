use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// What went wrong in the store, reduced to what any S3-compatible store can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No such object: 404 with S3's code; to a HEAD, whose answer has none, 404 alone.
    NotFound,
    /// No such bucket (404 `NoSuchBucket`): a matter of configuration, not of one object.
    NoSuchBucket,
    /// What answered is no S3 store: it refused without the code that each refusal of a store has in its body. It
    /// says nothing of an object, not even that there is none.
    NoStore,
    /// The object is still the version named in `If-None-Match` (304).
    NotModified,
    /// The object is no longer the version named in `If-Match` (412).
    PreconditionFailed,
    /// The range starts at or past the object's end (416).
    InvalidRange,
    /// More bytes would come than the caller takes; none were read.
    TooLong,
    /// The credentials are wrong, expired or lack a right (401, 403).
    AccessDenied,
    /// The store asks for less (429, 503 `SlowDown`).
    Throttled,
    /// The store could not be reached, broke off, timed out or failed (5xx).
    Unavailable,
    /// The request can never succeed as it is (other 4xx; a key over 1024 bytes).
    Invalid,
}

/// A failed call to the store: which operation, of what kind, and the cause.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    operation: &'static str,
    code: Option<String>,
    retry_after: Option<Duration>,
    answered: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of `operation` (an S3 action, such as `GetObject`).
    #[must_use]
    pub fn new(kind: Kind, operation: &'static str) -> Self {
        Self {
            kind,
            operation,
            code: None,
            retry_after: None,
            answered: false,
            source: None,
        }
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(
        kind: Kind,
        operation: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(kind, operation)
        }
    }

    /// The same with the time after which the store wants to be asked again.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// The same with the store's own code for it.
    #[must_use]
    pub fn with_code(self, code: Option<&str>) -> Self {
        Self {
            code: code.map(str::to_owned),
            ..self
        }
    }

    /// The same, of a call that was answered.
    #[must_use]
    pub fn answered(self) -> Self {
        Self {
            answered: true,
            ..self
        }
    }

    /// Whether there was an answer, be it one that broke off: then the endpoint can be reached.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Which operation failed: an S3 action, such as `GetObject`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The store's own code for it, such as `SignatureDoesNotMatch`, where it gave one: the answer to a HEAD
    /// has none.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What kind of failure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// After which time the store wants to be asked again, where it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same call can succeed later.
    ///
    /// Refused credentials and a wrong endpoint count as retryable: a fault of ours must not discard events.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            Kind::AccessDenied
                | Kind::NoSuchBucket
                | Kind::NoStore
                | Kind::Throttled
                | Kind::Unavailable
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::NotFound => "no such object",
            Kind::NoSuchBucket => "no such bucket",
            Kind::NoStore => "what answers is no S3 store",
            Kind::NotModified => "not modified",
            Kind::PreconditionFailed => "the object changed meanwhile",
            Kind::InvalidRange => "range past the object's end",
            Kind::TooLong => "the object is longer than the caller takes",
            Kind::AccessDenied => "access denied",
            Kind::Throttled => "the store asks to slow down",
            Kind::Unavailable => "the store is unavailable",
            Kind::Invalid => "the store refuses the request",
        };
        write!(f, "{}: {what}", self.operation)
    }
}

/// An error and its causes on one line, as people are told it.
#[must_use]
pub fn with_causes(error: &dyn StdError) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
