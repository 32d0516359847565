"""The README's section of measurements, between its two markers, made of a record: never typed."""

import pathlib
import sys

from harness import figures, tables
from harness.record import Record

BEGIN, END = "<!-- measured:begin -->", "<!-- measured:end -->"

NOT_SHOWN = """\
What this does not show: other machines, and more than one core at a time; reading, writing and the network, for every
picture is in memory before a clock starts; thumbnails other than these six sizes at quality 75; of formats other than JPEG more
than the time; quality as people see it, for PSNR, SSIM and SSIMULACRA2 are computed, and the reference decides their ranking; peers with other
settings than the variants that were tried, or at sizes for which they keep more detail than a thumbnail needs.
Times are of a machine that others may have used at the same time: CPU time and interleaving even this out, they do not undo it."""

GENERATED = (
    "The pictures were generated and are no photographs: the figures say that the harness runs, and little more."
)


class NoMarkers(Exception):
    """The text has no place for the section."""


def section(record: Record, formats: Record) -> str:
    run = record.one("run")
    floor = figures.floor(record)
    reached = [*figures.speed(record), *figures.resources(record)]
    missed = [one for one in floor if not one.is_met]
    return tables.paragraphs(
        BEGIN,
        "<!-- Made by `benches/peers/run splice` of a record; edit neither. -->",
        tables.what(record),
        GENERATED if run["is_generated"] else "",
        *(tables.speed(record, form) for form in figures.FORMS),
        "In brackets: the 95 % interval by bootstrap over the pictures. Of libvips and sharp the fastest of several variants.",
        tables.memory(record, "progressive") if record.all("memory") else "",
        tables.verdicts(reached),
        "Quality, mean / worst against a full decode, resampled by Lanczos3 in floating point; SSIM, smaller sizes and the area reference are in the record.",
        *(tables.quality_in_brief(record, form) for form in figures.FORMS),
        f"Of the quality floor {tables.tally(floor)} conditions are met" + ("; not met:" if missed else "."),
        tables.verdicts(missed) if missed else "",
        tables.formats(formats),
        NOT_SHOWN,
        END,
    )


def between(text: str, begin: str, end: str, made: str) -> str:
    """`text` with `made`, which has both markers, in place of what is between them."""
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise NoMarkers(f"there is no {begin} and {end}")
    return before + made.rstrip("\n") + after


def put(readme: pathlib.Path, wanted: str, command: str, check: bool) -> int:
    """Writes it, or says whether it is as `command` would write it."""
    if not check:
        readme.write_text(wanted)
        return 0
    if readme.read_text() != wanted:
        print(f"{readme.name} differs from the record; run `{command}`", file=sys.stderr)
        return 1
    return 0


def spliced(text: str, record: Record, formats: Record) -> str:
    """`text` with the section in place of what is between the markers."""
    return between(text, BEGIN, END, section(record, formats))


def splice(readme: pathlib.Path, record: Record, formats: Record, check: bool) -> int:
    """Writes it, or says whether it is as it would be written."""
    return put(readme, spliced(readme.read_text(), record, formats), "benches/peers/run splice", check)
