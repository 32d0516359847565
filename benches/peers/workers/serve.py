"""What the Python workers share: the loop over requests, and its clock.

A request is one line of JSON, `{"picture": PATH, "thumbnails": PREFIX or null}`; its answer is one, too. The
picture is in memory before the clock starts; the clock is the CPU time of all threads of the process.
"""

import json
import pathlib
import sys
import time
from collections.abc import Callable

SIZES = (512, 256, 128, 64, 32, 16)
QUALITY = 75

Way = Callable[[bytes], list[bytes]]


def peak_rss_bytes() -> int:
    """The most that the process ever held, which `exec` sets back and `getrusage` does not."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("there is no VmHWM in /proc/self/status")


def serve(way: Way, versions: dict[str, str]) -> None:
    """Answers until the input ends. `way` gives the thumbnails in the order of `SIZES`."""
    print(json.dumps({"versions": versions}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        picture = pathlib.Path(request["picture"]).read_bytes()
        began = time.process_time_ns()
        thumbnails = way(picture)
        cpu_ns = time.process_time_ns() - began
        if request["thumbnails"]:
            for size, thumbnail in zip(SIZES, thumbnails, strict=True):
                pathlib.Path(f"{request['thumbnails']}.{size}.jpg").write_bytes(thumbnail)
        print(json.dumps({"cpu_ns": cpu_ns, "peak_rss_bytes": peak_rss_bytes()}), flush=True)
