"""A place whose lake lies in a bucket; the landing zone is a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from resources.lake.lake import Lake
from tests.end_to_end.running import Place
from tests.object_store import ObjectStore


@dataclass(frozen=True)
class BucketPlace(Place):
    """The same commands over `s3://…/quire/lake`."""

    url: str = ""
    storage_options: dict[str, str] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return Lake(self.url, self.storage_options)

    @property
    def environment(self) -> dict[str, str]:
        theirs = {
            "QUIRE_LAKE": self.url,
            "QUIRE_STORAGE_OPTIONS": json.dumps(self.storage_options),
        }
        return {**super().environment, **theirs}


def make_bucket_place(root: Path, s3: ObjectStore, **settings: str) -> BucketPlace:
    (root / "landing").mkdir(parents=True)
    (root / "dagster_home").mkdir()
    given = {f"QUIRE_{name.upper()}": value for name, value in settings.items()}
    return BucketPlace(root, given, f"s3://{s3.bucket('lake')}/quire/lake", s3.storage_options)
