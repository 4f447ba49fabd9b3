"""Running tasks on a real pool, and what came of them."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resources.workers.pool import Task, WorkerPool

ENGINES = "tests.resources.workers.engines"


@contextmanager
def a_pool(
    workers: int = 1,
    memory_mb: int = 2048,
    page_timeout: float = 5.0,
    doc_timeout: float = 60.0,
) -> Iterator[WorkerPool]:
    pool = WorkerPool(workers, memory_mb, page_timeout, doc_timeout)
    try:
        yield pool
    finally:
        pool.close()


def task(
    document: str, n: int, faults: dict[int, str] | None = None, name: str = "pages", **more: Any
) -> Task:
    pages = tuple(range(1, n + 1))
    payload = {
        "page_numbers": list(pages),
        "faults": {str(page): fault for page, fault in (faults or {}).items()},
        **more,
    }
    return Task(document, f"{ENGINES}:{name}", payload, pages)


def run(pool: WorkerPool, *tasks: Task) -> tuple[dict[str, list[int]], dict[str, dict[int, str]]]:
    """The pages done and the pages failed, by document; none is both, none is done twice."""
    done: dict[str, list[int]] = defaultdict(list)
    failed: dict[str, dict[int, str]] = defaultdict(dict)
    for result in pool.run(tasks):
        name = result.task.document
        done[name] += [record["page_number"] for record, _ in result.records()]
        if result.failure is not None:
            for page in result.failure.units:
                assert page not in failed[name]
                failed[name][page] = str(result.failure.error_class)
    for name, pages in done.items():
        assert len(set(pages)) == len(pages)
        assert not set(pages) & set(failed.get(name, {}))
    return {name: sorted(pages) for name, pages in done.items()}, dict(failed)


def pids(pool: WorkerPool, *tasks: Task) -> set[int]:
    """The workers that did these tasks."""
    return {record["pid"] for result in pool.run(tasks) for record, _ in result.records()}


def ends(pid: int, seconds: float = 8.0) -> bool:
    """Whether a process ends in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False
