"""The paper's way on a virtual machine, one picture after another: `sequential.py COUNT`."""

import sys
import time

from thumbnails import Bucket, Clocks, six_decodes


def main() -> None:
    bucket = Bucket()
    originals = bucket.originals(int(sys.argv[1]))
    begun = time.monotonic()
    made = [six_decodes(bucket.get(key)) for key in originals]
    # The paper's clock stops before anything is stored.
    paper = time.monotonic() - begun
    for key, thumbnails in zip(originals, made, strict=True):
        bucket.store(key, thumbnails)
    Clocks.of_seconds(paper, time.monotonic() - begun).tell()


if __name__ == "__main__":
    main()
