"""The paper's way makes what the paper's programs made."""

import io
import unittest

from PIL import Image

from tests.tiny import picture
from thumbnails import SIZES, six_decodes, thumbnail_key


class Thumbnails(unittest.TestCase):
    def test_they_fit_inside_and_are_never_enlarged(self) -> None:
        made = [Image.open(io.BytesIO(data)) for data in six_decodes(picture(300, 200))]
        self.assertEqual([one.format for one in made], ["JPEG"] * 6)
        expected = [(16, 11), (32, 21), (64, 43), (128, 85), (256, 171), (300, 200)]
        self.assertEqual([one.size for one in made], expected)

    def test_they_are_saved_by_the_defaults(self) -> None:
        data = six_decodes(picture(300, 200))[-1]
        again = io.BytesIO()
        Image.open(io.BytesIO(picture(300, 200))).save(again, "JPEG", quality=75, subsampling="4:2:0")
        self.assertEqual(Image.open(io.BytesIO(data)).quantization, Image.open(again).quantization)

    def test_keys_drop_folders(self) -> None:
        self.assertEqual(thumbnail_key("images/a/b.jpg", 16), "thumbnails/b.jpg.thumbnail(16, 16).jpg")
        self.assertEqual(len({thumbnail_key("images/b.jpg", size) for size in SIZES}), 6)


if __name__ == "__main__":
    unittest.main()
