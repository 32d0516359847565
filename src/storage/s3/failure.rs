//! What an S3 store's refusal means: HTTP status and S3 error code to [`Kind`].
//!
//! Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> and
//! <https://cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-compatibility-common>.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

use crate::storage::{Error, Kind, iam};

/// The longest piece of a store's own words that is repeated in an error, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// The longest time that a store's `Retry-After` is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// A store's refusal in its own words. The body is not repeated whole: a `SignatureDoesNotMatch`
/// carries the request that was signed.
#[derive(Debug, thiserror::Error)]
#[error("HTTP {status} {code}: {message} (request {request_id})")]
struct Refusal {
    status: u16,
    code: String,
    message: String,
    request_id: String,
}

/// Makes the error of `operation` from what the SDK says.
pub(super) fn error_of<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let said = context.err();
            let kind = kind_of(status, said.code());
            let wait = context.raw().headers().get("retry-after");
            let wait = wait.and_then(retry_after);
            let request_id = said.meta().request_id().unwrap_or("unknown");
            let refusal = Refusal {
                status,
                code: quoted(said.code().unwrap_or("without code")),
                message: quoted(said.message().unwrap_or("no message")),
                request_id: quoted(request_id),
            };
            Error::with_source(kind, operation, refusal)
                .with_code(said.code())
                .with_retry_after(wait)
        }
        // The answer could not be read: an error page of a proxy, or XML that was cut.
        SdkError::ResponseError(context) => {
            let kind = kind_of(context.raw().status().as_u16(), None);
            caused(kind, operation, SdkError::<E, _>::ResponseError(context))
        }
        SdkError::ConstructionFailure(_) => caused(Kind::Invalid, operation, error),
        SdkError::DispatchFailure(ref failure) if failure.is_user() => {
            caused(Kind::Invalid, operation, error)
        }
        // Connect, DNS, TLS, reset, time-out; and whatever the SDK adds one day.
        other => {
            let first: &(dyn StdError + 'static) = &other;
            let mut causes = std::iter::successors(Some(first), |&error| error.source());
            match causes.find_map(|error| error.downcast_ref::<iam::Error>()) {
                Some(error) => Error::with_source(kind_without(error), operation, error.clone()),
                None => caused(Kind::Unavailable, operation, other),
            }
        }
    }
}

/// What it means that there is no token to ask with.
fn kind_without(error: &iam::Error) -> Kind {
    match error {
        iam::Error::Status { status: 429, .. } => Kind::Throttled,
        error if error.is_retryable() => Kind::Unavailable,
        _ => Kind::AccessDenied,
    }
}

fn caused<E>(kind: Kind, operation: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + Send + Sync + 'static,
{
    match error.into_source() {
        Ok(source) => Error::with_source(kind, operation, source),
        Err(_) => Error::new(kind, operation),
    }
}

/// `Retry-After` in seconds. No store is known that sends a date.
fn retry_after(value: &str) -> Option<Duration> {
    let seconds = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// What a status, and the S3 error code if there was one, means. HEAD has no body, thus no code.
fn kind_of(status: u16, code: Option<&str>) -> Kind {
    if let Some(kind) = code.and_then(kind_of_code) {
        return kind;
    }
    match status {
        // Redirects are not followed, as a signature names its host: the bucket is elsewhere.
        301 | 302 | 307 | 308 => Kind::NoSuchBucket,
        304 => Kind::NotModified,
        401 | 403 => Kind::AccessDenied,
        404 => Kind::NotFound,
        412 => Kind::PreconditionFailed,
        416 => Kind::InvalidRange,
        429 => Kind::Throttled,
        // 2xx: a success that could not be understood, such as an answer that was cut. 408: a slow
        // connection. 409: another writer at this moment.
        200..=299 | 408 | 409 | 500.. => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}

/// Codes that say more than their status.
fn kind_of_code(code: &str) -> Option<Kind> {
    Some(match code {
        "NoSuchBucket" => Kind::NoSuchBucket,
        "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "RequestLimitExceeded" => Kind::Throttled,
        // 400 in S3, though it is a matter of the credentials or of the region they are used in.
        "AuthorizationHeaderMalformed" | "ExpiredToken" | "InvalidToken" => Kind::AccessDenied,
        // 400 in S3, though the connection was at fault.
        "RequestTimeout" | "IncompleteBody" | "BadDigest" => Kind::Unavailable,
        _ => return None,
    })
}

/// A store's words, short and on one line.
fn quoted(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars()
        .take(MAX_QUOTED_CHARS)
        .map(|c| if breaks(c) { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_code_decide_together() {
        for (status, code, kind) in [
            (304, None, Kind::NotModified),
            (404, Some("NoSuchKey"), Kind::NotFound),
            (404, Some("NoSuchBucket"), Kind::NoSuchBucket),
            (404, None, Kind::NotFound),
            (301, Some("PermanentRedirect"), Kind::NoSuchBucket),
            (412, Some("PreconditionFailed"), Kind::PreconditionFailed),
            (416, Some("InvalidRange"), Kind::InvalidRange),
            (401, None, Kind::AccessDenied),
            (403, Some("SignatureDoesNotMatch"), Kind::AccessDenied),
            (400, Some("ExpiredToken"), Kind::AccessDenied),
            (400, Some("KeyTooLongError"), Kind::Invalid),
            (400, Some("RequestTimeout"), Kind::Unavailable),
            (409, Some("OperationAborted"), Kind::Unavailable),
            (429, None, Kind::Throttled),
            (503, Some("SlowDown"), Kind::Throttled),
            (503, None, Kind::Unavailable),
            (500, Some("InternalError"), Kind::Unavailable),
            (200, None, Kind::Unavailable),
            (405, Some("MethodNotAllowed"), Kind::Invalid),
        ] {
            assert_eq!(kind_of(status, code), kind, "{status} {code:?}");
        }
    }

    #[test]
    fn a_store_may_say_when_to_come_again() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(retry_after("-1"), None);
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn a_stores_words_stay_short_and_on_one_line() {
        assert_eq!(quoted("a\nb\u{1b}[31m"), "a b [31m");
        assert_eq!(quoted(&"x".repeat(1000)).len(), MAX_QUOTED_CHARS);
    }
}
