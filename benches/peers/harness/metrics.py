"""How near a thumbnail is to its reference."""

import pathlib
import struct
import subprocess

import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

from harness.places import PROGRAMS
from harness.reference import Pixels

# Below, SSIMULACRA2 is noise: its six scales need pixels.
LEAST_SSIMULACRA2 = 128
# The Gaussian window of SSIM has so many pixels a side; smaller thumbnails get the 7 x 7 mean.
GAUSSIAN_WINDOW = 11
MEAN_WINDOW = 7


def thumbnail(path: pathlib.Path) -> Pixels:
    """All thumbnails are decoded alike, by libjpeg-turbo."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(np.float32)


def psnr(reference: Pixels, pixels: Pixels) -> float:
    """In dB, over all samples of R, G and B."""
    error = np.mean((reference.astype(np.float64) - pixels) ** 2)
    return float(10 * np.log10(255**2 / error))


def ssim(reference: Pixels, pixels: Pixels) -> float | None:
    """Mean of the three channels; the Gaussian window of Wang et al. 2004 where it fits."""
    side = min(pixels.shape[:2])
    if side >= GAUSSIAN_WINDOW:
        window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    elif side >= MEAN_WINDOW:
        window = {"win_size": MEAN_WINDOW}
    else:
        return None
    return float(structural_similarity(reference, pixels, data_range=255, channel_axis=2, **window))


class Ssimulacra2:
    """The metric's own process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([PROGRAMS / "score"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def score(self, reference: Pixels, pixels: Pixels) -> float:
        assert self.process.stdin and self.process.stdout
        height, width, _ = pixels.shape
        self.process.stdin.write(struct.pack("<II", width, height))
        for picture in (reference, pixels):
            self.process.stdin.write((picture / 255).astype("<f4").tobytes())
        self.process.stdin.flush()
        (score,) = struct.unpack("<d", self.process.stdout.read(8))
        return score

    def close(self) -> None:
        self.process.communicate()
