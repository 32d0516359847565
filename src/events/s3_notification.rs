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

/// The most bytes that one request may make of what stands around the records of its notifications: each
/// record has all of it, and a short body can have long attributes around a thousand records.
pub(super) const MAX_COPIED_BYTES: usize = 1 << 20;

/// How much of that is left.
pub(super) struct Room(usize);

impl Room {
    pub(super) fn of_one_request() -> Self {
        Self(MAX_COPIED_BYTES)
    }
}

/// The `CloudEvent` around a notification, as far as there is one.
pub(super) struct Around<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) extensions: &'a [(String, String)],
}

/// The records of a body of this structure.
pub(super) fn records(body: &Value) -> Option<&[Value]> {
    body.get("Records")?.as_array().map(Vec::as_slice)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    #[serde(default)]
    event_source: String,
    event_time: Option<DateTime<Utc>>,
    s3: S3,
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
    content_type: Option<String>,
}

/// The events of all records that speak of a created or removed object; others (restores, lifecycle
/// transitions, tests of the configuration) are left out. Each has the extension attributes of the
/// `CloudEvent` around the notification, if there is one: its trace is theirs, and what it shows, they show. A
/// record that is malformed takes none of the others along, and has the id of that event where it has none.
pub(super) fn events(
    records: &[Value],
    around: &Around<'_>,
    room: &mut Room,
) -> Result<Vec<Result<Event, ParseError>>, ParseError> {
    let of = |problem: Problem| problem.of(around.id);
    if records.len() > MAX_BATCH {
        return Err(of(Problem::TooMany(records.len())));
    }
    let extensions = around.extensions;
    let of_each = extensions.iter().map(|(n, v)| n.len() + v.len());
    let of_each = of_each.sum::<usize>() + around.id.map_or(0, str::len);
    // The first one has what the body has.
    let copied = of_each.saturating_mul(records.len().saturating_sub(1));
    let left = room.0.checked_sub(copied);
    room.0 = left.ok_or_else(|| of(Problem::TooLongToCopy(copied)))?;
    let events = records.iter().map(|raw| of_record(raw, around.id));
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

/// One request can remove many objects, so its id alone does not name an event.
fn id(raw: &Value) -> Option<String> {
    let text = |path| raw.pointer(path).and_then(Value::as_str);
    let request = text("/responseElements/x-amz-request-id");
    let request = request.or_else(|| text("/s3/object/sequencer"));
    let key = text("/s3/object/key");
    if request.is_none() && key.is_none() {
        return None;
    }
    let (request, key) = (request.unwrap_or_default(), key.unwrap_or_default());
    Some(format!("{request}:{key}"))
}

/// The event of a record; `None` where it speaks of nothing that is created or removed.
fn of_record(raw: &Value, around: Option<&str>) -> Result<Option<Event>, ParseError> {
    let id = id(raw).or_else(|| around.map(str::to_owned));
    let record = Record::deserialize(raw).map_err(|source| {
        let what = "S3 notification";
        Problem::Json { what, source }.of(id.as_deref())
    })?;
    let name = &record.event_name;
    let name = name.strip_prefix("s3:").unwrap_or(name);
    let operation = match name.split(':').next() {
        Some("ObjectCreated") => Operation::Write,
        Some("ObjectRemoved") => Operation::Delete,
        _ => return Ok(None),
    };
    event(operation, record, raw, &id.unwrap_or_default()).map(Some)
}

fn event(operation: Operation, record: Record, raw: &Value, id: &str) -> Result<Event, ParseError> {
    let Record {
        event_name,
        event_source,
        event_time,
        s3,
    } = record;
    let object = s3.object;
    let of = |problem: Problem| problem.of(Some(id));
    let key = decoded(&event_source, &object.key).map_err(of)?;
    for (field, value) in [("s3.bucket.name", &s3.bucket.name), ("s3.object.key", &key)] {
        if value.is_empty() {
            return Err(of(Problem::Missing(field)));
        }
    }
    let length = match &object.size {
        Value::Number(size) => size.as_u64(),
        Value::String(size) => size.parse().ok(),
        _ => None,
    };
    let source = format!("{event_source}:{}", s3.bucket.name);
    let mut builder = EventBuilderV10::new()
        .id(id)
        .ty(format!("com.amazonaws.s3.{event_name}"))
        .source(source)
        .subject(&key)
        .data("application/json", raw.clone());
    if let Some(time) = event_time {
        builder = builder.time(time);
    }
    let cloudevent = builder
        .build()
        .map_err(|_| of(Problem::Missing("eventSource")))?;
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
