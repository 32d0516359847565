"""One experiment: every way over the same pictures in the same store, round by round, into one record."""

import importlib.metadata
import json
import os
import pathlib
import platform
import random
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import PIL
from PIL import features

from experiment import process
from experiment.cloud import Cloud
from experiment.figures import mean_cpu_ms
from experiment.pictures import PictureSet
from experiment.places import WORK
from experiment.process import Failure
from experiment.ways import WAYS, Way
from harness import machine
from harness.ratios import ratio_of_sums
from harness.record import Line, Record

SEED = 2_021
# Of the runs before the first round, which are not counted.
WARM_UP_PICTURES = 4


def say(text: str) -> None:
    print(f"paper: {text}", file=sys.stderr, flush=True)


def everything(
    program: pathlib.Path,
    is_built_here: bool,
    pictures: PictureSet,
    count: int,
    many: int,
    rounds: int,
    record_path: pathlib.Path,
    ways: Sequence[Way] = WAYS,
) -> Record:
    """All ways over `count` pictures, and ours over `many` as well; the record is written after each round."""
    process.adopt_orphans()
    WORK.mkdir(parents=True, exist_ok=True)
    record = Record()
    with tempfile.TemporaryDirectory(dir=WORK, prefix="run-") as name:
        scratch = pathlib.Path(name)
        folder = scratch / "pictures"
        pictures.linked(folder, max(count, many))
        record.add(
            "run",
            **machine.facts(),
            pictures=pictures.title,
            is_generated=pictures.is_generated,
            different=len(pictures.paths),
            count=count,
            many=many,
            bytes=pictures.bytes_of(count),
            megapixels_mean=round(pictures.megapixels_of(count), 2),
            rounds=rounds,
            seed=SEED,
            is_built_here=is_built_here,
            versions=versions(program),
        )
        say(f"{pictures.title}, {max(count, many)} to put; {machine.cpu_model()}, {os.cpu_count()} processors")
        with Cloud(program, folder, scratch) as cloud:
            for way in ways:
                measured(cloud, way, min(count, WARM_UP_PICTURES))
            for number in range(1, rounds + 1):
                for way, pictures_of_it in turns(ways, count, many, number):
                    sample = measured(cloud, way, pictures_of_it)
                    record.add("sample", round=number, **sample)
                    say(f"round {number} of {rounds}: {way.title}, {pictures_of_it}: {sample['wall_us'] / 1e6:.2f} s")
                record.write(record_path)
    note_ratios(record, ways, count)
    record.one("run")["load_after"] = round(os.getloadavg()[0], 1)
    record.write(record_path)
    return record


def turns(ways: Sequence[Way], count: int, many: int, number: int) -> list[tuple[Way, int]]:
    """What a round consists of, in a random order of its own."""
    all_turns = [(way, count) for way in ways]
    if many > count:
        all_turns += [(way, many) for way in ways if way.is_ours]
    random.Random(SEED + number).shuffle(all_turns)
    return all_turns


def versions(program: pathlib.Path) -> dict[str, str]:
    return {
        "local-cloud": machine.first_line(str(program), "--version").removeprefix("local-cloud "),
        "Python": platform.python_version(),
        "Pillow": PIL.__version__,
        "libjpeg-turbo in Pillow": features.version_feature("libjpeg_turbo") or "none",
        "boto3": importlib.metadata.version("boto3"),
        "Lithops": importlib.metadata.version("lithops"),
    }


def measured(cloud: Cloud, way: Way, count: int) -> dict[str, Any]:
    """One run, of which every thumbnail is made anew and looked for afterwards."""
    cloud.clear()
    cloud.settle()
    store, function, busy = cloud.store.cpu_us(), cloud.function.cpu_us(), process.busy_us()
    ended = process.ran(way.command(cloud, count), cloud.environment(), cloud.client_log, cloud.processes)
    measured_us = cloud.store.cpu_us() - store + cloud.function.cpu_us() - function + ended.cpu_us
    # Kernel threads, the harness while it waits, and whoever else uses the machine.
    others = max(0, process.busy_us() - busy - measured_us)
    cloud.settle()
    # Before the look for the thumbnails, which is no part of the run.
    store, function = cloud.store.cpu_us() - store, cloud.function.cpu_us() - function
    try:
        told = json.loads(ended.output.splitlines()[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise Failure(f"{way.name} printed no JSON but {ended.output[-200:]!r}") from error
    clocks = told["clocks"]
    return {
        "way": way.name,
        "title": way.title,
        "pictures": count,
        "thumbnail_bytes": cloud.check_thumbnails(count),
        "wall_us": ended.wall_us,
        "end_to_end_us": clocks["end_to_end_us"],
        "paper_us": clocks["paper_us"],
        "client_cpu_us": ended.cpu_us,
        "store_cpu_us": store,
        "function_cpu_us": function,
        "other_cpu_us": others,
        "retries": told.get("retries"),
    }


def note_ratios(record: Record, ways: Sequence[Way], count: int) -> None:
    """How many times as long the paper's ways take as ours, in wall time and in CPU time; by rounds, in pairs."""

    def samples(way: Way) -> list[Line]:
        return record.all("sample", way=way.name, pictures=count)

    for peer in (way for way in ways if not way.is_ours):
        for ours in (way for way in ways if way.is_ours):
            wall = ratio_of_sums(*([float(one["wall_us"]) for one in samples(way)] for way in (peer, ours)))
            cpu = ratio_of_sums(*([mean_cpu_ms([one]) for one in samples(way)] for way in (peer, ours)))
            record.add(
                "ratio",
                peer=peer.name,
                ours=ours.name,
                **{
                    name: {"value": round(ratio.value, 3), "low": round(ratio.low, 3), "high": round(ratio.high, 3)}
                    for name, ratio in (("wall", wall), ("cpu", cpu))
                },
            )
