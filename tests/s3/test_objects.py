"""Single objects: what is put is what is got, by ranges and under conditions."""

import datetime
import hashlib
import io
import threading

import pytest
import plain_http as http
from conftest import BUCKET, refused

BODY = b"0123456789"


@pytest.fixture
def key(s3, prefix):
    s3.put_object(Bucket=BUCKET, Key=prefix + "key", Body=BODY)
    return prefix + "key"


@pytest.mark.parametrize("length", [0, 1, 65_536, 65_537, 1_048_577, 9_000_000])
def test_bodies_of_all_lengths(s3, prefix, length):
    body = bytes(index % 251 for index in range(length))
    put = s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=BUCKET, Key=prefix + "a")
    assert (got["ContentLength"], got["Body"].read(), got["ETag"]) == (length, body, put["ETag"])


@pytest.mark.parametrize(
    ("asked", "content_range", "body"),
    [
        ("bytes=0-0", "bytes 0-0/10", b"0"),
        ("bytes=3-5", "bytes 3-5/10", b"345"),
        ("bytes=7-", "bytes 7-9/10", b"789"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
        ("bytes=-100", "bytes 0-9/10", BODY),
        ("bytes=8-100", "bytes 8-9/10", b"89"),
    ],
)
def test_ranges(s3, key, asked, content_range, body):
    got = s3.get_object(Bucket=BUCKET, Key=key, Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (got["ContentRange"], got["Body"].read()) == (content_range, body)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_ranges_outside(s3, key, asked):
    assert refused(s3.get_object, Bucket=BUCKET, Key=key, Range=asked) == (416, "InvalidRange")


def test_a_range_of_a_long_object(s3, prefix):
    body = bytes(index % 251 for index in range(5_000_000))
    s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=body)
    got = s3.get_object(Bucket=BUCKET, Key=prefix + "a", Range="bytes=1234567-4321098")
    assert got["Body"].read() == body[1_234_567:4_321_099]


def test_everything_said_of_an_object_comes_back(s3, prefix):
    said = {
        "ContentType": "image/jpeg",
        "CacheControl": "max-age=3",
        "ContentDisposition": 'attachment; filename="a.jpg"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Metadata": {"one": "1", "two-words": "a b"},
    }
    s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=BODY, **said)
    for got in [s3.head_object(Bucket=BUCKET, Key=prefix + "a"), s3.get_object(Bucket=BUCKET, Key=prefix + "a")]:
        assert {name: got[name] for name in said} == said
        assert got["ContentLength"] == len(BODY)
        age = datetime.datetime.now(datetime.timezone.utc) - got["LastModified"]
        assert abs(age) < datetime.timedelta(minutes=5)


def test_answers_in_other_words(s3, key):
    got = s3.get_object(
        Bucket=BUCKET, Key=key, ResponseContentType="text/plain", ResponseContentDisposition="inline"
    )
    assert (got["ContentType"], got["ContentDisposition"]) == ("text/plain", "inline")


@pytest.mark.parametrize("action", ["get_object", "head_object", "get_object_tagging"])
def test_absent_keys(s3, prefix, action):
    status, code = refused(getattr(s3, action), Bucket=BUCKET, Key=prefix + "absent")
    assert (status, code) == (404, "404" if action == "head_object" else "NoSuchKey")


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("get_object", {"Key": "a"}),
        ("put_object", {"Key": "a"}),
        ("delete_object", {"Key": "a"}),
        ("list_objects_v2", {}),
        ("list_objects", {}),
        ("create_multipart_upload", {"Key": "a"}),
        ("get_bucket_location", {}),
    ],
)
def test_absent_buckets(s3, action, more):
    assert refused(getattr(s3, action), Bucket="absent", **more) == (404, "NoSuchBucket")


