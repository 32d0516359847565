"""Compares our thumbnails with those of Pillow, libvips and sharp.

run [measure]     everything, into a record; prints all tables
run speed         CPU time alone
run quality       quality alone
run formats       CPU time for PNG, WebP, GIF and TIFF, into a record of its own
run report        the tables of a record
run splice        puts the section of measurements into the README
run test          tests of the harness itself
"""

import argparse
import os
import pathlib
import sys

from harness import splice, tables
from harness.figures import FORMS, floor
from harness.figures import speed as speed_verdicts
from harness.places import PROJECT, RESULTS, WORK
from harness.record import Record, load

COMMANDS = ("measure", "speed", "quality", "formats", "report", "splice")


def parsed(words: list[str]) -> argparse.Namespace:
    if not words or (words[0] not in COMMANDS and words[0] not in ("-h", "--help")):
        words = ["measure", *words]
    parser = argparse.ArgumentParser(
        prog="benches/peers/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("measure", "speed", "quality", "formats"):
        add_measuring(commands.add_parser(name), name)
    for name in ("report", "splice"):
        command = commands.add_parser(name)
        command.add_argument("--record", type=pathlib.Path, default=RESULTS / "photographs.ndjson")
        command.add_argument("--formats", type=pathlib.Path, default=RESULTS / "formats.ndjson")
        if name == "splice":
            command.add_argument("--readme", type=pathlib.Path, default=PROJECT / "README.md")
            command.add_argument("--check", action="store_true", help="fail where it is not as it would be written")
    return parser.parse_args(words)


def add_measuring(command: argparse.ArgumentParser, name: str) -> None:
    command.add_argument("--photos", type=pathlib.Path, metavar="DIR", help="JPEGs; without it they are generated")
    command.add_argument("--count", type=int, default=24, help="how many are generated")
    command.add_argument("--max-side", type=int, help="longest side of generated pictures, in pixels")
    command.add_argument("--limit", type=int, help="take so many only, evenly spread")
    command.add_argument("--rounds", type=int, default=5)
    command.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the one that is timed on")
    command.add_argument("--worker", type=pathlib.Path, metavar="PROGRAM", help="another program to stand for ours")
    command.add_argument("--quick", action="store_true", help="a few small generated pictures, one round")
    if name in ("measure", "formats"):
        record = "record.ndjson" if name == "measure" else "formats.ndjson"
        command.add_argument("--record", type=pathlib.Path, default=WORK / record)
    if name == "formats":
        command.add_argument("--format", action="append", help="such as PNG or 'TIFF, LZW'; may be repeated")
    if name == "quality":
        command.add_argument(
            "--thumbnails", type=pathlib.Path, metavar="DIR", help="ours: FORM/EFFORT/PHOTOGRAPH.SIZE.jpg"
        )


def measuring(arguments: argparse.Namespace) -> int:
    # Imported late: a record is read with Python's own library.
    from harness import measure, pictures, thumbnails
    from harness.ways import ways

    if arguments.quick:
        arguments.count, arguments.max_side, arguments.rounds = 6, 2000, 1
    found = pictures.photographs(arguments.photos, arguments.count, arguments.max_side).limited_to(arguments.limit)
    if not found.pictures:
        sys.exit(f"peers: there are no JPEGs in {arguments.photos}")
    all_ways = ways(arguments.worker)
    if arguments.command == "formats":
        from harness import formats

        record = formats.everything(arguments, found)
        record.write(arguments.record)
        print(tables.formats(record))
        print(f"\npeers: the record is {arguments.record}", file=sys.stderr)
        return 0
    if arguments.command == "measure":
        record = measure.everything(arguments, found)
        record.write(arguments.record)
        print(tables.everything(record))
        print(f"\npeers: the record is {arguments.record}", file=sys.stderr)
        return 0
    record = measure.begun(found, arguments.rounds)
    if arguments.command == "speed":
        measure.speed(record, all_ways, found, arguments.rounds, arguments.core)
        print(tables.paragraphs(tables.what(record), *(tables.speed(record, form) for form in FORMS)))
        print(tables.verdicts(speed_verdicts(record)))
        return 0
    judged = [way for way in all_ways if way.is_judged]
    makers = [way for way in judged if not (arguments.thumbnails and way.is_ours)]
    tasks = thumbnails.made(makers, found.pictures)
    if arguments.thumbnails:
        thumbnails.add_given(tasks, arguments.thumbnails)
    measure.judged(record, judged, tasks)
    show_quality(record)
    return 0


def show_quality(record: Record) -> None:
    sizes = ("512", "256", "128", "64", "32", "16")
    for form in FORMS:
        for reference in ("lanczos3", "area"):
            print(tables.quality(record, form, reference, sizes))
    found = floor(record)
    print(f"Quality floor: {tables.tally(found)} met\n")
    print(tables.verdicts(found))


def main() -> int:
    arguments = parsed(sys.argv[1:])
    if arguments.command == "report":
        print(tables.everything(load(arguments.record)))
        print(tables.formats(load(arguments.formats)))
        return 0
    if arguments.command == "splice":
        return splice.splice(arguments.readme, load(arguments.record), load(arguments.formats), arguments.check)
    from harness.worker import Failure

    try:
        return measuring(arguments)
    except Failure as failure:
        sys.exit(f"peers: {failure}")


if __name__ == "__main__":
    sys.exit(main())
