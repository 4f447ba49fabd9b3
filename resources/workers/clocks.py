"""What is running, and the clocks that end it.

Four clocks: until a task starts, no progress on a page, a page in all, a document in all. Here:
when one of them has run out. Not here: what follows from it (`session.py`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from resources.errors import ErrorClass
from resources.workers.processes import Generation
from resources.workers.spool import LOADING, ProgressFile
from resources.workers.tasks import Task, TaskFailure

PAGE_TOTAL_FACTOR: Final = 10
"""A page may take this many times the no-progress clock in all (DESIGN, QUIRE_PAGE_TIMEOUT)."""
LOADING_SECONDS = 60.0
"""Libraries and models may take this long to load on a busy machine (2 s on a quiet one)."""


@dataclass
class Running:
    """A task that was handed to the pool."""

    task: Task
    processes: Generation
    future: Any
    spool: str
    progress: ProgressFile
    slot: int | None = None
    since: float | None = None
    """When a worker was free for it: at once, or when the task before it ended."""
    due: float | None = None
    started: float | None = None
    ended: float | None = None
    page: int = 0
    page_since: float = 0.0
    count: int = 0
    count_since: float = 0.0
    killed: TaskFailure | None = None

    def __post_init__(self) -> None:
        self.future.add_done_callback(self._end)

    def _end(self, _: Any) -> None:  # noqa: ANN401 - pebble has no types
        self.ended = time.monotonic()

    def look(self, now: float) -> None:
        """Read how far the worker is."""
        page, count = self.progress.read()
        if count == 0:
            return
        if self.started is None:
            self.started = self.page_since = self.count_since = now
        if count != self.count:
            self.count, self.count_since = count, now
        if page != self.page:
            self.page, self.page_since = page, now

    def seconds(self) -> float:
        """How long it ran, until now or its end; how long its result lay about does not count."""
        end = time.monotonic() if self.ended is None else self.ended
        return 0.0 if self.started is None else max(0.0, end - self.started)

    def worker_seconds(self, now: float) -> float:
        """How long a worker had it; unlike `seconds`, right for tasks of milliseconds."""
        since = self.started if self.since is None else self.since
        end = now if self.ended is None else self.ended
        return 0.0 if since is None else max(0.0, end - since)


@dataclass(frozen=True)
class Clocks:
    """The limits, in seconds."""

    page: float
    document: float

    def never_started(self, entry: Running, now: float) -> bool:
        """Whether a task that a worker was free for is lost.

        A worker that dies between taking a task and saying so loses it without a word; and holding
        the lock of the pipe, it takes the pipe with it.
        """
        if entry.count > 0:
            return False
        if entry.due is None:
            entry.due = now
        return now - entry.due > max(LOADING_SECONDS, self.page)

    def over(self, entry: Running, spent: float, now: float) -> TaskFailure | None:
        """The clock that has run out, if one has; `spent` is of the document, so far."""
        limit = self.page
        if entry.page == LOADING:
            limit = max(limit, LOADING_SECONDS)
        if now - entry.count_since > limit:
            text = f"no progress for {limit:g} s (QUIRE_PAGE_TIMEOUT)"
        elif now - entry.page_since > limit * PAGE_TOTAL_FACTOR:
            text = f"one page took over {limit * PAGE_TOTAL_FACTOR:g} s (QUIRE_PAGE_TIMEOUT x 10)"
        elif spent + entry.seconds() > self.document:
            return self.document_over()
        else:
            return None
        return TaskFailure(ErrorClass.TIMEOUT, text)

    def document_over(self) -> TaskFailure:
        """The failure of a document that took too long."""
        text = f"the document took over {self.document:g} s in all (QUIRE_DOC_TIMEOUT)"
        return TaskFailure(ErrorClass.TIMEOUT, text)
