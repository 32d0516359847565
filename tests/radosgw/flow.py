"""Starts a Ceph cluster of one monitor and one OSD in memory, radosgw and the function, and lets radosgw tell the
function of what happens to originals.

Everything is on loopback, in a temporary directory, and is stopped at the end.
"""

import contextlib
import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
import zlib

import boto3
import botocore.config
import botocore.exceptions

SIZES = (16, 32, 64, 128, 256, 512)
BUCKET = "pictures"
KEY_ID, SECRET = "flow", "canary-radosgw"
PATIENCE_SECONDS = 120

# Authentication is off, and so are the modes of its messages that need it.
CEPH_CONF = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms client mode = crc
keyring = {root}/keyring
run dir = {root}
admin socket = {root}/$name.asok
pid file = {root}/$name.pid
log file = {root}/$name.log
mon data = {root}/mon
osd data = {root}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
[client]
rgw frontends = beast endpoint=127.0.0.1:{rgw}
rgw data = {root}/rgw
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def until(what, question):
    """Asks again and again until the answer is something, and gives it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.2)
    raise SystemExit(f"radosgw: not within {PATIENCE_SECONDS} s: {what}")


def png(width, height, pixel):
    """An RGB picture; `pixel` gives a row's bytes."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    rows = b"".join(b"\0" + pixel(3 * width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class Flow:
    def __init__(self, stack, root):
        self.root = root
        self.stack = stack
        self.mon2, self.mon1, self.rgw = free_ports(3)
        self.log = root / "function.log"
        self.seen = 0

    def run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        if done.returncode:
            raise SystemExit(f"radosgw: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def daemon(self, *command, **options):
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
        self.stack.callback(started.wait)
        self.stack.callback(started.terminate)
        return started

    def start_ceph(self):
        conf = self.root / "ceph.conf"
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        names = dict(fsid=fsid, root=self.root, mon1=self.mon1, mon2=self.mon2, rgw=self.rgw)
        conf.write_text(CEPH_CONF.format(**names))
        for folder in ("mon", "osd", "rgw"):
            (self.root / folder).mkdir()
        keyring, monmap = self.root / "keyring", self.root / "monmap"
        self.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "client.admin")
        address = f"[v2:127.0.0.1:{self.mon2},v1:127.0.0.1:{self.mon1}]"
        self.run("monmaptool", "-c", conf, "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        self.run("ceph-mon", "-c", conf, "--mkfs", "-i", "a", "--monmap", monmap)
        quiet = dict(stderr=subprocess.DEVNULL)
        self.daemon("ceph-mon", "-c", conf, "-i", "a", "-f", **quiet)
        self.run("ceph", "-c", conf, "osd", "new", osd)
        self.run("ceph-osd", "-c", conf, "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.daemon("ceph-osd", "-c", conf, "-i", "0", "-f", **quiet)
        up = lambda: json.loads(self.run("ceph", "-c", conf, "osd", "stat", "-f", "json"))["num_up_osds"]
        until("the OSD is up", up)
        self.daemon("radosgw", "-c", conf, "-n", "client.admin", "-f", **quiet)
        user = ("user", "create", "--uid", "flow", "--display-name", "flow")
        keys = ("--access-key", KEY_ID, "--secret-key", SECRET)
        self.run("radosgw-admin", "-c", conf, "-n", "client.admin", *user, *keys)
        url = f"http://127.0.0.1:{self.rgw}"

        def answers():
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(url, timeout=5).status == 200

        until("radosgw answers", answers)
        return url

    def client(self, service, url):
        config = botocore.config.Config(
            retries={"total_max_attempts": 4},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
        )
        keys = dict(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)
        return boto3.client(service, endpoint_url=url, region_name="default", config=config, **keys)

    def environment(self, url):
        return {
            "COS_ENDPOINT": url,
            "COS_REGION": "default",
            "COS_BUCKET": BUCKET,
            "COS_ACCESS_KEY_ID": KEY_ID,
            "COS_SECRET_ACCESS_KEY": SECRET,
        }

    def start_function(self, url):
        arguments = ("serve", "--port", "0", "--bind-address", "127.0.0.1")
        with self.log.open("wb") as log:
            self.daemon(os.environ["FUNCTION"], *arguments, stderr=log, env=self.environment(url))
        listening = until("the function listens", lambda: self.lines())[0]
        return f"http://{listening['address']}/events"

    def lines(self):
        whole = self.log.read_text().split("\n")[:-1]
        return [json.loads(line) for line in whole]

    def told(self):
        """The types and outcomes of the events that were handled since the last time."""
        handled = [line for line in self.lines() if "status" in line and "span" in line]
        new, self.seen = handled[self.seen :], len(handled)
        outcome = lambda line: ": ".join(line[key] for key in ("verdict", "reason") if key in line)
        return [(line["span"]["event_type"], line["status"], outcome(line)) for line in new]


def main():
    with tempfile.TemporaryDirectory(prefix="radosgw.") as folder, contextlib.ExitStack() as stack:
        flow = Flow(stack, pathlib.Path(folder))
        began = time.monotonic()
        url = flow.start_ceph()
        version = flow.run("radosgw", "--version").split(" (")[0]
        print(f"{version}: started in {time.monotonic() - began:.0f} s")
        check(flow, url)


def check(flow, url):
    s3, sns = flow.client("s3", url), flow.client("sns", url)
    s3.create_bucket(Bucket=BUCKET)
    endpoint = flow.start_function(url)
    topic = sns.create_topic(Name="events", Attributes={"push-endpoint": endpoint})["TopicArn"]
    rule = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "images/"}]}}
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    configured = {"Id": "events", "TopicArn": topic, "Events": events, "Filter": rule}
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"TopicConfigurations": [configured]}
    )

    def head(key):
        try:
            return s3.head_object(Bucket=BUCKET, Key=key)
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            return None

    def whole(path):
        """Whether all thumbnails stand, the last one for what the original is now."""
        original = head(f"images/{path}")
        heads = [head(f"thumbnails/{path}/{size}.jpg") for size in SIZES]
        tags = {one and one["Metadata"].get("original-etag") for one in heads}
        return tags == {original["ETag"].strip('"')}

    def gone(path):
        return not any(head(f"thumbnails/{path}/{size}.jpg") for size in SIZES)

    def record(path):
        return bool(head(f"failures/{path}")) and gone(path)

    def step(what, path, ended):
        until(f"{what}: {path}", lambda: ended(path))
        # An event that is answered after its thumbnails stand.
        told = until("an event", flow.told)
        assert all(status == 200 for _, status, _ in told), told
        for event_type, _, outcome in told:
            print(f"{what:<22} {event_type.removeprefix('com.amazonaws.s3.'):<42} {outcome}")

    odd = "2024/Zoë's cat+1 %2F 東京.png"
    flat = lambda shade: png(600, 300, lambda count: bytes([shade]) * count)
    s3.put_object(Bucket=BUCKET, Key=f"images/{odd}", Body=flat(200))
    step("put", odd, whole)
    s3.put_object(Bucket=BUCKET, Key=f"images/{odd}", Body=flat(90))
    step("put again", odd, whole)

    noise = random.Random(1)
    large = png(1600, 1300, noise.randbytes)
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="images/large.png")["UploadId"]
    named = dict(Bucket=BUCKET, Key="images/large.png", UploadId=upload)
    parts = []
    for number, begin in enumerate(range(0, len(large), 5 << 20), 1):
        part = s3.upload_part(**named, PartNumber=number, Body=large[begin : begin + (5 << 20)])
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    assert len(parts) > 1
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    step(f"multipart, {len(parts)} parts", "large.png", whole)

    source = {"Bucket": BUCKET, "Key": "images/large.png"}
    s3.copy_object(Bucket=BUCKET, Key="images/copy.png", CopySource=source)
    step("copy", "copy.png", whole)
    s3.put_object(Bucket=BUCKET, Key="images/copy.png", Body=b"no picture")
    step("put no picture", "copy.png", record)
    s3.delete_object(Bucket=BUCKET, Key=f"images/{odd}")
    step("delete", odd, gone)
    # One by one: DeleteObjects of a bucket with notifications ends radosgw 16.2.15.
    s3.delete_object(Bucket=BUCKET, Key="images/copy.png")
    step("delete no picture", "copy.png", lambda path: not record(path))
    s3.put_object(Bucket=BUCKET, Key="elsewhere/last.png", Body=flat(30))
    assert not flow.told(), "radosgw does not tell of what is outside of the prefix"

    print("put elsewhere          no event")
    audit = (os.environ["BACKFILL"], "verify", "--pending-minutes", "0")
    done = subprocess.run(audit, env=flow.environment(url), capture_output=True, text=True)
    print(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in flow.log.read_text() + done.stdout + done.stderr
    print("radosgw: everything arrived and ended right")


if __name__ == "__main__":
    sys.exit(main())
