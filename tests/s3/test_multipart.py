"""Uploads in parts."""

import hashlib

import pytest
from boto3.s3.transfer import TransferConfig
from conftest import BUCKET, refused

MIB = 1 << 20
FIRST, LAST = b"1" * (5 * MIB), b"2" * 100


@pytest.fixture
def upload(s3, prefix):
    where = {"Bucket": BUCKET, "Key": prefix + "whole"}
    created = s3.create_multipart_upload(**where, ContentType="image/jpeg", Metadata={"is": "whole"})
    return {**where, "UploadId": created["UploadId"]}


def part(s3, upload, number, body):
    tag = s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
    return {"PartNumber": number, "ETag": tag}


def complete(s3, upload, parts, **more):
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **more)


def where(upload):
    return {name: upload[name] for name in ("Bucket", "Key")}


def test_parts_become_one_object(s3, upload):
    parts = [part(s3, upload, 1, FIRST), part(s3, upload, 7, LAST)]
    done = complete(s3, upload, parts)
    tags = b"".join(hashlib.md5(body).digest() for body in (FIRST, LAST))
    assert done["ETag"] == f'"{hashlib.md5(tags).hexdigest()}-2"'
    got = s3.get_object(**where(upload))
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("image/jpeg", {"is": "whole"}, done["ETag"])
    assert got["Body"].read() == FIRST + LAST
    assert refused(s3.list_parts, **upload) == (404, "NoSuchUpload")


def test_a_part_can_be_asked_for(s3, upload):
    complete(s3, upload, [part(s3, upload, 1, FIRST), part(s3, upload, 2, LAST)])
    got = s3.get_object(**where(upload), PartNumber=2)
    assert (got["Body"].read(), got["PartsCount"]) == (LAST, 2)
    assert s3.head_object(**where(upload), PartNumber=1)["ContentLength"] == len(FIRST)
    assert refused(s3.get_object, **where(upload), PartNumber=3) == (416, "InvalidPartNumber")


def test_a_range_over_two_parts(s3, upload):
    complete(s3, upload, [part(s3, upload, 1, FIRST), part(s3, upload, 2, LAST)])
    got = s3.get_object(**where(upload), Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}")
    assert got["Body"].read() == b"1122"


def test_nothing_is_there_before_the_end(s3, upload):
    part(s3, upload, 1, LAST)
    assert refused(s3.get_object, **where(upload)) == (404, "NoSuchKey")


def test_a_part_can_be_sent_again(s3, upload):
    part(s3, upload, 1, b"old")
    complete(s3, upload, [part(s3, upload, 1, b"new")])
    assert s3.get_object(**where(upload))["Body"].read() == b"new"


def test_parts_that_are_not_named_are_left_out(s3, upload):
    parts = [part(s3, upload, number, bytes([number])) for number in (1, 2)]
    complete(s3, upload, parts[1:])
    assert s3.get_object(**where(upload))["Body"].read() == b"\x02"


def test_the_list_of_parts(s3, upload):
    for number in (3, 1, 2):
        part(s3, upload, number, bytes(number))
    listed = s3.list_parts(**upload)["Parts"]
    assert [(entry["PartNumber"], entry["Size"]) for entry in listed] == [(1, 1), (2, 2), (3, 3)]
    page = s3.list_parts(**upload, MaxParts=1, PartNumberMarker=1)
    assert ([entry["PartNumber"] for entry in page["Parts"]], page["IsTruncated"]) == ([2], True)


def test_the_list_of_uploads(s3, upload):
    listed = s3.list_multipart_uploads(Bucket=BUCKET, Prefix=upload["Key"])["Uploads"]
    assert [(entry["Key"], entry["UploadId"]) for entry in listed] == [(upload["Key"], upload["UploadId"])]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda first, last: [last, first], "InvalidPartOrder"),
        (lambda first, last: [first, {**last, "ETag": first["ETag"]}], "InvalidPart"),
        (lambda first, last: [first, {**last, "PartNumber": 9}], "InvalidPart"),
        (lambda first, last: [{**last, "PartNumber": 2}, {**last, "PartNumber": 3}], "EntityTooSmall"),
        (lambda first, last: [], "MalformedXML"),
    ],
)
def test_what_cannot_be_completed(s3, upload, wrong, code):
    first, last = part(s3, upload, 1, FIRST), part(s3, upload, 2, LAST)
    part(s3, upload, 3, LAST)
    assert refused(complete, s3, upload, wrong(first, last)) == (400, code)
    complete(s3, upload, [first, last])


def test_completing_under_a_condition(s3, upload):
    s3.put_object(**where(upload), Body=b"first")
    parts = [part(s3, upload, 1, LAST)]
    assert refused(complete, s3, upload, parts, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert s3.get_object(**where(upload))["Body"].read() == b"first"


def test_an_upload_that_is_given_up(s3, upload):
    one = part(s3, upload, 1, LAST)
    s3.abort_multipart_upload(**upload)
    assert refused(s3.upload_part, **upload, PartNumber=2, Body=b"") == (404, "NoSuchUpload")
    assert refused(complete, s3, upload, [one]) == (404, "NoSuchUpload")
    assert refused(s3.abort_multipart_upload, **upload) == (404, "NoSuchUpload")


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers(s3, upload, number):
    assert refused(s3.upload_part, **upload, PartNumber=number, Body=b"") == (400, "InvalidArgument")


def test_parts_from_another_object(s3, upload, prefix):
    s3.put_object(Bucket=BUCKET, Key=prefix + "source", Body=b"0123456789")
    copied = s3.upload_part_copy(
        **upload,
        PartNumber=1,
        CopySource={"Bucket": BUCKET, "Key": prefix + "source"},
        CopySourceRange="bytes=2-4",
    )
    complete(s3, upload, [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}])
    assert s3.get_object(**where(upload))["Body"].read() == b"234"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_checksums_of_parts(s3, prefix, algorithm):
    where = {"Bucket": BUCKET, "Key": prefix + "a"}
    created = s3.create_multipart_upload(**where, ChecksumAlgorithm=algorithm)
    upload = {**where, "UploadId": created["UploadId"]}
    name, parts = f"Checksum{algorithm}", []
    for number, body in [(1, FIRST), (2, LAST)]:
        sent = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], name: sent[name]})
    wrong = [parts[0], {**parts[1], name: parts[0][name]}]
    assert refused(complete, s3, upload, wrong) == (400, "InvalidPart")
    done = complete(s3, upload, parts)
    assert done[name].endswith("-2")
    assert s3.head_object(**where, ChecksumMode="ENABLED")[name] == done[name]


def test_the_transfer_manager(s3, prefix, tmp_path):
    body = bytes(index % 253 for index in range(20 * MIB))
    (tmp_path / "up").write_bytes(body)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
    s3.upload_file(str(tmp_path / "up"), BUCKET, prefix + "a", Config=config)
    s3.copy({"Bucket": BUCKET, "Key": prefix + "a"}, BUCKET, prefix + "b", Config=config)
    s3.download_file(BUCKET, prefix + "b", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == body
    assert s3.head_object(Bucket=BUCKET, Key=prefix + "a")["ETag"].endswith('-3"')
