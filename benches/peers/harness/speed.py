"""CPU time of each way over each picture, all ways interleaved."""

import random
import statistics
import sys
from dataclasses import dataclass

from harness.pictures import Picture
from harness.ways import Way
from harness.worker import Worker, started


@dataclass(frozen=True)
class Times:
    """CPU time in nanoseconds by way and picture, one for each round."""

    rounds: dict[tuple[str, str], list[int]]

    def of(self, way: str, picture: str) -> list[int]:
        return self.rounds[way, picture]

    def medians(self, way: str, pictures: list[Picture]) -> list[float]:
        return [statistics.median(self.of(way, picture.name)) for picture in pictures]

    def minima(self, way: str, pictures: list[Picture]) -> list[float]:
        return [min(self.of(way, picture.name)) for picture in pictures]


def say(text: str) -> None:
    print(f"peers: {text}", file=sys.stderr, flush=True)


def interleaved(
    workers: dict[str, Worker], pictures: list[Picture], form: str, rounds: int, order: random.Random
) -> Times:
    """For each round and each picture every way once, in an order that is new each time."""
    times: dict[tuple[str, str], list[int]] = {}
    for number in range(rounds):
        for picture in pictures:
            for way in order.sample(sorted(workers), len(workers)):
                answer = workers[way].make(picture.form(form))
                times.setdefault((way, picture.name), []).append(answer["cpu_ns"])
        say(f"{form}: round {number + 1} of {rounds}")
    return Times(times)


def warmed(workers: dict[str, Worker], picture: Picture, form: str) -> None:
    """What is done once in a process is no part of a picture's time."""
    for worker in workers.values():
        worker.make(picture.form(form))


def pilot(ways: list[Way], pictures: list[Picture], form: str, core: int, order: random.Random) -> dict[str, float]:
    """Mean CPU time in milliseconds of each variant of those families that have several, over a few pictures."""
    families = [way.family for way in ways]
    variants = [way for way in ways if families.count(way.family) > 1]
    few = pictures[:: max(1, len(pictures) // 6)][:6]
    with started(variants, core) as workers:
        warmed(workers, few[0], form)
        times = interleaved(workers, few, form, 2, order)
    return {way.name: statistics.mean(times.minima(way.name, few)) / 1e6 for way in variants}


def best(ways: list[Way], tried: dict[str, float]) -> list[Way]:
    """Of each family the variant that was fastest in the pilot."""
    chosen: dict[str, Way] = {}
    for way in ways:
        other = chosen.get(way.family)
        if other is None or tried[way.name] < tried[other.name]:
            chosen[way.family] = way
    return list(chosen.values())
