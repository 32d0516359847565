"""The README's section is the record's, and nothing else is touched."""

import pathlib
import tempfile
import unittest

from experiment.splice import BEGIN, END, GENERATED, NOT_SHOWN, section, splice
from harness.record import load
from harness.splice import NoMarkers
from tests.records import record

OTHERS = "<!-- measured:begin -->\nnot ours\n<!-- measured:end -->\n"
README = f"# Title\n\n{OTHERS}\n{BEGIN}\nan older text\n{END}\n\nafter\n"


class Splice(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.readme = self.folder / "README.md"
        self.readme.write_text(README)

    def test_the_section_comes_between_its_own_markers(self) -> None:
        self.assertEqual(splice(self.readme, record(), check=False), 0)
        text = self.readme.read_text()
        self.assertTrue(text.startswith(f"# Title\n\n{OTHERS}\n{BEGIN}\n"))
        self.assertTrue(text.endswith(f"{END}\n\nafter\n"))
        self.assertNotIn("an older text", text)
        self.assertIn("40.0x (39.0–41.0)", text)
        self.assertIn(NOT_SHOWN, text)

    def test_check_fails_until_it_is_spliced_and_when_a_figure_changes(self) -> None:
        self.assertEqual(splice(self.readme, record(), check=True), 1)
        self.assertEqual(self.readme.read_text(), README)
        splice(self.readme, record(), check=False)
        self.assertEqual(splice(self.readme, record(), check=True), 0)
        self.assertEqual(splice(self.readme, record(41.0), check=True), 1)
        self.readme.write_text(self.readme.read_text().replace("40.0x", "40.1x"))
        self.assertEqual(splice(self.readme, record(), check=True), 1)

    def test_a_record_comes_back_as_it_was_written(self) -> None:
        path = self.folder / "record.ndjson"
        record().write(path)
        self.assertEqual(section(load(path)), section(record()))

    def test_stand_ins_are_named(self) -> None:
        self.assertNotIn(GENERATED, section(record()))
        self.assertIn(GENERATED, section(record(is_generated=True)))

    def test_without_markers_nothing_is_written(self) -> None:
        self.readme.write_text(OTHERS)
        with self.assertRaises(NoMarkers):
            splice(self.readme, record(), check=False)
        self.assertEqual(self.readme.read_text(), OTHERS)


if __name__ == "__main__":
    unittest.main()
