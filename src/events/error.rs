/// Why a request or an environment holds no event.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", id.as_ref().map(|id| format!("event {id:?}: ")).unwrap_or_default())]
pub struct ParseError {
    /// The event's id, where it could be read.
    pub id: Option<String>,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with an event.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Neither JSON nor a form of CloudEvents.
    #[error(
        "content type {0:?} is none of application/json, application/cloudevents+json and application/cloudevents-batch+json"
    )]
    UnsupportedMediaType(String),
    /// A required attribute is not there or empty.
    #[error("the attribute {0} is missing")]
    Missing(&'static str),
    /// An attribute that comes more than once.
    #[error("the attribute {0} comes more than once")]
    Repeated(String),
    /// An attribute or a field with a value that cannot be.
    #[error("{field} is {value:?}, expected {expected}")]
    Unexpected {
        /// The attribute's name or the field's path in the body.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The body is not the JSON that it should be.
    #[error("the body is no {what}")]
    Json {
        /// What it should be.
        what: &'static str,
        /// What the parser says, with line and column.
        source: serde_json::Error,
    },
    /// More events than one request may hold.
    #[error("{0} events in one request, at most {max} are taken", max = super::MAX_BATCH)]
    TooMany(usize),
    /// The id and the extension attributes around a notification, which would be held once for each of its
    /// records.
    #[error(
        "the event's id and extensions would take {0} bytes more for all records of its notification, at most {max} \
         are taken for all of one request",
        max = super::MAX_COPIED_BYTES
    )]
    TooLongToCopy(usize),
}

impl Problem {
    pub(super) fn of(self, id: Option<&str>) -> ParseError {
        ParseError {
            id: id.map(str::to_owned),
            problem: self,
        }
    }
}
