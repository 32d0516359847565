#!/usr/bin/env python3
"""The function over TLS, with tokens of IAM: see run.

    check.py FUNCTION CERTIFICATE KEY WORK
"""

import concurrent.futures
import itertools
import json
import pathlib
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib

from cloud import Cloud

FUNCTION, CERTIFICATE, KEY, WORK = sys.argv[1:]
API_KEY = "canary-api-key"


def png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([row % 256, 128, 64]) * width for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Function:
    """One process of the function, told of the cloud by its settings."""

    def __init__(self, cloud, **settings):
        self.cloud, self.log, self.numbers = cloud, pathlib.Path(WORK) / "log", itertools.count(1)
        settings = {
            "COS_ENDPOINT": cloud.url, "COS_REGION": "eu-de", "COS_BUCKET": "photos", "IAM_URL": cloud.url, "SSL_CERT_FILE": CERTIFICATE,
            "DRAIN_SECONDS": "0", **settings,
        }  # fmt: skip
        with self.log.open("w") as log:
            command = [FUNCTION, "serve", "--port", "0", "--bind-address", "127.0.0.1"]
            self.process = subprocess.Popen(command, env=settings, stderr=log, stdout=log)
        self.address = None
        while not self.address:
            lines = [json.loads(line) for line in self.log.read_text().splitlines(True) if line.endswith("\n")]
            self.address = next((line["address"] for line in lines if line.get("message") == "listening"), None)
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)
        log = self.log.read_text()
        assert "canary" not in log and not any(token in log for token in self.cloud.tokens), log

    def upload(self):
        """The status of the event of a new picture."""
        key = f"images/{next(self.numbers)}.png"
        self.cloud.objects[key] = (png(40, 30), {})
        body = {"bucket": "photos", "endpoint": "", "key": key, "operation": "Object:Write",
                "notification": {"event_type": "Object:Write", "format": "2.0", "bucket_name": "photos", "object_name": key}}  # fmt: skip
        request = urllib.request.Request(f"http://{self.address}/events", json.dumps(body).encode(), {
            "Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": key, "ce-type": "com.ibm.cloud.cos.document.write",
            "ce-source": "https://cloud.ibm.com/catalog/services/cloud-object-storage/photos",
        })  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said = json.load(answer)
                assert said["verdict"] == "made", said
                return answer.status
        except urllib.error.HTTPError as error:
            assert error.code != 503 or error.headers["Retry-After"]
            return error.code


def case(cloud, name, check, **settings):
    cloud.revoke()
    cloud.granted.clear()
    cloud.objects.clear()
    cloud.lifetime, cloud.skew, cloud.grace, cloud.is_up = 3600, 0, 0, True
    with Function(cloud, **{"COS_API_KEY": API_KEY, **settings}) as function:
        check(cloud, function)
    print(f"  {name}")


def one_token_for_many(cloud, function):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: function.upload(), range(8))) == [200] * 8
    assert cloud.granted == ["apikey"] and len(cloud.objects) == 8 * 7


def slow(cloud, function):
    # By IAM's clock it has ended when it comes; by how long it is good, it has not.
    cloud.lifetime, cloud.skew = 600, -20 * 60
    assert [function.upload() for _ in range(3)] == [200] * 3 and len(cloud.granted) == 1


def fast(cloud, function):
    # By IAM's clock the first token ends in 20 minutes, and no refusal says otherwise.
    cloud.lifetime, cloud.skew, cloud.grace = 3, 20 * 60, 3600
    assert function.upload() == 200
    end = time.monotonic() + 60
    while len(cloud.granted) < 2:
        assert function.upload() == 200 and time.monotonic() < end


def expiry(cloud, function):
    cloud.lifetime = 4
    assert function.upload() == 200
    end = time.monotonic() + 60
    # On a machine that stands still between two steps, a token may end on its way.
    while (status := function.upload()) != 200 or len(cloud.granted) < 3:
        assert status in (200, 503) and time.monotonic() < end


def revoked(cloud, function):
    assert function.upload() == 200
    cloud.revoke()
    assert function.upload() == 200 and len(cloud.granted) == 2


def outage(cloud, function):
    assert function.upload() == 200
    cloud.is_up = False
    assert function.upload() == 200
    cloud.revoke()
    assert function.upload() == 503
    cloud.is_up = True
    end = time.monotonic() + 60
    while (status := function.upload()) != 200:
        assert status == 503 and time.monotonic() < end
        time.sleep(0.2)


def no_token(cloud, function):
    assert function.upload() == 503 and not cloud.granted


def profile(cloud, function):
    file = pathlib.Path(WORK) / "compute-token"
    for number in (1, 2):
        cloud.compute_token = f"canary-compute-{number}"
        file.write_text(cloud.compute_token)
        cloud.revoke()
        assert function.upload() == 200 and cloud.granted == ["cr-token"] * number


cloud = Cloud((CERTIFICATE, KEY), API_KEY)
case(cloud, "many events at once, one token", one_token_for_many)
case(cloud, "a clock that is 20 minutes slow", slow)
case(cloud, "a clock that is 20 minutes fast", fast)
case(cloud, "tokens that end", expiry)
case(cloud, "a token that is revoked", revoked)
case(cloud, "an outage of IAM", outage)
case(cloud, "a key that IAM refuses", no_token, COS_API_KEY="canary-another-key")
no_key = {"COS_API_KEY": "", "COS_TRUSTED_PROFILE": "thumbnails-cos", "IAM_CR_TOKEN_FILE": f"{WORK}/compute-token"}
case(cloud, "a trusted profile, its compute resource's token read anew", profile, **no_key)
case(cloud, "a server that nobody vouches for", no_token, SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
