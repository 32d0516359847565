//! S3 notifications, as other stores than IBM's post them, with and without a `CloudEvent` around them.

use cos_thumbnails::events::{MAX_BATCH, Operation, Problem, parse_http, parse_http_each};
use http::HeaderValue;
use serde_json::{Value, json};

use super::{binary, headers, one};

const BATCH: &str = "application/cloudevents-batch+json";

#[test]
fn s3_notifications_of_ceph_and_minio_are_read_by_their_own_rules() {
    let json = headers(&[("content-type", "application/json")]);
    let ceph = one(parse_http(
        &json,
        include_bytes!("../../fixtures/events/s3-ceph.json"),
    ));
    assert_eq!(ceph.change().object.key.as_str(), "images/a b+c%20.jpg");
    assert_eq!(ceph.change().length, Some(1024));

    let minio = parse_http(&json, include_bytes!("../../fixtures/events/s3-minio.json")).unwrap();
    let seen: Vec<_> = minio
        .iter()
        .map(|e| (e.change().operation, e.change().object.key.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (Operation::Write, "images/a b+c.jpg"),
            (Operation::Delete, "images/gone.jpg")
        ]
    );
    assert_ne!(minio[0].id(), minio[1].id());

    // One of them is none: the others are events all the same.
    let mut spoiled: Value =
        serde_json::from_slice(include_bytes!("../../fixtures/events/s3-minio.json")).unwrap();
    spoiled["Records"][0]["s3"]["object"]["key"] = json!("");
    let records = spoiled["Records"].as_array_mut().unwrap();
    records.push(json!({"eventName": "s3:ObjectCreated:Put"}));
    let each = parse_http_each(&json, spoiled.to_string().as_bytes()).unwrap();
    let good: Vec<_> = each.iter().map(Result::is_ok).collect();
    assert_eq!(good, [false, true, false]);
    assert_eq!(each[1].as_ref().unwrap(), &minio[1]);

    // radosgw can put its own attributes around the same body.
    let mut around = binary();
    around.insert(
        "ce-type",
        HeaderValue::from_static("com.amazonaws.ObjectCreated:Put"),
    );
    let enveloped = one(parse_http(
        &around,
        include_bytes!("../../fixtures/events/s3-ceph.json"),
    ));
    assert_eq!(enveloped.change(), ceph.change());
}

#[test]
fn the_records_of_a_notification_have_the_extensions_of_the_event_around_it() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let notification = include_bytes!("../../fixtures/events/s3-minio.json");
    let mut around = binary();
    around.insert("ce-type", HeaderValue::from_static("com.amazonaws.s3"));
    around.insert("ce-traceparent", HeaderValue::from_static(TRACE));
    around.insert("ce-eventsecret", HeaderValue::from_static("shown%20here"));
    let data: Value = serde_json::from_slice(notification).unwrap();
    let event = json!({
        "specversion": "1.0", "id": "i", "source": "s", "type": "com.amazonaws.s3",
        "traceparent": TRACE, "eventsecret": "shown here", "data": data,
    });
    let media_type = |value| headers(&[("content-type", value)]);
    let structured = media_type("application/cloudevents+json");
    let batched = media_type(BATCH);
    for (headers, body) in [
        (around.clone(), notification.to_vec()),
        (structured.clone(), event.to_string().into_bytes()),
        (batched, json!([event]).to_string().into_bytes()),
    ] {
        let events = parse_http(&headers, &body).unwrap();
        assert_eq!(events.len(), 2);
        for event in events {
            assert_eq!(event.extension("traceparent").as_deref(), Some(TRACE));
            let shown = event.extension("eventsecret");
            assert_eq!(shown.as_deref(), Some("shown here"));
        }
    }
    // They are not multiplied without bound.
    let mut long = event;
    long["eventsecret"] = json!("x".repeat(300_000));
    let two = parse_http(&structured, long.to_string().as_bytes());
    assert_eq!(two.unwrap().len(), 2);
    long["data"]["Records"] = json!(vec![data["Records"][0].clone(); 5]);
    let error = parse_http(&structured, long.to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("1048576"), "{error}");
    assert_eq!(error.id.as_deref(), Some("i"));
    // Of two it could be either.
    around.append("ce-eventsecret", HeaderValue::from_static("another"));
    let error = parse_http(&around, notification).unwrap_err();
    assert!(matches!(error.problem, Problem::Repeated(_)), "{error}");
}

