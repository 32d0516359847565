"""The README's section on the paper's programs, between two markers of its own, made of a record: never typed."""

import pathlib

from experiment import tables
from harness.record import Record
from harness.splice import between, put
from harness.tables import paragraphs

BEGIN, END = "<!-- paper:begin -->", "<!-- paper:end -->"

GENERATED = (
    "The pictures were generated and stand in for photographs: the figures say that the harness runs, and little more."
)

NOT_SHOWN = """\
What this does not show: the cloud. Client, store and function share one machine and talk over loopback, so there is no network to wait
for, no instance to start and no request to pay for; the paper's own figures are of IBM Cloud and are not to be set beside these. The
paper's way is written anew after its description, with today's Pillow; where that leaves open how, it is done the quicker way. Fan-out
has one warm function on the same processors, Lithops its localhost backend, which starts a process for each call."""


def section(record: Record) -> str:
    is_generated = record.one("run")["is_generated"]
    return paragraphs(
        BEGIN,
        "<!-- Made by `benches/paper/run splice` of a record; edit neither. -->",
        GENERATED if is_generated else "",
        tables.everything(record),
        NOT_SHOWN,
        END,
    )


def splice(readme: pathlib.Path, record: Record, check: bool) -> int:
    """Writes it, or says whether it is as it would be written."""
    wanted = between(readme.read_text(), BEGIN, END, section(record))
    return put(readme, wanted, "benches/paper/run splice", check)
