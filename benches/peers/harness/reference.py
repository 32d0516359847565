"""What a thumbnail should look like: the full decode, resampled in floating point to exactly its size."""

import functools
import itertools
import pathlib

import numpy as np
import scipy.sparse
from PIL import Image

from harness.pictures import Picture, digest
from harness.places import WORK

Pixels = np.ndarray
"""Height x width x 3, sRGB from 0 to 255, `float32`."""

FILTERS = ("lanczos3", "area")


def lanczos3(channel: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pillow's own, which in mode F computes in floating point; no box, no reducing gap."""
    image = Image.fromarray(channel.astype(np.float32), mode="F")
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def overlap(source: int, target: int) -> scipy.sparse.csr_array:
    """The share that each of `source` samples has in each of `target` samples: rows sum to 1."""
    edges = np.arange(target + 1) * (source / target)
    rows, columns, shares = [], [], []
    for row, (left, right) in enumerate(itertools.pairwise(edges)):
        samples = np.arange(int(left), min(int(np.ceil(right)), source))
        covered = np.minimum(samples + 1, right) - np.maximum(samples, left)
        rows.append(np.full(len(samples), row))
        columns.append(samples)
        shares.append(covered / (right - left))
    parts = [np.concatenate(part) for part in (shares, rows, columns)]
    matrix = scipy.sparse.coo_array((parts[0], (parts[1], parts[2])), shape=(target, source))
    return matrix.tocsr().astype(np.float32)


def area(channel: np.ndarray, width: int, height: int) -> np.ndarray:
    """The exact mean over each pixel's area."""
    rows = overlap(channel.shape[0], height) @ channel.astype(np.float32)
    return (overlap(channel.shape[1], width) @ rows.T).T


RESAMPLE = {"lanczos3": lanczos3, "area": area}


class References:
    """The references of one picture: computed when asked for, and kept below target/."""

    def __init__(self, picture: Picture) -> None:
        self.source = picture.progressive
        self.folder = WORK / "references" / digest(picture.progressive)
        self.folder.mkdir(parents=True, exist_ok=True)

    @functools.cached_property
    def decoded(self) -> np.ndarray:
        """By libjpeg-turbo's accurate IDCT and smooth upsampling, which are Pillow's defaults."""
        with Image.open(self.source) as image:
            return np.asarray(image.convert("RGB"))

    def get(self, kind: str, width: int, height: int) -> Pixels:
        path = self.folder / f"{kind}-{width}x{height}.npy"
        if path.exists():
            return np.load(path)
        channels = [RESAMPLE[kind](self.decoded[..., at], width, height) for at in range(3)]
        # Lanczos3 overshoots at edges, to where no picture can follow.
        pixels = np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.float32)
        unfinished = pathlib.Path(f"{path}.part")
        with unfinished.open("wb") as file:
            np.save(file, pixels)
        unfinished.rename(path)
        return pixels
