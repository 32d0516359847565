"""A whole run over a few tiny pictures: every way, and ways that do not do what they are to."""

import os
import pathlib
import tempfile
import unittest

from experiment import tables
from experiment.measure import everything
from experiment.pictures import pictures
from experiment.process import Failure
from experiment.ways import WAYS, Way
from harness.record import Record, load
from tests.tiny import picture

LAZY = "import json; print(json.dumps({'clocks': {'end_to_end_us': 1, 'paper_us': 1}}))"


class Run(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.photos = self.folder / "photos"
        self.photos.mkdir()
        for at in range(2):
            (self.photos / f"{at}.jpg").write_bytes(picture(120 + at, 80))
        (self.photos / "notes.txt").write_text("no picture")
        self.record = self.folder / "record.ndjson"

    def run_over(self, ways: tuple[Way, ...], rounds: int = 1) -> Record:
        found = pictures(self.photos, 0, None)
        program = pathlib.Path(os.environ["LOCAL_CLOUD"])
        return everything(program, False, found, 2, 5, rounds, self.record, ways)

    def test_every_way_makes_all_thumbnails(self) -> None:
        record = self.run_over(WAYS)
        samples = record.all("sample")
        self.assertCountEqual(
            [(line["way"], line["pictures"]) for line in samples],
            [*((way.name, 2) for way in WAYS), *((way.name, 5) for way in WAYS if way.is_ours)],
        )
        for line in samples:
            self.assertGreater(line["thumbnail_bytes"], 0)
            self.assertGreater(line["client_cpu_us"], 0, line)
            self.assertGreater(line["store_cpu_us"], 0, line)
            self.assertLessEqual(line["paper_us"], line["end_to_end_us"])
            self.assertLessEqual(line["end_to_end_us"], line["wall_us"])
        function = {line["way"]: line["function_cpu_us"] for line in samples}
        self.assertGreater(function["ours-fan-out"], max(function["ours-parallel"], function["paper-pool"]))
        self.assertEqual(record.one("run")["pictures"], "2 photographs")
        self.assertEqual(load(self.record).lines, record.lines)
        self.assertIn("| ours, parallel |", tables.everything(record))

    def test_a_way_that_stores_nothing_is_found_out(self) -> None:
        lazy = Way("paper-lazy", "lazy", False, ("-c", LAZY))
        with self.assertRaisesRegex(Failure, "12 of 12 thumbnails are missing"):
            self.run_over((lazy,))

    def test_a_way_that_tells_no_clocks_is_found_out(self) -> None:
        mute = Way("paper-mute", "mute", False, ("-c", "print('done')"))
        with self.assertRaisesRegex(Failure, "no JSON"):
            self.run_over((mute,))


if __name__ == "__main__":
    unittest.main()
