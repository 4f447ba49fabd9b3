"""Killed in the middle of publishing to a bucket, and run again: the tables end as they would."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resources.crash_points import VARIABLE
from resources.lake.lake import Lake
from tests.crashes.place import CountingPlace, make_counting_place
from tests.end_to_end.buckets import BucketPlace
from tests.end_to_end.pdfs import plain
from tests.object_store import ObjectStore

WHERE = (
    "manifest.after_take",
    "stage.file_staged",
    "contents.claimed",
    "publish.before_commit:3",
    "publish.after_commit:3",
)


FAST = "publish.before_commit:3"


class CountingBucketPlace(CountingPlace, BucketPlace):
    """Counts what is read, over a lake in a bucket."""


def place_in_bucket(root: Path, s3: ObjectStore, pdfs: Path) -> CountingBucketPlace:
    local = make_counting_place(root, pdfs)
    url = f"s3://{s3.bucket('lake')}/quire/lake"
    return CountingBucketPlace(local.root, local.settings, url, s3.storage_options)


@pytest.fixture(scope="module")
def pdfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pdfs")
    for number in range(2):
        plain(folder / f"{number}.pdf", 2, f"Document {number} speaks of the sea")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, pdfs: Path) -> dict[str, list[dict[str, Any]]]:
    """What a folder's lake holds after a run that nothing disturbed."""
    place = make_counting_place(tmp_path_factory.mktemp("clean") / "place", pdfs)
    assert place.ingest()[0] == 3
    return place.tables()


@pytest.mark.parametrize(
    "point", [pytest.param(p, marks=() if p == FAST else pytest.mark.slow) for p in WHERE]
)
def test_a_run_that_is_killed_there_loses_and_doubles_nothing(
    tmp_path: Path,
    s3: ObjectStore,
    pdfs: Path,
    clean: dict[str, list[dict[str, Any]]],
    point: str,
) -> None:
    place = place_in_bucket(tmp_path / "place", s3, pdfs)
    dying = replace(place, settings={**place.settings, VARIABLE: point})
    code, out, err = dying.run("ingest", "--json")
    assert code == -signal.SIGKILL, (out, err)
    code, report = place.ingest()
    assert code == 3, report
    assert place.tables() == clean
    assert place.run("audit")[0] == 0
    assert isinstance(place.lake, Lake)
    assert not place.lake.local
