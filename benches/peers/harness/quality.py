"""The quality of every way's thumbnails, in parallel: nothing here is timed."""

import contextlib
import hashlib
import json
import multiprocessing
import pathlib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness import metrics, reference
from harness.metrics import LEAST_SSIMULACRA2, Ssimulacra2, psnr, ssim, thumbnail
from harness.pictures import Picture, digest
from harness.places import WORK
from harness.reference import FILTERS, References
from harness.ways import SIZES

Scores = dict[str, dict[str, float | None]]
"""By reference and metric."""


@dataclass(frozen=True)
class Task:
    """One picture, and where its thumbnails are: a prefix for each form and way."""

    picture: Picture
    prefixes: dict[tuple[str, str], pathlib.Path]


@dataclass(frozen=True)
class Judgement:
    """One thumbnail's scores."""

    form: str
    way: str
    picture: str
    size: int
    scores: Scores


def judged(references: References, path: pathlib.Path, size: int, metric: Ssimulacra2) -> Scores:
    pixels = thumbnail(path)
    height, width, _ = pixels.shape
    scores: Scores = {}
    for kind in FILTERS:
        wanted = references.get(kind, width, height)
        values = {"psnr": psnr(wanted, pixels), "ssim": ssim(wanted, pixels)}
        if size >= LEAST_SSIMULACRA2:
            values["ssimulacra2"] = metric.score(wanted, pixels)
        scores[kind] = values
    return scores


def remembered(references: References, path: pathlib.Path, size: int, metric: Ssimulacra2) -> Scores:
    """Scores are kept below target/ by what they are made of: picture, thumbnail and these programs' text."""
    text = b"".join(pathlib.Path(str(module.__file__)).read_bytes() for module in (metrics, reference))
    folder = WORK / "scores" / hashlib.sha256(text).hexdigest()[:16]
    kept = folder / f"{references.folder.name}-{size}-{digest(path)}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    scores = judged(references, path, size, metric)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{multiprocessing.current_process().pid}")
    unfinished.write_text(json.dumps(scores))
    unfinished.rename(kept)
    return scores


def judge(task: Task) -> list[Judgement]:
    references = References(task.picture)
    with contextlib.closing(Ssimulacra2()) as metric:
        return [
            Judgement(form, way, task.picture.name, size, remembered(references, path, size, metric))
            for (form, way), prefix in task.prefixes.items()
            for size in SIZES
            if (path := pathlib.Path(f"{prefix}.{size}.jpg")).exists()
        ]


def judge_all(tasks: list[Task], processes: int) -> Iterator[Judgement]:
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for judgements in pool.imap(judge, tasks):
            yield from judgements


def summary(judgements: list[Judgement]) -> dict[str, Any]:
    """Of one form and way: mean and worst by size, reference and metric."""
    scores: dict[str, Any] = {}
    for size in SIZES:
        of_size = [judgement for judgement in judgements if judgement.size == size]
        for kind in FILTERS if of_size else ():
            for metric in of_size[0].scores[kind]:
                values = [
                    (score, judgement.picture)
                    for judgement in of_size
                    if (score := judgement.scores[kind][metric]) is not None
                ]
                if values:
                    worst, picture = min(values)
                    mean = statistics.fmean(score for score, _ in values)
                    scores.setdefault(str(size), {}).setdefault(kind, {})[metric] = {
                        "mean": round(mean, 5),
                        "worst": round(worst, 5),
                        "picture": picture,
                        "count": len(values),
                    }
    return scores
