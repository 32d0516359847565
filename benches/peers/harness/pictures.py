"""The photographs: each as a progressive JPEG, and as the baseline JPEG of the same coefficients."""

import hashlib
import pathlib
import subprocess
from dataclasses import dataclass

from PIL import Image

from harness.places import PROJECT, WORK

FORMS = ("progressive", "baseline")


@dataclass(frozen=True)
class Picture:
    """One photograph in both forms."""

    name: str
    width: int
    height: int
    progressive: pathlib.Path
    baseline: pathlib.Path

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def form(self, name: str) -> pathlib.Path:
        return self.progressive if name == "progressive" else self.baseline


@dataclass(frozen=True)
class PictureSet:
    """The pictures of a run, and what to call them."""

    title: str
    is_generated: bool
    pictures: list[Picture]

    def limited_to(self, count: int | None) -> "PictureSet":
        """So many of them, evenly spread."""
        if count is None or count >= len(self.pictures):
            return self
        pictures = [self.pictures[at * len(self.pictures) // count] for at in range(count)]
        return PictureSet(f"{count} of {self.title}", self.is_generated, pictures)

    def bytes_of(self, form: str) -> int:
        return sum(picture.form(form).stat().st_size for picture in self.pictures)


def digest(path: pathlib.Path) -> str:
    """A name for a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def twin(source: pathlib.Path, form: str) -> pathlib.Path:
    """The same coefficients in the other form, by jpegtran with its standard tables or standard scan script."""
    target = WORK / "twins" / f"{source.stem}-{digest(source)}-{form}.jpg"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".part")
        options = ["-progressive"] if form == "progressive" else []
        subprocess.run(["jpegtran", "-copy", "all", *options, "-outfile", unfinished, source], check=True)
        unfinished.rename(target)
    return target


def read(path: pathlib.Path) -> Picture:
    with Image.open(path) as image:
        width, height = image.size
        is_progressive = bool(image.info.get("progressive"))
    form = "progressive" if is_progressive else "baseline"
    forms = {other: path if other == form else twin(path, other) for other in FORMS}
    return Picture(path.stem, width, height, **forms)


def generated(count: int, max_side: int | None) -> pathlib.Path:
    """Pictures by the project's own generator; the same arguments give the same pictures."""
    folder = WORK / f"generated-{count}-{max_side or 'full'}"
    if not (folder / "complete").exists():
        side = ["--max-side", str(max_side)] if max_side else []
        command = ["cargo", "run", "--quiet", "--locked", "--release", "--package", "dataset", "--", "generate"]
        subprocess.run(
            [*command, "--count", str(count), "--out", folder, *side],
            check=True,
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
        )
        (folder / "complete").touch()
    return folder


def photographs(folder: pathlib.Path | None, count: int, max_side: int | None) -> PictureSet:
    """Those of `folder`, or generated ones."""
    place = folder or generated(count, max_side)
    paths = sorted(path for path in place.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    pictures = [read(path) for path in paths]
    title = f"{len(pictures)} {'photographs' if folder else 'generated pictures'}"
    return PictureSet(title, folder is None, pictures)
