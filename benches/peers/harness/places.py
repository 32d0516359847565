"""Where things are."""

import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent.parent
PROJECT = HERE.parent.parent
WORK = pathlib.Path(os.environ.get("PEERS_WORK", PROJECT / "target" / "peers")).resolve()
RESULTS = HERE / "results"
PROGRAMS = WORK / "cargo" / "release"
