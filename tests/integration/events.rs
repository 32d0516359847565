//! Events as Code Engine, Ceph, `MinIO` and other `CloudEvents` senders post them.

mod notifications;

use chrono::{DateTime, Utc};
use cos_thumbnails::events::{
    BACKFILL_RUN, Change, Event, MAX_BATCH, Operation, ParseError, Problem, TYPE_DELETE,
    TYPE_WRITE, parse_http, parse_http_each, parse_job,
};
use cos_thumbnails::object::{Bucket, ETag, Key, ObjectId};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

const COS_WRITE: &str = include_str!("../fixtures/events/cos-write.json");
const ID: &str = "1c7249c8-0eca-4cfc-8392-ac7d416bc257";
const ODD_KEYS: [&str; 14] = [
    "images/a b.jpg",
    "images/a+b",
    "images/a%2Fb",
    "images/100%",
    "images/\"q\" 'q'",
    "images/🐈.jpg",
    "images/e\u{301}",
    "images/é",
    "images/../x",
    "images//x",
    "/images",
    "images/a\nb",
    "images/\u{2028}",
    "x",
];

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.append(HeaderName::try_from(*name).unwrap(), value);
    }
    headers
}

fn binary() -> HeaderMap {
    headers(&[
        ("ce-specversion", "1.0"),
        ("ce-id", ID),
        (
            "ce-source",
            "https://cloud.ibm.com/catalog/services/cloud-object-storage/holiday-pictures",
        ),
        ("ce-type", TYPE_WRITE),
        ("ce-subject", "anything"),
        ("ce-time", "2026-08-13T11:56:31.032Z"),
        ("content-type", "application/json"),
    ])
}

fn change(operation: Operation, key: &str) -> Change {
    let write = operation == Operation::Write;
    Change {
        operation,
        object: ObjectId {
            bucket: Bucket::new("holiday-pictures"),
            key: Key::new(key),
        },
        etag: write.then(|| ETag::new("3cf3a49dfe06b198da72560cb3456ada")),
        length: Some(128_618),
        content_type: write.then(|| "image/jpeg".to_owned()),
        endpoint: String::new(),
    }
}

fn time() -> DateTime<Utc> {
    "2026-08-13T11:56:31.032Z".parse().unwrap()
}

