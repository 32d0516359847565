//! The HTTP binding of `CloudEvents` 1.0 (cloudevents/spec, bindings/http-protocol-binding.md).

use bytes::Bytes;
use chrono::SecondsFormat;
use cloudevents::{AttributesReader, Data, EventBuilder, EventBuilderV10};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use serde_json::Value;

use super::error::{ParseError, Problem};
use super::s3_notification::{self, Around, Room};
use super::{Event, cos};

/// The most events that one request may hold. A batch is handled as a whole, within one deadline.
pub const MAX_BATCH: usize = 1000;

/// What a header value must not hold as it is: space, `"`, `%` and everything outside
/// U+0021 to U+007E (clause 3.1.3.2).
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

const SPEC_VERSION: &str = "1.0";

/// What a request brings, one by one.
type Members = Vec<Result<Event, ParseError>>;

/// The events of one request, all or none: as [`parse_http_each`], where one malformed member makes the
/// whole request malformed.
///
/// # Errors
/// As of [`parse_http_each`], or the first malformed member's.
pub fn parse_http(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Event>, ParseError> {
    parse_http_each(headers, body)?.into_iter().collect()
}

/// The events of one request: one in binary or structured mode, any number in batched mode or in
/// an S3 notification, with or without a `CloudEvent` around it. In their order, each member of a batch
/// and each record of a notification is an event or why it is none: it takes none of the others along.
///
/// # Errors
/// [`Problem::UnsupportedMediaType`] for a body of another kind; otherwise why nothing of it can be read,
/// with the event's id where it could be read.
pub fn parse_http_each(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<Result<Event, ParseError>>, ParseError> {
    let media_type = media_type(headers);
    let mut room = Room::of_one_request();
    match media_type.as_str() {
        "application/cloudevents+json" => structured(&json(body, "CloudEvent", None)?, &mut room),
        "application/cloudevents-batch+json" => {
            let Value::Array(members) = json(body, "array of CloudEvents", None)? else {
                return Err(Problem::Unexpected {
                    field: "body",
                    value: "no array".to_owned(),
                    expected: "an array of CloudEvents",
                }
                .of(None));
            };
            // Members may be notifications of many records.
            let records = |member: &Value| {
                member
                    .get("data")
                    .and_then(s3_notification::records)
                    .map_or(1, <[_]>::len)
            };
            let events = members.iter().map(records).sum();
            if members.len().max(events) > MAX_BATCH {
                return Err(Problem::TooMany(members.len().max(events)).of(None));
            }
            let members = members.iter().map(|member| structured(member, &mut room));
            let each = members.map(|member| member.unwrap_or_else(|error| vec![Err(error)]));
            Ok(each.flatten().collect())
        }
        other if is_json(other) => binary(headers, body, &mut room),
        other => {
            let id = attribute(headers, "id").ok().flatten();
            Err(Problem::UnsupportedMediaType(other.to_owned()).of(id.as_deref()))
        }
    }
}

impl Event {
    /// The event in binary mode: headers and body as Code Engine sends them.
    ///
    /// `ce-subject` is percent-encoded as the binding wants it; whether Code Engine does so is not
    /// documented, and no receiver should read the key from it.
    #[must_use]
    pub fn to_http(&self) -> (HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        let mut insert = |name: &str, value: &str| {
            let encoded = utf8_percent_encode(value, ENCODED).to_string();
            // Encoded text is printable ASCII, and extension names are checked to be tokens.
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(encoded))
            {
                headers.insert(name, value);
            }
        };
        let cloudevent = self.as_cloudevent();
        insert("ce-specversion", SPEC_VERSION);
        insert("ce-id", self.id());
        insert("ce-source", self.source());
        insert("ce-type", self.event_type());
        if let Some(subject) = self.subject() {
            insert("ce-subject", subject);
        }
        if let Some(time) = self.time() {
            insert(
                "ce-time",
                &time.to_rfc3339_opts(SecondsFormat::Millis, true),
            );
        }
        for (name, value) in cloudevent.iter_extensions() {
            insert(&format!("ce-{name}"), &value.to_string());
        }
        if let Some(content_type) = cloudevent.datacontenttype() {
            insert(CONTENT_TYPE.as_str(), content_type);
        }
        (headers, self.data())
    }
}

/// The media type without parameters, in lower case. Code Engine's for applications is not
/// documented, so a missing one counts as JSON.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .map_or(b"application/json".as_slice(), HeaderValue::as_bytes);
    let value = String::from_utf8_lossy(value);
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    matches!(media_type, "application/json" | "text/json")
        || media_type.starts_with("application/")
            && media_type.ends_with("+json")
            && !media_type.starts_with("application/cloudevents")
}

fn json(body: &[u8], what: &'static str, id: Option<&str>) -> Result<Value, ParseError> {
    serde_json::from_slice(body).map_err(|source| Problem::Json { what, source }.of(id))
}

