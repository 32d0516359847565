"""A running local-cloud, of which the checks use the engine and the identity, and IBM's clients for them."""

import json
import os
import pathlib
import subprocess
import time

import pytest
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import IAMAuthenticator
from ibm_code_engine_sdk.code_engine_v2 import CodeEngineV2

API_KEY = "conformance-api-key"


class Cloud:
    def __init__(self, *arguments):
        ports = ["--store-port", "0", "--function-port", "0", "--engine-port", "0", "--page-port", "0"]
        environment = {"PATH": os.environ["PATH"], "IBMCLOUD_API_KEY": API_KEY}
        self.process = subprocess.Popen(
            [os.environ["LOCAL_CLOUD"], "--json", "--count", "0", *ports, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )
        self.ready = json.loads(self.process.stdout.readline())
        self.url = self.ready["engine"]
        self.project = self.ready["project_id"]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0

    def iam(self, api_key=API_KEY):
        return IAMAuthenticator(api_key, url=self.url)

    def engine(self, authenticator=None):
        service = CodeEngineV2(authenticator=authenticator or self.iam(), version="2025-07-10")
        service.set_service_url(f"{self.url}/v2")
        return service

    def instances(self):
        """The environment of each process that the engine has started and that runs."""
        environments = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                parent = (path / "stat").read_text().rsplit(")", 1)[1].split()[1]
                variables = (path / "environ").read_bytes().decode()
            except (OSError, IndexError):
                continue
            environment = dict(pair.split("=", 1) for pair in variables.split("\0") if "=" in pair)
            # A process that has not begun its program yet still has its parent's environment.
            if int(parent) == self.process.pid and "JOB_INDEX" in environment:
                environments.append(environment)
        return environments


@pytest.fixture(scope="session")
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def engine(cloud):
    return cloud.engine()


def until(what, seconds=60):
    """What `what` gives as soon as that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def refused(action, *arguments, **keywords):
    """The status and the error of a call that is refused, and the whole answer's body."""
    with pytest.raises(ApiException) as caught:
        action(*arguments, **keywords)
    return caught.value.status_code, caught.value.message, caught.value.http_response.json()
