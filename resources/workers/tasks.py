"""What the pool is asked, and what it answers.

Here: tasks, failures and results. Not here: how they come about (`session.py`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from resources.errors import ErrorClass
from resources.workers.spool import Record, read_spool, unit_of


@dataclass(frozen=True)
class Task:
    """A piece of work: `units` are what it is cut into, empty when it is one piece.

    The units of a slice of a document are its page numbers; of several documents, the numbers of
    its `items`. A record says its unit as `unit` or `page_number`. A unit without any record fails
    as `invalid_output`, unless `complete` is false: then it may have none (a page without images).
    """

    document: str
    function: str
    payload: dict[str, Any]
    units: tuple[int, ...] = ()
    complete: bool = True
    alone: bool = False
    deaths: int = 0
    """Workers it lost before one of its units was open (kept by the pool)."""
    restarts: int = 0
    """Times it was started again because the pool was lost (kept by the pool)."""

    def with_units(self, units: Sequence[int], *, alone: bool = False) -> Task:
        """The same task over some of its units."""
        payload = {**self.payload, "page_numbers": list(units)}
        wanted = set(units)
        for name in ("pages", "items"):
            if name in payload:
                payload[name] = [item for item in payload[name] if unit_of(item) in wanted]
        return replace(self, payload=payload, units=tuple(units), alone=alone, deaths=0)


NOT_YET: Final = Task("", "", {})
"""Among tasks: there is none now, and there may be one later. The pool goes on with what runs, and
asks again; whoever gives it waits a moment first."""


@dataclass(frozen=True)
class TaskFailure:
    """A document, or the pages named, could not be done."""

    error_class: ErrorClass
    error: str
    units: tuple[int, ...] = ()


@dataclass
class TaskResult:
    """What came of a task, or of those units of it that its task names.

    Its records are read once, before the next result is asked for.
    """

    task: Task
    spool: str = os.devnull
    failure: TaskFailure | None = None
    unfinished: Collection[int] = ()

    def records(self) -> Iterator[Record]:
        """Records of finished pages that were asked for, streamed from the spool."""
        asked = set(self.task.units) - set(self.unfinished) if self.task.units else {None}
        for record, blob in read_spool(self.spool):
            if unit_of(record) in asked:
                yield record, blob


def failed(task: Task, failure: TaskFailure, units: Sequence[int]) -> TaskResult:
    """The result of units that failed."""
    units = tuple(units)
    return TaskResult(replace(task, units=units), failure=replace(failure, units=units))
