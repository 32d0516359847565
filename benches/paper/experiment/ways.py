"""The paper's three programs and our three modes, and how each one is started."""

import sys
from dataclasses import dataclass

from experiment.cloud import Cloud
from experiment.places import PROGRAMS


@dataclass(frozen=True)
class Way:
    """One way to make the thumbnails of the first pictures of the bucket."""

    name: str
    title: str
    is_ours: bool
    arguments: tuple[str, ...]
    """Of ours after the program's name, of the paper's a Python program."""

    def command(self, cloud: Cloud, count: int) -> list[str]:
        if not self.is_ours:
            return [sys.executable, *self.arguments, str(count)]
        function = ("--function", cloud.function_url) if "fan-out" in self.arguments else ()
        return [str(cloud.program), "backfill", *self.arguments, "--count", str(count), *function]


def _paper(name: str, title: str, program: str) -> Way:
    return Way(f"paper-{name}", f"the paper's way, {title}", False, (str(PROGRAMS / program),))


def _ours(mode: str, title: str) -> Way:
    return Way(f"ours-{mode}", f"ours, {title}", True, ("--no-journal", "--mode", mode, "--recipe", "paper", "--json"))


WAYS = (
    _paper("sequential", "sequential", "sequential.py"),
    _paper("pool", "multiprocessing.Pool()", "pool.py"),
    _paper("lithops", "Lithops on localhost", "lithops_localhost.py"),
    _ours("sequential", "sequential"),
    _ours("parallel", "parallel"),
    _ours("fan-out", "fan-out over HTTP"),
)
