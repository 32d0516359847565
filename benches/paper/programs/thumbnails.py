"""What the paper's three programs have in common: a bucket, six thumbnails of a picture, and their keys."""

import io
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import boto3
from PIL import Image

SIZES = (16, 32, 64, 128, 256, 512)
ORIGINALS = "images/"
THUMBNAILS = "thumbnails/"


def six_decodes(picture: bytes) -> list[bytes]:
    """The picture is opened anew for each size; everything by Pillow's defaults."""
    made = []
    for size in SIZES:
        with Image.open(io.BytesIO(picture)) as image:
            image.thumbnail((size, size))
            out = io.BytesIO()
            image.save(out, "JPEG")
            made.append(out.getvalue())
    return made


def thumbnail_key(original: str, size: int) -> str:
    """Folders are dropped."""
    return f"{THUMBNAILS}{pathlib.PurePosixPath(original).name}.thumbnail({size}, {size}).jpg"


class Bucket:
    """The bucket that the settings name; by default those of the environment, as for our programs."""

    def __init__(self, settings: Mapping[str, str] = os.environ) -> None:
        self.name = settings["COS_BUCKET"]
        self.client = boto3.client(
            "s3",
            endpoint_url=settings["COS_ENDPOINT"],
            region_name=settings["COS_REGION"],
            aws_access_key_id=settings["COS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["COS_SECRET_ACCESS_KEY"],
        )

    def sizes(self, prefix: str) -> dict[str, int]:
        """The lengths in bytes of all objects below a prefix, by ascending keys."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", ())}

    def originals(self, count: int) -> list[str]:
        """The first so many."""
        found = list(self.sizes(ORIGINALS))[:count]
        if len(found) < count:
            sys.exit(f"there are only {len(found)} pictures under {ORIGINALS}, not {count}")
        return found

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def store(self, original: str, thumbnails: list[bytes]) -> None:
        for size, thumbnail in zip(SIZES, thumbnails, strict=True):
            self.client.put_object(
                Bucket=self.name, Key=thumbnail_key(original, size), Body=thumbnail, ContentType="image/jpeg"
            )


@dataclass(frozen=True)
class Clocks:
    """In microseconds: the paper's clock, which leaves out storing, and that from the first GET to the last PUT."""

    paper_us: int
    end_to_end_us: int

    @staticmethod
    def of_seconds(paper: float, end_to_end: float) -> "Clocks":
        return Clocks(round(paper * 1e6), round(end_to_end * 1e6))

    def tell(self) -> None:
        print(json.dumps({"clocks": asdict(self)}))
