"""The parser's faults on demand, through the real pages stage: each costs its own page only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path

import pytest

import assets.pages.build
from assets.context import StageContext
from assets.files.build import build_files
from assets.pages.build import SLICE_PAGES, build_pages
from io_managers.publish import publish_staged
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.workers.pool import WorkerPool
from sensors.scan import tick
from tests.hostile.case import Draft
from tests.hostile.engine import notes_of, with_faults

DEATHS = {
    "hang": "timeout",
    "abort": "crash",
    "segfault": "crash",
    "exit": "crash",
    "leak": "memory",
}
RUBBISH = (
    *("sizes", "counts", "negative", "text", "type", "status", "class", "null", "blocks", "box"),
    *("field", "set", "raw", "silent", "name"),
)


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(workers=2, memory_mb=1024, page_timeout=2, doc_timeout=120)
    yield pool
    pool.close()


@dataclass(frozen=True)
class Read:
    """What the pages stage made of a document."""

    classes: dict[int, str]
    """Error class of each page that is not ok."""
    failures: dict[int, str]
    texts: dict[int, str]
    tasks: tuple[tuple[int, ...], ...]


Reading = Callable[..., dict[str, Read]]


@pytest.fixture
def read(
    lake: Lake, settings: Settings, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> Reading:
    """Read documents of so many pages with these faults, all in one batch."""
    monkeypatch.setattr(assets.pages.build, "_READ", "tests.hostile.engine:read_pages")
    landing = Path(settings.landing)
    (landing.parent / "tasks").mkdir()

    def run(**documents: tuple[int, dict[int, str]]) -> dict[str, Read]:
        for name, (n_pages, faults) in documents.items():
            made = Draft(name, n_pages).file()
            (landing / f"{name}.pdf").write_bytes(with_faults(made, faults))
        (batch,) = tick(lake, settings, [settings.landing], linger=False).batches
        context = StageContext(lake, settings, pool, batch, "run")
        publish_staged(lake, build_files(context))
        publish_staged(lake, build_pages(context))
        return {name: _read(lake, landing / f"{name}.pdf") for name in documents}

    return run


def _read(lake: Lake, path: Path) -> Read:
    ids = {row["file_name"]: row["doc_id"] for row in lake.read("files").to_dicts()}
    pages = [r for r in lake.read("pages").to_dicts() if r["doc_id"] == ids[path.name]]
    failures = [r for r in lake.read("failures").to_dicts() if r["doc_id"] == ids[path.name]]
    assert len({row["page_number"] for row in pages}) == len(pages)
    return Read(
        {row["page_number"]: row["error_class"] for row in pages if row["status"] != "ok"},
        {row["page_number"]: row["error_class"] for row in failures},
        {row["page_number"]: row["text"] for row in pages if row["status"] == "ok"},
        tuple(tuple(json.loads(line)) for line in notes_of(path).read_text().splitlines()),
    )


def test_every_death_has_its_class_and_costs_its_own_page(read: Reading) -> None:
    faults = dict(zip((1, 5, 6, 20, 32), DEATHS, strict=True))
    n_pages = 40
    found = read(sick=(n_pages, faults), healthy=(20, {}))
    sick, healthy = found["sick"], found["healthy"]
    expected = {page: DEATHS[fault] for page, fault in faults.items()}
    assert sick.classes == expected
    assert sick.failures == expected
    assert sick.texts == {n: f"page {n}" for n in range(1, n_pages + 1) if n not in faults}
    assert healthy.classes == {}
    assert set(healthy.texts) == set(range(1, 21))
    slices = ceil(n_pages / SLICE_PAGES)
    assert len(sick.tasks) <= slices + len(faults) * (1 + log2(SLICE_PAGES))
    done = [page for task in sick.tasks for page in task]
    assert set(done) == set(range(1, n_pages + 1))


@pytest.mark.parametrize("fault", sorted(DEATHS))
@pytest.mark.parametrize("page", [1, 9, 16])
def test_a_bad_page_takes_few_tasks(read: Reading, fault: str, page: int) -> None:
    (found,) = read(sick=(16, {page: fault})).values()
    assert found.classes == {page: DEATHS[fault]}
    assert len(found.tasks) - 1 <= 1 + log2(16)


def test_every_page_bad_is_every_page_failed(read: Reading) -> None:
    faults = {page: ("abort", "segfault", "exit")[page % 3] for page in range(1, 9)}
    (found,) = read(sick=(8, faults)).values()
    assert found.classes == dict.fromkeys(range(1, 9), "crash")
    assert len(found.tasks) <= 1 + 8 * (1 + log2(8))


def test_rubbish_is_refused_page_by_page(read: Reading) -> None:
    faults = {2 * number + 1: fault for number, fault in enumerate(RUBBISH)}
    n_pages = 2 * len(RUBBISH)
    found = read(sick=(n_pages, faults), healthy=(3, {}))
    assert found["sick"].classes == dict.fromkeys(faults, "invalid_output")
    assert found["sick"].failures == dict.fromkeys(faults, "invalid_output")
    assert set(found["sick"].texts) == set(range(1, n_pages + 1)) - set(faults)
    assert found["healthy"].classes == {}


def test_answers_about_other_pages_and_second_answers_are_no_rows(read: Reading) -> None:
    found = read(sick=(6, {2: "strangers", 4: "twice"}))["sick"]
    assert found.classes == {}
    assert found.texts == {n: f"page {n}" for n in range(1, 7)}


def test_pages_before_a_refusal_are_kept(read: Reading) -> None:
    found = read(sick=(5, {3: "refuse"}))["sick"]
    assert found.classes == dict.fromkeys((3, 4, 5), "corrupt")
    assert set(found.texts) == {1, 2}
