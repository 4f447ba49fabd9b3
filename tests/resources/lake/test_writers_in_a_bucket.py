"""Several processes write one table in a bucket: Delta's conditional put, and what Quire adds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from io_managers.contents import claim
from resources.lake.lake import Lake
from resources.settings import load_settings
from sensors.scan import tick
from tests.end_to_end.pdfs import plain
from tests.lakes import lake_in_bucket
from tests.object_store import ObjectStore

SPAWN = multiprocessing.get_context("spawn")


def at_once(target: Callable[..., None], arguments: list[tuple[Any, ...]]) -> None:
    processes = [SPAWN.Process(target=target, args=given) for given in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0


def claim_documents(root: str, options: dict[str, str], worker: int, n: int) -> None:
    """Claim documents of this worker's own, and one in each claim that all of them want."""
    lake = Lake(root, options)
    for number in range(n):
        own, shared = f"{worker}-{number}", f"shared-{number}"
        claim(lake, f"b{worker:08d}", {own: f"file:///{own}", shared: f"file:///{shared}"})


@pytest.mark.parametrize(("n_workers", "n"), [(2, 3), pytest.param(4, 6, marks=pytest.mark.slow)])
def test_claims_at_once_are_all_there_and_each_document_has_one_owner(
    s3: ObjectStore, n_workers: int, n: int
) -> None:
    lake = lake_in_bucket(s3)
    lake.ensure("contents")
    workers = range(n_workers)
    at_once(claim_documents, [(lake.root, lake.storage_options, w, n) for w in workers])
    found = lake.read("contents")["doc_id"].sort().to_list()
    own = [f"{worker}-{number}" for worker in workers for number in range(n)]
    assert found == sorted([*own, *(f"shared-{number}" for number in range(n))])
    commits = [name for name in lake.names("contents/_delta_log") if name.endswith(".json")]
    assert commits == [f"{number:020d}.json" for number in range(len(commits))]


def take_all(lake: str, options: dict[str, str], landing: str) -> None:
    settings = load_settings(
        {}, Path(landing), {"lake": lake, "stable_seconds": "0", "batch_max_docs": "2"}
    )
    for _ in range(3):
        tick(Lake(lake, options), settings, [landing], linger=False)


def test_ticks_at_once_take_no_file_twice(s3: ObjectStore, tmp_path: Path) -> None:
    lake = lake_in_bucket(s3)
    for number in range(9):
        plain(tmp_path / f"{number}.pdf")
    at_once(take_all, [(lake.root, lake.storage_options, str(tmp_path))] * 3)
    rows = lake.read("manifest")
    assert sorted(rows["file_name"]) == [f"{number}.pdf" for number in range(9)]
    assert rows["batch"].value_counts()["count"].max() == 2
    names = rows["batch"].unique().sort().to_list()
    assert names == [f"b{number:08d}" for number in range(1, len(names) + 1)]
