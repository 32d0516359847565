"""The aws command line."""

import json
import os
import subprocess

import pytest
from conftest import BUCKET


@pytest.fixture
def aws(store):
    def run(*arguments, fails=False):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "AWS_ACCESS_KEY_ID": store.ready["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": store.ready["secret_access_key"],
            "AWS_DEFAULT_REGION": store.ready["region"],
        }
        command = ["aws", "--endpoint-url", store.ready["store"], *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_files_go_up_and_come_down(aws, prefix, tmp_path):
    for name, length in [("small", 10), ("long", 20 << 20)]:
        (tmp_path / name).write_bytes(os.urandom(length))
        aws("s3", "cp", tmp_path / name, f"s3://{BUCKET}/{prefix}{name}")
        aws("s3", "cp", f"s3://{BUCKET}/{prefix}{name}", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == (tmp_path / name).read_bytes()


def test_a_folder_is_synchronised(aws, s3, prefix, tmp_path):
    (tmp_path / "from" / "sub").mkdir(parents=True)
    for name in ["a b.jpg", "é.jpg", "sub/c+d.jpg"]:
        (tmp_path / "from" / name).write_bytes(name.encode())
    aws("s3", "sync", tmp_path / "from", f"s3://{BUCKET}/{prefix}")
    aws("s3", "sync", f"s3://{BUCKET}/{prefix}", tmp_path / "to")
    for name in ["a b.jpg", "é.jpg", "sub/c+d.jpg"]:
        assert (tmp_path / "to" / name).read_bytes() == name.encode()
    assert aws("s3", "sync", tmp_path / "from", f"s3://{BUCKET}/{prefix}") == ""
    (tmp_path / "from" / "é.jpg").unlink()
    aws("s3", "sync", "--delete", tmp_path / "from", f"s3://{BUCKET}/{prefix}")
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 2


def test_listings(aws, s3, prefix):
    for name in ["a", "sub/b", "sub/c"]:
        s3.put_object(Bucket=BUCKET, Key=prefix + name, Body=b"hello")
    listed = aws("s3", "ls", f"s3://{BUCKET}/{prefix}")
    assert [line.split()[-1] for line in listed.splitlines()] == ["sub/", "a"]
    listed = aws("s3", "ls", "--recursive", f"s3://{BUCKET}/{prefix}")
    assert [line.split()[-1] for line in listed.splitlines()] == [prefix + name for name in ["a", "sub/b", "sub/c"]]


def test_moves_and_removals(aws, s3, prefix):
    for name in ["a", "b", "sub/c"]:
        s3.put_object(Bucket=BUCKET, Key=prefix + name, Body=b"hello")
    aws("s3", "mv", f"s3://{BUCKET}/{prefix}a", f"s3://{BUCKET}/{prefix}moved")
    aws("s3", "rm", "--recursive", f"s3://{BUCKET}/{prefix}sub/")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]]
    assert keys == [prefix + "b", prefix + "moved"]


def test_buckets(aws):
    aws("s3", "mb", "s3://made-by-command")
    assert "made-by-command" in aws("s3", "ls")
    aws("s3", "rb", "s3://made-by-command")
    assert "made-by-command" not in aws("s3", "ls")


def test_single_actions(aws, prefix, tmp_path):
    (tmp_path / "a").write_bytes(b"hello")
    where = ["--bucket", BUCKET, "--key", prefix + "a"]
    aws("s3api", "put-object", *where, "--body", tmp_path / "a", "--metadata", "is=small")
    head = json.loads(aws("s3api", "head-object", *where))
    assert (head["ContentLength"], head["Metadata"]) == (5, {"is": "small"})
    assert "(404)" in aws("s3api", "head-object", "--bucket", BUCKET, "--key", prefix + "absent", fails=True)
