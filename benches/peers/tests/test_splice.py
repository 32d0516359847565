"""The README's section is the record's, and nothing else is touched."""

import pathlib
import tempfile
import unittest

from harness import figures
from harness.record import Record, load
from harness.splice import BEGIN, END, NoMarkers, splice, spliced

README = f"# Title\n\n{BEGIN}\nan older text\n{END}\n\nafter\n"


def record(ratio: float = 80.0) -> Record:
    """A run of one cell."""
    made = Record()
    made.add(
        "run",
        pictures="2 photographs",
        is_generated=False,
        megapixels_mean=20.0,
        bytes={"progressive": 2_000_000, "baseline": 3_000_000},
        rounds=3,
        cpu="a processor",
        revision="0123456789ab",
        date="2021-01-01",
        versions={"Pillow": "1"},
    )
    made.add(
        "way",
        form="progressive",
        way="pillow-six-decodes",
        title="Pillow",
        is_chosen=True,
        pilot_ms=None,
        median_ms=100.0,
        minimum_ms=90.0,
    )
    made.add(
        "ratio",
        form="progressive",
        effort="default",
        against="pillow-paper",
        way="pillow-six-decodes",
        of_medians=ratio,
        low=70.0,
        high=90.0,
    )
    for way, psnr in (("pillow-six-decodes", 35.0), ("ours-default", 34.95)):
        score = {"psnr": {"mean": psnr, "worst": psnr, "picture": "one"}}
        score["ssimulacra2"] = score["psnr"]
        scores = {size: {"lanczos3": score, "area": score} for size in figures.WORST_SIZES}
        family = "pillow-paper" if way.startswith("pillow") else way
        made.add("quality", form="progressive", way=way, family=family, title=way, scores=scores)
    return made


def formats(ours_ms: float = 12.0) -> Record:
    """A run of one format."""
    made = Record()
    made.add(
        "run", pictures="2 pictures", megapixels_mean=20.0, rounds=3, revision="0123456789ab", date="2021-01-01"
    )
    for way, ms in (("pillow-chain", 20.0), ("libvips-chain", 10.0), ("sharp-chain", 11.0), ("ours-default", ours_ms)):
        made.add("format", form="PNG", way=way, bytes=4_000_000, median_ms=ms)
    return made


class Splice(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.readme = self.folder / "README.md"
        self.readme.write_text(README)

    def test_the_section_comes_between_the_markers(self) -> None:
        text = spliced(README, record(), formats())
        self.assertTrue(text.startswith(f"# Title\n\n{BEGIN}\n"))
        self.assertTrue(text.endswith(f"{END}\n\nafter\n"))
        self.assertNotIn("an older text", text)
        self.assertIn("80.00 (70.00–90.00)", text)

    def test_it_is_the_same_each_time(self) -> None:
        once = spliced(README, record(), formats())
        self.assertEqual(spliced(once, record(), formats()), once)

    def test_a_record_comes_back_as_it_was_written(self) -> None:
        path = self.folder / "record.ndjson"
        record().write(path)
        self.assertEqual(spliced(README, load(path), formats()), spliced(README, record(), formats()))

    def test_check_fails_until_it_is_spliced_and_when_the_record_changes(self) -> None:
        self.assertEqual(splice(self.readme, record(), formats(), check=True), 1)
        self.assertEqual(self.readme.read_text(), README)
        self.assertEqual(splice(self.readme, record(), formats(), check=False), 0)
        self.assertEqual(splice(self.readme, record(), formats(), check=True), 0)
        self.assertEqual(splice(self.readme, record(81.0), formats(), check=True), 1)

    def test_a_format_is_met_until_it_takes_a_fifth_longer_than_the_quickest(self) -> None:
        for ours_ms, is_met in ((12.0, "yes"), (12.1, "**no**")):
            text = spliced(README, record(), formats(ours_ms))
            row = f"| {is_met} | PNG | 4.0 | 20.0 | 10.0 | 11.0 | {ours_ms} | {ours_ms / 10:.2f}x |"
            self.assertIn(row, text)

    def test_check_sees_a_typed_figure(self) -> None:
        splice(self.readme, record(), formats(), check=False)
        self.readme.write_text(self.readme.read_text().replace("80.00", "80.01"))
        self.assertEqual(splice(self.readme, record(), formats(), check=True), 1)

    def test_without_markers_nothing_is_written(self) -> None:
        for text in ("no markers", BEGIN, f"{END} {BEGIN}"):
            with self.assertRaises(NoMarkers):
                spliced(text, record(), formats())


class Verdicts(unittest.TestCase):
    def test_a_cell_is_met_from_at_least_on(self) -> None:
        self.assertEqual([one.is_met for one in figures.speed(record(75.0))], [True])
        self.assertEqual([one.is_met for one in figures.speed(record(74.9))], [False])

    def test_the_mean_may_not_be_below_but_the_worst_may_a_little(self) -> None:
        met = {one.condition: one.is_met for one in figures.floor(record())}
        self.assertFalse(met["lanczos3, 512: mean PSNR not below pillow-six-decodes, 35.00"])
        self.assertTrue(met["lanczos3, 512: worst PSNR not more than 0.1 below pillow-six-decodes's worst, 35.00"])


if __name__ == "__main__":
    unittest.main()
