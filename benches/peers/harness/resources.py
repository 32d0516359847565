"""What a picture takes besides time: memory and bytes; and what a second thread gives."""

from harness.pictures import FORMS, Picture, PictureSet
from harness.record import Record
from harness.speed import say
from harness.ways import Way
from harness.worker import Worker


def memory(record: Record, ways: list[Way], largest: Picture) -> None:
    """Peak RSS of a process that makes the thumbnails of one picture, reading it from its file, and nothing else."""
    for form in FORMS:
        for way in ways:
            with Worker(way, None) as worker:
                answer = worker.make(largest.form(form))
            record.add(
                "memory",
                form=form,
                way=way.name,
                picture=largest.name,
                width=largest.width,
                height=largest.height,
                file_bytes=largest.form(form).stat().st_size,
                peak_rss_bytes=answer["peak_rss_bytes"],
            )


def bytes_read(record: Record, ways: list[Way], pictures: PictureSet) -> None:
    """How much of its file each picture's thumbnails need: the shortest beginning that gives the same ones."""
    for way in ways:
        for form in FORMS:
            with Worker(way, None) as worker:
                needed = [worker.needed(picture.form(form)) for picture in pictures.pictures]
            effort = way.name.removeprefix("ours-")
            say(f"bytes: {form}, {effort}")
            record.add("bytes", form=form, effort=effort, bytes=pictures.bytes_of(form), bytes_read=sum(needed))


# All pictures so many times in one go, so that one thread's last picture, for which the other has to wait, counts little.
TIMES = 4


def threads(record: Record, ways: list[Way], pictures: PictureSet, rounds: int) -> None:
    """Wall time of all pictures by one thread and by two, in turns; the least of each."""
    for way in ways:
        for form in FORMS:
            files = [picture.form(form) for picture in pictures.pictures]
            with Worker(way, None) as worker:
                answers = [(count, worker.make_all(files, TIMES, count)) for _ in range(rounds) for count in (1, 2)]
            least = {
                f"{name}_{clock}": min(answer[clock] for threads, answer in answers if threads == count)
                for name, count in (("one", 1), ("two", 2))
                for clock in ("wall_ns", "cpu_ns")
            }
            effort = way.name.removeprefix("ours-")
            say(f"threads: {form}, {effort}")
            record.add("threads", form=form, effort=effort, **least)