fn one(events: Result<Vec<Event>, ParseError>) -> Event {
    let mut events = events.unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn an_event_is_written_byte_for_byte_as_code_engine_does() {
    let key = "images/2024/CodeEngine Splash+é%20.jpg";
    let id = ID;
    let (headers, body) = Event::new(id, time(), change(Operation::Write, key)).to_http();
    assert_eq!(std::str::from_utf8(&body).unwrap(), COS_WRITE.trim_end());
    for (name, value) in &binary() {
        if name != "ce-subject" {
            assert_eq!(headers.get(name), Some(value), "{name}");
        }
    }
    assert_eq!(
        headers["ce-subject"],
        "images/2024/CodeEngine%20Splash+%C3%A9%2520.jpg"
    );
    assert_eq!(headers.len(), binary().len());
}

#[test]
fn a_delete_event_has_no_etag() {
    let (headers, body) = Event::new("id", time(), change(Operation::Delete, "images/a")).to_http();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(headers["ce-type"], TYPE_DELETE);
    assert_eq!(body["operation"], "Object:Delete");
    assert_eq!(body["notification"].get("object_etag"), None);
}

#[test]
fn the_key_comes_from_the_body_as_it_is() {
    let event = one(parse_http(&binary(), COS_WRITE.as_bytes()));
    let expected = change(Operation::Write, "images/2024/CodeEngine Splash+é%20.jpg");
    assert_eq!(event.change(), &expected);
    assert_eq!(event.id(), ID);
    assert_eq!(event.time(), Some(time()));
}

#[test]
fn case_13_odd_keys_survive_the_wire() {
    let long = format!("images/{}", "ü".repeat(508));
    for key in ODD_KEYS.into_iter().chain([long.as_str()]) {
        let sent = Event::new("id", time(), change(Operation::Write, key));
        let (headers, body) = sent.to_http();
        assert_eq!(one(parse_http(&headers, &body)), sent, "{key:?}");
    }
}

#[test]
fn the_sdk_reads_what_we_write_and_writes_what_we_read() {
    let sent = Event::new("id", time(), change(Operation::Write, "images/a.jpg"))
        .with_extension(BACKFILL_RUN, "run");
    let (headers, body) = sent.to_http();
    let mut read = cloudevents::binding::http::to_event(&headers, body.to_vec()).unwrap();
    // The SDK leaves the body as it came; it is the same JSON.
    let (media_type, _, _) = read.take_data();
    read.set_data(
        media_type.unwrap(),
        serde_json::from_slice::<Value>(&body).unwrap(),
    );
    assert_eq!(&read, sent.as_cloudevent());

    let structured = serde_json::to_vec(sent.as_cloudevent()).unwrap();
    for media_type in [
        "application/cloudevents+json",
        "Application/CloudEvents+JSON; charset=UTF-8",
    ] {
        let event = one(parse_http(
            &self::headers(&[("content-type", media_type)]),
            &structured,
        ));
        assert_eq!(event, sent);
        assert_eq!(event.extension(BACKFILL_RUN).as_deref(), Some("run"));
    }
}

#[test]
fn a_batch_is_its_members_in_order_and_may_be_empty() {
    let batch = headers(&[("content-type", "application/cloudevents-batch+json")]);
    assert_eq!(parse_http(&batch, b"[]").unwrap(), []);
    let events: Vec<_> = ["images/a", "images/b"]
        .map(|key| Event::new(key, time(), change(Operation::Write, key)))
        .into();
    let cloudevents: Vec<_> = events.iter().map(Event::as_cloudevent).collect();
    let body = serde_json::to_vec(&cloudevents).unwrap();
    assert_eq!(parse_http(&batch, &body).unwrap(), events);

    let many = serde_json::to_vec(&vec![cloudevents[0]; MAX_BATCH + 1]).unwrap();
    assert!(matches!(
        parse_http(&batch, &many).unwrap_err().problem,
        Problem::TooMany(1001)
    ));
    let notification = json!({
        "specversion": "1.0", "id": "i", "source": "s", "type": "t",
        "data": { "Records": vec![json!({}); MAX_BATCH / 2 + 1] },
    });
    let together = json!([notification, notification]).to_string();
    assert!(matches!(
        parse_http_each(&batch, together.as_bytes())
            .unwrap_err()
            .problem,
        Problem::TooMany(1002)
    ));
    let spoiled = json!([cloudevents[0], {"id": "bad", "source": "s", "type": "t"}]).to_string();
    let error = parse_http(&batch, spoiled.as_bytes()).unwrap_err();
    assert_eq!(error.id.as_deref(), Some("bad"));
    let each = parse_http_each(&batch, spoiled.as_bytes()).unwrap();
    assert_eq!(each[0].as_ref().unwrap(), &events[0]);
    let error = each[1].as_ref().unwrap_err();
    assert_eq!((each.len(), error.id.as_deref()), (2, Some("bad")));
    assert!(parse_http(&batch, b"{}").is_err());
}

#[test]
fn case_16_malformed_events_say_what_is_wrong() {
    let without = |name: &str| {
        let mut headers = binary();
        headers.remove(name);
        headers
    };
    let with = |name: &'static str, value: &'static str| {
        let mut headers = binary();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    };
    let twice = |name: &'static str| {
        let mut headers = binary();
        headers.append(name, HeaderValue::from_static("again"));
        headers
    };
    let body = |path: &str, value: Value| {
        let mut body: Value = serde_json::from_str(COS_WRITE).unwrap();
        *body.pointer_mut(path).unwrap() = value;
        body.to_string()
    };
    let good = || COS_WRITE.to_owned();
    let cases: Vec<(HeaderMap, String, &str)> = vec![
        (without("ce-id"), good(), "id is missing"),
        (without("ce-source"), good(), "source is missing"),
        (without("ce-type"), good(), "type is missing"),
        (without("ce-specversion"), good(), "specversion is missing"),
        (with("ce-id", ""), good(), "id is missing"),
        (
            with("ce-specversion", "0.3"),
            good(),
            "specversion is \"0.3\"",
        ),
        (
            with("ce-time", "yesterday"),
            good(),
            "time is \"yesterday\"",
        ),
        (
            with("ce-type", "com.example.other"),
            good(),
            "type is \"com.example.other\"",
        ),
        (
            with("ce-type", TYPE_DELETE),
            good(),
            "operation is \"Object:Write\"",
        ),
        (twice("ce-id"), good(), "id comes more than once"),
        (twice("ce-type"), good(), "type comes more than once"),
        (twice("ce-backfillrun"), good(), ""),
        (binary(), String::new(), "no JSON"),
        (binary(), "{\"bucket\":".into(), "no JSON"),
        (binary(), "[]".into(), "no COS notification"),
        (binary(), "{}".into(), "no COS notification"),
        (
            binary(),
            body("/bucket", json!("")),
            "notification.bucket_name",
        ),
        (
            binary(),
            body("/key", json!("other")),
            "notification.object_name",
        ),
        (
            binary(),
            body("/notification/bucket_name", json!("other")),
            "notification.bucket_name",
        ),
        (
            binary(),
            body("/notification/object_length", json!("big")),
            "object_length is \"big\"",
        ),
        (
            binary(),
            body("/notification/event_type", json!("Object:Delete")),
            "event_type",
        ),
    ];
    for (mut headers, body, expected) in cases {
        if expected.is_empty() {
            headers.append("ce-backfillrun", HeaderValue::from_static("again"));
        }
        let error = parse_http(&headers, body.as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains(expected),
            "{error} should say {expected:?}"
        );
    }
    let error = parse_http(&with("content-type", "text/plain"), good().as_bytes()).unwrap_err();
    assert!(
        matches!(error.problem, Problem::UnsupportedMediaType(_)),
        "{error}"
    );
    assert_eq!(error.id.as_deref(), Some(ID));
}

