"""What is to be reached, and whether a run reached it."""

from dataclasses import dataclass

from harness.record import Line, Record

EFFORTS = ("default", "fast")
NAMES = {"psnr": "PSNR", "ssim": "SSIM", "ssimulacra2": "SSIMULACRA2"}
DIGITS = {"psnr": ".2f", "ssim": ".4f", "ssimulacra2": ".2f"}


@dataclass(frozen=True)
class Target:
    """Times as fast as a peer."""

    at_least: float
    aim: float


SPEED = {
    ("pillow-paper", "progressive", "default"): Target(75, 120),
    ("pillow-paper", "progressive", "fast"): Target(140, 200),
    ("pillow-paper", "baseline", "default"): Target(8, 12),
    ("pillow-paper", "baseline", "fast"): Target(10, 15),
    ("libvips", "progressive", "default"): Target(15, 24),
    ("libvips", "progressive", "fast"): Target(27, 40),
    ("libvips", "baseline", "default"): Target(1.8, 2.8),
    ("libvips", "baseline", "fast"): Target(2.4, 3.5),
    ("sharp", "progressive", "default"): Target(16, 26),
    ("sharp", "progressive", "fast"): Target(30, 45),
    ("sharp", "baseline", "default"): Target(2.5, 3.5),
    ("sharp", "baseline", "fast"): Target(3.1, 4.5),
}

TWO_THREADS = 1.9
PEAK_RSS_BYTES = 12_000_000
BYTES_READ = {"default": 0.32, "fast": 0.20}

# Families whose every variant is to be reached, in the mean, against the area reference.
AREA_PEERS = ("libvips", "sharp")
# How far the worst picture may be under the worst of the paper's thumbnails.
WORST_BELOW = {"psnr": 0.1, "ssimulacra2": 0.3}


@dataclass(frozen=True)
class Verdict:
    """A claim, the numbers, and whether they bear it out."""

    claim: str
    numbers: str
    is_reached: bool


def speed(record: Record) -> list[Verdict]:
    verdicts = []
    for (family, form, effort), target in SPEED.items():
        for line in record.all("ratio", against=family, form=form, effort=effort):
            measured = line["of_medians"]
            aim = "aim reached" if measured >= target.aim else f"aim {target.aim:g}x not reached"
            verdicts.append(
                Verdict(
                    f"{form}, {effort}: at least {target.at_least:g}x as fast as {line['way']}",
                    f"{measured:.2f}x ({line['low']:.2f} to {line['high']:.2f}), {aim}",
                    measured >= target.at_least,
                )
            )
    return verdicts


def resources(record: Record) -> list[Verdict]:
    verdicts = []
    for line in record.all("threads"):
        factor = line["one_wall_ns"] / line["two_wall_ns"]
        claim = f"{line['form']}, {line['effort']}: two threads at least {TWO_THREADS} times one"
        verdicts.append(Verdict(claim, f"{factor:.2f} times", factor >= TWO_THREADS))
    for effort in EFFORTS:
        for line in record.all("memory", way=f"ours-{effort}", form="progressive"):
            claim = f"{effort}: peak RSS of a whole process at most {PEAK_RSS_BYTES / 1e6:g} MB"
            size = f"{line['width'] * line['height'] / 1e6:.0f} megapixels"
            numbers = f"{line['peak_rss_bytes'] / 1e6:.1f} MB on {size}, progressive"
            verdicts.append(Verdict(claim, numbers, line["peak_rss_bytes"] <= PEAK_RSS_BYTES))
        for line in record.all("bytes", form="progressive", effort=effort):
            share = line["bytes_read"] / line["bytes"]
            claim = f"progressive, {effort}: at most {BYTES_READ[effort]:.0%} of the bytes read"
            verdicts.append(Verdict(claim, f"{share:.1%}", share <= BYTES_READ[effort]))
    return verdicts


def floor(record: Record) -> list[Verdict]:
    """The quality floor: `default` holds it in the mean and for the worst picture, `fast` in the mean."""
    verdicts = []
    for form in ("progressive", "baseline"):
        for effort in EFFORTS:
            ours = record.all("quality", form=form, way=f"ours-{effort}")
            pillow = record.all("quality", form=form, family="pillow-paper")
            peers = [line for family in AREA_PEERS for line in record.all("quality", form=form, family=family)]
            if ours and pillow:
                verdicts += _means(f"{form}, {effort}", ours[0], pillow, "lanczos3")
                verdicts += _means(f"{form}, {effort}", ours[0], peers, "area")
            if ours and pillow and effort == "default":
                verdicts += _worst(f"{form}, {effort}", ours[0], pillow[0])
    return verdicts


def _means(which: str, ours: Line, peers: list[Line], reference: str) -> list[Verdict]:
    verdicts = []
    for size, by_reference in ours["scores"].items():
        for metric, score in by_reference[reference].items():
            best = max(peers, key=lambda peer: peer["scores"][size][reference][metric]["mean"], default=None)
            if best is None:
                continue
            other = best["scores"][size][reference][metric]["mean"]
            claim = f"{which}: mean {NAMES[metric]} at {size} not below {best['way']} ({reference})"
            numbers = f"{score['mean']:{DIGITS[metric]}} to {other:{DIGITS[metric]}}"
            verdicts.append(Verdict(claim, numbers, score["mean"] >= other))
    return verdicts


def _worst(which: str, ours: Line, pillow: Line) -> list[Verdict]:
    verdicts = []
    for size in ("512", "256", "128"):
        for metric, below in WORST_BELOW.items():
            score, other = (line["scores"][size]["lanczos3"][metric] for line in (ours, pillow))
            claim = f"{which}: worst {NAMES[metric]} at {size} at most {below} under {pillow['way']}'s worst (lanczos3)"
            digits = DIGITS[metric]
            numbers = (
                f"{score['worst']:{digits}} ({score['picture']}) to {other['worst']:{digits}} ({other['picture']})"
            )
            verdicts.append(Verdict(claim, numbers, score["worst"] >= other["worst"] - below))
    return verdicts
