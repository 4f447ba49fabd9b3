"""Workers: a page that hangs, crashes or eats memory costs that page, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.workers.pool import NOT_YET, Task, WorkerPool
from resources.workers.slots import HostSlots
from tests.resources.workers.running import a_pool, run, task


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(workers=2, memory_mb=2048, page_timeout=2.0, doc_timeout=60.0)
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        ("hang", "timeout"),
        ("spin", "timeout"),
        ("abort", "crash"),
        ("segfault", "crash"),
        ("exit", "crash"),
        ("memory", "memory"),
        ("raise", "unknown"),
        ("leave", "unknown"),
    ],
)
def test_one_bad_page_costs_itself_only(pool: WorkerPool, fault: str, error_class: str) -> None:
    done, failed = run(pool, task("bad", 6, {4: fault}), task("good", 6))
    assert done == {"bad": [1, 2, 3, 5, 6], "good": [1, 2, 3, 4, 5, 6]}
    assert failed == {"bad": {4: error_class}}


def test_many_bad_pages_are_each_found(pool: WorkerPool) -> None:
    faults = {1: "abort", 2: "segfault", 5: "exit", 8: "memory"}
    done, failed = run(pool, task("bad", 8, faults))
    assert done == {"bad": [3, 4, 6, 7]}
    assert failed == {"bad": {1: "crash", 2: "crash", 5: "crash", 8: "memory"}}


@pytest.mark.parametrize("once", [True, False])
def test_a_page_that_died_half_way_leaves_no_half(
    pool: WorkerPool, tmp_path: Path, once: bool
) -> None:
    mark = str(tmp_path / "struck")
    found, failed = [], []
    for result in pool.run([task("d", 3, {2: "abort"}, "placements", once=once, mark=mark)]):
        found += [(r["page_number"], r["image_index"]) for r, _ in result.records()]
        failed += list(result.failure.units) if result.failure else []
    whole = [1, 2, 3] if once else [1, 3]
    assert sorted(found) == [(page, index) for page in whole for index in range(3)]
    assert failed == ([] if once else [2])


def test_runs_on_one_host_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours, theirs = HostSlots(1), HostSlots(1)
    slot = ours.acquire(wait=False)
    assert slot == 0
    assert theirs.acquire(wait=False) is None
    taken: list[int | None] = []
    waiter = threading.Thread(target=lambda: taken.append(theirs.acquire(wait=True)))
    waiter.start()
    while not ours.contested():
        time.sleep(0.01)
    ours.release(slot)
    assert ours.acquire(wait=False) is None or taken == [0]
    waiter.join(10)
    assert taken == [0]
    theirs.close()
    assert ours.acquire(wait=True) == 0
    ours.close()


def test_a_document_over_its_clock_fails_in_time_and_others_go_on() -> None:
    with a_pool(workers=2, page_timeout=30.0, doc_timeout=2.0) as pool:
        whole = task("bad", 6, {1: "spin", 5: "spin"})
        bad = [whole.with_units([1, 2]), whole.with_units([3, 4, 5, 6])]
        done, failed = run(pool, *bad, task("good", 3))
        assert done["good"] == [1, 2, 3]
        assert set(failed["bad"].values()) == {"timeout"}


def test_a_slow_reader_of_results_costs_no_document_its_time() -> None:
    with a_pool(page_timeout=1.0, doc_timeout=1.0) as pool:
        whole = task("d", 4, {1: "wait 0.3", 2: "wait 0.3"})
        results = pool.run([whole.with_units([page]) for page in whole.units])
        failures = []
        for result in results:
            failures.append(result.failure)
            time.sleep(1.2)
    assert failures == [None] * 4


def test_large_results_are_streamed_whole(pool: WorkerPool) -> None:
    big = task("big", 3)
    big.payload["blob"] = 3_000_000
    blobs = [blob for result in pool.run([big]) for _, blob in result.records()]
    assert [len(blob or b"") for blob in blobs] == [3_000_000] * 3


def test_a_payload_of_any_size_arrives_whole(pool: WorkerPool) -> None:
    for n in (1, 300_000):
        asked = task("d", 1, name="length", long=[*range(n - 1), "last \udcff"])
        (record,) = [record for result in pool.run([asked]) for record, _ in result.records()]
        assert (record["length"], record["last"]) == (n, "last ?")


def test_tasks_that_follow_from_results_are_waited_for(pool: WorkerPool) -> None:
    seen: list[str] = []

    def tasks() -> Iterator[Task]:
        yield task("first", 2)
        while "first" not in seen:
            yield NOT_YET
        yield task("second", 2)

    for result in pool.run(tasks()):
        seen.append(result.task.document)  # noqa: PERF401 - as they come
    assert seen == ["first", "second"]


def test_workers_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIRE_API_KEY", "secret-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-2")
    with a_pool() as fresh:
        asked = Task("d", "tests.resources.workers.engines:environment", {"a": 1})
        (record,) = [record for result in fresh.run([asked]) for record, _ in result.records()]
    assert not {"QUIRE_API_KEY", "AWS_SECRET_ACCESS_KEY"} & set(record["names"])
    assert "secret-" not in record["initial"]
    assert "QUIRE_API_KEY" not in record["initial"]
    assert record["asked"] == {"a": 1}


def test_workers_import_neither_dagster_nor_the_lake(pool: WorkerPool) -> None:
    asked = Task(
        "d",
        "tests.resources.workers.engines:modules",
        {"import": ["assets.files.triage", "assets.pages.read", "assets.images.extract"]},
    )
    (record,) = [record for result in pool.run([asked]) for record, _ in result.records()]
    assert not {"dagster", "polars", "deltalake", "torch"} & set(record["loaded"])
