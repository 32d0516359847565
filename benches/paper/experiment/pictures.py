"""The pictures of a run, and the folder that they are put into the store from."""

import pathlib
import statistics
from dataclasses import dataclass

from PIL import Image

from harness.pictures import generated


@dataclass(frozen=True)
class PictureSet:
    """Different pictures, and what to call them."""

    title: str
    is_generated: bool
    paths: list[pathlib.Path]

    def bytes_of(self, count: int) -> int:
        """Of the first `count` that are in the store."""
        return sum(self._nth(at).stat().st_size for at in range(count))

    def megapixels_of(self, count: int) -> float:
        """In the mean."""
        sizes = {path: _megapixels(path) for path in self.paths[:count]}
        return statistics.fmean(sizes[self._nth(at)] for at in range(count))

    def _nth(self, at: int) -> pathlib.Path:
        return self.paths[at % len(self.paths)]

    def linked(self, folder: pathlib.Path, count: int) -> None:
        """Links to `count` of them. After the last the first comes again, under another name; so do the keys."""
        folder.mkdir()
        for at in range(count):
            path = self._nth(at)
            (folder / f"{at // len(self.paths):03}-{path.name}").symlink_to(path.resolve())


def _megapixels(path: pathlib.Path) -> float:
    with Image.open(path) as image:
        return image.width * image.height / 1e6


def pictures(folder: pathlib.Path | None, count: int, max_side: int | None) -> PictureSet:
    """Those of `folder`, or `count` generated ones."""
    place = folder or generated(count, max_side)
    paths = sorted(path for path in place.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    return PictureSet(f"{len(paths)} {'photographs' if folder else 'generated pictures'}", folder is None, paths)
