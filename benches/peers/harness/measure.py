"""One run: everything that is measured, into one record."""

import argparse
import os
import random
import statistics

from harness import machine, quality, resources, thumbnails
from harness.figures import EFFORTS
from harness.pictures import FORMS, PictureSet
from harness.ratios import ratio_of_sums
from harness.record import Record
from harness.speed import Times, best, interleaved, pilot, say, warmed
from harness.ways import Way, ways
from harness.worker import started

SEED = 2_021
# Rounds of the comparison of one thread with two, which takes wall time and so needs more of them.
LEAST_THREAD_ROUNDS = 5


def begun(pictures: PictureSet, rounds: int) -> Record:
    record = Record()
    record.add(
        "run",
        **machine.facts(),
        pictures=pictures.title,
        is_generated=pictures.is_generated,
        megapixels_mean=round(statistics.fmean(picture.pixels for picture in pictures.pictures) / 1e6, 2),
        bytes={form: pictures.bytes_of(form) for form in FORMS},
        rounds=rounds,
        seed=SEED,
        versions=machine.versions(),
    )
    return record


def note_times(
    record: Record, form: str, all_ways: list[Way], times: Times, tried: dict[str, float], pictures: PictureSet
) -> None:
    """Every way, whether it was only tried or stands for its family; its times; and the ratios to ours."""
    measured = {way for way, _ in times.rounds}
    means = {
        way: (
            statistics.fmean(times.medians(way, pictures.pictures)) / 1e6,
            statistics.fmean(times.minima(way, pictures.pictures)) / 1e6,
        )
        for way in measured
    }
    for way in all_ways:
        median, minimum = means.get(way.name, (None, None))
        record.add(
            "way",
            form=form,
            way=way.name,
            family=way.family,
            title=way.title,
            pilot_ms=rounded(tried.get(way.name)),
            is_chosen=way.name in measured,
            median_ms=rounded(median),
            minimum_ms=rounded(minimum),
        )
    for way in all_ways:
        if way.name in measured and not way.is_ours:
            note_ratios(record, form, way, times, pictures)
    for (way_name, picture), cpu_ns in sorted(times.rounds.items()):
        record.add("times", form=form, way=way_name, picture=picture, cpu_us=[ns // 1000 for ns in cpu_ns])


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def note_ratios(record: Record, form: str, way: Way, times: Times, pictures: PictureSet) -> None:
    for effort in EFFORTS:
        ours = f"ours-{effort}"
        medians = ratio_of_sums(times.medians(way.name, pictures.pictures), times.medians(ours, pictures.pictures))
        minima = ratio_of_sums(times.minima(way.name, pictures.pictures), times.minima(ours, pictures.pictures))
        record.add(
            "ratio",
            form=form,
            effort=effort,
            against=way.family,
            way=way.name,
            of_medians=round(medians.value, 4),
            low=round(medians.low, 4),
            high=round(medians.high, 4),
            of_minima=round(minima.value, 4),
        )


def speed(record: Record, all_ways: list[Way], pictures: PictureSet, rounds: int, core: int) -> list[Way]:
    """Times everything in both forms; returns the ways that were chosen in either."""
    order = random.Random(SEED)
    chosen: dict[str, Way] = {}
    for form in FORMS:
        tried = pilot(all_ways, pictures.pictures, form, core, order)
        of_form = best(all_ways, tried)
        with started(of_form, core) as workers:
            for worker in workers.values():
                record.one("run")["versions"].update(worker.versions)
            warmed(workers, pictures.pictures[0], form)
            times = interleaved(workers, pictures.pictures, form, rounds, order)
        note_times(record, form, all_ways, times, tried, pictures)
        chosen |= {way.name: way for way in of_form}
    return list(chosen.values())


def judged(record: Record, all_ways: list[Way], tasks: list[quality.Task]) -> None:
    judgements = list(quality.judge_all(tasks, os.cpu_count() or 1))
    for form in FORMS:
        for way in all_ways:
            found = [one for one in judgements if one.form == form and one.way == way.name]
            if found:
                record.add(
                    "quality",
                    form=form,
                    way=way.name,
                    family=way.family,
                    title=way.title,
                    scores=quality.summary(found),
                )


def everything(arguments: argparse.Namespace, pictures: PictureSet) -> Record:
    all_ways = ways(arguments.worker)
    record = begun(pictures, arguments.rounds)
    say(f"{pictures.title}; {machine.cpu_model()}")
    record.one("run")["ours"] = arguments.worker.name if arguments.worker else None
    chosen = speed(record, all_ways, pictures, arguments.rounds, arguments.core)
    ours = [way for way in all_ways if way.is_ours]
    resources.threads(record, ours, pictures, max(arguments.rounds, LEAST_THREAD_ROUNDS))
    resources.memory(record, chosen, max(pictures.pictures, key=lambda picture: picture.pixels))
    resources.bytes_read(record, ours, pictures)
    judged_ways = [way for way in all_ways if way.is_judged]
    judged(record, judged_ways, thumbnails.made(judged_ways, pictures.pictures))
    record.one("run")["load_after"] = round(os.getloadavg()[0], 1)
    return record
