"""A record as a run makes it, with figures that are easy to check."""

from typing import Any

from experiment.figures import MANY, OURS, PEER
from harness.record import Record


def sample(way: str, pictures: int, wall_us: int, number: int = 1, **values: Any) -> dict[str, Any]:
    """CPU time of a picture is 6 ms: 3 of the client, 2 of the store, 1 of the function."""
    return {
        "round": number,
        "way": way,
        "title": way,
        "pictures": pictures,
        "wall_us": wall_us,
        "end_to_end_us": wall_us - 1000,
        "paper_us": wall_us // 2,
        "client_cpu_us": 3000 * pictures,
        "store_cpu_us": 2000 * pictures,
        "function_cpu_us": 1000 * pictures,
        "other_cpu_us": wall_us // 5,
        **values,
    }


def record(ratio: float = 40.0, many_seconds: float = 3.0, is_generated: bool = False, **of_peer: Any) -> Record:
    """Ten pictures by the pool and by ours, and many by ours."""
    made = Record()
    made.add(
        "run",
        pictures="10 photographs",
        is_generated=is_generated,
        different=10,
        count=10,
        many=MANY,
        bytes=20_000_000,
        megapixels_mean=20.0,
        rounds=2,
        is_built_here=True,
        cpu="a processor",
        cpus=2,
        load_before=0.1,
        revision="0123456789ab",
        date="2021-01-01",
        versions={"Pillow": "1"},
    )
    made.add("sample", **sample(PEER, 10, 4_000_000, **of_peer))
    made.add("sample", **sample(OURS, 10, 100_000, other_cpu_us=200_000))
    made.add("sample", **sample(OURS, MANY, round(many_seconds * 1e6)))
    interval = {"value": ratio, "low": ratio - 1, "high": ratio + 1}
    made.add("ratio", peer=PEER, ours=OURS, wall=interval, cpu=interval)
    return made