def test_reads_under_conditions(s3, key):
    tag = s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
    other = '"00000000000000000000000000000000"'
    assert s3.get_object(Bucket=BUCKET, Key=key, IfMatch=tag)["Body"].read() == BODY
    assert refused(s3.get_object, Bucket=BUCKET, Key=key, IfMatch=other) == (412, "PreconditionFailed")
    assert refused(s3.get_object, Bucket=BUCKET, Key=key, IfNoneMatch=tag)[0] == 304
    assert s3.get_object(Bucket=BUCKET, Key=key, IfNoneMatch=other)["Body"].read() == BODY
    hour = datetime.timedelta(hours=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert refused(s3.get_object, Bucket=BUCKET, Key=key, IfModifiedSince=now + hour)[0] == 304
    assert s3.get_object(Bucket=BUCKET, Key=key, IfModifiedSince=now - hour)["Body"].read() == BODY
    assert refused(s3.get_object, Bucket=BUCKET, Key=key, IfUnmodifiedSince=now - hour)[0] == 412
    assert s3.get_object(Bucket=BUCKET, Key=key, IfUnmodifiedSince=now + hour)["Body"].read() == BODY
    # RFC 9110, 13.2.2: a tag that fits outweighs a date that does not.
    assert s3.get_object(Bucket=BUCKET, Key=key, IfMatch=tag, IfUnmodifiedSince=now - hour)["Body"].read() == BODY


def test_writes_under_conditions(s3, key):
    tag = s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
    failed = (412, "PreconditionFailed")
    assert refused(s3.put_object, Bucket=BUCKET, Key=key, Body=b"new", IfNoneMatch="*") == failed
    second = s3.put_object(Bucket=BUCKET, Key=key, Body=b"new", IfMatch=tag)["ETag"]
    assert refused(s3.put_object, Bucket=BUCKET, Key=key, Body=b"newer", IfMatch=tag) == failed
    assert refused(s3.put_object, Bucket=BUCKET, Key=key + "x", Body=b"", IfMatch=tag) == (404, "NoSuchKey")
    assert s3.get_object(Bucket=BUCKET, Key=key)["ETag"] == second


@pytest.mark.parametrize("length", [10, 100_000])
def test_of_sixteen_first_writers_one_wins(s3, prefix, length):
    won, lost, start = [], [], threading.Barrier(16)

    def write(number):
        start.wait()
        body = bytes([number]) * length
        try:
            s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=body, IfNoneMatch="*")
            won.append(number)
        except s3.exceptions.ClientError as error:
            lost.append(error.response["Error"]["Code"])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (len(won), lost) == (1, ["PreconditionFailed"] * 15)
    assert s3.get_object(Bucket=BUCKET, Key=prefix + "a")["Body"].read() == bytes(won) * length


def test_a_reader_sees_one_version_whole(s3, prefix):
    bodies = [bytes([number]) * 300_000 for number in range(2)]
    s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=bodies[0])
    done = threading.Event()

    def replace():
        for turn in range(60):
            s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=bodies[turn % 2])
        done.set()

    writer = threading.Thread(target=replace)
    writer.start()
    while not done.is_set():
        assert s3.get_object(Bucket=BUCKET, Key=prefix + "a")["Body"].read() in bodies
    writer.join()


def test_deletes(s3, key):
    assert s3.delete_object(Bucket=BUCKET, Key=key)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.delete_object(Bucket=BUCKET, Key=key)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_object, Bucket=BUCKET, Key=key) == (404, "NoSuchKey")


def test_deletes_of_many(s3, prefix):
    keys = [f"{prefix}{number}" for number in range(50)]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    gone = s3.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in [*keys, prefix + "absent"]]}
    )
    assert {entry["Key"] for entry in gone["Deleted"]} == {*keys, prefix + "absent"}
    assert "Errors" not in gone
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 0


def test_a_quiet_delete_of_many(s3, key):
    gone = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}], "Quiet": True})
    assert "Deleted" not in gone


def test_copies(s3, prefix):
    for length in [10, 200_000]:
        body = bytes(length)
        s3.put_object(
            Bucket=BUCKET, Key=prefix + "a b+é", Body=body, ContentType="image/png", Metadata={"is": "old"}
        )
        source = {"Bucket": BUCKET, "Key": prefix + "a b+é"}
        s3.copy_object(Bucket=BUCKET, Key=prefix + "same", CopySource=source)
        s3.copy_object(
            Bucket=BUCKET,
            Key=prefix + "new",
            CopySource=source,
            MetadataDirective="REPLACE",
            ContentType="image/gif",
            Metadata={"is": "new"},
        )
        s3.delete_object(**source)
        same = s3.get_object(Bucket=BUCKET, Key=prefix + "same")
        assert (same["Body"].read(), same["ContentType"], same["Metadata"]) == (body, "image/png", {"is": "old"})
        new = s3.get_object(Bucket=BUCKET, Key=prefix + "new")
        assert (new["Body"].read(), new["ContentType"], new["Metadata"]) == (body, "image/gif", {"is": "new"})


def test_copies_that_are_refused(s3, key):
    source = {"Bucket": BUCKET, "Key": key}
    assert refused(s3.copy_object, Bucket=BUCKET, Key=key, CopySource=source) == (400, "InvalidRequest")
    absent = {"Bucket": BUCKET, "Key": key + "absent"}
    assert refused(s3.copy_object, Bucket=BUCKET, Key=key, CopySource=absent) == (404, "NoSuchKey")
    other = '"00000000000000000000000000000000"'
    copied = refused(s3.copy_object, Bucket=BUCKET, Key=key + "x", CopySource=source, CopySourceIfMatch=other)
    assert copied == (412, "PreconditionFailed")


