"""Markdown, made of a record alone."""

from experiment.figures import interval, mean_cpu_ms, median_seconds, others_share, verdicts
from harness.record import Line, Record
from harness.tables import paragraphs, table
from harness.tables import verdicts as verdict_table


def what(record: Record) -> str:
    """Which pictures, which programs, which machine."""
    run = record.one("run")
    rounds = f"{run['rounds']} round{'s' * (run['rounds'] != 1)}"
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    build = "" if run["is_built_here"] else " Our program was built elsewhere, perhaps of another revision."
    return (
        f"{_pictures(run)}, {run['megapixels_mean']:.1f} megapixels in the mean, "
        f"{run['bytes'] / 1e6:.1f} MB{_repeated(run)}. {rounds}, all ways interleaved; client, store and function on the same "
        f"{run['cpus']} processors of {run['cpu']}, the store durable; load before "
        f"{run['load_before']}. {versions}. Revision {run['revision']}, {run['date']}.{build}"
    )


def _pictures(run: Line) -> str:
    return run["pictures"] if run["count"] == run["different"] else f"{run['count']} of {run['pictures']}"


def _repeated(run: Line) -> str:
    """Where there are fewer than are needed."""
    repeated = [str(number) for number in (run["count"], run["many"]) if number > run["different"]]
    return f"; {' and '.join(repeated)} are these, repeated under other keys" if repeated else ""


def ways(record: Record) -> str:
    """Medians over the rounds; of CPU time the mean."""
    run = record.one("run")
    parts = [_rows(record, run["count"])]
    if run["many"] > run["count"]:
        parts.append(_rows(record, run["many"]))
    return paragraphs(*parts)


def _rows(record: Record, count: int) -> str:
    samples = record.all("sample", pictures=count)
    by_way: dict[str, list[Line]] = {}
    for sample in samples:
        by_way.setdefault(sample["way"], []).append(sample)
    # Rounds have their ways in random orders.
    order = sorted(by_way, key=lambda way: (way.startswith("ours"), -median_seconds(by_way[way], "wall")))
    rows = []
    for way in order:
        of_way = by_way[way]
        walls = [sample["wall_us"] / 1e6 for sample in of_way]
        wall = median_seconds(of_way, "wall")
        rows.append(
            [
                of_way[0]["title"],
                f"{wall:.2f} ({min(walls):.2f}–{max(walls):.2f})",
                f"{count / wall:.1f}",
                *(f"{median_seconds(of_way, clock):.2f}" for clock in ("end_to_end", "paper")),
                *(f"{mean_cpu_ms(of_way, part):.1f}" for part in ("client", "store", "function")),
                f"{others_share(of_way, record.one('run')['cpus']):.0%}",
            ]
        )
    head = [
        f"{count} pictures",
        "wall, s (least–most)",
        "pictures/s",
        "end-to-end clock, s",
        "paper clock, s",
        "CPU ms a picture: client",
        "store",
        "function",
        "others",
    ]
    return table(head, rows)


def ratios(record: Record) -> str:
    """How many times as long the paper's ways take."""
    titles = {sample["way"]: sample["title"] for sample in record.all("sample")}
    lines = record.all("ratio")
    rounds = record.one("run")["rounds"]
    ours = dict.fromkeys(line["ours"] for line in lines)
    rows = []
    for name, what_is_it in (("wall", "wall time"), ("cpu", "CPU time")):
        for peer in dict.fromkeys(line["peer"] for line in lines):
            cells = [record.one("ratio", peer=peer, ours=way)[name] for way in ours]
            rows.append(
                [
                    f"{titles[peer]}: {what_is_it}",
                    *(f"{cell['value']:.1f}x{interval(cell, rounds)}" for cell in cells),
                ]
            )
    return table(["times as long as", *(titles[way] for way in ours)], rows)


CLOCKS = (
    "Wall time is of the whole client, from its start to its end, as seen from outside; pictures/s and ratios go by it. "
    "The end-to-end clock is from the first GET to the last thumbnail stored; the paper clock leaves out storing, as the "
    "paper's does, and of Lithops and fan-out the way to the first worker; of ours it is an upper bound. CPU time "
    "is of all processes and threads, kernel included; others are the kernel's own threads and whoever else used the "
    "machine, as a share of its processors' time: where it is much, the times are void. In brackets behind a ratio: the 95 % interval by bootstrap over the "
    "rounds, in pairs."
)


def everything(record: Record) -> str:
    """What a run prints."""
    return paragraphs(what(record), ways(record), ratios(record), verdict_table(verdicts(record)), CLOCKS)
