"""Where things are."""

import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent.parent
PROJECT = HERE.parent.parent
WORK = pathlib.Path(os.environ.get("PAPER_WORK", PROJECT / "target" / "paper")).resolve()
LOGS = WORK / "logs"
RECORD = HERE / "results" / "photographs.ndjson"
PROGRAMS = HERE / "programs"
