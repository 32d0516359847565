"""The ways to make six thumbnails, and how each one's worker is started."""

import os
import pathlib
import sys
from dataclasses import dataclass

from harness.places import HERE, PROGRAMS, WORK

SIZES = (512, 256, 128, 64, 32, 16)

# One thread each: libvips', sharp's and Node.js's own pools.
ONE_THREAD = {"VIPS_CONCURRENCY": "1", "UV_THREADPOOL_SIZE": "1"}


@dataclass(frozen=True)
class Way:
    """One way. Ways of the same `family` are variants, of which the fastest stands for the family."""

    name: str
    family: str
    title: str
    command: tuple[str, ...]
    is_ours: bool = False
    is_judged: bool = True
    """Whether its thumbnails' quality is measured: that of one decode, and of the paper's way."""


def _python(family: str, variant: str, title: str, worker: str) -> Way:
    command = (sys.executable, str(HERE / "workers" / worker), variant)
    return Way(f"{worker.split('_')[0]}-{variant}", family, title, command)


def _sharp(variant: str, title: str, is_judged: bool = True) -> Way:
    command = ("node", str(WORK / "node" / "sharp_worker.js"), variant)
    return Way(f"sharp-{variant}", "sharp", title, command, is_judged=is_judged)


def ways(ours: pathlib.Path | None = None) -> list[Way]:
    """All of them. `ours` is another program to stand for ours."""
    program = str(ours or PROGRAMS / "ours")
    return [
        _python("pillow-paper", "six-decodes", "Pillow, six decodes (the paper's way)", "pillow_worker.py"),
        _python("pillow-chain", "chain", "Pillow, one decode, then a chain", "pillow_worker.py"),
        _python("libvips", "each-from-512", "libvips, one decode, the others from 512", "libvips_worker.py"),
        _python("libvips", "chain", "libvips, one decode, then a chain", "libvips_worker.py"),
        _python("libvips", "least-decode", "libvips, one decode at the least scale", "libvips_worker.py"),
        _sharp("each-from-512", "sharp, one decode, the others from 512"),
        _sharp("chain", "sharp, one decode, then a chain"),
        _sharp("defaults", "sharp, the others from 512, with ICC and Huffman optimisation", is_judged=False),
        _sharp("clones", "sharp, clones of one input", is_judged=False),
        Way("ours-default", "ours-default", "ours, default", (program, "default"), is_ours=True),
        Way("ours-fast", "ours-fast", "ours, fast", (program, "fast"), is_ours=True),
    ]


def environment() -> dict[str, str]:
    """What a worker is started with."""
    return {**os.environ, **ONE_THREAD}