/// A `CloudEvent` around so many records that say nothing, with an extension of so many bytes.
fn around(records: usize, bytes: usize) -> Value {
    json!({
        "specversion": "1.0", "id": "around", "source": "s", "type": "t", "x": "x".repeat(bytes),
        "data": { "Records": vec![json!({}); records] },
    })
}

#[test]
fn what_stands_around_records_is_multiplied_within_one_bound_for_a_whole_batch() {
    let batch = headers(&[("content-type", BATCH)]);
    let parsed = |members: &[Value]| parse_http_each(&batch, json!(members).to_string().as_bytes());
    // Two copies of each beside what the body has: there is room for one of them.
    let each = parsed(&[around(3, 300_000), around(3, 300_000)]).unwrap();
    assert_eq!(each.len(), 3 + 1);
    let error = each[3].as_ref().unwrap_err();
    let refused = matches!(error.problem, Problem::TooLongToCopy(600_000..));
    assert!(refused && error.id.as_deref() == Some("around"), "{error}");
    // One record has what the body has.
    let many = vec![around(1, 5_000); 300];
    let each = parsed(&many).unwrap();
    assert_eq!(each.len(), 300);
    let copied = |error: &Problem| matches!(error, Problem::TooLongToCopy(_));
    assert!(
        each.iter()
            .all(|one| !copied(&one.as_ref().unwrap_err().problem))
    );
    // The id is around them as well.
    let mut named = around(1000, 0);
    named["id"] = json!("i".repeat(1100));
    let each = parsed(&[named]).unwrap();
    assert!(copied(&each[0].as_ref().unwrap_err().problem));
}

#[test]
fn the_records_of_all_members_are_counted_before_any_is_read() {
    let batch = headers(&[("content-type", BATCH)]);
    let half = around(MAX_BATCH / 2, 0);
    let body = |members: &[&Value]| json!(members).to_string();
    let each = parse_http_each(&batch, body(&[&half, &half]).as_bytes()).unwrap();
    assert_eq!(each.len(), MAX_BATCH);
    let error = parse_http_each(&batch, body(&[&half, &half, &half]).as_bytes()).unwrap_err();
    assert!(matches!(error.problem, Problem::TooMany(1500)), "{error}");
}

#[test]
fn a_malformed_record_is_named_where_it_can_be() {
    let key = json!({ "object": { "key": "images/a.jpg" } });
    let request = json!({ "x-amz-request-id": "r-1" });
    let told = json!({ "s3": key, "responseElements": request });
    let mut sequenced = json!({ "s3": key });
    sequenced["s3"]["object"]["sequencer"] = json!("s-1");
    let mut ours = around(0, 0);
    ours["data"]["Records"] = json!([told, sequenced, { "s3": key }, {}]);
    let ids = |media_type: &str, body: Value| -> Vec<Option<String>> {
        let headers = headers(&[("content-type", media_type)]);
        let each = parse_http_each(&headers, body.to_string().as_bytes()).unwrap();
        each.into_iter().map(|one| one.unwrap_err().id).collect()
    };
    let named = [
        "r-1:images/a.jpg",
        "s-1:images/a.jpg",
        ":images/a.jpg",
        "around",
    ];
    let named = named.map(|id| Some(id.to_owned()));
    assert_eq!(ids(BATCH, json!([ours])), named);
    // With nothing around them the last one has no name.
    let alone = ids("application/json", ours["data"].clone());
    assert_eq!((&alone[..3], &alone[3]), (&named[..3], &None));
}
