"""The record of a run: one JSON object a line, of which all tables are made, and nothing else is needed for them."""

import json
import pathlib
from dataclasses import dataclass, field
from typing import Any

Line = dict[str, Any]


@dataclass
class Record:
    """Lines by their `kind`."""

    lines: list[Line] = field(default_factory=list)

    def add(self, kind: str, **values: Any) -> None:
        self.lines.append({"kind": kind, **values})

    def all(self, kind: str, **values: Any) -> list[Line]:
        """Those of a kind that have these values."""
        wanted = {"kind": kind, **values}
        return [line for line in self.lines if all(line.get(name) == value for name, value in wanted.items())]

    def one(self, kind: str, **values: Any) -> Line:
        (line,) = self.all(kind, **values)
        return line

    def write(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in self.lines))


def load(path: pathlib.Path) -> Record:
    return Record([json.loads(line) for line in path.read_text().splitlines()])
