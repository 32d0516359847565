"""The paper's programs and our three modes over one local store, interleaved.

run [measure]     everything, into a record; prints all tables
run report        the tables of a record
run splice        puts the section on the paper's programs into the README
run test          tests of the harness itself
"""

import argparse
import os
import pathlib
import sys

from experiment import splice, tables
from experiment.places import PROJECT, RECORD, WORK
from harness.record import load

COMMANDS = ("measure", "report", "splice")
# Of the paper's counts the largest.
MANY = 250
GENERATED = 24


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number of at least 1")
    return int(text)


def folder(text: str) -> pathlib.Path:
    path = pathlib.Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return path


def parsed(words: list[str]) -> argparse.Namespace:
    if not words or (words[0] not in COMMANDS and words[0] not in ("-h", "--help")):
        words = ["measure", *words]
    parser = argparse.ArgumentParser(
        prog="benches/paper/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure")
    measure.add_argument("--photos", type=folder, metavar="DIR", help="JPEGs; without it they are generated")
    measure.add_argument(
        "--count",
        type=at_least_one,
        metavar="N",
        help=f"so many pictures for every way; default all photographs, or {GENERATED} generated pictures",
    )
    measure.add_argument(
        "--many",
        type=int,
        default=MANY,
        metavar="N",
        help=f"so many for our modes as well, pictures repeated under other keys; 0 leaves it out (default {MANY})",
    )
    measure.add_argument("--max-side", type=int, help="longest side of generated pictures, in pixels")
    measure.add_argument("--rounds", type=at_least_one, default=5, metavar="N", help="default 5")
    measure.add_argument("--record", type=pathlib.Path, default=WORK / "record.ndjson", metavar="FILE")
    for name in ("report", "splice"):
        command = commands.add_parser(name)
        command.add_argument("--record", type=pathlib.Path, default=RECORD, metavar="FILE")
        if name == "splice":
            command.add_argument("--readme", type=pathlib.Path, default=PROJECT / "README.md")
            command.add_argument("--check", action="store_true", help="fail where it is not as it would be written")
    return parser.parse_args(words)


def measuring(arguments: argparse.Namespace) -> int:
    # Imported late: a record is read with Python's own library.
    from experiment import measure
    from experiment.pictures import pictures
    from experiment.process import Failure

    found = pictures(arguments.photos, arguments.count or GENERATED, arguments.max_side)
    if not found.paths:
        sys.exit(f"paper: there are no JPEGs in {arguments.photos}")
    try:
        record = measure.everything(
            pathlib.Path(os.environ["LOCAL_CLOUD"]).resolve(),
            is_built_here="LOCAL_CLOUD_IS_BUILT_HERE" in os.environ,
            pictures=found,
            count=arguments.count or len(found.paths),
            many=arguments.many,
            rounds=arguments.rounds,
            record_path=arguments.record,
        )
    except Failure as failure:
        sys.exit(f"paper: {failure}")
    print(tables.everything(record))
    print(f"paper: the record is {arguments.record}", file=sys.stderr)
    return 0


def main() -> int:
    arguments = parsed(sys.argv[1:])
    if arguments.command == "measure":
        return measuring(arguments)
    try:
        record = load(arguments.record)
    except FileNotFoundError:
        sys.exit(f"paper: there is no record {arguments.record}; `benches/paper/run --record FILE` makes one")
    if arguments.command == "report":
        print(tables.everything(record))
        return 0
    return splice.splice(arguments.readme, record, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
