"""What is computed is what its name says."""

import unittest

import numpy as np
from PIL import Image

from harness import metrics, ratios, reference, speed
from harness.ways import ways

RANDOM = np.random.default_rng(1)


def noise(width: int, height: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, 3)).astype(np.float32)


class References(unittest.TestCase):
    def test_area_is_the_mean_of_whole_blocks(self) -> None:
        channel = noise(24, 16)[..., 0]
        means = channel.reshape(4, 4, 6, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(reference.area(channel, 6, 4), means, atol=1e-3)

    def test_area_shares_a_sample_between_two_pixels(self) -> None:
        shares = reference.overlap(3, 2).toarray()
        np.testing.assert_allclose(shares, [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-6)

    def test_area_shares_sum_to_one(self) -> None:
        np.testing.assert_allclose(reference.overlap(5584, 342).sum(axis=1), 1, atol=1e-5)

    def test_lanczos3_is_pillows_before_rounding(self) -> None:
        channel = noise(90, 60)[..., 0]
        eight_bits = Image.fromarray(channel.astype(np.uint8)).resize((30, 20), Image.Resampling.LANCZOS)
        exact = reference.lanczos3(channel, 30, 20)
        self.assertLess(np.abs(np.asarray(eight_bits) - np.clip(exact, 0, 255)).max(), 1)
        self.assertGreater(np.abs(exact - np.round(exact)).max(), 0.4)


class Metrics(unittest.TestCase):
    def test_psnr_of_a_known_error(self) -> None:
        grey = np.full((8, 8, 3), 100, np.float32)
        self.assertAlmostEqual(metrics.psnr(grey, grey + 1), 20 * np.log10(255))

    def test_ssim_is_one_for_the_same_and_less_for_another(self) -> None:
        picture = noise(32, 32)
        self.assertAlmostEqual(metrics.ssim(picture, picture) or 0, 1)
        self.assertLess(metrics.ssim(picture, noise(32, 32)) or 0, 0.5)

    def test_ssim_takes_a_smaller_window_and_then_none(self) -> None:
        self.assertIsNotNone(metrics.ssim(noise(16, 9), noise(16, 9)))
        self.assertIsNone(metrics.ssim(noise(16, 6), noise(16, 6)))

    def test_ssimulacra2_is_a_hundred_for_the_same_and_less_for_another(self) -> None:
        metric = metrics.Ssimulacra2()
        self.addCleanup(metric.close)
        picture = noise(128, 96)
        self.assertAlmostEqual(metric.score(picture, picture), 100, places=3)
        self.assertLess(metric.score(picture, noise(128, 96)), 0)


class Ratios(unittest.TestCase):
    def test_a_constant_factor_has_no_interval(self) -> None:
        ours = [1.0, 2.0, 5.0, 3.0]
        ratio = ratios.ratio_of_sums([3.5 * time for time in ours], ours)
        for value in (ratio.value, ratio.low, ratio.high):
            self.assertAlmostEqual(value, 3.5)

    def test_the_interval_holds_the_ratio_and_repeats(self) -> None:
        peer, ours = [9.0, 30.0, 12.0, 44.0, 8.0], [1.0, 2.5, 1.5, 4.0, 1.0]
        ratio = ratios.ratio_of_sums(peer, ours)
        self.assertTrue(ratio.low < ratio.value < ratio.high)
        self.assertEqual(ratio, ratios.ratio_of_sums(peer, ours))


class Choice(unittest.TestCase):
    def test_the_fastest_variant_stands_for_its_family(self) -> None:
        tried = {way.name: 2.0 for way in ways()} | {"libvips-chain": 1.0, "sharp-clones": 1.0}
        chosen = [way.name for way in speed.best(ways(), tried)]
        self.assertEqual(
            chosen,
            ["pillow-six-decodes", "pillow-chain", "libvips-chain", "sharp-clones", "ours-default", "ours-fast"],
        )


if __name__ == "__main__":
    unittest.main()
