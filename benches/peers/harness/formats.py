"""Other inputs than JPEG: the same pictures as PNG, WebP, GIF and TIFF, and the time of their thumbnails."""

import argparse
import pathlib
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from harness import machine
from harness.pictures import PictureSet, digest
from harness.places import WORK
from harness.record import Record
from harness.ratios import ratio_of_sums
from harness.speed import Times, best, interleaved, pilot, say, warmed
from harness.ways import Way, ways
from harness.worker import started

SEED = 2_021
OURS = "ours-default"

Write = Callable[[Image.Image, pathlib.Path], None]


def _saved(kind: str, **options: object) -> Write:
    return lambda image, path: image.save(path, kind, **options)


def _gif(image: Image.Image, path: pathlib.Path) -> None:
    image.quantize(256).save(path, "GIF")


# As Pillow writes them by default, but for what is named.
FORMATS: dict[str, tuple[str, Write]] = {
    "PNG": ("png", _saved("PNG")),
    "WebP, lossy": ("webp", _saved("WEBP", quality=80)),
    "WebP, lossless": ("webp", _saved("WEBP", lossless=True, method=1)),
    "GIF": ("gif", _gif),
    "TIFF, LZW": ("tif", _saved("TIFF", compression="tiff_lzw")),
    "TIFF, deflate": ("tif", _saved("TIFF", compression="tiff_adobe_deflate")),
    "TIFF, not packed": ("tif", _saved("TIFF")),
}


@dataclass(frozen=True)
class Converted:
    """A picture in these formats."""

    name: str
    paths: dict[str, pathlib.Path]

    def form(self, name: str) -> pathlib.Path:
        return self.paths[name]


def converted(pictures: PictureSet, names: list[str]) -> list[Converted]:
    """Made once, and kept."""
    folder = WORK / "formats"
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for picture in pictures.pictures:
        paths = {}
        for name in names:
            extension, write = FORMATS[name]
            kind = name.lower().replace(", ", "-").replace(" ", "-")
            path = folder / f"{picture.name}-{digest(picture.baseline)}-{kind}.{extension}"
            if not path.exists():
                unfinished = path.with_suffix(".part")
                with Image.open(picture.baseline) as image:
                    write(image.convert("RGB"), unfinished)
                unfinished.rename(path)
            paths[name] = path
        made.append(Converted(picture.name, paths))
    return made


def peers(program: pathlib.Path | None) -> list[Way]:
    """Those that decode once, and ours; there is no effort but for JPEGs, and no scale to decode at."""
    left_out = ("pillow-six-decodes", "libvips-least-decode", "sharp-clones", "sharp-defaults", "ours-fast")
    return [way for way in ways(program) if way.name not in left_out]


def note(record: Record, name: str, chosen: list[Way], times: Times, pictures: list[Converted]) -> None:
    """The times of each, and how many times as long as ours; less than 1 is quicker."""
    ours = times.medians(OURS, pictures)
    for way in chosen:
        medians = times.medians(way.name, pictures)
        ratio = ratio_of_sums(medians, ours)
        record.add(
            "format",
            form=name,
            way=way.name,
            title=way.title,
            bytes=sum(picture.form(name).stat().st_size for picture in pictures),
            median_ms=round(statistics.fmean(medians) / 1e6, 3),
            minimum_ms=round(statistics.fmean(times.minima(way.name, pictures)) / 1e6, 3),
            to_ours=round(ratio.value, 4),
            low=round(ratio.low, 4),
            high=round(ratio.high, 4),
        )


def everything(arguments: argparse.Namespace, pictures: PictureSet) -> Record:
    record = Record()
    record.add(
        "run",
        **machine.facts(),
        pictures=pictures.title,
        is_generated=pictures.is_generated,
        megapixels_mean=round(statistics.fmean(picture.pixels for picture in pictures.pictures) / 1e6, 2),
        rounds=arguments.rounds,
        versions=machine.versions(),
    )
    names = [name for name in FORMATS if not arguments.format or name in arguments.format]
    all_ways = peers(arguments.worker)
    order = random.Random(SEED)
    made = converted(pictures, names)
    for name in names:
        tried = pilot(all_ways, made, name, arguments.core, order)
        chosen = best(all_ways, tried)
        with started(chosen, arguments.core) as workers:
            for worker in workers.values():
                record.one("run")["versions"].update(worker.versions)
            warmed(workers, made[0], name)
            times = interleaved(workers, made, name, arguments.rounds, order)
        note(record, name, chosen, times, made)
        say(f"{name}: done")
    return record
