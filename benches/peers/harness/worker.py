"""A long-lived process that makes thumbnails and says what that cost."""

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

from harness.ways import Way, environment


class Failure(Exception):
    """A worker ended, or said what is no answer."""


class Worker:
    """Started with the first use; `with` ends it. `core` is the one that all its threads run on."""

    def __init__(self, way: Way, core: int | None) -> None:
        pinned = () if core is None else ("taskset", "--cpu-list", str(core))
        self.way = way
        self.process = subprocess.Popen(
            [*pinned, *way.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        self.versions: dict[str, str] = self._answer()["versions"]

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()

    def make(self, picture: pathlib.Path, thumbnails: str | None = None) -> dict[str, Any]:
        """Six thumbnails of a picture, written to `thumbnails` and `.SIZE.jpg` where that is given."""
        return self._ask({"picture": str(picture), "thumbnails": thumbnails})

    def make_all(self, pictures: list[pathlib.Path], times: int, threads: int) -> dict[str, Any]:
        """Those of many pictures, so many times, by so many threads; only our worker can."""
        return self._ask({"pictures": [str(picture) for picture in pictures], "times": times, "threads": threads})

    def needed(self, picture: pathlib.Path) -> int:
        """The shortest beginning of a picture that gives the same thumbnails, in bytes; only our worker can."""
        return self._ask({"needed_of": str(picture)})["bytes"]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise Failure(f"{self.way.name} has ended") from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.way.name} ended with status {self.process.wait()}")
        return json.loads(line)


@contextlib.contextmanager
def started(ways: list[Way], core: int | None) -> Iterator[dict[str, Worker]]:
    """One worker for each way, by its name."""
    with contextlib.ExitStack() as stack:
        yield {way.name: stack.enter_context(Worker(way, core)) for way in ways}
