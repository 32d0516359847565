//! The body of IBM Cloud Object Storage's notification, as Code Engine delivers it
//! (IBM Cloud docs, "Working with the IBM Cloud Object Storage event producer").

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Problem;
use super::{Change, Operation, TYPE_DELETE, TYPE_WRITE};
use crate::object::{Bucket, ETag, Key, ObjectId};

/// `ce-source` is this and the bucket's name.
pub(super) const SOURCE: &str = "https://cloud.ibm.com/catalog/services/cloud-object-storage/";

const WRITE: &str = "Object:Write";
const DELETE: &str = "Object:Delete";

/// The body for `change`. Objects of JSON are written in the order of their names, which is also
/// the order in which Code Engine writes them.
pub(super) fn body(change: &Change, id: &str, time: DateTime<Utc>) -> Value {
    let operation = match change.operation {
        Operation::Write => WRITE,
        Operation::Delete => DELETE,
    };
    let mut notification = json!({
        "bucket_name": change.object.bucket,
        "event_type": operation,
        "format": "2.0",
        "object_name": change.object.key,
        "request_id": id,
        "request_time": time.to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    if change.operation == Operation::Write {
        if let Some(etag) = &change.etag {
            notification["object_etag"] = etag.as_str().into();
        }
        if let Some(content_type) = &change.content_type {
            notification["content_type"] = content_type.as_str().into();
        }
    }
    if let Some(length) = change.length {
        notification["object_length"] = length.to_string().into();
    }
    json!({
        "bucket": change.object.bucket,
        "endpoint": change.endpoint,
        "key": change.object.key,
        "notification": notification,
        "operation": operation,
    })
}

/// Unknown fields are tolerated; what is optional in any of IBM's examples is optional here.
#[derive(Deserialize)]
struct Body {
    bucket: String,
    key: String,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    notification: Notification,
}

#[derive(Deserialize, Default)]
struct Notification {
    bucket_name: Option<String>,
    object_name: Option<String>,
    event_type: Option<String>,
    object_etag: Option<String>,
    content_type: Option<String>,
    object_length: Option<Length>,
}

/// Code Engine sends lengths as strings; a number is understood too.
#[derive(Deserialize)]
#[serde(untagged)]
enum Length {
    Number(u64),
    Text(String),
}

/// What the body of an event of type `event_type` says.
///
/// The parts that say the same thing twice must agree: of two buckets or keys one would be checked
/// and the other used.
pub(super) fn change(event_type: &str, body: &Value) -> Result<Change, Problem> {
    let body = Body::deserialize(body).map_err(|source| Problem::Json {
        what: "COS notification",
        source,
    })?;
    let operation = match event_type {
        TYPE_WRITE => Operation::Write,
        TYPE_DELETE => Operation::Delete,
        other => {
            return Err(Problem::Unexpected {
                field: "type",
                value: other.to_owned(),
                expected: "com.ibm.cloud.cos.document.write or .delete",
            });
        }
    };
    let same = match operation {
        Operation::Write => WRITE,
        Operation::Delete => DELETE,
    };
    let notification = body.notification;
    agree("operation", body.operation, same, "what the type says")?;
    agree(
        "notification.event_type",
        notification.event_type,
        same,
        "what the type says",
    )?;
    agree(
        "notification.bucket_name",
        notification.bucket_name,
        &body.bucket,
        "the bucket",
    )?;
    agree(
        "notification.object_name",
        notification.object_name,
        &body.key,
        "the key",
    )?;
    for (field, value) in [("bucket", &body.bucket), ("key", &body.key)] {
        if value.is_empty() {
            return Err(Problem::Missing(field));
        }
    }
    let length = match notification.object_length {
        None => None,
        Some(Length::Number(length)) => Some(length),
        Some(Length::Text(text)) => Some(text.parse().map_err(|_| Problem::Unexpected {
            field: "notification.object_length",
            value: text,
            expected: "a number of bytes",
        })?),
    };
    Ok(Change {
        operation,
        object: ObjectId {
            bucket: Bucket::new(body.bucket),
            key: Key::new(body.key),
        },
        etag: notification
            .object_etag
            .as_deref()
            .filter(|tag| !tag.is_empty())
            .map(ETag::new),
        length,
        content_type: notification.content_type,
        endpoint: body.endpoint.unwrap_or_default(),
    })
}

fn agree(
    field: &'static str,
    value: Option<String>,
    with: &str,
    expected: &'static str,
) -> Result<(), Problem> {
    match value {
        Some(value) if value != with => Err(Problem::Unexpected {
            field,
            value,
            expected,
        }),
        _ => Ok(()),
    }
}