def test_a_copy_onto_itself_changes_what_is_said(s3, key):
    s3.copy_object(
        Bucket=BUCKET,
        Key=key,
        CopySource={"Bucket": BUCKET, "Key": key},
        MetadataDirective="REPLACE",
        Metadata={"is": "new"},
    )
    got = s3.get_object(Bucket=BUCKET, Key=key)
    assert (got["Body"].read(), got["Metadata"]) == (BODY, {"is": "new"})


def test_tags(s3, prefix):
    s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=BODY, Tagging="colour=red&size=a%20b")
    where = {"Bucket": BUCKET, "Key": prefix + "a"}
    read = lambda: {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(**where)["TagSet"]}
    assert read() == {"colour": "red", "size": "a b"}
    assert s3.get_object(**where)["TagCount"] == 2
    s3.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert read() == {"k": "v"}
    many = [{"Key": str(number), "Value": ""} for number in range(11)]
    assert refused(s3.put_object_tagging, **where, Tagging={"TagSet": many})[0] == 400
    s3.delete_object_tagging(**where)
    assert read() == {}


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums(s3, prefix, algorithm):
    pytest.importorskip("awscrt", reason="CRC32C and CRC64NVME") if algorithm in ("CRC32C", "CRC64NVME") else None
    name = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=BODY, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=BUCKET, Key=prefix + "a", ChecksumMode="ENABLED")
    assert got[name] == put[name]
    assert got["Body"].read() == BODY
    # A stream is sent in chunks with the checksum behind it.
    body = io.BytesIO(bytes(300_000))
    s3.put_object(Bucket=BUCKET, Key=prefix + "b", Body=body, ChecksumAlgorithm=algorithm)
    assert s3.get_object(Bucket=BUCKET, Key=prefix + "b", ChecksumMode="ENABLED")["Body"].read() == bytes(300_000)
    assert "ContentEncoding" not in s3.head_object(Bucket=BUCKET, Key=prefix + "b")


@pytest.mark.parametrize(
    "wrong",
    [{"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, {"ChecksumSHA256": "A" * 43 + "="}, {"ChecksumCRC32": "AAAAAA=="}],
)
def test_wrong_checksums(s3, key, wrong):
    assert refused(s3.put_object, Bucket=BUCKET, Key=key, Body=b"new", **wrong) == (400, "BadDigest")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == BODY


def test_presigned_urls(s3, prefix):
    where = {"Bucket": BUCKET, "Key": prefix + "a b+é"}
    put = s3.generate_presigned_url("put_object", Params={**where, "ContentType": "text/plain"}, ExpiresIn=60)
    assert http.send("PUT", put, BODY, {"content-type": "text/plain"})[0] == 200
    get = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    assert http.send("GET", get) == (200, BODY)
    signature = get.split("X-Amz-Signature=")[1]
    forged = ("0" if signature[0] != "0" else "1") + signature[1:]
    assert http.send("GET", get.replace(signature, forged))[0] == 403
    assert http.send("DELETE", get)[0] == 403
    late = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=1)
    moved = late.replace("X-Amz-Expires=1", "X-Amz-Expires=1000")
    assert http.send("GET", moved)[0] == 403
    assert http.send("GET", late.split("?")[0])[0] == 403


def test_wrong_secrets(store, key):
    for client, code in [
        (store.client(secret="wrong"), "SignatureDoesNotMatch"),
        (store.client(key_id="nobody"), "InvalidAccessKeyId"),
    ]:
        assert refused(client.get_object, Bucket=BUCKET, Key=key) == (403, code)
        assert refused(client.put_object, Bucket=BUCKET, Key=key, Body=b"new") == (403, code)
        assert refused(client.list_objects_v2, Bucket=BUCKET) == (403, code)


def test_keys_of_1024_bytes_and_longer(s3):
    longest = "k" * 1024
    s3.put_object(Bucket=BUCKET, Key=longest, Body=b"")
    assert s3.head_object(Bucket=BUCKET, Key=longest)["ContentLength"] == 0
    s3.delete_object(Bucket=BUCKET, Key=longest)
    assert refused(s3.put_object, Bucket=BUCKET, Key=longest + "k", Body=b"") == (400, "KeyTooLongError")


def test_buckets(s3, store):
    s3.create_bucket(Bucket="another")
    assert "another" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket="another")
    assert s3.get_bucket_location(Bucket="another")["LocationConstraint"] == store.ready["region"]
    s3.put_object(Bucket="another", Key="a", Body=b"")
    assert refused(s3.delete_bucket, Bucket="another") == (409, "BucketNotEmpty")
    s3.delete_object(Bucket="another", Key="a")
    s3.delete_bucket(Bucket="another")
    assert refused(s3.head_bucket, Bucket="another")[0] == 404
