"""Markdown tables, made of a record alone."""

from collections.abc import Callable, Iterable

from harness import figures
from harness.figures import DIGITS, EFFORTS, FORMS, NAMES, Verdict
from harness.record import Line, Record


def table(head: list[str], rows: Iterable[list[str]], text_columns: int = 1) -> str:
    """Text to the left, then numbers to the right."""
    numbers = len(head) - text_columns
    lines = [head, [*["---"] * text_columns, *["---:"] * numbers], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def paragraphs(*parts: str) -> str:
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def what(record: Record) -> str:
    """Which pictures, which programs, which machine."""
    run = record.one("run")
    sizes = " and ".join(f"{run['bytes'][form] / 1e6:.1f} MB {form}" for form in FORMS)
    pictures = f"{run['pictures']}, {run['megapixels_mean']:.1f} megapixels in the mean, {sizes}"
    rounds = f"{run['rounds']} round{'s' * (run['rounds'] != 1)}"
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    ours = f" Ours is another program, {run['ours']}." if run.get("ours") else ""
    return (
        f"{pictures}. Six thumbnails each (16 to 512 px, JPEG quality 75), the picture in memory, {rounds}, "
        f"all ways interleaved on one core of {run['cpu']}; CPU time of all threads of a process. {versions}. "
        f"Revision {run['revision']}, {run['date']}.{ours}"
    )


def speed(record: Record, form: str) -> str:
    """Milliseconds for each picture, and how many times as long as ours."""
    rows = []
    for line in record.all("way", form=form, is_chosen=True):
        cells = [line["title"], f"{line['median_ms']:.1f}", f"{line['minimum_ms']:.1f}"]
        for effort in EFFORTS:
            ratios = record.all("ratio", form=form, effort=effort, way=line["way"])
            cells.append("".join(f"{r['of_medians']:.2f}x ({r['low']:.2f}–{r['high']:.2f})" for r in ratios))
        rows.append(cells)
    head = [f"{form}", "ms, median", "ms, least", "to ours, default", "to ours, fast"]
    return table(head, rows)


def variants(record: Record) -> str:
    """What was tried before, and what stands for its family."""
    rows = [
        [line["form"], line["title"], f"{line['pilot_ms']:.1f}", "yes" if line["is_chosen"] else ""]
        for line in record.all("way")
        if line["pilot_ms"] is not None
    ]
    return table(["variants tried", "", "ms", "chosen"], rows, text_columns=2)


def memory(record: Record, *forms: str) -> str:
    rows = [
        [line["form"], line["way"], f"{line['peak_rss_bytes'] / 1e6:.1f}"]
        for form in forms
        for line in record.all("memory", form=form)
    ]
    largest = record.all("memory")[:1]
    size = "".join(f"{line['width']} x {line['height']} px, {line['file_bytes'] / 1e6:.1f} MB" for line in largest)
    return table([f"peak RSS of a process, {size}", "", "MB"], rows, text_columns=2)


def bytes_and_threads(record: Record) -> str:
    rows = []
    for form in FORMS:
        for effort in EFFORTS:
            read = record.all("bytes", form=form, effort=effort)
            threads = record.all("threads", form=form, effort=effort)
            share = "".join(f"{line['bytes_read'] / line['bytes']:.1%}" for line in read)
            factor = "".join(f"{line['one_wall_ns'] / line['two_wall_ns']:.2f}" for line in threads)
            rows.append([f"{form}, {effort}", share, factor])
    return table(["ours", "of the bytes needed", "two threads, times one"], rows)


def quality(record: Record, form: str, reference: str, sizes: tuple[str, ...]) -> str:
    """Mean / worst, for each way and size."""
    lines = record.all("quality", form=form)
    rows = []
    for size in sizes:
        for line in lines:
            scores = line["scores"].get(size, {}).get(reference, {})
            cells = [_mean_and_worst(scores, metric) for metric in NAMES]
            rows.append([size, line["title"], *cells])
    return table([f"{form}, {reference}", "", *NAMES.values()], rows, text_columns=2)


# For readers in a hurry: what is compared, and where.
FAMILIES = {
    "pillow-paper": "Pillow, six decodes (the paper's way)",
    "libvips": "libvips, the nearest of its variants",
    "sharp": "sharp, the nearest of its variants",
    "ours-default": "ours, default",
    "ours-fast": "ours, fast",
}
BRIEF = [(size, metric) for size in ("512", "256", "128") for metric in ("psnr", "ssimulacra2")]


def quality_in_brief(record: Record, form: str) -> str:
    """Mean / worst for each family; in each cell that of its variants counts that has the best mean."""
    rows = []
    for family, title in FAMILIES.items():
        lines = record.all("quality", form=form, family=family)
        cells = []
        for size, metric in BRIEF:
            scores = [line["scores"][size]["lanczos3"] for line in lines if size in line["scores"]]
            best = max(scores, key=lambda score: score[metric]["mean"], default={})
            cells.append(_mean_and_worst(best, metric))
        rows.append([title, *cells])
    return table([form, *(f"{NAMES[metric]}, {size}" for size, metric in BRIEF)], rows)


def _mean_and_worst(scores: Line, metric: str) -> str:
    score, digits = scores.get(metric), DIGITS[metric]
    return f"{score['mean']:{digits}} / {score['worst']:{digits}}" if score else ""


def verdicts(found: list[Verdict]) -> str:
    """What is not met comes first."""
    rows = [
        ["yes" if one.is_met else "**no**", one.where, one.condition, one.measured]
        for one in sorted(found, key=lambda one: one.is_met)
    ]
    return table(["met", "where", "at least", "measured"], rows, text_columns=4)


def tally(found: list[Verdict]) -> str:
    return f"{sum(one.is_met for one in found)} of {len(found)}"


# How many times as long as the quickest peer ours may take for other formats than JPEG.
MOST_TO_BEST = 1.2


# As far as the times say it, or the programs' own descriptions.
WHY_SLOWER = {
    "WebP, lossy": "`image-webp` is Rust without vector code of its own, the peers' libwebp is C with them",
    "TIFF, LZW": "all but what the same picture takes when it is not packed is the unpacking, by `weezl`",
}


def formats(record: Record) -> str:
    """Milliseconds for each format, ours and the peers' that decode once; and ours to the quickest of them."""
    run = record.one("run")
    lines = record.all("format")
    titles = dict.fromkeys(line["way"].split("-")[0] for line in lines)
    rows, slower = [], []
    for form in dict.fromkeys(line["form"] for line in lines):
        by_peer = {line["way"].split("-")[0]: line for line in lines if line["form"] == form}
        ours = by_peer["ours"]["median_ms"]
        others = [line["median_ms"] for peer, line in by_peer.items() if peer != "ours"]
        to_best = ours / min(others)
        if to_best > MOST_TO_BEST:
            slower.append(f"{form}: {WHY_SLOWER.get(form, 'the reason is unknown')}.")
        rows.append(
            [
                "yes" if to_best <= MOST_TO_BEST else "**no**",
                form,
                f"{by_peer['ours']['bytes'] / 1e6:.1f}",
                *(f"{by_peer[peer]['median_ms']:.1f}" for peer in titles),
                f"{to_best:.2f}x",
            ]
        )
    rounds = f"{run['rounds']} round{'s' * (run['rounds'] != 1)}"
    head = (
        f"Other formats: {run['pictures']}, {run['megapixels_mean']:.1f} megapixels in the mean, as Pillow writes them; "
        f"{rounds}, medians, in the same way. Revision {run['revision']}, {run['date']}."
    )
    names = {"pillow": "Pillow, ms", "libvips": "libvips, ms", "sharp": "sharp, ms", "ours": "ours, ms"}
    columns = [f"at most {MOST_TO_BEST} times the best", "format", "MB", *(names[peer] for peer in titles)]
    return paragraphs(head, table([*columns, "ours to the best"], rows, text_columns=2), " ".join(slower))


def everything(record: Record) -> str:
    """What a run prints."""
    parts: list[tuple[str, Callable[[], str]]] = [
        ("What was measured", lambda: what(record)),
        ("Variants", lambda: variants(record)),
        ("CPU time", lambda: paragraphs(*(speed(record, form) for form in FORMS))),
        ("Memory, bytes, threads", lambda: paragraphs(memory(record, *FORMS), bytes_and_threads(record))),
        (
            "Quality, mean / worst",
            lambda: paragraphs(
                *(
                    quality(record, form, reference, ("512", "256", "128", "64", "32", "16"))
                    for form in FORMS
                    for reference in ("lanczos3", "area")
                )
            ),
        ),
    ]
    for title, found in (
        ("Speed", figures.speed(record)),
        ("Resources", figures.resources(record)),
        ("Quality floor", figures.floor(record)),
    ):
        parts.append((f"{title}: {tally(found)} met", lambda found=found: verdicts(found)))
    return "\n".join(f"## {title}\n\n{part()}" for title, part in parts)
