"""The paper's way on all cores of a virtual machine, one process for each: `pool.py COUNT`."""

import functools
import multiprocessing
import sys
import time

from thumbnails import Bucket, Clocks, six_decodes


@functools.cache
def bucket() -> Bucket:
    """One client for each process."""
    return Bucket()


def make(key: str) -> list[bytes]:
    return six_decodes(bucket().get(key))


def store(key: str, thumbnails: list[bytes]) -> None:
    bucket().store(key, thumbnails)


def main() -> None:
    originals = Bucket().originals(int(sys.argv[1]))
    begun = time.monotonic()
    # One picture a task, so that no process ends long before the other; and the pool stores as well. Both favour it.
    with multiprocessing.Pool() as pool:
        made = pool.map(make, originals, chunksize=1)
        paper = time.monotonic() - begun
        pool.starmap(store, zip(originals, made, strict=True))
        Clocks.of_seconds(paper, time.monotonic() - begun).tell()
        pool.close()
        pool.join()


if __name__ == "__main__":
    main()
