"""The parent's side of the worker pool: documents are parsed in processes that may be killed.

Here: scheduling slices of documents over spawned processes, three clocks (no progress on a page, a
page in all, a document in all), and finding the page that killed a worker. Not here: what a
worker does (`child.py` and the functions it names) or where results are stored.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pebble import ProcessExpired, ProcessPool

from resources.errors import EngineError, ErrorClass
from resources.workers import child
from resources.workers.slots import HostSlots

SLICES_PER_PROCESS: Final = 200
"""A worker is replaced by a fresh one after this many slices: native libraries leak slowly."""
PAGE_TOTAL_FACTOR: Final = 10
"""A page may take this many times the no-progress clock in all (DESIGN, QUIRE_PAGE_TIMEOUT)."""
LOADING_SECONDS: Final = 60.0
"""Libraries and models may take this long to load on a busy machine (2 s on a quiet one)."""
_CLOCK_SECONDS: Final = 0.2


def unit_of(item: Mapping[str, Any]) -> int | None:
    """The unit that an item of a payload, or a record, belongs to."""
    found: int | None = item.get("unit", item.get("page_number"))
    return found


@dataclass(frozen=True)
class Task:
    """A piece of work: `units` are what it is cut into, empty when it is one piece.

    The units of a slice of a document are its page numbers; of several documents, the numbers of
    its `items`. A record says its unit as `unit` or `page_number`.
    """

    document: str
    function: str
    payload: dict[str, Any]
    units: tuple[int, ...] = ()
    alone: bool = False

    def with_units(self, units: Sequence[int], *, alone: bool = False) -> Task:
        """The same task over some of its units."""
        payload = {**self.payload, "page_numbers": list(units)}
        wanted = set(units)
        for name in ("pages", "items"):
            if name in payload:
                payload[name] = [item for item in payload[name] if unit_of(item) in wanted]
        return replace(self, payload=payload, units=tuple(units), alone=alone)


@dataclass(frozen=True)
class TaskFailure:
    """A document, or the pages named, could not be done."""

    error_class: ErrorClass
    error: str
    units: tuple[int, ...] = ()


@dataclass
class TaskResult:
    """What came of a task: its records, to be read once, and its failure if it had one."""

    task: Task
    spool: str
    failure: TaskFailure | None = None
    unfinished: frozenset[int] = frozenset()

    def records(self) -> Iterator[child.Record]:
        """Records of finished pages, streamed from the spool."""
        for record, blob in child.read_spool(self.spool):
            if unit_of(record) not in self.unfinished:
                yield record, blob


@dataclass
class _Running:
    task: Task
    future: Any
    spool: str
    progress: Path
    started: float | None = None
    page: int = 0
    page_since: float = 0.0
    count: int = 0
    count_since: float = 0.0
    killed: TaskFailure | None = None
    slot: int | None = None
    scheduled: float = field(default_factory=time.monotonic)


class WorkerPool:
    """Worker processes of this parent; start-up is paid once and shared by every stage."""

    def __init__(
        self, workers: int, memory_mb: int, page_timeout: float, doc_timeout: float
    ) -> None:
        """Make a pool; processes start when the first task is run.

        Args:
            workers: Processes at once.
            memory_mb: Address space each may use, MiB.
            page_timeout: Seconds without progress on a page before its worker is killed.
            doc_timeout: Seconds that one document may take in all.
        """
        self.workers = workers
        self.page_timeout = page_timeout
        self.doc_timeout = doc_timeout
        self.processes = ProcessPool(
            max_workers=workers,
            max_tasks=SLICES_PER_PROCESS,
            initializer=child.start,
            initargs=(memory_mb,),
            context=multiprocessing.get_context("spawn"),
        )
        self.slots = HostSlots(workers)

    def close(self) -> None:
        """Stop every worker now."""
        self.processes.stop()
        self.processes.join()
        self.slots.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        """Run tasks, yielding each result as it is done, in no fixed order.

        A task that kills its worker yields what it had finished, then the page that was open is
        tried once alone, and the pages after it go on as a task of their own.

        Raises:
            EngineError: A worker said that no page could be done (an engine is not installed).
        """
        with tempfile.TemporaryDirectory(prefix="quire-spool-") as folder:
            yield from _Session(self, Path(folder)).run(tasks)


class _Session:
    """One call of `WorkerPool.run`: the queue, what is running, and each document's seconds."""

    def __init__(self, pool: WorkerPool, folder: Path) -> None:
        self.pool = pool
        self.folder = folder
        self.again: deque[Task] = deque()
        self.refused: list[TaskResult] = []
        self.idle: list[Path] = []
        self.running: list[_Running] = []
        self.seconds: dict[str, float] = defaultdict(float)
        self.number = 0
        self.last_clock = 0.0

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        waiting = iter(tasks)
        more = True
        try:
            while more or self.again or self.running or self.refused:
                while (more or self.again) and self._has_room():
                    task = self.again.popleft() if self.again else next(waiting, None)
                    if task is None:
                        more = False
                        break
                    if not self._start(task):
                        break
                yield from self._collect()
        finally:
            for entry in self.running:
                entry.future.cancel()
                self.pool.slots.release(entry.slot)

    def _has_room(self) -> bool:
        """Room for a task that runs, or for one that waits inside the pool for the next worker."""
        queued = any(entry.slot is None for entry in self.running)
        return len(self.running) < self.pool.workers + (0 if queued else 1)

    def _start(self, task: Task) -> bool:
        """Hand a task to the pool; False when another run of this host has its turn first."""
        if self.seconds[task.document] >= self.pool.doc_timeout:
            text = f"the document took over {self.pool.doc_timeout:g} s in all (QUIRE_DOC_TIMEOUT)"
            failure = TaskFailure(ErrorClass.TIMEOUT, text, task.units)
            self.refused.append(TaskResult(task, os.devnull, failure))
            return True
        slot = None
        if len(self.running) < self.pool.workers:
            slot = self.pool.slots.acquire(wait=not self.running)
            if slot is None:
                self.again.appendleft(task)
                return False
        self.number += 1
        spool = str(self.folder / f"{self.number}.spool")
        # Progress files are used again: making one takes longer than a small task.
        progress = self.idle.pop() if self.idle else Path(f"{spool}-progress")
        progress.write_bytes(child.PROGRESS.pack(0, 0))
        future = self.pool.processes.schedule(
            child.run_task, args=[task.function, task.payload, spool, str(progress)]
        )
        self.running.append(_Running(task, future, spool, progress, slot=slot))
        return True

    def _pass_on(self, slot: int | None) -> None:
        """Give a finished task's slot to the one that waited behind it, or to another run."""
        queued = next((entry for entry in self.running if entry.slot is None), None)
        if queued is not None and not self.pool.slots.contested():
            queued.slot = slot
        else:
            self.pool.slots.release(slot)

    def _collect(self) -> Iterator[TaskResult]:
        yield from self.refused
        self.refused.clear()
        futures = [entry.future for entry in self.running]
        if futures:
            wait(futures, timeout=_CLOCK_SECONDS, return_when=FIRST_COMPLETED)
        self._watch_clocks()
        for entry in [entry for entry in self.running if entry.future.done()]:
            self.running.remove(entry)
            self._pass_on(entry.slot)
            if entry.started is not None:
                self.seconds[entry.task.document] += time.monotonic() - entry.started
            yield from self._finish(entry)
            Path(entry.spool).unlink(missing_ok=True)
            if not entry.future.cancelled() and entry.future.exception() is None:
                self.idle.append(entry.progress)  # a killed worker may write to its own once more

    def _finish(self, entry: _Running) -> Iterator[TaskResult]:
        try:
            told = entry.future.result()
        except CancelledError:
            died = entry.killed or TaskFailure(ErrorClass.INTERRUPTED, "the worker was cancelled")
        except ProcessExpired as error:
            died = TaskFailure(ErrorClass.CRASH, _death(error))
        except MemoryError:
            died = TaskFailure(ErrorClass.MEMORY, "the worker ran out of memory")
        else:
            if told is None:
                yield TaskResult(entry.task, entry.spool)
                return
            if told.get("scope") == "stage":
                raise EngineError(told["error"])
            died = TaskFailure(ErrorClass(told["error_class"]), told["error"])
            if told.get("scope") != "page":
                yield TaskResult(entry.task, entry.spool, replace(died, units=entry.task.units))
                return
        yield from self._after_death(entry, died)

    def _after_death(self, entry: _Running, died: TaskFailure) -> Iterator[TaskResult]:
        """Keep what was finished, blame or retry the open page, and let the other pages go on."""
        task = entry.task
        if not task.units:
            yield TaskResult(task, entry.spool, died)
            return
        finished = {unit_of(record) for record, _ in child.read_spool(entry.spool)}
        page, _ = child.PROGRESS.unpack(entry.progress.read_bytes())
        # The open page may have left some of its records: it is read again, or failed, as a whole.
        left = [unit for unit in task.units if unit not in finished or unit == page]
        yield TaskResult(task, entry.spool, unfinished=frozenset(left))
        culprit = page if page in left else left[0] if left else None
        if culprit is None:
            return
        others = [unit for unit in left if unit != culprit]
        if task.alone or culprit == task.units[0] or died.error_class is ErrorClass.TIMEOUT:
            failure = replace(died, units=(culprit,))
            yield TaskResult(task.with_units([culprit]), os.devnull, failure)
        else:
            self.again.append(task.with_units([culprit], alone=True))
        if others:
            self.again.append(task.with_units(others))

    def _watch_clocks(self) -> None:
        now = time.monotonic()
        if now - self.last_clock < _CLOCK_SECONDS:
            return
        self.last_clock = now
        for entry in self.running:
            page, count = child.PROGRESS.unpack(entry.progress.read_bytes())
            if count == 0 or entry.killed is not None:
                continue
            if entry.started is None:
                entry.started = entry.page_since = entry.count_since = now
            if count != entry.count:
                entry.count, entry.count_since = count, now
            if page != entry.page:
                entry.page, entry.page_since = page, now
            entry.killed = self._too_long(entry, now)
            if entry.killed is not None:
                entry.future.cancel()

    def _too_long(self, entry: _Running, now: float) -> TaskFailure | None:
        limit = self.pool.page_timeout
        if entry.page == child.LOADING:
            limit = max(limit, LOADING_SECONDS)
        spent = self.seconds[entry.task.document] + now - (entry.started or now)
        if now - entry.count_since > limit:
            text = f"no progress for {limit:g} s (QUIRE_PAGE_TIMEOUT)"
        elif now - entry.page_since > limit * PAGE_TOTAL_FACTOR:
            text = f"one page took over {limit * PAGE_TOTAL_FACTOR:g} s (QUIRE_PAGE_TIMEOUT x 10)"
        elif spent > self.pool.doc_timeout:
            text = f"the document took over {self.pool.doc_timeout:g} s in all (QUIRE_DOC_TIMEOUT)"
        else:
            return None
        return TaskFailure(ErrorClass.TIMEOUT, text)


def _death(error: ProcessExpired) -> str:
    code = getattr(error, "exitcode", None)
    how = f"by signal {-code}" if isinstance(code, int) and code < 0 else f"with exit code {code}"
    return f"the worker process died {how}"
