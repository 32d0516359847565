"""Thumbnails by Pillow: as the paper's programs make them, and from one decoded picture."""

import io
import sys

import PIL
from PIL import Image, features
from serve import QUALITY, SIZES, serve


def encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def six_decodes(picture: bytes) -> list[bytes]:
    """The paper's way: everything by Pillow's defaults, the picture opened anew for each size."""
    thumbnails = []
    for size in SIZES:
        with Image.open(io.BytesIO(picture)) as image:
            image.thumbnail((size, size))
            thumbnails.append(encoded(image))
    return thumbnails


def chain(picture: bytes) -> list[bytes]:
    """One decode; each size from the one before."""
    thumbnails = []
    with Image.open(io.BytesIO(picture)) as opened:
        # Indices of a palette can be neither resampled nor written as JPEG.
        image = opened.convert("RGB") if opened.mode == "P" else opened
        for size in SIZES:
            image.thumbnail((size, size))
            thumbnails.append(encoded(image))
    return thumbnails


WAYS = {"six-decodes": six_decodes, "chain": chain}

if __name__ == "__main__":
    turbo = features.version_feature("libjpeg_turbo") or "none"
    serve(WAYS[sys.argv[1]], {"Pillow": PIL.__version__, "libjpeg-turbo in Pillow": turbo})
