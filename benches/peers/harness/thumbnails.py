"""Has every way make its thumbnails for the quality part."""

import pathlib

from harness.figures import EFFORTS
from harness.pictures import FORMS, Picture, digest
from harness.places import WORK
from harness.quality import Task
from harness.speed import say
from harness.ways import SIZES, Way
from harness.worker import Worker, started


def is_there(prefix: pathlib.Path) -> bool:
    return all(pathlib.Path(f"{prefix}.{size}.jpg").exists() for size in SIZES)


def folder(worker: Worker) -> pathlib.Path:
    """The peers' thumbnails are kept by version; ours are always made anew."""
    version = "-".join(worker.versions.values())
    return WORK / "thumbnails" / (worker.way.name if worker.way.is_ours else f"{worker.way.name}-{version}")


def made(ways: list[Way], pictures: list[Picture]) -> list[Task]:
    """The tasks for judging what was made."""
    tasks = {picture.name: Task(picture, {}) for picture in pictures}
    with started(ways, None) as workers:
        for worker in workers.values():
            say(f"thumbnails: {worker.way.name}")
            for form in FORMS:
                for picture in pictures:
                    prefix = folder(worker) / form / f"{picture.name}-{digest(picture.form(form))}"
                    prefix.parent.mkdir(parents=True, exist_ok=True)
                    if worker.way.is_ours or not is_there(prefix):
                        worker.make(picture.form(form), str(prefix))
                    tasks[picture.name].prefixes[form, worker.way.name] = prefix
    return list(tasks.values())


def add_given(tasks: list[Task], given: pathlib.Path) -> None:
    """Thumbnails of ours that somebody else made: `FORM/EFFORT/PHOTOGRAPH.SIZE.jpg` below `given`."""
    for task in tasks:
        for form in FORMS:
            for effort in EFFORTS:
                prefix = given / form / effort / task.picture.name
                task.prefixes[form, f"ours-{effort}"] = prefix
