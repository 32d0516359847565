//! An event in the environment of a Code Engine job.

use cloudevents::{EventBuilder, EventBuilderV10};
use serde_json::Value;

use super::error::{ParseError, Problem};
use super::{BACKFILL_RUN, Event, http};

/// The one event that a job run gets in `CE_DATA`, `CE_ID`, `CE_SOURCE`, `CE_TYPE` and `CE_TIME`
/// (IBM Cloud docs, "Working with the IBM Cloud Object Storage event producer").
///
/// `CE_SUBJECT` is not documented for COS events and so optional. `CE_*` is also Code Engine's own
/// namespace (`CE_JOB`, `CE_REGION`), so no extension is taken but [`BACKFILL_RUN`] and `traceparent`.
///
/// # Errors
/// What is missing or malformed, with the event's id where it is set.
pub fn parse_job(lookup: impl Fn(&str) -> Option<String>) -> Result<Event, ParseError> {
    let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let id = set("CE_ID");
    let of = |problem: Problem| problem.of(id.as_deref());
    let required = |name| set(name).ok_or_else(|| of(Problem::Missing(name)));
    if let Some(version) = set("CE_SPECVERSION").filter(|version| version != "1.0") {
        return Err(of(Problem::Unexpected {
            field: "CE_SPECVERSION",
            value: version,
            expected: "1.0",
        }));
    }
    let data: Value = serde_json::from_str(&required("CE_DATA")?).map_err(|source| {
        of(Problem::Json {
            what: "JSON in CE_DATA",
            source,
        })
    })?;
    let mut builder = EventBuilderV10::new()
        .id(required("CE_ID")?)
        .source(required("CE_SOURCE")?)
        .ty(required("CE_TYPE")?)
        .data("application/json", data);
    if let Some(subject) = set("CE_SUBJECT") {
        builder = builder.subject(subject);
    }
    let time = set("CE_TIME");
    if let Some(time) = &time {
        builder = builder.time(time.as_str());
    }
    for (name, variable) in [
        (BACKFILL_RUN, "CE_BACKFILLRUN"),
        ("traceparent", "CE_TRACEPARENT"),
    ] {
        if let Some(value) = set(variable) {
            builder = builder.extension(name, value);
        }
    }
    let cloudevent = builder.build().map_err(|_| {
        of(Problem::Unexpected {
            field: "CE_TIME",
            value: time.unwrap_or_default(),
            expected: "an RFC 3339 timestamp",
        })
    })?;
    http::about_object(cloudevent)
}
