"""One running store for all checks, and clients for it."""

import itertools
import json
import os
import subprocess
import tempfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "pictures"
SECRET = "conformance-secret"


class Store:
    """A running local-cloud, of which the checks use the store alone."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.ready = None

    def start(self):
        arguments = ["--json", "--count", "0", "--store-port", "0", "--function-port", "0", "--engine-port", "0", "--page-port", "0", "--data", self.folder]
        environment = {**os.environ, "COS_SECRET_ACCESS_KEY": SECRET, "RUST_LOG": "warn"}
        self.process = subprocess.Popen(
            [os.environ["LOCAL_CLOUD"], *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
        )
        self.ready = json.loads(self.process.stdout.readline())
        return self

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0

    def client(self, secret=None, key_id=None, **config):
        return boto3.client(
            "s3",
            endpoint_url=self.ready["store"],
            region_name=self.ready["region"],
            aws_access_key_id=key_id or self.ready["access_key_id"],
            aws_secret_access_key=secret or self.ready["secret_access_key"],
            config=Config(
                s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, max_pool_connections=64, **config
            ),
        )


@pytest.fixture(scope="session")
def store():
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder).start()
        yield store
        store.stop()


@pytest.fixture(scope="session")
def s3(store):
    return store.client()


@pytest.fixture
def prefix(numbers=itertools.count()):
    """A prefix that no other check uses. It is not below images/: the function has nothing to do."""
    return f"check-{next(numbers)}/"


def refused(action, *arguments, **keywords):
    """The status and code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        action(*arguments, **keywords)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
