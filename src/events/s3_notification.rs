//! The S3 event message structure (Amazon S3 User Guide, "Event message structure"), as Ceph's
//! radosgw and `MinIO` post it.

use chrono::{DateTime, Utc};
use cloudevents::{EventBuilder, EventBuilderV10};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::error::{ParseError, Problem};
use super::{Change, Event, MAX_BATCH, Operation};
use crate::object::{Bucket, ETag, Key, ObjectId};

/// Ceph names itself so, and writes keys as they are. Everyone else URL-encodes them as forms do
/// (`+` for a space), as Amazon does.
const CEPH: &str = "ceph:s3";

/// The most bytes of extension attributes that are held for the records of one notification, each of which
/// has all of them: a short body can have long ones around a thousand records.
pub(super) const MAX_EXTENSION_BYTES: usize = 1 << 20;

/// Whether a body is of this structure.
pub(super) fn is_notification(body: &Value) -> bool {
    body.get("Records").is_some_and(Value::is_array)
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    #[serde(default)]
    event_source: String,
    event_time: Option<DateTime<Utc>>,
    s3: S3,
    #[serde(default)]
    response_elements: ResponseElements,
}

#[derive(Deserialize, Default)]
struct ResponseElements {
    #[serde(rename = "x-amz-request-id")]
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct S3 {
    bucket: Named,
    object: Object,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    /// A number from Amazon and `MinIO`, a string from some versions of Ceph.
    #[serde(default)]
    size: Value,
    e_tag: Option<String>,
    sequencer: Option<String>,
    content_type: Option<String>,
}

/// The events of all records that speak of a created or removed object; others (restores, lifecycle
/// transitions, tests of the configuration) are left out. Each has the extension attributes of the
/// `CloudEvent` around the notification, if there is one: its trace is theirs, and what it shows, they show. A
/// record that is malformed takes none of the others along.
pub(super) fn events(
    body: &Value,
    extensions: &[(String, String)],
) -> Result<Vec<Result<Event, ParseError>>, ParseError> {
    let message = Message::deserialize(body).map_err(malformed)?;
    if message.records.len() > MAX_BATCH {
        return Err(Problem::TooMany(message.records.len()).of(None));
    }
    let of_each: usize = extensions.iter().map(|(n, v)| n.len() + v.len()).sum();
    let of_all = of_each.saturating_mul(message.records.len());
    if of_all > MAX_EXTENSION_BYTES {
        return Err(Problem::ExtensionsTooLong(of_all).of(None));
    }
    let events = message.records.iter().map(of_record);
    let events = events.filter_map(Result::transpose).map(|event| {
        event.map(|event| {
            let extensions = extensions.iter();
            extensions.fold(event, |event, (name, value)| {
                event.with_extension(name, value)
            })
        })
    });
    Ok(events.collect())
}

fn malformed(source: serde_json::Error) -> ParseError {
    let what = "S3 notification";
    Problem::Json { what, source }.of(None)
}

/// The event of a record; `None` where it speaks of nothing that is created or removed.
fn of_record(raw: &Value) -> Result<Option<Event>, ParseError> {
    let record = Record::deserialize(raw).map_err(malformed)?;
    let name = &record.event_name;
    let name = name.strip_prefix("s3:").unwrap_or(name);
    let operation = match name.split(':').next() {
        Some("ObjectCreated") => Operation::Write,
        Some("ObjectRemoved") => Operation::Delete,
        _ => return Ok(None),
    };
    event(operation, record, raw).map(Some)
}

fn event(operation: Operation, record: Record, raw: &Value) -> Result<Event, ParseError> {
    let Record {
        event_name,
        event_source,
        event_time,
        s3,
        response_elements,
    } = record;
    let object = s3.object;
    // One request can remove many objects, so its id alone does not name an event.
    let request = response_elements
        .request_id
        .or(object.sequencer)
        .unwrap_or_default();
    let id = format!("{request}:{}", object.key);
    let key = decoded(&event_source, &object.key).map_err(|problem| problem.of(Some(&id)))?;
    for (field, value) in [("s3.bucket.name", &s3.bucket.name), ("s3.object.key", &key)] {
        if value.is_empty() {
            return Err(Problem::Missing(field).of(Some(&id)));
        }
    }
    let length = match &object.size {
        Value::Number(size) => size.as_u64(),
        Value::String(size) => size.parse().ok(),
        _ => None,
    };
    let source = format!("{event_source}:{}", s3.bucket.name);
    let mut builder = EventBuilderV10::new()
        .id(&id)
        .ty(format!("com.amazonaws.s3.{event_name}"))
        .source(source)
        .subject(&key)
        .data("application/json", raw.clone());
    if let Some(time) = event_time {
        builder = builder.time(time);
    }
    let cloudevent = builder
        .build()
        .map_err(|_| Problem::Missing("eventSource").of(Some(&id)))?;
    let change = Change {
        operation,
        object: ObjectId {
            bucket: Bucket::new(s3.bucket.name),
            key: Key::new(key),
        },
        etag: object
            .e_tag
            .filter(|tag| !tag.is_empty())
            .map(|tag| ETag::new(&tag)),
        length,
        content_type: object.content_type,
        endpoint: String::new(),
    };
    Ok(Event::arrived(cloudevent, change))
}

fn decoded(event_source: &str, key: &str) -> Result<String, Problem> {
    if event_source == CEPH {
        return Ok(key.to_owned());
    }
    let spaced = key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(key) => Ok(key.into_owned()),
        Err(_) => Err(Problem::Unexpected {
            field: "s3.object.key",
            value: key.to_owned(),
            expected: "URL-encoded UTF-8",
        }),
    }
}