/// Attributes in `ce-*` headers, data in the body; or an S3 notification with or without any.
fn binary(headers: &HeaderMap, body: &[u8], room: &mut Room) -> Result<Members, ParseError> {
    let attribute = |name| attribute(headers, name);
    let id = attribute("id").map_err(|problem| problem.of(None))?;
    let of = |problem: Problem| problem.of(id.as_deref());
    let data = json(body, "JSON", id.as_deref())?;
    let version = attribute("specversion").map_err(of)?;
    let extensions = extensions(headers).map_err(of)?;
    if let Some(records) = s3_notification::records(&data) {
        let (id, extensions) = (id.as_deref(), &extensions[..]);
        return s3_notification::events(records, &Around { id, extensions }, room);
    }
    check_version(version.as_deref()).map_err(of)?;
    let required = |name| attribute(name).and_then(|value| value.ok_or(Problem::Missing(name)));
    let mut builder = EventBuilderV10::new()
        .id(id.clone().ok_or_else(|| of(Problem::Missing("id")))?)
        .source(required("source").map_err(of)?)
        .ty(required("type").map_err(of)?);
    if let Some(subject) = attribute("subject").map_err(of)? {
        builder = builder.subject(subject);
    }
    if let Some(time) = attribute("time").map_err(of)? {
        builder = builder.time(time);
    }
    for (name, value) in extensions {
        builder = builder.extension(&name, value);
    }
    let cloudevent = builder
        .data("application/json", data)
        .build()
        .map_err(|_| {
            of(Problem::Unexpected {
                field: "time",
                value: attribute("time").ok().flatten().unwrap_or_default(),
                expected: "an RFC 3339 timestamp",
            })
        })?;
    about_object(cloudevent).map(|event| vec![Ok(event)])
}

/// An attribute in its `ce-*` header, unless it is empty.
fn attribute(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(format!("ce-{name}")).iter();
    let value = values.next().map(|value| text(value.as_bytes()));
    match values.next() {
        Some(_) => Err(Problem::Repeated(name.to_owned())),
        None => Ok(value.filter(|value| !value.is_empty())),
    }
}

/// The extension attributes in `ce-*` headers.
fn extensions(headers: &HeaderMap) -> Result<Vec<(String, String)>, Problem> {
    let mut extensions = Vec::new();
    for name in headers.keys() {
        let Some(name) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        if ["id", "source", "type", "specversion", "subject", "time"].contains(&name) {
            continue;
        }
        let mut values = headers.get_all(format!("ce-{name}")).iter();
        let value = values
            .next()
            .map(|value| text(value.as_bytes()))
            .unwrap_or_default();
        if values.next().is_some() {
            return Err(Problem::Repeated(name.to_owned()));
        }
        extensions.push((name.to_owned(), value));
    }
    Ok(extensions)
}

/// A header's text: percent-decoded exactly once where that gives UTF-8, otherwise what of it is.
fn text(value: &[u8]) -> String {
    let decoded: Vec<u8> = percent_decode(value).collect();
    String::from_utf8(decoded).unwrap_or_else(|_| String::from_utf8_lossy(value).into_owned())
}

fn structured(member: &Value, room: &mut Room) -> Result<Members, ParseError> {
    let id = member.get("id").and_then(Value::as_str);
    let of = |problem: Problem| problem.of(id);
    for name in ["id", "source", "type"] {
        let text = member.get(name).and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() {
            return Err(of(Problem::Missing(name)));
        }
    }
    check_version(member.get("specversion").and_then(Value::as_str)).map_err(of)?;
    let cloudevent = serde_json::from_value(member.clone()).map_err(|source| {
        of(Problem::Json {
            what: "CloudEvent",
            source,
        })
    })?;
    let cloudevent: cloudevents::Event = cloudevent;
    let records = match cloudevent.data() {
        Some(Data::Json(data)) => s3_notification::records(data),
        _ => None,
    };
    let Some(records) = records else {
        return about_object(cloudevent).map(|event| vec![Ok(event)]);
    };
    let extensions = cloudevent.iter_extensions();
    let extensions = extensions.map(|(name, value)| (name.to_owned(), value.to_string()));
    let extensions = &extensions.collect::<Vec<_>>()[..];
    s3_notification::events(records, &Around { id, extensions }, room)
}

fn check_version(version: Option<&str>) -> Result<(), Problem> {
    match version {
        Some(SPEC_VERSION) => Ok(()),
        Some(other) => Err(Problem::Unexpected {
            field: "specversion",
            value: other.to_owned(),
            expected: "1.0",
        }),
        None => Err(Problem::Missing("specversion")),
    }
}

/// The event, if its data is a COS notification.
pub(super) fn about_object(cloudevent: cloudevents::Event) -> Result<Event, ParseError> {
    let id = cloudevent.id().to_owned();
    let of = |problem: Problem| problem.of(Some(&id));
    let parsed;
    let data = match cloudevent.data() {
        None => return Err(of(Problem::Missing("data"))),
        Some(Data::Json(data)) => data,
        Some(Data::String(text)) => {
            parsed = json(text.as_bytes(), "COS notification", Some(&id))?;
            &parsed
        }
        Some(Data::Binary(bytes)) => {
            parsed = json(bytes, "COS notification", Some(&id))?;
            &parsed
        }
    };
    let change = cos::change(cloudevent.ty(), data).map_err(of)?;
    Ok(Event::arrived(cloudevent, change))
}
