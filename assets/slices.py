"""Documents read in slices by the workers: what the pages and images stages share.

Here: cutting documents into tasks, finding their bytes, and what becomes of those whose bytes are
gone. Not here: what a worker reads (`assets/<stage>`) or the workers (`resources/workers`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.context import StageContext
from assets.in_hand import run_tasks
from io_managers.stage_run import StageRun
from resources.errors import SOURCE_GONE, DocumentError
from resources.landing.copies import local_copy
from resources.workers.pool import Task, TaskFailure, TaskResult


@dataclass(frozen=True)
class Job:
    """Pages of one document that a stage wants read, and what the worker is told besides."""

    doc_id: str
    uri: str
    pages: Sequence[int]
    payload: Mapping[str, Any]
    complete: bool = True
    """Whether every page must be answered for (a page without images has nothing to say)."""


def read_in_slices(
    context: StageContext, run: StageRun, function: str, jobs: Iterable[Job], slice_pages: int
) -> Iterator[TaskResult]:
    """Run each job in slices of at most `slice_pages`; results come in no fixed order.

    Rows that are published for a document whose source is gone or changed are kept as they are;
    only where there are none does it come back, last, as a failure of all its pages.
    """
    gone: list[TaskResult] = []

    def tasks() -> Iterator[Task]:
        for job in jobs:
            task = Task(
                job.doc_id, function, dict(job.payload), tuple(job.pages), complete=job.complete
            )
            try:
                with local_copy(job.uri, None, None) as path:
                    task.payload.update(
                        path=path, doc_id=job.doc_id, passwords=list(context.settings.passwords)
                    )
            except DocumentError as error:
                failure = TaskFailure(error.error_class, str(error), task.units)
                gone.append(TaskResult(task, os.devnull, failure))
                continue
            for first in range(0, len(job.pages), slice_pages):
                yield task.with_units(job.pages[first : first + slice_pages])

    for result in run_tasks(context, run, tasks(), _document_of_each_page):
        if result.failure is not None and result.failure.error_class in SOURCE_GONE:
            gone.append(TaskResult(result.task, os.devnull, result.failure))
        else:
            yield result
    kept = run.keep_published({result.task.document for result in gone})
    yield from (result for result in gone if result.task.document not in kept)


def _document_of_each_page(task: Task) -> Sequence[str]:
    return [task.document] * len(task.units)
