"""What documents want done is not done: workers reach no host, start no process, write no file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import assets.pages.build
from assets.context import StageContext
from assets.files.build import build_files
from assets.pages.build import build_pages
from io_managers.publish import publish_staged
from resources.lake.lake import Lake
from resources.settings import load_settings
from resources.workers.pool import WorkerPool
from sensors.scan import tick
from tests.hostile import active


def test_pages_are_read_without_reaching_for_anything(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets.pages.build, "_READ", "tests.hostile.engine:read_pages_alone")
    landing = tmp_path / "landing"
    landing.mkdir()
    settings = load_settings(
        {}, tmp_path, {"landing": "landing", "stable_seconds": "0", "workers": "1", "ocr": "off"}
    )
    for case in active.CASES:
        (landing / str(case.name)).write_bytes(case.make())
    before = sorted(os.listdir(landing))
    (batch,) = tick(lake, settings, [str(landing)], linger=False).batches
    pool = WorkerPool(workers=1, memory_mb=2048, page_timeout=30, doc_timeout=120)
    try:
        context = StageContext(lake, settings, pool, batch, "run")
        publish_staged(lake, build_files(context))
        publish_staged(lake, build_pages(context))
    finally:
        pool.close()
    failures = lake.read("failures")["error_class"].to_list()
    assert sorted(failures) == sorted(c for case in active.CASES for c in case.classes)
    assert lake.read("pages").height == sum(case.n_pages or 0 for case in active.CASES)
    assert sorted(os.listdir(landing)) == before
    assert not Path("/tmp/quire-pwned").exists()
