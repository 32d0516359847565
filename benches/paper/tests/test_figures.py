"""Figures are worked out of samples as their names say."""

import unittest

from experiment import tables
from experiment.figures import MANY, mean_cpu_ms, others_share, verdicts
from experiment.measure import note_ratios, turns
from experiment.ways import WAYS
from harness.record import Record
from tests.records import record, sample


class Verdicts(unittest.TestCase):
    def test_the_ratio_is_met_from_at_least_on(self) -> None:
        self.assertEqual([one.is_met for one in verdicts(record(35.0))], [True, True])
        self.assertEqual([one.is_met for one in verdicts(record(34.9))], [False, True])

    def test_it_is_void_where_others_were_at_work(self) -> None:
        # Of 4 s on two processors.
        for others_us, is_met in ((1_200_000, True), (1_200_001, False)):
            ratio = verdicts(record(other_cpu_us=others_us))[0]
            self.assertEqual(ratio.is_met, is_met)
            self.assertEqual(ratio.measured.startswith("void: others had 15%"), not is_met)

    def test_one_round_has_no_interval(self) -> None:
        made = record()
        self.assertEqual(verdicts(made)[0].measured, "40.0 (39.0–41.0)")
        self.assertIn("| 40.0x (39.0–41.0) |", tables.ratios(made))
        made.one("run").update(rounds=1)
        self.assertEqual(verdicts(made)[0].measured, "40.0")
        self.assertIn("| 40.0x |", tables.ratios(made))

    def test_many_are_met_in_at_most_so_long(self) -> None:
        self.assertTrue(verdicts(record(many_seconds=3.5))[1].is_met)
        self.assertFalse(verdicts(record(many_seconds=3.51))[1].is_met)

    def test_an_aim_is_said_where_it_is_reached(self) -> None:
        for found, is_reached in ((record(60.0, 2.0), True), (record(59.9, 2.1), False)):
            for one in verdicts(found):
                self.assertEqual(one.measured.endswith("aim reached"), is_reached, one)


class Samples(unittest.TestCase):
    def test_cpu_time_is_of_one_picture(self) -> None:
        samples = [sample("a", 10, 1), sample("a", 30, 1)]
        self.assertEqual(mean_cpu_ms(samples), 6)
        self.assertEqual(mean_cpu_ms(samples, "store"), 2)

    def test_others_are_a_share_of_all_processors(self) -> None:
        samples = [sample("a", 1, 100), sample("a", 1, 300, other_cpu_us=20)]
        self.assertAlmostEqual(others_share(samples, 2), 0.05)

    def test_the_table_has_the_median_and_the_extremes(self) -> None:
        made = record()
        made.add("sample", **sample("paper-pool", 10, 8_000_000, 2))
        made.add("sample", **sample("paper-pool", 10, 5_000_000, 3))
        self.assertIn(
            "| paper-pool | 5.00 (4.00–8.00) | 2.0 | 5.00 | 2.50 | 3.0 | 2.0 | 1.0 | 10% |", tables.ways(made)
        )
        self.assertIn(f"| {MANY} pictures | wall", tables.ways(made))

    def test_ratios_go_by_rounds(self) -> None:
        made = Record()
        for number, (peer, ours) in enumerate(((4_000_000, 100_000), (6_000_000, 100_000)), 1):
            for way in WAYS:
                made.add("sample", **sample(way.name, 10, ours if way.is_ours else peer, number))
                made.add("sample", **sample(way.name, MANY, 1, number))
        note_ratios(made, WAYS, 10)
        self.assertEqual(len(made.all("ratio")), 9)
        line = made.one("ratio", peer="paper-pool", ours="ours-parallel")
        self.assertEqual(line["wall"], {"value": 50, "low": 40, "high": 60})
        self.assertEqual(line["cpu"], {"value": 1, "low": 1, "high": 1})


class Pictures(unittest.TestCase):
    def test_it_is_said_which_and_whether_they_come_again(self) -> None:
        made = record()
        self.assertIn("10 photographs, 20.0 megapixels", tables.what(made))
        self.assertIn(f"20.0 MB; {MANY} are these, repeated under other keys", tables.what(made))
        made.one("run").update(count=4, many=0)
        self.assertIn("4 of 10 photographs, 20.0 megapixels in the mean, 20.0 MB. 2 rounds,", tables.what(made))


class Turns(unittest.TestCase):
    def test_a_round_has_every_way_once_and_ours_over_many_as_well(self) -> None:
        found = turns(WAYS, 10, 20, 1)
        self.assertCountEqual(found, [*((way, 10) for way in WAYS), *((way, 20) for way in WAYS if way.is_ours)])
        self.assertCountEqual(turns(WAYS, 10, 0, 1), [(way, 10) for way in WAYS])

    def test_rounds_differ_in_their_order_and_runs_do_not(self) -> None:
        self.assertEqual(turns(WAYS, 10, 20, 1), turns(WAYS, 10, 20, 1))
        self.assertNotEqual(turns(WAYS, 10, 20, 1), turns(WAYS, 10, 20, 2))


if __name__ == "__main__":
    unittest.main()
