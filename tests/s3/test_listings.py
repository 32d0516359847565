"""Listings: bytewise, in pages, with a delimiter, and of odd names."""

import concurrent.futures

import pytest
from conftest import BUCKET

ODD = [
    "a b", "a+b", "a%20b", "a%2Bb", "%", "%2F", "a/", "a//b", "a/./b", "a/../b", "..", "é", "e\u0301", "日本語.jpg",
    "😀", "<&>\"'", "&amp;", "a?b=c&d#e", "C:\\a", "line\nfeed", "~", "-", "_", ".", "*", "A", "a",
]


@pytest.fixture(scope="module")
def many(s3):
    keys = [f"many/{number:04}" for number in range(2500)]
    put = lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(put, keys))
    return keys


def pages(s3, action, **query):
    return list(s3.get_paginator(action).paginate(Bucket=BUCKET, **query))


@pytest.mark.parametrize("action", ["list_objects_v2", "list_objects"])
@pytest.mark.parametrize("size", [1000, 777])
def test_long_listings(s3, many, action, size):
    listed = pages(s3, action, Prefix="many/", PaginationConfig={"PageSize": size})
    assert [entry["Key"] for page in listed for entry in page["Contents"]] == many
    assert len(listed) == -(-2500 // size)


def test_a_page_has_a_thousand_at_most(s3, many):
    page = s3.list_objects_v2(Bucket=BUCKET, Prefix="many/", MaxKeys=5000)
    assert (page["KeyCount"], page["IsTruncated"]) == (1000, True)


def test_a_page_of_nothing(s3, many):
    page = s3.list_objects_v2(Bucket=BUCKET, Prefix="many/", MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


def test_a_listing_that_starts_late(s3, many):
    page = s3.list_objects_v2(Bucket=BUCKET, Prefix="many/", StartAfter="many/2497")
    assert [entry["Key"] for entry in page["Contents"]] == many[2498:]


def test_a_listing_that_changes_between_its_pages(s3, prefix):
    for number in range(10):
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}{number}", Body=b"")
    first = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix, MaxKeys=5)
    s3.delete_object(Bucket=BUCKET, Key=prefix + "4")
    s3.put_object(Bucket=BUCKET, Key=prefix + "45", Body=b"")
    rest = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix, ContinuationToken=first["NextContinuationToken"])
    assert [entry["Key"][len(prefix) :] for entry in rest["Contents"]] == ["45", "5", "6", "7", "8", "9"]


@pytest.mark.parametrize("action", ["list_objects_v2", "list_objects"])
def test_odd_names(s3, prefix, action):
    for name in ODD:
        s3.put_object(Bucket=BUCKET, Key=prefix + name, Body=name.encode())
    listed = pages(s3, action, Prefix=prefix, PaginationConfig={"PageSize": 3})
    keys = [entry["Key"] for page in listed for entry in page["Contents"]]
    assert keys == sorted((prefix + name for name in ODD), key=str.encode)
    for key in keys:
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key[len(prefix) :].encode()


@pytest.mark.parametrize("action", ["list_objects_v2", "list_objects"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_folders(s3, prefix, action, size):
    for name in ["a/1", "a/2", "a.jpg", "b/c/1", "b/c/2", "d", "é/1"]:
        s3.put_object(Bucket=BUCKET, Key=prefix + name, Body=b"")

    def names(folder):
        listed = pages(s3, action, Prefix=folder, Delimiter="/", PaginationConfig={"PageSize": size})
        keys = [entry["Key"] for page in listed for entry in page.get("Contents", [])]
        folders = [entry["Prefix"] for page in listed for entry in page.get("CommonPrefixes", [])]
        return [key[len(prefix) :] for key in keys], [name[len(prefix) :] for name in folders]

    assert names(prefix) == (["a.jpg", "d"], ["a/", "b/", "é/"])
    assert names(prefix + "b/") == ([], ["b/c/"])
    assert names(prefix + "a/") == (["a/1", "a/2"], [])


def test_an_entry_says_what_the_object_is(s3, prefix):
    put = s3.put_object(Bucket=BUCKET, Key=prefix + "a", Body=b"hello")
    entry = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"][0]
    head = s3.head_object(Bucket=BUCKET, Key=prefix + "a")
    assert (entry["ETag"], entry["Size"]) == (put["ETag"], 5)
    assert entry["LastModified"].replace(microsecond=0) == head["LastModified"]
