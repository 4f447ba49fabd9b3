"""Documents read in slices by the workers: what the pages and images stages share.

Here: cutting documents into tasks, finding their bytes, and what becomes of those whose bytes are
gone. Not here: what a worker reads (`assets/<stage>`) or the workers (`resources/workers`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assets.context import StageContext
from assets.in_hand import run_tasks
from io_managers.stage_run import StageRun
from resources.errors import SOURCE_GONE, DocumentError
from resources.lake.sources import sources_of
from resources.landing.copies import Copies, Wanted
from resources.workers.pool import Task, TaskFailure, TaskResult


@dataclass(frozen=True)
class Job:
    """Pages of one document that a stage wants read, and what the worker is told besides."""

    doc_id: str
    uri: str
    n_bytes: int | None
    pages: Sequence[int]
    payload: Mapping[str, Any]
    complete: bool = True
    """Whether every page must be answered for (a page without images has nothing to say)."""


class Between(Protocol):
    """What happens to pages that go to a worker twice, between their two ways."""

    @property
    def n_waiting(self) -> int:
        """Pages whose second way is to come."""

    def among(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """These tasks, with those of second ways among them as they become ready."""

    def held(self, document: str) -> Collection[int]:
        """Pages of a document that are between their two ways."""


def read_in_slices(
    context: StageContext,
    run: StageRun,
    function: str,
    jobs: Iterable[Job],
    slice_pages: int,
    between: Between | None = None,
) -> Iterator[TaskResult]:
    """Run each job in slices of at most `slice_pages`; results come in no fixed order.

    Rows that are published for a document whose source is gone or changed are kept as they are;
    only where there are none does it come back, last, as a failure of all its pages.
    """
    gone: list[TaskResult] = []
    with Copies(context.settings.storage_options, sources_of(context.settings)) as copies:
        reading = _Reading(context, copies, gone, slice_pages)
        tasks = reading.tasks(function, jobs)
        for result in _both_ways(context, run, tasks, between):
            if result.failure is not None and result.failure.error_class in SOURCE_GONE:
                gone.append(TaskResult(result.task, os.devnull, result.failure))
            else:
                yield result
            reading.answered(result, between.held(result.task.document) if between else ())
    kept = run.keep_published({result.task.document for result in gone})
    yield from (result for result in gone if result.task.document not in kept)


def _both_ways(
    context: StageContext, run: StageRun, tasks: Iterator[Task], between: Between | None
) -> Iterator[TaskResult]:
    if between is None:
        yield from run_tasks(context, run, tasks, _document_of_each_page)
        return
    yield from run_tasks(context, run, between.among(tasks), _document_of_each_page)
    while between.n_waiting:  # documents that ran alone, after the others
        yield from run_tasks(context, run, between.among(()), _document_of_each_page)


class _Reading:
    """Documents on their way through the workers; slices of one share one copy of its bytes."""

    def __init__(
        self, context: StageContext, copies: Copies, gone: list[TaskResult], slice_pages: int
    ) -> None:
        self.context = context
        self.copies = copies
        self.gone = gone
        self.slice_pages = slice_pages
        self.open: dict[str, set[int]] = {}

    def tasks(self, function: str, jobs: Iterable[Job]) -> Iterator[Task]:
        """Each job's slices; a document without bytes goes to `gone`, or fails, at once."""
        wanted = ((job, Wanted(job.uri, job.n_bytes, sha256=job.doc_id)) for job in jobs)
        for job, copy in self.copies.each(wanted):
            task = Task(
                job.doc_id, function, dict(job.payload), tuple(job.pages), complete=job.complete
            )
            if isinstance(copy, DocumentError):
                failure = TaskFailure(copy.error_class, str(copy), task.units)
                self.gone.append(TaskResult(task, os.devnull, failure))
                continue
            task.payload.update(
                path=copy.path,
                doc_id=job.doc_id,
                passwords=list(self.context.settings.passwords),
            )
            self.open[job.doc_id] = set(job.pages)
            for first in range(0, len(job.pages), self.slice_pages):
                yield task.with_units(job.pages[first : first + self.slice_pages])

    def answered(self, result: TaskResult, held: Collection[int] = ()) -> None:
        """Let a document's copy go with its last page; pages that are held come once more."""
        pages = self.open.get(result.task.document, set())
        pages.difference_update(set(result.task.units) - set(held))
        if not pages:
            self.open.pop(result.task.document, None)
            self.copies.release(result.task.payload["path"])


def _document_of_each_page(task: Task) -> Sequence[str]:
    return [task.document] * len(task.units)
