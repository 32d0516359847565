"""What is to be reached, and whether a run reached it. Knows the record alone."""

import statistics

from harness.figures import Verdict
from harness.record import Line, Record

PEER, OURS = "paper-pool", "ours-parallel"
TIMES_AS_FAST, TIMES_AIM = 35, 60
# Of the processors' time while the peer ran; above it a ratio of wall times says nothing.
MOST_OTHERS = 0.15
MANY, MANY_SECONDS, MANY_AIM_SECONDS = 250, 3.5, 2.0


def mean_cpu_ms(samples: list[Line], *parts: str) -> float:
    """CPU time of one picture in milliseconds: of these parts, or else of all."""
    chosen = parts or ("client", "store", "function")
    total_us = sum(sample[f"{part}_cpu_us"] for sample in samples for part in chosen)
    return total_us / 1000 / sum(sample["pictures"] for sample in samples)


def median_seconds(samples: list[Line], clock: str) -> float:
    return statistics.median(sample[f"{clock}_us"] for sample in samples) / 1e6


def others_share(samples: list[Line], processors: int) -> float:
    """Of the processors' time during these runs, what went to none of the programs that are measured."""
    return sum(one["other_cpu_us"] for one in samples) / sum(one["wall_us"] for one in samples) / processors


def interval(ratio: Line, rounds: int) -> str:
    """With its interval, which takes two rounds at least."""
    return f" ({ratio['low']:.1f}–{ratio['high']:.1f})" if rounds > 1 else ""


def verdicts(record: Record) -> list[Verdict]:
    """Wall time of whole programs, store included. They are meant for two processors, as the paper had."""
    run = record.one("run")
    where = f"{run['cpus']} processors"
    found = []
    for line in record.all("ratio", peer=PEER, ours=OURS):
        ratio = line["wall"]
        # What others take from the peer makes the ratio too high; what they take from ours makes it too low, at the worst.
        others = others_share(record.all("sample", way=PEER, pictures=run["count"]), run["cpus"])
        is_void = others > MOST_OTHERS
        found.append(
            Verdict(
                where,
                f"parallel at least {TIMES_AS_FAST} times as fast as the paper's pool, aim {TIMES_AIM}",
                f"void: others had {others:.0%} of the processors while the pool ran"
                if is_void
                else f"{ratio['value']:.1f}{interval(ratio, run['rounds'])}"
                + ", aim reached" * (ratio["value"] >= TIMES_AIM),
                not is_void and ratio["value"] >= TIMES_AS_FAST,
            )
        )
    if samples := record.all("sample", way=OURS, pictures=MANY):
        seconds = median_seconds(samples, "wall")
        found.append(
            Verdict(
                where,
                f"{MANY} pictures by parallel in at most {MANY_SECONDS} s, aim {MANY_AIM_SECONDS:g} s",
                f"{seconds:.2f} s, median" + ", aim reached" * (seconds <= MANY_AIM_SECONDS),
                seconds <= MANY_SECONDS,
            )
        )
    return found
