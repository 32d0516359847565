"""Requests of pages of other origins: the rules by boto3, the browser's part by plain HTTP."""

import pytest
import plain_http as http
from conftest import BUCKET, refused

PAGE = "https://gallery.example.org"
RULES = [
    {
        "ID": "upload",
        "AllowedOrigins": ["https://*.example.org"],
        "AllowedMethods": ["PUT", "GET"],
        "AllowedHeaders": ["Content-Type", "x-amz-*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
]


@pytest.fixture
def rules(s3):
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": RULES})
    yield
    s3.delete_bucket_cors(Bucket=BUCKET)


def preflight(url, origin=PAGE, method="PUT", headers=None):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    status, fields, body = http.ask("OPTIONS", url, headers=asked)
    return status, {name: value for name, value in fields.items() if name.startswith("access-control-")}, body


def test_rules_come_back_as_they_went(s3, rules):
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"] == RULES
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": RULES[1:]})
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"] == RULES[1:]
    s3.delete_bucket_cors(Bucket=BUCKET)
    assert refused(s3.get_bucket_cors, Bucket=BUCKET) == (404, "NoSuchCORSConfiguration")


@pytest.mark.parametrize("action", ["get_bucket_cors", "delete_bucket_cors"])
def test_buckets_that_are_not_there(s3, action):
    assert refused(getattr(s3, action), Bucket="absent") == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"AllowedMethods": ["PATCH"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["https://*.*.org"]}, "InvalidRequest"),
        ({"AllowedHeaders": ["*-*"]}, "InvalidRequest"),
        ({"AllowedMethods": []}, "MalformedXML"),
    ],
)
def test_rules_that_make_no_sense(s3, rules, wrong, code):
    asked = {"CORSRules": [{**RULES[0], **wrong}]}
    assert refused(s3.put_bucket_cors, Bucket=BUCKET, CORSConfiguration=asked) == (400, code)
    assert len(s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]) == 2


def test_a_browser_puts_by_a_presigned_url(s3, rules, prefix):
    parameters = {"Bucket": BUCKET, "Key": prefix + "a b", "ContentType": "image/png"}
    url = s3.generate_presigned_url("put_object", Params=parameters)
    status, fields, body = preflight(url, headers="Content-Type, X-Amz-Meta-A")
    assert (status, body) == (200, b"")
    assert fields == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "PUT, GET",
        "access-control-allow-headers": "Content-Type, X-Amz-Meta-A",
        "access-control-expose-headers": "ETag",
        "access-control-max-age": "600",
    }
    sent = {"Origin": PAGE, "Content-Type": "image/png"}
    status, fields, _ = http.ask("PUT", url, b"body", sent)
    assert (status, fields["access-control-allow-origin"]) == (200, PAGE)
    assert fields["access-control-expose-headers"] == "ETag"
    assert "Origin" in fields["vary"]
    assert s3.get_object(Bucket=BUCKET, Key=prefix + "a b")["Body"].read() == b"body"


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://example.org"},
        {"origin": "http://gallery.example.org"},
        {"method": "DELETE"},
        {"headers": "authorization"},
        {"headers": "content-type, x-other"},
    ],
)
def test_what_no_rule_allows(store, rules, asked):
    status, fields, body = preflight(f"{store.ready['store']}/{BUCKET}/a", **asked)
    assert (status, fields) == (403, {})
    assert b"<Code>AccessForbidden</Code>" in body


def test_a_star_is_for_every_origin(s3, store, rules, prefix):
    s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=b"0123")
    status, fields, _ = preflight(f"{store.ready['store']}/{BUCKET}/a", origin="null", method="HEAD")
    assert (status, fields) == (200, {"access-control-allow-origin": "*", "access-control-allow-methods": "HEAD"})
    url = s3.generate_presigned_url("head_object", Params={"Bucket": BUCKET, "Key": prefix + "a"})
    status, fields, _ = http.ask("HEAD", url, headers={"Origin": "https://other.net"})
    assert (status, fields["access-control-allow-origin"]) == (200, "*")


def test_answers_without_a_rule_say_nothing(s3, rules, prefix):
    s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=b"0123")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": prefix + "a"})
    for origin in ["https://other.net", None]:
        status, fields, body = http.ask("GET", url, headers={"Origin": origin} if origin else {})
        assert (status, body) == (200, b"0123")
        assert not [name for name in fields if name.startswith("access-control-")]


def test_preflights_where_nothing_is_allowed(store):
    for path in [f"/{BUCKET}/a", "/absent/a", "/"]:
        status, fields, body = preflight(store.ready["store"] + path)
        assert (status, fields) == (403, {})
        assert b"CORS is not enabled" in body
    status, _, body = http.ask("OPTIONS", f"{store.ready['store']}/{BUCKET}/a")
    assert status == 400 and b"<Code>InvalidRequest</Code>" in body


def test_a_refused_request_can_be_read_by_the_page(store, rules):
    status, fields, _ = http.ask("GET", f"{store.ready['store']}/{BUCKET}/a", headers={"Origin": PAGE})
    assert (status, fields["access-control-allow-origin"]) == (403, PAGE)
