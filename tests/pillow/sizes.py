"""Writes what Pillow makes of pictures and boxes of many sizes: width, height, box, and the
thumbnail's width and height. The same numbers give the same rows.
"""

import random
import sys

import PIL
from PIL import Image

#: Pixels of a picture at most: it is made, so that Pillow itself says what becomes of it.
AREA = 1_000_000


def sizes(count: int):
    """Sides spread evenly over their orders of magnitude; ties are likelier among small ones."""
    draw = random.Random(20_000)
    side = lambda most: round(most ** draw.random())
    while count:
        width, height, box = side(65_535), side(65_535), side(2_000)
        if width * height <= AREA:
            count -= 1
            yield width, height, box


def main() -> None:
    print(f"# Image.thumbnail of Pillow {PIL.__version__}")
    for width, height, box in sizes(int(sys.argv[1])):
        picture = Image.new("1", (width, height))
        picture.thumbnail((box, box), Image.Resampling.NEAREST)
        print(width, height, box, *picture.size, sep=",")


main()
