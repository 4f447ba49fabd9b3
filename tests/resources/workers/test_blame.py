"""Which page pays when a worker dies or refuses, and that every page comes to something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.errors import EngineError
from resources.workers.pool import Task, WorkerPool
from tests.resources.workers.running import ENGINES, a_pool, run, task


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with a_pool(workers=2, page_timeout=2.0) as pool:
        yield pool


def while_loading(tmp_path: Path, n: int, fault: str, times: int, *, loading: bool) -> Task:
    """A task of `n` pages, where the first one's fault strikes before any page is open."""
    mark = str(tmp_path / "tries")
    fields = {"mark": mark, "fault": fault, "times": times, "loading": loading, "page": 1}
    return task("d", n, None, "loading", **fields)


@pytest.mark.parametrize("loading", [True, False])
def test_a_worker_killed_once_before_a_page_was_open_costs_no_page(
    pool: WorkerPool, tmp_path: Path, loading: bool
) -> None:
    asked = while_loading(tmp_path, 3, "kill", 1, loading=loading)
    assert run(pool, asked) == ({"d": [1, 2, 3]}, {})


@pytest.mark.parametrize(("how", "error_class"), [("kill", "crash"), ("hang", "timeout")])
def test_a_page_that_kills_before_it_is_open_is_found(
    pool: WorkerPool, tmp_path: Path, how: str, error_class: str
) -> None:
    asked = while_loading(tmp_path, 4, how, 99, loading=False)
    assert run(pool, asked) == ({"d": [2, 3, 4]}, {"d": {1: error_class}})


def test_a_document_that_kills_whatever_the_page_fails_after_four_tries(
    pool: WorkerPool, tmp_path: Path
) -> None:
    asked = task("d", 9, name="opening", mark=str(tmp_path / "tries"))
    assert run(pool, asked)[1] == {"d": dict.fromkeys(range(1, 10), "crash")}
    assert len((tmp_path / "tries").read_bytes()) == 4


def test_an_engine_that_cannot_be_loaded_stops_the_stage(pool: WorkerPool) -> None:
    for name in ("tests.resources.workers.none:pages", f"{ENGINES}:none"):
        with pytest.raises(EngineError, match="none"):
            list(pool.run([Task("d", name, {}, (1,))]))


def test_pages_read_before_a_refusal_are_kept_once(pool: WorkerPool) -> None:
    done, failed = run(pool, task("d", 4, {3: "refuse"}))
    assert done == {"d": [1, 2]}
    assert failed == {"d": {3: "corrupt", 4: "corrupt"}}


def test_half_a_page_before_a_refusal_is_none(pool: WorkerPool, tmp_path: Path) -> None:
    found, failed = [], []
    asked = task("d", 3, {2: "refuse"}, "placements", mark=str(tmp_path / "none"))
    for result in pool.run([asked]):
        found += [record["page_number"] for record, _ in result.records()]
        failed += list(result.failure.units) if result.failure else []
    assert (found, failed) == ([1, 1, 1], [2, 3])


def test_a_page_without_an_answer_fails_where_each_must_have_one(pool: WorkerPool) -> None:
    asked = task("d", 3, name="forgetful")
    assert run(pool, asked) == ({"d": [1, 3]}, {"d": {2: "invalid_output"}})
    loose = Task("d", asked.function, asked.payload, asked.units, complete=False)
    assert run(pool, loose) == ({"d": [1, 3]}, {})


def pieces(pool: WorkerPool, payload: dict[str, object]) -> list[tuple[int, bool]]:
    """Of each result of a task without units: how many records, and whether it is no failure."""
    results = pool.run([Task("d", f"{ENGINES}:piece", payload)])
    return [(len(list(result.records())), result.failure is None) for result in results]


@pytest.mark.parametrize(("how", "times"), [("kill", 2), ("raise", 1), ("refuse", 1)])
def test_a_piece_that_fails_leaves_no_record(
    pool: WorkerPool, tmp_path: Path, how: str, times: int
) -> None:
    mark = str(tmp_path / "mark")
    payload = {"mark": mark, "fault": how, "times": times}
    assert pieces(pool, payload) == [(0, False)]
    assert pieces(pool, payload) == [(1, True)]


def test_a_piece_whose_worker_was_killed_once_is_done(pool: WorkerPool, tmp_path: Path) -> None:
    payload = {"mark": str(tmp_path / "mark"), "fault": "kill", "times": 1}
    assert pieces(pool, payload) == [(1, True)]


def test_a_payload_that_is_too_much_for_a_worker_is_a_failure_of_memory() -> None:
    long = [{"number": number} for number in range(1_200_000)]
    with a_pool(workers=2, memory_mb=250) as pool:
        done, failed = run(pool, task("big", 1, name="length", long=long), task("good", 3))
    assert done == {"big": [], "good": [1, 2, 3]}
    assert failed == {"big": {1: "memory"}}


@pytest.mark.parametrize("page", [1, 2])
def test_memory_that_an_earlier_document_took_is_no_fault_of_a_later_one(page: int) -> None:
    with a_pool(memory_mb=900) as pool:
        tasks = [task("leaks", 1, {1: "leak 500"}), task("needs", 3, {page: "need 500"})]
        done, failed = run(pool, *tasks)
    assert (done, failed) == ({"leaks": [1], "needs": [1, 2, 3]}, {})
