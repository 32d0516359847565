"""The store in one process, the function in another, so that each one's CPU time is known."""

import json
import os
import pathlib
import socket
import sys
import time
import types
import urllib.error
import urllib.request
from collections.abc import Callable

from experiment.places import LOGS, PROGRAMS, WORK
from experiment.process import Failure, Server
from thumbnails import SIZES, THUMBNAILS, Bucket, thumbnail_key

# As many at once as local-cloud gives to a function in its own process.
FUNCTION_IN_FLIGHT = 32
# What Lithops keeps of its jobs in the bucket.
LITHOPS_JOBS = "lithops.jobs/"
START_SECONDS = 30
PUT_SECONDS = 1_800
# The store goes on for a moment after its last answer; that belongs to the run before.
SETTLE_SECONDS = 0.5


class Cloud:
    """`local-cloud` with the pictures of `folder`, all handled; `with` ends it."""

    def __init__(self, program: pathlib.Path, folder: pathlib.Path, scratch: pathlib.Path) -> None:
        self.program = program
        self.scratch = scratch
        # They stay when the run is over, or they could not be looked into.
        LOGS.mkdir(exist_ok=True)
        self.client_log = LOGS / "client.log"
        self.client_log.unlink(missing_ok=True)
        port = _free_port()
        self.function_url = f"http://127.0.0.1:{port}"
        self.store = Server(
            [
                *(str(program), "--json", "--images", str(folder), "--store-port", "0", "--engine-port", "0", "--page-port", "0"),
                *("--function-url", self.function_url),
            ],
            self._environment(RECIPE="paper"),
            LOGS / "store.log",
            reads=True,
        )
        try:
            self._connect()
            self.function = Server(
                [str(program), "function"],
                self.environment(
                    RECIPE="paper", PORT=str(port), BIND_ADDRESS="127.0.0.1", IN_FLIGHT=str(FUNCTION_IN_FLIGHT)
                ),
                LOGS / "function.log",
            )
        except BaseException:
            self.store.stop()
            raise

    def __enter__(self) -> "Cloud":
        try:
            self._wait_until("the function answers", START_SECONDS, self._is_ready)
            self._wait_until("all pictures are put and handled", PUT_SECONDS, self._is_open)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self.function.stop()
        self.store.stop()

    def _environment(self, **settings: str) -> dict[str, str]:
        """Nothing of the user's settings, so that every run is the same."""
        return {
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
            "PYTHONPYCACHEPREFIX": str(WORK / "pycache"),
            "PYTHONPATH": str(PROGRAMS),
            **settings,
        }

    def _connect(self) -> None:
        assert self.store.process.stdout
        line = self.store.process.stdout.readline()
        if not line:
            self.store.process.wait()
            self.store.check()
        ready = json.loads(line)
        self.settings = {
            "COS_ENDPOINT": ready["store"],
            "COS_REGION": ready["region"],
            "COS_BUCKET": ready["bucket"],
            "COS_ACCESS_KEY_ID": ready["access_key_id"],
            "COS_SECRET_ACCESS_KEY": ready["secret_access_key"],
        }
        self.bucket = Bucket(self.settings)

    def environment(self, **settings: str) -> dict[str, str]:
        """Of a program that uses the store."""
        return self._environment(AWS_DEFAULT_REGION=self.settings["COS_REGION"], **self.settings, **settings)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.function_url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _is_open(self) -> bool:
        return "Open for uploads" in self.store.log.read_text()

    def _wait_until(self, what: str, seconds: float, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            self.store.check()
            self.function.check()
            if time.monotonic() > until:
                raise Failure(f"after {seconds} s it is not so that {what}: see {self.store.log}")
            time.sleep(0.1)

    @property
    def processes(self) -> tuple[int, int]:
        return (self.store.process.pid, self.function.process.pid)

    def settle(self) -> None:
        time.sleep(SETTLE_SECONDS)

    def clear(self) -> None:
        """Removes all thumbnails, and what Lithops left."""
        keys = [key for prefix in (THUMBNAILS, LITHOPS_JOBS) for key in self.bucket.sizes(prefix)]
        for at in range(0, len(keys), 1000):
            objects = [{"Key": key} for key in keys[at : at + 1000]]
            answer = self.bucket.client.delete_objects(Bucket=self.bucket.name, Delete={"Objects": objects})
            if answer.get("Errors"):
                raise Failure(f"{len(answer['Errors'])} objects could not be removed from the store")

    def check_thumbnails(self, count: int) -> int:
        """The bytes of the thumbnails of the first `count` pictures, of which none is missing and none is too many."""
        wanted = {thumbnail_key(key, size) for key in self.bucket.originals(count) for size in SIZES}
        found = self.bucket.sizes(THUMBNAILS)
        if missing := sorted(wanted - found.keys()):
            raise Failure(f"{len(missing)} of {len(wanted)} thumbnails are missing, such as {missing[0]}")
        if others := sorted(found.keys() - wanted):
            raise Failure(f"there are {len(others)} thumbnails that nobody asked for, such as {others[0]}")
        if empty := [key for key, size in found.items() if not size]:
            raise Failure(f"{len(empty)} thumbnails are empty, such as {empty[0]}")
        return sum(found.values())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
