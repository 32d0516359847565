"""The paper's way through Lithops, with its localhost backend and the bucket as its storage: `lithops_localhost.py COUNT`."""

import os
import sys
import time
from typing import Any

from lithops import FunctionExecutor

from thumbnails import Bucket, Clocks, six_decodes


def make(key: str, storage: Any) -> list[bytes]:
    """One call of Lithops, which gives its own client of the storage to whom it calls."""
    return six_decodes(storage.get_object(os.environ["COS_BUCKET"], key))


def configuration(bucket: str) -> dict[str, Any]:
    return {
        # What Lithops leaves in the bucket is removed by whoever starts this, outside of all clocks.
        "lithops": {"backend": "localhost", "storage": "minio", "data_cleaner": False, "log_level": "WARNING"},
        "localhost": {"runtime": sys.executable, "worker_processes": os.cpu_count()},
        "minio": {
            "storage_bucket": bucket,
            "endpoint": os.environ["COS_ENDPOINT"],
            "access_key_id": os.environ["COS_ACCESS_KEY_ID"],
            "secret_access_key": os.environ["COS_SECRET_ACCESS_KEY"],
        },
    }


def main() -> None:
    bucket = Bucket()
    originals = bucket.originals(int(sys.argv[1]))
    begun = time.monotonic()
    with FunctionExecutor(config=configuration(bucket.name)) as executor:
        futures = executor.map(make, originals)
        made = executor.get_result(futures)
    for key, thumbnails in zip(originals, made, strict=True):
        bucket.store(key, thumbnails)
    end_to_end = time.monotonic() - begun
    # As the paper has it: neither the way to the first worker nor that of the results counts.
    stats = [future.stats for future in futures]
    paper = max(call["worker_end_tstamp"] for call in stats) - min(call["worker_start_tstamp"] for call in stats)
    Clocks.of_seconds(paper, end_to_end).tell()


if __name__ == "__main__":
    main()
