//! What an S3 store's refusal means: HTTP status and S3 error code to [`Kind`].
//!
//! Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> and
//! <https://cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-compatibility-common>.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

use super::calls::HEAD;
use crate::storage::{Error, Kind, iam};

/// The longest piece of a store's own words that is repeated in an error, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// The longest time that a store's `Retry-After` is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// A store's refusal in its own words, as far as it has any. The body is not repeated whole: a
/// `SignatureDoesNotMatch` carries the request that was signed.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        for (before, said, behind) in [
            (" ", &self.code, ""),
            (": ", &self.message, ""),
            (" (request ", &self.request_id, ")"),
        ] {
            if let Some(said) = said {
                write!(f, "{before}{said}{behind}")?;
            }
        }
        Ok(())
    }
}

impl StdError for Refusal {}

/// Makes the error of `operation` from what the SDK says.
pub(super) fn error_of<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let raw = context.raw();
            let status = raw.status().as_u16();
            let said = context.err();
            // Where there is no body the SDK makes up a code of its own.
            let is_empty = raw.body().bytes().is_some_and(<[u8]>::is_empty);
            let code = said.code().filter(|_| !is_empty);
            let kind = kind_of(status, code, operation);
            let wait = raw.headers().get("retry-after");
            let wait = wait.and_then(retry_after);
            let refusal = Refusal {
                status,
                code: code.map(quoted),
                message: said.message().map(quoted),
                request_id: said.meta().request_id().map(quoted),
            };
            Error::with_source(kind, operation, refusal)
                .with_code(code)
                .with_retry_after(wait)
                .answered()
        }
        // The answer could not be read: XML that was cut, or none.
        SdkError::ResponseError(context) => {
            let kind = match kind_of(context.raw().status().as_u16(), None, operation) {
                Kind::NoStore => Kind::Unavailable,
                kind => kind,
            };
            caused(kind, operation, SdkError::<E, _>::ResponseError(context)).answered()
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

/// What a status, and the S3 error code if there was one, means. HEAD has no body, thus no code; any other answer of
/// a store has one, so that a 404 without is another server's, and says nothing of an object.
fn kind_of(status: u16, code: Option<&str>, operation: &str) -> Kind {
    if let Some(kind) = code.and_then(kind_of_code) {
        return kind;
    }
    let may_be_a_stores = code.is_some() || operation == HEAD;
    match status {
        // Redirects are not followed, as a signature names its host: the bucket is elsewhere.
        301 | 302 | 307 | 308 => Kind::NoSuchBucket,
        304 => Kind::NotModified,
        401 | 403 => Kind::AccessDenied,
        404 if operation == HEAD || code == Some("NoSuchKey") => Kind::NotFound,
        412 => Kind::PreconditionFailed,
        416 => Kind::InvalidRange,
        429 => Kind::Throttled,
        // 2xx: a success that could not be understood, such as an answer that was cut. 408: a slow
        // connection. 409: another writer at this moment.
        200..=299 | 408 | 409 | 500.. => Kind::Unavailable,
        _ if may_be_a_stores => Kind::Invalid,
        _ => Kind::NoStore,
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
            (404, None, Kind::NoStore),
            (404, Some("ResourceNotFound"), Kind::Invalid),
            (400, None, Kind::NoStore),
            (405, None, Kind::NoStore),
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
            let told = kind_of(status, code, "GetObject");
            assert_eq!(told, kind, "{status} {code:?}");
        }
        // A HEAD's answer never has a code.
        for (status, kind) in [(404, Kind::NotFound), (400, Kind::Invalid)] {
            assert_eq!(kind_of(status, None, HEAD), kind, "{status}");
        }
    }

    #[test]
    fn a_refusal_says_no_more_than_was_said() {
        let refusal = |code: Option<&str>, message: Option<&str>, id: Option<&str>| Refusal {
            status: 403,
            code: code.map(quoted),
            message: message.map(quoted),
            request_id: id.map(quoted),
        };
        for (refusal, text) in [
            (refusal(None, None, None), "HTTP 403"),
            (
                refusal(Some("AccessDenied"), None, None),
                "HTTP 403 AccessDenied",
            ),
            (
                refusal(Some("AccessDenied"), Some("No"), Some("r1")),
                "HTTP 403 AccessDenied: No (request r1)",
            ),
        ] {
            assert_eq!(refusal.to_string(), text);
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
