"""Thumbnails by libvips: variants of its best use, which is one decode with shrink-on-load."""

import sys
from importlib import metadata

import pyvips
from serve import QUALITY, SIZES, serve

# A picture that was made already is not to be found again: every measurement is a new picture's.
pyvips.cache_set_max(0)


def encoded(image: pyvips.Image) -> bytes:
    return image.jpegsave_buffer(Q=QUALITY, keep="none")


def fitted(image: pyvips.Image, size: int) -> pyvips.Image:
    return image.thumbnail_image(size, height=size, size="down").copy_memory()


def first(picture: bytes) -> pyvips.Image:
    return pyvips.Image.thumbnail_buffer(picture, SIZES[0], height=SIZES[0], size="down").copy_memory()


def all_from(largest: pyvips.Image) -> list[bytes]:
    return [encoded(largest)] + [encoded(fitted(largest, size)) for size in SIZES[1:]]


def each_from_512(picture: bytes) -> list[bytes]:
    """`thumbnail_buffer` makes the largest size, the others come from it."""
    return all_from(first(picture))


def chain(picture: bytes) -> list[bytes]:
    """`thumbnail_buffer` makes the largest size, the others each from the one before."""
    image = first(picture)
    thumbnails = [encoded(image)]
    for size in SIZES[1:]:
        image = fitted(image, size)
        thumbnails.append(encoded(image))
    return thumbnails


def least_decode(picture: bytes) -> list[bytes]:
    """Decoded as small as it can be, where `thumbnail_buffer` keeps twice the size for its resampling."""
    header = pyvips.Image.jpegload_buffer(picture)
    long_edge = max(header.width, header.height)
    shrink = next(by for by in (8, 4, 2, 1) if by == 1 or long_edge // by >= SIZES[0])
    image = pyvips.Image.jpegload_buffer(picture, shrink=shrink, access="sequential")
    return all_from(fitted(image, SIZES[0]))


WAYS = {"each-from-512": each_from_512, "chain": chain, "least-decode": least_decode}

if __name__ == "__main__":
    version = ".".join(str(pyvips.version(part)) for part in range(3))
    serve(WAYS[sys.argv[1]], {"libvips": version, "pyvips": metadata.version("pyvips")})
