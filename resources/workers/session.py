"""One run of tasks on the worker pool: what is handed out when, and what follows when one ends.

Here: the queue, the host's slots, each document's seconds, completeness, and finding the page that
killed a worker. Not here: the clocks (`clocks.py`), telling how a task ended (`verdicts.py`) or
keeping processes alive (`processes.py`).
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import replace
from pathlib import Path
from typing import Final

from resources.errors import EngineError, ErrorClass
from resources.workers.clocks import Clocks, Running
from resources.workers.processes import Generation, Processes
from resources.workers.slots import HostSlots
from resources.workers.spent import Spent
from resources.workers.spool import LOADING, ProgressFile, pack_payload, spooled_units
from resources.workers.tasks import NOT_YET, Task, TaskFailure, TaskResult, failed
from resources.workers.verdicts import Ending, ending

MAX_RESTARTS: Final = 3
"""A task whose pool is lost under it is started again this often."""
MAX_FRUITLESS: Final = 3
"""Pools lost one after the other, with no task started, before the stage gives up."""
_CLOCK_SECONDS: Final = 0.2
_PAUSE_SECONDS: Final = 0.5
"""Before a pool is started after one that came to nothing: the host may be short of processes."""


class Session:
    """One call of `WorkerPool.run`."""

    def __init__(
        self, workers: int, processes: Processes, slots: HostSlots, clocks: Clocks, folder: Path
    ) -> None:
        self.workers = workers
        self.processes = processes
        self.slots = slots
        self.clocks = clocks
        self.folder = folder
        self.again: deque[Task] = deque()
        self.refused: list[TaskResult] = []
        self.idle: list[ProgressFile] = []
        self.running: list[Running] = []
        self.seconds: dict[str, float] = defaultdict(float)
        self.number = 0
        self.last_clock = 0.0
        self.lost: Generation | None = None
        self.fruitless = 0
        self.spent = Spent()
        self.busy_since = 0.0

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        """Run tasks to their ends; closed early, it kills what is running."""
        waiting = iter(tasks)
        more = True
        try:
            while more or self.again or self.running or self.refused:
                while (more or self.again) and self._has_room():
                    task = self.again.popleft() if self.again else next(waiting, None)
                    if task is None:
                        more = False
                        break
                    if task is NOT_YET or not self._start(task):
                        break
                yield from self._collect()
        finally:
            for entry in self.running:
                entry.future.cancel()
                self.slots.release(entry.slot)
            for progress in (*self.idle, *(entry.progress for entry in self.running)):
                progress.close()

    def _has_room(self) -> bool:
        """Room for a task that runs, or for one that waits inside the pool for the next worker."""
        queued = any(entry.slot is None for entry in self.running)
        return len(self.running) < self.workers + (0 if queued else 1)

    def _start(self, task: Task) -> bool:
        """Hand a task to the pool; False when another run of this host has its turn first."""
        if self.seconds[task.document] >= self.clocks.document:
            self.refused.append(failed(task, self.clocks.document_over(), task.units))
            return True
        slot = None
        if len(self.running) < self.workers:
            slot = self.slots.acquire(wait=not self.running)
            if slot is None:
                self.again.appendleft(task)
                return False
        self.number += 1
        spool = str(self.folder / f"{self.number}.spool")
        progress = self._progress_file(spool)
        packed = pack_payload(task.payload, _payload_of(spool))
        try:
            processes, future = self.processes.schedule(task.function, packed, spool, progress.path)
        except (OSError, RuntimeError) as error:
            self.slots.release(slot)
            progress.close()
            self.again.appendleft(task)
            self._count_fruitless(str(error))
            return False
        now = time.monotonic()
        if not self.running:
            self.busy_since = now
        since = None if slot is None else now
        self.running.append(Running(task, processes, future, spool, progress, slot, since=since))
        return True

    def _progress_file(self, spool: str) -> ProgressFile:
        """One that an earlier task has done with, or a new one."""
        if not self.idle:
            return ProgressFile(f"{spool}-progress")
        progress = self.idle.pop()
        progress.clear()
        return progress

    def _pass_on(self, slot: int | None, ended: float | None) -> None:
        """Give a finished task's slot to the one that waited behind it, or to another run."""
        queued = next((entry for entry in self.running if entry.slot is None), None)
        if queued is not None and not self.slots.contested():
            queued.slot, queued.since = slot, ended
        else:
            self.slots.release(slot)

    def _collect(self) -> Iterator[TaskResult]:
        yield from self.refused
        self.refused.clear()
        futures = [entry.future for entry in self.running]
        if futures:
            wait(futures, timeout=_CLOCK_SECONDS, return_when=FIRST_COMPLETED)
        self._watch_clocks()
        for entry in [entry for entry in self.running if _has_ended(entry)]:
            self.running.remove(entry)
            self._pass_on(entry.slot, entry.ended)
            self._book(entry)
            self.seconds[entry.task.document] += entry.seconds()
            yield from self._finish(entry)
            Path(entry.spool).unlink(missing_ok=True)
            Path(_payload_of(entry.spool)).unlink(missing_ok=True)
            if _came_back(entry):
                self.idle.append(entry.progress)
            else:
                entry.progress.close()  # a killed worker may still write to its own

    def _book(self, entry: Running) -> None:
        """Add a task that ended to what was spent."""
        now = time.monotonic()
        self.spent += Spent(entry.worker_seconds(now), 0.0)
        if not self.running:
            self.spent += Spent(0.0, now - self.busy_since)

    def _watch_clocks(self) -> None:
        now = time.monotonic()
        if now - self.last_clock < _CLOCK_SECONDS:
            return
        self.last_clock = now
        # Tasks are taken in order: those before the last `workers` ones have a worker each.
        for place, entry in enumerate(self.running):
            if entry.killed is not None or entry.future.done():
                continue
            entry.look(now)
            if entry.count > 0:
                entry.killed = self.clocks.over(entry, self.seconds[entry.task.document], now)
                if entry.killed is not None:
                    entry.future.cancel()
            elif place < self.workers and self.clocks.never_started(entry, now):
                entry.processes.stop()  # every task on it ends as lost
                return

    def _finish(self, entry: Running) -> Iterator[TaskResult]:
        # A worker that is being killed may still write. In this order, records that are counted
        # belong to whole pages: those of a page that it opened meanwhile are not counted yet.
        done = spooled_units(entry.spool)
        entry.look(time.monotonic())
        if entry.count > 0:
            self.fruitless = 0
        how, failure = ending(entry)
        if how is Ending.DONE:
            done = spooled_units(entry.spool) if entry.task.complete else set(entry.task.units)
        left = [unit for unit in entry.task.units if unit not in done or unit == entry.page]
        if how is Ending.LOST:
            yield from self._after_loss(entry, failure, left)
        elif entry.task.units:
            yield from self._finish_units(entry, how, failure, left)
        elif how is Ending.DONE:
            yield TaskResult(entry.task, entry.spool)
        elif _is_worth_a_retry(entry, how):
            self.again.append(replace(entry.task, deaths=1))
        else:
            yield failed(entry.task, failure, ())

    def _finish_units(
        self, entry: Running, how: Ending, failure: TaskFailure, left: list[int]
    ) -> Iterator[TaskResult]:
        task = entry.task
        yield from _finished(entry, left)
        if how is Ending.DONE:
            if left:
                text = "the worker ended without an answer for it"
                yield failed(task, TaskFailure(ErrorClass.INVALID_OUTPUT, text), left)
        elif how is Ending.REFUSED:
            yield failed(task, failure, left)
        elif entry.page in left:
            yield from self._blame(task, failure, entry.page, left)
        elif _is_worth_a_retry(entry, how):
            self.again.append(replace(task.with_units(left, alone=task.alone), deaths=1))
        elif len(left) > 1 and task.deaths < 2:
            # Before its first page, twice: perhaps the page, perhaps the document, tried in turn.
            self.again.append(replace(task.with_units(left[:1], alone=True), deaths=2))
            self.again.append(replace(task.with_units(left[1:]), deaths=2))
        else:
            yield failed(task, failure, left)

    def _blame(
        self, task: Task, failure: TaskFailure, page: int, left: list[int]
    ) -> Iterator[TaskResult]:
        """Fail or retry the page that was open, and let the others go on."""
        others = [unit for unit in left if unit != page]
        # A first page had a worker to itself, but for what earlier tasks left in its memory.
        first = page == task.units[0] and failure.error_class is not ErrorClass.MEMORY
        if task.alone or first or failure.error_class is ErrorClass.TIMEOUT:
            yield failed(task, failure, [page])
        else:
            self.again.append(task.with_units([page], alone=True))
        if others:
            self.again.append(task.with_units(others))

    def _after_loss(
        self, entry: Running, failure: TaskFailure, left: list[int]
    ) -> Iterator[TaskResult]:
        """Start a task again that was on a lost pool."""
        task = entry.task
        yield from _finished(entry, left)
        if entry.processes is not self.lost:
            self.lost = entry.processes
            self._count_fruitless(failure.error)
        if task.restarts >= MAX_RESTARTS:
            yield failed(task, failure, left)
            return
        rest = task.with_units(left, alone=task.alone) if task.units else task
        self.again.append(replace(rest, deaths=task.deaths, restarts=task.restarts + 1))

    def _count_fruitless(self, error: str) -> None:
        self.fruitless += 1
        if self.fruitless > MAX_FRUITLESS:
            raise EngineError(
                f"worker processes do not start ({error}): is QUIRE_WORKER_MEMORY_MB too low, or "
                "the host out of memory or processes?"
            )
        if self.fruitless > 1:
            time.sleep(_PAUSE_SECONDS)


def _payload_of(spool: str) -> str:
    return f"{spool}-payload"


def _has_ended(entry: Running) -> bool:
    return bool(entry.future.done()) or not entry.processes.is_alive()


def _came_back(entry: Running) -> bool:
    future = entry.future
    return bool(future.done() and not future.cancelled() and future.exception() is None)


def _finished(entry: Running, left: list[int]) -> Iterator[TaskResult]:
    """The result of the units that were done."""
    units = tuple(unit for unit in entry.task.units if unit not in left)
    if units:
        yield TaskResult(replace(entry.task, units=units), entry.spool, unfinished=frozenset(left))


def _is_worth_a_retry(entry: Running, how: Ending) -> bool:
    """Whether a task is tried once more as it was: its worker died before a unit was open.

    That may be the work of another process (memory), of a slow disk, or of an earlier task.
    """
    loading = entry.page == LOADING
    killed_by_clock = entry.killed is not None
    return entry.task.deaths == 0 and how is Ending.DIED and (loading or not killed_by_clock)
