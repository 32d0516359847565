"""What is to be reached, and whether a run reached it."""

from dataclasses import dataclass

from harness.record import Line, Record

FORMS = ("progressive", "baseline")
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

# The paper's thumbnails, which are to be reached against the Lanczos3 reference.
FLOOR = "pillow-paper"
# Families whose every variant is to be reached in the mean against the area reference.
AREA_PEERS = ("libvips", "sharp")
# How far the worst picture may be under the worst of the paper's thumbnails.
WORST_BELOW = {"psnr": 0.1, "ssimulacra2": 0.3}
WORST_SIZES = ("512", "256", "128")


@dataclass(frozen=True)
class Verdict:
    """A condition, what was measured, and whether it is met."""

    where: str
    condition: str
    measured: str
    is_met: bool


def speed(record: Record) -> list[Verdict]:
    """Every peer and setting: the ratio of the medians' sums is what counts."""
    verdicts = []
    for (family, form, effort), target in SPEED.items():
        for line in record.all("ratio", against=family, form=form, effort=effort):
            ratio = line["of_medians"]
            verdicts.append(
                Verdict(
                    f"{form}, {effort}",
                    f"{target.at_least:g} times as fast as {line['way']}, aim {target.aim:g}",
                    f"{ratio:.2f} ({line['low']:.2f}–{line['high']:.2f}){', aim reached' * (ratio >= target.aim)}",
                    ratio >= target.at_least,
                )
            )
    return verdicts


def resources(record: Record) -> list[Verdict]:
    """Threads, memory and bytes."""
    verdicts = []
    for line in record.all("threads"):
        factor = line["one_wall_ns"] / line["two_wall_ns"]
        where = f"{line['form']}, {line['effort']}"
        # What two cores would give that nobody else uses: a second thread makes the work itself no cheaper.
        undisturbed = f", by CPU time {2 * line['one_cpu_ns'] / line['two_cpu_ns']:.2f}" if "one_cpu_ns" in line else ""
        measured = f"{factor:.2f}{undisturbed}"
        verdicts.append(Verdict(where, f"two threads {TWO_THREADS} times one", measured, factor >= TWO_THREADS))
    for effort in EFFORTS:
        for line in record.all("memory", way=f"ours-{effort}", form="progressive"):
            peak = line["peak_rss_bytes"]
            megapixels = line["width"] * line["height"] / 1e6
            condition = f"peak RSS of a process at most {PEAK_RSS_BYTES / 1e6:g} MB at {megapixels:.0f} megapixels"
            verdicts.append(
                Verdict(f"progressive, {effort}", condition, f"{peak / 1e6:.1f} MB", peak <= PEAK_RSS_BYTES)
            )
        for line in record.all("bytes", form="progressive", effort=effort):
            share = line["bytes_read"] / line["bytes"]
            condition = f"at most {BYTES_READ[effort]:.0%} of the bytes read"
            verdicts.append(Verdict(f"progressive, {effort}", condition, f"{share:.1%}", share <= BYTES_READ[effort]))
    return verdicts


def floor(record: Record) -> list[Verdict]:
    """The quality floor: `default` holds it in the mean and for the worst picture, `fast` in the mean."""
    verdicts = []
    for form in FORMS:
        pillow = record.all("quality", form=form, family=FLOOR)
        peers = [line for family in AREA_PEERS for line in record.all("quality", form=form, family=family)]
        for effort in EFFORTS:
            for ours in record.all("quality", form=form, way=f"ours-{effort}"):
                verdicts += _means(ours, pillow, "lanczos3")
                verdicts += _means(ours, peers, "area")
                if effort == "default":
                    verdicts += _worst(ours, pillow)
    return verdicts


def _where(ours: Line) -> str:
    return f"{ours['form']}, {ours['way'].removeprefix('ours-')}"


def _means(ours: Line, peers: list[Line], reference: str) -> list[Verdict]:
    verdicts = []
    for size, by_reference in ours["scores"].items():
        for metric, score in by_reference[reference].items() if peers else ():
            best = max(peers, key=lambda peer: peer["scores"][size][reference][metric]["mean"])
            bound = best["scores"][size][reference][metric]["mean"]
            condition = f"{reference}, {size}: mean {NAMES[metric]} not below {best['way']}, {bound:{DIGITS[metric]}}"
            verdicts.append(
                Verdict(_where(ours), condition, _against(score["mean"], bound, metric), score["mean"] >= bound)
            )
    return verdicts


def _worst(ours: Line, pillow: list[Line]) -> list[Verdict]:
    verdicts = []
    for peer in pillow:
        for size in WORST_SIZES:
            for metric, below in WORST_BELOW.items() if size in ours["scores"] else ():
                score, other = (line["scores"][size]["lanczos3"][metric] for line in (ours, peer))
                bound = other["worst"] - below
                condition = (
                    f"lanczos3, {size}: worst {NAMES[metric]} not more than {below} below {peer['way']}'s worst, "
                    f"{other['worst']:{DIGITS[metric]}}"
                )
                measured = f"{_against(score['worst'], other['worst'], metric)}, {score['picture']}"
                verdicts.append(Verdict(_where(ours), condition, measured, score["worst"] >= bound))
    return verdicts


def _against(value: float, other: float, metric: str) -> str:
    """A score, and how far it is from another's."""
    digits = DIGITS[metric]
    return f"{value:{digits}} ({value - other:+{digits}})"