#[test]
fn header_bytes_outside_ascii_and_percent_encoding_are_tolerated() {
    let mut headers = binary();
    headers.insert(
        "ce-subject",
        HeaderValue::from_bytes("Möwe".as_bytes()).unwrap(),
    );
    headers.insert("ce-id", HeaderValue::from_bytes(b"\xff%20x").unwrap());
    let event = one(parse_http(&headers, COS_WRITE.as_bytes()));
    assert_eq!(event.subject(), Some("Möwe"));
    headers.insert("ce-id", HeaderValue::from_static("a%20b%2525"));
    assert_eq!(
        one(parse_http(&headers, COS_WRITE.as_bytes())).id(),
        "a b%25"
    );
}

#[test]
fn optional_and_unknown_fields_do_not_matter() {
    let body = json!({"bucket": "b", "key": "k", "later": {"x": 1}});
    let event = one(parse_http(&binary(), body.to_string().as_bytes()));
    assert_eq!(event.change().etag, None);
    assert_eq!(event.change().length, None);
    let mut number: Value = serde_json::from_str(COS_WRITE).unwrap();
    number["notification"]["object_length"] = json!(7);
    assert_eq!(
        one(parse_http(&binary(), number.to_string().as_bytes()))
            .change()
            .length,
        Some(7)
    );
}

#[test]
fn a_job_finds_its_event_in_the_environment() {
    let environment = |missing: &'static str| {
        move |name: &str| {
            let value = match name {
                "CE_DATA" => COS_WRITE,
                "CE_ID" => "id-1",
                "CE_SOURCE" => "https://cloud.ibm.com/catalog/services/cloud-object-storage/b",
                "CE_SPECVERSION" => "1.0",
                "CE_TIME" => "2026-08-13T11:56:31.032Z",
                "CE_TYPE" => TYPE_WRITE,
                "CE_BACKFILLRUN" => "run",
                _ => return None,
            };
            (name != missing).then(|| value.to_owned())
        }
    };
    let event = parse_job(environment("")).unwrap();
    assert_eq!(event.change().object.bucket.as_str(), "holiday-pictures");
    assert_eq!(event.extension(BACKFILL_RUN).as_deref(), Some("run"));
    for name in ["CE_DATA", "CE_ID", "CE_TYPE", "CE_SOURCE"] {
        let error = parse_job(environment(name)).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

proptest! {
    #[test]
    fn any_key_survives_the_wire(key in "\\PC{1,80}|[\\x01-\\x7f]{1,80}", delete: bool) {
        let operation = if delete { Operation::Delete } else { Operation::Write };
        let sent = Event::new("id", time(), change(operation, &key));
        let (headers, body) = sent.to_http();
        prop_assert_eq!(parse_http(&headers, &body).unwrap(), vec![sent]);
    }

    #[test]
    fn no_request_makes_it_panic(
        pairs in prop::collection::vec((
            prop::sample::select(vec![
                "ce-id", "ce-type", "ce-source", "ce-specversion", "ce-time", "ce-x", "content-type",
            ]),
            prop::collection::vec(0x20_u8..=0xff, 0..20),
        ), 0..8),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            Just(COS_WRITE.as_bytes().to_vec()),
            Just(br#"{"Records":[{}]}"#.to_vec()),
        ],
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(name, value);
            }
        }
        let _ = parse_http(&headers, &body);
    }
}
