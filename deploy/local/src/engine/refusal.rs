use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

/// Why a request is refused, in the shape of Code Engine's errors
/// (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-getting-started-api>). Of the codes, only
/// `resource_not_found` is documented; the others are its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn not_found() -> Self {
        let message = "Resource not found.";
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", message)
    }

    pub(super) fn exists(name: &str) -> Self {
        let message = format!("A resource with the name {name} exists already.");
        Self::new(StatusCode::CONFLICT, "resource_already_exists", message)
    }

    pub(super) fn quota(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "quota_exceeded", message)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "The token is missing, unknown, expired or revoked.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(super) fn method() -> Self {
        let message = "This stand-in does not have that method here.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            message,
        )
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn body(&self) -> Value {
        json!({
            "errors": [{"code": self.code, "message": self.message}],
            "trace": format!("codeengine-api-{}", Uuid::new_v4().simple()),
            "status_code": self.status.as_u16(),
        })
    }
}
