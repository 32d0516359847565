"""Where and with what a run was made."""

import datetime
import os
import pathlib
import platform
import subprocess

from harness.places import PROJECT


def cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def first_line(*command: str) -> str:
    """Of what a program says of itself, on either stream."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout + result.stderr).splitlines()[0].strip()


def versions() -> dict[str, str]:
    """Of what no worker names."""
    return {
        "Python": platform.python_version(),
        "rustc": first_line("rustc", "--version").split()[1],
        "jpegtran": first_line("jpegtran", "-version").removeprefix("libjpeg-turbo version ").split()[0],
    }


def revision() -> str:
    """Of this project, with a plus where files differ from it."""
    git = ("git", "-C", str(PROJECT))
    try:
        commit = first_line(*git, "rev-parse", "--short=12", "HEAD")
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode
    except (OSError, IndexError):
        return "unknown"
    return f"{commit}+" if changed else commit


def facts() -> dict[str, object]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "revision": revision(),
    }
